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
	"sync"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// observing is an enforcer in observe mode, and what it says was seen.
func observing(t testing.TB, d func() (e *Enforcer)) (*Enforcer, *seenList) {
	t.Helper()
	e, seen := d(), new(seenList)
	e.Observe = true
	e.Insertion, e.StandIn = nil, nil
	e.Head = func(dst []byte, v *Visit, _ rewriter.Page) []byte {
		return append(dst, "[guard"+v.ScriptNonce+"]"...)
	}
	e.Elements = Elements{Scripts: []string{"'sha256-Z3VhcmQ='"}, Connect: "/cookie-consent/report"}
	e.Version, e.Saw = "1", seen.add
	return e, seen
}

// seenList keeps what was seen, in short.
type seenList struct {
	mutex sync.Mutex
	lines []string
	whole []Sighting
}

func (l *seenList) add(site string, s *Sighting) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	line := fmt.Sprintf("%s %s by %s", s.Kind, s.Name, s.Setter)
	if s.Service != "" {
		line += " of " + s.Service
	}
	if s.Blocked {
		line += ", blocked"
	}
	l.lines = append(l.lines, line)
	l.whole = append(l.whole, *s)
	if site == "" {
		l.lines = append(l.lines, "no site")
	}
}

func (l *seenList) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	slices.Sort(l.lines)
	return strings.Join(l.lines, "\n")
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
			e, _ := observing(t, func() *Enforcer { return gating(t, false) })
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
	e, _ := observing(t, func() *Enforcer { return gating(t, false) })
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

func TestWhatIsSeen(t *testing.T) {
	const html = "text/html"
	cookie := func(line string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Cookie", line) } }
	for _, row := range []struct {
		name     string
		change   func(*http.Request)
		site     http.HandlerFunc
		observed string // lines joined by "|"
		enforced string
	}{
		{"cookies of the request", cookie("sessionid=1; _pk_id.1=2; zz=3;; flag; =v; cookies_preferences=x; $Path=/; visitor=4"), sends("{}", "Content-Type", "application/json"),
			"cookie $Path by unknown, blocked|cookie _pk_id.1 by unknown of matomo, blocked|cookie sessionid by unknown of login|cookie visitor by unknown of counter|cookie zz by unknown, blocked",
			"cookie $Path by unknown, blocked|cookie zz by unknown, blocked"},
		{"cookies of the answer", nil, sends("{}", "Content-Type", "application/json", "Set-Cookie", "sessionid=1", "Set-Cookie", "ads_id=1", "Set-Cookie", "zz=1", "Set-Cookie", "gone=; Max-Age=0", "Set-Cookie", "=v", "Set-Cookie", "flag", "Set-Cookie", "cookies_preferences=x"),
			"cookie ads_id by response of ads, blocked|cookie sessionid by response of login|cookie zz by response, blocked",
			"cookie zz by response, blocked"},
		{"hints", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"zz=1"}
			w.Header()["Link"] = []string{"<//ads.example/a>; rel=preload"}
			w.WriteHeader(http.StatusEarlyHints)
			clear(w.Header())
			w.WriteHeader(http.StatusNoContent)
		}, "cookie zz by response, blocked|host ads.example by header, blocked", "cookie zz by response, blocked|host ads.example by header, blocked"},
		{"headers that load", nil, sends("", "Content-Type", "text/plain", "Link", "</a>; rel=preload, <//a.example/1>; rel=preload, <//b.example/2>; rel=next, <https://fonts.example/>; rel=preconnect",
			"Reporting-Endpoints", `x="https://c.example/?secret"`, "Report-To", `{"group":"x","max_age":1,"endpoints":[{"url":"https://d.example"}]}`, "Content-Security-Policy", "report-uri https://e.example:8443/x"),
			"host a.example by header, blocked|host c.example by header, blocked|host d.example by header, blocked|host e.example by header, blocked|host fonts.example by header of fonts",
			"host a.example by header, blocked|host c.example by header, blocked|host d.example by header, blocked|host e.example by header, blocked"},
		{"markup", nil, sends(`<!doctype html><script src="https://a.example/x?secret"></script><img src="//a.example/y"><img src="/own"><img src="//static.example.fr/"><iframe src="https://www.video.example/embed"></iframe>
			<img srcset="//b.example/1 1x, //fonts.example/2 2x"><script src="/gtm/x.js"></script><a href="//not.example/"><img src="//{host}/"><meta http-equiv=refresh content="9;url=//c.example/">`, "Content-Type", html),
			"host a.example by markup, blocked|host b.example by markup, blocked|host c.example by markup, blocked|host fonts.example by markup of fonts|host www.example.fr by markup of stats, blocked|host www.video.example by markup of video, blocked",
			"host a.example by markup, blocked|host b.example by markup, blocked|host c.example by markup, blocked"},
		{"a coded fragment", func(r *http.Request) { r.Header = http.Header{"Hx-Request": {"true"}, "Accept": {"text/html"}} }, sends(gzipped(t, embedding), "Content-Type", html, "Content-Encoding", "gzip"),
			"host www.video.example by markup of video, blocked", ""},
		{"XHTML", nil, sends(`<html xmlns="http://www.w3.org/1999/xhtml"><img src="//a.example/"/></html>`, "Content-Type", "application/xhtml+xml"),
			"host a.example by markup, blocked", "host a.example by markup, blocked"},
		{"what is no page", nil, sends(embedding, "Content-Type", "text/plain"), "", ""},
	} {
		for mode, want := range map[string]string{"observed": row.observed, "enforced": row.enforced} {
			t.Run(row.name+", "+mode, func(t *testing.T) {
				e := gating(t, false)
				seen := new(seenList)
				e.Saw = seen.add
				if mode == "observed" {
					e, seen = observing(t, func() *Enforcer { return e })
				}
				exchanged(t, e, row.change, row.site)
				if got := strings.ReplaceAll(seen.String(), "\n", "|"); got != want {
					t.Errorf("saw\n%s\nwant\n%s", seen, strings.ReplaceAll(want, "|", "\n"))
				}
				for _, s := range seen.whole {
					if s.Example != "/shop/cart" {
						t.Errorf("%s was seen on %q", s.Name, s.Example)
					}
				}
			})
		}
	}
}

