package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const policyJSON = `{"preference_cookie":"cookies_preferences","first_party":["*.a-static.example"],"categories":[
{"id":"necessary","consent":"no","services":[{"id":"login","cookies":[{"name":"sessionid","lifetime":0},{"name":"lang*","lifetime":null}],"hosts":["cdn.example"]}]},
{"id":"statistics","consent":"object","services":[{"id":"matomo","cookies":[{"name":"_pk_*","lifetime":86400}],"hosts":[]}]},
{"id":"marketing","consent":"yes","services":[{"id":"ads","cookies":[{"name":"_pk_ad*","lifetime":60},{"name":"lang*","lifetime":60},{"name":"IDE","lifetime":60,"set_by":"ads.example"}],
"storage":[{"area":"local","key":"ad.*"}],"hosts":["*.ads.example","cdn.example/ads/*"]}]}]}`

func TestPublishedPolicy(t *testing.T) {
	p, err := readPolicy(strings.NewReader(policyJSON), newParty("www.a.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, what string
		want       Fact
		ok         bool
	}{
		{"the choice itself", "cookie cookies_preferences www.a.example", Fact{"caddy-cookie-consent", "necessary", true, 0}, true},
		{"a session cookie", "cookie sessionid www.a.example", Fact{"login", "necessary", true, -1}, true},
		{"exempt statistics", "cookie _pk_id.1 a.example", Fact{"matomo", "statistics", true, 24 * time.Hour}, true},
		{"the longer literal decides", "cookie _pk_ad1 a.example", Fact{"ads", "marketing", false, time.Minute}, true},
		{"a shared cookie needs all its services", "cookie language a.example", Fact{"ads", "marketing", false, 0}, true},
		{"a third party's own cookie", "cookie IDE x.ads.example", Fact{"ads", "marketing", false, time.Minute}, true},
		{"the same name on the site is another cookie", "cookie IDE a.example", Fact{}, false},
		{"a name of the site's on a third party", "cookie sessionid b.example", Fact{}, false},
		{"undeclared", "cookie other a.example", Fact{}, false},
		{"a host below a wildcard", "host x.ads.example /", Fact{"ads", "marketing", false, 0}, true},
		{"the wildcard's own name", "host ads.example /", Fact{"ads", "marketing", false, 0}, true},
		{"a bare host", "host cdn.example /lib.js", Fact{"login", "necessary", true, 0}, true},
		{"a path beats it", "host cdn.example /ads/x.js", Fact{"ads", "marketing", false, 0}, true},
		{"a further origin of the site's own", "host img.a-static.example /x.png", Fact{"first party", "necessary", true, 0}, true},
		{"another host", "host badads.example /", Fact{}, false},
		{"a storage key", "local ad.id https://www.a.example", Fact{"ads", "marketing", false, 0}, true},
		{"of another area", "session ad.id https://www.a.example", Fact{}, false},
		{"a key of a declared host", "local any https://x.ads.example", Fact{"ads", "marketing", false, 0}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			words := strings.Fields(row.what)
			var got Fact
			var ok bool
			switch words[0] {
			case "cookie":
				got, ok = p.Cookie(words[1], words[2])
			case "host":
				got, ok = p.Host(words[1], words[2])
			default:
				got, ok = p.Storage(Kind(words[0]), words[1], words[2])
			}
			if got != row.want || ok != row.ok {
				t.Errorf("got %+v %v, want %+v %v", got, ok, row.want, row.ok)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "A", false}, {"a*", "a", true}, {"a*", "abc", true}, {"*a", "ba", true}, {"a*c", "abc", true}, {"a*c", "ac", true},
		{"a*a", "a", false}, {"a*b*c", "axbyc", true}, {"a*b*c", "acb", false}, {"*", "", true}, {"_ga_*", "_ga", false},
	} {
		if got := matches(row.pattern, row.name); got != row.want {
			t.Errorf("matches(%q, %q) = %v, want %v", row.pattern, row.name, got, row.want)
		}
	}
}

func TestFindBrowser(t *testing.T) {
	t.Run("by name", func(t *testing.T) {
		if _, err := FindBrowser("no-such-browser"); !errors.Is(err, ErrNoBrowser) || !strings.Contains(err.Error(), `"no-such-browser"`) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("on PATH", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "google-chrome-stable")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir)
		if got, err := FindBrowser(""); err != nil || got != path && !filepath.IsAbs(got) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("Windows' variables", func(t *testing.T) {
		t.Setenv("LocalAppData", `C:\Users\a\AppData\Local`)
		if got, want := expandPlace(`%LocalAppData%\Chromium\chrome.exe`), `C:\Users\a\AppData\Local\Chromium\chrome.exe`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestGuesses(t *testing.T) {
	for name, want := range map[string]string{
		"PHPSESSID": "session", "csrftoken": "protection of forms", "AWSALB": "load balancing", "OptanonConsent": "choice kept by OneTrust",
		"cmplz_marketing": "choice kept by Complianz", "_ga": "", "_fbp": "", "IDE": "",
	} {
		if got := guessNecessary(KindCookie, name); got != want {
			t.Errorf("guessNecessary(%q) = %q, want %q", name, got, want)
		}
	}
	if got := guessNecessary(KindHost, "cdn.cookielaw.org"); got != "consent manager OneTrust" {
		t.Errorf("the host of a consent manager is %q", got)
	}
}
