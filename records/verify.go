package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Kind is what is wrong.
type Kind string

// Kinds of findings.
const (
	// Changed: a record, or what it is found by, is not what was stored.
	Changed Kind = "changed"
	// Missing: records are not there, and later ones are.
	Missing Kind = "missing"
	// Reordered: a record stands in the place of another, or of none.
	Reordered Kind = "reordered"
	// Truncated: the last records of a chain are not there.
	Truncated Kind = "truncated"
	// ArchiveMissing: a record names an archive entry that is not there.
	ArchiveMissing Kind = "archive missing"
	// ArchiveChanged: an archive entry is not what was stored.
	ArchiveChanged Kind = "archive changed"
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind     Kind   `json:"kind"`
	Instance string `json:"instance,omitempty"`
	Site     string `json:"site,omitempty"`
	// First and Last are the numbers of the records it is about.
	First int64 `json:"first,omitempty"`
	Last  int64 `json:"last,omitempty"`
	// Record is the ID of the record, where it is there.
	Record string `json:"record,omitempty"`
	// Entry is the hash of the archive entry.
	Entry  string `json:"entry,omitempty"`
	Detail string `json:"detail"`
}

// String is one line for a person.
func (f Finding) String() string {
	switch {
	case f.Entry != "":
		return fmt.Sprintf("%s: %s: %s", f.Kind, f.Entry, f.Detail)
	case f.Last > f.First:
		return fmt.Sprintf("%s: records %d to %d of %s, instance %s: %s", f.Kind, f.First, f.Last, f.Site, f.Instance, f.Detail)
	case f.Record != "":
		return fmt.Sprintf("%s: record %d of %s, instance %s, id %s: %s", f.Kind, f.First, f.Site, f.Instance, f.Record, f.Detail)
	}
	return fmt.Sprintf("%s: record %d of %s, instance %s: %s", f.Kind, f.First, f.Site, f.Instance, f.Detail)
}

// Verified is what Verify looked at.
type Verified struct {
	Chains  int64 `json:"chains"`
	Records int64 `json:"records"`
	Entries int64 `json:"entries"`
	// Waiting counts records that were acknowledged and are in the spool of some
	// Log still, as far as Storage knows.
	Waiting  int64 `json:"waiting"`
	Findings int64 `json:"findings"`
}

// Verify checks every chain and the whole archive, at one moment of the store, and
// calls found with each thing that is wrong. It calls checked, if that is not nil,
// now and then with the number of records so far. An error means that it could not
// go on, not that something is wrong.
func (s *Store) Verify(ctx context.Context, found func(Finding), checked func(records int64)) (Verified, error) {
	// The heads come first: the store may go on meanwhile, they must not.
	heads, err := readHeads(ctx, s.storage, headsPath)
	if err != nil {
		return Verified{}, err
	}
	v := &verification{ring: s.ring, found: found, checked: checked}
	err = s.database.look(ctx, func(tx *sql.Tx) error {
		chains, err := allChains(ctx, tx)
		if err != nil {
			return err
		}
		for c := range heads {
			chains[c] = true
		}
		for c := range chains {
			if err := v.chain(ctx, tx, c, heads[c]); err != nil {
				return err
			}
		}
		return v.archive(ctx, tx)
	})
	return v.Verified, err
}

