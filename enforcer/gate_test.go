package enforcer

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestAddresses(t *testing.T) {
	base := address{secure: true, host: "www.example.fr", path: "/shop/cart"}
	for _, row := range []struct{ raw, host, port, path string }{
		{"", "www.example.fr", "", "/shop/cart"},
		{"x", "www.example.fr", "", "/shop/x"},
		{"?q=//a", "www.example.fr", "", "/shop/cart"},
		{"#//a", "www.example.fr", "", "/shop/cart"},
		{"../x/./y", "www.example.fr", "", "/x/y"},
		{"../../../x", "www.example.fr", "", "/x"},
		{"/%67tm/x", "www.example.fr", "", "/gtm/x"},
		{"/a//b", "www.example.fr", "", "/a/b"},
		{`\x`, "www.example.fr", "", "/x"},
		{"//a.example", "a.example", "", "/"},
		{`\\A.Example\x`, "a.example", "", "/x"},
		{`/\a.example/x?//b`, "a.example", "", "/x"},
		{"///a.example/x", "a.example", "", "/x"},
		{" \x00https://a.example/x\n", "a.example", "", "/x"},
		{"ht\ntps:\t//a.ex\ram\nple", "a.example", "", "/"},
		{"HTTPS:a.example", "www.example.fr", "", "/shop/a.example"},
		{"https:/a.example", "www.example.fr", "", "/a.example"},
		{"http:a.example/x", "a.example", "", "/x"},
		{"http:/a.example", "a.example", "", "/"},
		{"http://a.example:80", "a.example", "", "/"},
		{"https://a.example:443/", "a.example", "", "/"},
		{"https://a.example:0443/", "a.example", "", "/"},
		{"https://a.example:80/", "a.example", "80", "/"},
		{"wss://a.example/", "a.example", "", "/"},
		{"https://user:p@ss@a.example:8443/", "a.example", "8443", "/"},
		{"https://www.example.fr@a.example/", "a.example", "", "/"},
		{"https://a.example./", "a.example", "", "/"},
		{"https://%61.example/", "a.example", "", "/"},
		{"https://ａ.example/", "a.example", "", "/"},
		{"https://éa.example/", "xn--a-9fa.example", "", "/"},
		{"https://127.1/", "127.0.0.1", "", "/"},
		{"https://0x7f000001/", "127.0.0.1", "", "/"},
		{"https://0177.0.0.1/", "127.0.0.1", "", "/"},
		{"https://2130706433/", "127.0.0.1", "", "/"},
		{"https://1.2.3.4.example/", "1.2.3.4.example", "", "/"},
		{"https://[::1]:8080/", "[::1]", "8080", "/"},
		{"https://[0:0::1]/", "[::1]", "", "/"},
		{"data:text/html,//a.example", "", "", ""},
		{"javascript://a.example/%0a1", "", "", ""},
		{"about:blank", "", "", ""},
		{"blob:https://a.example/1", "", "", ""},
		{"mailto:a@a.example", "", "", ""},
		{"a.example:8080", "", "", ""}, // a scheme, to a browser
		{"1a:b", "www.example.fr", "", "/shop/1a:b"},
	} {
		var s splitter
		got, _ := s.resolve([]byte(row.raw), &base, true)
		if got.host != row.host || got.port != row.port || got.path != row.path {
			t.Errorf("%q: got %s port %q path %q, want %s port %q path %q", row.raw, got.host, got.port, got.path, row.host, row.port, row.path)
		}
	}
}

// loads is a site with third parties, and one under its own name.
func loads() policy.Declaration {
	d := declaration()
	d.FirstParty = []string{"cdn.example.net", "*.assets.example:8080"}
	d.Services = append(d.Services,
		policy.Service{ID: "video", Category: "marketing", Hosts: []string{"*.video.example", "www.shared.example/maps/*"}},
		policy.Service{ID: "stats", Category: "statistics", Hosts: []string{"/gtm/*", "stats.example.fr", "www.shared.example"}, Inline: []string{"_paq.push"}},
		policy.Service{ID: "fonts", Category: "necessary", Hosts: []string{"fonts.example"}},
	)
	return d
}

