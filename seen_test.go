package cookieconsent

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// asksAdmin asks Caddy's admin endpoint, without its listener.
func asksAdmin(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	api := adminAPI{}
	recorder := httptest.NewRecorder()
	if err := api.Routes()[1].Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil)); err != nil {
		t.Fatal(err)
	}
	return recorder
}

// inventoried lists what was seen as kind:name:setter:service.
func inventoried(t *testing.T) []string {
	t.Helper()
	var listing inventory.Listing
	if err := json.Unmarshal(asksAdmin(t, "/cookie_consent/inventory").Body.Bytes(), &listing); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range listing.Entries {
		seen = append(seen, strings.Join([]string{string(e.Kind), e.Name, e.Setter, e.Service}, ":"))
	}
	return seen
}

const loading = `{"handler": "headers", "response": {"set": {
		"Content-Type": ["text/html; charset=utf-8"], "Set-Cookie": ["sessionid=1", "_pk_id.1=2", "forgotten=3; Max-Age=60"]}}},
	{"handler": "static_response", "body": "<!doctype html><html lang=fr><head><script src=//ads.example/a.js></script></head><body>x</body></html>"}`

func TestWhatIsSeen(t *testing.T) {
	for _, c := range []struct {
		name, handler string
		want          []string
		changed       bool // the site's answer is
	}{
		{
			"enforce mode keeps what is undeclared", declared,
			[]string{"cookie:forgotten:response:", "cookie:odd:unknown:", "host:ads.example:markup:"}, true,
		},
		{
			"observe mode keeps everything, and changes nothing", strings.Replace(declared, `"services"`, `"mode": "observe", "services"`, 1),
			[]string{"cookie:_pk_id.1:response:matomo", "cookie:forgotten:response:", "cookie:odd:unknown:", "cookie:sessionid:response:login", "host:ads.example:markup:"}, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.address = "portal.example:8080"
			s.load(t, handle(c.handler, loading))
			answer := s.get(t, "/page?secret=1", "odd=value")
			if changed := setCookies(answer) != "sessionid=1 _pk_id.1=2 forgotten=3"; changed != c.changed {
				t.Errorf("the site sets %q", setCookies(answer))
			}
			got := inventoried(t)
			slices.Sort(got)
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("seen %q, want %q", got, c.want)
			}
			if whole := asksAdmin(t, "/cookie_consent/inventory").Body.String(); strings.Contains(whole, "secret") || strings.Contains(whole, "value") {
				t.Errorf("values or queries are kept: %s", whole)
			}
			if page := asksAdmin(t, "/cookie_consent/"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "ads.example") {
				t.Errorf("the dashboard: status %d", page.Code)
			}
			if !c.changed {
				if answer.Header.Get("Content-Security-Policy-Report-Only") == "" || strings.Contains(answer.body, `id="cookie-consent"`) {
					t.Errorf("observed: %v\n%s", answer.Header, answer.body)
				}
				if own := s.get(t, "/cookie-consent/", ""); strings.Contains(own.body, "Charte") {
					t.Error("in observe mode the charter's page is the site's")
				}
			}
		})
	}
}

func TestWhatWasSeenOutlivesAReload(t *testing.T) {
	s := newSite(t)
	s.load(t, handle(declared, loading))
	s.get(t, "/", "")
	s.load(t, handle(declared, loading))
	if got := inventoried(t); len(got) != 2 {
		t.Errorf("after a reload: %q", got)
	}
	stop(t)
	s.load(t, handle(declared, loading))
	s.get(t, "/", "")
	if got := inventoried(t); len(got) != 2 {
		t.Errorf("after a restart: %q", got)
	}
}

