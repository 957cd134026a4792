package records

import (
	"testing"
	"time"
)

const day = 24 * time.Hour

func testPurge(t *testing.T, o Options) {
	now := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	o.Now = now.Now
	l := open(t, o)
	old := entryOf("banner", "old")
	for n := range 40 { // one a day
		shown := shown
		if n < 5 {
			shown = old
		}
		if _, err := l.Append(t.Context(), grant(n, "example.fr"), shown); err != nil {
			t.Fatal(err)
		}
		now.move(day)
	}
	appended(t, l, grant(99, "quiet.example"))
	delivered(t, l)
	closed(t, l)

	l = open(t, o) // one that has the old version no longer in use
	if err := l.Keep(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	delivered(t, l)
	got, err := l.Purge(t.Context(), 30*day)
	if want := (Purged{10, 1}); err != nil || got != want {
		t.Errorf("Purge = %+v, %v, want %+v", got, err, want)
	}
	sound(t, l.Store)
	r := appended(t, l, grant(100, "example.fr"))
	delivered(t, l)
	if r.Seq != 41 {
		t.Errorf("the chain goes on with %d, want 41", r.Seq)
	}
	sound(t, l.Store)

	now.move(100 * day)
	if got, err := l.Purge(t.Context(), 30*day); err != nil || got.Records != 32 {
		t.Errorf("Purge of all = %+v, %v", got, err)
	}
	sound(t, l.Store)
	if r := appended(t, l, grant(101, "example.fr")); r.Seq != 42 {
		t.Errorf("the chain goes on with %d, want 42", r.Seq)
	}
	delivered(t, l)
	sound(t, l.Store)
	closed(t, l)
	l = open(t, o)
	if r := appended(t, l, grant(102, "quiet.example")); r.Seq != 2 {
		t.Errorf("the quiet chain goes on with %d, want 2", r.Seq)
	}
	delivered(t, l)
	sound(t, l.Store)
	now.move(100 * day)
	if got, err := l.Purge(t.Context(), 30*day); err != nil || got.Records != 2 {
		t.Errorf("Purge = %+v, %v", got, err)
	}
	if _, err := l.Purge(t.Context(), 0); err == nil {
		t.Error("a purge of all that there is was not refused")
	}
}

// testPurgeDeceived: neither a changed store nor a wrong clock makes a purge take
// what is to be kept.
func testPurgeDeceived(t *testing.T, o Options) {
	now := &clock{now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	o.Now = now.Now
	l := open(t, o)
	for n := range 10 {
		appended(t, l, grant(n, "example.fr"))
		now.move(time.Hour)
	}
	delivered(t, l)
	tamper(t, l, "UPDATE cookie_consent_records SET time = 0 WHERE seq = 8")
	if got, err := l.Purge(t.Context(), 30*day); err != nil || got.Records != 0 {
		t.Errorf("a changed time: Purge = %+v, %v", got, err)
	}
	now.move(-50 * 365 * day)
	if got, err := l.Purge(t.Context(), 30*day); err != nil || got.Records != 0 {
		t.Errorf("a clock set back: Purge = %+v, %v", got, err)
	}
	now.move(50*365*day + 60*day)
	if got, err := l.Purge(t.Context(), 30*day); err != nil || got.Records != 10 {
		t.Errorf("a changed record among old ones: Purge = %+v, %v", got, err)
	}
	sound(t, l.Store)
}
