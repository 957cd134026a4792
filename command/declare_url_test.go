package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/audit"
)

func TestWhatAnAuditSaw(t *testing.T) {
	thing := func(kind audit.Kind, name, host string, lifetime int64) audit.Thing {
		return audit.Thing{Kind: kind, Name: name, Host: host, Lifetime: lifetime}
	}
	declared := thing(audit.KindCookie, "sessionid", "www.example.fr", 0)
	declared.Declared, declared.Service = true, "login"
	guessed := thing(audit.KindCookie, "csrftoken", "example.fr", 60)
	guessed.Guessed, guessed.Service = true, "protection of forms"
	host, entries := audited(&audit.Report{URL: "https://www.example.fr/start", Things: []audit.Thing{
		declared, guessed,
		thing(audit.KindCookie, "uid", "ads.example", 60),
		thing(audit.KindLocal, "theme", "https://www.example.fr", 0),
		thing(audit.KindSession, "cart", "https://frame.ads.example", 0),
		thing(audit.KindIndexed, "store", "https://www.example.fr", 0),
		thing(audit.KindHost, "cdn.ads.example", "cdn.ads.example", 0),
	}}, time.Unix(0, 0))
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s %s %d %s", e.Kind, e.Name, e.Domain, e.Area, e.Lifetime, e.Service))
	}
	want := "cookie sessionid   -1 login\ncookie csrftoken example.fr  60 \nstorage theme  local 0 \nhost cdn.ads.example   0 "
	if strings.Join(got, "\n") != want || host != "www.example.fr" {
		t.Errorf("%s:\n%s\nwant\n%s", host, strings.Join(got, "\n"), want)
	}
}