func TestAnswersAreCounted(t *testing.T) {
	s := newSite(t)
	s.address = "portal.example:8080"
	s.load(t, handle(declared, page))
	s.choose(t, "refuse_all")
	granted := s.choose(t, "accept_all")
	s.chooseWith(t, "refuse_all", granted.preference)
	var report inventory.Report
	if err := json.Unmarshal(asksAdmin(t, "/cookie_consent/statistics").Body.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	counts := map[inventory.Outcome]int64{}
	for _, day := range report.Days {
		for _, c := range day.Choices {
			counts[c.Outcome] += c.Count
		}
	}
	if counts[inventory.Refuse] != 1 || counts[inventory.Accept] != 1 || counts[inventory.Withdraw] != 1 {
		t.Errorf("counted %v", counts)
	}
}

// heard is an event handler that remembers.
type heard struct{}

var (
	heardMutex  sync.Mutex
	heardEvents []string
)

func init() { caddy.RegisterModule(heard{}) }

func (heard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.cookie_consent_test", New: func() caddy.Module { return new(heard) }}
}

func (heard) Handle(_ context.Context, e caddy.Event) error {
	heardMutex.Lock()
	defer heardMutex.Unlock()
	data, err := json.Marshal(e.Data)
	heardEvents = append(heardEvents, e.Name()+" "+string(data))
	return err
}

var _ caddyevents.Handler = heard{}

func TestEvents(t *testing.T) {
	s := newSite(t)
	s.address = "portal.example:8080"
	s.app = `{}, "events": {"subscriptions": [{"events": ["cookie_consent.undeclared", "cookie_consent.choice"], "handlers": [{"handler": "cookie_consent_test"}]}]}`
	s.load(t, handle(declared, loading))
	s.get(t, "/", "")
	s.choose(t, "accept_all")
	for _, want := range []string{
		`cookie_consent.undeclared {"example":"/","kind":"cookie","name":"forgotten","setter":"response","site":"portal.example"}`,
		`cookie_consent.undeclared {"example":"/","kind":"host","name":"ads.example","setter":"markup","site":"portal.example"}`,
		`cookie_consent.choice {"language":"fr","outcome":"accept","site":"portal.example"}`,
	} {
		eventually(t, want, func() bool {
			heardMutex.Lock()
			defer heardMutex.Unlock()
			return slices.Contains(heardEvents, want)
		})
	}
}

// What nobody had declared when it was seen is declared once the charter says so.
func TestDeclaredSince(t *testing.T) {
	s := newSite(t)
	s.address = "portal.example:8080"
	s.load(t, handle(declared, loading))
	s.get(t, "/", "odd=1")
	now := strings.Replace(declared, `"services": [`, `"first_party": ["*.ads.example"], "services": [{"id": "odd", "category": "media", "cookies": [{"name": "od*"}]},`, 1)
	s.load(t, handle(now, loading))
	want := []string{"cookie:forgotten:response:", "cookie:odd:unknown:odd", "host:ads.example:markup:first_party"}
	if got := inventoried(t); !slices.Equal(got, want) {
		t.Errorf("seen %q, want %q", got, want)
	}
	if covers("*.example.fr", "example.fr") || !covers("*.example.fr", "a.example.fr") || covers("*.example.fr", "a.b.example.fr") || !covers("A.example", "a.example") {
		t.Error("names of host matchers are read wrong")
	}
}

// A load that fails once it has begun leaves the configuration before it as it was:
// what is new is told still, and kept.
func TestFailedLoadsLeaveWhatIsSeen(t *testing.T) {
	s := newSite(t)
	s.address = "failed.example:8080"
	s.app = `{}, "events": {"subscriptions": [{"events": ["cookie_consent.undeclared"], "handlers": [{"handler": "cookie_consent_test"}]}]}`
	s.load(t, handle(declared, loading))
	for range 4 { // apps start in any order
		broken := strings.Replace(string(s.config(handle(declared, loading))), s.socket(), s.sockets+"/none/x", 1)
		if err := caddy.Load([]byte(broken), true); err == nil {
			t.Fatal("a socket in no folder is listened at")
		}
	}
	s.get(t, "/", "")
	const want = `cookie_consent.undeclared {"example":"/","kind":"cookie","name":"forgotten","setter":"response","site":"failed.example"}`
	eventually(t, want, func() bool {
		heardMutex.Lock()
		defer heardMutex.Unlock()
		return slices.Contains(heardEvents, want)
	})
	if got := inventoried(t); len(got) != 2 {
		t.Errorf("seen %q", got)
	}
}
