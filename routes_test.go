package cookieconsent

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestWarnsOfPagesThatLeaveUncompressed(t *testing.T) {
	const consents, encodes, site = `{"handler": "cookie_consent", "services": [{"id": "login", "category": "necessary", "ground": "authentication"}]}`,
		`{"handler": "encode", "encodings": {"gzip": {}}}`, `{"handler": "static_response"}`
	in := func(routes ...string) string {
		return `{"handler": "subroute", "routes": [` + strings.Join(routes, ",") + `]}`
	}
	at := func(host string, handlers ...string) string {
		return `{"match": [{"host": ["` + host + `"]}], "handle": [` + strings.Join(handlers, ",") + `]}`
	}
	for _, c := range []struct{ name, routes, want string }{
		{"encode before it, in its route", handle(encodes, consents, site), ""},
		{"encode before it, in a route before", handle(encodes) + "," + handle(consents) + "," + handle(site), ""},
		{"encode around it", handle(encodes, in(handle(consents))), ""},
		{"encode in a site", at("a.example", in(handle(encodes), handle(consents))), ""},
		{"no encode", at("a.example", consents, site), `["a.example"]`},
		{"encode behind it", at("a.example", in(handle(consents), handle(encodes), handle(site))), `["a.example"]`},
		{"encode in another site", at("a.example", in(handle(encodes))) + "," + at("b.example", in(handle(consents))), `["b.example"]`},
		{"no module", handle(site), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			takeLog()
			s.load(t, c.routes)
			log := takeLog()
			if got := strings.Contains(log, "uncompressed"); got != (c.want != "") || !strings.Contains(log, c.want) {
				t.Errorf("the log is %s, want %q", log, c.want)
			}
		})
	}
}

func TestOneHostHasOnePolicy(t *testing.T) {
	const other = `{"handler": "cookie_consent", "services": [{"id": "chat", "category": "media", "cookies": [{"name": "c"}]}]}`
	with := func(handler, settings string) string {
		return strings.Replace(handler, `"services"`, settings+`, "services"`, 1)
	}
	at := func(host, path, handler string) string {
		return `{"match": [{"host": ["` + host + `"], "path": ["` + path + `"]}], "handle": [` + handler + `]}`
	}
	for _, c := range []struct{ name, routes, want string }{
		{"one policy twice", at("a.example", "/x/*", declared) + "," + at("a.example", "/y/*", declared), ""},
		{"two hosts", at("a.example", "/*", declared) + "," + at("b.example", "/*", other), ""},
		{"two policies", at("a.example", "/x/*", declared) + "," + at("A.example", "/*", other), "a.example has two cookie_consent policies with pages under /cookie-consent: one host has one policy;"},
		{"two policies with one cookie", at("a.example", "/x/*", declared) + "," + at("a.example", "/*", with(other, `"path": "/y"`)), "a.example has two cookie_consent policies that keep their choice in cookies_preferences"},
		{"two policies with pages in one place", at("a.example", "/x/*", declared) + "," + at("a.example", "/*", with(other, `"preference_cookie": {"name": "c2"}`)), "a.example has two cookie_consent policies with pages under /cookie-consent"},
		{"two policies apart", at("a.example", "/x/*", declared) + "," + at("a.example", "/*", with(other, `"path": "/y", "preference_cookie": {"name": "c2"}`)), ""},
		{
			"two hosts below a wildcard",
			`{"match": [{"host": ["*.example"]}], "handle": [{"handler": "subroute", "routes": [` + at("a.example", "/*", declared) + "," + at("b.example", "/*", other) + `]}]}`, "",
		},
		{"two policies without a host", handle(declared) + "," + handle(other), "every host of server site has two cookie_consent policies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			t.Cleanup(func() { _ = caddy.Stop() })
			err := caddy.Load(s.config(c.routes), true)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
