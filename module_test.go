package cookieconsent

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// declared is a handler's JSON: one service that is exempt, two that are asked for.
const declared = `{"handler": "cookie_consent", "services": [
	{"id": "login", "category": "necessary", "ground": "authentication", "cookies": [{"name": "sessionid"}]},
	{"id": "matomo", "category": "statistics", "cookies": [{"name": "_pk_id.*"}]},
	{"id": "ads", "category": "marketing", "cookies": [{"name": "ads_id"}]}]}`

// page is the handlers of a site that sets three cookies on a page that shows
// what it was told of the choice.
const page = `{"handler": "headers", "response": {"set": {
		"Content-Type": ["text/html; charset=utf-8"], "Set-Cookie": ["sessionid=1", "_pk_id.1=2", "forgotten=3"]}}},
	{"handler": "static_response",
		"body": "<!doctype html><html lang=fr><head><title>T</title></head><body><p>{http.request.header.Cookie-Consent}|{http.cookie_consent.state}|{http.cookie_consent.granted}|{http.request.header.Cookie}</p></body></html>"}`

func TestHandlerFromJSON(t *testing.T) {
	s := newSite(t)
	s.load(t, handle(declared, page))

	answer := s.get(t, "/", "sessionid=1; ads_id=2; forgotten=3")
	if !strings.Contains(answer.body, "<p>necessary|unanswered|necessary|sessionid=1</p>") {
		t.Errorf("before a choice, the site is told %q", answer.body)
	}
	if got, want := setCookies(answer), "sessionid=1"; got != want {
		t.Errorf("before a choice, the site sets %q, want %q", got, want)
	}

	choice := s.choose(t, "accept_all")
	if choice.StatusCode != http.StatusSeeOther || choice.preference == "" {
		t.Fatalf("accept_all: status %d, cookies %q", choice.StatusCode, choice.Header["Set-Cookie"])
	}
	answer = s.get(t, "/", choice.preference+"; ads_id=2; forgotten=3")
	const granted = "necessary, statistics, marketing"
	if !strings.Contains(answer.body, "<p>"+granted+"|answered|"+granted+"|ads_id=2</p>") {
		t.Errorf("after accept_all, the site is told %q", answer.body)
	}
	if got, want := setCookies(answer), "sessionid=1 _pk_id.1=2"; got != want {
		t.Errorf("after accept_all, the site sets %q, want %q", got, want)
	}
	if state := s.state(t, choice.preference); state != "answered" {
		t.Errorf("state = %q, want answered", state)
	}
	if charter := s.get(t, "/cookie-consent/", ""); charter.StatusCode != http.StatusOK || !strings.Contains(charter.body, "ads_id") {
		t.Errorf("the charter: status %d", charter.StatusCode)
	}
}

// setCookies lists what an answer sets, deletions aside.
func setCookies(a *answer) string {
	var names []string
	for _, c := range a.Cookies() {
		if c.MaxAge >= 0 && (c.Expires.IsZero() || c.Expires.Year() > 2000) {
			names = append(names, c.Name+"="+c.Value)
		}
	}
	return strings.Join(names, " ")
}