func TestWhatASetCookieLineSays(t *testing.T) {
	for _, row := range []struct {
		name, line string
		want       Sighting
	}{
		{"nothing more", "zz=secret", Sighting{Lifetime: SessionLifetime}},
		{"everything", "zz=secret; Domain=.Example.FR; Path=/shop; Max-Age=600; Secure; HttpOnly; SameSite=None; Partitioned",
			Sighting{Domain: "example.fr", Path: "/shop", Lifetime: 600, Secure: true, HTTPOnly: true, SameSite: "none", Partitioned: true}},
		{"a date", "zz=1; Expires=Mon, 23 Nov 2026 13:00:00 GMT", Sighting{Lifetime: 3600}},
		{"Max-Age decides", "zz=1; max-age=60; Expires=Mon, 23 Nov 2026 13:00:00 GMT", Sighting{Lifetime: 60}},
		{"the last counts", "zz=1; Path=/a; Path=/b; Domain=a.fr; Domain=b.fr; SameSite=Lax; SameSite=Strict", Sighting{Path: "/b", Domain: "b.fr", Lifetime: SessionLifetime, SameSite: "strict"}},
		{"a path that is none", "zz=1; Path=/a; Path=b", Sighting{Lifetime: SessionLifetime}},
		{"an end that browsers read in more than one way", "zz=1; Expires=never", Sighting{}},
		{"attributes too long to count", "zz=1; Path=/" + strings.Repeat("x", maxAttribute), Sighting{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, seen := observing(t, func() *Enforcer { return newEnforcer(t, declaration()) })
			v := begin(e, visitor(t, e, nil))
			h := http.Header{"Set-Cookie": {row.line}}
			v.enforceHeader(h, true)
			row.want.Kind, row.want.Name, row.want.Setter, row.want.Blocked, row.want.Example = KindCookie, "zz", SetterResponse, true, "/shop/cart"
			if len(seen.whole) != 1 || seen.whole[0] != row.want {
				t.Errorf("saw %+v, want %+v", seen.whole, row.want)
			}
		})
	}
}

func TestTrackersUnderTheSitesNameAreObserved(t *testing.T) {
	e, seen := observing(t, func() *Enforcer { return gating(t, false) })
	v := begin(e, visitor(t, e, nil))
	if v.HoldsRequest("/gtm/x", "/gtm/x") {
		t.Error("it is held back")
	}
	if got := seen.String(); got != "host www.example.fr by unknown of stats, blocked" {
		t.Errorf("saw %s", got)
	}
}

func TestUndeclaredHostsThatPassAreObserved(t *testing.T) {
	e, seen := observing(t, func() *Enforcer { return gating(t, true) })
	x := exchanged(t, e, nil, sends(`<!doctype html><img src="//a.example/"><img src="//www.video.example/">`, "Content-Type", "text/html"))
	if got := seen.String(); got != "host a.example by markup\nhost www.video.example by markup of video, blocked" {
		t.Errorf("saw %s", got)
	}
	if x.header.Get(watchedPolicy) == "" {
		t.Error("no policy watches what scripts load")
	}
}

