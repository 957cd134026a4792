// Package records keeps the proof of consent (GDPR article 7(1)): what visitors
// granted and withdrew, and what they had been shown.
//
// A Log takes Decisions and acknowledges each one only after it is on this
// machine's disk. With SQLite that is the store itself; with PostgreSQL it is a
// spool, from which the records go to the server in order and each once, through
// outages, restarts and kill -9. A Store reads, checks and purges what is kept,
// beside a running Log or without one.
//
// # What the chain shows, and what it cannot
//
// The records of one site and one instance form a chain: each carries the hash
// of the one before, and is itself hashed with a key. The number and hash of the
// last one stand in Storage, apart from the records. Store.Verify so finds a
// record that was changed, taken out, added, moved or cut off at the end, by
// anyone who holds the store but not the key.
//
// It cannot find what was done by someone who holds the store, the Storage and
// with it the key: that person can write a new chain. Nor can it find that the
// newest records were cut off in the second before their head reached Storage, or
// that a store and its Storage were both set back to the same earlier day.
//
// # What is not kept
//
// A Decision has no field for an address, a user agent or a referrer, and
// its subject is the random id of one consent. A first refusal leaves no record
// counting it is left to others.
package records

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrUnavailable says that a decision could not be put on disk, or that the
	// Log is closed. Nobody may act on that decision; the next may succeed.
	ErrUnavailable = errors.New("the proof of consent cannot be written")
	// ErrNotFound says that there is no such record or archive entry.
	ErrNotFound = errors.New("not found")
)

// Options say where records are kept. Exactly one of SQLite and Postgres is set.
type Options struct {
	// SQLite is the database's file. Its directory is made when it is missing.
	// Several processes of one machine may share it; it must not lie on a network
	// file system.
	SQLite string

	// Postgres is a connection string of PostgreSQL, as URL or as keywords. One
	// database serves many Logs.
	Postgres string

	// Spool is the directory, of one Log alone, that holds what Postgres has not
	// stored yet. It must outlive restarts.
	Spool string

	// Storage holds the key of the chains and their heads. All that share a
	// database share it.
	Storage Storage

	// Logger is told of outages and their end. Default: none.
	Logger *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// fault is asked before each step on the disk; tests break it there.
	fault func(step string) error
	// retry is the longest pause between tries to reach a server, maxSegment the
	// size of a spool's segments in bytes. Tests make them smaller.
	retry      time.Duration
	maxSegment int64
}

// Storage is a small store of named values, apart from the database. A
// certmagic.Storage is one. Load of an unknown name is an fs.ErrNotExist.
type Storage interface {
	Load(ctx context.Context, name string) ([]byte, error)
	Store(ctx context.Context, name string, value []byte) error
	List(ctx context.Context, path string, recursive bool) ([]string, error)
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
}

func (o Options) check() (Options, error) {
	switch {
	case (o.SQLite == "") == (o.Postgres == ""):
		return o, errors.New("records are kept in SQLite or in PostgreSQL: one of them is needed")
	case o.Storage == nil:
		return o, errors.New("records need a storage for their key")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.retry == 0 {
		o.retry = lastRetry
	}
	if o.maxSegment == 0 {
		o.maxSegment = maxSegment
	}
	if o.fault == nil {
		o.fault = func(string) error { return nil }
	}
	return o, nil
}
