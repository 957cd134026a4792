package charter

import (
	"encoding/csv"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// column is one column of the full table.
type column struct {
	field  string
	en, fr string // headings, which Read knows
	cell   func(*Row) string
	texts  func(*Row) Text // of a column for each language
}

// fullTable is all that a table can say, in the order it is written.
var fullTable = []column{
	{field: "id", en: "ID", fr: "Identifiant", cell: func(r *Row) string { return r.ID }},
	{field: "provider", en: "Provider", fr: "Prestataire", cell: func(r *Row) string { return r.Provider }},
	{field: "service", en: "Service", fr: "Service", texts: func(r *Row) Text { return r.Service }},
	{field: "place", en: "Place", fr: "Emplacement", texts: func(r *Row) Text { return r.Place }},
	{field: "service_purpose", en: "Service purpose", fr: "Finalité du service", texts: func(r *Row) Text { return r.ServicePurpose }},
	{field: "cookie", en: "Cookie", fr: "Nom du cookie", cell: func(r *Row) string { return r.Cookie }},
	{field: "purpose", en: "Purpose", fr: "Finalité", texts: func(r *Row) Text { return r.Purpose }},
	{field: "lifetime", en: "Lifetime", fr: "Durée de vie", cell: func(r *Row) string { return r.Lifetime }},
	{field: "category", en: "Category", fr: "Catégorie", cell: func(r *Row) string { return r.Category }},
	{field: "ground", en: "Ground", fr: "Motif", cell: func(r *Row) string { return r.Ground }},
	{field: "setter", en: "Set by", fr: "Déposé par", cell: func(r *Row) string { return r.Third }},
	{field: "domain", en: "Domain", fr: "Domaine", cell: func(r *Row) string { return r.Domain }},
	{field: "path", en: "Path", fr: "Chemin", cell: func(r *Row) string { return r.Path }},
	{field: "attributes", en: "Attributes", fr: "Attributs", cell: func(r *Row) string { return strings.Join(r.Attributes, " ") }},
	{field: "hosts", en: "Hosts", fr: "Hôtes", cell: func(r *Row) string { return strings.Join(r.Hosts, " ") }},
	{field: "storage", en: "Storage", fr: "Stockage", cell: storageCell},
	{field: "inline", en: "Inline scripts", fr: "Scripts", cell: inlineCell},
	{field: "policy", en: "Privacy policy", fr: "Politique de confidentialité", cell: func(r *Row) string { return r.Policy }},
	{field: "country", en: "Country", fr: "Pays", cell: func(r *Row) string { return r.Country }},
}

func storageCell(r *Row) string {
	var keys []string
	for _, k := range r.Storage {
		keys = append(keys, k.Area+":"+coded(k.Key))
	}
	return strings.Join(keys, " ")
}

func inlineCell(r *Row) string {
	var texts []string
	for _, text := range r.Inline {
		texts = append(texts, coded(text))
	}
	return strings.Join(texts, " ")
}

// coded writes what ends a word of a list, and what is not printed, as %XX.
func coded(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r <= ' ' || r == 0x7f || r == 0xa0 || r == '%' || r == ',' || r == '`' || r > 0x2000 && r < 0x3001 || r == 0xfeff || r == 0x85 || r == 0x1680 {
			out.WriteString(strings.ReplaceAll(url.QueryEscape(string(r)), "+", "%20"))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// cookieColumn is the column that no table is without.
var cookieColumn = slices.IndexFunc(fullTable, func(c column) bool { return c.field == "cookie" })

// Table returns rows as cells, the headings first, in French or else English. Columns
// that no row fills are left out. Read reads it again as the same rows.
func Table(rows []Row, language string) [][]string {
	var cells [][]string
	for range len(rows) + 1 {
		cells = append(cells, nil)
	}
	add := func(heading string, cell func(*Row) string) {
		if heading != fullTable[cookieColumn].en && heading != fullTable[cookieColumn].fr && !slices.ContainsFunc(rows, func(r Row) bool { return cell(&r) != "" }) {
			return
		}
		cells[0] = append(cells[0], heading)
		for i := range rows {
			cells[i+1] = append(cells[i+1], strings.Join(strings.Fields(cell(&rows[i])), " "))
		}
	}
	for _, c := range fullTable {
		heading := c.en
		if language == "fr" {
			heading = c.fr
		}
		if c.texts == nil {
			add(heading, c.cell)
			continue
		}
		for _, tag := range tags(rows, c.texts, language) {
			text, under := func(r *Row) string { return c.texts(r)[tag] }, heading
			if tag != "" {
				under += " (" + tag + ")"
			}
			add(under, text)
		}
	}
	return cells
}

// tags lists the languages that the texts of rows are in, first that of the table.
func tags(rows []Row, texts func(*Row) Text, first string) []string {
	found := map[string]bool{}
	for i := range rows {
		for tag := range texts(&rows[i]) {
			found[tag] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		if (a == first) != (b == first) {
			if a == first {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

// WriteCSV writes a table as Excel opens it in most of Europe: UTF-8 with a byte
// order mark, cells apart by semicolons.
func WriteCSV(w io.Writer, rows []Row, language string) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.Comma = ';'
	return out.WriteAll(Table(rows, language))
}

// WriteMarkdown writes a Markdown table.
func WriteMarkdown(w io.Writer, rows []Row, language string) error {
	var out strings.Builder
	for i, cells := range Table(rows, language) {
		for j, cell := range cells {
			cell = strings.ReplaceAll(cell, "|", `\|`)
			if strings.ContainsAny(cell, "*_`<") { // which would be read as markup
				cell = "`" + cell + "`"
			}
			cells[j] = cell
		}
		out.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			out.WriteString("|" + strings.Repeat(" --- |", len(cells)) + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
