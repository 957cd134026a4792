package enforcer

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// embedding is a page that embeds a third party which nobody granted.
const embedding = `<!doctype html><meta charset=utf-8><title>t</title><body><img src="//www.video.example/i.png">hello`

const heldImage = `<img data-cookie-consent-service="video" data-cookie-consent-src="//www.video.example/i.png">`

// gating is an enforcer of a site with third parties.
func gating(t testing.TB, allow bool) *Enforcer {
	t.Helper()
	d := loads()
	d.AllowUndeclaredHosts = allow
	e := newEnforcer(t, d)
	e.StandIn = func(*Visit, rewriter.Page, rewriter.Frame) []byte { return []byte("stand-in") }
	e.Elements = Elements{Styles: []string{"'sha256-c3R5bGU='"}, Form: "/cookie-consent/choice"}
	e.Report = "/cookie-consent/report"
	return e
}

// sends answers with a body and header fields.
func sends(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		_, _ = io.WriteString(w, body)
	}
}

func TestWhatIsGated(t *testing.T) {
	const html, own = "text/html; charset=utf-8", "default-src 'self'"
	set := func(fields ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(fields); i += 2 {
				r.Header.Set(fields[i], fields[i+1])
			}
		}
	}
	for _, row := range []struct {
		name                 string
		change               func(*http.Request)
		site                 http.HandlerFunc
		held, banner, policy bool
	}{
		{"a page", nil, sends(embedding, "Content-Type", html), true, true, true},
		{"XHTML", nil, sends(`<html xmlns="http://www.w3.org/1999/xhtml"><body><img src="//www.video.example/i.png" /></body></html>`, "Content-Type", "application/xhtml+xml"), true, true, true},
		{"a page in a frame", set("Sec-Fetch-Dest", "iframe"), sends(embedding, "Content-Type", html), true, false, true},
		{"a fragment", set("Sec-Fetch-Dest", "empty", "Accept", "*/*", "HX-Request", "true"), sends(embedding, "Content-Type", html), true, false, true},
		{"an answer to PUT", func(r *http.Request) { r.Method = http.MethodPut }, sends(embedding, "Content-Type", html), true, false, true},
		{"a page whose type is sniffed", nil, sends(embedding), true, true, true},
		{"UTF-16", nil, sends(embedding, "Content-Type", "text/html; charset=utf-16"), false, false, true},
		{"ISO-2022-JP", nil, sends(embedding, "Content-Type", "text/html; charset=ISO-2022-JP"), false, false, true},
		{"compressed all the same", nil, sends(embedding, "Content-Type", html, "Content-Encoding", "br"), false, false, true},
		{"a download", nil, sends(embedding, "Content-Type", html, "Content-Disposition", "attachment"), false, false, false},
		{"SVG in a tab", nil, sends(embedding, "Content-Type", "image/svg+xml"), false, false, true},
		{"SVG as a part of a page", set("Sec-Fetch-Dest", "image"), sends(embedding, "Content-Type", "image/svg+xml"), false, false, true},
		{"a worker", set("Sec-Fetch-Dest", "worker", "Accept", "*/*"), sends(embedding, "Content-Type", "text/javascript"), false, false, true},
		{"a page that is taken for an image", set("Sec-Fetch-Dest", "image", "Accept", "image/*"), sends(embedding, "Content-Type", html), true, false, true},
		{"a page that a script takes for JSON", set("Sec-Fetch-Dest", "empty", "Accept", "application/json"), sends(embedding, "Content-Type", html), true, false, true},
		{"SVG in a tab, on plain HTTP", func(r *http.Request) { r.Header.Del("Sec-Fetch-Dest") }, sends(embedding, "Content-Type", "image/svg+xml"), false, false, true},
		{"a script as a part of a page, on plain HTTP", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Dest")
			r.Header.Set("Accept", "*/*")
		}, sends(embedding, "Content-Type", "text/javascript"), false, false, true},
		{"a script as a part of a page", set("Sec-Fetch-Dest", "script", "Accept", "*/*"), sends(embedding, "Content-Type", "text/javascript"), false, false, true},
		{"JSON", nil, sends(embedding, "Content-Type", "application/json"), false, false, false},
		{"an include of templates", set("Caddy-Templates-Include", "1"), sends(embedding, "Content-Type", html), false, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			response := serve(t, e, row.change, row.site)
			got := body(t, response)
			if held := strings.Contains(got, "data-cookie-consent-src"); held != row.held {
				t.Errorf("held back: %t, want %t: %s", held, row.held, got)
			}
			if banner := strings.Contains(got, "[banner]"); banner != row.banner {
				t.Errorf("banner: %t, want %t: %s", banner, row.banner, got)
			}
			policies := strings.Join(response.Header["Content-Security-Policy"], "\n")
			if strings.HasPrefix(policies, own) != row.policy {
				t.Errorf("policy %q, want one: %t", policies, row.policy)
			}
			private := strings.Contains(response.Header.Get("Cache-Control"), "private") && strings.Contains(strings.Join(response.Header["Vary"], ","), "Cookie")
			if private != (row.policy && !strings.Contains(row.name, "as a part")) { // which is the same for everybody
				t.Errorf("Cache-Control %q, Vary %q beside policy %t", response.Header.Get("Cache-Control"), response.Header["Vary"], row.policy)
			}
		})
	}
}

