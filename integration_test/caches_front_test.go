package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// trusting has Caddy believe the proxies of this machine.
const trusting = "servers {\ntrusted_proxies static private_ranges\n}"

// inFrontOf starts a server in front of s, and returns where visitors find it.
func inFrontOf(t *testing.T, s site, start func(t *testing.T, upstream string) string) string {
	t.Helper()
	_, port, _ := strings.Cut(start(t, fmt.Sprintf("127.0.0.1:%d", s.port)), ":")
	return s.host + ":" + port
}

// inFront starts a Caddy with the module, and a cache between it and visitors.
func (c sharedCache) inFront(t *testing.T, s *countedSite, lines ...string) asker {
	t.Helper()
	body := "encode\ncookie_consent " + consent(append(lines, hostServices)...) + "reverse_proxy " + s.address + "\n"
	order := ""
	if c.handler {
		body, order = "test_cache\n"+body, "order test_cache before cookie_consent"
	}
	served := newSite(t, "portal.localhost", body)
	loadCaddyfile(t, caddyfile(options(t.TempDir(), trusting, order), served))
	if c.handler {
		return newAsker(t, served.url(""))
	}
	return newAsker(t, "http://"+inFrontOf(t, served, c.start))
}

var (
	carelessNginx   = sharedCache{name: "careless nginx", start: startCarelessNginx, alwaysWhole: true}
	carelessVarnish = sharedCache{name: "careless Varnish", start: startCarelessVarnish}
	frontCaches     = []sharedCache{
		{name: "nginx", start: startNginxCache, careful: true, alwaysWhole: true},
		carelessNginx,
		{name: "Varnish", start: startVarnish, careful: true, shy: true},
		carelessVarnish,
		{name: "handler", handler: true, careful: true},
	}
)

// siteCookies are set by answers that set some.
var siteCookies = []string{"Set-Cookie", "sessionid=a; Path=/", "Set-Cookie", "_pk_id.1=b; Path=/", "Set-Cookie", "ads_id=c; Path=/"}

// publicPages are documents whose site lets everybody keep them.
var publicPages = []resource{
	{name: "public", headers: []string{"Cache-Control", "public, max-age=60", "ETag", `"v1"`}},
	{name: "immutable", headers: []string{"Cache-Control", "max-age=31536000, immutable"}},
	{name: "for shared caches", headers: []string{"Cache-Control", "s-maxage=60"}},
	{name: "for shared caches, on two lines", headers: []string{"Cache-Control", "public", "Cache-Control", "S-MaxAge=60"}},
	{name: "with Expires", headers: []string{"Expires", "Thu, 31 Dec 2099 23:59:59 GMT"}},
	{name: "with Surrogate-Control", headers: []string{"Surrogate-Control", "max-age=60", "Cache-Control", "max-age=60"}},
	{name: "with CDN-Cache-Control", headers: []string{"CDN-Cache-Control", "max-age=60", "Cache-Control", "max-age=60"}},
	{name: "with X-Accel-Expires", headers: []string{"X-Accel-Expires", "60", "Cache-Control", "max-age=60"}},
	{name: "with a date", headers: []string{"Last-Modified", someDate}},
	{name: "nothing said"},
	{name: "stale while revalidate", headers: []string{"Cache-Control", "public, max-age=60, stale-while-revalidate=600, stale-if-error=600", "ETag", `"v1"`}},
	{name: "that varies", headers: []string{"Cache-Control", "public, max-age=60", "Vary", "Accept-Encoding"}},
	{name: "that varies by choice", headers: []string{"Cache-Control", "public, max-age=60", "Vary", "Cookie-Consent"}},
	{name: "coded", coded: "always", headers: []string{"Cache-Control", "public, max-age=60", "ETag", `"v1"`}},
	{name: "with cookies", headers: append([]string{"Cache-Control", "public, max-age=60"}, siteCookies...)},
	{name: "not found", status: http.StatusNotFound, headers: []string{"Cache-Control", "public, s-maxage=60"}},
	{name: "gone", status: http.StatusGone, headers: []string{"Cache-Control", "public, max-age=60"}},
	{name: "broken", status: http.StatusInternalServerError, headers: []string{"Cache-Control", "public, max-age=60"}},
	{name: "moved with cookies", status: http.StatusFound, headers: append([]string{"Cache-Control", "public, max-age=60", "Location", "/public"}, siteCookies...)},
	{name: "moved with cookies, without a page", status: http.StatusFound, kind: noKind, headers: append([]string{"Cache-Control", "public, max-age=60", "Location", "/public"}, siteCookies...)},
	{name: "moved", status: http.StatusMovedPermanently, headers: []string{"Cache-Control", "public, max-age=60", "Location", "/public"}},
	{name: "drawing", kind: "image/svg+xml", body: "<svg xmlns='http://www.w3.org/2000/svg'><circle r='9'/></svg>", headers: []string{"Cache-Control", "public, max-age=60"}},
	{name: "in XHTML", kind: "application/xhtml+xml", headers: []string{"Cache-Control", "public, max-age=60"}},
	{name: "in a wide charset", kind: "text/html; charset=utf-16", headers: []string{"Cache-Control", "public, max-age=60"}},
}

