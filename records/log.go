package records

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Log takes decisions, and keeps them. All its methods can be called by many
// goroutines at once. One Log serves all sites of a process, over reloads.
type Log struct {
	*Store
	options   Options
	committer *committer
	heads     *headWriter
	kept      sync.Map // archive entries in use, *Entry by hash
	keeping   sync.Mutex

	// With PostgreSQL.
	spool    *spool
	entries  *entrySpool
	delivery *delivery

	appended, failed atomic.Int64
	failure          atomic.Pointer[error] // of the last write, if it failed

	stop    context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	closed  error
}

// Open opens a log, and makes what it needs: directory, database, schema, key. It
// is an error when nothing could ever be written: a connection string that cannot
// be read, a file that is not ours, a directory without the right to write, a
// spool that another process has, a Storage that does not answer. A database
// server that is away, refuses the login or has a newer schema is none: records
// wait in the spool, and Health says why.
func Open(ctx context.Context, o Options) (*Log, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	l := &Log{options: o}
	var commit func([]*pending) error
	if o.SQLite != "" {
		commit, err = l.openSQLite(ctx)
	} else {
		commit, err = l.openPostgres(ctx)
	}
	if err != nil {
		return nil, err
	}
	l.committer = newCommitter(commit)
	running, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.running.Go(func() { l.heads.run(running) })
	if l.delivery != nil {
		l.running.Go(func() { l.delivery.run(running) })
	}
	return l, nil
}

func (l *Log) openSQLite(ctx context.Context) (func([]*pending) error, error) {
	db, err := openSQLite(ctx, l.options.SQLite, true)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (func([]*pending) error, error) { return nil, errors.Join(err, db.close()) }
	ring, err := openKeys(ctx, l.options.Storage)
	if err != nil {
		return fail(err)
	}
	instance, err := instanceOf(ctx, db)
	if err != nil {
		return fail(err)
	}
	l.heads = newHeadWriter(l.options, map[chain]head{})
	l.Store = &Store{db, l.options.Storage, ring, l.options.Now}
	w := &sqliteWriter{
		store: db, dialect: db.dialect.(*sqliteDialect), instance: instance,
		key: ring[0], heads: l.heads, fault: l.options.fault,
	}
	return w.commit, nil
}

func (l *Log) openPostgres(ctx context.Context) (func([]*pending) error, error) {
	if l.options.Spool == "" {
		return nil, errors.New("records in PostgreSQL need a directory for their spool")
	}
	db, err := openPostgres(l.options.Postgres)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (func([]*pending) error, error) { return nil, errors.Join(err, db.close()) }
	ring, err := openKeys(ctx, l.options.Storage)
	if err != nil {
		return fail(err)
	}
	if l.spool, err = openSpool(ctx, l.options, ring[0]); err != nil {
		return fail(err)
	}
	if l.entries, err = openEntrySpool(filepath.Join(l.options.Spool, "archive"), l.options.fault); err != nil {
		return fail(errors.Join(err, l.spool.close()))
	}
	l.heads = l.spool.heads
	l.Store = &Store{db, l.options.Storage, ring, l.options.Now}
	l.delivery = newDelivery(l.spool, l.entries, db, l.options.retry)
	return l.spool.commit, nil
}

// Append records d, made before what shown holds. It returns after both are on
// this machine's disk; it waits for no server. An error that is ErrUnavailable
// means that d was not acknowledged, and nobody may act on it; any other that d
// itself is wrong.
//
// When ctx ends while the disk is at work, d may be stored all the same.
func (l *Log) Append(ctx context.Context, d Decision, shown *Entry) (Record, error) {
	if err := d.check(); err != nil {
		return Record{}, err
	}
	if shown == nil {
		return Record{}, errors.New("a decision needs what was shown")
	}
	if err := l.Keep(ctx, shown); err != nil {
		return Record{}, err
	}
	d.complete(shown.hash, l.options.Now())
	r, err := l.committer.append(ctx, d)
	if err != nil {
		l.note(ctx, err)
		return Record{}, err
	}
	l.appended.Add(1)
	if l.failure.Load() != nil {
		l.failure.Store(nil)
	}
	return r, nil
}

// note counts a failure to write; a visitor who went away is none.
func (l *Log) note(ctx context.Context, err error) {
	if ctx.Err() == nil && errors.Is(err, ErrUnavailable) {
		l.failed.Add(1)
		l.failure.Store(&err)
	}
}

