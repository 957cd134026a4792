package records

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// place is where a child process keeps its records.
type place struct {
	SQLite, Postgres, Spool, Storage string
}

func (p place) options() Options {
	return Options{SQLite: p.SQLite, Postgres: p.Postgres, Spool: p.Spool, Storage: &certmagic.FileStorage{Path: p.Storage}}
}

func placeOf(t testing.TB, o Options) place {
	return place{o.SQLite, o.Postgres, o.Spool, filepath.Join(t.TempDir(), "storage")}
}

// run starts this test program again, in a role.
func run(t testing.TB, role string, p place) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "RECORDS_TEST_ROLE="+role, "RECORDS_TEST_PLACE="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewReader(out)
}

// child is the main function of such a process.
func child(role string) int {
	var p place
	err := json.Unmarshal([]byte(os.Getenv("RECORDS_TEST_PLACE")), &p)
	if err == nil {
		err = map[string]func(place) error{
			"write": childWrites, "full": childFillsTheDisk, "powerless": childWithoutRights,
		}[role](p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

// members is how many goroutines of a child append.
const members = 64

// childWrites appends until it is killed, and tells each record that was
// acknowledged.
func childWrites(p place) error {
	l, err := Open(context.Background(), p.options())
	if err != nil {
		return err
	}
	failed := make(chan error)
	start := rand.IntN(1 << 30)
	for member := range members {
		go func() {
			for n := 0; ; n++ {
				r, err := l.Append(context.Background(), grant(start+member<<32+n, fmt.Sprintf("s%d.example", member%3)), shown)
				if err != nil {
					failed <- err
				}
				_, _ = os.Stdout.WriteString(r.ID + "\n")
			}
		}()
	}
	return <-failed
}

// TestKilled: kill -9 at any point loses nothing that was acknowledged. What was
// on disk and not yet acknowledged may be there too.
func TestKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		const rounds = 8
		p := placeOf(t, o)
		acknowledged := map[string]bool{}
		for range rounds {
			cmd, out := run(t, "write", p)
			for life := 1 + rand.IntN(600); ; life-- {
				line, err := out.ReadString('\n')
				if err != nil { // what it had still told was read
					break
				}
				acknowledged[strings.TrimSpace(line)] = true
				if life == 0 {
					_ = cmd.Process.Kill()
				}
			}
			_ = cmd.Wait()
		}
		l := open(t, p.options())
		delivered(t, l)
		stored := all(t, l.Store)
		for id := range acknowledged {
			if stored[id] != 1 {
				t.Errorf("%s was acknowledged and is stored %d times", id, stored[id])
			}
		}
		if extra := len(stored) - len(acknowledged); extra > rounds*members {
			t.Errorf("%d records more than acknowledged, with %d in flight at each end", extra, members)
		}
		t.Logf("%d acknowledged, %d stored", len(acknowledged), len(stored))
		sound(t, l.Store)
	})
}

// childFillsTheDisk lets its files grow to a limit only, until decisions were
// refused; then to any size. It tells what was acknowledged.
func childFillsTheDisk(p place) error {
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	l, err := Open(context.Background(), p.options())
	if err != nil {
		return err
	}
	before := limit.Cur
	limit.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	c := startCrowd(func() *Log { return l }, members)
	wait := func(state func() bool) error {
		for end := time.Now().Add(time.Minute); !state(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return fmt.Errorf("the state was not reached: %+v", l.Health())
			}
		}
		return nil
	}
	refused := func() bool { c.mutex.Lock(); defer c.mutex.Unlock(); return c.refused > 100 }
	if err := wait(refused); err != nil {
		return err
	}
	said := func() bool { h := l.Health(); return h.WriteError != "" && h.WriteErrors > 0 && !h.Good() }
	if err := wait(said); err != nil {
		return err
	}
	limit.Cur = before
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	full := c.count()
	if err := wait(func() bool { return c.count() > full+1000 && l.Health().WriteError == "" }); err != nil {
		return err
	}
	close(c.stop)
	c.done.Wait()
	for _, id := range c.acknowledged {
		fmt.Println(id)
	}
	return errors.Join(c.failure, l.Close())
}

// TestFullDisk: what does not fit is refused, what fits is stored, and with room
// again all is well again.
func TestFullDisk(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		p := placeOf(t, o)
		if p.Spool != "" {
			p.Postgres = unreachable
		}
		cmd, out := run(t, "full", p)
		var acknowledged []string
		for {
			line, err := out.ReadString('\n')
			if err != nil {
				break
			}
			acknowledged = append(acknowledged, strings.TrimSpace(line))
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		p.Postgres = o.Postgres
		l := open(t, p.options())
		delivered(t, l)
		accounted(t, l.Store, acknowledged)
		t.Logf("%d acknowledged", len(acknowledged))
		sound(t, l.Store)
	})
}

