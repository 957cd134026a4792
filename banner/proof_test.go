package banner

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// proofs keeps in memory what a store would keep on disk.
type proofs struct {
	kept   []Answered
	broken error
}

func (p *proofs) Keep(_ context.Context, a Answered) error {
	if p.broken == nil {
		p.kept = append(p.kept, a)
	}
	return p.broken
}

func (p *proofs) Receipt(_ context.Context, of Receipt) ([]byte, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	for _, a := range p.kept {
		if a.Choice.ID == of.Consent {
			return []byte(`{"charter": "` + of.Charter + `"}`), nil
		}
	}
	return nil, nil
}

func (*proofs) Retention() time.Duration { return 1825 * 24 * time.Hour }

// proven is a site that keeps proof.
func proven(t *testing.T) (*site, *proofs) {
	t.Helper()
	p := &proofs{}
	c := testConfig(t, declaration())
	c.Proof = p
	return newSite(t, c), p
}

// after makes choices one after the other, as one visitor, and returns the cookies
// that are left.
func (s *site) after(t *testing.T, choices ...string) []*http.Cookie {
	t.Helper()
	var cookies []*http.Cookie
	for _, choice := range choices {
		r := post(choice, "Origin", "http://portal.example")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		answer := s.ask(t, r)
		if answer.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: status %d", choice, answer.StatusCode)
		}
		cookies = slices.DeleteFunc(answer.Cookies(), func(c *http.Cookie) bool { return c.MaxAge < 0 })
	}
	return cookies
}

func TestWhatIsProven(t *testing.T) {
	for _, c := range []struct {
		name    string
		choices []string
		kept    string // g: a grant, w: a withdrawal; the digit tells ids apart
	}{
		{"a first refusal leaves nothing", []string{"choice=refuse_all"}, ""},
		{"nothing ticked is a refusal", []string{"choice=save"}, ""},
		{"a grant", []string{"choice=accept_all"}, "g1"},
		{"one purpose", []string{"choice=save&grant=statistics"}, "g1"},
		{"one service from a stand-in", []string{"choice=allow&grant=ads"}, "g1"},
		{"a withdrawal stands under the id it ends", []string{"choice=accept_all", "choice=refuse_all"}, "g1 w1"},
		{"less of it keeps the id", []string{"choice=accept_all", "choice=save&grant=statistics"}, "g1 g1"},
		{"more of it keeps the id", []string{"choice=save&grant=statistics", "choice=allow&grant=ads"}, "g1 g1"},
		{"a new consent has a new id", []string{"choice=accept_all", "choice=refuse_all", "choice=accept_all"}, "g1 w1 g2"},
		{"a second refusal leaves nothing", []string{"choice=accept_all", "choice=refuse_all", "choice=refuse_all"}, "g1 w1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := proven(t)
			s.after(t, c.choices...)
			ids := map[[16]byte]byte{}
			var kept []string
			for _, a := range p.kept {
				id, kind := a.Choice.ID, "g"
				if a.Withdraws() {
					id, kind = a.Previous.ID, "w"
				}
				if ids[id] == 0 {
					ids[id] = byte('1' + len(ids))
				}
				kept = append(kept, kind+string(ids[id]))
			}
			if got := strings.Join(kept, " "); got != c.kept {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
		})
	}
}

// without proof no consent; a refusal always works.
func TestWithoutProofNothingIsGranted(t *testing.T) {
	for _, c := range []struct {
		name, choice string
		status       int
		stored       bool
	}{
		{"a grant", "choice=accept_all", http.StatusServiceUnavailable, false},
		{"a stand-in", "choice=allow&grant=ads", http.StatusServiceUnavailable, false},
		{"a refusal", "choice=refuse_all", http.StatusSeeOther, true},
		{"an objection", "choice=save&object=audience", http.StatusSeeOther, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := proven(t)
			cookies := s.after(t, "choice=save&grant=statistics")
			p.broken = errors.New("no space left on device")
			r := post(c.choice, "Origin", "http://portal.example")
			for _, cookie := range cookies {
				r.AddCookie(cookie)
			}
			answer := s.ask(t, r)
			if answer.StatusCode != c.status || (answer.Header.Get("Set-Cookie") != "") != c.stored {
				t.Errorf("status %d, cookies %q", answer.StatusCode, answer.Header["Set-Cookie"])
			}
		})
	}
}

