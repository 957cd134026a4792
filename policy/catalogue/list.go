package catalogue

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Hint is what a list of the operator's says of a cookie. It fills in nothing.
type Hint struct {
	Service   string   // "platform" in the list
	Provider  string   // "data controller"
	Category  string   // in the list's own words
	Cookie    string   // a name, or a pattern with *
	Site      bool     // it lives on the site itself
	Third     []string // hosts of third parties that set it on themselves
	Retention string   // in the list's own words
}

// listColumns are the headings of the Open Cookie Database (CSV), and its keys
// (JSON), that are read.
var listColumns = [][2]string{
	{"Platform", ""}, {"Category", "category"}, {"Cookie / Data Key name", "cookie"}, {"Domain", "domain"},
	{"Retention period", "retentionPeriod"}, {"Data Controller", "dataController"}, {"Wildcard match", "wildcardMatch"},
}

// ReadList reads a list of cookies in the CSV or the JSON format of the Open Cookie
// Database.
func ReadList(data []byte) ([]Hint, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		return readJSONList(data)
	}
	return readCSVList(data)
}

func readJSONList(data []byte) ([]Hint, error) {
	var platforms map[string][]map[string]string
	if err := json.Unmarshal(data, &platforms); err != nil {
		return nil, fmt.Errorf("not the JSON of the Open Cookie Database, which has lists of cookies by platform: %w", err)
	}
	var hints []Hint
	for platform, cookies := range platforms {
		for _, c := range cookies {
			if c["cookie"] == "" {
				return nil, fmt.Errorf("an entry of %q has no \"cookie\"", platform)
			}
			hints = append(hints, newHint([7]string{platform, c["category"], c["cookie"], c["domain"], c["retentionPeriod"], c["dataController"], c["wildcardMatch"]}))
		}
	}
	slices.SortFunc(hints, func(a, b Hint) int { return strings.Compare(a.Service+"\x00"+a.Cookie, b.Service+"\x00"+b.Cookie) })
	return hints, nil
}

func readCSVList(data []byte) ([]Hint, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, errors.New("the list is empty")
	}
	var at [7]int
	for i, column := range listColumns {
		if at[i] = slices.IndexFunc(records[0], func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), column[0]) }); at[i] < 0 {
			return nil, fmt.Errorf("line 1: no column is headed %q, as in the Open Cookie Database", column[0])
		}
	}
	var hints []Hint
	for _, record := range records[1:] {
		var cells [7]string
		for i := range cells {
			if at[i] < len(record) {
				cells[i] = strings.TrimSpace(record[at[i]])
			}
		}
		if cells[2] != "" {
			hints = append(hints, newHint(cells))
		}
	}
	return hints, nil
}

var (
	hostNames  = regexp.MustCompile(`\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b`)
	variable   = regexp.MustCompile(`<[^>]*>|\[[^]]*\]`)
	copies     = regexp.MustCompile(` \[x\d+\]$`)
	firstParty = regexp.MustCompile(`(?i)1st party|first party|website domain`)
)

// newHint makes a hint of the cells of listColumns.
func newHint(cells [7]string) Hint {
	name := variable.ReplaceAllString(copies.ReplaceAllString(cells[2], ""), "*")
	if cells[6] == "1" && !strings.HasSuffix(name, "*") {
		name += "*"
	}
	third := hostNames.FindAllString(strings.ToLower(cells[3]), -1)
	return Hint{
		Service: cells[0], Provider: cells[5], Category: cells[1], Cookie: name, Retention: cells[4],
		Site: len(third) == 0 || firstParty.MatchString(cells[3]), Third: third,
	}
}

// Fits reports whether the hint is about the cookie called name, as third sets it
// on itself, or the site where third is empty.
func (h *Hint) Fits(name, third string) bool {
	if !fits(h.Cookie, name) {
		return false
	}
	return third == "" && h.Site || third != "" && slices.ContainsFunc(h.Third, func(host string) bool { return sameSetter(host, third) })
}
