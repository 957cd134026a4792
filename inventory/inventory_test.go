package inventory

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// noon is when the tests take place.
var noon = time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC)

const host = "data.example.fr"

func cookie(name string) Entry {
	return Entry{Site: host, Kind: KindCookie, Name: name, Setter: "response", Domain: ".example.fr", Path: "/", Lifetime: 86400, Secure: true, SameSite: "lax", Example: "/page"}
}

// one returns the only entry of an inventory.
func one(t *testing.T, i *Inventory) Entry {
	t.Helper()
	entries := i.Entries()
	if len(entries) != 1 {
		t.Fatalf("%d entries, want one: %v", len(entries), entries)
	}
	return entries[0]
}

func TestSawTwice(t *testing.T) {
	for _, test := range []struct {
		rule          string
		first, second Entry
		want          Entry // Site, Kind, Count and times are those of any
	}{
		{"the same is counted", cookie("a"), cookie("a"), cookie("a")},
		{"a request that carries it keeps what the response said",
			cookie("a"), Entry{Site: host, Kind: KindCookie, Name: "a", Setter: "unknown", Example: "/other"}, cookie("a")},
		{"a response says what the request did not",
			Entry{Site: host, Kind: KindCookie, Name: "a", Setter: "unknown", Example: "/page"}, cookie("a"), cookie("a")},
		{"a script's cookie is a response's once one sets it", Entry{Site: host, Kind: KindCookie, Name: "a", Setter: "script", Example: "/page"}, cookie("a"), cookie("a")},
		{"a date that draws near is one lifetime", cookie("a"), func() Entry { e := cookie("a"); e.Lifetime -= 30; return e }(), cookie("a")},
		{"another lifetime counts", cookie("a"), func() Entry { e := cookie("a"); e.Lifetime = -1; return e }(), func() Entry { e := cookie("a"); e.Lifetime = -1; return e }()},
		{"the last verdict counts", cookie("a"), func() Entry { e := cookie("a"); e.Service, e.Blocked = "ads", true; return e }(), func() Entry { e := cookie("a"); e.Service, e.Blocked = "ads", true; return e }()},
		{"an undeclared one may be declared no more", func() Entry { e := cookie("a"); e.Service = "ads"; return e }(), cookie("a"), cookie("a")},
		{"the first example stays", cookie("a"), func() Entry { e := cookie("a"); e.Example = "/other"; return e }(), cookie("a")},
		{"markup knows better than a report", Entry{Site: host, Kind: KindHost, Name: "CDN.example", Setter: "markup"}, Entry{Site: host, Kind: KindHost, Name: "cdn.example", Setter: "report"},
			Entry{Site: host, Kind: KindHost, Name: "cdn.example", Setter: "markup"}},
		{"names are folded", cookie("_ga_ABC123"), cookie("_ga_XYZ789"), cookie("_ga_*")},
		{"a site is its host in lower case", cookie("a"), func() Entry { e := cookie("a"); e.Site = "Data.Example.FR"; return e }(), cookie("a")},
	} {
		i := New()
		i.Saw(test.first, noon)
		i.Saw(test.second, noon.Add(time.Hour))
		want := test.want
		want.First, want.Last, want.Count = noon, noon.Add(time.Hour), 2
		if got := one(t, i); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", test.rule, got, want)
		}
	}
}

