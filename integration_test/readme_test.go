package integration_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestReadmeCaddyfile puts the README's first Caddyfile, and then its first with
// the service of its second, in front of the portal; only addresses are changed.
func TestReadmeCaddyfile(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```caddyfile\n")
	shown, _, _ := strings.Cut(blocks[1], "```")
	further, _, _ := strings.Cut(blocks[2], "```")
	for _, row := range []struct {
		name, caddyfile string
		asks            bool
		accepted        string // names the site receives once all is accepted
	}{
		{"the first", shown, false, "sessionid"},
		{"with a service that needs consent", strings.Replace(shown, "\t}\n\treverse_proxy", further+"\t}\n\treverse_proxy", 1), true, "_pk_id.1 sessionid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := site{host: "data.localhost", port: freePort(t)}
			text := strings.NewReplacer(
				"data.example.org {", "http://"+s.authority()+" {\nbind 127.0.0.1",
				"localhost:8000", thePortal(t).address,
			).Replace(row.caddyfile)
			loadCaddyfile(t, options(t.TempDir())+text)
			const all = "sessionid=1; _pk_id.1=2; ads_id=3; undeclared_x=4"
			a := get(t, s.url("/"), "Cookie", all)
			if got := strings.Contains(a.body, `id="cookie-consent"`); got != row.asks {
				t.Errorf("banner %t, want %t", got, row.asks)
			}
			if got := receivedNames(t, s, "", all); got != "sessionid" {
				t.Errorf("before the choice the site receives %q, want sessionid", got)
			}
			choice, _ := choose(t, s.url("/cookie-consent"), acceptAll)
			if got := receivedNames(t, s, choice, all); got != row.accepted {
				t.Errorf("after it the site receives %q, want %q", got, row.accepted)
			}
		})
	}
}

// receivedNames lists the names of the cookies the portal receives of those sent.
func receivedNames(t *testing.T, s site, choice, cookies string) string {
	t.Helper()
	a := get(t, s.url("/received"), "Cookie", strings.Trim(choice+"; "+cookies, "; "))
	var got struct{ Cookie string }
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	return cookieNames(got.Cookie)
}
