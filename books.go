package cookieconsent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// bookPool keeps open logs of records over reloads, by what they are.
var bookPool = caddy.NewUsagePool()

// books are the records of one store, opened by whichever comes first of Start and
// the first decision.
type books struct {
	kind    string // sqlite or postgres
	life    context.Context
	end     context.CancelFunc
	opening sync.Mutex
	mutex   sync.Mutex // of what is below
	log     *records.Log
	failed  error
	until   time.Time // that failed is taken as an answer
	purged  time.Time // last, by this process
	chains  map[string]bool
	closed  bool
}

// maxChains bounds the chains of records, of which each site has one. Where a site
// answers to any host, visitors choose its name.
const maxChains = 1000

// chain returns the site under which records of site are kept: itself, or * when there
// are too many.
func (b *books) chain(site string) string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch {
	case b.chains[site]:
	case len(b.chains) >= maxChains:
		return "*"
	case b.chains == nil:
		b.chains = map[string]bool{site: true}
	default:
		b.chains[site] = true
	}
	return site
}

func newBooks(kind string) *books {
	b := &books{kind: kind}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// Destruct closes the log, for good: who comes late does not open it again, and who is
// opening it gives up.
func (b *books) Destruct() error {
	b.end()
	b.opening.Lock()
	defer b.opening.Unlock()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.closed = true
	if b.log == nil {
		return nil
	}
	log := b.log
	b.log = nil
	return log.Close()
}

// retryBooks is how long a failure to open the records is taken as an answer.
const retryBooks = 5 * time.Second

// errClosed is told to what is left of a configuration that has ended.
var errClosed = errors.New("the records of this configuration are closed")

// open returns the log, and opens it if nobody has. Only those who need it wait for
// that.
func (b *books) open(a *App) (*records.Log, error) {
	if log, err := b.opened(); log != nil || err != nil {
		return log, err
	}
	b.opening.Lock()
	defer b.opening.Unlock()
	if log, err := b.opened(); log != nil || err != nil {
		return log, err // of somebody this one waited for
	}
	ctx, cancel := context.WithTimeout(b.life, 10*time.Second)
	defer cancel()
	log, err := records.Open(ctx, a.recordOptions())
	if err != nil && b.life.Err() == nil {
		a.logger.Error("the records of consent could not be opened: grants are refused until they can be, refusals work", zap.Error(err))
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.log, b.failed, b.until = log, err, time.Now().Add(retryBooks)
	return log, err
}

// opened returns the log, or why there is none; neither when it is to be opened.
func (b *books) opened() (*records.Log, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch {
	case b.closed:
		return nil, errClosed
	case b.log == nil && b.failed != nil && time.Now().Before(b.until):
		return nil, b.failed
	}
	return b.log, nil
}

// health tells how the records stand, and opens nothing.
func (b *books) health() (h records.Health, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.log == nil {
		return h, b.failed
	}
	return b.log.Health(), nil
}

// recordOptions says where the records are.
func (a *App) recordOptions() records.Options {
	o := records.Options{Storage: a.storage, Logger: a.ctx.Slogger()}
	if a.settings.Records == "postgres" {
		o.Postgres, o.Spool = a.settings.RecordsTo, config.Spool(dataDirectory())
	} else {
		o.SQLite = a.settings.RecordsTo
	}
	return o
}

// borrowBooks takes the books of the configuration from the pool, without opening
// them.
func (a *App) borrowBooks() error {
	a.settings = a.WithDefaults(dataDirectory())
	if a.settings.Records == "off" {
		return nil
	}
	key := a.settings.Records + "\x00" + a.settings.RecordsTo + "\x00" + storageName(a.storage)
	value, _, err := bookPool.LoadOrNew(key, func() (caddy.Destructor, error) { return newBooks(a.settings.Records), nil })
	if err != nil {
		return err
	}
	a.books, a.shelf = value.(*books), key
	return nil
}

// purgeEvery is how often records past their retention are purged.
const purgeEvery = 24 * time.Hour

// keepBooks opens the records, archives what the sites of the configuration show, and
// purges once a day, until ctx ends.
func (a *App) keepBooks(ctx context.Context, all []mounted) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		if log, err := a.books.open(a); err == nil {
			a.archive(ctx, log, all)
			a.purge(ctx, log)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// archive keeps what visitors are shown now, whether or not anybody answers.
func (a *App) archive(ctx context.Context, log *records.Log, all []mounted) {
	for _, m := range all {
		p := m.serving.Load().proof
		if p == nil {
			continue
		}
		shown, err := p.shown()
		if err == nil {
			err = log.Keep(ctx, shown)
		}
		if err != nil && ctx.Err() == nil {
			a.logger.Error("what visitors are shown could not be archived", zap.Error(err))
		}
	}
}

// purge deletes what is older than the retention, once a day.
func (a *App) purge(ctx context.Context, log *records.Log) {
	a.books.mutex.Lock()
	due := time.Since(a.books.purged) >= purgeEvery
	if due {
		a.books.purged = time.Now()
	}
	a.books.mutex.Unlock()
	if !due {
		return
	}
	purged, err := log.Purge(ctx, time.Duration(a.settings.Retention))
	switch {
	case err != nil && ctx.Err() == nil:
		a.books.mutex.Lock()
		a.books.purged = time.Now().Add(time.Hour - purgeEvery) // again in an hour
		a.books.mutex.Unlock()
		a.logger.Error("records past their retention could not be purged", zap.Error(err))
	case purged.Records > 0:
		a.logger.Info("records past their retention are purged", zap.Any("purged", purged))
	}
}
