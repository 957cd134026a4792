package cookieconsent

import (
	"net/http"
	"strings"
	"testing"
)

func TestGPCFile(t *testing.T) {
	const missing, own, broken = "respond /.well-known/* 404", `respond /.well-known/gpc.json "{}"`, "error /.well-known/* 404"
	for _, c := range []struct {
		name, words, site, want string
		status                  int
	}{
		{"a site without one", "", missing, gpcSupported, http.StatusOK},
		{"a site whose handler fails so", "", broken, gpcSupported, http.StatusOK},
		{"a site that has one", "", own, "{}", http.StatusOK},
		{"the signal is not honoured", "global_privacy_control off", missing, "", http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.loadCaddyfile(t, "", "route {\ncookie_consent "+block(c.words)+c.site+"\nrespond site\n}\n")
			got := s.get(t, gpcFile, "")
			if got.StatusCode != c.status || got.body != c.want {
				t.Errorf("status %d, %q, want %d, %q", got.StatusCode, got.body, c.status, c.want)
			}
			if c.want == gpcSupported && got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type = %q", got.Header.Get("Content-Type"))
			}
		})
	}
}

func TestCharterSaysSinceWhen(t *testing.T) {
	s := newSite(t)
	const other = "service matomo {\ncategory statistics\n}"
	since := func(words string) string {
		s.loadCaddyfile(t, "", "cookie_consent "+block(words))
		_, said, _ := strings.Cut(s.get(t, "/cookie-consent/?lang=en", "").body, "<footer><p>")
		said, _, _ = strings.Cut(said, "</p>")
		return said
	}
	first := since("")
	if !strings.Contains(first, ", in force since 20") {
		t.Errorf("the charter says %q", first)
	}
	if again, changed := since(""), since(other); again != first || changed == first {
		t.Errorf("the same charter says %q, then %q; another one %q", first, again, changed)
	}
}
