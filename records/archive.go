package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// keep brings e into the store, or says that it is in use still.
func (d *database) keep(ctx context.Context, e *Entry, now time.Time) error {
	return d.change(ctx, func(tx *sql.Tx) error {
		if err := d.lockArchive(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_entries (hash, manifest, first, seen) VALUES ($1, $2, $3, $3)
			ON CONFLICT (hash) DO UPDATE SET seen = excluded.seen WHERE cookie_consent_entries.seen < excluded.seen`,
			e.hash, string(e.manifest), now.UnixMilli())
		if err != nil {
			return err
		}
		for _, a := range e.artefacts {
			sum, content := digest(a.Content), a.Content
			if content == nil {
				content = []byte{}
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_artefacts (hash, content) VALUES ($1, $2)
				ON CONFLICT DO NOTHING`, sum, content); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO cookie_consent_entry_artefacts (entry, artefact) VALUES ($1, $2)
				ON CONFLICT DO NOTHING`, e.hash, sum); err != nil {
				return err
			}
		}
		return d.durable(ctx, tx)
	})
}

// EntryInfo is an archive entry without its artefacts.
type EntryInfo struct {
	Hash string `json:"hash"`
	// First is when it was archived.
	First time.Time `json:"first"`
	// Seen is when a Log last had it in use.
	Seen time.Time `json:"seen"`
	// Records is how many records name it.
	Records int64 `json:"records"`
}

// Entries lists the archive, the oldest first.
func (s *Store) Entries(ctx context.Context) (entries []EntryInfo, err error) {
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT hash, first, seen,
			(SELECT count(*) FROM cookie_consent_records r WHERE r.manifest = e.hash)
			FROM cookie_consent_entries e ORDER BY first, hash`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e EntryInfo
			var first, seen int64
			if err := rows.Scan(&e.Hash, &first, &seen, &e.Records); err != nil {
				return err
			}
			e.First, e.Seen = time.UnixMilli(first).UTC(), time.UnixMilli(seen).UTC()
			entries = append(entries, e)
		}
		return rows.Err()
	})
	return entries, err
}

// Entry returns what was shown, by the hash that records name. One that was
// changed since is an error; one that is not there is ErrNotFound.
func (s *Store) Entry(ctx context.Context, hash string) (e *Entry, err error) {
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		e, err = readEntry(ctx, tx, hash)
		return err
	})
	return e, err
}

func readEntry(ctx context.Context, q querier, hash string) (*Entry, error) {
	var text string
	err := q.QueryRowContext(ctx, "SELECT manifest FROM cookie_consent_entries WHERE hash = $1", hash).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("archive entry %s: %w", hash, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	m, err := readManifest([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("archive entry %s: it was changed: %w", hash, err)
	}
	var artefacts []Artefact
	for _, item := range m.Artefacts {
		var content []byte
		err := q.QueryRowContext(ctx, "SELECT content FROM cookie_consent_artefacts WHERE hash = $1", item.SHA256).Scan(&content)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("archive entry %s: %q is missing", hash, item.Name)
		}
		if err != nil {
			return nil, err
		}
		artefacts = append(artefacts, Artefact{item.Name, item.Type, content})
	}
	e, err := NewEntry(artefacts...)
	if err != nil || e.hash != hash || string(e.manifest) != text {
		return nil, fmt.Errorf("archive entry %s: it was changed", hash)
	}
	return e, nil
}
