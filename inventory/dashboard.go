package inventory

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed templates
var templates embed.FS

// Bounds of what the dashboard shows; its CSV has the rest.
const (
	maxBlockedRows    = 10
	maxLanguageRows   = 8
	maxUndeclaredRows = 100
)

var (
	style = strings.TrimSpace(readTemplate("dashboard.css"))

	page = template.Must(template.New("dashboard.html").Funcs(template.FuncMap{
		"number": number,
		"date":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
		"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(templates, "templates/*.html"))

	// dashboardPolicy lets the page have its own style and send its own form.
	dashboardPolicy = "default-src 'none'; style-src " + hashSource(style) + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func readTemplate(name string) string {
	text, err := templates.ReadFile("templates/" + name)
	if err != nil {
		panic(err) // embedded
	}
	return string(text)
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// dashboard serves the page. All of it is made here: it loads nothing, and needs no
// script.
func (a *Admin) dashboard(w http.ResponseWriter, r *http.Request) error {
	query, err := allowed(r.URL, "site", "period", "from", "to")
	if err != nil {
		return err
	}
	from, to, err := a.period(query)
	if err != nil {
		return err
	}
	v := a.view(r, hostName(query.Get("site")), query, from, to)
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", dashboardPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(out.Bytes()) // to a client that may be gone
	return nil
}

// view is what the page shows.
type view struct {
	Style      template.HTML
	Sites      []option
	Periods    []option
	Site       string // empty: all
	Span       string // the period in words
	Now        time.Time
	Health     []Health
	Incomplete []string
	Empty      bool // nothing was seen or counted yet

	Visits, Answers, Choices int64
	Answered                 string
	Figures                  []figure
	Periodical               []periodical
	Ticks                    []tick

	Bands       []band
	Outcomes    []string
	BandsHeight int
	AxisY       int

	Shares       []bar
	Languages    []row
	LanguageRows []languageRow
	Blocked      []row
	BlockedRows  []Blocked
	BlockedMore  int

	Undeclared     []undeclared
	UndeclaredMore int
	Overflow       []Overflow
	links
}

// LanguagesHeight is the height of the chart by language, in pixels.
func (v view) LanguagesHeight() int { return len(v.Languages)*rowHeight - 4 }

// BlockedHeight is the height of the chart by service, in pixels.
func (v view) BlockedHeight() int { return len(v.Blocked)*rowHeight - 4 }

// links are the addresses of the tables as CSV.
type links struct{ ChoicesCSV, VisitsCSV, BlockedCSV, UndeclaredCSV string }

type option struct {
	Value, Text string
	Chosen      bool
}

// figure is one number at the top.
type figure struct{ Label, Value, Note string }

// periodical is one row of the tables over time.
type periodical struct {
	Name                   string
	Counts                 []int64 // by outcome
	Visits, Pages, Answers int64
	Share                  string
}

// languageRow is one row of the table by language.
type languageRow struct {
	Language string
	Counts   [3]int64 // accept, refuse, partial
}

type undeclared struct {
	Entry
	Suggestion suggestion
}

// outcomeNames are the outcomes as the page names them.
var outcomeNames = map[Outcome]string{Accept: "Accepted all", Refuse: "Refused all", Partial: "Chose in part", Withdraw: "Withdrew", GPC: "Global Privacy Control"}

// answers are the outcomes that answer the banner.
var answers = []Outcome{Accept, Refuse, Partial}

func (a *Admin) view(r *http.Request, site string, query url.Values, from, to string) view {
	all, report := a.list(r, ""), a.report(r, "", from, to)
	v := view{
		Style: template.HTML("<style>" + style + "</style>"),
		Site:  site, Now: a.Now().UTC(), Sites: sitesOf(all.Entries, report.Days, site), Periods: periodOptions(query), Span: span(from, to),
	}
	v.Empty = len(all.Entries) == 0 && len(all.Overflow) == 0 && len(report.Days) == 0
	for _, why := range []string{all.Incomplete, report.Incomplete} {
		if why != "" && !slices.Contains(v.Incomplete, why) {
			v.Incomplete = append(v.Incomplete, why)
		}
	}
	if a.Health != nil {
		v.Health = a.Health()
	}
	days := report.Days
	if site != "" {
		days = slices.DeleteFunc(days, func(d Day) bool { return d.Site != site })
	}
	v.overTime(periodsOf(from, to), days)
	v.byLanguage(days)
	v.byService(days)
	v.unknown(a, all, site)
	v.figures()
	v.links = linksFor(site, from, to)
	return v
}

// sitesOf lists the sites there are, for the form.
func sitesOf(entries []Entry, days []Day, chosen string) []option {
	hosts := map[string]bool{}
	for _, e := range entries {
		hosts[e.Site] = true
	}
	for _, d := range days {
		hosts[d.Site] = true
	}
	if chosen != "" {
		hosts[chosen] = true
	}
	list := []option{{"", "All sites", chosen == ""}}
	for host := range hosts {
		list = append(list, option{host, host, host == chosen})
	}
	slices.SortFunc(list, func(a, b option) int { return cmp.Compare(a.Value, b.Value) })
	return list
}

// periodOptions lists the periods, for the form.
func periodOptions(query url.Values) []option {
	asked := cmp.Or(query.Get("period"), fmt.Sprintf("%dd", usualPeriod))
	own := query.Get("from") != "" || query.Get("to") != ""
	var list []option
	if own {
		list = append(list, option{"", "As in the address", true})
	}
	for _, days := range periods {
		value := fmt.Sprintf("%dd", days)
		list = append(list, option{value, fmt.Sprintf("Last %d days", days), !own && value == asked})
	}
	return list
}

// span says a period in words.
func span(from, to string) string {
	first, _ := time.Parse(time.DateOnly, from) // checked before
	last, _ := time.Parse(time.DateOnly, to)
	return first.Format("2 Jan 2006") + " to " + last.Format("2 Jan 2006")
}

func linksFor(site, from, to string) links {
	statistics := func(measure string) string {
		return "statistics?" + url.Values{"format": {"csv"}, "measure": {measure}, "site": {site}, "from": {from}, "to": {to}}.Encode()
	}
	return links{
		ChoicesCSV: statistics("choices"), VisitsCSV: statistics("visits"), BlockedCSV: statistics("blocked"),
		UndeclaredCSV: "inventory?" + url.Values{"format": {"csv"}, "undeclared": {"1"}, "site": {site}}.Encode(),
	}
}
