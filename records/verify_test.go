package records

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// chainOf fills a store with one chain of n records, and makes sure of its head.
func chainOf(t testing.TB, o Options, n int) (*Log, []Record) {
	t.Helper()
	l := open(t, o)
	var records []Record
	for i := range n {
		records = append(records, appended(t, l, grant(i, "example.fr")))
	}
	delivered(t, l)
	return l, records
}

// TestVerifyFindsEveryByte flips each byte of each column of a stored record.
func TestVerifyFindsEveryByte(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		l, records := chainOf(t, o, 3)
		const victim = 2
		id := records[victim-1].ID
		flipped := 0
		for _, column := range []string{"body", "hash", "id", "subject", "manifest", "site", "instance"} {
			var value []byte
			row := l.database.read.QueryRow("SELECT "+column+" FROM cookie_consent_records WHERE seq = $1", victim)
			if err := row.Scan(&value); err != nil {
				t.Fatal(err)
			}
			for at := range value {
				changed := slices.Clone(value)
				changed[at] ^= 1
				flipByte(t, l, column, victim, changed)
				if !named(findings(t, l.Store), victim, id) {
					t.Fatalf("byte %d of %s: not found", at, column)
				}
				flipped++
				restore(t, l, column, id, records[victim-1].Hash, value)
			}
		}
		for _, column := range []string{"time", "seq"} {
			tamper(t, l, "UPDATE cookie_consent_records SET "+column+" = "+column+" + 1000 WHERE seq = 2")
			if !named(findings(t, l.Store), victim, id) {
				t.Errorf("a changed %s: not found", column)
			}
			tamper(t, l, "UPDATE cookie_consent_records SET "+column+" = "+column+" - 1000 WHERE id = $1", id)
		}
		t.Logf("%d bytes flipped", flipped)
		sound(t, l.Store)
	})
}

func flipByte(t testing.TB, l *Log, column string, seq int64, value []byte) {
	t.Helper()
	query := "UPDATE cookie_consent_records SET " + column + " = $1 WHERE seq = $2"
	if column == "hash" {
		tamper(t, l, query, value, seq)
	} else {
		tamper(t, l, query, string(value), seq)
	}
}

// restore finds the record by what was not changed.
func restore(t testing.TB, l *Log, column, id, hash string, value []byte) {
	t.Helper()
	var where string
	var key any
	if column == "id" {
		where, key = "hash", rawHash(hash)
	} else {
		where, key = "id", id
	}
	query := "UPDATE cookie_consent_records SET " + column + " = $1 WHERE " + where + " = $2"
	if column == "hash" {
		tamper(t, l, query, value, key)
	} else {
		tamper(t, l, query, string(value), key)
	}
}

func rawHash(text string) []byte {
	var raw []byte
	_, _ = fmt.Sscanf(text, "%x", &raw)
	return raw
}

// named says whether a finding is about this record.
func named(found []Finding, seq int64, id string) bool {
	return slices.ContainsFunc(found, func(f Finding) bool {
		return f.Record == id || f.First <= seq && seq <= f.Last
	})
}

