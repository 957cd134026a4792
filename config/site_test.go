package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestWithDefaultsLeavesNothingOut(t *testing.T) {
	got := (&config.Site{}).WithDefaults()
	want := &config.Site{
		Mode: "enforce", Preset: "fr", Path: "/cookie-consent", Languages: []string{"fr", "en"},
		UndeclaredCookies: "block", UndeclaredHosts: "block", GlobalPrivacyControl: "on", NoTransform: "ignore",
		PreferenceCookie: &config.PreferenceCookie{Name: "cookies_preferences", Lifetime: caddy.Duration(182 * 24 * time.Hour)},
		Banner:           &config.Banner{Show: "auto", Position: "top", CharterTable: "full", ManageLink: "bottom-left"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("WithDefaults() = %+v, want %+v", got, want)
	}
}

func TestWithDefaultsKeepsWhatIsSet(t *testing.T) {
	const text = `{"mode": "observe", "preset": "de", "path": "/c", "languages": ["en"], "undeclared_cookies": "allow",
		"undeclared_hosts": "allow", "global_privacy_control": "off", "no_transform": "respect",
		"preference_cookie": {"name": "c", "lifetime": "1d", "domain": "a.example"},
		"banner": {"show": "never", "position": "center", "charter_table": "short", "manage_link": "none", "theme": {"accent": "red"}}}`
	if got, want := site(t, text).WithDefaults(), site(t, text); !reflect.DeepEqual(got, want) {
		t.Errorf("WithDefaults() = %+v, want %+v", got, want)
	}
}

func TestWithDefaultsLeavesItsInputAlone(t *testing.T) {
	for _, text := range []string{`{}`, `{"preference_cookie": {}, "banner": {}}`, `{"preference_cookie": {"name": "c"}, "banner": {"show": "never"}}`} {
		s := site(t, text)
		s.WithDefaults()
		if want := site(t, text); !reflect.DeepEqual(s, want) {
			t.Errorf("after WithDefaults, %s is %+v", text, s)
		}
	}
}

func TestDeclarationOrdersCategories(t *testing.T) {
	s := site(t, with(`"categories": [
		{"id": "chat", "name": {"fr": "Messagerie"}},
		{"id": "statistics", "name": {"fr": "Mesure"}},
		{"id": "audio", "name": {"fr": "Sons"}},
		{"id": "necessary", "description": {"fr": "Requis"}}]`)).WithDefaults()
	var got []string
	for _, c := range s.Declaration().Categories {
		got = append(got, c.ID+":"+c.Name["fr"]+c.Description["fr"])
	}
	want := []string{"necessary:Requis", "preferences:", "statistics:Mesure", "marketing:", "media:", "social:", "chat:Messagerie", "audio:Sons"}
	if !slices.Equal(got, want) {
		t.Errorf("categories = %q, want %q", got, want)
	}
}

func TestDeclarationCarriesEveryFact(t *testing.T) {
	s := site(t, `{"controller": "B", "undeclared_cookies": "allow",
		"preference_cookie": {"name": "c", "lifetime": "200d", "domain": "a.example"},
		"categories": [{"id": "statistics", "exempt": {"publisher_only": true, "no_cross_site": true, "ip_truncated": true, "data_retention": "760d"}}],
		"services": [{"id": "a", "provider": "A", "name": {"fr": "N"}, "place": {"fr": "P"}, "purpose": {"fr": "Q"},
			"category": "necessary", "ground": "basket", "policy": "https://a.example", "country": "US",
			"cookies": [{"name": "c1", "purpose": {"fr": "R"}, "lifetime": "1d", "domain": "a.example", "path": "/x", "secure": true,
				"http_only": true, "same_site": "none", "partitioned": true, "set_by": "b.example"},
				{"name": "c2", "lifetime": "session"}, {"name": "c3"}],
			"storage": [{"area": "local", "key": "k"}], "hosts": ["b.example"], "inline": ["_paq"]}]}`).WithDefaults()
	const day = 24 * time.Hour
	got := s.Declaration()
	if c := got.Categories[2]; !c.Exempt || c.DataRetention != 760*day {
		t.Errorf("statistics = %+v, want it exempt, with its retention", c)
	}
	got.Categories = nil
	want := policy.Declaration{
		Controller: "B", AllowUndeclared: true,
		Preference: policy.Preference{Name: "c", Lifetime: 200 * day, Domain: "a.example"},
		Services: []policy.Service{{
			ID: "a", Provider: "A", Name: policy.Text{"fr": "N"}, Place: policy.Text{"fr": "P"}, Purpose: policy.Text{"fr": "Q"},
			Category: "necessary", Ground: "basket", PolicyURL: "https://a.example", Country: "US",
			Cookies: []policy.Cookie{
				{
					Name: "c1", Purpose: policy.Text{"fr": "R"}, Lifetime: policy.Lifetime(day), Domain: "a.example", Path: "/x",
					Secure: true, HTTPOnly: true, SameSite: "none", Partitioned: true, ThirdParty: "b.example",
				},
				{Name: "c2", Lifetime: policy.Session},
				{Name: "c3"},
			},
			Storage: []policy.StorageKey{{Area: "local", Key: "k"}}, Hosts: []string{"b.example"}, Inline: []string{"_paq"},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Declaration() = %+v\nwant %+v", got, want)
	}
}

func TestWarnings(t *testing.T) {
	const exempt = `"publisher_only": true, "no_cross_site": true, "ip_truncated": true`
	measuring := func(retention string) string {
		return `{"services": [{"id": "matomo", "category": "statistics"}],
			"categories": [{"id": "statistics", "exempt": {` + exempt + `, "data_retention": "` + retention + `"}}]}`
	}
	for _, c := range []struct {
		name, json string
		want       []string // beginnings
	}{
		{"a plain declaration", with(`"mode": "enforce"`), nil},
		{"a choice of six months", with(`"preference_cookie": {"lifetime": "182d"}`), nil},
		{"a shorter choice", with(`"preference_cookie": {"lifetime": "181d"}`), []string{"preference_cookie.lifetime: visitors who refused are asked again after 181 days, sooner"}},
		{"undeclared cookies pass", with(`"undeclared_cookies": "allow"`), []string{"undeclared_cookies: "}},
		{"no-transform is respected", with(`"no_transform": "respect"`), []string{"no_transform: "}},
		{"measurements kept 25 months", measuring("760d"), nil},
		{"measurements kept longer", measuring("761d"), []string{"categories[0].exempt.data_retention: exempt measurements are kept longer than 25 months"}},
		{"a category without service", with(`"categories": [{"id": "media"}]`), []string{`categories[0]: no service belongs to category "media"`}},
		{"a text in each language", service(`"id": "a", "category": "media", "name": {"fr": "A", "en": "A"}`), nil},
		{"a text in the only language", `{"languages": ["en"], "services": [{"id": "a", "category": "media", "name": {"en": "A"}}]}`, nil},
		{
			"texts missing in a further language", service(`"id": "a", "category": "media", "name": {"fr": "A"}, "place": {"fr": "A"}, "cookies": [{"name": "c", "purpose": {"fr": "A"}}]`),
			[]string{`services[1].name: no text in "en", so its readers see the one in "fr" (3 such texts)`},
		},
		{
			"a text missing in the default language", cookie(`"name": "c", "purpose": {"en": "A"}`),
			[]string{`services[1].cookies[1].purpose: no text in "fr", the default language, so its readers see none (1 such texts)`},
		},
		{
			"several at once", `{"undeclared_cookies": "allow", "preference_cookie": {"lifetime": "1d"}, "categories": [{"id": "media", "description": {"fr": "A"}}]}`,
			[]string{"preference_cookie.lifetime: ", "undeclared_cookies: ", "categories[0].description: ", "categories[0]: "},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := site(t, c.json).WithDefaults().Warnings()
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("Warnings(%s) = %q, want %q", c.json, got, c.want)
			}
		})
	}
}
