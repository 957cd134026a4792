package cookieconsent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// App holds what all sites of one Caddy share: the keys that sign choices, and
// the allowance of each client.
//
// The keys are made once and kept in Caddy's storage as
// cookie_consent/keys.json, so that several Caddys with one storage accept each
// other's choices. To rotate, put a new key with a new id first in that file,
// keep the old one behind it for the lifetime of a choice, and reload.
type App struct {
	config.Global

	ctx      caddy.Context
	storage  certmagic.Storage
	logger   *zap.Logger
	shared   *shared
	pooled   any           // key of shared in the pool
	settings config.Global // with nothing left out
	books    *books        // of the records of consent; nil when they are off
	shelf    any           // key of books in their pool

	events   chan event
	watching []*Handler // whose declaration stands in files
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "cookie_consent",
		New: func() caddy.Module { return new(App) },
	}
}

// pool keeps what outlives a reload, by storage.
var pool = caddy.NewUsagePool()

// shared is what the configurations of one storage share, over reloads.
type shared struct {
	ring    atomic.Pointer[enforcer.Keyring]
	failure atomic.Pointer[failure]
	opening sync.Mutex
	limiter banner.Limiter
	since   sync.Map // seconds of Unix time, by revision
	ledger  atomic.Pointer[ledger]
}

// failure is why the keys could not be opened, and until when that is taken as
// an answer.
type failure struct {
	error
	until time.Time
}

// Destruct implements caddy.Destructor.
func (s *shared) Destruct() error {
	s.ledger.Load().close()
	return nil
}

// Provision opens nothing: that is left to Start and the first request.
func (a *App) Provision(ctx caddy.Context) error {
	if err := a.Check(); err != nil {
		return err
	}
	if err := registerMetrics(ctx); err != nil {
		return err
	}
	a.ctx, a.storage, a.logger = ctx, ctx.Storage(), ctx.Logger()
	a.events = make(chan event, maxEvents)
	a.pooled = storageName(a.storage)
	value, _, err := pool.LoadOrNew(a.pooled, func() (caddy.Destructor, error) { return &shared{}, nil })
	if err != nil {
		return err
	}
	a.shared = value.(*shared)
	return a.borrowBooks()
}

// storageName tells storages apart, and knows one again after a reload if it
// says what it is.
func storageName(storage certmagic.Storage) string {
	if named, ok := storage.(fmt.Stringer); ok {
		return named.String()
	}
	return fmt.Sprintf("%T %p", storage, storage)
}

// maxEvents is how many events wait to be emitted.
const maxEvents = 256

// Start reads the keys, those that a rotation brought since the last load too. A
// failure is logged, not fatal: the site is served with the keys it had, or with
// what needs no consent.
func (a *App) Start() error {
	a.shared.opening.Lock()
	defer a.shared.opening.Unlock()
	all := a.mounts()
	if err := checkOnePolicy(all); err != nil {
		return err
	}
	a.warnUncompressed(all)
	_, _ = a.open()
	if err := a.beginSeeing(); err != nil {
		return err
	}
	if a.books != nil {
		go a.keepBooks(a.ctx, all)
	}
	for _, h := range a.watching {
		go h.watch(a.ctx, watchInterval)
	}
	return nil
}

// Stop implements caddy.App.
func (*App) Stop() error { return nil }

// Cleanup gives back what is shared.
func (a *App) Cleanup() error {
	if a.shared == nil {
		return nil
	}
	if running := runningApp(); running != nil && running != a && running.shared == a.shared {
		running.seeAgain() // the load of a has failed, or ended
	}
	_, err := pool.Delete(a.pooled)
	if a.books != nil {
		_, closing := bookPool.Delete(a.shelf)
		err = errors.Join(err, closing)
	}
	return err
}

// retryKeys is how long a failure to open the keys is taken as an answer.
const retryKeys = 10 * time.Second

// keys returns the keys, and opens them if nobody has. After a failure only one
// request at a time waits for the storage.
func (a *App) keys() (*enforcer.Keyring, error) {
	if ring := a.shared.ring.Load(); ring != nil {
		return ring, nil
	}
	if failed := a.shared.failure.Load(); failed == nil {
		a.shared.opening.Lock()
	} else if time.Now().Before(failed.until) || !a.shared.opening.TryLock() {
		return nil, failed
	}
	defer a.shared.opening.Unlock()
	if ring := a.shared.ring.Load(); ring != nil {
		return ring, nil
	}
	if failed := a.shared.failure.Load(); failed != nil && time.Now().Before(failed.until) {
		return nil, failed // of somebody this one waited for
	}
	return a.open()
}

// open reads the keys from the storage.
func (a *App) open() (*enforcer.Keyring, error) {
	ring, err := openKeys(a.storage)
	if err != nil {
		effect := "only cookies that need no consent pass, and no choice can be stored"
		if a.shared.ring.Load() != nil {
			effect = "those of before the reload stay in use"
		}
		a.logger.Error("the keys that sign visitors' choices could not be opened: "+effect, zap.Error(err))
		a.shared.failure.Store(&failure{err, time.Now().Add(retryKeys)})
		return nil, err
	}
	a.shared.ring.Store(ring)
	return ring, nil
}

// keysFile is where the keys stand in Caddy's storage.
const keysFile = "cookie_consent/keys.json"

// storedKey is one key in keysFile. The first one signs, all verify.
type storedKey struct {
	ID     byte   `json:"id"`
	Secret []byte `json:"secret"` // base64, at least 32 bytes
}

// openKeys reads the keys, and makes the first one if there is none, under the
// storage's lock.
func openKeys(storage certmagic.Storage) (*enforcer.Keyring, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	data, err := storage.Load(ctx, keysFile)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = makeKeys(ctx, storage)
	}
	if err != nil {
		return nil, err
	}
	var stored []storedKey
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("%s in the storage: %w", keysFile, err)
	}
	var ids []byte
	var secrets [][]byte
	for _, k := range stored {
		ids, secrets = append(ids, k.ID), append(secrets, k.Secret)
	}
	ring, err := enforcer.NewKeyring(ids, secrets)
	if err != nil {
		return nil, fmt.Errorf("%s in the storage: %w", keysFile, err)
	}
	return ring, nil
}

func makeKeys(ctx context.Context, storage certmagic.Storage) (data []byte, err error) {
	if err := storage.Lock(ctx, keysFile); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, storage.Unlock(context.WithoutCancel(ctx), keysFile)) }()
	data, err = storage.Load(ctx, keysFile) // somebody else's, made meanwhile
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	if data, err = json.Marshal([]storedKey{{ID: 1, Secret: secret}}); err != nil {
		return nil, err
	}
	return data, storage.Store(ctx, keysFile, data)
}

// revisions is where the storage keeps when each revision of a policy was first in
// force.
const revisions = "cookie_consent/revisions/"

// since returns when a revision was first in force, which is now if the storage
// knows nothing of it, in seconds of Unix time; 0 while that cannot be read or
// written.
func (a *App) since(revision string) int64 {
	if known, ok := a.shared.since.Load(revision); ok {
		return known.(int64)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	data, err := a.storage.Load(ctx, revisions+revision)
	first := time.Now().Truncate(time.Second)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = a.storage.Store(ctx, revisions+revision, []byte(first.UTC().Format(time.RFC3339)+"\n"))
	case err == nil:
		first, err = time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
	}
	if err != nil {
		a.logger.Warn("since when the charter is in force could not be read or written", zap.Error(err))
		return 0
	}
	a.shared.since.Store(revision, first.Unix())
	return first.Unix()
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
