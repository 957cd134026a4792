package enforcer

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

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
			if same.StatusCode != http.StatusNotModified || same.Header.Get("Etag") != tag || same.Header["Content-Security-Policy"] != nil {
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

// The policies that a stored page came with stay, unless the answer 304 brings its
// own: many servers send them with whole pages only.
func TestPoliciesOfAPageThatHasNotChanged(t *testing.T) {
	for _, row := range []struct {
		name, site, watched string
		policies            int
	}{
		{"not sent again", "", "", 0},
		{"sent again", "default-src 'self'", "", 2},
		{"only a watched one sent again", "", "default-src 'self'", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			site := func(w http.ResponseWriter, r *http.Request) {
				h := w.Header()
				h.Set("Etag", `"abc"`)
				again := r.Header.Get("If-None-Match") == `"abc"`
				if row.site != "" || !again {
					h.Set("Content-Security-Policy", "default-src 'self'")
				}
				if row.watched != "" {
					h.Set("Content-Security-Policy-Report-Only", row.watched)
				}
				if again {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				h.Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, embedding)
			}
			tag := serve(t, e, nil, site).Header.Get("Etag")
			again := serve(t, e, func(r *http.Request) { r.Header.Set("If-None-Match", tag) }, site)
			if got := len(again.Header["Content-Security-Policy"]); again.StatusCode != http.StatusNotModified || got != row.policies {
				t.Errorf("status %d with %d policies, want 304 with %d", again.StatusCode, got, row.policies)
			}
			if got := again.Header.Get("Content-Security-Policy-Report-Only"); (got != "") != (row.watched != "") || row.watched != "" && !strings.Contains(got, "sha256") {
				t.Errorf("watched: %q", got)
			}
		})
	}
}

func TestPreconditions(t *testing.T) {
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	e := gating(t, false)
	tag := serve(t, e, nil, sends(embedding, "Content-Type", "text/html", "Etag", `"v1"`)).Header.Get("Etag")
	for _, row := range []struct{ name, method, field, value, reaches string }{
		{"a change of what was seen", "PUT", "If-Match", tag, `"v1"`},
		{"of what was seen, one of a list", "PATCH", "If-Match", `"a,b", ` + tag, `"a,b", "v1"`},
		{"of anything", "DELETE", "If-Match", "*", "*"},
		{"reading what was seen", "GET", "If-Match", tag, `"v1"`},
		{"a creation", "PUT", "If-None-Match", "*", "*"},
		{"a change by date", "PUT", "If-Unmodified-Since", date, date},
		{"an odd one", "POST", "If-Modified-Since", date, date},
		{"a part", "PUT", "Range", "bytes=0-5", "bytes=0-5"},
		{"reading by date", "GET", "If-Modified-Since", date, ""},
	} {
		reached := ""
		serve(t, e, func(r *http.Request) {
			r.Method = row.method
			r.Header.Set("Accept", "text/html, */*")
			r.Header.Set(row.field, row.value)
		}, func(_ http.ResponseWriter, r *http.Request) { reached = strings.Join(r.Header[row.field], "|") })
		if reached != row.reaches {
			t.Errorf("%s: %s %s: %q reaches the site as %q, want %q", row.name, row.method, row.field, row.value, reached, row.reaches)
		}
	}
}

// What is granted whole now is held back after a withdrawal, and from others.
func TestPagesThatAreGrantedWhole(t *testing.T) {
	for _, row := range []struct {
		name    string
		gates   bool // the policy holds something back from somebody
		private bool
	}{{"of a policy that holds back", true, true}, {"of one that never does", false, false}} {
		t.Run(row.name, func(t *testing.T) {
			d := declaration()
			if row.gates {
				d = loads()
			}
			d.AllowUndeclaredHosts = true
			e := newEnforcer(t, d)
			choice := e.Policy.AcceptAll(clock)
			response := serve(t, e, func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Dest", "iframe")
				r.Header.Set("Cookie", "cookies_preferences="+stored(t, e, "127.0.0.1", choice))
			}, sends(embedding, "Content-Type", "text/html", "Cache-Control", "public, max-age=3600", "Etag", `"v1"`))
			h := response.Header
			if got := body(t, response); got != embedding {
				t.Errorf("%q", got)
			}
			private := strings.Contains(h.Get("Cache-Control"), "private") && h["Vary"] != nil && strings.Contains(h.Get("Etag"), suffix)
			if private != row.private {
				t.Errorf("%v, want it for this visitor alone: %t", h, row.private)
			}
		})
	}
}
