package inventory

import (
	"slices"
	"time"
)

// kept is an entry as it is saved.
type kept struct {
	Entry
	Many bool `json:"many,omitempty"` // the pattern stands for all names with its head
}

// merge adds what another entry with the same identity says.
func (t *thing) merge(e Entry) {
	if t.detail.Load() == nil {
		t.first.Store(e.First.UnixNano())
		t.last.Store(e.Last.UnixNano())
		d := detailOf(e)
		t.detail.Store(&d)
		t.blocked.Store(e.Blocked)
		t.count.Store(e.Count)
		return
	}
	merged := mergeEntry(t.entry(), e)
	t.first.Store(min(t.first.Load(), e.First.UnixNano()))
	t.last.Store(max(t.last.Load(), e.Last.UnixNano()))
	t.count.Add(e.Count)
	t.blocked.Store(merged.Blocked)
	d := detailOf(merged)
	t.detail.Store(&d)
}

// detailOf returns the part of an entry that seldom changes.
func detailOf(e Entry) detail {
	return clean(detail{
		setter: e.Setter, domain: e.Domain, path: e.Path, sameSite: e.SameSite, lifetime: e.Lifetime,
		secure: e.Secure, httpOnly: e.HTTPOnly, partitioned: e.Partitioned, service: e.Service, example: examplePath(e.Example),
	})
}

// mergeEntry makes one entry of two with the same identity. What was seen later
// counts, unless the other says better how the thing is set.
func mergeEntry(a, b Entry) Entry {
	if b.Last.After(a.Last) {
		a, b = b, a
	}
	merged := a
	if slices.Index(setters, b.Setter) > slices.Index(setters, a.Setter) {
		merged.Setter, merged.Domain, merged.Path, merged.SameSite = b.Setter, b.Domain, b.Path, b.SameSite
		merged.Lifetime, merged.Secure, merged.HTTPOnly, merged.Partitioned = b.Lifetime, b.Secure, b.HTTPOnly, b.Partitioned
	}
	if merged.Example == "" {
		merged.Example = b.Example
	}
	if b.First.Before(merged.First) {
		merged.First = b.First
	}
	merged.Count += b.Count
	return merged
}

// mergeEntries makes one list of several, in the order of Inventory.Entries.
func mergeEntries(lists ...[]Entry) []Entry {
	byIdentity := map[identity]Entry{}
	for _, list := range lists {
		for _, e := range list {
			if known, ok := byIdentity[identityOf(e)]; ok {
				e = mergeEntry(known, e)
			} else if len(byIdentity) >= 2*maxTotal {
				continue
			}
			byIdentity[identityOf(e)] = e
		}
	}
	merged := make([]Entry, 0, len(byIdentity))
	for _, e := range byIdentity {
		merged = append(merged, e)
	}
	sortEntries(merged)
	return merged
}

// mergeOverflows makes one list of two.
func mergeOverflows(a, b []Overflow) []Overflow {
	for _, o := range b {
		at := slices.IndexFunc(a, func(known Overflow) bool { return known.Site == o.Site && known.Kind == o.Kind })
		if at >= 0 {
			a[at].Count += o.Count
		} else {
			a = append(a, o)
		}
	}
	return a
}

// snapshot returns everything, as it is saved. Entries last seen before then are
// left out, and forgotten.
func (i *Inventory) snapshot(then time.Time) ([]kept, []Overflow) {
	i.forget(then)
	var list []kept
	for _, s := range i.all() {
		s.mutex.RLock()
		for _, t := range s.things {
			list = append(list, kept{t.entry(), t.many})
		}
		s.mutex.RUnlock()
	}
	slices.SortFunc(list, func(a, b kept) int { return cmpEntries(a.Entry, b.Entry) })
	return list, i.Overflows()
}

// forget drops what was last seen before then, and sites of which nothing is left.
func (i *Inventory) forget(then time.Time) {
	for _, s := range i.all() {
		if s.forget(i, then) > 0 {
			continue
		}
		i.mutex.Lock()
		if i.sites[s.host] == s {
			delete(i.sites, s.host)
		}
		i.mutex.Unlock()
	}
}

// forget drops what was last seen before then, and returns how much is left.
func (s *site) forget(i *Inventory, then time.Time) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for k, t := range s.things {
		if t.last.Load() < then.UnixNano() {
			delete(s.things, k)
			s.counts[slices.Index(Kinds, k.kind)]--
			i.total.Add(-1)
		}
	}
	return len(s.things)
}

// restore adds what was saved before a restart. Nobody is told of it as new.
func (i *Inventory) restore(list []kept, overflow []Overflow) {
	for _, saved := range list {
		kind := slices.Index(Kinds, saved.Kind)
		if s := i.site(saved.Site); kind >= 0 && saved.Name != "" && s != nil {
			s.restore(i, kind, saved)
		}
	}
	for _, o := range overflow {
		kind := slices.Index(Kinds, o.Kind)
		if kind < 0 || o.Count <= 0 {
			continue
		}
		if s := i.site(o.Site); o.Site != "" && s != nil {
			s.overflow[kind].Add(o.Count)
		} else {
			i.beyond[kind].Add(o.Count)
		}
	}
}

func (s *site) restore(i *Inventory, kind int, saved kept) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	k := key{saved.Kind, area(saved.Area), savedName(saved)}
	t := s.things[k]
	switch {
	case t == nil && (s.counts[kind] >= maxEntries || i.total.Load() >= maxTotal):
		s.overflow[kind].Add(saved.Count)
		return
	case t == nil:
		t = &thing{identity: identity{s.host, k}, many: saved.Many}
		t.merge(saved.Entry)
		s.put(i, kind, t)
	default:
		t.merge(saved.Entry)
		t.many = t.many || saved.Many
	}
	t.told.Store(t.told.Load() || saved.Service == "")
}

// savedName returns the name of a saved entry, as bounded as one from the wire. It
// was folded before: a pattern is not folded once more.
func savedName(saved kept) string {
	if saved.Kind == KindHost {
		return string(appendHost(nil, saved.Name))
	}
	return shown(saved.Name, maxName+8)
}
