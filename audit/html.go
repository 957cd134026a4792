package audit

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"span": span, "count": count,
	"short": func(p Pass) string { return shortTitles[p] },
	"hosts": func(hosts []string) string { return strings.Join(hosts, ", ") },
}).Parse(reportPage))

// document is what the page of a report shows.
type document struct {
	*Report
	Verdict  string
	Failed   bool
	Sentence string // what the verdict rests on
	Facts    []NamedText
	Charts   []chart
	Lives    lifeChart
	Matrix   []matrixRow
	Columns  []Pass
	Groups   []findingGroup
	Sections []section
}

type matrixRow struct {
	*Thing
	Standing, Lifetime string
	Cells              []matrixCell
}

type matrixCell struct {
	Text string
	Bad  bool
	None bool
}

type findingGroup struct {
	Severity Severity
	Title    string
	Findings []Finding
}

// section is what one pass saw.
type section struct {
	*PassVisit
	Title   string
	Cookies []cookieRow
	Hosts   []hostRow
}

type cookieRow struct {
	Cookie
	Lifetime, Attributes, Setter string
	Bad                          bool
}

type hostRow struct {
	Host, Types, Initiator, Page, Example string
	Count, Blocked                        int
	Bad                                   bool
}

// WriteHTML writes the report as one page that loads nothing, to be kept with the
// papers of a site.
func (r *Report) WriteHTML(w io.Writer) error {
	d := document{
		Report: r, Verdict: r.Verdict(), Failed: r.Failed(), Sentence: r.sentence(), Facts: r.Facts(), Columns: Passes,
		Charts: []chart{r.cookieChart(), r.requestChart()}, Lives: r.lifeChart(),
	}
	for i := range r.Things {
		d.Matrix = append(d.Matrix, r.matrixRow(&r.Things[i]))
	}
	for _, s := range []Severity{Error, Warning, Note} {
		g := findingGroup{Severity: s, Title: map[Severity]string{Error: "Errors", Warning: "Warnings", Note: "Notes"}[s]}
		for _, f := range r.Findings {
			if f.Severity == s {
				g.Findings = append(g.Findings, f)
			}
		}
		if len(g.Findings) > 0 {
			d.Groups = append(d.Groups, g)
		}
	}
	for i := range r.Passes {
		d.Sections = append(d.Sections, r.section(&r.Passes[i]))
	}
	if err := reportTemplate.Execute(w, d); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// sentence tells what the verdict rests on.
func (r *Report) sentence() string {
	text := fmt.Sprintf("%s visited in %d of %d passes; %s, %s and %s.", count(r.pages(), "page"), r.made(), len(Passes),
		count(r.Count(Error), "error"), count(r.Count(Warning), "warning"), count(r.Count(Note), "note"))
	if !r.Declared {
		text += " The site's own declaration was not at hand, so nothing is held to be declared."
	}
	return text
}

func (r *Report) matrixRow(t *Thing) matrixRow {
	row := matrixRow{Thing: t, Standing: t.Standing(), Lifetime: t.lifetimeText()}
	for _, pass := range Passes {
		text, bad := r.mark(t, pass)
		row.Cells = append(row.Cells, matrixCell{text, bad, text == "–"})
	}
	return row
}

// thing finds the row of the matrix that something seen belongs to.
func (r *Report) thing(kind Kind, name, host string) *Thing {
	for i := range r.Things {
		if t := &r.Things[i]; t.Kind == kind && t.Name == name && t.Host == host {
			return t
		}
	}
	return nil
}

// wrong reports whether a thing should not be there in a pass.
func (r *Report) wrong(kind Kind, name, host string, pass Pass) bool {
	t := r.thing(kind, name, host)
	return t != nil && !t.Exempt && !pass.consented()
}

func (r *Report) section(v *PassVisit) section {
	s := section{PassVisit: v, Title: v.Pass.Title()}
	for _, c := range v.Cookies {
		row := cookieRow{Cookie: c, Lifetime: span(c.Lifetime), Attributes: c.attributes(), Setter: cmp.Or(c.SetBy, "not seen")}
		if c.Rejected != "" {
			row.Lifetime = "not kept"
		}
		row.Bad = (c.Stored || c.Sent > 0) && r.wrong(KindCookie, c.Name, c.Domain, v.Pass)
		s.Cookies = append(s.Cookies, row)
	}
	hosts := map[string]*hostRow{}
	types := map[string][]string{}
	for _, q := range v.Requests {
		h := hosts[q.Host]
		if h == nil {
			h = &hostRow{Host: q.Host, Initiator: q.Initiator, Page: q.Page, Example: q.URL}
			hosts[q.Host] = h
		}
		if q.Blocked != "" {
			h.Blocked += q.Count
		} else {
			h.Count += q.Count
			h.Bad = r.wrong(KindHost, q.Host, q.Host, v.Pass)
		}
		if q.Type != "" && !slices.Contains(types[q.Host], q.Type) {
			types[q.Host] = append(types[q.Host], q.Type)
		}
	}
	for host, h := range hosts {
		slices.Sort(types[host])
		h.Types = strings.Join(types[host], ", ")
		s.Hosts = append(s.Hosts, *h)
	}
	slices.SortFunc(s.Hosts, func(a, b hostRow) int { return cmp.Compare(a.Host, b.Host) })
	return s
}

// attributes lists the attributes of a cookie as a Set-Cookie line would.
func (c *Cookie) attributes() string {
	var list []string
	if !c.HostOnly {
		list = append(list, "Domain="+c.Domain)
	}
	list = append(list, "Path="+c.Path)
	if c.Secure {
		list = append(list, "Secure")
	}
	if c.HTTPOnly {
		list = append(list, "HttpOnly")
	}
	if c.SameSite != "" {
		list = append(list, "SameSite="+c.SameSite)
	}
	if c.Partitioned != "" {
		list = append(list, "Partitioned")
	}
	return strings.Join(list, "; ")
}
