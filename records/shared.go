package records

import (
	"context"
	"database/sql"
	"errors"
)

// Shared keeps what several Caddys with one database have counted beside its records,
// such as what sites were seen to use. It is no proof, and in no chain: each Caddy
// writes its own copy of a part over, and reads those of the others.
type Shared struct {
	database *database
	instance string
}

// Shared returns the copies of instance, whose name must outlast restarts.
func (s *Store) Shared(instance string) *Shared { return &Shared{s.database, instance} }

// Own returns the copy of a part that this instance pushed last, nil if none.
func (s *Shared) Own(ctx context.Context, part string) (data []byte, err error) {
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT data FROM cookie_consent_shared WHERE part = $1 AND instance = $2", part, s.instance).Scan(&data)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return data, err
}

// Others returns the copies of a part of all other instances.
func (s *Shared) Others(ctx context.Context, part string) (all [][]byte, err error) {
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT data FROM cookie_consent_shared WHERE part = $1 AND instance <> $2 ORDER BY instance", part, s.instance)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var data []byte
			if err := rows.Scan(&data); err != nil {
				return err
			}
			all = append(all, data)
		}
		return rows.Err()
	})
	return all, err
}

// Push keeps data as the copy of this instance; empty data takes it away.
func (s *Shared) Push(ctx context.Context, part string, data []byte) error {
	return s.database.change(ctx, func(tx *sql.Tx) error {
		if len(data) == 0 {
			_, err := tx.ExecContext(ctx, "DELETE FROM cookie_consent_shared WHERE part = $1 AND instance = $2", part, s.instance)
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_shared (part, instance, data) VALUES ($1, $2, $3)
			ON CONFLICT (part, instance) DO UPDATE SET data = excluded.data`, part, s.instance, data)
		return err
	})
}