// publicParts are what pages are made of.
var publicParts = []struct {
	resource
	asked []string
}{
	{resource{name: "style", kind: "text/css", body: "p{}", headers: []string{"Cache-Control", "public, max-age=60", "ETag", `"s1"`}}, forStyle},
	{resource{name: "script", kind: "text/javascript", body: "a=1", headers: []string{"Cache-Control", "public, max-age=31536000, immutable"}}, forScript},
	{resource{name: "image", kind: "image/png", body: pixel, headers: []string{"Cache-Control", "max-age=60, stale-while-revalidate=60", "Last-Modified", someDate}}, forImage},
	{resource{name: "drawing", kind: "image/svg+xml", body: "<svg/>", headers: []string{"Cache-Control", "s-maxage=60"}}, forImage},
	{resource{name: "font", kind: "font/woff2", body: "wOF2", headers: []string{"Expires", "Thu, 31 Dec 2099 23:59:59 GMT"}}, forFont},
	{resource{name: "data", kind: "application/json", body: "{}", headers: []string{"Cache-Control", "public, max-age=60", "Surrogate-Control", "max-age=60", "CDN-Cache-Control", "max-age=60"}}, byScript},
	{resource{name: "data for a program", kind: "application/json", body: "{}", headers: []string{"Cache-Control", "public, s-maxage=60"}}, byOpenScript},
	{resource{name: "film", kind: "video/mp4", body: "0123456789", headers: []string{"Cache-Control", "public, max-age=60", "ETag", `"f1"`}}, forFilm},
	{resource{name: "no style", status: http.StatusNotFound, kind: "text/plain", body: "none", headers: []string{"Cache-Control", "public, max-age=60"}}, forStyle},
}

// cachingFields say who may keep an answer and for how long.
var cachingFields = []string{"Cache-Control", "Expires", "Surrogate-Control", "CDN-Cache-Control", "Vary", "ETag", "Last-Modified", "Set-Cookie"}

// TestCacheInFront has a cache between visitors and the module. Nothing that was
// made for one visitor reaches another, while what is the same for all is shared.
func TestCacheInFront(t *testing.T) {
	for _, c := range frontCaches {
		t.Run(c.name, func(t *testing.T) {
			all := append([]resource(nil), publicPages...)
			for _, part := range publicParts {
				part.name = "part " + part.name
				all = append(all, part.resource)
			}
			s := newCountedSite(t, all...)
			a := c.inFront(t, s)
			visitors := newVisitors(t, a.address)
			for _, page := range publicPages {
				t.Run("page "+page.name, func(t *testing.T) { c.checkPrivate(t, a, s, page, visitors) })
			}
			for _, part := range publicParts {
				part.name = "part " + part.name
				t.Run(part.name, func(t *testing.T) {
					c.checkShared(t, a, s, part.resource, part.asked, visitors)
					c.checkExpiring(t, a, s, part.resource, part.asked, visitors)
				})
			}
			t.Run("a page comes back", func(t *testing.T) {
				for _, path := range []string{"/public", "/with-a-date"} {
					checkComesBack(t, a, visitors, path, c.alwaysWhole)
				}
			})
			t.Run("pages of our own", func(t *testing.T) { c.checkOwn(t, a, s, visitors) })
		})
	}
}

// tour has every visitor come right after every one, themselves too.
func tour(visitors []visitor) (all []visitor) {
	for i, v := range visitors {
		all = append(all, v, v)
		for _, other := range visitors[i+1:] {
			all = append(all, other, v)
		}
	}
	return all
}

