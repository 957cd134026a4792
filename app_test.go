package cookieconsent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	"go.uber.org/goleak"
)

func (s *site) keysPath() string { return filepath.Join(s.storage, filepath.FromSlash(keysFile)) }

func (s *site) writeKeys(t *testing.T, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.keysPath()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.keysPath(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// storedKeys is the JSON of keys by id, each of one repeated letter.
func storedKeys(t *testing.T, keys ...byte) string {
	t.Helper()
	var stored []storedKey
	for _, id := range keys {
		stored = append(stored, storedKey{ID: id, Secret: bytes.Repeat([]byte{'a' + id}, 32)})
	}
	data, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// memoryLog is a log writer that remembers.
type memoryLog struct{}

var (
	logged      bytes.Buffer
	loggedMutex sync.Mutex
)

func init() { caddy.RegisterModule(memoryLog{}) }

func (memoryLog) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.cookie_consent_test", New: func() caddy.Module { return new(memoryLog) }}
}

func (memoryLog) String() string                      { return "memory" }
func (memoryLog) WriterKey() string                   { return "memory" }
func (memoryLog) OpenWriter() (io.WriteCloser, error) { return memoryLog{}, nil }
func (memoryLog) Close() error                        { return nil }
func (memoryLog) Write(line []byte) (n int, err error) {
	loggedMutex.Lock()
	defer loggedMutex.Unlock()
	return logged.Write(line)
}

// takeLog returns what was logged since it was last called.
func takeLog() string {
	loggedMutex.Lock()
	defer loggedMutex.Unlock()
	defer logged.Reset()
	return logged.String()
}

// pooledApps counts what the pool holds, by key.
func pooledApps() map[any]int {
	held := map[any]int{}
	pool.Range(func(key, _ any) bool {
		held[key], _ = pool.References(key)
		return true
	})
	return held
}

func TestKeysAreMadeByStartNotByValidate(t *testing.T) {
	s := newSite(t)
	if err := s.validate(t, handle(declared)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.storage); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Validate, the storage is there (%v)", err)
	}
	if held := pooledApps(); len(held) != 0 {
		t.Errorf("after Validate, the pool holds %v", held)
	}
	s.load(t, handle(declared))
	data, err := os.ReadFile(s.keysPath())
	if err != nil {
		t.Fatalf("after Start, before any request: %v", err)
	}
	var stored []storedKey
	if err := json.Unmarshal(data, &stored); err != nil || len(stored) != 1 || len(stored[0].Secret) != 32 {
		t.Errorf("stored keys = %s (%v), want one of 32 bytes", data, err)
	}
}

func TestHandlersShareTheirKeys(t *testing.T) {
	s := newSite(t)
	beside := strings.Replace(declared, `"services"`, `"path": "/beside", "services"`, 1)
	s.load(t, `{"match": [{"path": ["/beside/*"]}], "handle": [`+beside+`]},`+handle(declared))
	cookie := s.choose(t, "accept_all").preference
	for _, path := range []string{"/cookie-consent/state", "/beside/state"} {
		if got := s.get(t, path, cookie).body; !strings.Contains(got, `"answered"`) {
			t.Errorf("%s says %s", path, got)
		}
	}
	if held := pooledApps(); len(held) != 1 {
		t.Errorf("the pool holds %v, want one", held)
	}
}

func TestWithoutKeysOnlyTheExemptPasses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, s *site)
	}{
		{"keys that are no JSON", func(t *testing.T, s *site) { s.writeKeys(t, "garbage") }},
		{"no key in the file", func(t *testing.T, s *site) { s.writeKeys(t, "[]") }},
		{"a key that is too short", func(t *testing.T, s *site) { s.writeKeys(t, `[{"id": 1, "secret": "AAAA"}]`) }},
		{"a storage that cannot be locked", func(t *testing.T, s *site) { writeFile(t, filepath.Join(s.storage, "locks")) }},
		{"a storage that is a file", func(t *testing.T, s *site) { writeFile(t, s.storage) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			c.spoil(t, s)
			takeLog()
			s.load(t, handle(declared, page))
			if log := takeLog(); !strings.Contains(log, "the keys that sign visitors' choices could not be opened") {
				t.Errorf("log = %s", log)
			}
			got := s.get(t, "/", "sessionid=1; ads_id=2")
			if !strings.Contains(got.body, "necessary|unanswered|necessary|sessionid=1<") || setCookies(got) != "sessionid=1" {
				t.Errorf("the site is told %s, and sets %s", got.body, setCookies(got))
			}
			for choice, want := range map[string]int{"accept_all": 503, "save&grant=ads": 503, "refuse_all": 303, "save": 303} {
				if got := s.choose(t, choice); got.StatusCode != want || got.preference != "" {
					t.Errorf("%s: status %d and %q, want %d", choice, got.StatusCode, got.preference, want)
				}
			}
		})
	}
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMendedKeysAreOpenedWithoutAReload(t *testing.T) {
	s := newSite(t)
	s.writeKeys(t, "garbage")
	s.load(t, handle(declared))
	s.writeKeys(t, storedKeys(t, 1))
	if got := s.choose(t, "accept_all").StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("while the failure is remembered: status %d, want 503", got)
	}
	pool.Range(func(_, value any) bool {
		value.(*shared).failure.Store(&failure{until: time.Now()})
		return true
	})
	if got := s.choose(t, "accept_all"); got.StatusCode != http.StatusSeeOther || got.preference == "" {
		t.Errorf("once it is forgotten: status %d and %q, want 303 and a cookie", got.StatusCode, got.preference)
	}
}

