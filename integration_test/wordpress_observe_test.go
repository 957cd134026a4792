package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/audit"
)

// observedOptions is a global options block with an admin endpoint at a port.
func observedOptions(storage string, admin int) string {
	return strings.Replace(options(storage), "admin off", fmt.Sprintf("admin 127.0.0.1:%d", admin), 1)
}

// quietBrowser is Chromium that knows no host but those of this machine.
func quietBrowser(t *testing.T) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "browser")
	text := "#!/bin/sh\nexec chromium --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE localhost, EXCLUDE 127.0.0.1' \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}

// TestFromObservingToEnforcing takes the way in that the README shows, with a
// WordPress of whose cookies nobody has told: observe it while guest and editor do
// their work, declare what was seen, load that, audit it, and work again.
func TestFromObservingToEnforcing(t *testing.T) {
	w := theWordPress(t)
	storage, admin := t.TempDir(), freePort(t)
	s := newSite(t, "observed.localhost", "encode\ncookie_consent {\nmode observe\n}\n"+w.body())
	file := writeFile(t, caddyfile(observedOptions(storage, admin), s))
	loadCaddyfile(t, caddyfile(observedOptions(storage, admin), s))

	b := newTab(t)
	b.cutOff()
	bare := b.wordPressTour(s, "observed")
	if b.has("#cookie-consent") || !strings.Contains(bare[0], "comment_author_*") {
		t.Errorf("observed, WordPress shows a banner or sets other cookies: %q", bare)
	}
	b.visit(s.url(wordPressFilm))
	if !b.has("iframe[src='" + wordPressFrame + "']") {
		t.Error("observed, the film is held back")
	}

	wanted := []string{"comment_author_", "wordpress_logged_in_", "wordpress_test_cookie", "wp-settings-", "www.youtube.com", "gravatar.com"}
	inventory := fmt.Sprintf("http://127.0.0.1:%d/cookie_consent/inventory?undeclared=1", admin)
	waitFor(t, "all was seen", func() bool {
		seen := get(t, inventory).body
		return !slices.ContainsFunc(wanted, func(name string) bool {
			return !strings.Contains(seen, `"name":"`+name) && !strings.Contains(seen, name)
		})
	})
	declare := caddyCommand(t, t.TempDir(), "cookie-consent", "declare", "--config", file, "--adapter", "caddyfile")
	blocks, err := declare.Output()
	if err != nil {
		t.Fatalf("declare: %v\n%s", err, blocks)
	}
	t.Logf("declared:\n%s", blocks)

	enforced := site{s.host, s.port, "encode\ncookie_consent {\ncontroller \"Département de Démonstration\"\nlanguage en fr\nbanner {\nposition bottom\n}\n" + string(blocks) + "}\n" + w.body()}
	loadCaddyfile(t, caddyfile(observedOptions(storage, admin), enforced))
	checkAudit(t, enforced)
	for _, c := range []struct {
		button, refused string
	}{{"refuse-all", "comment_author_* comment_author_email_*"}, {"accept-all", ""}} {
		t.Run(c.button, func(t *testing.T) {
			b := newTab(t)
			beyond := b.cutOff()
			b.answerBanner(enforced, c.button)
			checkFilm(b, enforced, beyond, c.refused == "")
			for i, stop := range b.wordPressTour(enforced, c.button+" of what was observed") {
				if want := without(bare[i], c.refused); stop != want {
					t.Errorf("at stop %d the tab holds %q, want %q", i+1, stop, want)
				}
			}
		})
	}
	if left := get(t, inventory).body; strings.Contains(left, `"kind":"cookie"`) {
		t.Errorf("once it is declared, cookies are undeclared still: %s", left)
	}
}

// checkAudit has the command audit a site, and wants it clean.
func checkAudit(t *testing.T, s site) {
	t.Helper()
	page := filepath.Join(t.TempDir(), "report.html")
	command := caddyCommand(t, t.TempDir(), "cookie-consent", "audit", s.url("/"), "--pages", "3", "--json", "--html", page, "--browser", quietBrowser(t))
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil {
		t.Fatalf("audit: %v (%T)\n%s\n%s", err, exit, &complaint, out)
	}
	var report audit.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	for _, pass := range []audit.Pass{audit.Before, audit.Refused, audit.Accepted, audit.Withdrawn, audit.GPC} {
		if visit := report.Pass(pass); visit == nil || !visit.Done() || len(visit.Pages) == 0 {
			t.Errorf("audit: %s was not visited: %+v", pass, visit)
		}
	}
	for _, f := range report.Findings {
		if f.Severity == audit.Error {
			t.Errorf("audit: %s: %s", f.Rule, f.Text)
		}
	}
	if report.Failed() || !report.Declared {
		t.Errorf("audit: %s, declared %t", report.Verdict(), report.Declared)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), report.Verdict()) {
		t.Errorf("the page does not begin with the verdict (%v)", err)
	}
}
