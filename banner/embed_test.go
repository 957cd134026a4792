package banner

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func embedRequest(method, query string) *http.Request {
	return httptest.NewRequest(method, "http://portal.example/cookie-consent/embed?"+query, nil)
}

func TestPageBehindAStandIn(t *testing.T) {
	for _, row := range []struct {
		name, query, choice string // a choice made before
		status              int
		says, hides         []string
		asks                bool
	}{
		{"a declared service", "service=ads&return=/page%23map", "", 200, []string{
			"Contenu externe : Example Ads", "Example Ads recevra votre adresse IP", "Finalité : Vous proposer des publicités", "Catégorie : Publicité.",
			"hors de l'Espace économique européen : US", "Cookies déposés sur ce site par ce service : ads_id", "Politique de confidentialité",
			"changer d'avis à tout moment", "Autoriser Example Ads", "Revenir sans autoriser", "Charte cookies",
		}, []string{"IDE", "déjà autorisé", "Aucune transmission"}, true},
		{"in English", "service=ads&lang=en", "", 200, []string{"Content from Example Ads", "Allow Example Ads", "Go back without allowing it"}, nil, true},
		{"data stays in the EEA", "service=clarity", "", 200, []string{"Aucune transmission de données hors de l'Espace économique européen"}, []string{"Cookies déposés", "Politique de"}, true},
		{"refused before", "service=ads", "choice=refuse_all", 200, []string{"Autoriser Example Ads"}, nil, true},
		{"granted before", "service=ads&return=/page%23map", "choice=allow&grant=ads", 200, []string{"déjà autorisé", "Retour au site"}, []string{"Revenir sans"}, false},
		{"necessary", "service=login&return=/page%23map", "", 200, []string{"déjà autorisé"}, nil, false},
		{"exempt", "service=counter&return=/page%23map", "", 200, []string{"déjà autorisé"}, nil, false},
		{"objected to", "service=counter&return=/page%23map", "choice=save&object=audience", 200, []string{"Vous vous êtes opposé", "Charte cookies"}, []string{"déjà autorisé", "Gérer"}, false},
		{"a service nobody declared", "service=zz", "", 404, []string{"Ce site n'a pas déclaré d'où vient ce contenu"}, []string{"zz"}, false},
		{"no service", "", "", 404, []string{"Ce site n'a pas déclaré"}, nil, false},
		{"a category", "service=marketing", "", 404, nil, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, testConfig(t, declaration()))
			r := embedRequest(http.MethodGet, row.query)
			if row.choice != "" {
				for _, cookie := range s.ask(t, post(row.choice)).Cookies() {
					r.AddCookie(cookie)
				}
			}
			response := s.ask(t, r)
			if response.StatusCode != row.status {
				t.Fatalf("status %d, want %d", response.StatusCode, row.status)
			}
			if csp := response.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'self'") {
				t.Errorf("Content-Security-Policy = %q", csp)
			}
			root := document(t, body(t, response))
			said := text(root)
			for _, want := range row.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q: %s", want, said)
				}
			}
			for _, unwanted := range row.hides {
				if strings.Contains(said, unwanted) {
					t.Errorf("it says %q: %s", unwanted, said)
				}
			}
			forms := all(root, "element", "form", "method", "post", "action", "/cookie-consent/choice")
			if got := len(forms) == 1; got != row.asks {
				t.Fatalf("asks: %v, want %v", got, row.asks)
			}
			if row.asks && (len(all(forms[0], "element", "button", "name", "choice", "value", "allow")) != 1 || len(all(forms[0], "name", "grant")) != 1) {
				t.Error("the form does not allow one service")
			}
			if got := len(all(root, "element", "a", "href", "/page#map")); strings.Contains(row.query, "map") && got != 1 {
				t.Errorf("%d ways back", got)
			}
		})
	}
}

func TestPageBehindAStandInPostsWhatAllows(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	root := document(t, body(t, s.ask(t, embedRequest(http.MethodGet, "service=ads&return=/page%3Fa%3D1%23map&lang=en"))))
	form := "choice=allow"
	for _, input := range all(root, "element", "input") {
		name, _ := attribute(input, "name")
		value, _ := attribute(input, "value")
		form += "&" + name + "=" + strings.NewReplacer("?", "%3F", "#", "%23").Replace(value)
	}
	response := s.ask(t, post(form))
	if got := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || got != "/page?a=1#map" {
		t.Errorf("%q led to %d, %q", form, response.StatusCode, got)
	}
}

func TestPageBehindAStandInInAFrame(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for query, want := range map[string]int{"service=ads&frame=1": 1, "service=zz&frame=1": 1, "service=ads": 0, "service=zz": 0} {
		root := document(t, body(t, s.ask(t, embedRequest(http.MethodGet, query))))
		if got := len(all(root, "element", "base", "target", "_top")); got != want {
			t.Errorf("%s: %d elements lead out of the frame, want %d", query, got, want)
		}
	}
}

