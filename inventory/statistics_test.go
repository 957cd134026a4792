package inventory

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
)

func TestStatistics(t *testing.T) {
	s := NewStatistics()
	s.Shown("Data.Example.FR", true, noon)
	s.Shown(host, false, noon)
	for _, outcome := range []Outcome{Accept, Accept, Refuse, GPC, "bribed"} {
		s.Chose(host, outcome, "fr", noon)
	}
	s.Chose(host, Accept, "en", noon)
	s.Blocked(host, "matomo", noon)
	s.Blocked(host, "", noon)
	s.Shown("other.example", true, noon.AddDate(0, 0, -1))
	s.Shown("", true, noon)
	want := []Day{
		{Site: "other.example", Day: "2026-10-30", Pages: 1, Visits: 1},
		{Site: host, Day: "2026-10-31", Pages: 2, Visits: 1,
			Choices: []Choices{{Accept, "en", 1}, {Accept, "fr", 2}, {Refuse, "fr", 1}, {GPC, "fr", 1}},
			Blocked: []Blocked{{"", 1}, {"matomo", 1}}},
	}
	if got := s.Days(); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestStatisticsBounds(t *testing.T) {
	s := NewStatistics()
	for n := range 2 * maxDayCounters {
		s.Blocked(host, letters(n), noon)
	}
	if got := len(s.Days()[0].Blocked); got != maxDayCounters {
		t.Errorf("%d counters in a day, want %d", got, maxDayCounters)
	}
	s = NewStatistics()
	for n := range maxSites + 10 {
		s.Shown(fmt.Sprintf("%d.example.org", n), true, noon)
	}
	if got := len(s.Days()); got != maxSites {
		t.Errorf("%d sites in a day, want %d", got, maxSites)
	}
	s = NewStatistics()
	for day := range KeptDays + 10 {
		s.Shown(host, true, noon.AddDate(0, 0, day))
	}
	if got := len(s.Days()); got != KeptDays {
		t.Errorf("%d days, want %d", got, KeptDays)
	}
	s = NewStatistics()
	for day := range 3 {
		for site := range 300 {
			for n := range maxDayCounters {
				s.Blocked(fmt.Sprintf("%d.example.org", site), letters(n), noon.AddDate(0, 0, day))
			}
		}
	}
	days := s.Days()
	if got := s.counters.Load(); got > maxCounters+300*maxDayCounters || days[0].Day == "2026-10-31" {
		t.Errorf("%d counters from %s, want about %d from the last days", got, days[0].Day, maxCounters)
	}
}

func TestStatisticsAtOnce(t *testing.T) {
	s := NewStatistics()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n := range 500 {
				s.Shown(host, true, noon)
				s.Chose(host, Outcomes[n%len(Outcomes)], "fr", noon)
				s.Blocked(host, letters(n%7), noon)
				if n%100 == 0 {
					s.Days()
					s.takeChanged()
				}
			}
		})
	}
	group.Wait()
	day := s.Days()[0]
	var chosen, blocked int64
	for _, n := range day.Choices {
		chosen += n.Count
	}
	for _, n := range day.Blocked {
		blocked += n.Count
	}
	if day.Visits != 4000 || chosen != 4000 || blocked != 4000 {
		t.Errorf("%d visits, %d choices, %d blocked, want 4000 of each", day.Visits, chosen, blocked)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	s := NewStatistics()
	count := func() {
		s.Shown(host, true, noon)
		s.Chose(host, Accept, "fr", noon)
		s.Blocked(host, "matomo", noon)
	}
	count()
	if got := testing.AllocsPerRun(100, count); got != 0 {
		t.Errorf("counting allocates %v times", got)
	}
}

func BenchmarkBlocked(b *testing.B) {
	s := NewStatistics()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			s.Blocked(host, "matomo", noon)
		}
	})
}
