package records

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestOpenRefuses: what could never work is one clear error, and leaves alone what
// it met.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := file("notes.txt", strings.Repeat("not a database\n", 100))
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (n)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	file("alien/000000000001.spool", "something else")
	file("odd/x.spool", "something else")
	file("a-file", "")
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"neither store", Options{}, "one of them is needed"},
		{"both stores", Options{SQLite: "a", Postgres: "b"}, "one of them is needed"},
		{"no spool", Options{Postgres: unreachable}, "need a directory"},
		{"a connection string that cannot be read", Options{Postgres: "postgres://u:hunter2@h:port/d", Spool: filepath.Join(dir, "s")}, "PostgreSQL"},
		{"keywords that cannot be read", Options{Postgres: "host", Spool: filepath.Join(dir, "s")}, "PostgreSQL"},
		{"no SQLite file", Options{SQLite: text}, "not an SQLite database"},
		{"a database of another program", Options{SQLite: foreign}, "belongs to another program"},
		{"a directory as file", Options{SQLite: dir}, "is a directory"},
		{"a file as directory", Options{SQLite: filepath.Join(dir, "a-file", "x.db")}, "not a directory"},
		{"segments of another program", Options{Postgres: unreachable, Spool: filepath.Join(dir, "alien")}, "is not part of a spool"},
		{"a segment of another name", Options{Postgres: unreachable, Spool: filepath.Join(dir, "odd")}, "is not part of a spool"},
		{"a file as spool", Options{Postgres: unreachable, Spool: filepath.Join(dir, "a-file")}, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Storage = &memory{}
			l, err := Open(t.Context(), tt.o)
			if err == nil {
				_ = l.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tt.want)
			}
		})
	}
	if after, err := os.ReadFile(foreign); err != nil || string(after) != string(before) {
		t.Errorf("the other program's database was changed, %v", err)
	}
	if _, err := OpenStore(t.Context(), Options{SQLite: filepath.Join(dir, "none.db"), Storage: &memory{}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenStore of nothing: %v", err)
	}
	if _, err := OpenStore(t.Context(), Options{Postgres: unreachable, Storage: &memory{}}); err == nil {
		t.Error("OpenStore of a server that is away")
	}
}

// TestNewerSchema: an SQLite store of a newer program is refused; a server's is
// waited for, with what comes in kept here.
func TestNewerSchema(t *testing.T) {
	o := inSQLite(t)
	l := open(t, o)
	tamper(t, l, "PRAGMA user_version = 99")
	closed(t, l)
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "made by a newer one") {
		t.Errorf("Open of a newer schema: %v", err)
	}

	o = inPostgres(t)
	l = open(t, o)
	delivered(t, l)
	tamper(t, l, "UPDATE cookie_consent_schema SET version = 99")
	closed(t, l)
	l = open(t, o)
	r := appended(t, l, grant(1, "example.fr"))
	until(t, "word of the newer schema", func() bool {
		return strings.Contains(l.Health().DeliveryError, "made by a newer one")
	})
	if got, err := l.Show(t.Context(), r.ID); err != nil || len(got) != 1 {
		t.Errorf("Show of a waiting record: %v, %v", got, err)
	}
	steps, err := schema("postgres")
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, l, fmt.Sprintf("UPDATE cookie_consent_schema SET version = %d", len(steps)))
	delivered(t, l)
	accounted(t, l.Store, []string{r.ID})
}

// TestServerRefuses: a login that is refused is waited out, too.
func TestServerRefuses(t *testing.T) {
	o := inPostgres(t)
	right := o.Postgres
	o.Postgres = strings.Replace(right, "not a secret", "hunter2", 1)
	l := open(t, o)
	r := appended(t, l, grant(1, "example.fr"))
	until(t, "word of the login", func() bool { return l.Health().DeliveryError != "" })
	h := l.Health()
	if h.Backlog != 1 || h.Oldest != r.Time || strings.Contains(h.DeliveryError, "hunter2") {
		t.Errorf("health %+v", h)
	}
	if e, err := l.Entry(t.Context(), shown.Hash()); err != nil || e.Hash() != shown.Hash() {
		t.Errorf("Entry that waits: %v", err)
	}
	if got, err := l.Latest(t.Context(), r.Subject); err != nil || got.ID != r.ID {
		t.Errorf("Latest of a waiting record: %+v, %v", got, err)
	}
	closed(t, l)
	o.Postgres = right
	l = open(t, o)
	delivered(t, l)
	accounted(t, l.Store, []string{r.ID})
	sound(t, l.Store)
}

// TestManyStartAtOnce: the schema and the key are made once.
func TestManyStartAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		var wait sync.WaitGroup
		logs := make([]*Log, 6)
		for i := range logs {
			mine := o
			if o.Spool != "" {
				mine.Spool = filepath.Join(t.TempDir(), "spool")
			}
			wait.Go(func() {
				l, err := Open(t.Context(), mine)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = l.Close() })
				logs[i] = l
				appended(t, l, grant(i, "example.fr"))
				delivered(t, l)
			})
		}
		wait.Wait()
		if !t.Failed() {
			sound(t, logs[0].Store)
			if got := all(t, logs[0].Store); len(got) != len(logs) {
				t.Errorf("%d records, want %d", len(got), len(logs))
			}
		}
	})
}

// TestTakenAway: a file that was removed under a running log acknowledges nothing
// any more.
func TestTakenAway(t *testing.T) {
	o := inSQLite(t)
	l := open(t, o)
	appended(t, l, grant(1, "example.fr"))
	if err := os.Remove(o.SQLite); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), grant(2, "example.fr"), shown); !errors.Is(err, ErrUnavailable) {
		t.Errorf("SQLite: %v", err)
	}
	o = inPostgres(t)
	l = open(t, o)
	appended(t, l, grant(1, "example.fr"))
	if err := os.RemoveAll(o.Spool); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), grant(2, "example.fr"), shown); !errors.Is(err, ErrUnavailable) {
		t.Errorf("spool: %v", err)
	}
}
