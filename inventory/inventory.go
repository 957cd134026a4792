// Package inventory keeps what was seen on the sites of one Caddy: cookies, keys of
// web storage, third-party hosts; and it counts choices. It shows both as JSON, as
// CSV and as a dashboard.
//
// It promises that no value and no query string is kept, and nothing that tells one
// visitor from another: names that were minted for one are folded into patterns
// (Fold), statistics are sums. Memory is bounded, whatever sites, browsers and their
// clients send. What was kept lasts over reloads and restarts, and what several
// Caddys keep is shown as one (Keeper).
//
// It knows net/http, and neither Caddy nor how anything is enforced: whoever does
// says what was seen, under which service, and whether it was held back.
package inventory

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is a kind of thing that is seen on a site.
type Kind string

// The kinds.
const (
	KindCookie  Kind = "cookie"
	KindStorage Kind = "storage" // a key of web storage
	KindHost    Kind = "host"    // a third-party host that a page loads from
)

// Kinds lists the kinds in the order in which they are shown.
var Kinds = []Kind{KindCookie, KindStorage, KindHost}

// Entry is one thing seen on a site.
type Entry struct {
	Site        string    `json:"site"`             // host of the site
	Kind        Kind      `json:"kind"`             // "cookie", "storage" or "host"
	Name        string    `json:"name"`             // cookie-name or storage key, folded (Fold), or host with port if unusual
	Setter      string    `json:"setter,omitempty"` // cookies: "response", "script" or "unknown"; hosts: "markup", "header" or "report"
	Area        string    `json:"area,omitempty"`   // storage: "local" or "session"
	Domain      string    `json:"domain,omitempty"` // as the Set-Cookie line said
	Path        string    `json:"path,omitempty"`
	Lifetime    int64     `json:"lifetime,omitempty"` // seconds; 0 unknown, -1 session
	Secure      bool      `json:"secure,omitempty"`
	HTTPOnly    bool      `json:"http_only,omitempty"`
	SameSite    string    `json:"same_site,omitempty"` // "strict", "lax", "none"
	Partitioned bool      `json:"partitioned,omitempty"`
	Service     string    `json:"service,omitempty"` // that declares it; empty: undeclared
	Blocked     bool      `json:"blocked,omitempty"` // last time it was seen, it was held back
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Count       int64     `json:"count"`
	Example     string    `json:"example,omitempty"` // a path on the site, never a query
}

// Bounds of memory. An entry takes about 600 bytes.
const (
	maxEntries = 500   // of a site and kind
	maxTotal   = 20000 // of all
	maxSites   = 1000
	// maxAlike is how many names with the same head a site may have that one
	// service declares, or none: at that many they become one pattern.
	maxAlike = 32
)

// Overflow is how often something was seen on a site that did not fit.
type Overflow struct {
	Site  string `json:"site"` // empty: on sites that did not fit themselves
	Kind  Kind   `json:"kind"`
	Count int64  `json:"count"`
}

// Inventory keeps what was seen. It is made by New, outlives configurations, and is
// safe for use by many requests at once.
type Inventory struct {
	mutex   sync.RWMutex
	sites   map[string]*site
	total   atomic.Int64
	beyond  [3]atomic.Int64 // overflow of sites that did not fit, by kind
	changed atomic.Bool
	news    atomic.Pointer[func(Entry)]
	others  atomic.Pointer[map[identity]bool] // what other Caddys have seen
}

// identity is what makes two sightings the same thing.
type identity struct {
	site string
	key
}

type key struct {
	kind Kind
	area string
	name string
}

// site is what was seen on one site.
type site struct {
	host     string
	mutex    sync.RWMutex
	things   map[key]*thing
	counts   [3]int          // of things, by kind
	overflow [3]atomic.Int64 // by kind
}

// thing is an entry, in a form that many requests update at once.
type thing struct {
	identity
	first, last atomic.Int64 // nanoseconds of Unix time
	count       atomic.Int64
	blocked     atomic.Bool
	told        atomic.Bool // that it is undeclared
	detail      atomic.Pointer[detail]
	many        bool // it stands for all names with its head; guarded by the mutex of the site
}

// detail is what seldom changes about a thing.
type detail struct {
	setter, domain, path, sameSite string
	lifetime                       int64
	secure, httpOnly, partitioned  bool
	service, example               string
}

// New returns an empty inventory.
func New() *Inventory { return &Inventory{sites: map[string]*site{}} }

// OnUndeclared has tell called with each undeclared thing that is new: once, on the
// request that brought it, so it must not block. A thing that loses its declaration
// counts as new; one that was kept, or that another Caddy had seen, does not. It may
// be called again, as by each configuration; nil for nobody.
func (i *Inventory) OnUndeclared(tell func(Entry)) {
	if tell == nil {
		i.news.Store(nil)
		return
	}
	i.news.Store(&tell)
}

// Saw notes that something was seen at now. Of seen, First, Last and Count are not
// read. What is known already costs no allocation and no lock that excludes others.
func (i *Inventory) Saw(seen Entry, now time.Time) {
	kind := slices.Index(Kinds, seen.Kind)
	if kind < 0 || seen.Name == "" {
		return
	}
	i.note(&seen, kind, now)
	if !i.changed.Load() { // after the note, so that no save misses it
		i.changed.Store(true)
	}
}

