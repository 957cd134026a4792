package records

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStore is the contract of both stores.
func TestStore(t *testing.T) {
	onBoth(t, testStore)
}

func testStore(t *testing.T, o Options) {
	fresh := func(t *testing.T) Options {
		if o.SQLite != "" {
			return inSQLite(t)
		}
		return inPostgres(t)
	}
	for _, tt := range []struct {
		name string
		test func(*testing.T, Options)
	}{
		{"a record says what was decided", testFields},
		{"a withdrawal stands under the id that it ends", testWithdrawal},
		{"what was shown can be shown again", testArchive},
		{"a chain goes on after a restart", testRestart},
		{"many at once are stored, each once", testCrowd},
		{"two logs of one store", testTwoLogs},
		{"a decision that is wrong is refused", testWrong},
		{"a closed log acknowledges nothing", testClosed},
		{"a clock that is set back", testClock},
		{"export", testExport},
		{"purge", testPurge},
		{"purge is not deceived", testPurgeDeceived},
		{"a damaged record does not end an export", testDamagedExport},
		{"a storage that is away holds nobody up", testStorageAway},
		{"after a rotation of the key", testKeyRotation},
		{"each Caddy's own copy beside the records", testShared},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, fresh(t)) })
	}
}

func testFields(t *testing.T, o Options) {
	now := &clock{now: time.Date(2026, 5, 4, 3, 2, 1, 987654321, time.FixedZone("", 7200))}
	o.Now = now.Now
	l := open(t, o)
	d := grant(1, "example.fr")
	r := appended(t, l, d)
	delivered(t, l)
	for _, id := range []string{r.ID, r.Subject} {
		got, err := l.Store.Show(t.Context(), id)
		if err != nil || len(got) != 1 {
			t.Fatalf("Show(%q) = %v, %v", id, got, err)
		}
		text, _ := json.Marshal(got[0])
		want, _ := json.Marshal(r)
		if !bytes.Equal(text, want) {
			t.Errorf("Show(%q) = %s\nwant %s", id, text, want)
		}
	}
	if want := time.Date(2026, 5, 4, 1, 2, 1, 987e6, time.UTC); !r.Time.Equal(want) || r.Schema != Schema || r.Notice.Manifest != shown.Hash() {
		t.Errorf("Append = %+v", r)
	}
	if _, err := l.Show(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Show of nobody: %v", err)
	}
	sound(t, l.Store)
}

func testWithdrawal(t *testing.T, o Options) {
	l := open(t, o)
	first := appended(t, l, grant(7, "example.fr"))
	last, err := l.Latest(t.Context(), first.Subject)
	if err != nil || last.ID != first.ID {
		t.Fatalf("Latest = %v, %v", last.ID, err)
	}
	end := grant(7, "example.fr")
	end.State, end.Method, end.Expires, end.Prev = Withdrawn, Withdraw, time.Time{}, last.ID
	withdrawn := appended(t, l, end)
	delivered(t, l)
	history, err := l.Show(t.Context(), first.Subject)
	if err != nil || len(history) != 2 || history[1].ID != withdrawn.ID || history[1].Prev != first.ID || history[1].Chain != first.Hash {
		t.Errorf("Show = %+v, %v", history, err)
	}
	sound(t, l.Store)
}

