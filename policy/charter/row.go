package charter

import (
	"net/url"
	"slices"
	"strings"
)

// row makes a Row of the cells of a record.
func (t *table) row(cells []string, line int) (Row, error) {
	said := func(field string) string { return t.cell(cells, field) }
	row := Row{
		Line: line, ID: said("id"), Provider: said("provider"), Cookie: said("cookie"),
		Service: t.text(cells, "service"), Place: t.text(cells, "place"), Purpose: t.text(cells, "purpose"), ServicePurpose: t.text(cells, "service_purpose"),
		Category: t.section, Ground: ground(said("ground")), Domain: said("domain"), Path: said("path"),
		Hosts: list(said("hosts")), Attributes: list(said("attributes")), Policy: said("policy"), Country: strings.ToUpper(said("country")),
	}
	if name, place := cutPlace(said("service_place")); name != "" {
		row.Service, row.Place = Text{"": name}, row.Place.or(place)
	}
	if words := said("category"); words != "" {
		row.Category = words
	}
	return row, t.complete(&row, said)
}

// complete reads the cells that may be wrong.
func (t *table) complete(row *Row, said func(field string) string) error {
	var ok bool
	if row.Third, ok = third(said("setter")); !ok {
		return mistake(row.Line, "who sets %s is not understood from %q; write a host such as example.com for a third party, and nothing for the site itself", row.Cookie, said("setter"))
	}
	if words := said("lifetime"); words != "" {
		if row.Lifetime, ok = lifetime(words); !ok {
			return mistake(row.Line, "the lifetime %q of %s is not understood; write it as 14 days, 13 months, 2 semaines or session", words, row.Cookie)
		}
	}
	for _, word := range row.Attributes {
		if !slices.Contains(attributes, word) {
			return mistake(row.Line, "%q is no attribute of a cookie; known are: %s", word, strings.Join(attributes, ", "))
		}
	}
	for _, coded := range list(said("storage")) {
		area, key, _ := strings.Cut(coded, ":")
		key, err := url.PathUnescape(key)
		if err != nil || area != "local" && area != "session" || key == "" {
			return mistake(row.Line, "%q is no key of web storage; write it as local:key or session:key", coded)
		}
		row.Storage = append(row.Storage, Key{area, key})
	}
	for _, coded := range list(said("inline")) {
		text, err := url.PathUnescape(coded)
		if err != nil {
			return mistake(row.Line, "%q is no text of a script; write %% as %%25 and a space as %%20", coded)
		}
		row.Inline = append(row.Inline, text)
	}
	switch {
	case row.Cookie == "" && row.ID == "" && len(row.Hosts)+len(row.Storage)+len(row.Inline) == 0:
		return mistake(row.Line, "the row has no cookie; write its name, or a pattern with *")
	case slices.Contains(t.head, "provider") && !slices.Contains(t.head, "id") && row.Provider == "":
		return mistake(row.Line, "the row of %s has no provider; where cells were merged, repeat what they say in every row", row.Cookie)
	}
	return nil
}

// attributes are the words of the column of that name.
var attributes = []string{"secure", "http_only", "partitioned", "same_site=strict", "same_site=lax", "same_site=none"}

// list cuts a cell at its spaces and commas.
func list(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ' ' || r == ',' })
}

// text returns what cells say in the columns of a text, of each language.
func (t *table) text(cells []string, field string) Text {
	var text Text
	for i, head := range t.head {
		name, language, _ := strings.Cut(head, " ")
		if name != field || i >= len(cells) || cells[i] == "" {
			continue
		}
		if text == nil {
			text = Text{}
		}
		text[language] = cells[i]
	}
	return text
}

// or returns t, or text where t says nothing.
func (t Text) or(text string) Text {
	if t != nil || text == "" {
		return t
	}
	return Text{"": text}
}

// cutPlace cuts what stands in brackets at the end of a cell off: "Login (front and
// back office)" is a service and its place.
func cutPlace(cell string) (service, place string) {
	if !strings.HasSuffix(cell, ")") {
		return cell, ""
	}
	open := strings.LastIndexByte(cell, '(')
	if open <= 0 {
		return cell, ""
	}
	return strings.TrimSpace(cell[:open]), strings.TrimSpace(cell[open+1 : len(cell)-1])
}