func TestPageBehindAStandInLeadsNowhereElse(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for _, target := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/a\"><script>", "/a#<script>"} {
		r := embedRequest(http.MethodGet, "service=ads&return="+strings.NewReplacer("#", "%23", "\"", "%22", "<", "%3C", ">", "%3E").Replace(target))
		for _, a := range all(document(t, body(t, s.ask(t, r))), "element", "a") {
			if href, _ := attribute(a, "href"); href != "/" && href != "/a" && href != "https://ads.example/privacy" && !strings.HasPrefix(href, "/cookie-consent/?lang=fr&return=") {
				t.Errorf("return=%s leads to %q", target, href)
			}
		}
	}
}

func TestMethodsOfThePageBehindAStandIn(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	get := s.ask(t, embedRequest(http.MethodGet, "service=ads"))
	head := s.ask(t, embedRequest(http.MethodHead, "service=ads"))
	if head.StatusCode != 200 || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") || body(t, head) != "" {
		t.Errorf("HEAD %d %v", head.StatusCode, head.Header)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodOptions} {
		if response := s.ask(t, embedRequest(method, "service=ads")); response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
}

func TestFragmentOfTheWayBack(t *testing.T) {
	const saved = "#cookie-consent-saved"
	for _, row := range []struct{ name, form, want string }{
		{"allowing goes back to the content", "choice=allow&grant=ads&return=/a%3Fb%23map-1", "/a?b#map-1"},
		{"an escaped one stays escaped", "choice=allow&grant=ads&return=/a%23%25C3%25A9%2520x", "/a#%C3%A9%20x"},
		{"without one", "choice=allow&grant=ads&return=/a", "/a" + saved},
		{"an empty one", "choice=allow&grant=ads&return=/a%23", "/a" + saved},
		{"other choices confirm", "choice=save&grant=ads&return=/a%23map", "/a" + saved},
		{"a refusal confirms", "choice=refuse_all&return=/a%23map", "/a" + saved},
		{"other characters", "choice=allow&grant=ads&return=/a%23x%22y", "/a" + saved},
		{"a line break", "choice=allow&grant=ads&return=/a%23x%0D%0Ay", "/a" + saved},
		{"two", "choice=allow&grant=ads&return=/a%23x%23y", "/a" + saved},
		{"half an escape", "choice=allow&grant=ads&return=/a%23x%25C", "/a" + saved},
		{"as long as may be", "choice=allow&grant=ads&return=/a%23" + strings.Repeat("x", 256), "/a#" + strings.Repeat("x", 256)},
		{"too long", "choice=allow&grant=ads&return=/a%23" + strings.Repeat("x", 257), "/a" + saved},
		{"of another site", "choice=allow&grant=ads&return=//evil.example/%23map", "/" + saved},
	} {
		response := newSite(t, testConfig(t, declaration())).ask(t, post(row.form))
		if got := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || got != row.want {
			t.Errorf("%s: %d to %q, want %q", row.name, response.StatusCode, got, row.want)
		}
	}
}

func TestComesBackTo(t *testing.T) {
	p := NewPages(testConfig(t, declaration()), nil)
	for _, row := range []struct{ name, referer, want string }{
		{"from the page behind a stand-in", "https://portal.example/cookie-consent/embed?service=ads&return=%2Fpage%3Fa%23map&lang=fr", "map"},
		{"from the same in a frame", "https://portal.example/cookie-consent/embed?service=ads&return=%2F%23cookie-consent-content-2&frame=1", "cookie-consent-content-2"},
		{"to an id with odd characters", "https://portal.example/cookie-consent/embed?return=%2F%23a%2520%2522%25C3%25A9%2522%2526", `a "é"&`},
		{"without an anchor", "https://portal.example/cookie-consent/embed?service=ads&return=%2Fpage", ""},
		{"without a way back", "https://portal.example/cookie-consent/embed?service=ads", ""},
		{"from the charter", "https://portal.example/cookie-consent/?return=%2F%23map", ""},
		{"from another path", "https://portal.example/a/cookie-consent/embed?return=%2F%23map", ""},
		{"to another site", "https://portal.example/cookie-consent/embed?return=%2F%2Fevil.example%23map", ""},
		{"to an anchor that is none", "https://portal.example/cookie-consent/embed?return=%2F%23%22x", ""},
		{"from nowhere", "", ""},
		{"no address", "://%zz/cookie-consent/embed?return=%2F%23map", ""},
	} {
		if got := p.ComesBackTo(row.referer); got != row.want {
			t.Errorf("%s: ComesBackTo(%q) = %q, want %q", row.name, row.referer, got, row.want)
		}
	}
}
