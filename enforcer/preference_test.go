package enforcer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestChoiceIsReadBack(t *testing.T) {
	e := newEnforcer(t, declaration())
	for _, row := range []struct {
		name          string
		grant, object []string
		want          []string
	}{
		{"refused", nil, nil, []string{"necessary", "audience"}},
		{"one category", []string{"statistics"}, nil, []string{"necessary", "statistics", "audience"}},
		{"one service is its whole category here", []string{"ads"}, nil, []string{"necessary", "marketing", "audience"}},
		{"objection", []string{"marketing"}, []string{"audience"}, []string{"necessary", "marketing"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			choice, err := e.Policy.Save(row.grant, row.object, clock)
			if err != nil {
				t.Fatal(err)
			}
			if choice.Grants() {
				choice.ID = [16]byte{1, 2, 3}
			}
			value, err := e.encode("example.fr", &choice)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := e.decode("example.fr", value)
			if !ok || got != choice {
				t.Fatalf("decode = %+v, %v, want %+v", got, ok, choice)
			}
			grants := e.Policy.Judge(got, false).Grants
			if ids := e.Policy.Granted(&grants); !slices.Equal(ids, row.want) {
				t.Errorf("granted = %q, want %q", ids, row.want)
			}
		})
	}
}

func TestUnreadableChoices(t *testing.T) {
	e := newEnforcer(t, declaration())
	good := stored(t, e, "example.fr", e.Policy.AcceptAll(clock))
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[9] ^= 1
	old, young := e.Policy.AcceptAll(clock.Add(-182*24*time.Hour)), e.Policy.AcceptAll(clock.Add(time.Hour))
	for _, row := range []struct{ name, site, value string }{
		{"another site's", "example.org", good},
		{"changed", "example.fr", base64.RawURLEncoding.EncodeToString(flipped)},
		{"cut", "example.fr", good[:len(good)-4]},
		{"padded", "example.fr", good + "="},
		{"too long", "example.fr", strings.Repeat("A", 500)},
		{"empty", "example.fr", ""},
		{"expired", "example.fr", stored(t, e, "example.fr", old)},
		{"from the future", "example.fr", stored(t, e, "example.fr", young)},
	} {
		if _, ok := e.decode(row.site, row.value); ok {
			t.Errorf("%s: accepted", row.name)
		}
	}
}

func TestAnotherCookieNameIsAnotherChoice(t *testing.T) {
	e := newEnforcer(t, declaration())
	value := stored(t, e, "example.fr", e.Policy.AcceptAll(clock))
	d := declaration()
	d.Preference.Name = "other"
	if _, ok := newEnforcer(t, d).decode("example.fr", value); ok {
		t.Error("accepted")
	}
}

func TestKeyRotation(t *testing.T) {
	e := newEnforcer(t, declaration())
	value := stored(t, e, "example.fr", e.Policy.AcceptAll(clock))
	fresh, old := bytes.Repeat([]byte("n"), 32), bytes.Repeat([]byte("k"), 32)
	for _, row := range []struct {
		name    string
		ids     []byte
		secrets [][]byte
		want    bool
	}{
		{"the old key behind the new", []byte{2, 1}, [][]byte{fresh, old}, true},
		{"the old key gone", []byte{2}, [][]byte{fresh}, false},
		{"another key under the old id", []byte{1}, [][]byte{fresh}, false},
	} {
		ring, err := NewKeyring(row.ids, row.secrets)
		if err != nil {
			t.Fatal(err)
		}
		e.Keys = func() (*Keyring, error) { return ring, nil }
		if _, ok := e.decode("example.fr", value); ok != row.want {
			t.Errorf("%s: %v, want %v", row.name, ok, row.want)
		}
	}
	if _, err := NewKeyring([]byte{1}, [][]byte{[]byte("short")}); err == nil {
		t.Error("a short key was accepted")
	}
	if _, err := NewKeyring([]byte{1, 1}, [][]byte{fresh, old}); err == nil {
		t.Error("two keys with one id were accepted")
	}
}