// checkPrivate has visitors ask for a page one after the other: each gets an
// answer of their own.
func (c sharedCache) checkPrivate(t *testing.T, a asker, s *countedSite, page resource, visitors []visitor) {
	t.Helper()
	document := page.kind != noKind
	if !document && !c.careful {
		return // a site that lets such answers be shared has its cookies shared
	}
	status := max(page.status, http.StatusOK)
	ask := func(v visitor, method string) {
		x := a.ask(v, method, page.path(), navigation)
		if got, latest := x.Header.Get("X-Number"), fmt.Sprint(s.answered()); got != latest {
			t.Errorf("%s, %s: gets answer %s, where their own is %s", method, v.name, got, latest)
		}
		if got := x.Header.Get("Cache-Control"); document && !strings.HasPrefix(got, "private") {
			t.Errorf("%s, %s: Cache-Control: %q", method, v.name, got)
		}
		if set := page.sets(v); x.StatusCode != status || x.setNames() != set {
			t.Errorf("%s, %s: status %d sets %q, want %d and %q", method, v.name, x.StatusCode, x.setNames(), status, set)
		}
		if document {
			v.checkPolicy(t, x)
		}
		if page.kind == "" && method == http.MethodGet {
			v.checkPage(t, x)
		}
	}
	for _, v := range visitors {
		ask(v, http.MethodHead)
	}
	for _, v := range tour(visitors) {
		ask(v, http.MethodGet)
	}
}

// sets lists the cookies that v is to get.
func (r *resource) sets(v visitor) string {
	set := v.expires
	if slices.Contains(r.headers, "Set-Cookie") {
		set = nameSet(set, "sessionid")
		for category, name := range map[string]string{"statistics": "_pk_id.1", "marketing": "ads_id"} {
			if strings.Contains(v.granted, category) {
				set = nameSet(set, name)
			}
		}
	}
	return set
}

// shares reports whether the cache has copies for what v asks for.
func (c sharedCache) shares(v visitor) bool {
	return !c.shy || len(v.headers) == 0 || v.headers[0] != "Cookie"
}

// checkShared has all visitors ask for one part of a page: it is asked of the
// site once, and says what the site says.
func (c sharedCache) checkShared(t *testing.T, a asker, s *countedSite, part resource, asked []string, visitors []visitor) {
	t.Helper()
	before := s.answered()
	want := 1
	for range 2 {
		for _, v := range visitors {
			if v.expires != "" {
				continue
			}
			if !c.shares(v) {
				want++
			}
			part.checkSame(t, v, a.ask(v, http.MethodGet, part.path(), asked, []string{"Accept-Encoding", "identity"}), c)
		}
	}
	if n := s.answered() - before; n != want {
		t.Errorf("the site was asked %d times, want %d", n, want)
	}
}

// checkSame tells whether an answer is the site's.
func (r *resource) checkSame(t *testing.T, v visitor, a answer, c sharedCache) {
	t.Helper()
	said := http.Header{}
	for i := 0; i+1 < len(r.headers); i += 2 {
		said.Add(r.headers[i], r.headers[i+1])
	}
	for _, name := range cachingFields {
		if got, want := a.Header.Get(name), said.Get(name); got != want {
			t.Errorf("%s: %s: %q, want %q", v.name, name, got, want)
		}
	}
	if a.body != r.body {
		t.Errorf("%s: the body is %.50q", v.name, a.body)
	}
}

// checkExpiring has the visitor with leftovers ask first. What they get expires
// these, and is theirs alone; what the next one gets is for all.
func (c sharedCache) checkExpiring(t *testing.T, a asker, s *countedSite, part resource, asked []string, visitors []visitor) {
	t.Helper()
	for i, v := range visitors {
		path := part.path() + "?" + fmt.Sprint(i)
		encoding := []string{"Accept-Encoding", "identity"}
		leftovers := visitors[len(visitors)-1]
		first := a.ask(leftovers, http.MethodGet, path, asked, encoding)
		if first.setNames() != leftovers.expires || !strings.HasPrefix(first.Header.Get("Cache-Control"), "private") || first.body != part.body {
			t.Errorf("the first answer sets %q, want %q: Cache-Control: %q", first.setNames(), leftovers.expires, first.Header.Get("Cache-Control"))
		}
		if v.expires != "" || !c.shares(v) {
			continue
		}
		part.checkSame(t, v, a.ask(v, http.MethodGet, path, asked, encoding), c)
		second := s.answered()
		part.checkSame(t, visitors[0], a.ask(visitors[0], http.MethodGet, path, asked, encoding), c)
		if s.answered() != second {
			t.Errorf("after %s, who has no leftovers, the site is asked again", v.name)
		}
	}
}

