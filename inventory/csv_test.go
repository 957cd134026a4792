package inventory

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

func TestInert(t *testing.T) {
	for _, test := range []struct{ rule, cell, want string }{
		{"plain text", "_ga_*", "_ga_*"},
		{"a formula", `=HYPERLINK("https://x.example")`, `'=HYPERLINK("https://x.example")`},
		{"a sum", "+1+1", "'+1+1"},
		{"a difference", "-1", "'-1"},
		{"a macro", "@SUM(1)", "'@SUM(1)"},
		{"wide characters", "＝1", "'＝1"},
		{"after spaces", "  =1", "  '=1"},
		{"after a quote", `"=1`, `"'=1`},
		{"where a semicolon begins a cell", "a;=1", "a;'=1"},
		{"where a tab does", "a\t=1", "a\t'=1"},
		{"where a line does", "a\r\n=1", "a\r\n'=1"},
		{"inside a name", "a=b", "a=b"},
		{"a hyphen inside", "x-y", "x-y"},
	} {
		if got := inert(test.cell); got != test.want {
			t.Errorf("%s: inert(%q) = %q, want %q", test.rule, test.cell, got, test.want)
		}
	}
}

func TestCSV(t *testing.T) {
	session := cookie("=cmd|' /C calc'!A0")
	session.Lifetime, session.First, session.Last, session.Count = -1, noon, noon, 3
	want := strings.Join(entryColumns, ",") + "\n" +
		"data.example.fr,cookie,'=cmd|' /C calc'!A0,response,,.example.fr,/,session,true,false,lax,false,,false,2026-10-31T12:00:00Z,2026-10-31T12:00:00Z,3,/page\n"
	if got := string(entriesCSV([]Entry{session})); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	days := []Day{{Site: host, Day: "2026-10-31", Pages: 7, Visits: 3, Choices: []Choices{{Accept, "fr", 2}}, Blocked: []Blocked{{"matomo", 5}}}}
	const head = "day,site,measure,outcome,language,service,count\n"
	for measure, want := range map[string]string{
		"":        head + "2026-10-31,data.example.fr,pages,,,,7\n2026-10-31,data.example.fr,visits,,,,3\n2026-10-31,data.example.fr,choices,accept,fr,,2\n2026-10-31,data.example.fr,blocked,,,matomo,5\n",
		"choices": head + "2026-10-31,data.example.fr,choices,accept,fr,,2\n",
	} {
		if got := string(daysCSV(days, measure)); got != want {
			t.Errorf("measure %q: got\n%s\nwant\n%s", measure, got, want)
		}
	}
}

// A table that is read back has the same cells, but for the apostrophes, and no
// cell that a spreadsheet computes however it splits them.
func FuzzCSV(f *testing.F) {
	f.Add("=1", `a;"=2`)
	f.Add("a\n\"\"+b", "\t@")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(strings.ReplaceAll(a, "\r", ""), "?"), strings.ToValidUTF8(strings.ReplaceAll(b, "\r", ""), "?")
		data := writeCSV([][]string{{"x", a, b}})
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || len(rows) != 1 {
			t.Fatalf("%q: %d rows, %v", data, len(rows), err)
		}
		plain := func(s string) string { return strings.ReplaceAll(s, "'", "") }
		if plain(rows[0][1]) != plain(a) || plain(rows[0][2]) != plain(b) {
			t.Errorf("%q became %q", []string{a, b}, rows[0])
		}
		for cell := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return strings.ContainsRune(separator, r) }) {
			first, _ := firstRune(strings.TrimLeft(cell, ` "`))
			if strings.ContainsRune(formula, first) && first != 0 {
				t.Errorf("%q has a cell %q that is computed", data, cell)
			}
		}
	})
}

func firstRune(s string) (rune, bool) {
	for _, r := range s {
		return r, true
	}
	return 0, false
}
