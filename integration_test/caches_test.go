package integration_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostServices load from elsewhere, so that the page of each state is another.
const hostServices = `
	service figures {
		provider "Example Figures"
		purpose fr "Compter les visites."
		category statistics
		host stats.example
	}
	service posters {
		provider "Example Posters"
		purpose fr "Montrer des annonces."
		category marketing
		host ads.example
	}
`

// twoHostsPage is a page that loads from both.
const twoHostsPage = `<!doctype html><html lang=en><head><title>t</title><script src="https://stats.example/a.js"></script></head>` +
	`<body><p>text</p><script src="https://ads.example/a.js"></script></body></html>`

// resource is what a site answers at a path.
type resource struct {
	name    string
	status  int    // 0 is 200
	kind    string // media type; that of HTML when empty, noKind for nothing at all
	body    string // twoHostsPage when empty
	coded   string // "asked": in gzip for who accepts it, "always": for everybody
	headers []string
}

// noKind is that of an answer without a body.
const noKind = "none"

func (r *resource) path() string { return "/" + strings.ReplaceAll(r.name, " ", "-") }

// countedSite numbers its answers: a copy has an old number.
type countedSite struct {
	address   string
	resources map[string]*resource

	mutex  sync.Mutex
	number int
	broken bool
}

func newCountedSite(t *testing.T, resources ...resource) *countedSite {
	t.Helper()
	s := &countedSite{resources: map[string]*resource{}}
	for i := range resources {
		s.resources[resources[i].path()] = &resources[i]
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	return s
}

func (s *countedSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	s.number++
	number, broken := s.number, s.broken
	s.mutex.Unlock()
	h := w.Header()
	h.Set("X-Number", strconv.Itoa(number))
	h.Set("X-Consent", r.Header.Get("Cookie-Consent"))
	h.Set("X-Proto", r.Header.Get("X-Forwarded-Proto"))
	h.Set("X-Host", r.Host)
	res := s.resources[r.URL.Path]
	if broken || res == nil {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	for i := 0; i+1 < len(res.headers); i += 2 {
		h.Add(res.headers[i], res.headers[i+1])
	}
	if h.Set("Content-Type", res.kind); res.kind == "" {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	body := res.body
	if res.kind == noKind {
		h["Content-Type"] = nil
	} else if body == "" {
		body = twoHostsPage
	}
	if res.coded == "always" || res.coded == "asked" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = coded(body, "gzip")
	}
	if res.status == 0 {
		modified, _ := http.ParseTime(h.Get("Last-Modified"))
		http.ServeContent(w, r, "", modified, strings.NewReader(body))
		return
	}
	w.WriteHeader(res.status)
	_, _ = io.WriteString(w, body)
}

// answered is how often the site was asked.
func (s *countedSite) answered() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.number
}

func (s *countedSite) breakDown() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.broken = true
}

// visitor is somebody in one state.
type visitor struct {
	name, state string
	headers     []string
	granted     string // as the site is told
	expires     string // cookies that answers expire
}

// newVisitors makes the choices at address, and returns one visitor of each
// state, and one who brings cookies that were refused.
func newVisitors(t *testing.T, address string) []visitor {
	t.Helper()
	refused, _ := choose(t, address+"/cookie-consent", refuseAll)
	partial, _ := choose(t, address+"/cookie-consent", onlyStatistics)
	accepted, _ := choose(t, address+"/cookie-consent", acceptAll)
	return []visitor{
		{"unanswered", "unanswered", nil, "necessary", ""},
		{"gpc", "gpc", []string{"Sec-GPC", "1"}, "necessary", ""},
		{"refused", "refused", []string{"Cookie", refused}, "necessary", ""},
		{"partial", "partial", []string{"Cookie", partial}, "necessary, statistics", ""},
		{"accepted", "accepted", []string{"Cookie", accepted}, "necessary, statistics, marketing", ""},
		{"refused with leftovers", "refused", []string{"Cookie", refused + "; ads_id=stale; _pk_id.1=stale"}, "necessary", "-_pk_id.1 -ads_id"},
	}
}

// navigation and others are what browsers send for a page, and for parts of one.
var (
	navigation   = []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Dest", "document"}
	forStyle     = []string{"Accept", "text/css,*/*;q=0.1", "Sec-Fetch-Dest", "style"}
	forScript    = []string{"Accept", "*/*", "Sec-Fetch-Dest", "script"}
	forImage     = []string{"Accept", "image/avif,image/*,*/*;q=0.8", "Sec-Fetch-Dest", "image"}
	forFont      = []string{"Accept", "*/*", "Sec-Fetch-Dest", "font"}
	forFilm      = []string{"Accept", "*/*", "Sec-Fetch-Dest", "video"}
	byScript     = []string{"Accept", "application/json", "Sec-Fetch-Dest", "empty"}
	byOpenScript = []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty"}
)