func (i *Inventory) note(seen *Entry, kind int, now time.Time) {
	s := i.site(seen.Site)
	if s == nil {
		i.beyond[kind].Add(1)
		return
	}
	var memory [maxHost + 8]byte
	name := memory[:0]
	if seen.Kind == KindHost {
		name = appendHost(name, seen.Name)
	} else {
		name = appendFold(name, seen.Name)
	}
	t := s.find(seen.Kind, area(seen.Area), name, seen.Service)
	if t == nil {
		t = i.add(s, kind, seen, string(name), now)
	}
	if t == nil {
		s.overflow[kind].Add(1)
		return
	}
	t.update(seen, now)
	if tell := i.news.Load(); seen.Service == "" && !t.told.Load() && t.told.CompareAndSwap(false, true) && tell != nil {
		if others := i.others.Load(); others == nil || !(*others)[t.identity] {
			(*tell)(t.entry())
		}
	}
}

// site returns the site with a host, a new one if it fits; or nil.
func (i *Inventory) site(host string) *site {
	host = hostName(host)
	i.mutex.RLock()
	s, full := i.sites[host], len(i.sites) >= maxSites
	i.mutex.RUnlock()
	if s != nil || full || host == "" {
		return s
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if s = i.sites[host]; s != nil || len(i.sites) >= maxSites {
		return s
	}
	s = &site{host: strings.Clone(host), things: map[key]*thing{}}
	i.sites[s.host] = s
	return s
}

// find returns the thing with a name, or the pattern that stands for it.
func (s *site) find(kind Kind, area string, name []byte, service string) *thing {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if t := s.things[key{kind, area, string(name)}]; t != nil {
		return t
	}
	return s.alike(kind, area, name, service)
}

// alike returns the pattern that stands for a name of a service and others.
func (s *site) alike(kind Kind, area string, name []byte, service string) *thing {
	common := head(kind, name)
	if common == nil {
		return nil
	}
	var memory [maxHost + 8]byte
	pattern := appendAlike(memory[:0], kind, common)
	t := s.things[key{kind, area, string(pattern)}]
	if t == nil || !t.many || t.detail.Load().service != service {
		return nil
	}
	return t
}

// add keeps a new thing, if it fits.
func (i *Inventory) add(s *site, kind int, seen *Entry, name string, now time.Time) *thing {
	if i.total.Load() >= maxTotal {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	k := key{seen.Kind, area(seen.Area), name}
	if t := cmp.Or(s.things[k], s.alike(k.kind, k.area, []byte(name), seen.Service)); t != nil {
		return t
	}
	if s.counts[kind] >= maxEntries {
		return nil
	}
	t := &thing{identity: identity{s.host, k}}
	t.first.Store(now.UnixNano())
	t.last.Store(now.UnixNano())
	d := clean(detail{service: seen.Service, example: examplePath(seen.Example)})
	t.detail.Store(&d)
	s.put(i, kind, t)
	if folded := s.foldAlike(i, kind, k, d.service); folded != nil {
		return folded
	}
	return t
}

func (s *site) put(i *Inventory, kind int, t *thing) {
	s.things[t.key] = t
	s.counts[kind]++
	i.total.Add(1)
}

// foldAlike replaces the things with the head of k by one pattern, when they are
// maxAlike, and returns that.
func (s *site) foldAlike(i *Inventory, kind int, k key, service string) *thing {
	common := head(k.kind, []byte(k.name))
	if common == nil {
		return nil
	}
	var alike []*thing
	for other, t := range s.things {
		if other.kind == k.kind && other.area == k.area && t.detail.Load().service == service && bytes.Equal(head(k.kind, []byte(other.name)), common) {
			alike = append(alike, t)
		}
	}
	if len(alike) < maxAlike {
		return nil
	}
	slices.SortFunc(alike, func(a, b *thing) int { return cmp.Compare(a.name, b.name) })
	pattern := key{k.kind, k.area, string(appendAlike(nil, k.kind, common))}
	all := &thing{identity: identity{s.host, pattern}, many: true}
	for _, t := range alike {
		all.merge(t.entry())
		all.told.Store(all.told.Load() || t.told.Load())
		delete(s.things, t.key)
		s.counts[kind]--
		i.total.Add(-1)
	}
	s.put(i, kind, all)
	return all
}

func identityOf(e Entry) identity { return identity{e.Site, key{e.Kind, e.Area, e.Name}} }

// Entries returns what this inventory keeps, by site, kind and name.
func (i *Inventory) Entries() []Entry {
	var entries []Entry
	for _, s := range i.all() {
		s.mutex.RLock()
		for _, t := range s.things {
			entries = append(entries, t.entry())
		}
		s.mutex.RUnlock()
	}
	sortEntries(entries)
	return entries
}

// Overflows returns what did not fit, by site and kind.
func (i *Inventory) Overflows() []Overflow {
	var list []Overflow
	note := func(host string, counts *[3]atomic.Int64) {
		for kind := range counts {
			if n := counts[kind].Load(); n > 0 {
				list = append(list, Overflow{host, Kinds[kind], n})
			}
		}
	}
	note("", &i.beyond)
	for _, s := range i.all() {
		note(s.host, &s.overflow)
	}
	return list
}

// all returns the sites by host.
func (i *Inventory) all() []*site {
	i.mutex.RLock()
	defer i.mutex.RUnlock()
	sites := make([]*site, 0, len(i.sites))
	for _, s := range i.sites {
		sites = append(sites, s)
	}
	slices.SortFunc(sites, func(a, b *site) int { return cmp.Compare(a.host, b.host) })
	return sites
}

func sortEntries(entries []Entry) { slices.SortFunc(entries, cmpEntries) }

func cmpEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Area, b.Area))
}
