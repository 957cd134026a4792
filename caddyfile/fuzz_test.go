package caddyfile_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	tokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/caddyfile"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// FuzzSite reads anything as the block of the directive. What is refused is
// refused with a line; what is accepted means the same as JSON, and makes a policy.
func FuzzSite(f *testing.F) {
	for _, g := range goldens(f) {
		if _, block, found := strings.Cut(g.caddyfile, "\tcookie_consent {\n"); found {
			end := max(strings.LastIndex(block, "\n\t}\n"), 0)
			f.Add(block[:end])
		}
	}
	f.Fuzz(func(t *testing.T, block string) {
		input, err := tokens.Tokenize([]byte("cookie_consent {\n"+block+"\n}\n"), "Caddyfile")
		if err != nil {
			return
		}
		site, err := caddyfile.Site(tokens.NewDispenser(input), banner.Texts())
		if err != nil {
			if !positioned.MatchString(err.Error()) {
				t.Errorf("no line in %q", err)
			}
			return
		}
		checkSite(t, site)
	})
}

var positioned = regexp.MustCompile(`(?s), at Caddyfile:[1-9][0-9]*$`)

func checkSite(t *testing.T, site *config.Site) {
	data, err := json.Marshal(site)
	if err != nil {
		t.Fatal(err)
	}
	var again config.Site
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if !reflect.DeepEqual(*site, again) {
		t.Errorf("JSON %s makes another site:\n%+v\n%+v", data, *site, again)
	}
	full, err := again.WithDefaults().Expand(os.ReadFile)
	if err != nil {
		t.Fatalf("accepted, and JSON %s is not: %v", data, err)
	}
	if err := full.Check(banner.Texts()); err != nil {
		t.Errorf("accepted, and JSON %s is not: %v", data, err)
	}
	if _, err := policy.New(full.Declaration()); err != nil {
		t.Errorf("JSON %s makes no policy: %v", data, err)
	}
}
