package inventory

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
)

// entryColumns are those of the inventory as CSV.
var entryColumns = []string{"site", "kind", "name", "setter", "area", "domain", "path", "lifetime", "secure", "http_only", "same_site", "partitioned", "service", "blocked", "first", "last", "count", "example"}

// entriesCSV writes entries as a table. A lifetime is in seconds, or "session".
func entriesCSV(entries []Entry) []byte {
	rows := [][]string{entryColumns}
	for _, e := range entries {
		lifetime := ""
		switch {
		case e.Lifetime > 0:
			lifetime = strconv.FormatInt(e.Lifetime, 10)
		case e.Lifetime < 0:
			lifetime = "session"
		}
		rows = append(rows, []string{
			e.Site, string(e.Kind), e.Name, e.Setter, e.Area, e.Domain, e.Path, lifetime,
			strconv.FormatBool(e.Secure), strconv.FormatBool(e.HTTPOnly), e.SameSite, strconv.FormatBool(e.Partitioned),
			e.Service, strconv.FormatBool(e.Blocked), e.First.UTC().Format(time.RFC3339), e.Last.UTC().Format(time.RFC3339),
			strconv.FormatInt(e.Count, 10), e.Example,
		})
	}
	return writeCSV(rows)
}

// measures are what statistics count, as the column of their CSV names it.
var measures = []string{"pages", "visits", "choices", "blocked"}

// daysCSV writes statistics as a table with one count a row, so that a spreadsheet
// can sum them up in any way. With a measure only its rows are written.
func daysCSV(days []Day, measure string) []byte {
	rows := [][]string{{"day", "site", "measure", "outcome", "language", "service", "count"}}
	add := func(day Day, what, outcome, language, service string, count int64) {
		if measure == "" || measure == what {
			rows = append(rows, []string{day.Day, day.Site, what, outcome, language, service, strconv.FormatInt(count, 10)})
		}
	}
	for _, day := range days {
		add(day, "pages", "", "", "", day.Pages)
		add(day, "visits", "", "", "", day.Visits)
		for _, n := range day.Choices {
			add(day, "choices", string(n.Outcome), n.Language, "", n.Count)
		}
		for _, n := range day.Blocked {
			add(day, "blocked", "", "", n.Service, n.Count)
		}
	}
	return writeCSV(rows)
}

// writeCSV writes rows as RFC 4180 says, with cells that no spreadsheet computes.
func writeCSV(rows [][]string) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = inert(cell)
		}
		_ = w.Write(cells) // to memory
	}
	w.Flush()
	return out.Bytes()
}

// formula are the characters with which a cell begins that a spreadsheet computes,
// in both widths; separator are those at which one may begin a cell in spite of
// quotes, as Excel does with semicolons in many countries.
const (
	formula   = "=+-@＝＋－＠"
	separator = ",;\t\r\n|"
)

// inert puts an apostrophe before each formula in a cell, where one may be read.
func inert(cell string) string {
	if !strings.ContainsAny(cell, formula) {
		return cell
	}
	var out strings.Builder
	begins := true
	for _, r := range cell {
		if begins && strings.ContainsRune(formula, r) {
			out.WriteByte('\'')
		}
		begins = strings.ContainsRune(separator, r) || begins && (r == ' ' || r == '"')
		out.WriteRune(r)
	}
	return out.String()
}