// asker sends one visitor's requests after the other.
type asker struct {
	*testing.T
	client  *http.Client
	address string
}

func newAsker(t *testing.T, address string) asker {
	t.Helper()
	return asker{t, client(t), address}
}

// ask sends a request of v's with lists of further headers.
func (a asker) ask(v visitor, method, path string, headers ...[]string) answer {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), method, a.address+path, nil)
	if err != nil {
		a.Fatal(err)
	}
	all := append([]string(nil), v.headers...)
	for _, list := range headers {
		all = append(all, list...)
	}
	return send(a.T, a.client, r, all...)
}

// checkPage tells whether a page is the one of this visitor's state.
func (v visitor) checkPage(t *testing.T, a answer) {
	t.Helper()
	if got, want := strings.Contains(a.body, `id="cookie-consent"`), v.state == "unanswered"; got != want {
		t.Errorf("%s: banner %t, want %t, in %.300q", v.name, got, want, a.body)
	}
	for host, category := range map[string]string{"stats.example": "statistics", "ads.example": "marketing"} {
		want := strings.Contains(v.granted, category)
		if got := strings.Contains(a.body, ` src="https://`+host); got != want {
			t.Errorf("%s: the page loads from %s: %t, want %t", v.name, host, got, want)
		}
	}
	v.checkPolicy(t, a)
}

// checkPolicy tells whether the policy of an answer admits what is granted.
func (v visitor) checkPolicy(t *testing.T, a answer) {
	t.Helper()
	policy := strings.Join(a.Header["Content-Security-Policy"], ", ")
	for host, category := range map[string]string{"stats.example": "statistics", "ads.example": "marketing"} {
		if got, want := strings.Contains(policy, host), strings.Contains(v.granted, category); got != want || policy == "" {
			t.Errorf("%s: the policy admits %s: %t, want %t: %q", v.name, host, got, want, policy)
		}
	}
}

// sharedCache is one that many visitors have in common.
type sharedCache struct {
	name    string
	start   func(t *testing.T, upstream string) string // returns where it listens
	handler bool                                       // it is a handler of Caddy's instead
	careful bool                                       // it minds Set-Cookie and Vary too, not Cache-Control alone
	shy     bool                                       // what is asked with a cookie passes it by
	recodes bool                                       // it codes and decodes gzip by itself

	// It hands on no validators, lest what it stores be 304, and compares them with
	// what it stores alone.
	alwaysWhole bool
}

// behind starts a Caddy with the module, and a cache between it and the site.
func (c sharedCache) behind(t *testing.T, s *countedSite) asker {
	t.Helper()
	upstream, handler := s.address, "test_cache\n"
	if !c.handler {
		upstream, handler = c.start(t, s.address), ""
	}
	served := newSite(t, "portal.localhost", "encode\nroute {\ncookie_consent "+consent(hostServices)+handler+"reverse_proxy "+upstream+"\n}\n")
	startCaddy(t, served)
	return newAsker(t, served.url(""))
}