func TestWhatAPageMayLoad(t *testing.T) {
	for _, row := range []struct {
		name, address, base string
		service             string
		heldBy              string // of nothing granted, stats, video: those that hold
	}{
		{"a relative address", "/x", "", "", ""},
		{"the site itself", "https://www.example.fr/x", "", "", ""},
		{"the site on another port", "http://www.example.fr:8080/x", "", "", ""},
		{"the same registrable domain", "//static.example.fr/", "", "", ""},
		{"the registrable domain itself", "//example.fr/", "", "", ""},
		{"a look-alike", "//notexample.fr/", "", "", "- stats video"},
		{"a declared first party", "//cdn.example.net/x", "", "", ""},
		{"a declared first party on another port", "//a.assets.example/x", "", "", "- stats video"},
		{"undeclared", "//other.example/", "", "", "- stats video"},
		{"exempt", "//fonts.example/", "", "", ""},
		{"declared", "//www.video.example/v", "", "video", "- stats"},
		{"declared, without a label", "//video.example/v", "", "video", "- stats"},
		{"declared beats first party", "https://stats.example.fr/", "", "stats", "- video"},
		{"a path beats its host", "//www.shared.example/maps/x", "", "video", "- stats"},
		{"a host with other paths", "//www.shared.example/mapsx", "", "stats", "- video"},
		{"a path of the site's own", "/gtm/x.js", "", "stats", "- video"},
		{"the same in full", "https://www.example.fr/gtm/x.js", "", "stats", "- video"},
		{"the same in disguise", "../%67tm//x.js", "", "stats", "- video"},
		{"below a foreign base", "x.js", "//other.example/", "", "- stats video"},
		{"below a base of the site", "x.js", "/gtm/", "stats", "- video"},
		{"a data address", "data:,x", "//other.example/", "", ""},
	} {
		e := newEnforcer(t, loads())
		for _, granted := range []string{"-", "stats", "video"} {
			ids := []string{}
			if granted != "-" {
				ids = append(ids, granted)
			}
			v := begin(e, visitor(t, e, ids))
			g := v.gate()
			if row.base != "" {
				g.Base(row.base)
			}
			service, held := g.Holds([]byte(row.address))
			want := slices.Contains(strings.Fields(row.heldBy), granted)
			if held != want || service != row.service {
				t.Errorf("%s with %s granted: held %v for %q, want %v for %q", row.name, granted, held, service, want, row.service)
			}
		}
	}
}

func TestWithoutRegistrableDomainOnlyTheHostIsFirstParty(t *testing.T) {
	e := newEnforcer(t, loads())
	for _, row := range []struct {
		host, address string
		held          bool
	}{
		{"localhost", "//localhost:81/", false}, {"localhost", "//other.localhost/", true},
		{"127.0.0.1", "//127.0.0.1:81/", false}, {"127.0.0.1", "//127.0.0.2/", true},
		{"co.uk", "//example.co.uk/", true}, {"a.localhost", "//b.a.localhost/", false}, {"a.localhost", "//b.localhost/", true},
		{"me.github.io", "//you.github.io/", true}, {"[::1]:80", "//[::1]/", false}, {"[::1]", "//[::2]/", true},
	} {
		r := visitor(t, e, nil)
		r.Host = row.host
		v := begin(e, r)
		if _, held := v.gate().Holds([]byte(row.address)); held != row.held {
			t.Errorf("on %s, %s: held %t, want %t", row.host, row.address, held, row.held)
		}
		if policy := v.contentPolicy(&v.Standing.Grants); row.host == "localhost" && (strings.Contains(policy, "*.localhost") || !strings.Contains(policy, " localhost:*")) {
			t.Errorf("policy on localhost: %s", policy)
		}
	}
}

func TestTrackersUnderTheSitesName(t *testing.T) {
	e := newEnforcer(t, loads())
	for _, row := range []struct {
		path string
		want bool
	}{{"/gtm/x", true}, {"/gtm/", true}, {"/gtm", false}, {"//gtm//x", true}, {"/a/../gtm/x", true}, {"/GTM/x", false}, {"/", false}} {
		if got := begin(e, visitor(t, e, nil)).HoldsRequest(row.path); got != row.want {
			t.Errorf("%s: %v, want %v", row.path, got, row.want)
		}
		if begin(e, visitor(t, e, []string{"stats"})).HoldsRequest(row.path) {
			t.Errorf("%s is held back with the service granted", row.path)
		}
	}
}

func TestNothingIsLeftToHoldBack(t *testing.T) {
	d := loads()
	d.AllowUndeclaredHosts = true
	e := newEnforcer(t, d)
	if begin(e, visitor(t, e, []string{"stats"})).gate() == nil {
		t.Error("video is refused, and nothing is held back")
	}
	if begin(e, visitor(t, e, []string{"stats", "video"})).gate() != nil {
		t.Error("something is held back, and all is granted")
	}
}