func TestWithoutKeysNothingIsGranted(t *testing.T) {
	e := newEnforcer(t, declaration())
	r := visitor(t, e, []string{"statistics"}, "_pk_id.1=x; lang=fr")
	e.Keys = func() (*Keyring, error) { return nil, errors.New("no storage") }
	v := begin(e, r)
	if got := r.Header["Cookie"]; !slices.Equal(got, []string{"lang=fr"}) {
		t.Errorf("Cookie = %q, want lang=fr", got)
	}
	choice := e.Policy.AcceptAll(clock)
	if err := v.Store(http.Header{}, &choice); err == nil {
		t.Error("a choice was stored without a key")
	}
}

func TestSeveralCopies(t *testing.T) {
	for _, row := range []struct {
		name   string
		values func(e *Enforcer) []string
		want   string
	}{
		{"unreadable ones are ignored beside a valid one", func(e *Enforcer) []string {
			return []string{"forged", stored(t, e, "www.example.fr", e.Policy.AcceptAll(clock)), "AAAA"}
		}, "necessary, statistics, marketing, audience"},
		{"valid ones count as what all grant", func(e *Enforcer) []string {
			some, err := e.Policy.Save([]string{"marketing"}, nil, clock.Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return []string{stored(t, e, "www.example.fr", e.Policy.AcceptAll(clock)), stored(t, e, "www.example.fr", some)}
		}, "necessary, marketing, audience"},
		{"a refusal among them wins", func(e *Enforcer) []string {
			return []string{stored(t, e, "www.example.fr", e.Policy.RefuseAll(policy.Choice{}, clock)), stored(t, e, "www.example.fr", e.Policy.AcceptAll(clock))}
		}, "necessary, audience"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			var pairs []string
			for _, value := range row.values(e) {
				pairs = append(pairs, "cookies_preferences="+value)
			}
			v := begin(e, visitor(t, e, nil, strings.Join(pairs, "; ")))
			if got := v.Granted(); got != row.want {
				t.Errorf("granted = %q, want %q", got, row.want)
			}
		})
	}
}

func TestStore(t *testing.T) {
	for _, row := range []struct {
		name, host, cookie, domain string
		https                      bool
		want                       []string // of each line: name, then place, in order
		flags                      string
	}{
		{"on HTTPS", "www.example.fr", "cookies_preferences", "", true, []string{"www.example.fr /", "example.fr /", "host /"}, "; HttpOnly; SameSite=Lax; Secure"},
		{"on plain HTTP", "localhost", "cookies_preferences", "", false, []string{"host /"}, "; HttpOnly; SameSite=Lax"},
		{"shared with subdomains", "www.example.fr", "cookies_preferences", "example.fr", true, []string{"host /", "www.example.fr /", "example.fr /"}, "; HttpOnly; SameSite=Lax; Domain=example.fr; Secure"},
		{"a domain the host is not under", "example.org", "cookies_preferences", "example.fr", true, []string{"example.org /", "host /"}, "; HttpOnly; SameSite=Lax; Secure"},
		{"a host as long as the domain", "example.de", "cookies_preferences", "example.fr", true, []string{"example.de /", "host /"}, "; HttpOnly; SameSite=Lax; Secure"},
		{"a host that ends alike", "badexample.fr", "cookies_preferences", "example.fr", true, []string{"badexample.fr /", "host /"}, "; HttpOnly; SameSite=Lax; Secure"},
		{"__Host-", "www.example.fr", "__Host-choice", "", false, []string{"host /"}, "; HttpOnly; SameSite=Lax; Secure"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := declaration()
			d.Preference.Name, d.Preference.Domain = row.cookie, row.domain
			e := newEnforcer(t, d)
			r := visitor(t, e, nil)
			r.Host = row.host
			v := e.Begin(r, "/", row.https)
			choice := e.Policy.AcceptAll(clock)
			h := http.Header{}
			v.Identify(&choice)
			if err := v.Store(h, &choice); err != nil {
				t.Fatal(err)
			}
			lines := h["Set-Cookie"]
			var places []string
			for _, line := range lines {
				places = append(places, place(line))
			}
			if !slices.Equal(places, row.want) {
				t.Errorf("lines for %q, want %q", places, row.want)
			}
			last := lines[len(lines)-1]
			if !strings.HasSuffix(last, "; Path=/; Max-Age=15724800"+row.flags) {
				t.Errorf("%s\nwant it to end with %s", last, row.flags)
			}
			_, value, _ := strings.Cut(last, "=")
			value, _, _ = strings.Cut(value, ";")
			if got, ok := e.decode(v.Site(), value); !ok || got.ID == [16]byte{} {
				t.Errorf("stored %+v, %v, want a consent id", got, ok)
			}
		})
	}
}