func TestSightingsOfBrowsers(t *testing.T) {
	d := loads()
	d.Services[0].Storage = append(d.Services[0].Storage, policy.StorageKey{Area: "local", Key: "theme"})
	d.Services[3].Storage = append(d.Services[3].Storage, policy.StorageKey{Area: "session", Key: "ads_*_id"})
	e := newEnforcer(t, d)
	v := begin(e, visitor(t, e, []string{"statistics"}))
	text := func(s string) *string { return &s }
	for _, row := range []struct {
		name       string
		cookie     string
		attributes *string
		want       Sighting
		no         bool
	}{
		{name: "undeclared", cookie: "zz", attributes: text(";Max-Age=60;path=/"), want: Sighting{Lifetime: 60, Path: "/", Blocked: true}},
		{name: "refused", cookie: "ads_id", attributes: text(""), want: Sighting{Lifetime: SessionLifetime, Service: "ads", Blocked: true}},
		{name: "granted", cookie: "_pk_id.1", attributes: text(""), want: Sighting{Lifetime: SessionLifetime, Service: "matomo"}},
		{name: "of unknown attributes", cookie: "zz", want: Sighting{Blocked: true}},
		{name: "a deletion", cookie: "zz", attributes: text("max-age=0"), no: true},
		{name: "our own", cookie: "cookies_preferences", no: true},
		{name: "control characters", cookie: "z\x00", no: true},
	} {
		got, ok := v.SightCookie(row.cookie, row.attributes)
		if !row.no {
			row.want.Kind, row.want.Name, row.want.Setter = KindCookie, row.cookie, SetterScript
		}
		if ok == row.no || got != row.want {
			t.Errorf("%s: %+v %t, want %+v", row.name, got, ok, row.want)
		}
	}
	for _, row := range []struct {
		area, key, service string
		blocked            bool
	}{
		{"local", "theme", "login", false}, {"session", "theme", "", false}, {"local", "themes", "", false},
		{"session", "ads_1_id", "ads", true}, {"session", "ads__id", "ads", true}, {"session", "ads_id", "", false}, {"session", "ads_1_id2", "", false},
	} {
		want := Sighting{Kind: KindStorage, Name: row.key, Setter: SetterScript, Area: row.area, Service: row.service, Blocked: row.blocked}
		if got := v.SightKey(row.area, row.key); got != want {
			t.Errorf("%s %s: %+v, want %+v", row.area, row.key, got, want)
		}
	}
	for _, row := range []struct {
		address, service string
		blocked          bool
	}{
		{"https://a.example/x?secret", "", true}, {"https://www.video.example:8443/", "video", true}, {"https://www.shared.example/maps/1", "video", true},
		{"https://www.shared.example/x", "stats", false}, {"wss://fonts.example", "fonts", false},
	} {
		got := v.SightHost(row.address)
		name, _ := hostAndPort([]byte(strings.SplitN(row.address, "/", 4)[2]))
		if want := (Sighting{Kind: KindHost, Name: name, Setter: SetterReport, Service: row.service, Blocked: row.blocked}); got != want {
			t.Errorf("%s: %+v, want %+v", row.address, got, want)
		}
	}
}

// FuzzObservedCookies: in observe mode the bytes of both cookie headers stay, and
// no value is told.
func FuzzObservedCookies(f *testing.F) {
	for _, seed := range []string{"", ";", "a=1; lang=fr", "lang=\"; zz=1\"", " lang = x ;lang", "$a=1;=;;lang=;", "zz=1; Max-Age=x; Path", "zz=\x00"} {
		f.Add(seed, seed)
	}
	e, _ := observing(f, func() *Enforcer { return gating(f, false) })
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

// Nothing is told of a visit in which all is declared, and telling allocates
// nothing.
func BenchmarkSightings(b *testing.B) {
	e := newEnforcer(b, declaration())
	count := 0
	e.Saw = func(_ string, s *Sighting) { count += len(s.Name) }
	v := begin(e, visitor(b, e, nil))
	for _, row := range []struct{ name, line string }{
		{"declared", "sessionid=0123456789abcdef; lang=fr; theme=dark"}, {"undeclared", "zz=0123456789abcdef"},
	} {
		b.Run(row.name, func(b *testing.B) {
			lines := []string{row.line}
			b.ReportAllocs()
			for b.Loop() {
				lines[0] = row.line
				v.cutCookies(lines)
			}
		})
	}
}
