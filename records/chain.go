package records

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Record is a Decision in its chain.
type Record struct {
	Decision
	// Instance names the Log that took the record, by a random UUID.
	Instance string `json:"instance"`
	// Seq counts the records of one instance and site, from 1.
	Seq int64 `json:"seq"`
	// Key is the id of the key that Hash is made with.
	Key int `json:"key"`
	// Chain is the Hash of the record with the Seq before; zeros before the first.
	Chain string `json:"chain"`
	// Hash is HMAC-SHA256 over the record's stored text, which is the JSON of all
	// fields above. In hexadecimal digits.
	Hash string `json:"hash,omitempty"`

	body string // the stored text
}

// hash is that of a record; zero before the first.
type hash [sha256.Size]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

// tail is the end of a chain: the last record's number and hash.
type tail struct {
	seq  int64
	hash hash
}

// chain names one chain.
type chain struct{ instance, site string }

// row is a record as stores keep it. All but body and hash is in body too, where
// it counts; it stands beside it to be found.
type row struct {
	chain
	seq                   int64
	id, subject, manifest string
	time                  int64 // Unix milliseconds
	body                  string
	hash                  hash
}

// domain keeps the hashes of records apart from others made with the same key.
const domain = "cookie-consent-record/1\n"

func (k secret) hash(body string) (sum hash) {
	mac := hmac.New(sha256.New, k.Secret)
	_, _ = mac.Write([]byte(domain + body)) // a hash never fails
	mac.Sum(sum[:0])
	return sum
}

// link puts a decision at the end of a chain, and returns the new end as a row.
func link(d Decision, c chain, end tail, key secret) (Record, row, error) {
	r := Record{Decision: d, Instance: c.instance, Seq: end.seq + 1, Key: key.ID, Chain: end.hash.String()}
	body, err := json.Marshal(&r)
	if err != nil {
		return Record{}, row{}, err
	}
	if len(body) > maxBody {
		return Record{}, row{}, fmt.Errorf("a record has at most %d bytes, this one %d", maxBody, len(body))
	}
	stored := r.row(string(body))
	stored.hash = key.hash(stored.body)
	r.Hash, r.body = stored.hash.String(), stored.body
	return r, stored, nil
}

// row is r as its body names it.
func (r *Record) row(body string) row {
	return row{
		chain: chain{r.Instance, r.Site}, seq: r.Seq,
		id: r.ID, subject: r.Subject, manifest: r.Notice.Manifest, time: r.Time.UnixMilli(),
		body: body,
	}
}

// record reads the body of r. One that cannot be read is a *DamagedError.
func (r *row) record() (record Record, err error) {
	if err := json.Unmarshal([]byte(r.body), &record); err != nil {
		return Record{}, &DamagedError{r.instance, r.site, r.seq}
	}
	record.Hash, record.body = r.hash.String(), r.body
	return record, nil
}

// DamagedError says that a record cannot be read. Store.Verify tells more.
type DamagedError struct {
	Instance, Site string
	Seq            int64
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("record %d of %s, instance %s, cannot be read", e.Seq, e.Site, e.Instance)
}

// complete fills in what the Log knows of a decision.
func (d *Decision) complete(manifest string, now time.Time) {
	d.Schema, d.ID = Schema, uuid.NewString()
	d.Time = now.UTC().Truncate(time.Millisecond)
	d.Expires = d.Expires.UTC().Truncate(time.Second)
	d.Notice.Manifest = manifest
}
