package integration_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestCacheInFrontKeepsApart has one visitor's answer pass a cache in front, from
// where another would get it.
func TestCacheInFrontKeepsApart(t *testing.T) {
	public := []string{"Cache-Control", "public, max-age=60"}
	nginx := sharedCache{start: startNginxCache}
	const unanswered, refused, accepted = 0, 2, 4
	for _, c := range []struct {
		name     string
		cache    sharedCache
		line     string // of the module's block
		resource resource
		first    int // visitors and what they ask with
		asks     []string
		second   int
		wants    []string
		check    func(x answer) (got string)
		want     string
	}{
		{"a page that was asked for as an image", nginx, "", resource{headers: public}, refused, forImage, unanswered, navigation, loads, "banner"},
		{"an error page that was asked for as an image", nginx, "", resource{status: http.StatusNotFound, headers: public}, refused, forImage, unanswered, navigation, loads, "banner"},
		{"a page in a frame, where all is granted", nginx, "undeclared_hosts allow", resource{headers: public},
			accepted, []string{"Accept", "text/html", "Sec-Fetch-Dest", "iframe"}, unanswered, navigation, loads, "banner"},
		{"a page for a script, where all is granted", nginx, "undeclared_hosts allow", resource{headers: public},
			accepted, []string{"Accept", "text/html, */*", "HX-Request", "true"}, unanswered, navigation, loads, "banner"},
		{"a drawing that is shown after it was a part of a page", nginx, "", resource{kind: "image/svg+xml", body: "<svg/>", headers: public},
			refused, forImage, refused, navigation, policy, "some"},
		{"a worker that was a script", nginx, "", resource{kind: "text/javascript", body: "a=1", headers: public},
			refused, forScript, refused, []string{"Accept", "*/*", "Sec-Fetch-Dest", "worker"}, policy, "some"},
		{"data that varies by choice", nginx, "", resource{kind: "application/json", body: "{}", headers: append([]string{"Vary", "Cookie-Consent"}, public...)},
			accepted, byScript, refused, byScript, func(x answer) string { return x.Header.Get("X-Consent") }, "necessary"},
		{"a tracker under the site's own name", nginx, "service gtm {\nprovider x\npurpose fr x\ncategory marketing\nhost /a-tracker*\n}",
			resource{name: "a tracker", kind: "text/javascript", body: "a=1", headers: public}, accepted, forScript, refused, forScript,
			func(x answer) string { return x.Status }, "403 Forbidden"},
		{"cookies that were granted to somebody else", carelessNginx, "", resource{kind: "application/json", body: "{}", headers: append(public, siteCookies...)},
			accepted, byScript, refused, byScript, func(x answer) string { return without(x.setNames(), "sessionid") }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.resource.name == "" {
				c.resource.name = "a"
			}
			s := newCountedSite(t, c.resource)
			a := c.cache.inFront(t, s, c.line)
			visitors := newVisitors(t, a.address)
			a.ask(visitors[c.first], http.MethodGet, c.resource.path(), c.asks)
			if got := c.check(a.ask(visitors[c.second], http.MethodGet, c.resource.path(), c.wants)); got != c.want {
				t.Errorf("%q, want %q; the site was asked %d times", got, c.want, s.answered())
			}
		})
	}
}

// loads says what a page does for who has not answered.
func loads(x answer) string {
	var out []string
	if strings.Contains(x.body, ` src="https://stats.example`) {
		out = append(out, "third parties")
	}
	if strings.Contains(x.body, `id="cookie-consent"`) {
		out = append(out, "banner")
	}
	return strings.Join(out, " ")
}

func policy(x answer) string {
	if x.Header["Content-Security-Policy"] == nil {
		return "none"
	}
	return "some"
}

// TestCacheInFrontTargeted has a site that tells its own nginx, or a certain
// CDN, how long to keep a page: they believe that before Cache-Control.
func TestCacheInFrontTargeted(t *testing.T) {
	for _, name := range []string{
		"X-Accel-Expires", "Cloudflare-CDN-Cache-Control", "Akamai-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control", "Edge-Control",
	} {
		s := newCountedSite(t, resource{name: "page", headers: []string{name, "60"}})
		a := sharedCache{handler: true}.inFront(t, s)
		if x := a.ask(visitor{}, http.MethodGet, "/page", navigation); x.Header.Get(name) != "" {
			t.Errorf("%s: %q on a page that is private", name, x.Header.Get(name))
		}
	}
}
