package config_test

import (
	"strings"
	"testing"
)

func TestLaterNamesTheSetting(t *testing.T) {
	for _, c := range []struct{ name, json, path string }{
		{"observe mode", with(`"mode": "observe"`), "mode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, c.json)
			if err := s.WithDefaults().Check(known); err != nil {
				t.Fatalf("Check(%s) = %v, want the setting to be valid", c.json, err)
			}
			got := text(s.Later())
			if !strings.HasPrefix(got, c.path+": ") || !strings.HasSuffix(got, " not part of this version yet; leave the setting out") {
				t.Errorf("Later(%s) = %q, want it to name %s", c.json, got, c.path)
			}
		})
	}
}

func TestLaterAcceptsWhatWorks(t *testing.T) {
	for _, c := range []struct{ name, json string }{
		{"a service alone", with(`"mode": "enforce"`)},
		{"another preset", with(`"preset": "de"`)},
		{"charter files", with(`"charter": ["charte.csv"]`)},
		{"an empty banner", with(`"banner": {}`)},
		{"the banner on top", with(`"banner": {"position": "top", "show": "never", "manage_link": "none"}`)},
		{"every other setting", with(`"path": "/c", "languages": ["en"], "site": "A", "controller": "B",
			"undeclared_cookies": "allow", "undeclared_hosts": "allow", "first_party": ["a.example"], "global_privacy_control": "off", "no_transform": "respect",
			"preference_cookie": {"name": "c", "lifetime": "200d", "domain": "a.example"},
			"categories": [{"id": "media", "name": {"en": "Media"}}]`)},
		{"every other word of a service", service(`"id": "a", "provider": "A", "name": {"fr": "A"}, "place": {"fr": "A"},
			"purpose": {"fr": "A"}, "category": "media", "policy": "https://a.example", "country": "US",
			"hosts": ["a.example"], "inline": ["_paq"],
			"cookies": [{"name": "a", "secure": true, "http_only": true, "same_site": "none", "partitioned": true}]`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := site(t, c.json).Later(); err != nil {
				t.Errorf("Later(%s) = %v", c.json, err)
			}
		})
	}
}
