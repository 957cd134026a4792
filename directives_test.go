package cookieconsent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// site is a Caddy in this process, of which there is one at a time. Every load
// listens on a Unix socket of its own, so that no request reaches the
// configuration before, which may go on accepting for a moment.
type site struct {
	address, storage string
	sockets          string // folder
	loads            int
	app, server      string // further JSON
	lastStatus       int
	client           http.Client
}

// answer is a response that has been read, and the preference cookie it set.
type answer struct {
	*http.Response
	body, preference string
}

func newSite(t *testing.T) *site {
	t.Helper()
	sockets, err := os.MkdirTemp("", "") // shorter than a test's: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	s := &site{address: "127.0.0.1:8080", storage: filepath.Join(t.TempDir(), "storage"), sockets: sockets}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.socket())
	}}
	s.client = http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

func (s *site) socket() string { return filepath.Join(s.sockets, strconv.Itoa(s.loads)) }

// handle is the JSON of a route.
func handle(handlers ...string) string {
	return `{"handle": [` + strings.Join(handlers, ",") + `]}`
}

func (s *site) config(routes string) []byte {
	apps := ""
	if s.app != "" {
		apps = `"cookie_consent": ` + s.app + `,`
	}
	return fmt.Appendf(nil, `{"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "cookie_consent_test"}}}},
		"storage": {"module": "file_system", "root": %q},
		"apps": {%s "http": {"servers": {"site": {"listen": ["unix/%s"], "protocols": ["h1"], %s
			"automatic_https": {"disable": true}, "routes": [%s]}}}}}`, s.storage, apps, s.socket(), s.server, routes)
}

// load runs routes until the test ends, or until something else is loaded.
func (s *site) load(t *testing.T, routes string) {
	t.Helper()
	s.loads++
	s.run(t, s.config(routes))
}

func (s *site) run(t *testing.T, config []byte) {
	t.Helper()
	t.Cleanup(func() { stop(t) })
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	s.client.CloseIdleConnections() // those of the load before
}

func stop(t *testing.T) {
	t.Helper()
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
}

func (s *site) validate(t *testing.T, routes string) error {
	t.Helper()
	config := &caddy.Config{}
	if err := json.Unmarshal(s.config(routes), config); err != nil {
		t.Fatalf("%s: %v", s.config(routes), err)
	}
	return caddy.Validate(config)
}

func (s *site) do(t *testing.T, r *http.Request) *answer {
	t.Helper()
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := &answer{Response: response, body: string(body)}
	for _, c := range response.Cookies() {
		if c.Name == "cookies_preferences" && c.Value != "" {
			a.preference = c.Name + "=" + c.Value
		}
	}
	s.lastStatus = a.StatusCode
	return a
}

func (s *site) get(t *testing.T, path, cookie string) *answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return s.do(t, r)
}

func (s *site) state(t *testing.T, cookie string) string {
	t.Helper()
	var state struct{ State string }
	if err := json.Unmarshal([]byte(s.get(t, "/cookie-consent/state", cookie).body), &state); err != nil {
		t.Fatal(err)
	}
	return state.State
}

// choiceRequest is what the banner's form sends.
func (s *site) choiceRequest(t *testing.T, choice string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/cookie-consent/choice", strings.NewReader("choice="+choice))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+s.address)
	return r
}

func (s *site) choose(t *testing.T, choice string) *answer {
	t.Helper()
	return s.do(t, s.choiceRequest(t, choice))
}

// loadCaddyfile runs a site block until the test ends.
func (s *site) loadCaddyfile(t *testing.T, options, block string) {
	t.Helper()
	s.loads++
	s.run(t, adapt(t, fmt.Sprintf("{\nadmin off\npersist_config off\nauto_https off\nstorage file_system %q\nlog {\noutput discard\n}\n"+
		"servers {\nprotocols h1\n}\n%s\n}\nhttp://%s {\nbind unix/%s\n%s\n}\n", s.storage, options, s.address, s.socket(), block)))
}