// TestCacheBehind has a cache between the module and the site. It holds the
// site's own bytes, so visitors of every state share them, and each gets the page
// of their own state.
func TestCacheBehind(t *testing.T) {
	const minute = "public, max-age=60"
	for _, c := range []sharedCache{
		{name: "nginx", start: startNginxCache, careful: true},
		{name: "Varnish", start: startVarnish, careful: true, shy: true, recodes: true},
		{name: "handler", handler: true, careful: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCountedSite(t,
				resource{name: "page", headers: []string{"Cache-Control", minute, "ETag", `"v1"`}},
				resource{name: "dated page", headers: []string{"Cache-Control", minute, "Last-Modified", someDate}},
				resource{name: "coded page", coded: "always", headers: []string{"Cache-Control", minute, "ETag", `"v1"`}},
				resource{name: "page that may be coded", coded: "asked", headers: []string{"Cache-Control", minute, "Vary", "Accept-Encoding"}},
				resource{name: "page by choice", headers: []string{"Cache-Control", minute, "Vary", "Cookie-Consent"}},
				resource{name: "style", kind: "text/css", coded: "asked", body: sampleStyle, headers: []string{"Cache-Control", minute, "Vary", "Accept-Encoding"}},
				resource{name: "film", kind: "video/mp4", body: strings.Repeat("0123456789", 1000), headers: []string{"Cache-Control", minute, "ETag", `"f1"`}},
			)
			a := c.behind(t, s)
			visitors := newVisitors(t, a.address)
			login := visitor{name: "login", headers: []string{"Cookie", "sessionid=a"}, granted: "necessary", state: "unanswered"}

			for _, name := range []string{"/page", "/dated-page", "/coded-page", "/page-that-may-be-coded"} {
				t.Run("one copy of"+strings.ReplaceAll(name, "-", " ")[1:], func(t *testing.T) {
					before := s.answered()
					for range 2 {
						for _, v := range visitors {
							x := a.ask(v, http.MethodGet, name, navigation)
							v.checkPage(t, x)
							if got := x.Header.Get("Cache-Control"); !strings.HasPrefix(got, "private, max-age=60, no-") {
								t.Errorf("%s: Cache-Control: %q", v.name, got)
							}
						}
					}
					if n := s.answered() - before; n != 1 {
						t.Errorf("the site was asked %d times", n)
					}
				})
			}
			t.Run("a page comes back", func(t *testing.T) {
				for _, page := range []struct{ path, header, value string }{{"/page", "X-Seen-Tag", `"v1"`}, {"/dated-page", "X-Seen-Date", someDate}} {
					before := s.answered()
					for _, holder := range visitors {
						tag := a.ask(holder, http.MethodGet, page.path, navigation).Header.Get("Etag")
						for _, v := range visitors {
							x := a.ask(v, http.MethodGet, page.path, navigation, []string{"If-None-Match", tag})
							status, seen := http.StatusOK, ""
							if v.state == holder.state {
								status, seen = http.StatusNotModified, page.value
							}
							if x.StatusCode != status || x.Header.Get(page.header) != seen {
								t.Errorf("%s with the page of %s: status %d, want %d; the cache saw %q, want %q",
									v.name, holder.name, x.StatusCode, status, x.Header.Get(page.header), seen)
							}
							if status == http.StatusOK {
								v.checkPage(t, x)
							} else if x.Header.Get("Etag") != strings.Replace(tag, `-gzip"`, `"`, 1) { // which encode leaves out
								t.Errorf("%s: 304 with %q for %q", v.name, x.Header.Get("Etag"), tag)
							}
						}
					}
					if n := s.answered() - before; n != 0 {
						t.Errorf("%s: the site was asked %d times", page.path, n)
					}
				}
			})
			t.Run("a page for each choice", func(t *testing.T) {
				before := s.answered()
				for range 2 {
					for _, v := range visitors {
						x := a.ask(v, http.MethodGet, "/page-by-choice", navigation)
						v.checkPage(t, x)
						if got := x.Header.Get("X-Consent"); got != v.granted {
							t.Errorf("%s gets what was made for %q, want %q", v.name, got, v.granted)
						}
					}
				}
				if n := s.answered() - before; n != 3 {
					t.Errorf("the site was asked %d times for 3 choices", n)
				}
			})
			t.Run("cookies", func(t *testing.T) {
				// what is cut never makes the cache shy; what passes does
				for _, v := range append(visitors, login) {
					before := s.answered()
					v.checkPage(t, a.ask(v, http.MethodGet, "/page", navigation))
					if got, want := s.answered() > before, c.shy && v.name == "login"; got != want {
						t.Errorf("%s: the site was asked: %t, want %t", v.name, got, want)
					}
				}
			})
			t.Run("codings of a style sheet", func(t *testing.T) {
				before := s.answered()
				for _, coding := range []string{"gzip", "identity"} {
					for _, v := range visitors {
						x := a.ask(v, http.MethodGet, "/style", forStyle, []string{"Accept-Encoding", coding})
						body := decode(t, x.Header.Get("Content-Encoding"), x.body)
						if got := x.Header.Get("Content-Encoding") == "gzip"; got != (coding == "gzip") || body != sampleStyle {
							t.Errorf("%s asks for %s and gets gzip: %t, %.50q", v.name, coding, got, body)
						}
					}
				}
				want := 2
				if c.recodes {
					want = 1
				}
				if n := s.answered() - before; n != want {
					t.Errorf("the site was asked %d times, want %d", n, want)
				}
			})
			t.Run("parts of a film", func(t *testing.T) {
				a.ask(visitors[0], http.MethodGet, "/film", forFilm)
				before := s.answered()
				for _, v := range visitors {
					x := a.ask(v, http.MethodGet, "/film", forFilm, []string{"Range", "bytes=10-14", "If-Range", `"f1"`})
					if x.StatusCode != http.StatusPartialContent || x.body != "01234" || x.Header.Get("Content-Range") != "bytes 10-14/10000" {
						t.Errorf("%s: status %d, %q of %q", v.name, x.StatusCode, x.body, x.Header.Get("Content-Range"))
					}
					if x := a.ask(v, http.MethodGet, "/film", forFilm, []string{"If-None-Match", `"f1"`}); x.StatusCode != http.StatusNotModified {
						t.Errorf("%s: the film again: status %d", v.name, x.StatusCode)
					}
				}
				if n := s.answered() - before; n != 0 {
					t.Errorf("the site was asked %d times", n)
				}
			})
		})
	}
}

// waitFor waits for a state, with patience.
func waitFor(t *testing.T, state string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", state)
		}
	}
}
