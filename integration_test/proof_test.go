package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/internal/postgrestest"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// startedPostgres is a PostgreSQL that stays up until all tests have run. Tests that
// take it down have one of their own.
var startedPostgres = sync.OnceValues(func() (*postgrestest.Server, error) {
	server, err := postgrestest.New()
	if err == nil {
		whenDone(func() { _ = server.Close() })
	}
	return server, err
})

func thePostgres(t *testing.T) *postgrestest.Server {
	t.Helper()
	server, err := startedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// ownPostgres starts a PostgreSQL until the test ends.
func ownPostgres(t *testing.T) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// node is a Caddy in a process of its own that keeps records of consent.
type node struct {
	site
	admin   int
	home    string // holds its data directory
	storage string
	records string // words of the Caddyfile
	rights  *syscall.Credential

	command *exec.Cmd
	printed *output
}

// newNode returns a node that keeps its records where the words say, in Caddyfile's
// terms. It is not started.
func newNode(t *testing.T, records string) *node {
	t.Helper()
	return &node{
		site:  newSite(t, "shop.localhost", shop()),
		admin: freePort(t), home: t.TempDir(), storage: t.TempDir(), records: records,
	}
}

// shop is the body of a site block whose cookie_consent block has further lines.
func shop(lines ...string) string {
	return "encode\ncookie_consent " + consent(lines...) + "respond \"the site\"\n"
}

// onBothStores runs a test on a node for each kind of store.
func onBothStores(t *testing.T, test func(t *testing.T, n *node)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newNode(t, inSQLite(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newNode(t, inPostgres(t, thePostgres(t)))) })
}

// inSQLite says that records are kept in a new file.
func inSQLite(t *testing.T) string {
	return "sqlite " + filepath.Join(t.TempDir(), "records.db")
}

// inPostgres says that records are kept in a new database of server.
func inPostgres(t *testing.T, server *postgrestest.Server) string {
	t.Helper()
	return fmt.Sprintf("postgres %q", server.DSN(server.Database(t)))
}

// caddyfile is the node's whole configuration.
func (n *node) caddyfile() string {
	return fmt.Sprintf("{\nadmin 127.0.0.1:%d\npersist_config off\nauto_https off\ngrace_period 3s\nstorage file_system %q\n"+
		"cookie_consent {\nrecords %s\n}\n}\n%s", n.admin, n.storage, n.records, n.site)
}

// start starts the node until the test ends.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.command = caddyCommand(t, n.home, "run", "--adapter", "caddyfile", "--config", "-")
	n.command.Stdin = strings.NewReader(n.caddyfile())
	n.command.SysProcAttr = &syscall.SysProcAttr{Credential: n.rights}
	n.printed = startCommand(t, n.command, "", n.port)
}

// kill ends the node as a crash does.
func (n *node) kill(t *testing.T) {
	t.Helper()
	if err := n.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = n.command.Wait()
}

// stop ends the node as an operator does.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := n.command.Wait(); err != nil {
		t.Errorf("stopping Caddy: %v\n%s", err, n.printed)
	}
}

// load gives the running node the configuration that n describes now.
func (n *node) load(t *testing.T) {
	t.Helper()
	response, err := http.Post(n.adminURL("/load"), "text/caddyfile", strings.NewReader(n.caddyfile()))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("loading a configuration: status %d, %s", response.StatusCode, body)
	}
}

func (n *node) adminURL(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", n.admin, path)
}

// nodeHealth is what GET /cookie_consent/health says of the records.
type nodeHealth struct {
	records.Health
	Problem string `json:"problem"`
}

func (n *node) health(t *testing.T) nodeHealth {
	t.Helper()
	var said struct{ Records *nodeHealth }
	if err := json.Unmarshal([]byte(get(t, n.adminURL("/cookie_consent/health")).body), &said); err != nil || said.Records == nil {
		t.Fatalf("the health of the records: %v, %v", said.Records, err)
	}
	return *said.Records
}

// metric is the value of a metric of the records, of the store that the node has.
func (n *node) metric(t *testing.T, name string) float64 {
	t.Helper()
	kind, _, _ := strings.Cut(n.records, " ")
	name = fmt.Sprintf("caddy_cookie_consent_records_%s{store=%q} ", name, kind)
	for line := range strings.Lines(get(t, n.adminURL("/metrics")).body) {
		if value, ok := strings.CutPrefix(line, name); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// store opens what the node has kept, as the operators' commands do.
func (n *node) store(t *testing.T) *records.Store {
	t.Helper()
	o := records.Options{Storage: &certmagic.FileStorage{Path: n.storage}}
	kind, where, _ := strings.Cut(n.records, " ")
	if kind == "sqlite" {
		o.SQLite = where
	} else if unquoted, err := strconv.Unquote(where); err == nil {
		o.Postgres = unquoted
	}
	store, err := records.OpenStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// awaitDelivery waits until the database has all that the node acknowledged.
func (n *node) awaitDelivery(t *testing.T) {
	t.Helper()
	waitFor(t, "a database that has all records", func() bool {
		h := n.health(t)
		return h.Store != "" && h.Backlog == 0 && h.Good()
	})
}

// checkSound verifies the records of a store.
func checkSound(t *testing.T, store *records.Store) {
	t.Helper()
	const most = 5
	verified, err := store.Verify(context.Background(), func(f records.Finding) {
		if !t.Failed() {
			t.Errorf("verify: %s", f)
		}
	}, nil)
	if err != nil || verified.Findings > most || verified.Waiting > 0 {
		t.Errorf("verify: %+v, %v", verified, err)
	}
}

// checkServes checks that the site is served, and that a visitor can refuse.
func checkServes(t *testing.T, n *node) {
	t.Helper()
	if a := get(t, n.url("/")); a.StatusCode != http.StatusOK || a.body != "the site" {
		t.Errorf("the site answers %d, %q", a.StatusCode, a.body)
	}
	if cookie, a := choose(t, n.url("/cookie-consent"), refuseAll); a.StatusCode != http.StatusOK {
		t.Errorf("a refusal is answered with %d and %q", a.StatusCode, cookie)
	}
}

// post posts a choice as a form without script does.
func (n *node) post(t *testing.T, fields url.Values, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, n.url("/cookie-consent/choice"), strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", n.url(""))
	return send(t, client(t), r, headers...)
}

// checkGrant posts a grant and compares the status of its answer. A grant that is not
// acknowledged sets no cookie.
func checkGrant(t *testing.T, n *node, want int) {
	t.Helper()
	a := n.post(t, acceptAll)
	if a.StatusCode != want || want != http.StatusSeeOther && len(a.Cookies()) > 0 {
		t.Errorf("a grant is answered with %d and sets %q, want %d", a.StatusCode, a.setNames(), want)
	}
}