func TestTheTwoPolicies(t *testing.T) {
	for _, row := range []struct{ name, site, want, nonce string }{
		{"none", "", "", ""},
		{"one that admits inline styles", "style-src 'unsafe-inline'", "style-src 'unsafe-inline'", ""},
		{"'self'", "default-src 'self'", "default-src 'self'; style-src-elem 'self' 'sha256-c3R5bGU='", ""},
		{"a nonce", "style-src 'nonce-YWJj'", "style-src 'nonce-YWJj'", "YWJj"},
		{"a form of its own", "form-action https://pay.example", "form-action https://pay.example http://HOST/cookie-consent/choice", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := gating(t, false)
			e.Insertion = func(dst []byte, v *Visit, _ rewriter.Page) []byte { return append(dst, "["+v.StyleNonce+"]"...) }
			site := sends(embedding, "Content-Type", "text/html")
			if row.site != "" {
				site = sends(embedding, "Content-Type", "text/html", "Content-Security-Policy", row.site)
			}
			response := serve(t, e, nil, site)
			policies := response.Header["Content-Security-Policy"]
			own := policies[len(policies)-1]
			if !strings.HasPrefix(own, "default-src 'self' data:") || strings.Contains(own, "video.example") || !strings.Contains(own, "cdn.example.net") {
				t.Errorf("our own policy: %s", own)
			}
			want := strings.ReplaceAll(row.want, "HOST", response.Request.URL.Host)
			if got := strings.Join(policies[:len(policies)-1], "\n"); got != want {
				t.Errorf("the site's policy became %q, want %q", got, want)
			}
			if !strings.Contains(body(t, response), "["+row.nonce+"]") {
				t.Errorf("the nonce is not %q", row.nonce)
			}
		})
	}
}

func TestOnlySomePagesReport(t *testing.T) {
	for proto, want := range map[string]struct{ policy, endpoints string }{
		"http":  {"; report-uri /cookie-consent/report", ""}, // where browsers know no endpoints
		"https": {"; report-uri /cookie-consent/report; report-to cookie-consent", `cookie-consent="/cookie-consent/report"`},
	} {
		e := gating(t, false)
		reporting := 0
		for range 2 * reported {
			x := exchanged(t, e, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", proto) }, sends(embedding, "Content-Type", "text/html"))
			if strings.HasSuffix(x.header.Get("Content-Security-Policy"), want.policy) {
				reporting++
				if got := x.header.Get("Reporting-Endpoints"); got != want.endpoints {
					t.Errorf("%s: Reporting-Endpoints: %q, want %q", proto, got, want.endpoints)
				}
			}
		}
		if reporting != 2 {
			t.Errorf("%s: %d of %d pages report, want 2", proto, reporting, 2*reported)
		}
	}
}

func TestGrantedPagesAreTheSitesOwn(t *testing.T) {
	for _, allow := range []bool{false, true} {
		e := gating(t, allow)
		e.Insertion = func(dst []byte, _ *Visit, _ rewriter.Page) []byte { return append(dst, "[banner]"...) }
		grant := func(r *http.Request) {
			choice, err := e.Policy.Save([]string{"statistics", "marketing"}, nil, clock)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Cookie", "cookies_preferences="+stored(t, e, "127.0.0.1", choice))
		}
		response := serve(t, e, grant, sends(embedding, "Content-Type", "text/html", "Content-Length", fmt.Sprint(len(embedding))))
		got := body(t, response)
		if want := strings.Replace(embedding, "<body>", "<body>[banner]", 1); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if allow && response.ContentLength != int64(len(got)) {
			t.Errorf("Content-Length %d of %d", response.ContentLength, len(got))
		}
		if response := serve(t, e, func(r *http.Request) { grant(r); r.Method = http.MethodHead }, sends("", "Content-Type", "text/html", "Content-Length", "99")); response.ContentLength == 99 {
			t.Error("HEAD: the site's own length")
		}
	}
}

func TestAPageOfKnownLengthLeavesWithItsFirstBytes(t *testing.T) {
	d := declaration()
	d.AllowUndeclaredHosts = true // and no service loads anything
	e := newEnforcer(t, d)
	const rest = " and more"
	response := serve(t, e, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", fmt.Sprint(len(embedding)+len(rest)))
		w.WriteHeader(http.StatusOK)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, embedding)
		_, _ = io.WriteString(w, rest)
	})
	want := strings.Replace(embedding, "<body>", "<body>[banner]", 1) + rest
	if got := body(t, response); got != want || response.ContentLength != int64(len(want)) {
		t.Errorf("%d bytes announced, got %q, want %q", response.ContentLength, got, want)
	}
}

