package audit

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Terminal says what may be written to where a report or progress goes.
type Terminal struct {
	Live  bool // lines may be overwritten
	Color bool
}

// TerminalOf tells what f is: a terminal or not, and whether colour is welcome
// there (https://no-color.org).
func TerminalOf(f *os.File) Terminal {
	info, err := f.Stat()
	live := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return Terminal{Live: live, Color: live && os.Getenv("NO_COLOR") == ""}
}

// paint colours text, if colour is welcome.
func (t Terminal) paint(code, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

var severityColor = map[Severity]string{Error: "1;31", Warning: "33", Note: "2"}

// Show returns a Progress function that writes a line per page and pass to w, and on
// a terminal a bar below them. Call done when the audit is over.
func (t Terminal) Show(w io.Writer) (show func(Progress), done func()) {
	wipe := func() {
		if t.Live {
			_, _ = fmt.Fprint(w, "\r\x1b[K")
		}
	}
	show = func(p Progress) {
		wipe()
		_, _ = fmt.Fprintf(w, "%s %s %s\n", t.paint(dim, fmt.Sprintf("%-28s", p.Pass.Title())), p.Step, safe(p.Page))
		if t.Live {
			_, _ = fmt.Fprintf(w, "%s %d/%d pages", bar(p.Done, p.Most, 30), p.Done, p.Most)
		}
	}
	return show, wipe
}

func bar(done, most, width int) string {
	full := 0
	if most > 0 {
		full = min(width, done*width/most)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func cut(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:width-1]) + "…"
}

// safe takes what could steer a terminal out of a name that a site made up.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '·'
		}
		return r
	}, s)
}

// WriteText writes the report for people at a terminal.
func (r *Report) WriteText(w io.Writer, t Terminal) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s\n%s\n\n", t.paint(bold, safe(r.URL)), r.verdict(t))
	r.writeFacts(b)
	r.writeMatrix(b, t)
	r.writeFindings(b, t)
	_, err := io.WriteString(w, b.String())
	return err
}

// Verdict is the result in one sentence.
func (r *Report) Verdict() string {
	if !r.Failed() {
		if before := r.Pass(Before); before == nil || !before.Done() {
			return "The audit is not complete."
		}
		if asks := r.Layer.Accept != "" || r.Layer.Refuse != ""; asks && r.made() < len(Passes) {
			return "Nothing that needs consent was seen without it, in the passes that could be made."
		}
		return "Nothing that needs consent was seen without it."
	}
	var kinds []string
	n := map[Rule]map[string]bool{CookieSent: {}, CookieStored: {}, HostRequested: {}}
	for _, f := range r.Findings {
		if seen := n[f.Rule]; seen != nil && f.Severity == Error {
			seen[string(f.Kind)+f.Name+f.Host] = true
		}
	}
	for k := range n[CookieSent] { // sent at one time, stored at another: one cookie
		delete(n[CookieStored], k)
	}
	for _, k := range []struct {
		rule      Rule
		one, many string
	}{{CookieSent, "cookie is sent", "cookies are sent"}, {CookieStored, "thing is stored", "things are stored"}, {HostRequested, "third party is requested", "third parties are requested"}} {
		if m := len(n[k.rule]); m > 0 {
			kinds = append(kinds, count(m, k.one, k.many))
		}
	}
	return strings.Join(kinds, ", ") + " without consent."
}

// made counts the passes that could be made.
func (r *Report) made() int {
	n := 0
	for i := range r.Passes {
		if r.Passes[i].Done() {
			n++
		}
	}
	return n
}

func (r *Report) verdict(t Terminal) string {
	if r.Failed() {
		return t.paint("1;31", "✗ "+r.Verdict())
	}
	return t.paint("1;32", "✓ "+r.Verdict())
}

func (r *Report) writeFacts(b *strings.Builder) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, f := range r.Facts() {
		fmt.Fprintf(table, "%s\t%s\n", f.Name, safe(f.Text))
	}
	_ = table.Flush()
}

// NamedText is a line of a table with a heading.
type NamedText struct{ Name, Text string }

// Facts are the circumstances of the audit, for people.
func (r *Report) Facts() []NamedText {
	facts := []NamedText{
		{"Date", r.Started.Format("2 January 2006, 15:04 MST") + ", took " + r.Finished.Sub(r.Started).Round(time.Second).String()},
		{"Browser and tool", strings.TrimSpace(r.Browser + "; " + r.Tool + " " + r.Version)},
		{"Pages", fmt.Sprintf("%s from %s", count(r.pages(), "page"), map[string]string{"sitemap": "the sitemap", "links": "the links of the site"}[r.Source])},
		{"Consent manager", cmp.Or(r.Manager, "none known")},
		{"First layer", r.Layer.text()},
		{"Declaration", map[bool]string{true: "compared with what the site declares", false: "none; names that are commonly needed are taken for exempt"}[r.Declared]},
	}
	if r.LoggedIn {
		facts = append(facts, NamedText{"Login", "a script logged in first"})
	}
	return facts
}

