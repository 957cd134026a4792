package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresDialect speaks to a PostgreSQL, or to a server with its protocol.
type postgresDialect struct{}

// openPostgres reads the connection string. It does not connect: that is left to
// whoever needs the server first.
func openPostgres(connection string) (*database, error) {
	config, err := pgx.ParseConfig(connection)
	if err != nil { // it shows no password
		return nil, fmt.Errorf("records in PostgreSQL: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "caddy cookie-consent"
	}
	db := sql.OpenDB(stdlib.GetConnector(*config))
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &database{dialect: postgresDialect{}, read: db, write: db}, nil
}

func (postgresDialect) name() string { return "postgres" }

// Advisory locks, of transactions: numbers of our own in a space that all users of
// a database share.
const (
	lockSchema  = 0x63636f6e_0001
	lockArchive = 0x63636f6e_0002
)

func (p postgresDialect) migrate(ctx context.Context, write *sql.DB) error {
	tx, err := write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	version, err := p.version(ctx, tx)
	if err != nil {
		return err
	}
	// Nothing to do is the rule, and needs no right to create tables.
	if steps, err := pendingSteps(p.name(), version); err != nil || len(steps) == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockSchema)); err != nil {
		return err
	}
	if version, err = p.version(ctx, tx); err != nil { // somebody else may have been first
		return err
	}
	steps, err := pendingSteps(p.name(), version)
	if err != nil {
		return err
	}
	for i, step := range steps {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migration to version %d: %w", version+i+1, err)
		}
	}
	if err := p.setVersion(ctx, tx, version, version+len(steps)); err != nil {
		return err
	}
	return tx.Commit()
}

// version returns the number of migrations the schema has seen.
func (postgresDialect) version(ctx context.Context, tx *sql.Tx) (version int, err error) {
	var table sql.NullString
	if err := tx.QueryRowContext(ctx, "SELECT to_regclass('cookie_consent_schema')::text").Scan(&table); err != nil || !table.Valid {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT version FROM cookie_consent_schema").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return version, err
}

func (postgresDialect) setVersion(ctx context.Context, tx *sql.Tx, from, to int) error {
	if from > 0 {
		_, err := tx.ExecContext(ctx, "UPDATE cookie_consent_schema SET version = $1", to)
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE cookie_consent_schema (version bigint NOT NULL)"); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO cookie_consent_schema (version) VALUES ($1)", to)
	return err
}

func (postgresDialect) lockArchive(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockArchive))
	return err
}

// durable raises a server's or a role's weaker setting: what is committed here is
// deleted from the spool.
func (postgresDialect) durable(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT set_config('synchronous_commit', 'on', true)
		WHERE current_setting('synchronous_commit') IN ('off', 'local')`)
	return err
}

func (postgresDialect) snapshot() *sql.TxOptions {
	return &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
}

func (postgresDialect) insert(ctx context.Context, tx *sql.Tx, rows []row) (int, error) {
	c := newPostgresColumns(rows)
	result, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_records (`+columns+`)
		SELECT u.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::bytea[])
			AS u (`+columns+`)
		WHERE NOT EXISTS (SELECT 1 FROM cookie_consent_chains c
			WHERE c.instance = u.instance AND c.site = u.site AND c.purged >= u.seq)
		ON CONFLICT (instance, site, seq) DO NOTHING`,
		c.instances, c.sites, c.seqs, c.ids, c.subjects, c.times, c.manifests, c.bodies, c.hashes)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// postgresColumns are rows as arrays, for one statement whatever their number.
type postgresColumns struct {
	instances, sites, ids, subjects, manifests, bodies []string
	seqs, times                                        []int64
	hashes                                             [][]byte
}

func newPostgresColumns(rows []row) (c postgresColumns) {
	for i := range rows {
		r := &rows[i]
		c.instances, c.sites, c.seqs = append(c.instances, r.instance), append(c.sites, r.site), append(c.seqs, r.seq)
		c.ids, c.subjects, c.times = append(c.ids, r.id), append(c.subjects, r.subject), append(c.times, r.time)
		c.manifests, c.bodies, c.hashes = append(c.manifests, r.manifest), append(c.bodies, r.body), append(c.hashes, r.hash[:])
	}
	return c
}

// deliver adds rows, each once, and returns how many of them, from the first, are
// stored now. It is fewer than all only if the next one's place is taken by
// another record: then two Logs write under one instance.
func deliver(ctx context.Context, d *database, rows []row) (stored int, err error) {
	err = d.change(ctx, func(tx *sql.Tx) error {
		if err := d.durable(ctx, tx); err != nil {
			return err
		}
		if err := nameChains(ctx, tx, rows); err != nil {
			return err
		}
		inserted, err := d.insert(ctx, tx, rows)
		if err != nil || inserted == len(rows) {
			stored = len(rows)
			return err
		}
		if stored, err = undisputed(ctx, tx, rows); err == nil && stored < len(rows) {
			err = errDisputed
		}
		return err
	})
	if errors.Is(err, errDisputed) {
		if stored == 0 {
			return 0, nil
		}
		return deliver(ctx, d, rows[:stored])
	}
	return stored, err
}

var errDisputed = errors.New("another record has this place")

// nameChains notes the chains of rows.
func nameChains(ctx context.Context, tx *sql.Tx, rows []row) error {
	named := map[chain]bool{}
	for i := range rows {
		c := rows[i].chain
		if named[c] {
			continue
		}
		named[c] = true
		if _, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_chains (instance, site) VALUES ($1, $2)
			ON CONFLICT DO NOTHING`, c.instance, c.site); err != nil {
			return err
		}
	}
	return nil
}

// undisputed returns how many rows, from the first, are in the store as they are
// here, or were there and are purged.
func undisputed(ctx context.Context, tx *sql.Tx, rows []row) (int, error) {
	for i := range rows {
		r := &rows[i]
		var sum []byte
		err := tx.QueryRowContext(ctx, `SELECT hash FROM cookie_consent_records
			WHERE instance = $1 AND site = $2 AND seq = $3`, r.instance, r.site, r.seq).Scan(&sum)
		if errors.Is(err, sql.ErrNoRows) {
			continue // purged
		}
		if err != nil {
			return 0, err
		}
		if string(sum) != string(r.hash[:]) {
			return i, nil
		}
	}
	return len(rows), nil
}
