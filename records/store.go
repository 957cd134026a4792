package records

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Store reads and maintains what is kept. It works on a database that a Log is
// writing to, in this process or another.
type Store struct {
	database *database
	storage  Storage
	ring     keyring
	now      func() time.Time
}

// OpenStore opens the store that a Log with the same options has made, without
// its spool. An SQLite file that is not there is an fs.ErrNotExist.
func OpenStore(ctx context.Context, o Options) (*Store, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	var db *database
	if o.SQLite != "" {
		db, err = openSQLite(ctx, o.SQLite, false)
	} else if db, err = openPostgres(o.Postgres); err == nil {
		err = db.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	ring, err := openKeys(ctx, o.Storage)
	if err != nil {
		_ = db.close()
		return nil, err
	}
	return &Store{db, o.Storage, ring, o.Now}, nil
}

// Close closes the store's connections.
func (s *Store) Close() error { return s.database.close() }

// Show returns the records with this ID, or of this subject, in order of time. If
// there is none, that is ErrNotFound.
func (s *Store) Show(ctx context.Context, id string) ([]Record, error) {
	if err := s.database.open(ctx); err != nil {
		return nil, err
	}
	var found []Record
	err := each(ctx, s.database.read, func(r *row) error {
		record, err := r.record()
		found = append(found, record)
		return err
	}, "SELECT "+columns+" FROM cookie_consent_records WHERE id = $1 OR subject = $1", id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("record %q: %w", id, ErrNotFound)
	}
	return inOrder(found), nil
}

// inOrder sorts records by time, those of one chain by number, and takes out
// doubles: one may have been delivered while it was looked for.
func inOrder(found []Record) []Record {
	slices.SortStableFunc(found, func(a, b Record) int {
		if a.Instance == b.Instance && a.Site == b.Site {
			return int(a.Seq - b.Seq)
		}
		return a.Time.Compare(b.Time)
	})
	return slices.CompactFunc(found, func(a, b Record) bool { return a.ID == b.ID })
}

// find returns records of the spool by id or subject.
func (s *spool) find(ctx context.Context, id string) (found []Record, err error) {
	err = s.undelivered(func(r row) error {
		if r.id != id && r.subject != id {
			return ctx.Err()
		}
		record, err := r.record()
		found = append(found, record)
		return err
	})
	return found, err
}

// Filter selects records. Its zero value selects all.
type Filter struct {
	// Site is the host of Decision.Site, or empty.
	Site string
	// From and Until bound Decision.Time: the first is included, the second not.
	From, Until time.Time
}

func (f Filter) where() (condition string, args []any) {
	conditions := []string{"1 = 1"}
	add := func(condition string, value any) {
		args = append(args, value)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if f.Site != "" {
		add("site = $%d", f.Site)
	}
	if !f.From.IsZero() {
		add("time >= $%d", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("time < $%d", f.Until.UnixMilli())
	}
	return strings.Join(conditions, " AND "), args
}

// Count returns how many records there are.
func (s *Store) Count(ctx context.Context, f Filter) (n int64, err error) {
	condition, args := f.where()
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM cookie_consent_records WHERE "+condition, args...).Scan(&n)
	})
	return n, err
}

const exportPage = 1000 // records

// Export yields the records chain by chain, each in order. It holds a page of them
// at a time, and no transaction while its caller is busy. It goes on after a
// *DamagedError, and ends after any other error.
func (s *Store) Export(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		condition, args := f.where()
		query := fmt.Sprintf(`SELECT %s FROM cookie_consent_records WHERE %s AND (instance, site, seq) > ($%d, $%d, $%d)
			ORDER BY instance, site, seq LIMIT %d`, columns, condition, len(args)+1, len(args)+2, len(args)+3, exportPage)
		var last row
		for {
			page, err := s.page(ctx, query, append(args[:len(args):len(args)], last.instance, last.site, last.seq)...)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for i := range page {
				if record, err := page[i].record(); !yield(record, err) {
					return
				}
			}
			if len(page) < exportPage {
				return
			}
			last = page[len(page)-1]
		}
	}
}

func (s *Store) page(ctx context.Context, query string, args ...any) (page []row, err error) {
	if err := s.database.open(ctx); err != nil {
		return nil, err
	}
	err = each(ctx, s.database.read, func(r *row) error {
		page = append(page, *r)
		return nil
	}, query, args...)
	return page, err
}
