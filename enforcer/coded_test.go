package enforcer

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCodedPages(t *testing.T) {
	coded := gzipped(t, embedding)
	var twice bytes.Buffer
	b := brotli.NewWriter(&twice)
	_, _ = io.WriteString(b, coded)
	_ = b.Close()
	for _, row := range []struct {
		name, body, coding string
		read               bool
	}{
		{"gzip", coded, "gzip", true},
		{"a list", twice.String(), "gzip, br", true},
		{"identity", embedding, "identity", true},
		{"an unknown coding", coded, "dcb", false},
		{"not what it says", embedding, "gzip", false},
		{"nothing", "", "gzip", false},
		{"broken off in the first bytes", coded[:5], "gzip", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := serve(t, gating(t, false), func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") },
				sends(row.body, "Content-Type", "text/html", "Content-Encoding", row.coding, "Etag", `"x"`))
			got := body(t, response)
			if !row.read {
				if got != row.body || response.Header.Get("Content-Encoding") != row.coding || response.Header.Get("Etag") != `"x"` {
					t.Errorf("%s, %q, not as it came", response.Header, got)
				}
			} else if !strings.Contains(got, "[banner]") || !strings.Contains(got, heldImage) || response.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s, %q", response.Header, got)
			}
			if response.Header.Get("Content-Security-Policy") == "" {
				t.Error("no policy")
			}
		})
	}
}

func TestACodedPageThatBreaks(t *testing.T) {
	coded := gzipped(t, embedding+strings.Repeat("<p>x", 100_000))
	broken := coded[:len(coded)/2] + "\x00\x00\x00\x00\xff\xff" + coded[len(coded)/2:]
	e := gating(t, false)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept", "text/html")
	v, out := e.Begin(r, "/", false), httptest.NewRecorder()
	w := v.Writer(out)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Encoding", "gzip")
	_, err := io.WriteString(w, broken)
	if finished := v.Finish(err); finished == nil {
		t.Error("the break is not told to the server, which would end the answer as if it were whole")
	}
	if got := out.Body.String(); !strings.Contains(got, "[banner]") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestACodedPageStreams(t *testing.T) {
	first := make(chan string)
	response := serve(t, gating(t, false), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, embedding)
		_ = z.Flush()
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-first // the first part has been read
		_, _ = io.WriteString(z, "end")
		_ = z.Close()
	})
	part := make([]byte, 4096)
	n, err := io.ReadAtLeast(response.Body, part, len("<!doctype html>"))
	if err != nil {
		t.Fatal(err)
	}
	close(first)
	if rest := string(part[:n]) + body(t, response); !strings.HasSuffix(rest, "helloend") {
		t.Errorf("%s", rest)
	}
}

// revalidating is a site that answers 304 when it may.
func revalidating(etag, modified string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if etag != "" {
			w.Header().Set("Etag", etag)
		}
		if modified != "" {
			w.Header().Set("Last-Modified", modified)
		}
		if etag != "" && strings.Contains(r.Header.Get("If-None-Match"), etag) ||
			etag == "" && modified != "" && r.Header.Get("If-Modified-Since") == modified {
			w.Header().Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, embedding)
	}
}

func TestValidatorsAreOfOneState(t *testing.T) {
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Format(http.TimeFormat)
	for _, row := range []struct{ name, etag, modified string }{
		{"an entity tag", `"abc"`, ""},
		{"a weak one", `W/"abc"`, modified},
		{"one with odd characters", `"a,b-gzip"`, ""},
		{"a date alone", "", modified},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			site := revalidating(row.etag, row.modified)
			granted := func(ids ...string) func(*http.Request) {
				choice, err := e.Policy.Save(ids, nil, clock)
				if err != nil {
					t.Fatal(err)
				}
				return func(r *http.Request) {
					r.Header.Set("Cookie", "cookies_preferences="+stored(t, e, "127.0.0.1", choice))
				}
			}
			with := func(state func(*http.Request), fields ...string) func(*http.Request) {
				return func(r *http.Request) {
					state(r)
					for i := 0; i < len(fields); i += 2 {
						r.Header.Set(fields[i], fields[i+1])
					}
				}
			}
			page := serve(t, e, granted(), site)
			tag := page.Header.Get("Etag")
			if page.StatusCode != 200 || !strings.Contains(tag, suffix) || page.Header.Get("Last-Modified") != "" {
				t.Fatalf("status %d, ETag %s, Last-Modified %s", page.StatusCode, tag, page.Header.Get("Last-Modified"))
			}
			same := serve(t, e, with(granted(), "If-None-Match", tag), site)
			if same.StatusCode != http.StatusNotModified || same.Header.Get("Etag") != tag || same.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("the same state: status %d, %v", same.StatusCode, same.Header)
			}
			for name, change := range map[string]func(*http.Request){
				"another choice":          with(granted("statistics"), "If-None-Match", tag),
				"another language":        with(granted(), "If-None-Match", tag, "Accept-Language", "br"),
				"the site's own tag":      with(granted(), "If-None-Match", row.etag),
				"the site's own date":     with(granted(), "If-Modified-Since", row.modified),
				"a part of the site's":    with(granted(), "Range", "bytes=0-3", "If-Range", tag),
				"a forged version":        with(granted(), "If-None-Match", `"abc`+suffix+`x"`),
				"the same page in a list": with(granted("marketing"), "If-None-Match", `"z", `+tag),
			} {
				if got := serve(t, e, change, site); got.StatusCode != http.StatusOK {
					t.Errorf("%s: status %d", name, got.StatusCode)
				}
			}
		})
	}
}

func TestOtherAnswersKeepTheirValidators(t *testing.T) {
	e := gating(t, false)
	site := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		w.Header().Set("Etag", `"abc"`)
		if r.Header.Get("If-None-Match") == `"abc"` {
			w.WriteHeader(http.StatusNotModified)
		}
	}
	for _, dest := range []string{"style", "empty"} {
		response := serve(t, e, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Dest", dest)
			r.Header.Set("Accept", "*/*")
			r.Header.Set("If-None-Match", `"abc"`)
		}, site)
		if response.StatusCode != http.StatusNotModified || response.Header.Get("Etag") != `"abc"` || response.Header.Get("Content-Security-Policy") != "" {
			t.Errorf("%s: status %d, %v", dest, response.StatusCode, response.Header)
		}
	}
}

func TestAPageWithANonceHasNoValidator(t *testing.T) {
	response := serve(t, gating(t, false), nil, sends(embedding, "Content-Type", "text/html", "Etag", `"x"`, "Content-Security-Policy", "script-src 'nonce-YWJj'"))
	if tag := response.Header.Get("Etag"); tag != "" {
		t.Errorf("ETag %s", tag)
	}
}
