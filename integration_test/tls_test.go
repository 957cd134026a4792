package integration_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// TestBehindATLSProxy puts a proxy that ends TLS in front of Caddy. What it says
// of the visitor's connection counts when it is trusted.
func TestBehindATLSProxy(t *testing.T) {
	for _, c := range []struct {
		name, options string
		secure        bool
	}{
		{"trusted", "servers {\ntrusted_proxies static 127.0.0.1/32\n}", true},
		{"not trusted", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := enforced(t, "portal.localhost")
			s.host = "" // whatever name the proxy passes on
			loadCaddyfile(t, caddyfile(options(t.TempDir(), c.options), s))
			front := terminateTLS(t, s)
			_, a := choose(t, front.URL+"/cookie-consent", acceptAll)
			for _, cookie := range a.Cookies() {
				if cookie.Name == "cookies_preferences" && cookie.Secure != c.secure {
					t.Errorf("the preference cookie is Secure: %t, want %t", cookie.Secure, c.secure)
				}
			}
		})
	}
}

// terminateTLS starts a proxy with a certificate of its own in front of a site.
func terminateTLS(t *testing.T, s site) *httptest.Server {
	t.Helper()
	target, err := url.Parse("http://127.0.0.1" + s.authority())
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	t.Cleanup(front.Close)
	return front
}
