package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// TestReadmeTenMinutes follows "From nothing to an enforced site in ten minutes" to
// the letter: its files in a folder, its commands there; only addresses are changed.
// Building with xcaddy has a test of its own.
func TestReadmeTenMinutes(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## From nothing to an enforced site in ten minutes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	s := site{host: "data.localhost", port: freePort(t)}
	dir := t.TempDir()
	for kind, name := range map[string]string{"csv": "charte.csv", "caddyfile": "Caddyfile"} {
		_, text, found := strings.Cut(section, "```"+kind+"\n")
		if text, _, _ = strings.Cut(text, "```"); !found || !strings.Contains(section, "`"+name+"`") {
			t.Fatalf("the section has no %s", name)
		}
		text = strings.NewReplacer(
			"data.example.org {", "{\nadmin off\npersist_config off\n}\nhttp://"+s.authority()+" {\nbind 127.0.0.1",
			"localhost:8000", thePortal(t).address,
		).Replace(text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var commands [][]string
	for line := range strings.Lines(section) {
		if words, is := strings.CutPrefix(strings.TrimSpace(line), "./caddy "); is {
			commands = append(commands, strings.Fields(words))
		}
	}
	if len(commands) != 2 || commands[1][0] != "run" {
		t.Fatalf("the section's commands are %q", commands)
	}

	show := caddyCommand(t, t.TempDir(), commands[0]...)
	show.Dir = dir
	shown, err := show.Output()
	if err != nil {
		t.Fatalf("caddy %q: %v\n%s", commands[0], err, shown)
	}
	for _, cookie := range []string{"| sessionid |", "| `django_language` |", "| csrftoken |", "| `cookies_preferences` |", "| VISITOR\\_INFO1\\_LIVE"} {
		cookie = strings.ReplaceAll(cookie, "VISITOR\\_INFO1\\_LIVE", "`VISITOR_INFO1_LIVE`")
		if !strings.Contains(string(shown), cookie) {
			t.Errorf("the charter shown has no %s:\n%s", cookie, shown)
		}
	}
	startCommand(t, caddyCommand(t, t.TempDir(), commands[1]...), dir, s.port)

	const all = "sessionid=1; django_language=fr; csrftoken=2; _pk_id.1=3; undeclared_x=4"
	if got := receivedNames(t, s, "", all); got != "csrftoken django_language sessionid" {
		t.Errorf("the site receives %q", got)
	}
	if page := get(t, s.url("/")); !strings.Contains(page.body, `id="cookie-consent"`) {
		t.Error("the page does not ask")
	}
	charter := get(t, s.url("/cookie-consent/"))
	for _, said := range []string{"Authentification", "django_language", "YouTube", "Département de Démonstration", "France (CNIL)"} {
		if !strings.Contains(charter.body, said) {
			t.Errorf("the charter does not say %s", said)
		}
	}

	file := filepath.Join(dir, "charte.csv")
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	table = append(table, "Example;Notes;undeclared_x;Keep notes;nécessaire;interface\n"...)
	table = []byte(strings.Replace(string(table), "Finalités\n", "Finalités;Catégorie;Motif\n", 1))
	if err := os.WriteFile(file, table, 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the saved charter counts", func() bool {
		return receivedNames(t, s, "", all) == "csrftoken django_language sessionid undeclared_x"
	})
}