func TestConsentIDLivesWithAGrant(t *testing.T) {
	e := newEnforcer(t, declaration())
	v := begin(e, visitor(t, e, nil))
	choice := e.Policy.AcceptAll(clock)
	v.Identify(&choice)
	if choice.ID == [16]byte{} {
		t.Fatal("no consent id")
	}
	first := choice.ID
	if v.Identify(&choice); choice.ID != first {
		t.Error("the consent id changed")
	}
	refusal := e.Policy.RefuseAll(choice, clock)
	refusal.ID = first
	if v.Identify(&refusal); refusal.ID != [16]byte{} {
		t.Errorf("a refusal carries the id %x", refusal.ID)
	}
	again := begin(e, visitor(t, e, nil))
	again.Standing.Choice = choice
	next := e.Policy.AcceptAll(clock)
	if again.Identify(&next); next.ID != first {
		t.Error("a choice that replaces a consent does not keep its id")
	}
}

// largest is a policy with as many categories and services as there can be.
func largest() policy.Declaration {
	d := policy.Declaration{Preference: policy.Preference{Name: "cookies_preferences", Lifetime: 182 * 24 * time.Hour}}
	for i := range policy.MaxCategories {
		d.Categories = append(d.Categories, policy.Category{ID: fmt.Sprintf("category-%d", i)})
	}
	for i := range policy.MaxServices {
		d.Services = append(d.Services, policy.Service{ID: fmt.Sprintf("service-%d", i), Category: d.Categories[i%policy.MaxCategories].ID})
	}
	return d
}

func TestAnyChoiceFitsIn400Bytes(t *testing.T) {
	e := newEnforcer(t, largest())
	var half []string
	for i := range policy.MaxServices / 2 {
		half = append(half, fmt.Sprintf("service-%d", i))
	}
	for name, grant := range map[string][]string{"none": nil, "half of each": half} {
		choice, err := e.Policy.Save(grant, nil, clock)
		if err != nil {
			t.Fatal(err)
		}
		value := stored(t, e, "example.fr", choice)
		if n := len(e.Policy.Preference.Name) + 1 + len(value); n >= 400 {
			t.Errorf("%s: %d bytes", name, n)
		}
		if got, ok := e.decode("example.fr", value); !ok || got.Services != choice.Services {
			t.Errorf("%s: not read back", name)
		}
	}
}

// FuzzPreferenceCookie: no text makes it panic or grants anything, and a signed
// payload of any content is read without a panic.
func FuzzPreferenceCookie(f *testing.F) {
	e := newEnforcer(f, declaration())
	good := stored(f, e, "example.fr", e.Policy.AcceptAll(clock))
	raw, _ := base64.RawURLEncoding.DecodeString(good)
	f.Add(good, raw)
	f.Add("", raw[:len(raw)-macLength])
	f.Add("AAAA", []byte{1, 1, 3})
	f.Fuzz(func(t *testing.T, value string, payload []byte) {
		if c, ok := e.decode("example.org", value); ok {
			t.Fatalf("%q was accepted as %+v", value, c)
		}
		if len(payload) < 2 || len(payload) > 250 {
			return
		}
		payload[1] = 1
		ring, err := e.Keys()
		if err != nil {
			t.Fatal(err)
		}
		signed := ring.keys[0].sum(bytes.Clone(payload), "example.fr", e.Policy.Preference.Name, payload)
		c, ok := e.decode("example.fr", base64.RawURLEncoding.EncodeToString(signed))
		if !ok && c.Grants() {
			t.Fatalf("%x is not accepted and grants", payload)
		}
	})
}

func BenchmarkPreferenceCookie(b *testing.B) {
	e := newEnforcer(b, declaration())
	value := stored(b, e, "www.example.fr", e.Policy.AcceptAll(clock))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := e.decode("www.example.fr", value); !ok {
			b.Fatal("not accepted")
		}
	}
}
