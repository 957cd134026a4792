package enforcer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

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
					e, seen = observing(t, e)
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
			e, seen := observing(t, newEnforcer(t, declaration()))
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
	e, seen := observing(t, gating(t, false))
	v := begin(e, visitor(t, e, nil))
	if v.HoldsRequest("/gtm/x", "/gtm/x") {
		t.Error("it is held back")
	}
	if got := seen.String(); got != "host www.example.fr by unknown of stats, blocked" {
		t.Errorf("saw %s", got)
	}
}

func TestUndeclaredHostsThatPassAreObserved(t *testing.T) {
	e, seen := observing(t, gating(t, true))
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
