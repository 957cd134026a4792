package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// TestCluster runs examples/cluster as it stands, its ports, database and storage
// aside: two Caddys behind a third, one PostgreSQL, one storage.
func TestCluster(t *testing.T) {
	server, storage, dir := thePostgres(t), t.TempDir(), t.TempDir()
	dsn := server.DSN(server.Database(t))
	ports := map[string]int{}
	port := func(shown string) int {
		if ports[shown] == 0 {
			ports[shown] = freePort(t)
		}
		return ports[shown]
	}
	stops := map[string]func(){}
	for name, listens := range map[string]string{"front": "8180", "one": "8181", "two": "8182"} {
		text, err := os.ReadFile(filepath.Join("..", "examples", "cluster", name+".Caddyfile"))
		if err != nil {
			t.Fatal(err)
		}
		moved := regexp.MustCompile(`\b81[89][0-9]\b`).ReplaceAllStringFunc(string(text), func(shown string) string { return strconv.Itoa(port(shown)) })
		file := filepath.Join(dir, name+".Caddyfile")
		if err := os.WriteFile(file, []byte(moved), 0o600); err != nil {
			t.Fatal(err)
		}
		command := caddyCommand(t, t.TempDir(), "run", "--adapter", "caddyfile", "--config", file)
		command.Env = append(command.Env, "CLUSTER_STORAGE="+storage, "CLUSTER_RECORDS="+dsn)
		startCommand(t, command, dir, port(listens))
		stops[name] = func() {
			_ = command.Process.Signal(syscall.SIGTERM)
			_ = command.Wait()
		}
	}
	at := func(shown string) site { return site{host: "localhost", port: port(shown)} }
	front, one, two := at("8180"), at("8181"), at("8182")

	for _, c := range []struct {
		name    string
		made    site
		counted []site
	}{{"at one", one, []site{two, front}}, {"at two", two, []site{one, front}}, {"through the front", front, []site{one, two}}} {
		cookie, _ := choose(t, c.made.url("/cookie-consent"), acceptAll)
		for _, s := range c.counted {
			if a := get(t, s.url("/cookie-consent/state"), "Cookie", cookie); !strings.Contains(a.body, `"answered"`) {
				t.Errorf("a choice made %s is not known at %s: %s", c.name, s.authority(), a.body)
			}
			if a := get(t, s.url("/"), "Cookie", cookie); !strings.Contains(a.body, `src="https://www.youtube-nocookie.com/`) {
				t.Errorf("what was granted %s is held back at %s", c.name, s.authority())
			}
			waitFor(t, "the receipt of a choice made "+c.name, func() bool {
				var receipt records.Receipt
				return json.Unmarshal([]byte(get(t, s.url("/cookie-consent/receipt"), "Cookie", cookie).body), &receipt) == nil && receipt.RecordID != ""
			})
		}
	}
	for range 4 { // both nodes see something undeclared
		get(t, front.url("/"), "Cookie", "odd=1")
	}
	for _, stop := range stops {
		stop()
	}
	store, err := records.OpenStore(t.Context(), records.Options{Postgres: dsn, Storage: &certmagic.FileStorage{Path: storage}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	checkSound(t, store)
	if n, err := store.Count(t.Context(), records.Filter{}); err != nil || n != 3 {
		t.Errorf("%d records are stored, want 3 (%v)", n, err)
	}
	seen, err := store.Shared("nobody").Others(t.Context(), "inventory")
	if err != nil || len(seen) != 2 || !strings.Contains(string(seen[0])+string(seen[1]), "odd") {
		t.Errorf("of %d nodes the database has what they saw (%v): %s", len(seen), err, fmt.Sprintf("%q", seen))
	}
}
