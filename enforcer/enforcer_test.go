package enforcer

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// clock is the time of every test.
var clock = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = policy.Lifetime(24 * time.Hour)

// declaration is a small site: two necessary services, statistics, marketing.
func declaration() policy.Declaration {
	return policy.Declaration{
		Controller: "Département",
		Preference: policy.Preference{Name: "cookies_preferences", Lifetime: 182 * 24 * time.Hour},
		Categories: []policy.Category{{ID: "statistics"}, {ID: "marketing"}, {ID: "audience", Exempt: true}},
		Services: []policy.Service{
			{ID: "login", Category: "necessary", Cookies: []policy.Cookie{
				{Name: "sessionid", Lifetime: 14 * day, Secure: true, HTTPOnly: true, SameSite: "lax"},
				{Name: "__Host-token", Lifetime: day},
			}},
			{ID: "language", Category: "necessary", Cookies: []policy.Cookie{{Name: "lang"}, {Name: "theme", Lifetime: policy.Session}}},
			{ID: "matomo", Category: "statistics", Cookies: []policy.Cookie{{Name: "_pk_id.*", Lifetime: 395 * day}}},
			{ID: "ads", Category: "marketing", Cookies: []policy.Cookie{
				{Name: "ads_id", Lifetime: 90 * day, Domain: "example.fr", Path: "/shop"},
				{Name: "chip", Secure: true, Partitioned: true, SameSite: "none"},
			}},
			{ID: "counter", Category: "audience", Cookies: []policy.Cookie{{Name: "visitor", Lifetime: 700 * day}, {Name: "plain"}}},
		},
	}
}

func newEnforcer(t testing.TB, d policy.Declaration) *Enforcer {
	t.Helper()
	p, err := policy.New(d)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := NewKeyring([]byte{1}, [][]byte{bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		t.Fatal(err)
	}
	return &Enforcer{
		Policy: p, GlobalPrivacyControl: true, Now: func() time.Time { return clock },
		Keys:      func() (*Keyring, error) { return ring, nil },
		Insertion: func(dst []byte, _ *Visit, _ rewriter.Page) []byte { return append(dst, "[banner]"...) },
	}
}

// visitor returns a request whose visitor granted ids, with more Cookie lines.
func visitor(t testing.TB, e *Enforcer, granted []string, cookies ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://www.example.fr/shop/cart", nil)
	if granted != nil {
		choice, err := e.Policy.Save(granted, nil, clock.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Cookie"] = append(r.Header["Cookie"], e.Policy.Preference.Name+"="+stored(t, e, "www.example.fr", choice))
	}
	r.Header["Cookie"] = append(r.Header["Cookie"], cookies...)
	return r
}

// stored returns the preference cookie's value for a choice.
func stored(t testing.TB, e *Enforcer, site string, c policy.Choice) string {
	t.Helper()
	if c.Grants() {
		c.ID[0] = 1
	}
	value, err := e.encode(site, &c)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func begin(e *Enforcer, r *http.Request) *Visit { return e.Begin(r, "/shop/cart?q=1", true) }