func TestWhatIsNotKept(t *testing.T) {
	for _, test := range []struct {
		rule string
		seen Entry
		want string // the example
	}{
		{"a query", Entry{Example: "/search?q=jane"}, "/search"},
		{"a fragment", Entry{Example: "/search#jane"}, "/search"},
		{"another site's address", Entry{Example: "https://example.org/"}, ""},
		{"a token", Entry{Example: "/reset/MTIzNDU2Nzg5MDEyMzQ1Ng/new"}, "/reset/*/new"},
		{"a UUID in parts", Entry{Example: "/u/550e8400-e29b-41d4-a716-446655440000"}, "/u/*"},
		{"an address", Entry{Example: "/users/jane@example.org/"}, "/users/*/"},
		{"an escaped address", Entry{Example: "/users/jane%40example.org"}, "/users/*"},
		{"a customer's number", Entry{Example: "/customers/1234567/orders"}, "/customers/*/orders"},
		{"a year is no number of anybody", Entry{Example: "/news/2026/10/31/title-of-an-article"}, "/news/2026/10/31/title-of-an-article"},
		{"what cannot be shown", Entry{Example: "/a\x00\u202eb"}, "/a??b"},
		{"a long path ends at a slash", Entry{Example: "/" + strings.Repeat("a", 150) + "/" + strings.Repeat("b", 150)}, "/" + strings.Repeat("a", 150)},
	} {
		i := New()
		test.seen.Site, test.seen.Kind, test.seen.Name = host, KindCookie, "a"
		i.Saw(test.seen, noon)
		if got := one(t, i).Example; got != test.want {
			t.Errorf("%s: the example is %q, want %q", test.rule, got, test.want)
		}
	}
}

func TestNothingToKeep(t *testing.T) {
	i := New()
	for _, seen := range []Entry{{Site: host, Kind: KindCookie}, {Site: host, Kind: "weather", Name: "a"}} {
		i.Saw(seen, noon)
	}
	if entries := i.Entries(); len(entries) != 0 {
		t.Errorf("kept %v", entries)
	}
}

// letters returns the n-th name of letters alone.
func letters(n int) string {
	name := []byte("gggggg")
	for at := range name {
		name[at] += byte(n % 20)
		n /= 20
	}
	return string(name)
}

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		rule     string
		name     func(n int) Entry
		entries  []string // some, at least
		most     int
		overflow int64
	}{
		{"a minted name is one pattern", func(n int) Entry { return cookie(fmt.Sprintf("sess_%06x", n*7919)) }, []string{"sess_*"}, 1, 0},
		{"names of letters become one when they are many", func(n int) Entry { return cookie("sess_" + letters(n)) }, []string{"sess_*"}, 1, 0},
		{"names without a head overflow", func(n int) Entry { return cookie(letters(n)) }, nil, maxEntries, 2000 - maxEntries},
		{"hosts under one domain become one", func(n int) Entry { return Entry{Site: host, Kind: KindHost, Name: letters(n) + ".cdn.example:8443"} }, []string{"*.cdn.example:8443"}, 1, 0},
		{"domains overflow", func(n int) Entry { return Entry{Site: host, Kind: KindHost, Name: letters(n) + ".example"} }, nil, maxEntries, 2000 - maxEntries},
		{"what is declared is apart", func(n int) Entry {
			e := cookie("app_" + letters(n))
			if n == 0 {
				e.Name, e.Service = "app_login", "login"
			}
			return e
		}, []string{"app_*", "app_login"}, 2, 0},
	} {
		i := New()
		for n := range 2000 {
			i.Saw(test.name(n), noon)
		}
		entries := i.Entries()
		var names []string
		var total int64
		for _, e := range entries {
			names = append(names, e.Name)
			total += e.Count
		}
		for _, want := range test.entries {
			if !slices.Contains(names, want) {
				t.Errorf("%s: kept %q, want %q among them", test.rule, names, want)
			}
		}
		var overflow int64
		for _, o := range i.Overflows() {
			overflow += o.Count
		}
		if len(entries) > test.most || overflow != test.overflow || total+overflow != 2000 {
			t.Errorf("%s: %d entries that were seen %d times, and %d beyond; want %d at most, and %d beyond", test.rule, len(entries), total, overflow, test.most, test.overflow)
		}
	}
}

func TestBoundOfSites(t *testing.T) {
	i := New()
	for n := range maxSites + 100 {
		e := cookie("a")
		e.Site = fmt.Sprintf("%d.example.org", n)
		i.Saw(e, noon)
	}
	if got, want := i.Overflows(), []Overflow{{"", KindCookie, 100}}; !slices.Equal(got, want) || len(i.Entries()) != maxSites {
		t.Errorf("%d entries and %v, want %d and %v", len(i.Entries()), got, maxSites, want)
	}
}

