package banner

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func charter(t *testing.T, s *site, query string, cookies []*http.Cookie) *html.Node {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/"+query, nil)
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	response := s.ask(t, r)
	if response.StatusCode != 200 {
		t.Fatalf("status %d", response.StatusCode)
	}
	return document(t, body(t, response))
}

func TestCharter(t *testing.T) {
	root := charter(t, newSite(t, testConfig(t, declaration())), "?return=/page", nil)
	said := text(root)
	for _, want := range []string{
		"Charte cookies de portal.example", "Qu'est-ce qu'un cookie ?", "Vous n'avez pas encore choisi", "Votre choix est conservé 6 mois",
		"Cookies nécessaires", "Cookies statistiques", "Cookies internes", "Cookies tiers", "conservées 25 mois", "Global Privacy Control",
		"Example Ads (politique", "enregistré nulle part",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the charter does not say %q", want)
		}
	}
	var rows []string
	for _, tr := range all(root, "element", "tr") {
		var cells []string
		for _, td := range all(tr, "element", "td") {
			cells = append(cells, text(td))
		}
		if len(cells) > 0 {
			rows = append(rows, strings.Join(cells, " | "))
		}
	}
	want := []string{
		`Opendatasoft | Authentification (front et back office) | sessionid | Se souvenir. | 14 jours | ce site | Non requis`,
		`Département <du> "Morbihan" | Choix concernant les cookies | cookies_preferences | Se souvenir de votre choix concernant les cookies. | 6 mois | ce site | Non requis (votre choix sur les traceurs)`,
		`Opendatasoft | matomo | _pk_id.* | Mesurer la fréquentation et comprendre l'usage du site. | 13 mois | ce site | Requis`,
		`Example Ads (politique de confidentialité), données transmises hors de l'EEE : US | ads | ads_id | Vous proposer des publicités et mesurer leur effet. | non précisée | ce site et Example Ads | Requis`,
		`Example Ads (politique de confidentialité), données transmises hors de l'EEE : US | ads | IDE, déposé par ads.example | Vous proposer des publicités et mesurer leur effet. | la session | Example Ads | Requis`,
	}
	if strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("tables:\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if back := all(root, "element", "a", "href", "/page"); len(back) != 1 {
		t.Error("no way back")
	}
}

func TestServicesWithoutCookiesAreListed(t *testing.T) {
	d := declaration()
	d.Services = append(d.Services,
		policy.Service{ID: "video", Category: "media", Hosts: []string{"*.video.example", "img.example"}},
		policy.Service{ID: "tags", Category: "marketing", Hosts: []string{"/gtm/*"}},
	)
	d.Categories = append(d.Categories, policy.Category{ID: "media"})
	s := newSite(t, testConfig(t, d))
	for _, row := range []struct{ kind, want string }{
		{"third_party", "video | video | aucun déclaré ; contenu chargé depuis *.video.example, img.example"},
		{"first_party", "tags | tags | aucun déclaré ; contenu chargé depuis /gtm/*"},
	} {
		table := all(charter(t, s, "", nil), "element", "div", "aria-labelledby", row.kind)
		var said []string
		for _, td := range all(table[0], "element", "td") {
			said = append(said, text(td))
		}
		if !strings.Contains(strings.Join(said, " | "), row.want) {
			t.Errorf("%s: %s, want %s", row.kind, strings.Join(said, " | "), row.want)
		}
	}
}

func TestNothingIsTickedAtFirst(t *testing.T) {
	root := charter(t, newSite(t, testConfig(t, declaration())), "", nil)
	if boxes := all(root, "type", "checkbox"); len(boxes) != 5 {
		t.Errorf("%d boxes, want statistics with two services, marketing, audience", len(boxes))
	}
	if ticked := all(root, "checked", ""); len(ticked) != 0 {
		t.Errorf("%d boxes are ticked", len(ticked))
	}
}

func TestTheFormShowsTheChoice(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	response := s.ask(t, post("choice=save&grant=marketing&grant=matomo&object=audience"))
	root := charter(t, s, "", response.Cookies())
	var ticked []string
	for _, box := range all(root, "checked", "") {
		name, _ := attribute(box, "name")
		value, _ := attribute(box, "value")
		ticked = append(ticked, name+"="+value)
	}
	if got, want := strings.Join(ticked, " "), "grant=matomo grant=marketing object=audience"; got != want {
		t.Errorf("ticked %q, want %q", got, want)
	}
	if !strings.Contains(text(root), "Votre choix du 23/11/2026 est appliqué.") {
		t.Error("the date of the choice is missing")
	}
}

func TestCharterInTheLanguageOfThePage(t *testing.T) {
	root := charter(t, newSite(t, testConfig(t, declaration())), "?lang=en", nil)
	if !strings.Contains(text(root), "Cookie charter of portal.example") || len(all(root, "element", "html", "lang", "en")) != 1 {
		t.Error("not in English")
	}
}

func TestOwnPagesLoadNothing(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	r := httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/", nil)
	response := s.ask(t, r)
	if csp := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'self'") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	root := document(t, body(t, response))
	for n := range root.Descendants() {
		for _, name := range []string{"src", "style", "onclick"} {
			if value, ok := attribute(n, name); ok {
				t.Errorf("<%s %s=%q>", n.Data, name, value)
			}
		}
		if n.Data == "script" || n.Data == "link" {
			t.Errorf("<%s>", n.Data)
		}
	}
}

func TestLimiter(t *testing.T) {
	var l Limiter
	client, neighbour, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("192.0.2.1")
	for i := range grantBurst {
		if !l.Allow(client) {
			t.Fatalf("grant %d was refused", i+1)
		}
	}
	if l.Allow(neighbour) {
		t.Error("a neighbour in the same /64 has an allowance of its own")
	}
	if !l.Allow(other) || !l.Allow(netip.MustParseAddr("::ffff:192.0.2.1")) {
		t.Error("another client was refused")
	}
	address := netip.MustParseAddr("10.0.0.0")
	for range maxClients + 10 {
		l.Allow(address)
		address = address.Next()
	}
	if len(l.clients) > maxClients {
		t.Errorf("%d clients are kept", len(l.clients))
	}
}
