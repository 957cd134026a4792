package banner

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// post is a form post from the site's own page.
func post(form string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://portal.example/cookie-consent/choice", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return r
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// granted asks the site what the visitor with the cookies of response granted.
func granted(t *testing.T, s *site, response *http.Response) (got state) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/state", nil)
	for _, cookie := range response.Cookies() {
		if cookie.MaxAge > 0 {
			r.AddCookie(cookie)
		}
	}
	if err := json.Unmarshal([]byte(body(t, s.ask(t, r))), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestChoices(t *testing.T) {
	for _, row := range []struct {
		name, form        string
		granted, objected []string
		state             policy.State
	}{
		{"accept all", "choice=accept_all", []string{"necessary", "statistics", "marketing", "audience"}, []string{}, policy.Answered},
		{"refuse all: exempt measurement stays", "choice=refuse_all", []string{"necessary", "audience"}, []string{}, policy.Answered},
		{"save nothing is a refusal", "choice=save", []string{"necessary", "audience"}, []string{}, policy.Answered},
		{"save a category and a service", "choice=save&grant=marketing&grant=matomo", []string{"necessary", "marketing", "audience", "matomo"}, []string{}, policy.Answered},
		{"object", "choice=save&object=audience", []string{"necessary"}, []string{"audience"}, policy.Answered},
		{"allow one service: the rest stays unanswered", "choice=allow&grant=ads", []string{"necessary", "marketing", "audience"}, []string{}, policy.Unanswered},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, testConfig(t, declaration()))
			response := s.ask(t, post(row.form+"&return=/page?a=1"))
			if got := response.Header.Get("Location"); response.StatusCode != http.StatusSeeOther || got != "/page?a=1#cookie-consent-saved" {
				t.Fatalf("%d to %q", response.StatusCode, got)
			}
			stale := `"prefetchCache", "prerenderCache"`
			if len(row.objected) > 0 { // something is taken away
				stale += `, "cache"`
			}
			if got := response.Header.Get("Clear-Site-Data"); got != stale {
				t.Errorf("Clear-Site-Data: %s, want %s", got, stale)
			}
			got := granted(t, s, response)
			if !slices.Equal(got.Granted, row.granted) || !slices.Equal(got.Objected, row.objected) || got.State != row.state {
				t.Errorf("state %+v, want %s %q %q", got, row.state, row.granted, row.objected)
			}
			if got.Time == nil || *got.Time != "2026-11-23T12:00:00Z" {
				t.Errorf("time = %v", got.Time)
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	const accept, refuse = "choice=accept_all", "choice=refuse_all"
	for _, row := range []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"from another site", post(accept, "Sec-Fetch-Site", "cross-site"), 403},
		{"a refusal from another site", post(refuse, "Sec-Fetch-Site", "cross-site"), 403},
		{"from another origin", post(accept, "Sec-Fetch-Site", "", "Origin", "http://evil.example"), 403},
		{"a grant of unknown origin", post(accept, "Sec-Fetch-Site", ""), 403},
		{"a grant from our own origin", post(accept, "Sec-Fetch-Site", "", "Origin", "http://portal.example"), 303},
		{"a refusal of unknown origin", post(refuse, "Sec-Fetch-Site", ""), 303},
		{"no choice", post(""), 400},
		{"an unknown choice", post("choice=maybe"), 400},
		{"an unknown id", post("choice=save&grant=zz"), 400},
		{"an objection to what is not exempt", post("choice=save&object=marketing"), 400},
		{"allow nothing", post("choice=allow"), 400},
		{"a malformed form", post("choice=%zz"), 400},
		{"malformed JSON", post("{", "Content-Type", "application/json"), 400},
		{"JSON of another shape", post(`{"choice":1}`, "Content-Type", "application/json"), 400},
		{"too many ids", post("choice=save" + strings.Repeat("&grant=a", maxIDs+1)), 400},
		{"too long", post(refuse + "&x=" + strings.Repeat("x", maxBody)), 413},
		{"no form", post(refuse, "Content-Type", "text/plain"), 415},
		{"no type", post(refuse, "Content-Type", ""), 415},
		{"a file upload", post(refuse, "Content-Type", "multipart/form-data; boundary=x"), 415},
		{"GET", httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/choice", nil), 405},
		{"PUT", httptest.NewRequest(http.MethodPut, "http://portal.example/cookie-consent/", nil), 405},
		{"an unknown page", httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/zz", nil), 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := newSite(t, testConfig(t, declaration())).ask(t, row.r)
			if response.StatusCode != row.status {
				t.Fatalf("status %d, want %d: %s", response.StatusCode, row.status, body(t, response))
			}
			if row.status != 303 && len(response.Cookies()) > 0 {
				t.Errorf("cookies %v", response.Cookies())
			}
			if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Robots-Tag") != "noindex" {
				t.Errorf("header %v", response.Header)
			}
			if row.status == 405 && response.Header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
}

func TestTooManyGrants(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	s.mayGrant = false
	if got := s.ask(t, post("choice=accept_all")).StatusCode; got != http.StatusTooManyRequests {
		t.Errorf("a grant got %d", got)
	}
	if got := s.ask(t, post("choice=refuse_all")).StatusCode; got != http.StatusSeeOther {
		t.Errorf("a refusal got %d", got)
	}
}

func TestErrorsSpeakTheClientsLanguage(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	problem := s.ask(t, post(`{"choice":"maybe"}`, "Content-Type", "application/json"))
	var got struct {
		Status        int
		Title, Detail string
	}
	if err := json.Unmarshal([]byte(body(t, problem)), &got); err != nil || problem.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatal(err, problem.Header)
	}
	if got.Status != 400 || !strings.Contains(got.Detail, `"maybe"`) {
		t.Errorf("problem %+v", got)
	}
	page := document(t, body(t, s.ask(t, post("choice=maybe&lang=en", "Accept", "text/html"))))
	if said := text(page); !strings.Contains(said, "Your choice was not stored") || !strings.Contains(said, "Nothing was accepted") {
		t.Errorf("the page says %s", said)
	}
}

func TestJSONClientsGetTheState(t *testing.T) {
	response := newSite(t, testConfig(t, declaration())).ask(t, post(`{"choice":"save","grant":["ads"]}`, "Content-Type", "application/json"))
	var got state
	if err := json.Unmarshal([]byte(body(t, response)), &got); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 || !slices.Equal(got.Granted, []string{"necessary", "marketing", "audience"}) {
		t.Errorf("%d %+v", response.StatusCode, got)
	}
}

func TestReturn(t *testing.T) {
	for target, want := range map[string]string{
		"/": "/", "/a/b?c=d": "/a/b?c=d", "/a#b": "/a", "": "/", "a": "/", "//evil.example": "/", `/\evil.example`: "/", `/a\b`: "/",
		"https://evil.example/": "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x": "/", "/a b": "/", "/é": "/",
		"/%2f/evil": "/%2f/evil", "/" + strings.Repeat("x", 5000): "/", "/a?u=https://x.example": "/a?u=https://x.example",
	} {
		if got := localPath(target); got != want {
			t.Errorf("localPath(%.60q) = %q, want %q", target, got, want)
		}
	}
}

func TestPathWithoutSlash(t *testing.T) {
	response := newSite(t, testConfig(t, declaration())).ask(t, httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent?lang=en", nil))
	if got := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect || got != "/cookie-consent/?lang=en" {
		t.Errorf("%d to %q", response.StatusCode, got)
	}
}

func TestPagesGoByWhatWasAsked(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	ask := func(path string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "http://portal.example/internal?secret=1", nil)
		w := httptest.NewRecorder()
		if err := s.pages.Serve(w, r, s.Begin(r, path+"?lang=en&return=/a", false), path, nil, nil); err != nil {
			t.Fatal(err)
		}
		return w.Result()
	}
	if got := ask("/cookie-consent").Header.Get("Location"); got != "/cookie-consent/?lang=en&return=/a" {
		t.Errorf("Location = %q", got)
	}
	if root := document(t, body(t, ask("/cookie-consent/"))); len(all(root, "element", "a", "href", "/a")) != 1 || len(all(root, "element", "html", "lang", "en")) != 1 {
		t.Error("the charter took the language or the way back from the rewritten address")
	}
}

func TestChoosingUnderGPC(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	var got state
	r := post(`{"choice":"allow","grant":["ads"]}`, "Content-Type", "application/json", "Sec-GPC", "1")
	if err := json.Unmarshal([]byte(body(t, s.ask(t, r))), &got); err != nil || got.State != policy.GPC {
		t.Errorf("state %+v, %v", got, err)
	}
}

func TestHEADIsGETWithoutBody(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for _, path := range []string{"/", "/state", "/policy.json"} {
		get := s.ask(t, httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent"+path, nil))
		head := s.ask(t, httptest.NewRequest(http.MethodHead, "http://portal.example/cookie-consent"+path, nil))
		if head.StatusCode != 200 || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") || body(t, head) != "" {
			t.Errorf("%s: HEAD %d %v", path, head.StatusCode, head.Header)
		}
	}
}

func TestOwns(t *testing.T) {
	p := NewPages(testConfig(t, declaration()), nil)
	for path, want := range map[string]bool{
		"/cookie-consent": true, "/cookie-consent/": true, "/cookie-consent/choice": true, "/cookie-consent/a/b": true,
		"/cookie-consents": false, "/": false, "/a/cookie-consent/": false, "/Cookie-Consent/": false, "": false,
	} {
		if got := p.Owns(path); got != want {
			t.Errorf("Owns(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestPolicyForMachines(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	var got struct {
		Revision   string
		Categories []struct {
			ID, Consent, Digest string
			Services            []struct {
				ID      string
				Cookies []struct {
					Name     string
					Lifetime *int64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body(t, s.ask(t, httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/policy.json", nil)))), &got); err != nil {
		t.Fatal(err)
	}
	if got.Revision == "" || len(got.Categories) != 4 {
		t.Fatalf("policy %+v", got)
	}
	necessary, statistics, audience := got.Categories[0], got.Categories[1], got.Categories[3]
	if *necessary.Services[0].Cookies[0].Lifetime != 14*86400 || necessary.Consent != "no" || statistics.Consent != "yes" || len(statistics.Digest) != 8 || audience.Consent != "object" {
		t.Errorf("policy %+v", got)
	}
}
