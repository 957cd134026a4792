package integration_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/internal/postgrestest"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// TestRecordsThatCannotBeOpened: the site is served and refusals work. Grants are
// refused, and log, metrics and health say why, in one line and without a password.
func TestRecordsThatCannotBeOpened(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(t *testing.T, n *node)
		want string
	}{
		{"a connection string that cannot be read", func(_ *testing.T, n *node) { n.records = `postgres "postgres://u:hunter2@h:port/d"` }, "cannot parse"},
		{"a file that is no database", noDatabase, "is not an SQLite database"},
		{"a database of another program", anotherDatabase, "belongs to another program"},
		{"a directory that may not be written", closedDirectory, "permission denied"},
		{"a spool that may not be written", closedSpool, "permission denied"},
		{"a spool of another program", anotherSpool, "is not part of a spool"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, "")
			tt.set(t, n)
			n.start(t)
			waitFor(t, "word of it in the log", func() bool { return strings.Contains(n.printed.String(), "could not be opened") })
			if h := n.health(t); !strings.Contains(h.Problem, tt.want) || strings.ContainsAny(h.Problem, "\n") {
				t.Errorf("the health names the problem %q, want one line with %q", h.Problem, tt.want)
			}
			checkGrant(t, n, http.StatusServiceUnavailable)
			checkServes(t, n)
			if up := n.metric(t, "up"); up != 0 {
				t.Errorf("the metric up is %v", up)
			}
			printed := n.printed.String()
			if strings.Count(printed, "could not be opened") != 1 || !strings.Contains(printed, tt.want) || strings.Contains(printed, "hunter2") {
				t.Errorf("Caddy prints, with %q wanted once:\n%s", tt.want, printed)
			}
		})
	}
}

// noDatabase has the records in a text.
func noDatabase(t *testing.T, n *node) {
	n.records = "sqlite " + writeFile(t, strings.Repeat("a text\n", 200))
}

// anotherDatabase has the records in a database that is not theirs, and must stay as it
// is.
func anotherDatabase(t *testing.T, n *node) {
	file := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (n)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("the other program's database was changed, %v", err)
		}
	})
	n.records = "sqlite " + file
}