func TestBoundOfAll(t *testing.T) {
	i := New()
	for n := range maxTotal + 100 {
		e := cookie(letters(n % 200))
		e.Site = fmt.Sprintf("%d.example.org", n/200)
		i.Saw(e, noon)
	}
	if got := len(i.Entries()); got != maxTotal {
		t.Errorf("%d entries, want %d", got, maxTotal)
	}
	i.forget(noon.Add(time.Second))
	if got := len(i.Entries()) + len(i.all()); got != 0 {
		t.Errorf("%d entries and sites after all were forgotten", got)
	}
	i.Saw(cookie("a"), noon)
	one(t, i)
}

func TestOnUndeclared(t *testing.T) {
	i := New()
	var told []string
	i.OnUndeclared(func(e Entry) { told = append(told, e.Name) })
	i.restore([]kept{{Entry: func() Entry { e := cookie("kept"); e.First, e.Last, e.Count = noon, noon, 1; return e }()}}, nil)
	elsewhere := map[identity]bool{{host, key{KindCookie, "", "elsewhere"}}: true}
	i.others.Store(&elsewhere)
	declared := cookie("declared")
	declared.Service = "login"
	for range 3 {
		for _, seen := range []Entry{cookie("new"), cookie("_ga_ABC123"), cookie("_ga_DEF456"), declared, cookie("kept"), cookie("elsewhere")} {
			i.Saw(seen, noon)
		}
	}
	i.Saw(cookie("declared"), noon) // no more
	i.Saw(declared, noon)
	i.Saw(cookie("declared"), noon)
	if want := []string{"new", "_ga_*", "declared"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
	i.OnUndeclared(nil)
	i.Saw(cookie("later"), noon)
}

func TestSawAtOnce(t *testing.T) {
	i := New()
	var told sync.Map
	i.OnUndeclared(func(e Entry) {
		if _, twice := told.LoadOrStore(e.Name, true); twice {
			t.Errorf("told twice of %s", e.Name)
		}
	})
	const workers, rounds = 8, 500
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for n := range rounds {
				e := cookie("shared")
				e.Secure = n%2 == 0
				i.Saw(e, noon.Add(time.Duration(n)))
				i.Saw(cookie(fmt.Sprintf("own-%c", 'g'+w)), noon)
				i.Saw(cookie("many_"+letters(n)), noon)
				if n%100 == 0 {
					_, _ = i.Entries(), i.Overflows()
					i.snapshot(noon.AddDate(-1, 0, 0))
				}
			}
		})
	}
	group.Wait()
	for _, e := range i.Entries() {
		if want := int64(workers * rounds); e.Name == "shared" && e.Count != want {
			t.Errorf("%s was counted %d times, want %d", e.Name, e.Count, want)
		}
	}
}

// sightings are such as repeat with every request.
func sightings() []Entry {
	return []Entry{cookie("csrftoken"), cookie("_ga_G1XYZ23ABC"), {Site: host, Kind: KindHost, Name: "cdn.example", Setter: "markup", Example: "/page"}}
}

func TestSawAgainAllocatesNothing(t *testing.T) {
	i := New()
	for n := range maxAlike {
		i.Saw(cookie("many_"+letters(n)), noon)
	}
	for _, seen := range append(sightings(), cookie("many_hello")) {
		i.Saw(seen, noon)
		if got := testing.AllocsPerRun(100, func() { i.Saw(seen, noon) }); got != 0 {
			t.Errorf("seeing %s again allocates %v times", seen.Name, got)
		}
	}
}

func BenchmarkSaw(b *testing.B) {
	for _, seen := range sightings() {
		b.Run(seen.Name, func(b *testing.B) {
			i := New()
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					i.Saw(seen, noon)
				}
			})
		})
	}
}