func TestKeysRotate(t *testing.T) {
	t.Run("by a restart", func(t *testing.T) { testKeysRotate(t, stop) })
	t.Run("by a reload", func(t *testing.T) { testKeysRotate(t, func(*testing.T) {}) })
}

func testKeysRotate(t *testing.T, before func(t *testing.T)) {
	s := newSite(t)
	restart := func(keys ...byte) {
		before(t)
		s.writeKeys(t, storedKeys(t, keys...))
		s.load(t, handle(declared))
	}
	restart(1)
	old := s.choose(t, "accept_all").preference
	restart(2, 1)
	if got := s.state(t, old); got != "answered" {
		t.Errorf("a choice signed with the old key is %s, want answered", got)
	}
	fresh := s.choose(t, "accept_all").preference
	if got := keyOf(t, fresh); got != 2 {
		t.Errorf("a new choice is signed with key %d, want 2", got)
	}
	restart(2)
	if got := s.state(t, fresh); got != "answered" {
		t.Errorf("a choice signed with the new key is %s, want answered", got)
	}
	if got := s.state(t, old); got != "unanswered" {
		t.Errorf("a choice signed with a key that is gone is %s, want unanswered", got)
	}
}

// keyOf returns the id of the key that signed a preference cookie.
func keyOf(t *testing.T, cookie string) byte {
	t.Helper()
	_, value, _ := strings.Cut(cookie, "=")
	data, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(data) < 2 {
		t.Fatalf("cookie %q: %v", cookie, err)
	}
	return data[1]
}

func TestReloadKeepsAccepting(t *testing.T) {
	s := newSite(t)
	s.load(t, handle(declared))
	cookie := s.choose(t, "accept_all").preference
	for _, name := range []string{"B", "C"} {
		s.load(t, handle(strings.Replace(declared, `"services"`, `"site": "`+name+`", "services"`, 1)))
		if got := s.state(t, cookie); got != "answered" {
			t.Errorf("after a reload, the choice is %s, want answered", got)
		}
	}
}

func TestPoolBalances(t *testing.T) {
	s, other := newSite(t), newSite(t)
	only := func(when string, storage string) {
		t.Helper()
		held := pooledApps()
		for key, references := range held {
			if len(held) != 1 || references != 1 || !strings.Contains(fmt.Sprint(key), storage) {
				t.Errorf("%s, the pool holds %v, want one of %s", when, held, storage)
			}
		}
	}
	for range 3 {
		s.load(t, handle(declared))
		only("after the first load", s.storage)
		s.load(t, handle(declared, page))
		only("after a reload", s.storage)
		other.load(t, handle(declared))
		only("after a load with another storage", other.storage)
		broken := handle(declared, `{"handler": "cookie_consent"}`)
		if err := caddy.Load(s.config(broken), true); err == nil {
			t.Fatal("a handler that declares nothing was loaded")
		}
		only("after a load that failed", other.storage)
		stop(t)
		if held := pooledApps(); len(held) != 0 {
			t.Errorf("after Stop, the pool holds %v", held)
		}
	}
}

func TestStopLeavesNoGoroutine(t *testing.T) {
	visit := func(routes string) {
		s := newSite(t)
		s.load(t, routes)
		s.get(t, "/", "sessionid=1")
		s.choose(t, "accept_all")
		stop(t)
		s.client.CloseIdleConnections()
	}
	visit(handle(page))
	caddys := goleak.IgnoreCurrent()
	// The storage's lock on the keys is given back; its goroutine sees it within seconds.
	lock := goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh")
	visit(handle(declared, page))
	if err := goleak.Find(caddys, lock); err != nil {
		t.Error(err)
	}
}