// Keep archives what visitors are shown. Append does so by itself; to call it as
// soon as a policy is in force shows a full disk early, and archives versions that
// nobody answers. It costs nothing for an entry that the Log has kept before.
func (l *Log) Keep(ctx context.Context, shown *Entry) error {
	if _, known := l.kept.Load(shown.hash); known {
		return nil
	}
	l.keeping.Lock()
	defer l.keeping.Unlock()
	if _, known := l.kept.Load(shown.hash); known {
		return nil // since others kept it
	}
	var err error
	if l.entries != nil {
		err = l.entries.keep(shown, l.options.Now())
	} else {
		err = l.database.keep(ctx, shown, l.options.Now())
	}
	if err != nil {
		err = fmt.Errorf("%w: archive: %w", ErrUnavailable, err)
		l.note(ctx, err)
		return err
	}
	l.kept.Store(shown.hash, shown)
	if l.spool != nil {
		select {
		case l.spool.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// Show is Store.Show, and finds records that are not delivered yet too.
func (l *Log) Show(ctx context.Context, id string) ([]Record, error) {
	var waiting []Record
	if l.spool != nil {
		var err error
		if waiting, err = l.spool.find(ctx, id); err != nil {
			return nil, err
		}
	}
	stored, err := l.Store.Show(ctx, id)
	if err != nil && len(waiting) == 0 {
		return nil, err
	}
	return inOrder(append(stored, waiting...)), nil
}

// Latest returns the last record of a subject.
func (l *Log) Latest(ctx context.Context, subject string) (Record, error) {
	all, err := l.Show(ctx, subject)
	if err != nil {
		return Record{}, err
	}
	return all[len(all)-1], nil
}

// Entry is Store.Entry, and finds entries that are not delivered yet too.
func (l *Log) Entry(ctx context.Context, hash string) (*Entry, error) {
	if e, ok := l.kept.Load(hash); ok {
		return e.(*Entry), nil
	}
	if l.entries != nil {
		if e, _, err := l.entries.find(hash); err == nil {
			return e, nil
		}
	}
	return l.Store.Entry(ctx, hash)
}

// Purge is Store.Purge. It notes first which archive entries are in use here, and
// removes delivered records from the spool.
func (l *Log) Purge(ctx context.Context, retention time.Duration) (Purged, error) {
	var err error
	l.kept.Range(func(_, e any) bool {
		err = l.database.keep(ctx, e.(*Entry), l.options.Now())
		return err == nil
	})
	if l.spool != nil {
		err = errors.Join(err, l.spool.tidy())
	}
	if err != nil {
		return Purged{}, err
	}
	return l.Store.Purge(ctx, retention)
}

// Flush returns when all that was appended is in the database, and the heads of
// the chains are in Storage.
func (l *Log) Flush(ctx context.Context) error {
	if l.delivery != nil {
		if err := l.delivery.flush(ctx, true); err != nil {
			return err
		}
	}
	return l.heads.write(ctx)
}

// closeTimeout is how long Close waits for a server.
const closeTimeout = 3 * time.Second

// Close writes what was appended, delivers what it can within a few seconds, and
// leaves the rest in the spool. Calls of Append after it are ErrUnavailable.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closed = l.close() })
	return l.closed
}

func (l *Log) close() error {
	l.committer.close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if l.delivery != nil && l.delivery.failure() == nil {
		_ = l.delivery.flush(ctx, false) // the rest is delivered by the next Log
	}
	l.stop()
	l.running.Wait()
	err := l.heads.write(ctx)
	if l.spool != nil {
		err = errors.Join(err, l.spool.close())
	}
	return errors.Join(err, l.database.close())
}

// Health is how a Log stands.
type Health struct {
	// Store is "sqlite" or "postgres".
	Store string `json:"store"`
	// WriteError is why the last Append failed on the disk, empty when it did not.
	WriteError string `json:"write_error,omitempty"`
	// DeliveryError is why the database does not take records now.
	DeliveryError string `json:"delivery_error,omitempty"`
	// Appended counts records since the start, WriteErrors decisions that could not
	// be recorded.
	Appended    int64 `json:"appended"`
	WriteErrors int64 `json:"write_errors"`
	// Backlog counts records that the database does not have yet, the first of them
	// of Oldest.
	Backlog int64     `json:"backlog"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// Damaged counts bytes of the spool that could not be read at the start.
	Damaged int64 `json:"damaged,omitempty"`
}

// Good says whether nothing is wrong.
func (h Health) Good() bool {
	return h.WriteError == "" && h.DeliveryError == "" && h.Damaged == 0
}

// Health returns how the log stands. It waits for nothing.
func (l *Log) Health() Health {
	h := Health{Store: l.database.name(), Appended: l.appended.Load(), WriteErrors: l.failed.Load()}
	if failure := l.failure.Load(); failure != nil {
		h.WriteError = (*failure).Error()
	}
	if l.spool == nil {
		return h
	}
	if err := l.delivery.failure(); err != nil {
		h.DeliveryError = err.Error()
	}
	l.spool.mutex.Lock()
	defer l.spool.mutex.Unlock()
	h.Backlog, h.Oldest, h.Damaged = l.spool.backlog, l.spool.oldest, l.spool.damaged
	return h
}
