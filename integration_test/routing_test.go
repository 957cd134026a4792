package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// leftovers is a Cookie header with one cookie that is necessary among others.
const leftovers = "django_language=en; _pk_id.1=stale; ads_id=stale; undeclared_x=stale"

func TestRoutingInFrontHidesNothing(t *testing.T) {
	proxy := "reverse_proxy " + thePortal(t).address + "\n"
	plain := "cookie_consent " + consent() + proxy
	under := "cookie_consent " + consent("path /app/cookie-consent") + proxy
	for _, c := range []struct {
		name, body string
		path       string // of a page of the site
		own        string // where the module's pages are
	}{
		{"nothing in front", plain, "/second", "/cookie-consent"},
		{"try_files", "root " + rootWith(t, "second") + "\ntry_files {path} /second\n" + plain, "/whatever", "/cookie-consent"},
		{"uri strip_prefix", "uri strip_prefix /app\n" + plain, "/app/second", "/cookie-consent"},
		{"uri strip_prefix of the own pages' place", "uri strip_prefix /app\n" + under, "/app/second", "/app/cookie-consent"},
		{"rewrite", "rewrite /second\n" + plain, "/whatever", "/cookie-consent"},
		{"handle_path", "handle_path /app/* {\n" + under + "}\n", "/app/second", "/app/cookie-consent"},
		{"handle", "handle /app/* {\n" + under + "}\n", "/app/second", "/app/cookie-consent"},
		{"handle without a matcher", "handle {\n" + plain + "}\n", "/second", "/cookie-consent"},
		{"route", "route {\n" + plain + "}\n", "/second", "/cookie-consent"},
		{"route behind a rewrite", "route {\nrewrite * /second\n" + plain + "}\n", "/whatever", "/cookie-consent"},
		{"a matcher", "cookie_consent /app/* " + consent() + proxy, "/app/second", "/cookie-consent"},
		{"a matcher in a route", "route {\ncookie_consent /app/* " + consent() + proxy + "}\n", "/app/second", "/cookie-consent"},
		{"a named matcher and a rewrite", "@app path /app/*\nrewrite /app/second\ncookie_consent @app " + consent() + proxy, "/app/whatever", "/cookie-consent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, "portal.localhost", "encode\n"+c.body)
			startCaddy(t, s)
			checkEnforced(t, s.url(c.path), "", "csrftoken")
			checkOwnPages(t, s.url(c.own))
			choice, _ := choose(t, s.url(c.own), acceptAll)
			checkEnforced(t, s.url(c.path), "; "+choice, "csrftoken _pk_id.1 ads_id")
		})
	}
}

