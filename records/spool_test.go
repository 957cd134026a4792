package records

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// away is a log whose server is not there.
func away(t testing.TB) Options {
	return Options{Postgres: unreachable, Spool: filepath.Join(t.TempDir(), "spool"), Storage: &memory{}}
}

// segmentFile returns the only segment of a spool.
func segmentFile(t testing.TB, o Options) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(o.Spool, "*.spool"))
	if err != nil || len(files) != 1 {
		t.Fatalf("segments %q, %v", files, err)
	}
	return files[0]
}

func TestSpoolIsOneLogsOwn(t *testing.T) {
	o := away(t)
	l := open(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, o)
	if err == nil || !bytes.Contains([]byte(err.Error()), fmt.Appendf(nil, "in use by process %d", os.Getpid())) {
		t.Errorf("a second log on one spool: %v", err)
	}
	closed(t, l)
	closed(t, open(t, o))
}

// TestSpoolIsHandedOver: a log that is opened while another of this process has the
// spool goes on once that one is closed. Another process's is not waited for.
func TestSpoolIsHandedOver(t *testing.T) {
	o := away(t)
	old := open(t, o)
	r := appended(t, old, grant(1, "example.fr"))
	opened := make(chan *Log)
	go func() {
		l, err := Open(context.Background(), o)
		if err != nil {
			t.Error(err)
		}
		opened <- l
	}()
	select {
	case <-opened:
		t.Error("two logs have one spool")
	case <-time.After(5 * lockRetry):
	}
	closed(t, old)
	l := <-opened
	if got, err := l.Latest(t.Context(), r.Subject); err != nil || got.ID != r.ID {
		t.Errorf("Latest of what the old one took: %+v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(o.Spool, "lock"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "in use by process 1:") {
		t.Errorf("a spool that another process has: %v", err)
	}
	closed(t, l)
}

// TestTornTail cuts the spool anywhere behind what was acknowledged.
func TestTornTail(t *testing.T) {
	o := away(t)
	l := open(t, o)
	for i := range 3 {
		appended(t, l, grant(i, "example.fr"))
	}
	closed(t, l)
	whole, err := os.ReadFile(segmentFile(t, o))
	if err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	appended(t, l, grant(3, "example.fr"))
	closed(t, l)
	longer, err := os.ReadFile(segmentFile(t, o))
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(longer); cut += 7 {
		o.Storage = &memory{} // it has not heard of the fourth
		if err := os.WriteFile(segmentFile(t, o), longer[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, o)
		r := appended(t, l, grant(9, "example.fr"))
		if h := l.Health(); r.Seq != 4 || h.Backlog != 4 || h.Damaged != 0 {
			t.Fatalf("cut at %d: record %d, health %+v", cut, r.Seq, h)
		}
		closed(t, l)
	}
}

// TestDamagedSpool: what can be read behind damage is delivered, and what is lost
// is said.
func TestDamagedSpool(t *testing.T) {
	o := inPostgres(t)
	right := o.Postgres
	o.Postgres = unreachable
	l := open(t, o)
	var records []Record
	for i := range 20 {
		records = append(records, appended(t, l, grant(i, "example.fr")))
	}
	closed(t, l)
	path := segmentFile(t, o)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte(records[9].ID))
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Postgres = right
	l = open(t, o)
	if h := l.Health(); h.Damaged == 0 || h.Good() {
		t.Errorf("health %+v", h)
	}
	delivered(t, l)
	if got := all(t, l.Store); len(got) != 19 || got[records[9].ID] != 0 {
		t.Errorf("%d records delivered, want 19", len(got))
	}
	if found := findings(t, l.Store); len(found) != 1 || found[0].Kind != Missing || found[0].First != 10 || found[0].Last != 10 {
		t.Errorf("found %v", found)
	}
}

// TestLostEnd: a spool that has lost what it had acknowledged does not give its
// numbers again.
func TestLostEnd(t *testing.T) {
	o := inPostgres(t)
	l := open(t, o)
	for i := range 10 {
		appended(t, l, grant(i, "example.fr"))
	}
	delivered(t, l)
	o2 := o
	o2.Postgres = unreachable
	closed(t, l)
	old, err := os.ReadFile(segmentFile(t, o))
	if err != nil {
		t.Fatal(err)
	}
	l = open(t, o2)
	lost := appended(t, l, grant(10, "example.fr"))
	closed(t, l)
	if err := os.WriteFile(segmentFile(t, o), old, 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	r := appended(t, l, grant(11, "example.fr"))
	if r.Instance == lost.Instance || r.Seq != 1 {
		t.Errorf("record after the loss: number %d of %s", r.Seq, r.Instance)
	}
	delivered(t, l)
	sound(t, l.Store)
	got, err := l.Verify(t.Context(), func(Finding) {}, nil)
	if err != nil || got.Waiting != 1 || got.Records != 11 {
		t.Errorf("Verify = %+v, %v: the lost record is still waited for", got, err)
	}
}

// TestCopiedSpool: two spools under one name, as a copied machine has, store all
// their records, each once.
func TestCopiedSpool(t *testing.T) {
	o := inPostgres(t)
	l := open(t, o)
	var acknowledged []string
	for i := range 5 {
		acknowledged = append(acknowledged, appended(t, l, grant(i, "example.fr")).ID)
	}
	delivered(t, l)
	closed(t, l)
	copied := o
	copied.Spool = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied.Spool, os.DirFS(o.Spool)); err != nil {
		t.Fatal(err)
	}
	copied.Storage = &memory{values: map[string][]byte{keysName: o.Storage.(*memory).values[keysName]}}
	logs := []*Log{open(t, o), open(t, copied)}
	for i := range 40 {
		acknowledged = append(acknowledged, appended(t, logs[i%2], grant(100+i, "example.fr")).ID)
		if rand.IntN(4) == 0 {
			delivered(t, logs[i%2])
		}
	}
	for _, l := range logs {
		delivered(t, l)
	}
	accounted(t, logs[0].Store, acknowledged)
	sound(t, logs[0].Store)
	for i, l := range logs {
		closed(t, l)
		again := open(t, []Options{o, copied}[i])
		acknowledged = append(acknowledged, appended(t, again, grant(200+i, "example.fr")).ID)
		delivered(t, again)
		accounted(t, again.Store, acknowledged)
	}
}

// TestSegments: a spool of many segments is delivered in order, and does not grow
// for ever.
func TestSegments(t *testing.T) {
	o := inPostgres(t)
	right := o.Postgres
	o.Postgres = unreachable
	o.maxSegment = 20 << 10
	l := open(t, o)
	var acknowledged []string
	for i := range 200 {
		acknowledged = append(acknowledged, appended(t, l, grant(i, fmt.Sprintf("s%d.example", i%2))).ID)
		if i%50 == 49 {
			closed(t, l)
			l = open(t, o)
		}
	}
	files, _ := filepath.Glob(filepath.Join(o.Spool, "*.spool"))
	if len(files) < 5 {
		t.Errorf("%d segments", len(files))
	}
	closed(t, l)
	o.Postgres = right
	l = open(t, o)
	delivered(t, l)
	accounted(t, l.Store, acknowledged)
	sound(t, l.Store)
	if _, err := l.Purge(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(segmentFile(t, o))
	if err != nil || bytes.Contains(data, []byte(acknowledged[199])) {
		t.Errorf("a delivered record is in the spool after a purge, %v", err)
	}
	if r := appended(t, l, grant(1, "s0.example")); r.Seq != 101 {
		t.Errorf("the chain goes on with %d, want 101", r.Seq)
	}
}

// FuzzScan: whatever stands in a segment, frames behind it are found, and none is
// invented.
func FuzzScan(f *testing.F) {
	f.Add([]byte("junk"), []byte("body"))
	f.Add(appendFrame(nil, []byte("R1"))[:5], []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, junk, payload []byte) {
		if len(payload) == 0 || len(payload) > maxPayload {
			return
		}
		inJunk := 0
		if _, _, err := scan(junk, func([]byte, int) error { inJunk++; return nil }); err != nil || inJunk > 0 {
			return
		}
		data := appendFrame(append([]byte{}, junk...), payload)
		found := 0
		end, damaged, err := scan(data, func(got []byte, _ int) error {
			if bytes.Equal(got, payload) {
				found++
			}
			return nil
		})
		if err != nil || found != 1 || end != len(data) || damaged != len(junk) {
			t.Errorf("scan(%q) = %d, %d, %v; found %d", data, end, damaged, err, found)
		}
	})
}
