package banner

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Who had chosen under the declaration of before is asked again by the one that is in
// force, and told what about. The rest of a choice stands.
func TestWhoIsAskedAgain(t *testing.T) {
	more := func(id, category string) func(*policy.Declaration) {
		return func(d *policy.Declaration) {
			d.Services = append(d.Services, policy.Service{ID: id, Category: category, Cookies: []policy.Cookie{{Name: id}}})
		}
	}
	for _, c := range []struct {
		name, choice string
		change       func(*policy.Declaration)
		state        policy.State
		granted      string // by then
		asks         string // purposes the banner names; "-": there is no banner
	}{
		{"accepted, and nothing has changed", "choice=accept_all", func(*policy.Declaration) {}, policy.Answered, "necessary, statistics, marketing, audience", "-"},
		{"accepted, and a purpose has one cookie more", "choice=accept_all", more("more", "statistics"), policy.Outdated, "necessary, marketing, audience", "Statistiques"},
		{"accepted, and only texts have changed", "choice=accept_all", func(d *policy.Declaration) { d.Services[1].Purpose = policy.Text{"fr": "autre"} }, policy.Answered, "necessary, statistics, marketing, audience", "-"},
		{"accepted, and a lifetime is shorter", "choice=accept_all", func(d *policy.Declaration) { d.Services[1].Cookies[0].Lifetime = day }, policy.Answered, "necessary, statistics, marketing, audience", "-"},
		{"accepted, and a lifetime is longer", "choice=accept_all", func(d *policy.Declaration) { d.Services[1].Cookies[0].Lifetime = 400 * day }, policy.Outdated, "necessary, marketing, audience", "Statistiques"},
		{"accepted, and there is a new purpose", "choice=accept_all", func(d *policy.Declaration) {
			d.Categories = append(d.Categories, policy.Category{ID: "media"})
			more("film", "media")(d)
		}, policy.Outdated, "necessary, statistics, marketing, audience", "Vidéos et contenus externes"},
		{"accepted, and the controller is another", "choice=accept_all", func(d *policy.Declaration) { d.Controller = "Région" }, policy.Outdated, "necessary, audience", "Statistiques, Publicité"},
		{"refused, and a purpose has one cookie more", "choice=refuse_all", more("more", "statistics"), policy.Answered, "necessary, audience", "-"},
		{"refused, and the controller is another", "choice=refuse_all", func(d *policy.Declaration) { d.Controller = "Région" }, policy.Answered, "necessary, audience", "-"},
		{"refused, and there is a new purpose", "choice=refuse_all", func(d *policy.Declaration) {
			d.Categories = append(d.Categories, policy.Category{ID: "media"})
			more("film", "media")(d)
		}, policy.Outdated, "necessary, audience", "Vidéos et contenus externes"},
		{"one purpose granted, and the refused one has changed", "choice=save&grant=statistics", more("more", "marketing"), policy.Answered, "necessary, statistics, audience", "-"},
		{"one purpose granted, and it has changed", "choice=save&grant=statistics", more("more", "statistics"), policy.Outdated, "necessary, audience", "Statistiques"},
		{"one service granted, and its purpose has one more", "choice=save&grant=matomo", more("more", "statistics"), policy.Outdated, "necessary, audience", "Statistiques"},
		{"objected, and the exempt measurement has one cookie more", "choice=refuse_all&object=audience", more("more", "audience"), policy.Answered, "necessary, audience", "-"},
		{"accepted, and what was granted is necessary now", "choice=accept_all", func(d *policy.Declaration) { d.Services[3].Category = "necessary" }, policy.Answered, "necessary, statistics, audience", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cookies := newSite(t, testConfig(t, declaration())).ask(t, post(c.choice, "Origin", "http://portal.example")).Cookies()
			d := declaration()
			c.change(&d)
			now := newSite(t, testConfig(t, d))
			r := httptest.NewRequest(http.MethodGet, "http://portal.example/page", nil)
			for _, cookie := range cookies {
				r.AddCookie(cookie)
			}
			v := now.Begin(r, "/page", false)
			if v.Standing.State != c.state || v.Granted() != c.granted {
				t.Errorf("it stands %s with %q granted, want %s with %q", v.Standing.State, v.Granted(), c.state, c.granted)
			}
			page := document(t, string(now.Insertion(nil, v, rewriter.Page{Lang: "fr"})))
			asking := all(page, "id", "cookie-consent")
			if len(asking) != 1 {
				if c.asks != "-" {
					t.Error("there is no banner")
				}
				return
			}
			if want := "Depuis votre dernier choix, "; c.asks == "-" || !strings.Contains(text(asking[0]), want) || !strings.Contains(text(asking[0]), c.asks+".") {
				t.Errorf("the banner says %q, want it to say %s… %s", text(asking[0]), want, c.asks)
			}
			charter := charter(t, now, "?lang=fr", cookies)
			if form := all(charter, "id", "cookie-consent-preferences"); len(form) != 1 || !strings.Contains(text(form[0]), c.asks+".") {
				t.Errorf("the preferences do not say what has changed: %s", c.asks)
			}
		})
	}
}
