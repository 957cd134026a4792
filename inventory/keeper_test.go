package inventory

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Caddy's storage is one.
var _ Storage = (*certmagic.FileStorage)(nil)

// moving is a clock that is moved by hand.
type moving struct{ time.Time }

func (m *moving) now() time.Time { return m.Time }

// disk is a storage that counts what is stored and may fail.
type disk struct {
	certmagic.FileStorage
	mutex  sync.Mutex
	stored []string
	broken error
}

func newDisk(t *testing.T) *disk {
	return &disk{FileStorage: certmagic.FileStorage{Path: t.TempDir()}}
}

func (d *disk) failure() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.broken
}

func (d *disk) Load(ctx context.Context, name string) ([]byte, error) {
	if err := d.failure(); err != nil {
		return nil, err
	}
	return d.FileStorage.Load(ctx, name)
}

func (d *disk) Store(ctx context.Context, name string, data []byte) error {
	if err := d.failure(); err != nil {
		return err
	}
	d.mutex.Lock()
	d.stored = append(d.stored, name)
	d.mutex.Unlock()
	return d.FileStorage.Store(ctx, name, data)
}

// keeperOn returns a Keeper as a Caddy has one after its start.
func keeperOn(t *testing.T, d *disk, instance string, clock *moving) *Keeper {
	t.Helper()
	share, err := ShareIn(d, instance)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeeper(share, clock.now)
}

func save(t *testing.T, k *Keeper) {
	t.Helper()
	if err := k.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// counts lists names with their counts, as a Keeper shows them.
func counts(t *testing.T, k *Keeper) map[string]int64 {
	t.Helper()
	entries, _, err := k.Seen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]int64{}
	for _, e := range entries {
		list[e.Name] = e.Count
	}
	return list
}

func pages(t *testing.T, k *Keeper) int64 {
	t.Helper()
	days, err := k.Days(t.Context(), "2020-01-01", "2030-01-01")
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, day := range days {
		n += day.Pages
	}
	return n
}

func TestKeptOverRestart(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	k := keeperOn(t, d, "one", clock)
	k.Inventory.Saw(cookie("a"), noon)
	for n := range maxAlike {
		k.Inventory.Saw(cookie("many_"+letters(n)), noon)
	}
	k.Statistics.Shown(host, true, noon)
	k.Statistics.Shown(host, false, noon.AddDate(0, -2, 0))
	k.Statistics.Chose(host, Accept, "fr", noon)
	k.Statistics.Blocked(host, "matomo", noon)
	save(t, k)
	save(t, k)
	before, _, _ := k.Seen(t.Context())
	daysBefore, _ := k.Days(t.Context(), "2026-01-01", "2026-12-31")

	k = keeperOn(t, d, "one", clock)
	save(t, k)
	after, _, _ := k.Seen(t.Context())
	daysAfter, _ := k.Days(t.Context(), "2026-01-01", "2026-12-31")
	if len(before) != 2 || !slices.Equal(before, after) {
		t.Errorf("after a restart there is\n%+v, before there was\n%+v", after, before)
	}
	if len(daysBefore) != 2 || !slices.EqualFunc(daysBefore, daysAfter, func(a, b Day) bool {
		return a.Site == b.Site && a.Day == b.Day && a.Pages == b.Pages && a.Visits == b.Visits && slices.Equal(a.Choices, b.Choices) && slices.Equal(a.Blocked, b.Blocked)
	}) {
		t.Errorf("after a restart there is\n%+v, before there was\n%+v", daysAfter, daysBefore)
	}
	k.Inventory.OnUndeclared(func(e Entry) { t.Errorf("told of %s, which was kept", e.Name) })
	k.Inventory.Saw(cookie("a"), noon)
	k.Inventory.Saw(cookie("many_hello"), noon)
}

func TestSeenBeforeItIsRead(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	k := keeperOn(t, d, "one", clock)
	k.Inventory.Saw(cookie("a"), noon)
	k.Statistics.Shown(host, true, noon)
	save(t, k)

	k = keeperOn(t, d, "one", clock)
	k.Inventory.Saw(cookie("a"), noon.Add(time.Hour)) // before anything was read
	k.Statistics.Shown(host, true, noon)
	d.broken = errors.New("away")
	if err := k.Save(t.Context()); !errors.Is(err, d.broken) {
		t.Fatalf("saving with a broken storage: %v", err)
	}
	d.broken = nil
	save(t, k)
	save(t, k)
	if got := counts(t, keeperRestarted(t, d, clock)); got["a"] != 2 {
		t.Errorf("kept %v, want a twice", got)
	}
	if got := pages(t, keeperRestarted(t, d, clock)); got != 2 {
		t.Errorf("kept %d pages, want 2", got)
	}
}

func keeperRestarted(t *testing.T, d *disk, clock *moving) *Keeper {
	t.Helper()
	k := keeperOn(t, d, "one", clock)
	save(t, k)
	return k
}

