package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// The charter of the first site, as it is published and as its bare table, declares
// its four cookies. Ground and lifetime come from the catalogue, which knows them by
// provider and name, and a warning asks to confirm that they need no consent.
func TestTheCharterOfAPortalAsItStands(t *testing.T) {
	const file = "../policy/charter/testdata/portal.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	published := string(data)
	const want = "opendatasoft-login=necessary authentication sessionid:14d\n" +
		"opendatasoft-language=necessary interface django_language:365d\n" +
		"opendatasoft-csrf=necessary security csrftoken:365d\n" +
		"opendatasoft-choice=necessary tracker_choice cookies_preferences:182d"
	for name, text := range map[string]string{"as it is published": published, "the bare table": published[strings.Index(published, "Nom du prestataire"):]} {
		full := whole(t, &config.Site{Charter: []string{"charte"}}, map[string]string{"charte": text})
		if got := ids(full); got != want {
			t.Errorf("%s declares\n%s\nwant\n%s", name, got, want)
		}
		if s := full.Services[0]; s.Name["fr"] != "Authentification" || s.Place["fr"] != "front et back office" || s.Cookies[0].Purpose["fr"] != "Se souvenir de l'utilisateur d'une page à une autre." {
			t.Errorf("%s: its words are %+v", name, s)
		}
		if warnings := full.Warnings(); len(warnings) == 0 || !strings.Contains(strings.Join(warnings, "\n"), `"opendatasoft-login" needs no consent (authentication) on the catalogue's word`) {
			t.Errorf("%s: warnings %q", name, warnings)
		}
	}
}