// allChains returns the chains that are named, and those that have records.
func allChains(ctx context.Context, q querier) (map[chain]bool, error) {
	rows, err := q.QueryContext(ctx, `SELECT instance, site FROM cookie_consent_chains
		UNION SELECT instance, site FROM cookie_consent_records`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	chains := map[chain]bool{}
	for rows.Next() {
		var c chain
		if err := rows.Scan(&c.instance, &c.site); err != nil {
			return nil, err
		}
		chains[c] = true
	}
	return chains, rows.Err()
}

type verification struct {
	Verified
	ring    keyring
	found   func(Finding)
	checked func(int64)
}

func (v *verification) report(f Finding) {
	v.Findings++
	v.found(f)
}

// chainCheck is how far one chain has been verified.
type chainCheck struct {
	*verification
	chain
	head  head
	first int64 // the number that the chain begins with, after what was purged
	last  tail  // the last record in its place
	sound bool  // last is as it was stored
}

func (v *verification) chain(ctx context.Context, tx *sql.Tx, c chain, h head) error {
	v.Chains++
	check := &chainCheck{verification: v, chain: c, head: h}
	if err := check.anchor(ctx, tx); err != nil {
		return err
	}
	err := each(ctx, tx, func(r *row) error {
		check.row(r)
		if v.Records++; v.checked != nil && v.Records%1000 == 0 {
			v.checked(v.Records)
		}
		return nil
	}, "SELECT "+columns+" FROM cookie_consent_records WHERE instance = $1 AND site = $2 ORDER BY seq", c.instance, c.site)
	check.end()
	return err
}

func (c *chainCheck) anchor(ctx context.Context, q querier) error {
	a, err := readAnchor(ctx, q, c.chain)
	if err != nil {
		return err
	}
	c.last, c.first, c.sound = a.tail, a.seq+1, a.seq == 0 || a.sealed(c.ring, c.chain)
	if !c.sound {
		c.report(Finding{Kind: Changed, Instance: c.instance, Site: c.site, First: a.seq, Last: a.seq,
			Detail: "the note of what was purged up to here does not carry the seal of its key"})
	}
	return nil
}

func (c *chainCheck) row(r *row) {
	finding := Finding{Instance: c.instance, Site: c.site, First: r.seq, Last: r.seq, Record: r.id}
	record, err := genuine(r, c.ring)
	if err == nil {
		finding.Record = record.ID
	}
	switch {
	case errors.Is(err, errMoved):
		finding.Kind, finding.Detail = Reordered, err.Error()
		c.report(finding)
	case err != nil:
		finding.Kind, finding.Detail = Changed, err.Error()
		c.report(finding)
	case r.seq < c.first:
		finding.Kind, finding.Detail = Reordered, "it stands before what was purged"
		c.report(finding)
	}
	if r.seq <= c.last.seq || errors.Is(err, errMoved) && r.seq != c.last.seq+1 {
		return // in nobody's place
	}
	if r.seq > c.last.seq+1 {
		c.report(Finding{Kind: Missing, Instance: c.instance, Site: c.site, First: c.last.seq + 1, Last: r.seq - 1,
			Detail: fmt.Sprintf("the next one that is there is %d", r.seq)})
	} else if err == nil && c.sound && record.Chain != c.last.hash.String() {
		finding.Kind, finding.Detail = Changed, "it does not follow from the record before"
		c.report(finding)
	}
	c.last, c.sound = tail{r.seq, r.hash}, err == nil
	if err == nil && r.seq == c.head.Count && r.hash.String() != c.head.Hash {
		finding.Kind, finding.Detail = Changed, "the storage knows another record as the head of the chain"
		c.report(finding)
	}
}

// end compares where the chain ends with its head in Storage.
func (c *chainCheck) end() {
	if c.head.Count > c.last.seq {
		c.report(Finding{Kind: Truncated, Instance: c.instance, Site: c.site, First: c.last.seq + 1, Last: c.head.Count,
			Detail: "they were in the store, as the storage knows"})
	}
	c.Waiting += max(0, c.head.Accepted-max(c.head.Count, c.last.seq))
}

// errMoved says that a genuine record is not in its place.
var errMoved = errors.New("it is another record")

// genuine returns the record of r if its text carries the hash of its key, and all
// beside the text says what the text says.
func genuine(r *row, ring keyring) (record Record, err error) {
	if err := json.Unmarshal([]byte(r.body), &record); err != nil {
		return record, errors.New("its text is no record")
	}
	key, ok := ring.find(record.Key)
	if !ok {
		return record, fmt.Errorf("it names key %d, which is not in the storage", record.Key)
	}
	if key.hash(r.body) != r.hash {
		return record, errors.New("its text does not have its hash")
	}
	own := record.row(r.body)
	if own.chain != r.chain || own.seq != r.seq {
		return record, fmt.Errorf("%w: number %d of %s, instance %s", errMoved, own.seq, own.site, own.instance)
	}
	if own.hash = r.hash; own != *r {
		return record, errors.New("what it is found by is not what its text says")
	}
	return record, nil
}

func (v *verification) archive(ctx context.Context, tx *sql.Tx) error {
	entries, err := hashes(ctx, tx, "SELECT hash FROM cookie_consent_entries")
	if err != nil {
		return err
	}
	for _, hash := range entries {
		v.Entries++
		if _, err := readEntry(ctx, tx, hash); err != nil {
			if ctx.Err() != nil {
				return err
			}
			v.report(Finding{Kind: ArchiveChanged, Entry: hash, Detail: err.Error()})
		}
	}
	missing, err := hashes(ctx, tx, `SELECT DISTINCT manifest FROM cookie_consent_records r
		WHERE NOT EXISTS (SELECT 1 FROM cookie_consent_entries e WHERE e.hash = r.manifest)`)
	for _, hash := range missing {
		v.report(Finding{Kind: ArchiveMissing, Entry: hash, Detail: "records name it"})
	}
	return err
}

func hashes(ctx context.Context, q querier, query string, args ...any) (found []string, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, rows.Err()
}
