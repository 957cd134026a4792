package enforcer

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
		why                Untouched // empty: it is rewritten
	}{
		{"gzip", coded, "gzip", ""},
		{"a list", twice.String(), "gzip, br", ""},
		{"identity", embedding, "identity", ""},
		{"an unknown coding", coded, "dcb", UnknownCoding},
		{"not what it says", embedding, "gzip", BrokenCoding},
		{"nothing", "", "gzip", BrokenCoding},
		{"broken off in the first bytes", coded[:5], "gzip", BrokenCoding},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			var told Untouched
			e.Untouched = func(why Untouched) { told += why }
			response := serve(t, e, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") },
				sends(row.body, "Content-Type", "text/html", "Content-Encoding", row.coding, "Etag", `"x"`))
			got := body(t, response)
			if told != row.why {
				t.Errorf("it is counted as %q, want %q", told, row.why)
			}
			if row.why != "" {
				if got != row.body || response.Header.Get("Content-Encoding") != row.coding || !strings.HasPrefix(response.Header.Get("Etag"), `"x-cookie-consent-`) {
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

func TestWhatCodingsAreAskedFor(t *testing.T) {
	const page, program, image = "text/html,*/*;q=0.8", "*/*", "image/*"
	for _, row := range []struct{ name, accept, offered, asked string }{
		{"a page", page, "gzip, br", "identity"},
		{"a page, in nothing", page, "", "identity"},
		{"a program", program, "gzip, deflate, br;q=0.5, zstd", "gzip, deflate, br;q=0.5, zstd"},
		{"a program with a coding of its own", program, "gzip, dcb", "identity"},
		{"a program that takes anything", program, "*", "identity"},
		{"a program that refuses none", program, "identity;q=0, gzip", "identity;q=0, gzip"},
		{"a program, in nothing", program, "", ""},
		{"an image", image, "dcb, *", "dcb, *"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", row.accept)
		if row.offered != "" {
			r.Header.Set("Accept-Encoding", row.offered)
		}
		gating(t, false).Begin(r, "/", false)
		if got := r.Header.Get("Accept-Encoding"); got != row.asked {
			t.Errorf("%s: the site is asked for %q, want %q", row.name, got, row.asked)
		}
	}
}

func TestNoTransform(t *testing.T) {
	for _, row := range []struct {
		name, control string
		respected     bool
		why           Untouched
	}{
		{"ignored", "no-transform", false, ""},
		{"respected", "max-age=60, No-Transform", true, NoTransform},
		{"respected, not said", "max-age=60", true, ""},
		{"respected, in another's value", `private="x, no-transform"`, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			e.RespectNoTransform = row.respected
			var told Untouched
			e.Untouched = func(why Untouched) { told += why }
			response := serve(t, e, nil, sends(embedding, "Content-Type", "text/html", "Cache-Control", row.control))
			if got := body(t, response); (got == embedding) != (row.why != "") || told != row.why {
				t.Errorf("counted as %q, want %q; the body is %q", told, row.why, got)
			}
			if response.Header.Get("Content-Security-Policy") == "" || !strings.Contains(response.Header.Get("Cache-Control"), "private") {
				t.Errorf("%v: neither policy nor privacy may be missing", response.Header)
			}
		})
	}
}

func TestWhatCannotBeRewrittenIsCounted(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		header []string
		why    Untouched
	}{
		{"a page", 200, []string{"Content-Type", "text/html"}, ""},
		{"no page", 200, []string{"Content-Type", "text/css", "Content-Encoding", "dcb"}, ""},
		{"a download", 200, []string{"Content-Type", "text/html", "Content-Disposition", "attachment", "Content-Encoding", "dcb"}, ""},
		{"a part", 206, []string{"Content-Type", "text/html"}, PartOnly},
		{"a wide charset", 200, []string{"Content-Type", "text/html; charset=utf-16"}, UnknownCharset},
	} {
		e := gating(t, false)
		var told Untouched
		e.Untouched = func(why Untouched) { told += why }
		serve(t, e, nil, func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(row.header); i += 2 {
				w.Header().Set(row.header[i], row.header[i+1])
			}
			w.WriteHeader(row.status)
			_, _ = io.WriteString(w, embedding)
		})
		if told != row.why {
			t.Errorf("%s: counted as %q, want %q", row.name, told, row.why)
		}
	}
}
