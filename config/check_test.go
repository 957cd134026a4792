package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

var known = map[string]map[string]string{
	"en": {"accept_all": "Accept all", "refuse_all": "Reject all", "title": "Cookies on {site}", "dir": "ltr"},
	"fr": {"accept_all": "Tout accepter", "refuse_all": "Tout refuser", "title": "Les cookies de {site}", "dir": "ltr"},
}

// login is a service that makes any declaration complete.
const login = `{"id": "login", "category": "necessary", "ground": "authentication"}`

// site reads the JSON of a site.
func site(t *testing.T, text string) *config.Site {
	t.Helper()
	s := &config.Site{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// cookie is a site that declares one cookie.
func cookie(fields string) string {
	return `{"services": [` + login + `, {"id": "ads", "category": "marketing", "cookies": [{"name": "ok"}, {` + fields + `}]}]}`
}

// service is a site whose second service has these fields.
func service(fields string) string {
	return `{"services": [` + login + `, {` + fields + `}]}`
}

func category(fields string) string {
	return `{"services": [` + login + `], "categories": [{"id": "media"}, {` + fields + `}]}`
}

func with(fields string) string { return `{"services": [` + login + `], ` + fields + `}` }

func TestCheckNamesTheMistake(t *testing.T) {
	for _, c := range []struct{ name, json, path, message string }{
		{"mode", with(`"mode": "audit"`), "mode", `"audit" is not enforce or observe`},
		{"preset", with(`"preset": "us"`), "preset", `"us" is not fr, eu, de, it, es or uk`},
		{"undeclared cookies", with(`"undeclared_cookies": "deny"`), "undeclared_cookies", `"deny" is not block or allow`},
		{"undeclared hosts", with(`"undeclared_hosts": "deny"`), "undeclared_hosts", `"deny" is not block or allow`},
		{"global privacy control", with(`"global_privacy_control": "yes"`), "global_privacy_control", `"yes" is not on or off`},
		{"no transform", with(`"no_transform": "on"`), "no_transform", `"on" is not ignore or respect`},
		{"banner show", with(`"banner": {"show": "x"}`), "banner.show", `"x" is not auto, always or never`},
		{"banner position", with(`"banner": {"position": "x"}`), "banner.position", `"x" is not top, bottom, bottom-left or center`},
		{"manage link", with(`"banner": {"manage_link": "x"}`), "banner.manage_link", `"x" is not bottom-left, bottom-right or none`},
		{"signal", with(`"signals": ["matomo", "x"]`), "signals[1]", `"x" is not google_consent_mode`},
		{"language without texts", with(`"languages": ["fr", "tlh"]`), "languages[1]", `there are no texts in "tlh"; known are: en, fr`},
		{"language twice", with(`"languages": ["fr", "fr"]`), "languages[1]", `"fr" is offered twice`},
		{"path", with(`"path": "/a/"`), "path", `"/a/" must be an absolute path`},
		{"first party", with(`"first_party": ["a.example", "https://b.example"]`), "first_party[1]", `declared without https://`},
		{"preference cookie name", with(`"preference_cookie": {"name": "a b"}`), "preference_cookie.name", `"a b" is no cookie-name: unexpected ' '`},
		{"preference cookie name not ASCII", with(`"preference_cookie": {"name": "préférence"}`), "preference_cookie.name", `unexpected 'é'`},
		{"preference cookie pattern", with(`"preference_cookie": {"name": "a*"}`), "preference_cookie.name", `"a*" is a pattern`},
		{"preference cookie name too long", with(`"preference_cookie": {"name": "` + strings.Repeat("a", 41) + `"}`), "preference_cookie.name", "longer than 40 characters"},
		{"__Host- with domain, in any case", with(`"preference_cookie": {"name": "__hOST-a", "domain": "a.example"}`), "preference_cookie.domain", "a __Host- cookie cannot have a domain"},
		{"preference cookie domain", with(`"preference_cookie": {"domain": "::1"}`), "preference_cookie.domain", `"::1" is no domain name`},
		{"choice of a negative lifetime", with(`"preference_cookie": {"lifetime": -1}`), "preference_cookie.lifetime", "between a minute and 400 days"},
		{"choice kept too long", with(`"preference_cookie": {"lifetime": "401d"}`), "preference_cookie.lifetime", "between a minute and 400 days"},
		{"category without id", category(`"name": {"fr": "A"}`), "categories[1].id", `"" is no id`},
		{"category id reserved", category(`"id": "exempt"`), "categories[1].id", `"exempt" is a reserved word`},
		{"category twice", category(`"id": "media"`), "categories[1].id", `"media" is declared twice (first as a category)`},
		{"category name in an unknown language", category(`"id": "a", "name": {"xx": "A"}`), "categories[1].name.xx", `there are no texts in "xx"`},
		{"category description empty", category(`"id": "a", "description": {"fr": ""}`), "categories[1].description.fr", "the text is empty"},
		{"the first of two texts, by language", category(`"id": "a", "description": {"zz": "A", "xx": "A"}`), "categories[1].description.xx", `there are no texts in "xx"`},
		{"category of the site's own without name", category(`"id": "chat"`), "categories[1].name", `category "chat" needs a name in "fr"`},
		{"exemption of preferences", category(`"id": "preferences", "exempt": {}`), "categories[1].exempt", `"preferences" is none (R-1.11)`},
		{"exemption without retention", category(`"id": "statistics", "exempt": {"publisher_only": true, "no_cross_site": true, "ip_truncated": true}`), "categories[1].exempt", "data_retention is missing"},
		{"exemption with a negative retention", category(`"id": "statistics", "exempt": {"publisher_only": true, "no_cross_site": true, "ip_truncated": true, "data_retention": -1}`), "categories[1].exempt", "data_retention is missing"},
		{"service id malformed", service(`"id": "a.b"`), "services[1].id", `"a.b" is no id`},
		{"service id of a built-in category", service(`"id": "social"`), "services[1].id", `"social" is declared twice (first as a category)`},
		{"service twice", service(`"id": "login"`), "services[1].id", `"login" is declared twice (first as a service)`},
		{"service name", service(`"id": "a", "name": {"xx": "A"}`), "services[1].name.xx", "there are no texts"},
		{"service place", service(`"id": "a", "place": {"fr": " "}`), "services[1].place.fr", "the text is empty"},
		{"service purpose", service(`"id": "a", "purpose": {"": "A"}`), "services[1].purpose.", `there are no texts in ""`},
		{"service without category", service(`"id": "a"`), "services[1].category", `service "a" has no category`},
		{"unknown category", service(`"id": "a", "category": "chat"`), "services[1].category", `unknown category "chat"; known are: necessary,`},
		{"ground missing", service(`"id": "a", "category": "necessary"`), "services[1].category", "necessary needs its ground: tracker_choice,"},
		{"ground unknown", service(`"id": "a", "category": "necessary", "ground": "x"`), "services[1].ground", `unknown ground "x"`},
		{"ground without necessary", service(`"id": "a", "category": "media", "ground": "basket"`), "services[1].ground", "only necessary services have a ground"},
		{"policy", service(`"id": "a", "category": "media", "policy": "/privacy"`), "services[1].policy", `"/privacy" is no web address`},
		{"policy that is no address at all", service(`"id": "a", "category": "media", "policy": "https://%zz"`), "services[1].policy", "is no web address"},
		{"country", service(`"id": "a", "category": "media", "country": "USA"`), "services[1].country", `"USA" is no country code`},
		{"host", service(`"id": "a", "category": "media", "hosts": ["a.example", ""]`), "services[1].hosts[1]", "has no name"},
		{"host that matches everything", service(`"id": "a", "category": "media", "hosts": ["*."]`), "services[1].hosts[0]", "is no host name"},
		{"storage area", service(`"id": "a", "category": "media", "storage": [{"area": "x", "key": "k"}]`), "services[1].storage[0].area", `"x" is not local or session`},
		{"storage key", service(`"id": "a", "category": "media", "storage": [{"area": "local"}]`), "services[1].storage[0].key", "the key is empty"},
		{"inline", service(`"id": "a", "category": "media", "inline": ["x", " "]`), "services[1].inline[1]", "would match every script"},
		{"cookie without name", cookie(`"secure": true`), "services[1].cookies[1].name", "the cookie has no name"},
		{"cookie name", cookie(`"name": "a;b"`), "services[1].cookies[1].name", `unexpected ';'`},
		{"cookie name with a control character", cookie(`"name": "a\u007f"`), "services[1].cookies[1].name", `unexpected '\x7f'`},
		{"cookie purpose", cookie(`"name": "a", "purpose": {"xx": "A"}`), "services[1].cookies[1].purpose.xx", "there are no texts"},
		{"cookie lifetime", cookie(`"name": "a", "lifetime": "2 weeks"`), "services[1].cookies[1].lifetime", `"2 weeks" is no lifetime`},
		{"cookie lifetime below a second", cookie(`"name": "a", "lifetime": "1ms"`), "services[1].cookies[1].lifetime", `"1ms" is no lifetime`},
		{"cookie domain", cookie(`"name": "a", "domain": ".a.example"`), "services[1].cookies[1].domain", `".a.example" is no domain name`},
		{"cookie set by", cookie(`"name": "a", "set_by": "https://a.example"`), "services[1].cookies[1].set_by", "is no domain name"},
		{"same site", cookie(`"name": "a", "same_site": "Lax"`), "services[1].cookies[1].same_site", `"Lax" is not strict, lax or none`},
		{"same site none without secure", cookie(`"name": "a", "same_site": "none"`), "services[1].cookies[1].same_site", "same_site none needs secure"},
		{"partitioned without secure", cookie(`"name": "a", "partitioned": true`), "services[1].cookies[1].partitioned", "partitioned needs secure"},
		{"cookie path", cookie(`"name": "a", "path": "admin"`), "services[1].cookies[1].path", `"admin" is no cookie path`},
		{"__Host- cookie with a path", cookie(`"name": "__Host-a", "path": "/a"`), "services[1].cookies[1].name", "a __Host- cookie has no domain"},
		{"__Host- pattern with a domain", cookie(`"name": "__host-*", "domain": "a.example"`), "services[1].cookies[1].name", "a __Host- cookie has no domain"},
		{"cookie twice with other facts", cookie(`"name": "ok", "secure": true`), "services[1].cookies[1].name", `cookie "ok" is declared twice with different facts`},
		{"too many services", many("s%d", `{"id": "%s", "category": "media"}`, 256), "services", "257 services, at most 256"},
		{"nothing declared", `{}`, "services", "run `mode observe` first, then `caddy cookie-consent declare`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := site(t, c.json).WithDefaults().Check(known)
			var got *config.Problem
			if !errors.As(err, &got) {
				t.Fatalf("Check(%s) = %v, want a problem at %s", c.json, err, c.path)
			}
			if got.Path != c.path || !strings.Contains(got.Message, c.message) {
				t.Errorf("Check(%s) = %q at %s, want %q at %s", c.json, got.Message, got.Path, c.message, c.path)
			}
			if want := got.Path + ": " + got.Message; err.Error() != want {
				t.Errorf("Error() = %q, want %q", err, want)
			}
		})
	}
}

// many is a site with n services made of format.
func many(id, format string, n int) string {
	services := []string{login}
	for i := range n {
		services = append(services, fmt.Sprintf(format, fmt.Sprintf(id, i)))
	}
	return `{"services": [` + strings.Join(services, ",") + `]}`
}

func TestCheckRefusesMoreCategoriesThanAChoiceHolds(t *testing.T) {
	var categories, services []string
	for i := range 17 {
		categories = append(categories, fmt.Sprintf(`{"id": "c%d", "name": {"fr": "C"}}`, i))
		services = append(services, fmt.Sprintf(`{"id": "s%d", "category": "c%d"}`, i, i))
	}
	declare := func(n int) string {
		return `{"categories": [` + strings.Join(categories, ",") + `], "services": [` + strings.Join(services[:n], ",") + `]}`
	}
	if err := site(t, declare(16)).WithDefaults().Check(known); err != nil {
		t.Errorf("16 categories in use: %v", err)
	}
	err := site(t, declare(17)).WithDefaults().Check(known)
	if err == nil || !strings.Contains(err.Error(), "17 categories in use, at most 16") {
		t.Errorf("17 categories in use: error = %v", err)
	}
}

func TestCheckAccepts(t *testing.T) {
	for _, c := range []struct{ name, json string }{
		{"a service", with(`"mode": "enforce"`)},
		{"nothing, in observe mode", `{"mode": "observe"}`},
		{"nothing, with a charter file", `{"charter": ["charte.csv"]}`},
		{"nothing, where undeclared cookies pass", `{"undeclared_cookies": "allow"}`},
		{"the preference cookie among the declared ones", service(`"id": "choice", "category": "necessary", "ground": "tracker_choice", "cookies": [{"name": "cookies_preferences", "lifetime": "182d"}]`)},
		{"a third party's cookie with other facts", cookie(`"name": "ok", "set_by": "ads.example", "lifetime": "1d"`)},
		{"the same facts twice", cookie(`"name": "ok"`)},
		{"a longest choice", with(`"preference_cookie": {"lifetime": "400d"}`)},
		{"the shortest choice", with(`"preference_cookie": {"lifetime": "1m"}`)},
		{"exempt measurement", category(`"id": "statistics", "exempt": {"publisher_only": true, "no_cross_site": true, "ip_truncated": true, "data_retention": "760d"}`)},
		{"a path with odd letters", with(`"path": "/a.b-c_d~e/..f"`)},
		{"256 services", many("s%d", `{"id": "%s", "category": "media"}`, 255)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := site(t, c.json).WithDefaults().Check(known); err != nil {
				t.Errorf("Check(%s) = %v", c.json, err)
			}
		})
	}
}

func TestGlobalCheck(t *testing.T) {
	for _, c := range []struct{ name, json, want string }{
		{"nothing", `{}`, ""},
		{"off", `{"records": "off"}`, ""},
		{"sqlite", `{"records": "sqlite", "retention": "1825d"}`, ""},
		{"sqlite in a file", `{"records": "sqlite", "records_to": "proofs.db"}`, ""},
		{"postgres", `{"records": "postgres", "records_to": "host=localhost"}`, ""},
		{"unknown", `{"records": "mysql"}`, `records: "mysql" is not sqlite, postgres or off`},
		{"postgres without connection", `{"records": "postgres"}`, "records: postgres needs a connection string"},
		{"off into a file", `{"records": "off", "records_to": "proofs.db"}`, "records: off takes no file or connection string"},
		{"negative retention", `{"retention": -1}`, "retention: proofs are kept for a positive time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := text(global(t, c.json).Check())
			if got != c.want {
				t.Errorf("Check(%s) = %q, want %q", c.json, got, c.want)
			}
		})
	}
}

func global(t *testing.T, text string) *config.Global {
	t.Helper()
	g := &config.Global{}
	if err := json.Unmarshal([]byte(text), g); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return g
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
