package records

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// anchor is where a chain begins after a purge: the last record that is gone. Its
// seal shows that it was made with the key, so that nobody without it can pass off
// records as purged.
type anchor struct {
	tail
	key  int
	seal []byte
}

func (k secret) seal(c chain, t tail) []byte {
	mac := hmac.New(sha256.New, k.Secret)
	_, _ = fmt.Fprintf(mac, "cookie-consent anchor 1\n%s\n%s\n%d\n%s", c.instance, c.site, t.seq, t.hash)
	return mac.Sum(nil)
}

func (a *anchor) sealed(ring keyring, c chain) bool {
	key, ok := ring.find(a.key)
	return ok && hmac.Equal(a.seal, key.seal(c, a.tail))
}

func readAnchor(ctx context.Context, q querier, c chain) (a anchor, err error) {
	var sum []byte
	var key sql.NullInt64
	err = q.QueryRowContext(ctx, `SELECT purged, anchor, anchor_key, anchor_seal FROM cookie_consent_chains
		WHERE instance = $1 AND site = $2`, c.instance, c.site).Scan(&a.seq, &sum, &key, &a.seal)
	if errors.Is(err, sql.ErrNoRows) {
		return anchor{}, nil
	}
	copy(a.hash[:], sum)
	a.key = int(key.Int64)
	return a, err
}

// Purged is what a purge has deleted.
type Purged struct {
	Records int64 `json:"records"`
	Entries int64 `json:"entries"`
}

const (
	purgePage = 2000 // records in one transaction, so that others can write between

	// unusedEntry is how long an archive entry that no record names is kept after a
	// Log last had it in use.
	unusedEntry = 31 * 24 * time.Hour
)

// Purge deletes records older than retention, and archive entries that no record
// names and no Log has in use. A chain loses its beginning only, up to the last
// record whose own, genuine time is over: what the store says beside that is not
// believed, nor is a clock that was ahead for a while. The rest stays verifiable.
func (s *Store) Purge(ctx context.Context, retention time.Duration) (p Purged, err error) {
	if retention <= 0 {
		return p, errors.New("purge: records are kept for a positive time")
	}
	if err := s.database.open(ctx); err != nil {
		return p, err
	}
	chains, err := allChains(ctx, s.database.read)
	if err != nil {
		return p, err
	}
	for c := range chains {
		for more := true; more; {
			var n int64
			if n, more, err = s.purgePage(ctx, c, retention); err != nil {
				return p, err
			}
			p.Records += n
		}
	}
	p.Entries, err = s.purgeArchive(ctx)
	return p, err
}

// purgePage deletes the beginning of a chain, and returns how many records that
// were and whether there may be more.
func (s *Store) purgePage(ctx context.Context, c chain, retention time.Duration) (deleted int64, more bool, err error) {
	err = s.database.change(ctx, func(tx *sql.Tx) error {
		// Whoever purges as well waits here.
		if _, err := tx.ExecContext(ctx, `UPDATE cookie_consent_chains SET purged = purged
			WHERE instance = $1 AND site = $2`, c.instance, c.site); err != nil {
			return err
		}
		var upTo tail
		if upTo, more, err = s.expired(ctx, tx, c, retention); err != nil || upTo.seq == 0 {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM cookie_consent_records
			WHERE instance = $1 AND site = $2 AND seq <= $3`, c.instance, c.site, upTo.seq)
		if err != nil {
			return err
		}
		if deleted, err = result.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE cookie_consent_chains SET purged = $3, anchor = $4, anchor_key = $5, anchor_seal = $6
			WHERE instance = $1 AND site = $2`, c.instance, c.site, upTo.seq, upTo.hash[:], s.ring[0].ID, s.ring[0].seal(c, upTo))
		return err
	})
	return deleted, more && deleted > 0, err
}

// expired returns the last record that is to go, with all before it: they are
// older. A record of a time to come tells nothing.
func (s *Store) expired(ctx context.Context, tx *sql.Tx, c chain, retention time.Duration) (upTo tail, more bool, err error) {
	now := s.now()
	cutoff := now.Add(-retention)
	more = true
	n := 0
	err = each(ctx, tx, func(r *row) error {
		n++
		record, err := genuine(r, s.ring)
		switch {
		case err != nil || record.Time.After(now) || !more:
		case record.Time.Before(cutoff):
			upTo = tail{r.seq, r.hash}
		default:
			more = false
		}
		return nil
	}, fmt.Sprintf(`SELECT %s FROM cookie_consent_records WHERE instance = $1 AND site = $2
		ORDER BY seq LIMIT %d`, columns, purgePage), c.instance, c.site)
	return upTo, more && n == purgePage, err
}

func (s *Store) purgeArchive(ctx context.Context) (deleted int64, err error) {
	err = s.database.change(ctx, func(tx *sql.Tx) error {
		if err := s.database.lockArchive(ctx, tx); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM cookie_consent_entries WHERE seen < $1
			AND NOT EXISTS (SELECT 1 FROM cookie_consent_records r WHERE r.manifest = cookie_consent_entries.hash)`,
			s.now().Add(-unusedEntry).UnixMilli())
		if err != nil {
			return err
		}
		if deleted, err = result.RowsAffected(); err != nil || deleted == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM cookie_consent_entry_artefacts
			WHERE NOT EXISTS (SELECT 1 FROM cookie_consent_entries e WHERE e.hash = cookie_consent_entry_artefacts.entry)`); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM cookie_consent_artefacts
			WHERE NOT EXISTS (SELECT 1 FROM cookie_consent_entry_artefacts a WHERE a.artefact = cookie_consent_artefacts.hash)`)
		return err
	})
	return deleted, err
}
