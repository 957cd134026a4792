package inventory

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is what a visitor's choice came to.
type Outcome string

// The outcomes.
const (
	Accept   Outcome = "accept"   // everything
	Refuse   Outcome = "refuse"   // everything, as a first answer or again
	Partial  Outcome = "partial"  // some of it
	Withdraw Outcome = "withdraw" // a grant was taken back
	GPC      Outcome = "gpc"      // a visit whose browser says it for them, without an answer
)

// Outcomes lists the outcomes in the order in which they are shown.
var Outcomes = []Outcome{Accept, Refuse, Partial, Withdraw, GPC}

// KeptDays is how many days of statistics are kept.
const KeptDays = 400

// Bounds of memory. A counter takes about 150 bytes.
const (
	maxCounters    = 200000 // of all; beyond, the oldest days go first
	maxDayCounters = 400    // of a site and day
)

// Day is what was counted on one site in one day, UTC.
type Day struct {
	Site    string    `json:"site"`
	Day     string    `json:"day"`               // 2026-10-31
	Pages   int64     `json:"pages"`             // shown with the banner
	Visits  int64     `json:"visits"`            // of these, reached from elsewhere
	Choices []Choices `json:"choices,omitempty"` // by outcome, then language
	Blocked []Blocked `json:"blocked,omitempty"` // by service
}

// Choices is how many choices had one outcome, in one language of the banner.
type Choices struct {
	Outcome  Outcome `json:"outcome"`
	Language string  `json:"language,omitempty"`
	Count    int64   `json:"count"`
}

// Blocked is how often something of one service was held back.
type Blocked struct {
	Service string `json:"service,omitempty"` // empty: undeclared
	Count   int64  `json:"count"`
}

// Statistics counts, by site and day, and keeps nothing that tells visitors apart.
// It is made by NewStatistics and safe for use by many requests at once.
type Statistics struct {
	mutex    sync.RWMutex
	days     map[date]*counters
	counters atomic.Int64
	changed  sync.Map // months (2026-10) that were counted in since they were saved
}

// date is one day of one site.
type date struct {
	site string
	day  int64 // of Unix time
}

// counters are those of one site and day.
type counters struct {
	pages, visits atomic.Int64
	changed       atomic.Bool
	mutex         sync.RWMutex
	others        map[counted]*atomic.Int64
}

// counted is what one counter counts: choices with an outcome and a language, or
// what was blocked of a service.
type counted struct {
	outcome Outcome // empty: blocked
	detail  string
}

// NewStatistics returns statistics that count from zero.
func NewStatistics() *Statistics { return &Statistics{days: map[date]*counters{}} }

// Shown counts a page that went out with the banner. visit says that the visitor
// reached it from elsewhere (Sec-Fetch-Site is not same-origin, or the Referer is
// another host's): such pages stand for visits.
func (s *Statistics) Shown(site string, visit bool, now time.Time) {
	c := s.on(site, now)
	if c == nil {
		return
	}
	c.pages.Add(1)
	if visit {
		c.visits.Add(1)
	}
	s.mark(c, now)
}

// Chose counts a choice, in the language in which it was asked. GPC is counted once
// a visit.
func (s *Statistics) Chose(site string, outcome Outcome, language string, now time.Time) {
	if slices.Contains(Outcomes, outcome) {
		s.count(site, counted{outcome, language}, now)
	}
}

// Blocked counts something of a service that was held back; of an empty service,
// something undeclared.
func (s *Statistics) Blocked(site, service string, now time.Time) {
	s.count(site, counted{"", service}, now)
}

func (s *Statistics) count(site string, what counted, now time.Time) {
	c := s.on(site, now)
	if c == nil {
		return
	}
	c.mutex.RLock()
	n := c.others[what]
	c.mutex.RUnlock()
	if n == nil {
		if n = s.counter(c, what); n == nil {
			return
		}
	}
	n.Add(1)
	s.mark(c, now)
}

// counter returns a counter, a new one if it fits.
func (s *Statistics) counter(c *counters, what counted) *atomic.Int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if n := c.others[what]; n != nil {
		return n
	}
	if len(c.others) >= maxDayCounters {
		return nil
	}
	what.outcome = Outcome(strings.Clone(string(what.outcome)))
	what.detail = shown(what.detail, maxText)
	if n := c.others[what]; n != nil {
		return n
	}
	n := new(atomic.Int64)
	c.others[what] = n
	s.counters.Add(1)
	return n
}

// on returns the counters of a site and the day of now; nil when there are too many
// sites.
func (s *Statistics) on(site string, now time.Time) *counters {
	return s.at(date{hostName(site), dayOf(now)}, now)
}

// mark notes that the month of now changed: after it did, so that no save misses it.
func (s *Statistics) mark(c *counters, now time.Time) {
	if !c.changed.Load() && c.changed.CompareAndSwap(false, true) {
		s.changed.Store(monthOf(dayOf(now)), true)
	}
}