// unreachable is the connection string of a server that is not there.
const unreachable = "host=127.0.0.1 port=1 user=u dbname=d connect_timeout=1"

// TestOutages: a server that is stopped, killed or cut off, and configurations
// that are reloaded meanwhile, lose and double nothing.
func TestOutages(t *testing.T) {
	s := postgres(t)
	o := inPostgres(t)
	var current atomic.Pointer[Log]
	current.Store(open(t, o))
	c := startCrowd(current.Load, 100)
	// With a server that is away, reloads must not wait for it.
	reload := func() {
		t.Helper()
		closed(t, current.Load())
		current.Store(open(t, o))
	}
	try := func(do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	c.more(t, 1000)
	try(s.Stop)
	c.more(t, 3000)
	until(t, "word of the outage", func() bool { return current.Load().Health().DeliveryError != "" })
	if h := current.Load().Health(); h.Backlog == 0 || h.Oldest.IsZero() || time.Since(h.Oldest) > time.Minute || h.Good() {
		t.Errorf("health in an outage: %+v", h)
	}
	reload()
	c.more(t, 1000)
	try(s.Start)
	for range 10 {
		c.more(t, 100)
		try(s.Cut)
	}
	for range 3 {
		c.more(t, 500)
		try(s.Kill)
		c.more(t, 200)
		reload()
		try(s.Start)
	}
	for range 5 {
		c.more(t, 200)
		reload()
	}
	acknowledged := c.end(t)
	l := current.Load()
	delivered(t, l)
	if h := l.Health(); h.Backlog != 0 || !h.Oldest.IsZero() || !h.Good() {
		t.Errorf("health after the outages: %+v", h)
	}
	accounted(t, l.Store, acknowledged)
	t.Logf("%d acknowledged, %d refused", len(acknowledged), c.refused)
	sound(t, l.Store)
}

// TestFailingSteps: whatever step on the disk fails, what was acknowledged is
// stored and what was refused is not.
func TestFailingSteps(t *testing.T) {
	for _, tt := range []struct {
		name  string
		of    func(testing.TB) Options
		steps []string
	}{
		{"sqlite", inSQLite, []string{"commit"}},
		{"spool", inPostgres, []string{"write", "sync", "truncate", "rotate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var on atomic.Bool
			o := tt.of(t)
			o.fault = func(step string) error {
				for _, s := range tt.steps {
					if on.Load() && s == step && rand.IntN(3) == 0 {
						return syscall.ENOSPC
					}
				}
				return nil
			}
			l := open(t, o)
			if err := l.Keep(t.Context(), shown); err != nil {
				t.Fatal(err)
			}
			c := startCrowd(func() *Log { return l }, 50)
			on.Store(true)
			c.more(t, 2000)
			on.Store(false)
			c.more(t, 200)
			acknowledged := c.end(t)
			if c.refused == 0 {
				t.Error("nothing was refused")
			}
			delivered(t, l)
			accounted(t, l.Store, acknowledged)
			sound(t, l.Store)
			closed(t, l)
			l = open(t, o)
			accounted(t, l.Store, acknowledged)
		})
	}
}

// childWithoutRights opens a log as a user who may not write there.
func childWithoutRights(p place) error {
	if err := syscall.Setgid(65534); err != nil {
		return err
	}
	if err := syscall.Setuid(65534); err != nil {
		return err
	}
	l, err := Open(context.Background(), p.options())
	if err == nil {
		return errors.Join(errors.New("it opened"), l.Close())
	}
	fmt.Println(strings.ReplaceAll(err.Error(), "\n", "; "))
	return nil
}

// TestNoRights: a directory that cannot be written is one clear error.
func TestNoRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: the directory is closed to this user itself")
	}
	dir, err := os.MkdirTemp("", "records-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	storage, closedDir := filepath.Join(dir, "storage"), filepath.Join(dir, "closed")
	for path, mode := range map[string]os.FileMode{dir: 0o755, storage: 0o777, closedDir: 0o555} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]place{
		"sqlite":             {SQLite: filepath.Join(closedDir, "records.db"), Storage: storage},
		"sqlite, a new room": {SQLite: filepath.Join(closedDir, "new", "records.db"), Storage: storage},
		"spool":              {Postgres: unreachable, Spool: closedDir, Storage: storage},
	} {
		if os.Getuid() != 0 {
			if _, err := Open(t.Context(), p.options()); !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		cmd, out := run(t, "powerless", p)
		line, _ := out.ReadString('\n')
		if err := cmd.Wait(); err != nil || !strings.Contains(line, "permission denied") || strings.Contains(line, "; ") {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
}
