package banner

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// reported is a report as a browser sends it.
func reported(mediaType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://portal.example/cookie-consent/report", strings.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Origin", "null")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return r
}

func TestReports(t *testing.T) {
	const old, new, plain = "application/csp-report", "application/reports+json", "application/json"
	one := `{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://ads.example/p?q#f"}}`
	for _, row := range []struct {
		name, mediaType, body string
		status                int
		want                  string
	}{
		{"the old form", old, `{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"https://ads.example:8443/p?secret=1"}}`, 204, "script-src-elem ads.example"},
		{"the older form", old, `{"csp-report":{"violated-directive":"script-src 'self'","blocked-uri":"http://ADS.example"}}`, 204, "script-src ads.example"},
		{"the new form", new, "[" + one + "]", 204, "img-src ads.example"},
		{"several", new, "[" + one + "," + one + "]", 204, "img-src ads.example|img-src ads.example"},
		{"too many at once", new, "[" + strings.Repeat(one+",", 30) + one + "]", 204, strings.TrimSuffix(strings.Repeat("img-src ads.example|", maxReports), "|")},
		{"the new form alone, as JSON", plain, one, 204, "img-src ads.example"},
		{"with parameters", old + "; charset=utf-8", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data"}}`, 204, "img-src data"},
		{"inline", old, `{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"inline"}}`, 204, "script-src-elem inline"},
		{"eval", old, `{"csp-report":{"effective-directive":"script-src","blocked-uri":"wasm-eval"}}`, 204, "script-src wasm-eval"},
		{"a scheme with its content", old, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data:image/png;base64,secret"}}`, 204, "img-src data"},
		{"an extension of the browser", old, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"moz-extension://secret/x"}}`, 204, "img-src moz-extension"},
		{"a socket", old, `{"csp-report":{"effective-directive":"connect-src","blocked-uri":"wss://user:secret@ads.example/x"}}`, 204, "connect-src ads.example"},
		{"something else", new, `[{"type":"deprecation","body":{"id":"x"}}]`, 204, ""},
		{"another shape", new, `[1,"x",null,{"type":"csp-violation","body":[]}]`, 204, ""},
		{"no list", plain, `1`, 204, ""},
		{"no directive", plain, `{"type":"csp-violation","body":{"blockedURL":"https://ads.example/"}}`, 204, ""},
		{"a directive that is none", plain, `{"type":"csp-violation","body":{"effectiveDirective":"<script>","blockedURL":"https://ads.example/"}}`, 204, ""},
		{"a host that is none", plain, `{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://<script>/"}}`, 204, ""},
		{"nothing blocked", plain, `{"type":"csp-violation","body":{"effectiveDirective":"img-src"}}`, 204, ""},
		{"no JSON", new, "[" + one, 400, ""},
		{"nothing", new, "", 400, ""},
		{"too long", new, `"` + strings.Repeat("x", maxBody) + `"`, 413, ""},
		{"another type", "text/plain", one, 415, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			c := testConfig(t, declaration())
			c.Report = func(_ string, r *Report) { got = append(got, r.Directive+" "+r.Name) }
			response := newSite(t, c).ask(t, reported(row.mediaType, row.body))
			if response.StatusCode != row.status || strings.Join(got, "|") != row.want {
				t.Errorf("%d %q, want %d %q", response.StatusCode, got, row.status, row.want)
			}
			if sent := body(t, response); sent != "" || len(response.Cookies()) > 0 {
				t.Errorf("answered %q %v", sent, response.Header)
			}
		})
	}
}

// What our own guards tell, in both modes, and what of a policy's report becomes a
// sighting.
func TestWhatReportsSay(t *testing.T) {
	const cookie, storage, script = enforcer.KindCookie, enforcer.KindStorage, enforcer.SetterScript
	session := int64(enforcer.SessionLifetime)
	seen := func(names string) string { return `{"page":"/shop/cart?secret#x","seen":[` + names + `]}` }
	many := strings.TrimSuffix(strings.Repeat(`{"name":"a"},`, 30), ",")
	for _, row := range []struct {
		name, body string
		want       []enforcer.Sighting
	}{
		{"a cookie", seen(`{"name":"zz","attributes":";domain=.Example.fr;path=/;max-age=600;secure;SameSite=Lax;partitioned"}`),
			[]enforcer.Sighting{{Kind: cookie, Name: "zz", Setter: script, Domain: "example.fr", Path: "/", Lifetime: 600, Secure: true, SameSite: "lax", Partitioned: true, Blocked: true}}},
		{"one that was refused, of which no more is known", seen(`{"name":"zz"}`), []enforcer.Sighting{{Kind: cookie, Name: "zz", Setter: script, Blocked: true}}},
		{"declared ones", seen(`{"name":"_pk_id.1","attributes":""},{"name":"sessionid","attributes":""}`),
			[]enforcer.Sighting{{Kind: cookie, Name: "_pk_id.1", Setter: script, Lifetime: session, Service: "matomo", Blocked: true}, {Kind: cookie, Name: "sessionid", Setter: script, Lifetime: session, Service: "login"}}},
		{"keys", seen(`{"name":"thème é","area":"local"},{"name":"tour","area":"session"}`),
			[]enforcer.Sighting{{Kind: storage, Name: "thème é", Setter: script, Area: "local"}, {Kind: storage, Name: "tour", Setter: script, Area: "session"}}},
		{"deletions and our own", seen(`{"name":"zz","attributes":";max-age=0"},{"name":"cookies_preferences","attributes":""}`), nil},
		{"names that are none", seen(`{"name":""},{"name":"a b"},{"name":"a=b"},{"name":"a;b"},{"name":"é"},{"name":"<script>"},{"name":"a\u0000"},{"name":"` + strings.Repeat("x", 257) + `"}`), nil},
		{"keys that are none", seen(`{"name":"","area":"local"},{"name":"a","area":"cookies"},{"name":"a\u202eb","area":"local"},{"name":"a\nb","area":"local"},{"name":"` + strings.Repeat("x", 257) + `","area":"local"}`), nil},
		{"attributes that are none", seen(`{"name":"zz","attributes":"\n"},{"name":"zz","attributes":";domain=a b;path=//evil"}`),
			[]enforcer.Sighting{{Kind: cookie, Name: "zz", Setter: script, Lifetime: session, Blocked: true}}},
		{"too many at once", seen(many), slices.Repeat([]enforcer.Sighting{{Kind: cookie, Name: "a", Setter: script, Blocked: true}}, maxReports)},
		{"too many in several", "[" + seen(many) + "," + seen(many) + "]", slices.Repeat([]enforcer.Sighting{{Kind: cookie, Name: "a", Setter: script, Blocked: true}}, maxReports)},
		{"another shape", `{"page":1,"seen":[1,"a",{"name":2}]}`, nil},
		{"a policy's", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"https://ads.example/p?secret","document-uri":"https://portal.example/shop/cart?secret"}}`,
			[]enforcer.Sighting{{Kind: enforcer.KindHost, Name: "ads.example", Setter: enforcer.SetterReport, Service: "ads", Blocked: true}}},
		{"the new form", `[{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://other.example:8443/p?secret","documentURL":"https://portal.example/shop/cart#secret"}}]`,
			[]enforcer.Sighting{{Kind: enforcer.KindHost, Name: "other.example", Setter: enforcer.SetterReport, Blocked: true}}},
		{"of no host", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data:secret","document-uri":"https://portal.example/shop/cart"}}`, []enforcer.Sighting{{Name: "data"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := declaration()
			d.Services[3].Hosts = []string{"*.ads.example"}
			c := testConfig(t, d)
			c.Observe = true
			var got []enforcer.Sighting
			c.Report = func(site string, r *Report) {
				if site != "portal.example" || r.Example != "/shop/cart" {
					t.Errorf("%s was seen at %q of %q", r.Name, r.Example, site)
				}
				r.Example = ""
				got = append(got, r.Sighting)
			}
			if status := newSite(t, c).ask(t, reported("application/json", row.body)).StatusCode; status != 204 || !slices.Equal(got, row.want) {
				t.Errorf("%d %+v\nwant %+v", status, got, row.want)
			}
		})
	}
}