func TestMistakesInJSONNameTheirPath(t *testing.T) {
	handler := func(fields string) string {
		return handle(`{"handler": "cookie_consent", ` + fields + `}`)
	}
	const login = `{"id": "login", "category": "necessary", "ground": "authentication"}`
	for _, c := range []struct{ name, routes, want string }{
		{"unknown category", handler(`"services": [` + login + `, {"id": "a", "category": "x"}]`), `services[1].category: unknown category "x"`},
		{"cookie", handler(`"services": [{"id": "a", "category": "media", "cookies": [{"name": "a", "lifetime": "x"}]}]`), `services[0].cookies[0].lifetime: "x" is no lifetime`},
		{"declared twice", handler(`"services": [` + login + `, ` + login + `]`), `services[1].id: "login" is declared twice`},
		{"word", handler(`"mode": "x", "services": [` + login + `]`), `mode: "x" is not enforce or observe`},
		{"nothing declared", handler(`"site": "A"`), "services: nothing is declared"},
		{"more hosts than a policy can name", handler(`"services": [{"id": "a", "category": "media", "hosts": [` + manyHosts(200) + `]}]`), "services: with every service granted, the hosts make a Content-Security-Policy of"},
		{"unknown field", handler(`"service": []`), `unknown field "service"`},
		{"the matcher with no id", `{"match": [{"cookie_consent": []}], "handle": [` + page + `]}`, "cookie_consent: no category or service is named"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := newSite(t).validate(t, c.routes); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

// manyHosts is a JSON list, without its brackets.
func manyHosts(n int) string {
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf(`"host-%d.example"`, i)
	}
	return strings.Join(hosts, ", ")
}

func TestManyHostsNeedNoPolicyWhereUndeclaredOnesPass(t *testing.T) {
	handler := `{"handler": "cookie_consent", "undeclared_hosts": "allow", "services": [{"id": "a", "category": "media", "hosts": [` + manyHosts(200) + `]}]}`
	if err := newSite(t).validate(t, handle(handler)); err != nil {
		t.Error(err)
	}
}

func TestTrackersUnderTheSitesNameAreHeldBack(t *testing.T) {
	s := newSite(t)
	s.load(t, handle(`{"handler": "cookie_consent", "services": [{"id": "tags", "category": "marketing", "hosts": ["/gtm/*"]}]}`,
		`{"handler": "rewrite", "uri": "/gtm{http.request.uri}"}`, page))
	for _, path := range []string{"/gtm/x.js", "//gtm/x.js", "/%67tm/x.js", "/a/../gtm/x.js"} {
		if got := s.get(t, path, ""); got.StatusCode != http.StatusForbidden || got.Header.Get("Cache-Control") != "no-store" || strings.Contains(got.body, "<p>") {
			t.Errorf("%s: status %d, %s", path, got.StatusCode, got.body)
		}
	}
	choice := s.choose(t, "accept_all")
	if got := s.get(t, "/gtm/x.js", choice.preference); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "<p>") {
		t.Errorf("granted: status %d, %s", got.StatusCode, got.body)
	}
	if got := s.get(t, "/x", ""); got.StatusCode != http.StatusOK {
		t.Errorf("what is rewritten behind the handler is the site's affair: status %d", got.StatusCode)
	}
}

func TestGlobalMistakesInJSON(t *testing.T) {
	for _, c := range []struct{ name, app, want string }{
		{"unknown kind of records", `{"records": "mysql"}`, `records: "mysql" is not sqlite, postgres or off`},
		{"negative retention", `{"retention": -1}`, "retention: proofs are kept for a positive time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.app = c.app
			if err := s.validate(t, handle(declared)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
	s := newSite(t)
	s.app = `{"records": "off"}`
	if err := s.validate(t, handle(declared)); err != nil {
		t.Errorf("records off: %v", err)
	}
}

func TestTwoHandlersOnOneRequestInsertOneBanner(t *testing.T) {
	for _, c := range []struct{ name, routes string }{
		{"in one route", handle(declared, declared, page)},
		{"in two routes", handle(declared) + "," + handle(declared, page)},
		{"one within the other", handle(declared, `{"handler": "subroute", "routes": [`+handle(declared, page)+`]}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.load(t, c.routes)
			got := s.get(t, "/", "sessionid=1; forgotten=2")
			if n := strings.Count(got.body, `role="dialog"`); n != 1 {
				t.Errorf("%d banners in %s", n, got.body)
			}
			if !strings.Contains(got.body, "necessary|unanswered|necessary|sessionid=1<") {
				t.Errorf("the site is told %s", got.body)
			}
			if got, want := setCookies(got), "sessionid=1"; got != want {
				t.Errorf("the site sets %q, want %q", got, want)
			}
		})
	}
}

func TestMatchConsent(t *testing.T) {
	matched := func(ids string) string {
		return `{"match": [{"cookie_consent": [` + ids + `]}], "handle": [{"handler": "static_response", "body": "matched"}]}`
	}
	first := handle(declared) + ","
	for _, c := range []struct{ name, routes, choice, want string }{
		{"nothing matches without the handler", matched(`"necessary"`), "", ""},
		{"nothing matches before the handler", matched(`"necessary"`) + "," + handle(declared), "accept_all", ""},
		{"what is necessary matches before any choice", first + matched(`"necessary"`), "", "matched"},
		{"a category waits for its grant", first + matched(`"statistics"`), "", ""},
		{"a category matches once granted", first + matched(`"statistics"`), "accept_all", "matched"},
		{"a refused category does not match", first + matched(`"statistics"`), "refuse_all", ""},
		{"a service matches once granted", first + matched(`"matomo"`), "save&grant=matomo", "matched"},
		{"all ids must be granted", first + matched(`"statistics", "marketing"`), "save&grant=matomo", ""},
		{"all ids are granted", first + matched(`"statistics", "ads", "login"`), "accept_all", "matched"},
		{"an unknown id never matches", first + matched(`"chat"`), "accept_all", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.load(t, c.routes)
			cookie := ""
			if c.choice != "" {
				cookie = s.choose(t, c.choice).preference
			}
			if got := s.get(t, "/", cookie).body; got != c.want {
				t.Errorf("body = %q, want %q", got, c.want)
			}
		})
	}
}

// request is a request as a Caddy server hands it to its handlers.
func request(client any, trusted bool) *http.Request {
	vars := map[string]any{caddyhttp.ClientIPVarKey: client, caddyhttp.TrustedProxyVarKey: trusted}
	r := httptest.NewRequest(http.MethodPost, "/cookie-consent/choice", nil)
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
}

func TestMayGrant(t *testing.T) {
	for _, c := range []struct {
		name    string
		client  any
		trusted bool
		limited bool
	}{
		{"a public client", "203.0.113.7", false, true},
		{"a public client over IPv6", "2001:db8::7", false, true},
		{"a public client behind a trusted proxy", "203.0.113.7", true, true},
		{"a private client behind a trusted proxy", "192.168.1.7", true, true},
		{"a private peer, perhaps a proxy", "10.0.0.7", false, false},
		{"a private peer, mapped to IPv6", "::ffff:10.0.0.7", false, false},
		{"a unique local peer", "fd00::7", false, false},
		{"a link-local peer with a zone", "fe80::7%eth0", false, false},
		{"a loopback peer", "127.0.0.1", false, false},
		{"a peer without address, as on a socket", "@", false, false},
		{"no address at all", nil, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &Handler{app: &App{shared: &shared{}, logger: zap.NewNop()}}
			const tries = 2000
			granted := 0
			for granted < tries && h.mayGrant(request(c.client, c.trusted)) {
				granted++
			}
			if limited := granted < tries; limited != c.limited || granted < 200 {
				t.Errorf("%d of %d grants, want limited to a burst of 200: %v", granted, tries, c.limited)
			}
		})
	}
}

func TestGrantsAreLimitedByClientBehindATrustedProxy(t *testing.T) {
	s := newSite(t)
	s.server = `"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]}, "trusted_proxies_unix": true,`
	s.load(t, handle(declared))
	grant := func(client, choice string) int {
		r := s.choiceRequest(t, choice)
		r.Header.Set("X-Forwarded-For", client)
		return s.do(t, r).StatusCode
	}
	const tries = 1000
	granted := 0
	for granted < tries && grant("203.0.113.7", "accept_all") == http.StatusSeeOther {
		granted++
	}
	if granted < 200 || granted == tries {
		t.Errorf("%d of %d grants of one client, want a burst of 200", granted, tries)
	}
	if got := s.lastStatus; got != http.StatusTooManyRequests {
		t.Errorf("the grant too many: status %d, want 429", got)
	}
	if got := grant("203.0.113.8", "accept_all"); got != http.StatusSeeOther {
		t.Errorf("another client's grant: status %d, want 303", got)
	}
	if got := grant("203.0.113.7", "refuse_all"); got != http.StatusSeeOther {
		t.Errorf("the same client's refusal: status %d, want 303", got)
	}
}

func TestSecure(t *testing.T) {
	for _, c := range []struct {
		name    string
		tls     bool
		proto   string
		trusted bool
		want    bool
	}{
		{"plain", false, "", false, false},
		{"TLS here", true, "", false, true},
		{"TLS here, whatever a client says", true, "http", false, true},
		{"TLS before a trusted proxy", false, "https", true, true},
		{"TLS before the first of several", false, "https , http", true, true},
		{"plain before a trusted proxy", false, "http", true, false},
		{"plain before the first of several", false, "http, https", true, false},
		{"a client that says so", false, "https", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("203.0.113.7", c.trusted)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			r.Header.Set("X-Forwarded-Proto", c.proto)
			if got := secure(r); got != c.want {
				t.Errorf("secure = %v, want %v", got, c.want)
			}
		})
	}
}

func TestModulesAreRegistered(t *testing.T) {
	for _, id := range []string{"http.handlers.cookie_consent", "http.matchers.cookie_consent", "cookie_consent"} {
		if _, err := caddy.GetModule(id); err != nil {
			t.Error(err)
		}
	}
}

func TestHandlerJSONIsFlat(t *testing.T) {
	data, err := json.Marshal(&Handler{})
	if got := fmt.Sprint(string(data), err); got != "{}<nil>" {
		t.Errorf("an empty handler is %s", got)
	}
}

func TestPlainHTTPWithAHostCookieWarnsOnce(t *testing.T) {
	s := newSite(t)
	for name, want := range map[string]int{"__Host-choice": 1, "choice": 0} {
		s.load(t, handle(strings.Replace(declared, `"services"`, `"preference_cookie": {"name": "`+name+`"}, "services"`, 1), page))
		_ = takeLog()
		s.get(t, "/", "")
		s.get(t, "/", "")
		if got := strings.Count(takeLog(), "this visit is plain HTTP"); got != want {
			t.Errorf("%s: %d warnings, want %d", name, got, want)
		}
	}
}

func TestOwnPagesFilterWhatOperatorsSet(t *testing.T) {
	s := newSite(t)
	s.load(t, handle(`{"handler": "headers", "response": {"add": {"Set-Cookie": ["operator=1", "sessionid=1"]}}}`, declared, page))
	for path, want := range map[string]string{"/": "sessionid=1", "/cookie-consent/state": "sessionid=1", "/cookie-consent/zz": "sessionid=1"} {
		if got := setCookies(s.get(t, path, "")); got != want {
			t.Errorf("%s sets %q, want %q", path, got, want)
		}
	}
}