// at returns the counters of a date.
func (s *Statistics) at(d date, now time.Time) *counters {
	s.mutex.RLock()
	c := s.days[d]
	s.mutex.RUnlock()
	if c != nil || d.site == "" {
		return c
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if c = s.days[d]; c != nil {
		return c
	}
	if s.sitesOn(d.day) >= maxSites {
		return nil
	}
	c = &counters{others: map[counted]*atomic.Int64{}}
	s.days[date{strings.Clone(d.site), d.day}] = c
	s.counters.Add(1)
	s.forget(dayOf(now))
	return c
}

// sitesOn counts the sites of a day.
func (s *Statistics) sitesOn(day int64) int {
	n := 0
	for d := range s.days {
		if d.day == day {
			n++
		}
	}
	return n
}

// forget drops the days before the last KeptDays and, while there are too many
// counters, the oldest day of all sites.
func (s *Statistics) forget(today int64) {
	oldest := today - KeptDays
	for d := range s.days {
		if d.day <= oldest {
			s.drop(d)
		}
	}
	for s.counters.Load() > maxCounters {
		oldest = today
		for d := range s.days {
			oldest = min(oldest, d.day)
		}
		if oldest == today {
			return
		}
		for d := range s.days {
			if d.day == oldest {
				s.drop(d)
			}
		}
	}
}

func (s *Statistics) drop(d date) {
	s.counters.Add(-1 - int64(len(s.days[d].others)))
	delete(s.days, d)
}

// Days returns what was counted, by day and site.
func (s *Statistics) Days() []Day { return s.where(func(date) bool { return true }) }

func (s *Statistics) where(wanted func(date) bool) []Day {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	days := []Day{}
	for d, c := range s.days {
		if wanted(d) {
			days = append(days, c.entry(d))
		}
	}
	sortDays(days)
	return days
}

// entry returns counters as they are shown.
func (c *counters) entry(d date) Day {
	day := Day{Site: d.site, Day: dayName(d.day), Pages: c.pages.Load(), Visits: c.visits.Load()}
	c.mutex.RLock()
	defer c.mutex.RUnlock()
	for what, n := range c.others {
		if what.outcome == "" {
			day.Blocked = append(day.Blocked, Blocked{what.detail, n.Load()})
		} else {
			day.Choices = append(day.Choices, Choices{what.outcome, what.detail, n.Load()})
		}
	}
	day.sort()
	return day
}

func (d *Day) sort() {
	slices.SortFunc(d.Choices, func(a, b Choices) int {
		return cmp.Or(cmp.Compare(slices.Index(Outcomes, a.Outcome), slices.Index(Outcomes, b.Outcome)), cmp.Compare(a.Language, b.Language))
	})
	slices.SortFunc(d.Blocked, func(a, b Blocked) int { return cmp.Compare(a.Service, b.Service) })
}

func sortDays(days []Day) {
	slices.SortFunc(days, func(a, b Day) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Site, b.Site)) })
}

// takeChanged returns the months that changed since it was last called.
func (s *Statistics) takeChanged() []string {
	var months []string
	s.changed.Range(func(month, _ any) bool {
		months = append(months, month.(string))
		s.changed.Delete(month)
		return true
	})
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for d, c := range s.days {
		if slices.Contains(months, monthOf(d.day)) {
			c.changed.Store(false)
		}
	}
	return months
}

// restore adds what was saved before a restart.
func (s *Statistics) restore(days []Day, now time.Time) {
	for _, saved := range days {
		t, err := time.Parse(time.DateOnly, saved.Day)
		if err != nil || dayOf(t) <= dayOf(now)-KeptDays {
			continue
		}
		c := s.at(date{hostName(saved.Site), dayOf(t)}, now)
		if c == nil {
			continue
		}
		c.pages.Add(saved.Pages)
		c.visits.Add(saved.Visits)
		for _, n := range saved.Choices {
			s.restoreCounter(c, counted{n.Outcome, n.Language}, n.Count)
		}
		for _, n := range saved.Blocked {
			s.restoreCounter(c, counted{"", n.Service}, n.Count)
		}
	}
}

func (s *Statistics) restoreCounter(c *counters, what counted, count int64) {
	if what.outcome != "" && !slices.Contains(Outcomes, what.outcome) {
		return
	}
	if n := s.counter(c, what); n != nil {
		n.Add(count)
	}
}

// mergeDays makes one list of several, in the order of Statistics.Days.
func mergeDays(lists ...[]Day) []Day {
	sum := NewStatistics()
	for _, list := range lists {
		for _, day := range list {
			if t, err := time.Parse(time.DateOnly, day.Day); err == nil {
				sum.restore([]Day{day}, t)
			}
		}
	}
	return sum.Days()
}

// dayOf returns the day of Unix time.
func dayOf(t time.Time) int64 { return t.Unix() / 86400 }

func dayName(day int64) string { return time.Unix(day*86400, 0).UTC().Format(time.DateOnly) }

// monthOf returns the month of a day of Unix time, such as 2026-10.
func monthOf(day int64) string { return dayName(day)[:7] }