// FuzzReports: whatever comes, what is passed on is little, can be shown, and holds
// no query.
func FuzzReports(f *testing.F) {
	for _, seed := range []string{
		`{"page":"/a?b","seen":[{"name":"zz","attributes":";max-age=1;domain=a.b;path=/x?y"},{"name":"k","area":"local"}]}`,
		`[{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://a.example:1/p?q","documentURL":"https://b/c?d"}}]`,
		`{"csp-report":{"violated-directive":"img-src x","blocked-uri":"data:x","document-uri":"/"}}`, `[1,null]`,
	} {
		f.Add(seed)
	}
	p, err := policy.New(declaration())
	if err != nil {
		f.Fatal(err)
	}
	var pass func(r *Report)
	c := Config{Policy: p, Path: "/cookie-consent", Languages: []string{"en"}, Report: func(_ string, r *Report) { pass(r) }}
	s, now := newSite(&testing.T{}, c), clock
	s.pages.now = func() time.Time { now = now.Add(time.Second); return now }
	f.Fuzz(func(t *testing.T, body string) {
		passed := 0
		pass = func(r *Report) {
			passed++
			for _, text := range []string{r.Name, r.Domain, r.Path, r.Example, r.Directive} {
				if !isText(text) || len(text) > 4096 {
					t.Fatalf("%q passed", text)
				}
			}
			if strings.ContainsAny(r.Example+r.Path, "?#;") || r.Name == "" || r.Kind == enforcer.KindCookie && strings.ContainsAny(r.Name, "=; ") {
				t.Fatalf("%+v passed", r)
			}
		}
		s.ask(t, reported("application/json", body))
		if passed > maxReports {
			t.Fatalf("%d passed", passed)
		}
	})
}

func TestExamplesAreOfPagesWithoutTheirQuery(t *testing.T) {
	for address, want := range map[string]string{
		"https://portal.example/a/b?q#f": "/a/b", "/a;jsessionid=1/b": "/a", "https://portal.example": "", "about:blank": "", "": "", "//evil.example/x": "",
		"https://portal.example//evil.example": "", "/a\nb": "", "/a<script>": "", "data:text/html,x": "", "/" + strings.Repeat("x", 5000): "",
	} {
		if got := pagePath(address); got != want {
			t.Errorf("pagePath(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestReportsWithNobodyToTell(t *testing.T) {
	if got := newSite(t, testConfig(t, declaration())).ask(t, reported("application/csp-report", "{}")).StatusCode; got != 204 {
		t.Errorf("status %d", got)
	}
}

func TestTooManyReports(t *testing.T) {
	told := 0
	c := testConfig(t, declaration())
	c.Report = func(string, *Report) { told++ }
	s := newSite(t, c)
	for i := range reportsPerSecond + 1 {
		want := 204
		if i == reportsPerSecond {
			want = 429
		}
		response := s.ask(t, reported("application/csp-report", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data"}}`))
		if response.StatusCode != want {
			t.Fatalf("report %d: status %d, want %d", i+1, response.StatusCode, want)
		}
	}
	if told != reportsPerSecond {
		t.Errorf("%d were passed on", told)
	}
}

func TestMethodsOfReports(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
		response := s.ask(t, httptest.NewRequest(method, "http://portal.example/cookie-consent/report", nil))
		if response.StatusCode != 405 || response.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
}