func testArchive(t *testing.T, o Options) {
	l := open(t, o)
	second := entryOf("banner.fr.html", "<p>Accepter ou refuser</p>", "style.css", "p{color:red}", "empty", "")
	for _, e := range []*Entry{shown, second, shown} {
		if err := l.Keep(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	appended(t, l, grant(1, "example.fr"))
	delivered(t, l)
	got, err := l.Store.Entry(t.Context(), second.Hash())
	if err != nil {
		t.Fatal(err)
	}
	if banner, ok := got.Artefact("banner.fr.html"); !ok || string(banner.Content) != "<p>Accepter ou refuser</p>" || !bytes.Equal(got.Manifest(), second.Manifest()) {
		t.Errorf("Entry = %s", got.Manifest())
	}
	entries, err := l.Entries(t.Context())
	if err != nil || len(entries) != 2 || entries[0].Records+entries[1].Records != 1 {
		t.Errorf("Entries = %+v, %v", entries, err)
	}
	var contents int
	if err := l.database.read.QueryRow("SELECT count(*) FROM cookie_consent_artefacts").Scan(&contents); err != nil || contents != 5 {
		t.Errorf("%d contents stored, %v, want 5: the banner of both is one", contents, err)
	}
	if _, err := l.Entry(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, ErrNotFound) {
		t.Errorf("Entry of nothing: %v", err)
	}
	sound(t, l.Store)
}

func testRestart(t *testing.T, o Options) {
	var last Record
	for n := range 4 {
		l := open(t, o)
		r := appended(t, l, grant(n, "example.fr"))
		if n > 0 && (r.Seq != last.Seq+1 || r.Chain != last.Hash || r.Instance != last.Instance) {
			t.Errorf("record %d does not follow from the one before: %+v", n, r)
		}
		last = r
		closed(t, l)
	}
	s, err := OpenStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	sound(t, s)
}

func testCrowd(t *testing.T, o Options) {
	l := open(t, o)
	c := startCrowd(func() *Log { return l }, 200)
	c.more(t, 3000)
	acknowledged := c.end(t)
	delivered(t, l)
	accounted(t, l.Store, acknowledged)
	sound(t, l.Store)
}

// testTwoLogs shares an SQLite file, as the old and the new process of an upgrade
// do; with PostgreSQL each has a spool of its own.
func testTwoLogs(t *testing.T, o Options) {
	other := o
	if o.Spool != "" {
		other.Spool += "2"
	}
	logs := []*Log{open(t, o), open(t, other)}
	c := startCrowd(func() *Log { return logs[time.Now().UnixNano()&1] }, 60)
	c.more(t, 2000)
	acknowledged := c.end(t)
	for _, l := range logs {
		delivered(t, l)
	}
	accounted(t, logs[0].Store, acknowledged)
	sound(t, logs[1].Store)
}

func testWrong(t *testing.T, o Options) {
	l := open(t, o)
	for name, spoil := range map[string]func(*Decision){
		"no subject":                func(d *Decision) { d.Subject = "" },
		"a subject of another form": func(d *Decision) { d.Subject = strings.Repeat("Z", 32) },
		"a first refusal":           func(d *Decision) { d.State = "refused" },
		"no choices":                func(d *Decision) { d.Choices = nil },
		"no end":                    func(d *Decision) { d.Expires = time.Time{} },
		"no site":                   func(d *Decision) { d.Site = "" },
		"a site with a path":        func(d *Decision) { d.Site = "example.fr/../x" },
		"no policy":                 func(d *Decision) { d.Notice.Policy = "" },
		"far too large":             func(d *Decision) { d.Choices[0].Purpose = strings.Repeat("x", maxBody) },
	} {
		d := grant(1, "example.fr")
		spoil(&d)
		if _, err := l.Append(t.Context(), d, shown); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Append(t.Context(), grant(1, "example.fr"), nil); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("nothing shown: %v", err)
	}
	r := appended(t, l, grant(1, "example.fr"))
	delivered(t, l)
	accounted(t, l.Store, []string{r.ID})
	sound(t, l.Store)
}

func testClosed(t *testing.T, o Options) {
	l := open(t, o)
	c := startCrowd(func() *Log { return l }, 50)
	c.more(t, 200)
	closed(t, l)
	until(t, "refusal", func() bool { c.mutex.Lock(); defer c.mutex.Unlock(); return c.refused > 0 })
	acknowledged := c.end(t)
	again := open(t, o)
	delivered(t, again)
	accounted(t, again.Store, acknowledged)
	sound(t, again.Store)
}

func testClock(t *testing.T, o Options) {
	now := &clock{now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	o.Now = now.Now
	l := open(t, o)
	var acknowledged []string
	for n, move := range []time.Duration{0, 0, -30 * 365 * 24 * time.Hour, 0, 40 * 365 * 24 * time.Hour, -5 * 365 * 24 * time.Hour} {
		now.move(move)
		acknowledged = append(acknowledged, appended(t, l, grant(n, "example.fr")).ID)
		delivered(t, l)
	}
	accounted(t, l.Store, acknowledged)
	sound(t, l.Store)
}

func testExport(t *testing.T, o Options) {
	l := open(t, o)
	const n = 2*exportPage + 17
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { appended(t, l, grant(i, fmt.Sprintf("s%d.example", i%2))) })
	}
	wait.Wait()
	odd := grant(n, "odd.example")
	odd.Lang, odd.Jurisdiction, odd.Notice.Policy = "=cmd|' /C calc'!A0", "@SUM(1)", "\tx"
	appended(t, l, odd)
	delivered(t, l)

	var lines bytes.Buffer
	written, err := WriteJSONL(&lines, l.Export(t.Context(), Filter{}))
	if err != nil || written != n+1 {
		t.Fatalf("WriteJSONL = %d, %v", written, err)
	}
	for line := range strings.Lines(lines.String()) {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(line, `,"hash":`)
		if sum := l.ring[0].hash(text + "}"); sum.String() != r.Hash {
			t.Fatalf("the hash of %s is %s", line, sum)
		}
	}

	var table bytes.Buffer
	if written, err := WriteCSV(&table, l.Export(t.Context(), Filter{Site: "odd.example"})); err != nil || written != 1 {
		t.Fatalf("WriteCSV = %d, %v", written, err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) {
		t.Fatalf("CSV %q, %v", rows, err)
	}
	for i, want := range map[string]string{
		"lang": "'=cmd|' /C calc'!A0", "jurisdiction": "'@SUM(1)", "policy": "'\tx",
		"granted": "youtube", "denied": "vimeo marketing meta", "other": "statistics:exempt media:partial",
	} {
		for column, name := range rows[0] {
			if name == i && rows[1][column] != want {
				t.Errorf("CSV %s = %q, want %q", name, rows[1][column], want)
			}
		}
	}
	for name, f := range map[string]Filter{
		"of a site":       {Site: "s1.example"},
		"from tomorrow":   {From: time.Now().Add(24 * time.Hour)},
		"until yesterday": {Until: time.Now().Add(-24 * time.Hour)},
	} {
		want := int64(0)
		if f.Site != "" {
			want = n / 2
		}
		if got, err := l.Count(t.Context(), f); err != nil || got != want {
			t.Errorf("Count %s = %d, %v, want %d", name, got, err, want)
		}
	}
}

func testDamagedExport(t *testing.T, o Options) {
	l := open(t, o)
	for n := range 5 {
		appended(t, l, grant(n, "example.fr"))
	}
	delivered(t, l)
	tamper(t, l, "UPDATE cookie_consent_records SET body = 'x' WHERE seq = 2")
	var out bytes.Buffer
	n, err := WriteJSONL(&out, l.Export(t.Context(), Filter{}))
	if broken := (*DamagedError)(nil); n != 4 || !errors.As(err, &broken) || broken.Seq != 2 {
		t.Errorf("WriteJSONL = %d, %v", n, err)
	}
}

func testStorageAway(t *testing.T, o Options) {
	storage := o.Storage.(*memory)
	l := open(t, o)
	appended(t, l, grant(1, "example.fr"))
	delivered(t, l)
	storage.fail(errors.New("away"))
	r := appended(t, l, grant(2, "example.fr"))
	if err := l.Flush(t.Context()); err == nil {
		t.Error("the head was written to a storage that is away")
	}
	if _, err := l.Store.Show(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("a log opened without its key")
	}
	storage.fail(nil)
	delivered(t, l)
	sound(t, l.Store)
}

func testKeyRotation(t *testing.T, o Options) {
	l := open(t, o)
	appended(t, l, grant(1, "example.fr"))
	delivered(t, l)
	closed(t, l)
	old := l.ring
	ring, err := json.Marshal(keyring{{ID: 2, Secret: bytes.Repeat([]byte{7}, 32)}, old[0]})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Storage.Store(t.Context(), keysName, ring); err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	if r := appended(t, l, grant(2, "example.fr")); r.Key != 2 || r.Seq != 2 {
		t.Errorf("record after the rotation: %+v", r)
	}
	delivered(t, l)
	sound(t, l.Store)
	l.ring = l.ring[:1]
	if found := findings(t, l.Store); len(found) != 1 || found[0].Kind != Changed || found[0].First != 1 {
		t.Errorf("without the old key: %v", found)
	}
}

// tamper changes a store as somebody with access to it could.
func tamper(t testing.TB, l *Log, query string, args ...any) {
	t.Helper()
	if _, err := l.database.write.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func testShared(t *testing.T, o Options) {
	l := open(t, o)
	one, two, ctx := l.Shared("one"), l.Shared("two"), t.Context()
	if data, err := one.Own(ctx, "part"); err != nil || data != nil {
		t.Fatalf("before anything was pushed: %q, %v", data, err)
	}
	for _, step := range []struct {
		by   *Shared
		part string
		data string
	}{{one, "part", "1"}, {two, "part", "2"}, {one, "other", "3"}, {one, "part", "\x00\xff"}} {
		if err := step.by.Push(ctx, step.part, []byte(step.data)); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := one.Own(ctx, "part"); err != nil || string(data) != "\x00\xff" {
		t.Errorf("its own: %q, %v", data, err)
	}
	if all, err := two.Others(ctx, "part"); err != nil || len(all) != 1 || string(all[0]) != "\x00\xff" {
		t.Errorf("the others': %q, %v", all, err)
	}
	if err := one.Push(ctx, "part", nil); err != nil {
		t.Fatal(err)
	}
	if all, err := two.Others(ctx, "part"); err != nil || len(all) != 0 {
		t.Errorf("taken away: %q, %v", all, err)
	}
}
