package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// application marks a database as ours (PRAGMA application_id): "ccon".
const application = 0x63636f6e

// sqliteDialect knows the file it was opened with, so that one that was taken away
// under a running Log is noticed.
type sqliteDialect struct {
	path   string
	opened os.FileInfo
}

// openSQLite opens the database in path. Only a Log makes a new one.
func openSQLite(ctx context.Context, path string, create bool) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if create {
		if err := prepareFile(path); err != nil {
			return nil, fmt.Errorf("records in SQLite: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("records in SQLite: %w", err)
	}
	d := &database{dialect: &sqliteDialect{path, info}}
	if d.write, err = sql.Open("sqlite", sqliteName(path, "_txlock=immediate", "_pragma=synchronous(FULL)", "_pragma=fullfsync(1)", "_pragma=secure_delete(1)")); err != nil {
		return nil, err
	}
	d.write.SetMaxOpenConns(1)
	if d.read, err = sql.Open("sqlite", sqliteName(path, "_pragma=query_only(1)")); err != nil {
		return nil, err
	}
	d.read.SetMaxOpenConns(4)
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("records in SQLite: %s: %w", path, inWords(err)), d.close())
	}
	return d, nil
}

// prepareFile makes path, or says why nothing can be written there: SQLite adds
// files beside it.
func prepareFile(path string) error {
	if err := prepareDirectory(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// prepareDirectory makes dir, or says why nothing can be written there.
func prepareDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func sqliteName(path string, options ...string) string {
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	return name.String() + "?_pragma=busy_timeout(10000)&" + strings.Join(options, "&")
}

// inWords says in words what SQLite says of a file that is none of its own.
func inWords(err error) error {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_NOTADB {
		return errors.New("the file is not an SQLite database")
	}
	return err
}

func (*sqliteDialect) name() string { return "sqlite" }

// migrate refuses a database of another program before anything in it is changed,
// the journal mode too.
func (s *sqliteDialect) migrate(ctx context.Context, write *sql.DB) error {
	tx, err := write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var owner, version, tables int
	if err := tx.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)`).Scan(&owner, &version, &tables); err != nil {
		return err
	}
	if owner != application && (owner != 0 || version != 0 || tables != 0) {
		return errors.New("the database belongs to another program")
	}
	steps, err := pendingSteps(s.name(), version)
	if err != nil {
		return err
	}
	for i, step := range steps {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migration to version %d: %w", version+i+1, err)
		}
	}
	if len(steps) > 0 {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, version+len(steps)))
		if err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return useWAL(ctx, write)
}

// useWAL switches the journal. Several processes may do so at once, and here
// SQLite does not wait for the others by itself.
func useWAL(ctx context.Context, write *sql.DB) error {
	for try := 0; ; try++ {
		var mode string
		err := write.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return nil
		case err == nil:
			return fmt.Errorf("the journal mode is %s, not WAL: the file system cannot do it", mode)
		case try == 100 || ctx.Err() != nil:
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (*sqliteDialect) lockArchive(context.Context, *sql.Tx) error { return nil } // one writer at a time
func (*sqliteDialect) durable(context.Context, *sql.Tx) error     { return nil } // synchronous=FULL
func (*sqliteDialect) snapshot() *sql.TxOptions                   { return &sql.TxOptions{ReadOnly: true} }

func (*sqliteDialect) insert(ctx context.Context, tx *sql.Tx, rows []row) (int, error) {
	statement, err := tx.PrepareContext(ctx, `INSERT INTO cookie_consent_records (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = statement.Close() }()
	for i := range rows {
		r := &rows[i]
		if _, err := statement.ExecContext(ctx, r.instance, r.site, r.seq, r.id, r.subject, r.time, r.manifest, r.body, r.hash[:]); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// present says whether the file that was opened is still the one in its place.
// What is written to a file without a name is lost with the last handle.
func (s *sqliteDialect) present() error {
	info, err := os.Stat(s.path)
	if err == nil && !os.SameFile(info, s.opened) {
		err = &fs.PathError{Op: "open", Path: s.path, Err: errors.New("another file has taken its place")}
	}
	return err
}

// sqliteWriter puts decisions into an SQLite store.
type sqliteWriter struct {
	store    *database
	dialect  *sqliteDialect
	instance string
	key      secret
	heads    *headWriter
	fault    func(string) error
}

// instanceOf returns the id of the database, which all processes that share it
// write under; each of them reads the end of a chain before it goes on with it.
func instanceOf(ctx context.Context, d *database) (id string, err error) {
	err = d.change(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT id FROM cookie_consent_instance").Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			id = uuid.NewString()
			_, err = tx.ExecContext(ctx, "INSERT INTO cookie_consent_instance (id) VALUES ($1)", id)
		}
		return err
	})
	return id, err
}

// commit writes a batch of decisions in one transaction, so that they share one
// wait for the disk. All are written, or none.
func (w *sqliteWriter) commit(batch []*pending) error {
	ctx := context.Background() // the batch is nobody's own
	tails := map[chain]tail{}
	if err := w.dialect.present(); err != nil {
		return err
	}
	err := w.store.change(ctx, func(tx *sql.Tx) error {
		rows, err := w.link(ctx, tx, batch, tails)
		if err != nil {
			return err
		}
		if _, err := w.store.insert(ctx, tx, rows); err != nil {
			return err
		}
		return w.fault("commit")
	})
	if err != nil {
		return err
	}
	for c, end := range tails {
		w.heads.stored(c, end)
	}
	return nil
}

// link chains the decisions of batch, and leaves the chains' new ends in tails.
func (w *sqliteWriter) link(ctx context.Context, tx *sql.Tx, batch []*pending, tails map[chain]tail) ([]row, error) {
	rows := make([]row, 0, len(batch))
	for _, p := range batch {
		c := chain{w.instance, p.decision.Site}
		last, known := tails[c]
		if !known {
			if _, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_chains (instance, site) VALUES ($1, $2)
				ON CONFLICT DO NOTHING`, c.instance, c.site); err != nil {
				return nil, err
			}
			var err error
			if last, err = end(ctx, tx, c); err != nil {
				return nil, err
			}
		}
		record, stored, err := link(p.decision, c, last, w.key)
		if err != nil {
			p.err = err
			continue
		}
		p.record, tails[c] = record, tail{stored.seq, stored.hash}
		rows = append(rows, stored)
	}
	return rows, nil
}
