package enforcer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// observing is an enforcer in observe mode, and what it says was seen.
func observing(t testing.TB, e *Enforcer) (*Enforcer, *seenList) {
	t.Helper()
	seen := new(seenList)
	e.Observe = true
	e.Insertion, e.StandIn = nil, nil
	e.Head = func(dst []byte, v *Visit, _ rewriter.Page) []byte {
		return append(dst, "[guard"+v.ScriptNonce+"]"...)
	}
	e.Elements = Elements{Scripts: []string{"'sha256-Z3VhcmQ='"}, Connect: "/cookie-consent/report"}
	e.Version, e.Saw = "1", seen.add
	return e, seen
}

// exchange is a request as the site got it, and the answer as the client did.
type exchange struct {
	asked, hints, header, trailer http.Header
	status                        int
	body                          string
}

// exchanged asks a site, through e unless that is nil.
func exchanged(t *testing.T, e *Enforcer, change func(*http.Request), site http.HandlerFunc) (x exchange) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e == nil {
			x.asked = r.Header.Clone()
			site(w, r)
			return
		}
		v := e.Begin(r, r.URL.RequestURI(), r.Header.Get("X-Forwarded-Proto") == "https")
		x.asked = r.Header.Clone()
		site(v.Writer(w), r)
		if err := v.Finish(nil); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		x.hints = http.Header(h).Clone()
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, server.URL+"/shop/cart;id=1?q=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "www.example.fr"
	r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Dest": {"document"}}
	if change != nil {
		change(r)
	}
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	x.body = body(t, response)
	x.status, x.header, x.trailer = response.StatusCode, response.Header, response.Trailer
	if response.ContentLength >= 0 {
		x.header.Set("Content-Length", fmt.Sprint(response.ContentLength))
	}
	x.header.Del("Date")
	return x
}

