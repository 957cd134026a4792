package cookieconsent

import (
	"strings"
	"testing"
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