// pieces remembers each Write.
type pieces struct {
	*httptest.ResponseRecorder
	written []string
}

func (p *pieces) Write(data []byte) (int, error) {
	p.written = append(p.written, string(data))
	return p.ResponseRecorder.Write(data)
}

// encode compresses what is longer than 512 bytes, by the first Write.
func TestTheFirstBytesLeaveInOnePiece(t *testing.T) {
	e := gating(t, false)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept", "text/html")
	v, out := e.Begin(r, "/", false), &pieces{ResponseRecorder: httptest.NewRecorder()}
	w := v.Writer(out)
	w.Header().Set("Content-Type", "text/html")
	for _, part := range []string{"<!doc", "type html><title>t</title><body><img src=//other.example/1>x", "end"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Finish(nil); err != nil {
		t.Fatal(err)
	}
	if len(out.written) != 2 || !strings.HasSuffix(out.written[0], ">x") || !strings.Contains(out.written[0], "[banner]") {
		t.Errorf("%q", out.written)
	}
}

func TestEarlyHintsLoseWhatIsHeldBack(t *testing.T) {
	e := gating(t, false)
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints = append(hints, h["Link"]...)
		return nil
	}}
	response := serve(t, e, func(r *http.Request) { *r = *r.WithContext(httptrace.WithClientTrace(r.Context(), trace)) },
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</own.css>; rel=preload; as=style, <https://www.video.example>; rel=preconnect`)
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Add("Link", `<//www.video.example/x.js>; rel="modulepreload"`)
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, embedding)
		})
	const want = "</own.css>; rel=preload; as=style"
	if got := strings.Join(hints, "|"); got != want {
		t.Errorf("hints: %q, want %q", got, want)
	}
	if got := strings.Join(response.Header["Link"], "|"); got != want {
		t.Errorf("Link: %q, want %q", got, want)
	}
	if got := body(t, response); !strings.Contains(got, heldImage) {
		t.Errorf("the page: %s", got)
	}
}

// The charset of a document is looked for in its first 1024 bytes.
func TestTheHeadIsInsertedBehindTheCharset(t *testing.T) {
	e := gating(t, true)
	e.Head = func(dst []byte, _ *Visit, _ rewriter.Page) []byte { return append(dst, "<script>guard()</script>"...) }
	for _, row := range []struct{ name, document, want string }{
		{"behind a charset", `<!doctype html><meta charset=utf-8><script>1</script><body>`, `<!doctype html><meta charset=utf-8>|<script>1</script><body>[banner]`},
		{"before the first script", `<!doctype html><title>t</title><script>1</script></head><body>`, `<!doctype html><title>t</title>|<script>1</script></head><body>[banner]`},
		{"behind a charset that comes late", `<!doctype html><script>1</script><meta charset=utf-8><body>`, `<!doctype html><script>1</script><meta charset=utf-8>|<body>[banner]`},
		{"in the body of a page without head", `<!doctype html><p>x`, `<!doctype html>|[banner]<p>x`},
		{"behind a body tag", `<!doctype html><body><p>x`, `<!doctype html><body>|[banner]<p>x`},
		{"not in a fragment", `<p>x<script>1</script>`, `<p>x<script>1</script>`},
	} {
		response := serve(t, e, func(r *http.Request) {
			if row.name == "not in a fragment" {
				r.Header.Del("Sec-Fetch-Dest")
			}
		}, sends(row.document, "Content-Type", "text/html"))
		if got, want := body(t, response), strings.Replace(row.want, "|", "<script>guard()</script>", 1); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.name, got, want)
		}
	}
}

func TestTrailersOfARewrittenPage(t *testing.T) {
	response := serve(t, gating(t, false), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Trailer", "X-Sum, Digest")
		_, _ = io.WriteString(w, embedding)
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", "42")
		w.Header().Set("Digest", "sha-256=AA==")
		w.Header().Set(http.TrailerPrefix+"Repr-Digest", "sha-256=:AA==:")
	})
	_ = body(t, response)
	if got := response.Trailer; got.Get("X-Sum") != "42" || len(got) != 1 {
		t.Errorf("trailers: %v", got)
	}
}
