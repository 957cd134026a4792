package audit

import (
	"cmp"
	"fmt"
	"slices"
)

// chart is a bar per pass, in the units of an SVG that is 320 wide.
type chart struct {
	Title, Text string // Text says the same in words
	Height      int
	Base        int // y of the foot of the bars
	Bars        []chartBar
	Legend      []legend
	Empty       bool
}

type chartBar struct {
	Label, Total string
	X, Middle    int
	TotalY       int
	Parts        []chartPart
	Unknown      bool // the pass was not made
}

type chartPart struct {
	Class string
	Y, H  int
}

type legend struct {
	Class, Text string
	X           int
}

// share is what a bar stands for: what is exempt, what consent was given for, and
// what is there without.
type share struct{ exempt, consented, without int }

func (s share) total() int { return s.exempt + s.consented + s.without }

// Geometry of the bar charts.
const (
	chartWidth  = 320
	chartTop    = 46 // below the legend
	chartHeight = 120
	barWidth    = 40
)

// barChart draws a share per pass.
func (r *Report) barChart(title, noun string, of func(v *PassVisit) share) chart {
	c := chart{Title: title, Base: chartTop + chartHeight, Height: chartTop + chartHeight + 24, Empty: true}
	c.Legend = []legend{{"exempt", "exempt", 0}, {"consented", "with consent", 74}, {"without", "without consent", 176}}
	shares, most := make([]share, len(Passes)), 0
	for i, pass := range Passes {
		if v := r.Pass(pass); v != nil && v.Done() {
			shares[i] = of(v)
			most = max(most, shares[i].total())
		}
	}
	c.Text = title + ": "
	for i, pass := range Passes {
		s, v := shares[i], r.Pass(pass)
		b := chartBar{Label: shortTitles[pass], X: 12 + i*62, Unknown: v == nil || !v.Done()}
		b.Middle = b.X + barWidth/2
		y := c.Base
		for _, part := range []struct {
			class string
			n     int
		}{{"exempt", s.exempt}, {"consented", s.consented}, {"without", s.without}} {
			if part.n == 0 {
				continue
			}
			c.Empty = false
			h := max(2, part.n*chartHeight/most)
			y -= h
			b.Parts = append(b.Parts, chartPart{part.class, y, h})
		}
		b.TotalY, b.Total = y-6, fmt.Sprint(s.total())
		says := fmt.Sprintf("%s %s, %d of them without consent", pass.Title(), count(s.total(), noun), s.without)
		if b.Unknown {
			b.Total, says = "?", pass.Title()+" not known"
		}
		if i > 0 {
			c.Text += "; "
		}
		c.Text += says
		c.Bars = append(c.Bars, b)
	}
	return c
}

// sort puts n things of a pass where they belong in a share.
func (s *share) sort(t *Thing, pass Pass, n int) {
	switch {
	case t == nil:
	case t.Exempt:
		s.exempt += n
	case pass.consented():
		s.consented += n
	default:
		s.without += n
	}
}

func (r *Report) cookieChart() chart {
	return r.barChart("Cookies per pass", "cookie", func(v *PassVisit) (s share) {
		for i := range r.Things {
			if t := &r.Things[i]; t.Kind == KindCookie && t.Seen[v.Pass].there() {
				s.sort(t, v.Pass, 1)
			}
		}
		return s
	})
}

func (r *Report) requestChart() chart {
	return r.barChart("Third-party requests per pass", "request", func(v *PassVisit) (s share) {
		for i := range r.Things {
			if t := &r.Things[i]; t.Kind == KindHost && t.Seen[v.Pass].there() {
				s.sort(t, v.Pass, t.Seen[v.Pass].Sent)
			}
		}
		return s
	})
}

// lifeChart shows how long cookies live.
type lifeChart struct {
	Height, Foot int
	Rows         []lifeRow
	Ticks        []lifeTick
	Sessions     int // cookies that end with the browser
	Left         int // cookies that are not shown
}

type lifeRow struct {
	Name, Life string
	Y, BarY    int
	Width      int
	Declared   int // x of what was declared; 0: nothing
	Over       bool
}

type lifeTick struct {
	X     int
	Label string
	Limit bool
}

const mostLives = 12

// lifeX is where a lifetime in seconds stands: 400 days, what browsers keep at most,
// at 300.
func lifeX(seconds int64) int {
	const most = 400 * 86400
	return int(min(seconds, most*21/20) * 300 / most)
}

func (r *Report) lifeChart() lifeChart {
	var c lifeChart
	var lives []*Thing
	for i := range r.Things {
		if t := &r.Things[i]; t.Kind == KindCookie && t.Lifetime == 0 {
			c.Sessions++
		} else if t.Kind == KindCookie {
			lives = append(lives, t)
		}
	}
	slices.SortStableFunc(lives, func(a, b *Thing) int { return cmp.Compare(b.Lifetime, a.Lifetime) })
	if len(lives) > mostLives {
		c.Left = len(lives) - mostLives
		lives = lives[:mostLives]
	}
	for i, t := range lives {
		row := lifeRow{Name: cut(t.Name, 30), Life: span(t.Lifetime), Y: 14 + i*28, Width: max(2, lifeX(t.Lifetime))}
		row.BarY = row.Y + 5
		if t.DeclaredLifetime > 0 {
			row.Declared = lifeX(t.DeclaredLifetime)
		}
		row.Over = t.Lifetime > thirteenMonths+86400 || t.DeclaredLifetime >= 0 && t.Lifetime > t.DeclaredLifetime+120
		c.Rows = append(c.Rows, row)
	}
	c.Foot = len(lives)*28 + 4
	c.Height = c.Foot + 20
	for _, tick := range []struct {
		seconds int64
		label   string
	}{{182 * 86400, "6 months"}, {thirteenMonths, "13 months"}} {
		c.Ticks = append(c.Ticks, lifeTick{lifeX(tick.seconds), tick.label, tick.seconds == thirteenMonths})
	}
	return c
}
