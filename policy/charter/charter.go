// Package charter reads the table of a cookie charter as its authors keep it: CSV
// as Excel writes it, tab-separated text as a page gives it when copied, or a
// Markdown table, with the charter's own text around it.
package charter

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Text is one text by language tag. The tag is empty where the heading of the
// column names no language.
type Text map[string]string

// Row is one row of a charter's table. What the table does not say is empty.
type Row struct {
	Line           int    // in the file, from 1
	ID             string // of the service
	Provider       string
	Service        Text // its name
	Place          Text // where on the site it is used
	ServicePurpose Text
	Cookie         string // a name, or a pattern with *; empty where the row tells of the service alone
	Purpose        Text
	Lifetime       string // session, or a number of seconds, minutes, hours or days such as 14d
	Category       string // the words of its column, or the built-in category that a heading above the row names
	Ground         string // why it needs no consent
	Third          string // host of the third party that sets the cookie on itself
	Domain         string
	Path           string
	Attributes     []string // secure, http_only, partitioned, same_site=strict, lax or none
	Hosts          []string
	Storage        []Key
	Inline         []string
	Policy         string
	Country        string
}

// Key is a key of web storage.
type Key struct{ Area, Key string }

// Error is a mistake in a table.
type Error struct {
	Line    int // in the file, from 1
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

func mistake(line int, format string, args ...any) error {
	return &Error{line, fmt.Sprintf(format, args...)}
}

// Read returns the rows of all tables in data, in order. A mistake is an [*Error].
func Read(data []byte) ([]Row, error) {
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	var rows []Row
	section := ""
	for at := 0; at < len(lines); {
		head, comma := heading(lines[at])
		if head == nil {
			if said := Category(lines[at]); said != "" || strings.TrimSpace(lines[at]) != "" {
				section = said
			}
			at++
			continue
		}
		if err := head.check(at + 1); err != nil {
			return nil, err
		}
		t := table{head: head, comma: comma, section: section}
		read, err := t.read(lines, at+1)
		if err != nil {
			return nil, err
		}
		rows, section, at = append(rows, t.rows...), t.section, read
	}
	if len(rows) > 0 {
		return rows, nil
	}
	return nil, mistake(1, "there is no table: a row of headings such as Provider, Service, Cookie, Purpose (or Prestataire, Service et emplacement, Nom du cookie, Finalité), separated by commas, semicolons, tabs or |, then a row for each cookie")
}

// decode returns data as UTF-8 with \n at the ends of lines. It knows what Excel
// writes: UTF-8 and UTF-16, with or without a byte order mark, and Windows-1252.
func decode(data []byte) (string, error) {
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		data, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		data, err = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder().Bytes(data)
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		data, err = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder().Bytes(data)
	case !utf8.Valid(data):
		data, err = charmap.Windows1252.NewDecoder().Bytes(data)
	}
	if err != nil {
		return "", mistake(1, "the text cannot be read: %v", err)
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return "", mistake(1+bytes.Count(data[:at], []byte("\n")), "this is no text; save the table as CSV UTF-8")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), nil
}

// columns are the fields of a table, by their place in it.
type columns []string

// heading reads a line as a row of headings, and returns nil if it is none.
func heading(line string) (columns, rune) {
	for _, comma := range []rune{'\t', '|', ';', ','} {
		if !strings.ContainsRune(line, comma) {
			continue
		}
		cells, err := split(line, comma)
		if err != nil {
			continue
		}
		head, known := make(columns, len(cells)), 0
		for i, cell := range cells {
			if head[i] = field(cell); head[i] != "" {
				known++
			}
		}
		if known >= 2 && 2*known > len(cells) {
			return head, comma
		}
	}
	return nil, 0
}

// check reports a heading that is told twice, or a table without cookies.
func (c columns) check(line int) error {
	for i, field := range c {
		if field != "" && slices.Index(c, field) != i {
			return mistake(line, "two columns are headed as the %s; give one of them another heading", strings.Join(strings.FieldsFunc(field, func(r rune) bool { return r == '_' || r == ' ' }), " "))
		}
	}
	if !slices.Contains(c, "cookie") {
		return mistake(line, "no column is headed as the cookie's name; head it Cookie or Nom du cookie")
	}
	return nil
}

// table reads the rows below one row of headings.
type table struct {
	head    columns
	comma   rune
	section string // the category that a heading above the rows names
	rows    []Row
}

