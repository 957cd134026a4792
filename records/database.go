package records

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// database is a store's connections. The SQL that both kinds understand stands
// where it is used; what differs stands in dialect.
type database struct {
	dialect
	read, write *sql.DB

	mutex sync.Mutex
	ready bool // the schema is the one this program knows
}

// dialect is what SQLite and PostgreSQL do differently.
type dialect interface {
	name() string
	// migrate brings the schema up to date.
	migrate(ctx context.Context, write *sql.DB) error
	// lockArchive keeps others from changing the archive until tx ends.
	lockArchive(ctx context.Context, tx *sql.Tx) error
	// durable has the commit of tx wait until it is on the server's disk.
	durable(ctx context.Context, tx *sql.Tx) error
	// insert adds rows that are not there yet, and are not purged, and returns
	// how many that were.
	insert(ctx context.Context, tx *sql.Tx, rows []row) (int, error)
	// snapshot are the options of a transaction that sees one moment.
	snapshot() *sql.TxOptions
}

//go:embed migrations
var migrations embed.FS

// schema returns the migrations of a dialect in order: number i brings the
// schema from version i to i+1.
func schema(name string) ([]string, error) {
	files, err := fs.Glob(migrations, "migrations/"+name+"/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

// pendingSteps returns the steps that a schema of this version lacks.
func pendingSteps(name string, version int) ([]string, error) {
	steps, err := schema(name)
	if err != nil {
		return nil, err
	}
	if version > len(steps) {
		return nil, fmt.Errorf("the database has schema version %d, and this program knows %d: it was made by a newer one", version, len(steps))
	}
	return steps[version:], nil
}

// open makes sure of the schema. With PostgreSQL that may have to wait until the
// server answers, so each user of the connections asks first.
func (d *database) open(ctx context.Context) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.ready {
		return nil
	}
	if err := d.migrate(ctx, d.write); err != nil {
		return err
	}
	d.ready = true
	return nil
}

func (d *database) close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// change runs f in a transaction that writes.
func (d *database) change(ctx context.Context, f func(*sql.Tx) error) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// look runs f in a transaction that reads one moment of the store.
func (d *database) look(ctx context.Context, f func(*sql.Tx) error) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	tx, err := d.read.BeginTx(ctx, d.snapshot())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return f(tx)
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// columns of cookie_consent_records, as scan reads them.
const columns = "instance, site, seq, id, subject, time, manifest, body, hash"

func (r *row) scan(rows *sql.Rows) error {
	var sum []byte
	if err := rows.Scan(&r.instance, &r.site, &r.seq, &r.id, &r.subject, &r.time, &r.manifest, &r.body, &sum); err != nil {
		return err
	}
	r.hash = hash{}
	if len(sum) == len(r.hash) { // of another length it is as wrong as zero
		copy(r.hash[:], sum)
	}
	return nil
}

// each calls f with every record that query selects.
func each(ctx context.Context, q querier, f func(*row) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return err
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// end returns the end of a chain: its last record, or the last purged one.
func end(ctx context.Context, q querier, c chain) (t tail, err error) {
	var sum []byte
	err = q.QueryRowContext(ctx, `SELECT seq, hash FROM cookie_consent_records
		WHERE instance = $1 AND site = $2 ORDER BY seq DESC LIMIT 1`, c.instance, c.site).Scan(&t.seq, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		err = q.QueryRowContext(ctx, `SELECT purged, anchor FROM cookie_consent_chains
			WHERE instance = $1 AND site = $2`, c.instance, c.site).Scan(&t.seq, &sum)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return tail{}, nil
	}
	copy(t.hash[:], sum)
	return t, err
}
