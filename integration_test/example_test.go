package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestExampleCaddyfile runs Caddyfile.example as it stands, its ports aside.
func TestExampleCaddyfile(t *testing.T) {
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]int{}
	moved := regexp.MustCompile(`\b808[0-3]\b`).ReplaceAllStringFunc(string(text), func(port string) string {
		if ports[port] == 0 {
			ports[port] = freePort(t)
		}
		return strconv.Itoa(ports[port])
	})
	printed := startBinary(t, "..", moved, ports["8080"])

	portal := site{host: "localhost", port: ports["8080"]}
	checkDemoPage(t, portal, "", true, "necessary")
	choice, _ := choose(t, portal.url("/cookie-consent"), onlyStatistics)
	checkDemoPage(t, portal, choice, false, "necessary, statistics")
	checkDemoPage(t, portal, choice+"; ads_id=x; forgotten=y", false, "necessary, statistics")

	bare := get(t, fmt.Sprintf("http://127.0.0.1:%d/", ports["8081"]))
	if got, want := bare.setNames(), "_pk_id.1 ads_id csrftoken forgotten"; bare.StatusCode != http.StatusOK || got != want {
		t.Errorf("the bare portal answers %d and sets %q, want 200 and %q", bare.StatusCode, got, want)
	}
	for line := range strings.Lines(printed.String()) {
		undeclared := strings.Contains(line, "its charter does not declare") // as the demo means to show
		if !undeclared && !strings.Contains(line, `"level":"info"`) && !strings.Contains(line, "\tINFO\t") {
			t.Errorf("Caddy complains: %s", line)
		}
	}
}

// checkDemoPage looks at the demo portal's first page, which shows what the site
// received.
func checkDemoPage(t *testing.T, portal site, cookie string, asks bool, told string) {
	t.Helper()
	a := get(t, portal.url("/"), "Cookie", cookie)
	if got := strings.Contains(a.body, `id="cookie-consent"`); a.StatusCode != http.StatusOK || got != asks {
		t.Errorf("with %q: status %d, banner %t, want 200 and %t", cookie, a.StatusCode, got, asks)
	}
	for _, shown := range []string{`<code id="consent">` + told + `</code>`, `<code id="cookie">rien</code>`} {
		if !strings.Contains(a.body, shown) {
			t.Errorf("with %q: the page does not show %s", cookie, shown)
		}
	}
	if without(strings.ReplaceAll(a.setNames(), "-", ""), "csrftoken _pk_id.1 ads_id forgotten") != "" ||
		strings.Contains(" "+a.setNames(), " ads_id") || strings.Contains(" "+a.setNames(), " forgotten") {
		t.Errorf("with %q: the answer sets %q", cookie, a.setNames())
	}
}