// anotherSpool has something else where the spool is.
func anotherSpool(t *testing.T, n *node) {
	dir := filepath.Join(n.home, "caddy", "cookie_consent", "spool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "000000000001.spool"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.records = `postgres "` + unreachable + `"`
}

// closedDirectory has the records in a directory that only root may write to.
func closedDirectory(t *testing.T, n *node) {
	n.records = "sqlite " + filepath.Join(n.powerless(t), "records.db")
}

// closedSpool has the spool in such a directory.
func closedSpool(t *testing.T, n *node) {
	closed := n.powerless(t)
	data := filepath.Join(n.home, "caddy", "cookie_consent")
	if err := os.MkdirAll(data, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(closed, filepath.Join(data, "spool")); err != nil {
		t.Fatal(err)
	}
	n.records = `postgres "` + unreachable + `"`
}

// powerless has the node run as a user without rights, if the tests are root's, and
// returns a directory that it may not write to.
func (n *node) powerless(t *testing.T) string {
	t.Helper()
	binary, err := builtCaddy()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "powerless-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	closed := filepath.Join(dir, "closed")
	n.home, n.storage = filepath.Join(dir, "home"), filepath.Join(dir, "storage")
	for path, mode := range map[string]os.FileMode{closed: 0o555, n.home: 0o777, n.storage: 0o777} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, filepath.Dir(binary)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		n.rights = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	return closed
}

// TestDatabaseThatTakesNoRecords: Caddy starts, grants are kept in the spool, their
// receipts can be read, and log, metrics and health say why.
func TestDatabaseThatTakesNoRecords(t *testing.T) {
	server := thePostgres(t)
	for _, tt := range []struct {
		name, dsn, want string
	}{
		{"away", unreachable, "connection refused"},
		{"silent", silentServer(t), "timeout"},
		{"refuses the login", strings.Replace(server.DSN(server.Database(t)), postgrestest.Password, "hunter2", 1), "password authentication failed"},
		{"has no such database", server.DSN("none"), "does not exist"},
		{"has a newer schema", newerSchema(t, server), "made by a newer one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, fmt.Sprintf("postgres %q", tt.dsn))
			n.start(t)
			cookie, _ := choose(t, n.url("/cookie-consent"), acceptAll)
			waitFor(t, "word of it in the health", func() bool { return strings.Contains(n.health(t).DeliveryError, tt.want) })
			if h := n.health(t); h.Backlog != 1 || h.Problem+h.WriteError != "" || strings.Contains(h.DeliveryError, "hunter2") {
				t.Errorf("the health is %+v", h)
			}
			if up, backlog := n.metric(t, "up"), n.metric(t, "backlog"); up != 0 || backlog != 1 {
				t.Errorf("the metrics say up %v, backlog %v", up, backlog)
			}
			if a := get(t, n.url("/cookie-consent/receipt"), "Cookie", cookie); a.StatusCode != http.StatusOK {
				t.Errorf("the receipt: status %d, %s", a.StatusCode, a.body)
			}
			checkServes(t, n)
			printed := n.printed.String()
			if !strings.Contains(printed, "could not be delivered to the database") || !strings.Contains(printed, tt.want) || strings.Contains(printed, "hunter2") {
				t.Errorf("Caddy prints, with %q wanted:\n%s", tt.want, printed)
			}
			n.stop(t)

			// what was kept is delivered to one that takes it
			n.records = inPostgres(t, server)
			n.start(t)
			n.awaitDelivery(t)
			store := n.store(t)
			if count, err := store.Count(t.Context(), records.Filter{}); err != nil || count != 1 {
				t.Errorf("%d records are stored, %v, want 1", count, err)
			}
			checkSound(t, store)
		})
	}
}

// silentServer is the connection string of a server that takes connections and says
// nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	listener := takeConnections(t, func(connection net.Conn) { t.Cleanup(func() { _ = connection.Close() }) })
	return fmt.Sprintf("host=127.0.0.1 port=%d user=u dbname=d connect_timeout=1 sslmode=disable", listener)
}

// takeConnections takes connections at a free port until the test ends.
func takeConnections(t *testing.T, taken func(net.Conn)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			taken(connection)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// newerSchema is the connection string of a database that a later version has made.
func newerSchema(t *testing.T, server *postgrestest.Server) string {
	t.Helper()
	name := server.Database(t)
	store, err := records.OpenStore(t.Context(), records.Options{Postgres: server.DSN(name), Storage: &certmagic.FileStorage{Path: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(name, "UPDATE cookie_consent_schema SET version = 99"); err != nil {
		t.Fatal(err)
	}
	return server.DSN(name)
}

// TestValidateLeavesRecordsAlone: caddy validate asks no database and makes no file.
func TestValidateLeavesRecordsAlone(t *testing.T) {
	port := takeConnections(t, func(connection net.Conn) {
		_ = connection.Close()
		t.Error("caddy validate has connected to the database")
	})
	dir := t.TempDir()
	for name, words := range map[string]string{
		"sqlite":           "sqlite",
		"sqlite in a file": "sqlite " + filepath.Join(dir, "new", "records.db"),
		"postgres":         fmt.Sprintf(`postgres "host=127.0.0.1 port=%d user=u dbname=d"`, port),
	} {
		n := newNode(t, words)
		command := caddyCommand(t, n.home, "validate", "--adapter", "caddyfile", "--config", "-")
		command.Stdin = strings.NewReader(n.caddyfile())
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: validating: %v\n%s", name, err, out)
		}
		for _, place := range []string{n.home, n.storage, dir} {
			if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
				t.Errorf("%s: caddy validate left %v behind, %v", name, left, err)
			}
		}
	}
}