func adapt(t *testing.T, caddyfile string) []byte {
	t.Helper()
	data, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// block is a directive's block with a service, and further words.
func block(words string) string {
	return "{\n" + words + "\nservice login {\ncategory necessary authentication\n}\n}\n"
}

// responds is a site that sets a cookie nobody declared.
const responds = "header Set-Cookie forgotten=1\nrespond site\n"

func TestOwnPagesAnswerWhateverTheSiteDoesToPaths(t *testing.T) {
	const own, enforced, bare = "own", "enforced", "bare"
	for _, c := range []struct{ name, site, path, want string }{
		{"without a matcher", "cookie_consent " + block("") + responds, "/cookie-consent/state", own},
		{"without a matcher, any path is handled", "cookie_consent " + block("") + responds, "/app", enforced},
		{"beside a path matcher", "cookie_consent /app/* " + block("") + responds, "/cookie-consent/state", own},
		{"what the matcher says is handled", "cookie_consent /app/* " + block("") + responds, "/app/x", enforced},
		{"other paths are not handled", "cookie_consent /app/* " + block("") + responds, "/other", bare},
		{"a path that only begins alike is the site's", "cookie_consent /app/* " + block("") + responds, "/cookie-consents/state", bare},
		{"beside a named matcher", "@get method PUT\ncookie_consent @get " + block("path /c") + responds, "/c/state", own},
		{"a dot in the path is a dot", "cookie_consent /app/* " + block("path /a.b") + responds, "/a.b/state", own},
		{"a dot in the path is nothing else", "cookie_consent /app/* " + block("path /a.b") + responds, "/aXb/state", bare},
		{"before a rewrite", "rewrite * /index.html\ncookie_consent /app/* " + block("") + responds, "/cookie-consent/state", own},
		{"behind handle_path", "handle_path /app/* {\ncookie_consent " + block("path /app/c") + responds + "}", "/app/c/state", own},
		{"behind handle_path, with a matcher", "handle_path /app/* {\ncookie_consent /x/* " + block("path /app/c") + responds + "}", "/app/c/state", own},
		{"behind handle_path, the site is told the rest", "handle_path /app/* {\ncookie_consent /x/* " + block("path /app/c") + responds + "}", "/app/x/y", enforced},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.loadCaddyfile(t, "", strings.ReplaceAll(c.site, responds, "route {\n"+responds+"}\n"))
			answer, got := s.get(t, c.path, ""), bare
			switch {
			case strings.Contains(answer.body, `"state":"unanswered"`):
				got = own
			case answer.body != "site":
				t.Errorf("GET %s: status %d, %q", c.path, answer.StatusCode, answer.body)
			case len(answer.Cookies()) == 0:
				got = enforced
			}
			if got != c.want {
				t.Errorf("GET %s is %s, want %s", c.path, got, c.want)
			}
		})
	}
}

func TestGlobalOption(t *testing.T) {
	s := newSite(t)
	s.loadCaddyfile(t, "cookie_consent {\nrecords off\n}", "cookie_consent "+block(""))
	if got := s.state(t, ""); got != "unanswered" {
		t.Errorf("state = %q, want unanswered", got)
	}
}

func TestRequestMatcherInACaddyfile(t *testing.T) {
	s := newSite(t)
	s.loadCaddyfile(t, "", "cookie_consent "+block("service matomo {\ncategory statistics\n}")+
		"@stats cookie_consent statistics\nrespond @stats granted\nrespond refused\n")
	if got := s.get(t, "/", "").body; got != "refused" {
		t.Errorf("before a choice: %q", got)
	}
	if got := s.get(t, "/", s.choose(t, "accept_all").preference).body; got != "granted" {
		t.Errorf("after accept_all: %q", got)
	}
}

func TestExampleIsValid(t *testing.T) {
	data, err := os.ReadFile("Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(data, map[string]any{"filename": "Caddyfile.example"})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("Caddyfile.example: %v, warnings %v", err, warnings)
	}
	config := &caddy.Config{}
	if err := json.Unmarshal(adapted, config); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(config); err != nil {
		t.Errorf("Caddyfile.example: %v", err)
	}
}