// rootWith makes a directory with an empty file.
func rootWith(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkEnforced asks for a page with leftovers and a choice: the answer sets
// exactly the cookies in set, and the portal received only what is allowed.
func checkEnforced(t *testing.T, address, choice, set string) {
	t.Helper()
	before := len(thePortal(t).requests(t))
	a := get(t, address, "Cookie", leftovers+choice)
	allowed := nameSet("django_language", without(set, "csrftoken"))
	expired := ""
	for _, name := range []string{"_pk_id.1", "ads_id", "undeclared_x"} {
		if without(name, allowed) != "" {
			expired += " -" + name
		}
	}
	if got, want := a.setNames(), nameSet(set, expired); a.StatusCode != http.StatusOK || got != want {
		t.Errorf("%s answers %d and sets %q, want 200 and %q", address, a.StatusCode, got, want)
	}
	if got, want := strings.Contains(a.body, `id="cookie-consent"`), choice == ""; got != want {
		t.Errorf("%s has a banner: %t, want %t", address, got, want)
	}
	if got := cookieNames(thePortal(t).since(t, before)[0].Cookie); got != allowed {
		t.Errorf("for %s the portal received %q, want %q", address, got, allowed)
	}
}

// checkOwnPages asks for the module's pages under address.
func checkOwnPages(t *testing.T, address string) {
	t.Helper()
	before := len(thePortal(t).requests(t))
	for _, page := range []struct {
		path   string
		status int
		holds  string
	}{
		{"", http.StatusPermanentRedirect, ""},
		{"/", http.StatusOK, "_pk_id.*"},
		{"/state", http.StatusOK, `"unanswered"`},
		{"/policy.json", http.StatusOK, `"_pk_id.*"`},
		{"/nothing", http.StatusNotFound, "cookie"},
	} {
		if a := get(t, address+page.path); a.StatusCode != page.status || !strings.Contains(a.body, page.holds) {
			t.Errorf("%s%s answers %d, want %d with %q:\n%.300s", address, page.path, a.StatusCode, page.status, page.holds, a.body)
		}
	}
	if asked := len(thePortal(t).requests(t)) - before; asked != 0 {
		t.Errorf("the portal was asked for %d of the module's own pages", asked)
	}
}

func TestMatcherLeavesOtherPathsAlone(t *testing.T) {
	s := newSite(t, "portal.localhost", "encode\ncookie_consent /app/* "+consent()+"reverse_proxy "+thePortal(t).address+"\n")
	startCaddy(t, s)
	a := get(t, s.url("/second"), "Cookie", leftovers)
	if got, want := a.setNames(), "_pk_id.1 ads_id csrftoken undeclared_x"; got != want {
		t.Errorf("outside the matcher the answer sets %q, want %q", got, want)
	}
}

func TestErrorRouteHasTheVerdictOfTheFirstPass(t *testing.T) {
	s := newSite(t, "portal.localhost", `
		encode
		cookie_consent `+consent()+`
		error /broken "broken on purpose" 500
		respond "unreached"
		handle_errors {
			cookie_consent `+consent()+`
			header Content-Type "text/html; charset=utf-8"
			header +Set-Cookie "sessionid=a; Path=/"
			header +Set-Cookie "_pk_id.1=b; Path=/"
			header +Set-Cookie "ads_id=c; Path=/"
			header +Set-Cookie "undeclared_x=d; Path=/"
			respond "<!doctype html><html lang=en><body><h1>{err.status_code}</h1></body></html>"
		}
	`)
	startCaddy(t, s)
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	partial, _ := choose(t, s.url("/cookie-consent"), onlyStatistics)
	accepted, _ := choose(t, s.url("/cookie-consent"), acceptAll)
	for _, c := range []struct {
		name, cookie, set string
		banner            bool
	}{
		{"unanswered", "", "sessionid", true},
		{"refused", refused, "sessionid", false},
		{"partial", partial, "sessionid _pk_id.1", false},
		{"accepted", accepted, "sessionid _pk_id.1 ads_id", false},
	} {
		a := get(t, s.url("/broken"), "Cookie", c.cookie)
		if got, want := a.setNames(), nameSet(c.set); a.StatusCode != http.StatusInternalServerError || got != want {
			t.Errorf("%s: status %d sets %q, want 500 and %q", c.name, a.StatusCode, got, want)
		}
		if got := strings.Contains(a.body, `id="cookie-consent"`); got != c.banner || !strings.Contains(a.body, "<h1>500</h1>") {
			t.Errorf("%s: banner %t, want %t, in %.200q", c.name, got, c.banner, a.body)
		}
	}
}

func TestMatcherAndPlaceholders(t *testing.T) {
	s := newSite(t, "portal.localhost", `
		route {
			cookie_consent `+consent()+`
			@stats cookie_consent statistics
			@both cookie_consent statistics ads
			header @stats X-Statistics granted
			header @both X-Both granted
			respond "{http.cookie_consent.state}: {http.cookie_consent.granted}"
		}
	`)
	startCaddy(t, s)
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	partial, _ := choose(t, s.url("/cookie-consent"), onlyStatistics)
	accepted, _ := choose(t, s.url("/cookie-consent"), acceptAll)
	for _, c := range []struct{ name, cookie, gpc, want string }{
		{"unanswered", "", "", "unanswered: necessary [] []"},
		{"objecting by GPC", "", "1", "gpc: necessary [] []"},
		{"refused", refused, "", "answered: necessary [] []"},
		{"partial", partial, "", "answered: necessary, statistics [granted] []"},
		{"accepted", accepted, "", "answered: necessary, statistics, marketing [granted] [granted]"},
		{"accepted beats GPC", accepted, "1", "answered: necessary, statistics, marketing [granted] [granted]"},
	} {
		a := get(t, s.url("/"), "Cookie", c.cookie, "Sec-GPC", c.gpc)
		got := fmt.Sprint(a.body, " ", a.Header["X-Statistics"], " ", a.Header["X-Both"])
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