// TestVerify: what is done to a store is found, and called by its name.
func TestVerify(t *testing.T) {
	swap := func(columns string) []string {
		from := func(other int) string {
			var sets []string
			for column := range strings.SplitSeq(columns, " ") {
				sets = append(sets, fmt.Sprintf("%s = (SELECT %s FROM kept WHERE seq = %d)", column, column, other))
			}
			return strings.Join(sets, ", ")
		}
		return []string{
			"CREATE TABLE kept AS SELECT * FROM cookie_consent_records",
			"UPDATE cookie_consent_records SET " + from(7) + " WHERE seq = 3",
			"UPDATE cookie_consent_records SET " + from(3) + " WHERE seq = 7",
			"DROP TABLE kept",
		}
	}
	for _, tt := range []struct {
		name string
		do   []string
		want []string // kind and numbers
	}{
		{"nothing", nil, nil},
		{"the first is deleted", []string{"DELETE FROM cookie_consent_records WHERE seq = 1"}, []string{"missing 1-1"}},
		{"one is deleted", []string{"DELETE FROM cookie_consent_records WHERE seq = 4"}, []string{"missing 4-4"}},
		{"some are deleted", []string{"DELETE FROM cookie_consent_records WHERE seq IN (4, 5, 8)"}, []string{"missing 4-5", "missing 8-8"}},
		{"the end is cut off", []string{"DELETE FROM cookie_consent_records WHERE seq >= 9"}, []string{"truncated 9-10"}},
		{"all is deleted", []string{"DELETE FROM cookie_consent_records"}, []string{"truncated 1-10"}},
		{"all is deleted, and the chain's name", []string{"DELETE FROM cookie_consent_records", "DELETE FROM cookie_consent_chains"}, []string{"truncated 1-10"}},
		{"two change places", swap("id subject time manifest body hash"), []string{"reordered 3-3", "reordered 7-7"}},
		{"the texts of two change places", swap("body"), []string{"changed 3-3", "changed 7-7"}},
		{"texts and hashes of two change places", swap("body hash"), []string{"reordered 3-3", "reordered 7-7"}},
		{"one is moved to the end", []string{"UPDATE cookie_consent_records SET seq = 11 WHERE seq = 4"}, []string{"missing 4-4", "reordered 11-11"}},
		{"one is moved to another site", []string{"UPDATE cookie_consent_records SET site = 'other.example' WHERE seq = 4"}, []string{"missing 4-4", "reordered 4-4"}},
		{"a text is edited", []string{"UPDATE cookie_consent_records SET body = replace(body, 'denied', 'granted') WHERE seq = 4"}, []string{"changed 4-4"}},
		{"one is doubled", []string{"INSERT INTO cookie_consent_records SELECT instance, site, 11, id, subject, time, manifest, body, hash FROM cookie_consent_records WHERE seq = 4"}, []string{"reordered 11-11"}},
		{"one is deleted and passed off as purged", []string{"DELETE FROM cookie_consent_records WHERE seq = 1",
			"UPDATE cookie_consent_chains SET purged = 1, anchor = (SELECT hash FROM cookie_consent_records WHERE seq = 2), anchor_key = 1, anchor_seal = anchor"}, []string{"changed 1-1"}},
		{"the archive's entry is deleted", []string{"DELETE FROM cookie_consent_entries"}, []string{"archive missing 0-0"}},
		{"a manifest is changed", []string{"UPDATE cookie_consent_entries SET manifest = replace(manifest, 'style', 'stile')"}, []string{"archive changed 0-0"}},
		{"what was shown is changed", []string{"UPDATE cookie_consent_artefacts SET content = (SELECT content FROM cookie_consent_artefacts a WHERE a.hash > cookie_consent_artefacts.hash LIMIT 1) WHERE hash = (SELECT min(hash) FROM cookie_consent_artefacts)"}, []string{"archive changed 0-0"}},
		{"what was shown is deleted", []string{"DELETE FROM cookie_consent_artefacts"}, []string{"archive changed 0-0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o Options) {
				l, _ := chainOf(t, o, 10)
				for _, query := range tt.do {
					tamper(t, l, query)
				}
				var got []string
				for _, f := range findings(t, l.Store) {
					got = append(got, fmt.Sprintf("%s %d-%d", f.Kind, f.First, f.Last))
					if f.Detail == "" || f.Entry == "" && f.Site == "" || !strings.Contains(f.String(), f.Detail) {
						t.Errorf("finding without detail: %+v", f)
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, tt.want) {
					t.Errorf("found %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestVerifyFindsOldState: a store that is set back to an earlier day is cut off,
// as its storage knows.
func TestVerifyFindsOldState(t *testing.T) {
	o := inSQLite(t)
	l, _ := chainOf(t, o, 4)
	for i := range 3 {
		appended(t, l, grant(10+i, "example.fr"))
	}
	delivered(t, l)
	tamper(t, l, "DELETE FROM cookie_consent_records WHERE seq > 4")
	appended(t, l, grant(20, "example.fr")) // in the place of number 5
	found := findings(t, l.Store)
	if len(found) != 1 || found[0].Kind != Truncated || found[0].First != 6 || found[0].Last != 7 {
		t.Errorf("found %v", found)
	}
}

// TestVerifyWhileItGrows: a store that is written to is sound at each moment.
func TestVerifyWhileItGrows(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		l := open(t, o)
		c := startCrowd(func() *Log { return l }, 30)
		for range 10 {
			c.more(t, 50)
			sound(t, l.Store)
		}
		c.end(t)
		seen := int64(0)
		delivered(t, l)
		got, err := l.Verify(t.Context(), func(f Finding) { t.Error(f) }, func(n int64) { seen = n })
		if err != nil || got.Chains != 3 || got.Records != int64(c.count()) || got.Waiting != 0 || seen > got.Records {
			t.Errorf("Verify = %+v, %v", got, err)
		}
	})
}

func TestReceipt(t *testing.T) {
	o := inSQLite(t)
	o.Now = (&clock{now: time.Date(2030, 12, 31, 0, 0, 0, 0, time.UTC)}).Now
	l := open(t, o)
	appended(t, l, grant(1, "example.fr"))
	d := grant(1, "example.fr")
	d.State, d.Method, d.Expires = Withdrawn, Withdraw, time.Time{}
	last := appended(t, l, d)
	history, err := l.Show(t.Context(), last.Subject)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReceipt(history, About{
		Controller: "Département", Notice: "https://example.fr/cookie-consent/", Retention: 1825 * day,
		Purposes: map[string]AboutPurpose{"media": {Name: "Médias", Data: []string{"cookies"}, Recipients: []string{"Google"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.RecordID != last.ID || r.PIIPrincipalID != last.Subject || len(r.Processing) != 3 || len(r.Events) != 2 {
		t.Fatalf("receipt %+v", r)
	}
	media := r.Processing[1]
	if media.PurposeName != "Médias" || media.LawfulBasis != dpvConsent || media.RetentionPeriod != "P1825D" || media.PrivacyNotice.Manifest != shown.Hash() || r.Processing[0].LawfulBasis != "" {
		t.Errorf("processing %+v", media)
	}
	if e := r.Events; e[0].State != dpvGiven || e[0].Validity != "P1D" || e[1].State != dpvWithdraw || e[1].Validity != "" {
		t.Errorf("events %+v", e)
	}
	if _, err := NewReceipt(nil, About{}); err == nil {
		t.Error("a receipt of nothing")
	}
}