// differences lists the lines that one header has and the other has not.
func differences(before, after http.Header) (all []string) {
	for _, side := range []struct {
		sign      string
		has, lack http.Header
	}{{"-", before, after}, {"+", after, before}} {
		for name, lines := range side.has {
			for _, line := range lines {
				if !slices.Contains(side.lack[name], line) {
					all = append(all, side.sign+name+": "+line)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

const watching = "+Content-Security-Policy-Report-Only: default-src 'self' data: blob: filesystem: 'unsafe-inline' 'unsafe-eval' " +
	"cdn.example.net:* ws://cdn.example.net:* assets.example:8080 ws://assets.example:8080 *.assets.example:8080 ws://*.assets.example:8080 " +
	"example.fr:* ws://example.fr:* *.example.fr:* ws://*.example.fr:* fonts.example:* ws://fonts.example:*; report-uri /cookie-consent/report"

func TestObserveModeChangesNothingElse(t *testing.T) {
	const html = "text/html; charset=utf-8"
	fields := func(fields ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(fields); i += 2 {
				r.Header.Set(fields[i], fields[i+1])
			}
		}
	}
	cookies := []string{"Set-Cookie", "zz=1; Path=/;;Max-Age=99999999", "Set-Cookie", "=v", "Set-Cookie", "flag", "Set-Cookie", "ads_id=1, b=2;Expires=x", "Set-Cookie", `cookies_preferences="forged"; HttpOnly`,
		"Set-Cookie2", "old=1", "Link", "<//ads.example/a>; rel=preload", "Report-To", "{broken", "NEL", `{"report_to":"x"}`, "Cache-Control", "public, max-age=60", "Expires", "0", "Vary", "Cookie-Consent", "Surrogate-Control", "x"}
	guarded := strings.Replace(embedding, "<title>", "[guard]<title>", 1)
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		site   http.HandlerFunc
		body   string   // what a page becomes; empty: it stays
		header []string // what is taken and added
		asked  []string
	}{
		{name: "JSON", site: sends("{}", append([]string{"Content-Type", "application/json", "Etag", `"a"`}, cookies...)...)},
		{name: "a request with all a browser has", change: fields("Cookie", "zz=1;; $Version=1; =x; flag; ads_id=\"a; sessionid=2", "Cookie-Consent", "marketing", "Cookie_Consent", "x",
			"Sec-GPC", "1", "Accept-Encoding", "gzip, dcb", "If-None-Match", `"a", W/"b"`, "If-Modified-Since", "x", "If-Match", "*", "Range", "bytes=0-1", "If-Range", `"a"`), site: sends("{}", "Content-Type", "application/json")},
		{name: "a redirect", site: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "zz=1")
			http.Redirect(w, r, "/x", http.StatusFound)
		}, header: []string{watching}},
		{name: "no content", site: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "zz=1")
			w.WriteHeader(http.StatusNoContent)
		}},
		{name: "hints and trailers", site: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"zz=1"}
			w.Header()["Link"] = []string{"<//ads.example/a>; rel=preload"}
			w.WriteHeader(http.StatusEarlyHints)
			w.Header()["Set-Cookie"] = []string{"zz=2"}
			w.Header()["set-cookie"] = []string{"zz=3"}
			w.Header()["Trailer"] = []string{"X-Sum, Set-Cookie, Digest"}
			w.Header()["Content-Type"] = []string{"text/css"}
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			w.Header()["X-Sum"] = []string{"1"}
			w.Header()["Set-Cookie"] = []string{"zz=4"}
			w.Header()[http.TrailerPrefix+"Set-Cookie2"] = []string{"zz=5"}
		}},
		{name: "an answer that nobody began", site: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "zz=1") }},
		{name: "a coded style sheet", change: fields("Accept-Encoding", "br", "Sec-Fetch-Dest", "style"), site: sends("\x0b\x02\x80x\x03", "Content-Type", "text/css", "Content-Encoding", "br")},
		{name: "a fragment", change: fields("Sec-Fetch-Dest", "empty", "HX-Request", "true"), site: sends(embedding, append([]string{"Content-Type", html, "Etag", `"a"`}, cookies...)...)},
		{name: "a coded fragment", change: fields("Sec-Fetch-Dest", "empty", "HX-Request", "true"), site: sends(gzipped(t, embedding), "Content-Type", html, "Content-Encoding", "gzip")},
		{name: "a fragment that is coded otherwise than it says", change: fields("Sec-Fetch-Dest", "empty", "HX-Request", "true"), site: sends(embedding, "Content-Type", html, "Content-Encoding", "gzip")},
		{name: "a page that is taken for an image", change: fields("Sec-Fetch-Dest", "image", "Accept", "image/*"), site: sends(embedding, "Content-Type", html)},
		{name: "a download", site: sends(embedding, "Content-Type", html, "Content-Disposition", "attachment")},

		{name: "a page", site: sends(embedding, append([]string{"Content-Type", html, "Etag", `"a"`, "Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT", "Accept-Ranges", "bytes"}, cookies...)...), body: guarded,
			header: []string{"+Etag: \"a-cookie-consent-VERSION\"", watching, "-Accept-Ranges: bytes", `-Etag: "a"`}},
		{name: "a page over HTTPS", change: fields("X-Forwarded-Proto", "https"), site: sends(embedding, "Content-Type", html, "Reporting-Endpoints", `own="/r"`, "Content-Security-Policy-Report-Only", "img-src *; report-uri /own"), body: guarded,
			header: []string{watching + "; report-to cookie-consent", `+Reporting-Endpoints: cookie-consent="/cookie-consent/report"`}},
		{name: "a page in a frame", change: fields("Sec-Fetch-Dest", "iframe"), site: sends(embedding, "Content-Type", html), body: guarded, header: []string{watching}},
		{name: "a page with policies", site: sends(embedding, "Content-Type", html, "Content-Security-Policy", "script-src 'nonce-YWJj'; style-src 'self'; connect-src 'none'; form-action 'none'"),
			body:   strings.Replace(guarded, "[guard]", "[guardYWJj]", 1),
			header: []string{"+Content-Security-Policy: script-src 'nonce-YWJj'; style-src 'self'; connect-src http://www.example.fr/cookie-consent/report; form-action 'none'", watching, "-Content-Security-Policy: script-src 'nonce-YWJj'; style-src 'self'; connect-src 'none'; form-action 'none'"}},
		{name: "a coded page", change: fields("Accept-Encoding", "gzip"), site: sends(gzipped(t, embedding), "Content-Type", html, "Content-Encoding", "gzip"), body: guarded,
			header: []string{watching, "-Content-Encoding: gzip"}},
		{name: "a page in a coding that nobody knows", site: sends(embedding, "Content-Type", html, "Content-Encoding", "dcb"), header: []string{watching}},
		{name: "a page in UTF-16", site: sends(embedding, "Content-Type", "text/html; charset=utf-16"), header: []string{watching}},
		{name: "XHTML", site: sends(`<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>`, "Content-Type", "application/xhtml+xml"), header: []string{watching}},
		{name: "a part of a page", change: fields("Range", "bytes=0-5"), site: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", html)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(embedding))
		}, header: []string{watching}},
		{name: "the rest of a page by its date", change: fields("Range", "bytes=5-", "If-Range", "Mon, 23 Nov 2026 00:00:00 GMT"), site: sends(embedding, "Content-Type", html), body: guarded,
			header: []string{watching}, asked: []string{"-If-Range: Mon, 23 Nov 2026 00:00:00 GMT", "-Range: bytes=5-"}},
		{name: "the header of a page", change: func(r *http.Request) { r.Method = http.MethodHead }, site: sends("", "Content-Type", html, "Content-Length", "9"), header: []string{watching, "-Content-Length: 9"}},
		{name: "a page that a browser has from before", change: fields("If-None-Match", `"a"`), site: notModified(`"a"`)},
		{name: "a page that a browser has with its guard", change: fields("If-None-Match", `W/"b", "a-cookie-consent-VERSION"`), site: notModified(`"a"`),
			header: []string{`+Etag: "a-cookie-consent-VERSION"`, `-Etag: "a"`}, asked: []string{`+If-None-Match: W/"b", "a"`, `-If-None-Match: W/"b", "a-cookie-consent-VERSION"`}},
		{name: "one of several that it has", change: fields("If-None-Match", `"b", "a-cookie-consent-VERSION"`), site: notModified(`"b"`),
			asked: []string{`+If-None-Match: "b", "a"`, `-If-None-Match: "b", "a-cookie-consent-VERSION"`}},
		{name: "a page that a browser has with another guard", change: fields("If-None-Match", `"a-cookie-consent-x"`), site: sends(embedding, "Content-Type", html), body: guarded, header: []string{watching}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, _ := observing(t, gating(t, false))
			version := versionOf(e)
			change := func(r *http.Request) {
				if row.change != nil {
					row.change(r)
				}
				r.Header.Set("If-None-Match", strings.ReplaceAll(r.Header.Get("If-None-Match"), "VERSION", version))
				if r.Header.Get("If-None-Match") == "" {
					r.Header.Del("If-None-Match")
				}
			}
			bare, observed := exchanged(t, nil, change, row.site), exchanged(t, e, change, row.site)
			if row.body == "" {
				row.body = bare.body
			}
			if observed.status != bare.status || observed.body != row.body {
				t.Errorf("%d %q, want %d %q", observed.status, observed.body, bare.status, row.body)
			}
			if row.body != bare.body {
				bare.header.Del("Content-Length") // a wrong one would fail the request
				observed.header.Del("Content-Length")
			}
			fill := strings.NewReplacer("VERSION", version)
			for _, side := range []struct {
				name      string
				got, want []string
			}{
				{"header", differences(bare.header, observed.header), row.header},
				{"request", differences(bare.asked, observed.asked), row.asked},
				{"trailer", differences(bare.trailer, observed.trailer), nil},
				{"hints", differences(bare.hints, observed.hints), nil},
			} {
				slices.Sort(side.want)
				if got, want := strings.Join(side.got, "\n"), fill.Replace(strings.Join(side.want, "\n")); got != want {
					t.Errorf("%s:\n%s\nwant\n%s", side.name, got, want)
				}
			}
		})
	}
}

