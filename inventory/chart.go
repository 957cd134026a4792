package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A chart is as wide as its place: what lies across is in percent, what lies down in
// pixels, so that its text has the size of the page's text at any width. Nothing but
// classes colours it: an attribute with a style is no part of a strict policy.

// period is a stretch of time that a chart shows as one column.
type period struct {
	Name     string // "2 Oct 2026", "week of 2 Oct 2026", "Oct 2026"
	Short    string // below the chart
	from, to string // days
}

// periodsOf cuts the days from one to another into columns: days, weeks or months,
// so that there are 31 at most.
func periodsOf(from, to string) []period {
	first, err := time.Parse(time.DateOnly, from)
	last, err2 := time.Parse(time.DateOnly, to)
	if err != nil || err2 != nil {
		return nil
	}
	var list []period
	for day := first; !day.After(last); {
		p := period{Name: day.Format("2 Jan 2006"), Short: day.Format("2 Jan")}
		next := day.AddDate(0, 0, 1)
		switch days := dayOf(last) - dayOf(first) + 1; {
		case days > 31*7:
			p.Name, p.Short = day.Format("Jan 2006"), day.Format("Jan 2006")
			next = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case days > 31:
			p.Name = "Week of " + p.Name
			next = day.AddDate(0, 0, 7)
		}
		p.from, p.to = day.Format(time.DateOnly), next.AddDate(0, 0, -1).Format(time.DateOnly)
		list = append(list, p)
		day = next
	}
	return list
}

// bar is one column or one piece of a row.
type bar struct {
	X, Width  string // percent of the chart's width
	Y, Height string // pixels
	Class     string
	Title     string // what it shows, in words
	Label     string // beside it, if there is room
	At        string // where the label begins or is centred, percent
	LabelY    string
}

// band is the columns of one series, one above the other in a chart.
type band struct {
	Label, Value   string
	Peak           string // the highest count, empty without any
	TitleY, FloorY string // of the label, and of the line the columns stand on
	Bars           []bar
}

// tick is a text below a chart.
type tick struct{ At, Anchor, Text string }

// Heights of bands in pixels.
const (
	bandHeight = 84
	bandTop    = 38 // the label's
	axisHeight = 24
)

// percent writes a share of 1 as a length.
func percent(share float64) string { return strconv.FormatFloat(share*100, 'f', 2, 64) + "%" }

// column returns the place of the n-th of count columns.
func column(n, count int) (x, width float64) {
	gap := 0.25 / float64(count)
	if count == 1 {
		gap = 0
	}
	return float64(n)/float64(count) + gap/2, 1/float64(count) - gap
}

// bands draws one band for each series, all on one scale.
func bands(columns []period, series []series) []band {
	highest := int64(1)
	for _, s := range series {
		for _, n := range s.counts {
			highest = max(highest, n)
		}
	}
	list := make([]band, len(series))
	for i, s := range series {
		top := i * bandHeight
		floor := top + bandHeight
		b := band{Label: s.Name, Value: number(s.Total), TitleY: strconv.Itoa(top + bandTop - 8), FloorY: strconv.Itoa(floor)}
		if peak := slices.Max(s.counts); peak > 0 {
			b.Peak = number(peak)
		}
		for n, count := range s.counts {
			if count == 0 {
				continue
			}
			x, width := column(n, len(columns))
			height := max(2, float64(count)/float64(highest)*(bandHeight-bandTop))
			b.Bars = append(b.Bars, bar{
				X: percent(x), Width: percent(width), Y: pixels(float64(floor) - height), Height: pixels(height), Class: s.Class,
				Title: fmt.Sprintf("%s, %s: %s", columns[n].Name, strings.ToLower(s.Name), number(count)),
			})
		}
		list[i] = b
	}
	return list
}

func pixels(length float64) string { return strconv.FormatFloat(length, 'f', 1, 64) }

// series is what one band shows.
type series struct {
	Name, Class string
	Total       int64
	counts      []int64 // by column
}

// ticks names the first, the middle and the last column.
func ticks(columns []period) []tick {
	if len(columns) == 0 {
		return nil
	}
	last := len(columns) - 1
	list := []tick{{"0%", "start", columns[0].Short}}
	if last >= 4 {
		x, width := column(last/2, len(columns))
		list = append(list, tick{percent(x + width/2), "middle", columns[last/2].Short})
	}
	if last >= 1 {
		list = append(list, tick{"100%", "end", columns[last].Short})
	}
	return list
}

// row is a bar that lies, below its label.
type row struct {
	Label, Value   string
	LabelY         string
	Pieces         []bar
	TrackY, Height string
}

// Heights of rows in pixels.
const (
	rowHeight = 48
	rowBar    = 18
)

// rows draws one row for each of list, in pieces that are parts of whole.
func rows(list []piecesOf) []row {
	out := make([]row, len(list))
	for i, r := range list {
		top := i * rowHeight
		y := top + 22
		out[i] = row{Label: r.label, Value: r.value, LabelY: strconv.Itoa(top + 15), TrackY: strconv.Itoa(y), Height: strconv.Itoa(rowBar)}
		var at int64
		for _, p := range r.pieces {
			if p.count == 0 {
				continue
			}
			from, share := float64(at)/float64(r.whole), float64(p.count)/float64(r.whole)
			piece := bar{
				X: percent(from), Width: percent(share), Y: strconv.Itoa(y), Height: strconv.Itoa(rowBar), Class: p.class,
				Title: p.title, At: percent(from + share/2), LabelY: strconv.Itoa(y + 13),
			}
			if len(r.pieces) > 1 && share >= 0.14 {
				piece.Label = share100(p.count, r.whole)
			}
			out[i].Pieces = append(out[i].Pieces, piece)
			at += p.count
		}
	}
	return out
}

// piecesOf is what one row shows.
type piecesOf struct {
	label, value string
	whole        int64
	pieces       []piece
}

type piece struct {
	class, title string
	count        int64
}

// number writes a count with its thousands apart.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// share100 writes part of whole in percent.
func share100(part, whole int64) string {
	switch {
	case whole == 0:
		return "–"
	case part > 0 && part*200 < whole:
		return "<1%"
	}
	return strconv.FormatInt((part*100+whole/2)/whole, 10) + "%"
}
