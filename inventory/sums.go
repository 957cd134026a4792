package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// overTime sums days up by period, and draws the choices and the share of answers.
func (v *view) overTime(columns []period, days []Day) {
	list := make([]series, len(Outcomes))
	for i, outcome := range Outcomes {
		list[i] = series{Name: outcomeNames[outcome], Class: string(outcome), counts: make([]int64, len(columns))}
		v.Outcomes = append(v.Outcomes, outcomeNames[outcome])
	}
	for n, column := range columns {
		sum := periodical{Name: column.Name, Counts: make([]int64, len(Outcomes))}
		for _, day := range days {
			if within(day.Day, column.from, column.to) {
				sum.add(day)
			}
		}
		sum.Share = share100(min(sum.Answers, sum.Visits), sum.Visits)
		for i, count := range sum.Counts {
			list[i].counts[n] = count
			list[i].Total += count
		}
		v.Visits += sum.Visits
		v.Answers += sum.Answers
		v.Periodical = append(v.Periodical, sum)
	}
	for _, s := range list {
		v.Choices += s.Total
	}
	v.Answered = share100(min(v.Answers, v.Visits), v.Visits)
	v.Bands, v.Ticks = bands(columns, list), ticks(columns)
	v.AxisY = len(list)*bandHeight + 18
	v.BandsHeight = len(list)*bandHeight + axisHeight
	v.Shares = shareBars(columns, v.Periodical)
}

func (p *periodical) add(day Day) {
	p.Visits += day.Visits
	p.Pages += day.Pages
	for _, n := range day.Choices {
		p.Counts[slices.Index(Outcomes, n.Outcome)] += n.Count
		if slices.Contains(answers, n.Outcome) {
			p.Answers += n.Count
		}
	}
}

// shareHeight is that of the chart of shares, in pixels.
const (
	shareHeight = 140
	shareTop    = 10
)

func shareBars(columns []period, sums []periodical) []bar {
	var bars []bar
	for n, sum := range sums {
		if sum.Visits == 0 {
			continue
		}
		x, width := column(n, len(columns))
		height := float64(min(sum.Answers, sum.Visits)) / float64(sum.Visits) * shareHeight
		bars = append(bars, bar{
			X: percent(x), Width: percent(width), Y: pixels(shareTop + shareHeight - height), Height: pixels(height), Class: "share",
			Title: fmt.Sprintf("%s: %s of %s visits", sum.Name, sum.Share, number(sum.Visits)),
		})
	}
	return bars
}

// byLanguage sums answers up by the language they were asked in.
func (v *view) byLanguage(days []Day) {
	sums := map[string]*[3]int64{}
	for _, day := range days {
		for _, n := range day.Choices {
			if at := slices.Index(answers, n.Outcome); at >= 0 {
				if sums[n.Language] == nil {
					sums[n.Language] = new([3]int64)
				}
				sums[n.Language][at] += n.Count
			}
		}
	}
	for language, counts := range sums {
		v.LanguageRows = append(v.LanguageRows, languageRow{cmp.Or(language, "not known"), *counts})
	}
	slices.SortFunc(v.LanguageRows, func(a, b languageRow) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.Language, b.Language))
	})
	var list []piecesOf
	for _, row := range v.LanguageRows[:min(len(v.LanguageRows), maxLanguageRows)] {
		p := piecesOf{label: row.Language, value: number(row.total()), whole: row.total()}
		for i, outcome := range answers {
			p.pieces = append(p.pieces, piece{string(outcome), fmt.Sprintf("%s, %s: %s, %s", row.Language, strings.ToLower(outcomeNames[outcome]), number(row.Counts[i]), share100(row.Counts[i], row.total())), row.Counts[i]})
		}
		list = append(list, p)
	}
	v.Languages = rows(list)
}

func (r languageRow) total() int64 { return r.Counts[0] + r.Counts[1] + r.Counts[2] }

// byService sums up what was held back.
func (v *view) byService(days []Day) {
	sums := map[string]int64{}
	for _, day := range days {
		for _, n := range day.Blocked {
			sums[n.Service] += n.Count
		}
	}
	for service, count := range sums {
		v.BlockedRows = append(v.BlockedRows, Blocked{cmp.Or(service, "undeclared"), count})
	}
	slices.SortFunc(v.BlockedRows, func(a, b Blocked) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service))
	})
	var list []piecesOf
	for _, n := range v.BlockedRows[:min(len(v.BlockedRows), maxBlockedRows)] {
		list = append(list, piecesOf{n.Service, number(n.Count), v.BlockedRows[0].Count, []piece{{"held", n.Service + ": " + number(n.Count), n.Count}}})
	}
	v.Blocked = rows(list)
	v.BlockedMore = len(v.BlockedRows) - len(v.Blocked)
}

// unknown lists what nobody declared, the latest found first.
func (v *view) unknown(a *Admin, all Listing, site string) {
	for _, e := range all.Entries {
		if e.Service == "" && (site == "" || e.Site == site) {
			v.Undeclared = append(v.Undeclared, undeclared{Entry: e})
		}
	}
	slices.SortStableFunc(v.Undeclared, func(a, b undeclared) int { return b.First.Compare(a.First) })
	if len(v.Undeclared) > maxUndeclaredRows {
		v.UndeclaredMore = len(v.Undeclared) - maxUndeclaredRows
		v.Undeclared = v.Undeclared[:maxUndeclaredRows]
	}
	for i := range v.Undeclared {
		v.Undeclared[i].Suggestion = a.suggest(v.Undeclared[i].Entry)
	}
	for _, o := range all.Overflow {
		if site == "" || o.Site == site {
			v.Overflow = append(v.Overflow, o)
		}
	}
}

// figures are the numbers at the top.
func (v *view) figures() {
	total := func(at int) int64 {
		var n int64
		for _, p := range v.Periodical {
			n += p.Counts[at]
		}
		return n
	}
	var held int64
	for _, n := range v.BlockedRows {
		held += n.Count
	}
	accepted, refused := total(0), total(1)
	answered := "none in this period"
	if v.Visits > 0 {
		answered = v.Answered + " answered"
	}
	v.Figures = []figure{
		{"Visits that were asked", number(v.Visits), answered},
		{"Accepted all", share100(accepted, v.Answers), number(accepted) + " of " + number(v.Answers) + " answers"},
		{"Refused all", share100(refused, v.Answers), number(refused) + " of " + number(v.Answers) + " answers"},
		{"Held back", number(held), "cookies and requests"},
		{"Undeclared", number(int64(len(v.Undeclared) + v.UndeclaredMore)), "cookies, keys and hosts"},
	}
}