// checkOwn asks for the module's own pages, which are each visitor's own, and for
// what the choice is kept in.
func (c sharedCache) checkOwn(t *testing.T, a asker, s *countedSite, visitors []visitor) {
	t.Helper()
	_, x := choose(t, a.address+"/cookie-consent", refuseAll)
	for _, cookie := range x.Cookies() {
		if cookie.MaxAge >= 0 && cookie.Secure == c.handler {
			t.Errorf("%s is Secure: %t", cookie.Name, cookie.Secure)
		}
	}
	x = a.ask(visitors[0], http.MethodGet, "/public?own", navigation)
	if proto, host := x.Header.Get("X-Proto"), x.Header.Get("X-Host"); proto != "https" && !c.handler || "http://"+host != a.address {
		t.Errorf("the site is asked by %s as %s", proto, host)
	}
	for _, first := range visitors {
		for _, v := range []visitor{first, visitors[0], visitors[4]} {
			state := a.ask(v, http.MethodGet, "/cookie-consent/state", byScript)
			var granted string
			for _, id := range strings.Split(v.granted, ", ") {
				granted += `"` + id + `",`
			}
			if !strings.Contains(strings.ReplaceAll(state.body, " ", ""), strings.TrimSuffix(granted, ",")+"]") {
				t.Errorf("%s after %s is told %s", v.name, first.name, state.body)
			}
			for _, path := range []string{"/cookie-consent/", "/cookie-consent/state", "/cookie-consent/embed?service=posters&return=/public"} {
				if x := a.ask(v, http.MethodGet, path, navigation); x.StatusCode != http.StatusOK || x.setNames() != v.expires || x.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s for %s: status %d sets %q: Cache-Control: %q", path, v.name, x.StatusCode, x.setNames(), x.Header.Get("Cache-Control"))
				}
			}
		}
	}
}

// TestCacheInFrontGoesStale has the site break down, with copies that may be
// served for a while after that: a page is never one of them.
func TestCacheInFrontGoesStale(t *testing.T) {
	const aSecond = "public, max-age=1, stale-while-revalidate=600, stale-if-error=600"
	for _, c := range []sharedCache{carelessNginx, carelessVarnish} {
		t.Run(c.name, func(t *testing.T) {
			s := newCountedSite(t,
				resource{name: "page", headers: []string{"Cache-Control", aSecond, "ETag", `"v1"`}},
				resource{name: "style", kind: "text/css", body: sampleStyle, headers: []string{"Cache-Control", aSecond, "ETag", `"s1"`}},
			)
			a := c.inFront(t, s)
			visitors := newVisitors(t, a.address)
			for _, v := range visitors {
				v.checkPage(t, a.ask(v, http.MethodGet, "/page", navigation))
				a.ask(v, http.MethodGet, "/style", forStyle)
			}
			// a visitor with leftovers has it looked after: the copy of all others stays theirs
			leftovers := visitors[len(visitors)-1]
			before := s.answered()
			waitFor(t, "the style sheet is asked for again", func() bool {
				a.ask(leftovers, http.MethodGet, "/style", forStyle)
				return s.answered() > before
			})
			for _, v := range visitors[:len(visitors)-1] {
				x := a.ask(v, http.MethodGet, "/style", forStyle)
				if x.setNames() != "" || x.Header.Get("Cache-Control") != aSecond || x.body != sampleStyle {
					t.Errorf("%s gets the style sheet of the visitor before: it sets %q: Cache-Control: %q", v.name, x.setNames(), x.Header.Get("Cache-Control"))
				}
			}

			s.breakDown()
			before = s.answered()
			waitFor(t, "the style sheet is stale", func() bool {
				x := a.ask(visitors[0], http.MethodGet, "/style", forStyle)
				if x.StatusCode != http.StatusOK {
					t.Fatalf("the style sheet is not kept for when the site breaks down: status %d", x.StatusCode)
				}
				return s.answered() > before
			})
			for _, v := range visitors {
				if x := a.ask(v, http.MethodGet, "/page", navigation); x.StatusCode != http.StatusInternalServerError || !strings.Contains(x.body, "broken") {
					t.Errorf("%s gets a page from before the site broke down: status %d", v.name, x.StatusCode)
				}
			}
		})
	}
}