// versionOf is what pages of the tests have on their entity tags.
func versionOf(e *Enforcer) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{"Sec-Fetch-Dest": {"document"}}
	return e.Begin(r, "/", false).version()
}

// notModified answers that the browser has what is asked for.
func notModified(tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", tag)
		w.Header().Set("Set-Cookie", "zz=1")
		w.WriteHeader(http.StatusNotModified)
	}
}

// A page that is confirmed has, of what the answer replaces, what it came with.
func TestAConfirmedPageIsObserved(t *testing.T) {
	e, _ := observing(t, gating(t, false))
	x := exchanged(t, e, func(r *http.Request) { r.Header.Set("If-None-Match", `"a-cookie-consent-`+versionOf(e)+`"`) }, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy-Report-Only", "img-src *")
		w.Header().Set("Content-Security-Policy", "script-src 'self'")
		notModified(`"a"`)(w, r)
	})
	if got := x.header["Content-Security-Policy-Report-Only"]; len(got) != 2 || got[0] != "img-src *" || "+Content-Security-Policy-Report-Only: "+got[1] != watching {
		t.Errorf("watched: %q", got)
	}
	if got := x.header.Get("Content-Security-Policy"); got != "script-src 'self' 'sha256-Z3VhcmQ='" {
		t.Errorf("enforced: %q", got)
	}
}

// FuzzObservedCookies: in observe mode the bytes of both cookie headers stay, and
// no value is told.
func FuzzObservedCookies(f *testing.F) {
	for _, seed := range []string{"", ";", "a=1; lang=fr", "lang=\"; zz=1\"", " lang = x ;lang", "$a=1;=;;lang=;", "zz=1; Max-Age=x; Path", "zz=\x00"} {
		f.Add(seed, seed)
	}
	e, _ := observing(f, gating(f, false))
	f.Fuzz(func(t *testing.T, sent, set string) {
		seen := new(seenList)
		e.Saw = seen.add
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{sent, sent}
		v := e.Begin(r, "/", true)
		out := httptest.NewRecorder()
		w := v.Writer(out)
		w.Header()["Set-Cookie"] = []string{set, set}
		w.WriteHeader(http.StatusOK)
		if err := v.Finish(nil); err != nil {
			t.Fatal(err)
		}
		if got := r.Header["Cookie"]; !slices.Equal(got, []string{sent, sent}) {
			t.Fatalf("Cookie %q became %q", sent, got)
		}
		if got := out.Header()["Set-Cookie"]; !slices.Equal(got, []string{set, set}) {
			t.Fatalf("Set-Cookie %q became %q", set, got)
		}
		for _, s := range seen.whole {
			if s.Name == "" || strings.ContainsAny(s.Name, "=;") {
				t.Fatalf("saw %+v in %q and %q", s, sent, set)
			}
		}
	})
}