func TestSavedWhenChanged(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	k := keeperOn(t, d, "one", clock)
	for _, test := range []struct {
		rule string
		do   func()
		want string
	}{
		{"nothing at the start", func() {}, ""},
		{"the inventory", func() { k.Inventory.Saw(cookie("a"), noon) }, "inventory"},
		{"not twice", func() {}, ""},
		{"a month", func() { k.Statistics.Shown(host, true, noon) }, "statistics-2026-10"},
		{"the month again", func() { k.Statistics.Chose(host, GPC, "", noon) }, "statistics-2026-10"},
		{"another month only", func() { clock.Time = noon.AddDate(0, 0, 2); k.Statistics.Shown(host, true, clock.Time) }, "statistics-2026-11"},
	} {
		d.stored = nil
		test.do()
		save(t, k)
		want := ""
		if test.want != "" {
			want = "cookie_consent/seen/" + test.want + "/one.json"
		}
		if got := strings.Join(d.stored, " "); got != want {
			t.Errorf("%s: stored %q, want %q", test.rule, got, want)
		}
	}
}

func TestSeveralCaddys(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	one, two := keeperOn(t, d, "one", clock), keeperOn(t, d, "two", clock)
	save(t, two)
	one.Inventory.Saw(cookie("a"), noon)
	one.Statistics.Shown(host, true, noon)
	save(t, one)
	clock.Time = noon.Add(saveEvery)
	var told []string
	two.Inventory.OnUndeclared(func(e Entry) { told = append(told, e.Name) })
	save(t, two)
	two.Inventory.Saw(cookie("a"), noon.Add(time.Hour))
	two.Inventory.Saw(cookie("b"), noon)
	two.Statistics.Shown(host, true, noon)
	save(t, two)
	clock.Time = noon.Add(2 * saveEvery)
	for name, k := range map[string]*Keeper{"one": one, "two": two} {
		got, all := counts(t, k), pages(t, k)
		if len(got) != 2 || got["a"] != 2 || got["b"] != 1 || all != 2 {
			t.Errorf("%s shows %v and %d pages, want a twice, b once, and 2", name, got, all)
		}
	}
	if !slices.Equal(told, []string{"b"}) {
		t.Errorf("the second was told of %q, want b only", told)
	}
}

func TestOthersAway(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	one, two := keeperOn(t, d, "one", clock), keeperOn(t, d, "two", clock)
	one.Inventory.Saw(cookie("a"), noon)
	two.Inventory.Saw(cookie("b"), noon)
	save(t, two)
	d.broken = errors.New("away")
	entries, _, err := one.Seen(t.Context())
	if !errors.Is(err, d.broken) || len(entries) != 1 {
		t.Errorf("%v, %v; want its own entry, and the failure", entries, err)
	}
	a := &Admin{Keeper: one, Now: clock.now}
	for _, target := range []string{"", "inventory", "statistics"} {
		want := "away"
		if target == "statistics" {
			want = `"days":`
		}
		if w := ask(t, a, "GET", AdminPath+target); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d, says nothing of it", target, w.Code)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	if err := d.Store(t.Context(), "cookie_consent/seen/inventory/one.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	k := keeperOn(t, d, "one", clock)
	k.Inventory.Saw(cookie("a"), noon)
	if err := k.Save(t.Context()); err == nil || !strings.Contains(err.Error(), "begun anew") {
		t.Errorf("the damage is not told: %v", err)
	}
	if got := counts(t, keeperRestarted(t, d, clock)); got["a"] != 1 {
		t.Errorf("kept %v", got)
	}
}

func TestForgotten(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	k := keeperOn(t, d, "one", clock)
	k.Inventory.Saw(cookie("a"), noon)
	k.Statistics.Shown(host, true, noon)
	save(t, k)
	clock.Time = noon.AddDate(0, 0, KeptDays+31)
	k.Inventory.Saw(cookie("b"), clock.Time)
	k.Statistics.Shown(host, true, clock.Time)
	save(t, k)
	if got := counts(t, k); len(got) != 1 || got["b"] != 1 {
		t.Errorf("shows %v, want b", got)
	}
	if got := pages(t, k); got != 1 {
		t.Errorf("shows %d pages, want 1", got)
	}
	if _, err := d.Load(t.Context(), "cookie_consent/seen/statistics-2026-10/one.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old month is still there: %v", err)
	}
}

func TestRunSavesAtTheEnd(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	k := keeperOn(t, d, "one", clock)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		k.Run(ctx, func(err error) { t.Error(err) })
		close(done)
	}()
	k.Inventory.Saw(cookie("a"), noon)
	stop()
	<-done
	if got := counts(t, keeperRestarted(t, d, clock)); got["a"] != 1 {
		t.Errorf("kept %v", got)
	}
}

func TestInstanceNames(t *testing.T) {
	for name, valid := range map[string]bool{"web-1.example.org": true, "0123": true, "": false, "../keys": false, "a/b": false, ".hidden": false, strings.Repeat("a", 101): false} {
		if _, err := ShareIn(newDisk(t), name); (err == nil) != valid {
			t.Errorf("instance %q: %v, want valid to be %v", name, err, valid)
		}
	}
}

func TestForeignFilesAreLeftOut(t *testing.T) {
	d, clock := newDisk(t), &moving{noon}
	for name, data := range map[string]string{
		"damaged.json": "{", "other.txt": "{}", "old.json": `{"entries":[{"site":"a","kind":"cookie","name":"old","last":"2020-01-01T00:00:00Z"}]}`,
		"two.json": `{"entries":[{"site":"a","kind":"cookie","name":"new\u001b","last":"2026-10-31T00:00:00Z","count":1}]}`,
	} {
		if err := d.Store(t.Context(), filepath.ToSlash(filepath.Join("cookie_consent/seen/inventory", name)), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if got := counts(t, keeperOn(t, d, "one", clock)); len(got) != 1 || got["new?"] != 1 {
		t.Errorf("shows %v", got)
	}
}