// Three further layouts, as sites publish them.
func TestFurtherChartersAsTheyStand(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"a newer portal, in English, with lifetimes",
			"supplier\tcookie name\tduration\tfunction\nHuwise\tsessionid\t2 weeks\tKeep the user logged in.\nHuwise\tcsrftoken\tup to 12 months\tSecure forms.\nHuwise\tcookies_preferences\t6 months\tRemember the choice.\nHuwise\tdjango_language\t12 months\tRemember the language.\n",
			"opendatasoft-login=necessary authentication sessionid:14d\nopendatasoft-csrf=necessary security csrftoken:365d\nopendatasoft-choice=necessary tracker_choice cookies_preferences:182d\nopendatasoft-language=necessary interface django_language:365d",
		},
		{
			"a town, in Markdown, by purpose",
			"## Cookies de mesure d'audience\n\n| Fournisseur | Nom | Durée de conservation | Finalité |\n|---|---|---|---|\n| Matomo | `_pk_id*` | 13 mois | Compter les visiteurs |\n| Matomo | `_pk_ses*` | 30 minutes | Relier les pages d'une visite |\n\n## Cookies de réseaux sociaux\n\n| Fournisseur | Nom | Durée de conservation | Finalité |\n|---|---|---|---|\n| Exemple Social | `es_share` | session | Partager la page |\n",
			"matomo-statistics=statistics _pk_id*:395d _pk_ses*:30m\nexemple-social=social es_share:session",
		},
		{
			"a shop, in CSV, with a category column and a third party",
			"Type de cookie,Prestataire,Nom du cookie,Durée,Déposé par,Motif\nStrictement nécessaire,Boutique,panier,session,,panier\nPublicité,Google,IDE,13 mois,doubleclick.net,\nPersonnalisation,Boutique,derniers_vus,30 jours,,\n",
			"boutique-necessary=necessary basket panier:session\nSERVICE=marketing IDE:395d\nboutique-preferences=preferences derniers_vus:30d",
		},
	} {
		full := whole(t, &config.Site{Charter: []string{"charte"}}, map[string]string{"charte": c.text})
		got, want := ids(full), c.want
		if strings.Contains(want, "SERVICE") {
			want = strings.Replace(want, "SERVICE", full.Services[1].ID, 1)
			if full.Services[1].Cookies[0].SetBy != "doubleclick.net" {
				t.Errorf("%s: %+v", c.name, full.Services[1])
			}
		}
		if got != want {
			t.Errorf("%s declares\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// What the catalogue knows of a service's origins comes along where consent is asked
// for it, or the site names the service itself.
func TestOriginsOfTheCatalogue(t *testing.T) {
	const rows = "Provider;Service;Cookie;Category;Ground\nGoogle;Google Analytics;_ga;%s\n"
	const exempt = `{"categories": [{"id": "statistics", "exempt": {"publisher_only": true, "no_cross_site": true, "ip_truncated": true, "data_retention": "30d"}}]}`
	for _, c := range []struct {
		name, site, category string
		want                 bool
	}{
		{"a row of what is asked for", `{}`, "statistics;", true},
		{"a row of what is necessary", `{}`, "necessary;security", false},
		{"a row of exempt measurement", exempt, "statistics;", false},
		{"a service that is named", `{"services": [{"id": "google-analytics", "category": "necessary", "ground": "security"}]}`, "necessary;security", true},
	} {
		s := site(t, c.site)
		s.Charter = []string{"c"}
		full := whole(t, s, map[string]string{"c": strings.Replace(rows, "%s", c.category, 1)})
		if got := len(full.Services[0].Hosts) > 0; got != c.want || full.Services[0].ID != "google-analytics" {
			t.Errorf("%s: %s with hosts %q", c.name, full.Services[0].ID, full.Services[0].Hosts)
		}
	}
}

// A name alone makes nothing necessary: neither that of a service that
// the catalogue knows, nor that of one which the site declares.
func TestNamesMakeNothingNecessary(t *testing.T) {
	const noCategory = "has no category: a cookie is declared for a purpose"
	for _, c := range []struct{ name, site, charter, want string }{
		{"a known service, an unknown cookie", `{}`, "Provider,Service,Cookie\nAcme,Stripe,track_me\n", noCategory},
		{"a known provider, an unknown cookie", `{}`, "Provider,Cookie\nDjango,track_me\n", noCategory},
		{"functional, of a known service", `{}`, "Provider,Service,Cookie,Category\nAcme,PHP,track_me,Functional\n", "necessary needs its ground"},
		{"beside a row that is known", `{}`, "Provider,Service,Cookie\nDSF,Django,sessionid\nDSF,Django,track_me\n", noCategory},
		{
			"the name of a service that the site declares", `{"services": [{"id": "acme", "category": "necessary", "ground": "security", "cookies": [{"name": "sid"}]}]}`,
			"Provider,Cookie\nAcme,track_me\n", noCategory,
		},
		{"the name of a necessary row", `{}`, "Provider,Cookie,Category,Ground\nAcme,sid,necessary,security\nAcme,track_me,,\n", noCategory},
		{"the id of a row that is known", `{}`, "ID,Provider,Cookie,Hosts\n,Cloudflare,__cf_bm,\ncloudflare,Cloudflare,_tracker,evil.example\n", "has no category of its own"},
		{"an id made up, beside a row that is known", `{}`, "ID,Provider,Cookie\nfoo,Cloudflare,__cf_bm\nfoo,Cloudflare,_tracker\n", "has no category of its own"},
		{
			"a known row joins a service without category", `{"services": [{"id": "cloudflare", "hosts": ["evil.example"]}]}`,
			"Provider,Cookie\nCloudflare,__cf_bm\n", "has no category of its own",
		},
		{"an id of the catalogue, with an unknown cookie", `{"services": [{"id": "square", "cookies": [{"name": "track_me"}]}]}`, "", `service "square" has no category`},
		{"an id of the catalogue, with an unknown host", `{"services": [{"id": "stripe", "hosts": ["tracker.example"]}]}`, "", `service "stripe" has no category`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, c.site)
			if c.charter != "" {
				s.Charter = []string{"c"}
			}
			full, err := s.WithDefaults().Expand(reader(map[string]string{"c": c.charter}))
			if err == nil {
				err = full.Check(known)
			}
			if !strings.Contains(text(err), c.want) {
				t.Errorf("got %q, want %q", text(err), c.want)
			}
		})
	}
	full := whole(t, site(t, `{"services": [{"id": "square", "provider": "Ville", "category": "necessary", "ground": "authentication", "cookies": [{"name": "sid"}]}]}`), nil)
	if hosts := full.Services[0].Hosts; len(hosts) > 0 {
		t.Errorf("a service of somebody else's with an id of the catalogue loads from %q", hosts)
	}
	full = whole(t, &config.Site{Charter: []string{"c"}}, map[string]string{"c": "ID,Provider,Cookie,Category\nyoutube,,,\nacme,Acme,c,marketing\n"})
	if got := full.Services[0]; got.ID != "youtube" || len(got.Cookies) == 0 || got.Category != "media" {
		t.Errorf("a row of an id alone declares %+v", got)
	}
}