func (r *Report) pages() int {
	n := 0
	for _, p := range r.Passes {
		n = max(n, len(p.Pages))
	}
	return n
}

func (l Layer) text() string {
	if l.Accept == "" && l.Refuse == "" {
		return "no control found"
	}
	show := func(label string) string {
		if label == "" {
			return "none"
		}
		return "“" + label + "”"
	}
	text := "accept " + show(l.Accept) + ", refuse " + show(l.Refuse)
	if l.AcceptClicks > 0 && l.RefuseClicks > 0 {
		text += fmt.Sprintf("; %s to accept, %d to refuse", count(l.AcceptClicks, "click"), l.RefuseClicks)
	}
	if l.Withdraw != "" {
		text += "; withdrawn by " + show(l.Withdraw)
	}
	return text
}

// shortTitles head the columns of the matrix.
var shortTitles = map[Pass]string{Before: "before", Refused: "refused", Accepted: "accepted", Withdrawn: "withdrawn", GPC: "GPC"}

// mark is a cell of the matrix: what a pass saw of a thing.
func (r *Report) mark(t *Thing, pass Pass) (text string, bad bool) {
	v, p := r.Pass(pass), t.Seen[pass]
	bad = p.there() && !t.Exempt && !pass.consented()
	switch {
	case v == nil || !v.Done():
		return "?", false
	case p == nil:
		return "–", false
	case !p.there() && p.Blocked > 0:
		return "blocked", false
	case p.Sent > 0 && t.Kind == KindHost:
		return count(p.Sent, "request"), bad
	case p.Sent > 0:
		return "sent", bad
	}
	return "stored", bad
}

func (r *Report) writeMatrix(b *strings.Builder, t Terminal) {
	if len(r.Things) == 0 {
		b.WriteString("\nNo cookie, no storage, no third party.\n")
		return
	}
	header := []string{"what", "whose", "lifetime", "declared"}
	for _, p := range Passes {
		header = append(header, shortTitles[p])
	}
	rows := [][]string{header}
	bad := map[[2]int]bool{}
	for i := range r.Things {
		thing := &r.Things[i]
		row := []string{cut(safe(thing.Kind.Title()+" "+thing.Name), 48), cut(safe(thing.Host), 40), thing.lifetimeText(), cut(safe(thing.Standing()), 40)}
		if thing.Kind == KindHost {
			row[1] = ""
		}
		for _, p := range Passes {
			text, isBad := r.mark(thing, p)
			bad[[2]int{len(rows), len(row)}] = isBad
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	b.WriteString("\n")
	writeColumns(b, rows, func(row, column int, text string) string {
		switch {
		case row == 0:
			return t.paint(bold, text)
		case bad[[2]int{row, column}]:
			return t.paint(red, text)
		case column > 3 && strings.TrimSpace(text) == "–":
			return t.paint(dim, text)
		}
		return text
	})
}

// writeColumns writes a table whose cells are painted once they are padded.
func writeColumns(b *strings.Builder, rows [][]string, paint func(row, column int, text string) string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			if i < len(row)-1 {
				cell += strings.Repeat(" ", widths[i]-len([]rune(cell))+2)
			}
			b.WriteString(paint(n, i, cell))
		}
		b.WriteString("\n")
	}
}

func (t *Thing) lifetimeText() string {
	if t.Kind != KindCookie {
		return ""
	}
	return span(t.Lifetime)
}

// Standing says what a thing is declared or guessed to be.
func (t *Thing) Standing() string {
	belongs := strings.TrimSuffix(t.Service+" ("+t.Category+")", " ()")
	switch {
	case t.Declared && t.Exempt:
		return belongs + ", exempt"
	case t.Declared:
		return belongs
	case t.Exempt:
		return "not declared; likely " + t.Service
	case t.Service != "":
		return "not declared; likely " + belongs
	}
	return "not declared"
}

func (r *Report) writeFindings(b *strings.Builder, t Terminal) {
	if len(r.Findings) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, "Findings"))
	for _, severity := range []Severity{Error, Warning, Note} {
		for _, f := range r.Findings {
			if f.Severity == severity {
				fmt.Fprintf(b, "%s %s\n", t.paint(severityColor[severity], fmt.Sprintf("%-8s", severity)), safe(f.Text))
			}
		}
	}
	n := func(s Severity) string { return count(r.Count(s), string(s)) }
	fmt.Fprintf(b, "\n%s\n", strings.Join(slices.Compact([]string{n(Error), n(Warning), n(Note)}), ", "))
}