// read reads lines from number at, and returns the number of the line where the
// next table begins.
func (t *table) read(lines []string, at int) (int, error) {
	for at < len(lines) {
		if next, _ := heading(lines[at]); next != nil {
			return at, nil
		}
		first, cells, err := at+1, []string(nil), error(nil)
		cells, at, err = t.record(lines, at)
		if err != nil {
			return 0, err
		}
		filled := slices.DeleteFunc(slices.Clone(cells), func(cell string) bool { return cell == "" })
		switch {
		case len(filled) == 0 || t.rule(cells):
		case len(cells) == 1 && t.separated(lines[first-1]):
			return 0, mistake(first, "the row is separated otherwise than the headings; separate its cells by %s", names[t.comma])
		case len(filled) == 1 && t.cell(cells, "cookie") == "" && t.cell(cells, "id") == "":
			t.section = Category(filled[0])
		case !t.fits(cells):
			return 0, mistake(first, "the row has %d cells where the heading has %d; put a cell that contains %s between double quotes", len(cells), len(t.head), names[t.comma])
		default:
			row, err := t.row(cells, first)
			if err != nil {
				return 0, err
			}
			t.rows = append(t.rows, row)
		}
	}
	return at, nil
}

var names = map[rune]string{'\t': "tabs", '|': "|", ';': "semicolons", ',': "commas"}

// fits tells whether cells are a row of the table. Cells left empty at the end are
// often not written.
func (t *table) fits(cells []string) bool {
	return len(cells) <= len(t.head) && len(cells) > slices.Index(t.head, "cookie") ||
		len(cells) > len(t.head) && strings.Join(cells[len(t.head):], "") == ""
}

// separated tells whether a line would be a row of the table with another separator.
func (t *table) separated(line string) bool {
	for comma := range names {
		cells, err := split(line, comma)
		if comma == t.comma || err != nil || len(cells) != len(t.head) {
			continue
		}
		if cookie := t.cell(cells, "cookie"); cookie != "" && !strings.Contains(cookie, " ") {
			return true
		}
	}
	return false
}

// rule tells whether cells are the line below the headings of a Markdown table.
func (t *table) rule(cells []string) bool {
	return t.comma == '|' && strings.Trim(strings.Join(cells, ""), "-: ") == ""
}

// longest is how many lines one cell can have. A quote that nobody closes must not
// take in the rest of the file.
const longest = 50

// record returns the cells of the record at line number at, and the number of the
// line after it.
func (t *table) record(lines []string, at int) ([]string, int, error) {
	text := lines[at]
	for n := 1; ; n++ {
		cells, err := split(text, t.comma)
		switch {
		case err == nil:
			return cells, at + n, nil
		case !errors.Is(err, errOpen):
			return nil, 0, mistake(at+n, "%v", err)
		case n == longest || at+n == len(lines):
			return nil, 0, mistake(at+1, "a double quote opens here and is never closed; write a quote in a cell twice")
		}
		text += "\n" + lines[at+n]
	}
}

// errOpen is a quoted cell that does not end.
var errOpen = errors.New("a quote is open")

// split cuts a record into its cells.
func split(text string, comma rune) ([]string, error) {
	var cells []string
	switch comma {
	case '|':
		text = strings.TrimSpace(text)
		text = strings.TrimSuffix(strings.TrimPrefix(text, "|"), "|")
		text = strings.ReplaceAll(text, `\|`, "\x00")
		for cell := range strings.SplitSeq(text, "|") {
			cells = append(cells, strings.ReplaceAll(cell, "\x00", "|"))
		}
	default:
		if !strings.Contains(text, `"`) {
			cells = strings.Split(text, string(comma))
			break
		}
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.FieldsPerRecord = comma, -1
		var err error
		cells, err = r.Read()
		var wrong *csv.ParseError
		switch {
		case err == io.EOF:
			cells = []string{""}
		case errors.As(err, &wrong) && errors.Is(wrong.Err, csv.ErrQuote) && !strings.Contains(text[max(0, len(text)-1):], `"`) && strings.Count(text, `"`)%2 == 1:
			return nil, errOpen
		case errors.As(err, &wrong) && comma == '\t':
			cells = strings.Split(text, "\t") // as a page gives it when copied
		case errors.As(err, &wrong):
			return nil, errors.New("a double quote stands in the middle of a cell; put the cell between double quotes and write the quote twice")
		case err != nil:
			return nil, err
		}
	}
	for i := range cells {
		cells[i] = strings.Join(strings.Fields(cells[i]), " ")
		if comma == '|' {
			cells[i] = unquoted(cells[i])
		}
	}
	return cells, nil
}

// cell returns what cells say in the column of field.
func (t *table) cell(cells []string, field string) string {
	if i := slices.Index(t.head, field); i >= 0 && i < len(cells) {
		return cells[i]
	}
	return ""
}

// unquoted takes the backticks away that a cell stands between.
func unquoted(cell string) string {
	if len(cell) > 2 && cell[0] == '`' && cell[len(cell)-1] == '`' {
		return cell[1 : len(cell)-1]
	}
	return cell
}