func TestReceipt(t *testing.T) {
	s, p := proven(t)
	ask := func(cookies []*http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/receipt", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return s.ask(t, r)
	}
	for _, c := range []struct {
		name    string
		choices []string
		status  int
	}{
		{"without a choice", nil, http.StatusNotFound},
		{"after a refusal", []string{"choice=refuse_all"}, http.StatusNotFound},
		{"after a grant", []string{"choice=accept_all"}, http.StatusOK},
		{"after a withdrawal", []string{"choice=accept_all", "choice=refuse_all"}, http.StatusNotFound},
	} {
		answer := ask(s.after(t, c.choices...))
		if answer.StatusCode != c.status || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %q", c.name, answer.StatusCode, answer.Header.Get("Cache-Control"))
		}
		if c.status == http.StatusOK && !strings.Contains(body(t, answer), `"http://portal.example/cookie-consent/"`) {
			t.Errorf("%s: it does not lead to the charter", c.name)
		}
	}
	cookies := s.after(t, "choice=accept_all")
	p.broken = errors.New("away")
	if answer := ask(cookies); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with the store away: status %d", answer.StatusCode)
	}
	if answer := newSite(t, testConfig(t, declaration())).ask(t, httptest.NewRequest(http.MethodGet, "http://portal.example/cookie-consent/receipt", nil)); answer.StatusCode != http.StatusNotFound {
		t.Errorf("where none is kept: status %d", answer.StatusCode)
	}
}

func TestTheCharterTellsOfTheProof(t *testing.T) {
	s, _ := proven(t)
	for _, c := range []struct {
		name    string
		cookies []*http.Cookie
		linked  bool
	}{{"to nobody yet", nil, false}, {"to who refused", s.after(t, "choice=refuse_all"), false}, {"to who agreed", s.after(t, "choice=accept_all"), true}} {
		page := charter(t, s, "?lang=en", c.cookies)
		if !strings.Contains(text(page), "we keep the proof of it for 60 months") {
			t.Errorf("%s it does not say how long: %s", c.name, text(page))
		}
		if linked := len(all(page, "href", "/cookie-consent/receipt?lang=en")) == 1; linked != c.linked {
			t.Errorf("%s: linked %t", c.name, linked)
		}
	}
}

func TestCounted(t *testing.T) {
	var counted []Answered
	c := testConfig(t, declaration())
	c.Counted = func(a Answered) { counted = append(counted, a) }
	newSite(t, c).after(t, "choice=refuse_all&lang=en", "choice=accept_all")
	if len(counted) != 2 || counted[0].Lang != "en" || counted[0].Choice.Grants() || !counted[1].Choice.Grants() || counted[1].Site != "portal.example" {
		t.Errorf("counted %+v", counted)
	}
}

// The same declaration always gives the same artefacts; another one others.
func TestArtefacts(t *testing.T) {
	c := testConfig(t, declaration())
	c.Since = func(string) int64 { return clock.Unix() }
	once, err := Artefacts(c)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Artefacts(testConfig(t, declaration()))
	var names []string
	for i, a := range once {
		names = append(names, a.Name)
		if a.Name != again[i].Name || string(a.Content) != string(again[i].Content) {
			t.Errorf("%s differs from time to time", a.Name)
		}
		if len(a.Content) == 0 || strings.Contains(string(a.Content), "cookieconsent"+"returnslot") {
			t.Errorf("%s is %q", a.Name, a.Content)
		}
	}
	if want := "banner.js banner.css manage.css stand-in.css banner.fr.html charter.fr.html banner.en.html charter.en.html policy.json"; strings.Join(names, " ") != want {
		t.Errorf("artefacts %q, want %s", names, want)
	}
	d := declaration()
	d.Services[1].Purpose = policy.Text{"fr": "Autre chose."}
	other, _ := Artefacts(testConfig(t, d))
	if string(other[5].Content) == string(once[5].Content) {
		t.Error("another text is the same charter")
	}
}

// A grant that no key can sign is not acknowledged, and so not proven.
func TestWhatCannotBeStoredIsNotProven(t *testing.T) {
	s, p := proven(t)
	s.Keys = func() (*enforcer.Keyring, error) { return nil, errors.New("no key") }
	answer := s.ask(t, post("choice=accept_all", "Origin", "http://portal.example"))
	if answer.StatusCode != http.StatusServiceUnavailable || len(p.kept) != 0 {
		t.Errorf("status %d, %d records", answer.StatusCode, len(p.kept))
	}
}
