package records

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("RECORDS_TEST_ROLE"); role != "" {
		os.Exit(child(role))
	}
	code := m.Run()
	if server.started != nil {
		if err := server.started.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server is the PostgreSQL of all tests, started by the first that needs it. Tests
// that stop it start it again.
var server struct {
	once    sync.Once
	started *postgrestest.Server
	err     error
}

func postgres(t testing.TB) *postgrestest.Server {
	t.Helper()
	server.once.Do(func() { server.started, server.err = postgrestest.New() })
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.started
}

func inSQLite(t testing.TB) Options {
	return Options{SQLite: filepath.Join(t.TempDir(), "data", "records.db"), Storage: &memory{}}
}

func inPostgres(t testing.TB) Options {
	s := postgres(t)
	return Options{
		Postgres: s.DSN(s.Database(t)), Spool: filepath.Join(t.TempDir(), "spool"), Storage: &memory{},
		retry: 50 * time.Millisecond,
	}
}

// onBoth runs a test on each kind of store.
func onBoth(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("sqlite", func(t *testing.T) { test(t, inSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, inPostgres(t)) })
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func closed(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// shown is what the visitors of the tests were shown.
var shown = entryOf("banner.fr.html", "<p>Accepter ou refuser</p>", "style.css", "p{}", "module", "v1.2.3")

func entryOf(pairs ...string) *Entry {
	var artefacts []Artefact
	for i := 0; i < len(pairs); i += 2 {
		artefacts = append(artefacts, Artefact{pairs[i], "text/plain", []byte(pairs[i+1])})
	}
	e, err := NewEntry(artefacts...)
	if err != nil {
		panic(err)
	}
	return e
}

// grant is the decision of visitor n.
func grant(n int, site string) Decision {
	return Decision{
		Subject: fmt.Sprintf("%032x", n), State: Given, Method: BannerAcceptAll,
		Choices: []Choice{
			{"statistics", Exempt, nil},
			{"media", Partial, []Service{{"youtube", true}, {"vimeo", false}}},
			{"marketing", Denied, []Service{{"meta", false}}},
		},
		Notice: Notice{Policy: "r1"}, Lang: "fr", Site: site, Jurisdiction: "fr",
		Expires: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func appended(t testing.TB, l *Log, d Decision) Record {
	t.Helper()
	r, err := l.Append(t.Context(), d, shown)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func delivered(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// findings verifies a store.
func findings(t testing.TB, s *Store) []Finding {
	t.Helper()
	var found []Finding
	if _, err := s.Verify(t.Context(), func(f Finding) { found = append(found, f) }, nil); err != nil {
		t.Fatal(err)
	}
	return found
}

func sound(t testing.TB, s *Store) {
	t.Helper()
	for i, f := range findings(t, s) {
		if i == 10 {
			t.Fatal("…")
		}
		t.Error(f)
	}
}

// all returns the ids of the stored records, with how often each is there.
func all(t testing.TB, s *Store) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for r, err := range s.Export(t.Context(), Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids[r.ID]++
	}
	return ids
}

// accounted compares what was acknowledged with what is stored: the same, each
// once.
func accounted(t testing.TB, s *Store, acknowledged []string) {
	t.Helper()
	stored := all(t, s)
	lost := 0
	for _, id := range acknowledged {
		if stored[id] != 1 {
			lost++
		}
	}
	if lost > 0 || len(stored) != len(acknowledged) {
		t.Errorf("%d acknowledged, %d stored, %d of the acknowledged not once", len(acknowledged), len(stored), lost)
	}
}

// crowd appends from many goroutines until stopped, and remembers what was
// acknowledged and what was refused.
type crowd struct {
	mutex        sync.Mutex
	acknowledged []string
	refused      int
	failure      error
	stop         chan struct{}
	done         sync.WaitGroup
}

func startCrowd(log func() *Log, members int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for member := range members {
		c.done.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-c.stop:
					return
				default:
				}
				c.append(log(), grant(member<<32+n, fmt.Sprintf("s%d.example", member%3)))
			}
		})
	}
	return c
}

func (c *crowd) append(l *Log, d Decision) {
	r, err := l.Append(context.Background(), d, shown)
	if err != nil {
		time.Sleep(time.Millisecond) // the others have work to do
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case err == nil:
		c.acknowledged = append(c.acknowledged, r.ID)
	case errors.Is(err, ErrUnavailable):
		c.refused++
	default:
		c.failure = err
	}
}

func (c *crowd) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.acknowledged)
}

// more waits until n more were acknowledged.
func (c *crowd) more(t testing.TB, n int) {
	t.Helper()
	want := c.count() + n
	until(t, fmt.Sprintf("%d more appends", n), func() bool { return c.count() >= want })
}

func (c *crowd) end(t testing.TB) []string {
	t.Helper()
	close(c.stop)
	c.done.Wait()
	if c.failure != nil {
		t.Error(c.failure)
	}
	return c.acknowledged
}

// until waits for a state.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within a minute", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// clock is a time that tests set.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
}

// memory is a Storage, which fails when it is told to.
type memory struct {
	mutex  sync.Mutex
	values map[string][]byte
	broken error
	lock   sync.Mutex
}

func (m *memory) Load(_ context.Context, name string) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	value, ok := m.values[name]
	if !ok && m.broken == nil {
		return nil, fs.ErrNotExist
	}
	return value, m.broken
}

func (m *memory) Store(_ context.Context, name string, value []byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	if m.broken == nil {
		m.values[name] = value
	}
	return m.broken
}

func (m *memory) List(_ context.Context, path string, _ bool) ([]string, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.values)) {
		if strings.HasPrefix(name, path+"/") {
			names = append(names, name)
		}
	}
	if names == nil && m.broken == nil {
		return nil, fs.ErrNotExist
	}
	return names, m.broken
}

func (m *memory) Lock(context.Context, string) error   { m.lock.Lock(); return nil }
func (m *memory) Unlock(context.Context, string) error { m.lock.Unlock(); return nil }

func (m *memory) fail(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.broken = err
}
