package rewriter

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const (
	insertedHead = `<script data-cookie-consent-inserted=""></script>`
	insertedBody = `<i data-cookie-consent-inserted=""></i>`
)

// inserting returns a Config with both insertions.
func inserting(gate Gate) Config {
	return Config{
		Charset: true, Gate: gate,
		Head: func(dst []byte, _ Page) []byte { return append(dst, insertedHead...) },
		Body: func(dst []byte, _ Page) []byte { return append(dst, insertedBody...) },
	}
}

// openGate holds nothing back.
type openGate struct{ testGate }

func (*openGate) Holds([]byte) (string, bool)       { return "", false }
func (*openGate) HoldsScript([]byte) (string, bool) { return "", false }
func (*openGate) Admit(policy string) string        { return policy }

func withoutInsertion(document string) string {
	document = strings.Replace(document, insertedHead, "", 1)
	return strings.Replace(document, insertedBody, "", 1)
}

var sizes = []int{1, 7, 4096}

// TestSoup holds the scanner against golang.org/x/net/html.
func TestSoup(t *testing.T) {
	if len(soup) < 150 {
		t.Errorf("%d documents", len(soup))
	}
	for _, d := range soup {
		t.Run(d.name, func(t *testing.T) {
			output := differ(t, d.document, sizes)
			if t.Failed() {
				return
			}
			if oracleKnows(d.document) {
				sameTree(t, d.document, output)
			}
			complete(t, output)
		})
	}
}

// differ checks what needs no parser: chunks decide nothing, and without its marks
// the output is the input. It returns the output.
func differ(t testing.TB, document string, sizes []int) string {
	t.Helper()
	output := held(t, inserting(&testGate{marks: true}), document, len(document)+1)
	if rises := ascending(document, sizes[0]); !rises {
		t.Errorf("%q: edits fall", document)
	}
	open := held(t, inserting(&openGate{}), document, len(document)+1)
	for _, size := range sizes {
		if got := held(t, inserting(&testGate{marks: true}), document, size); got != output {
			t.Errorf("chunks of %d: %q\nwhole: %q", size, got, output)
		}
		if got := held(t, inserting(&openGate{}), document, size); got != open {
			t.Errorf("nothing held, chunks of %d: %q\nwhole: %q", size, got, open)
		}
	}
	if got := strip(withoutInsertion(output)); got != document {
		t.Errorf("without marks: %q\nwant %q", got, document)
	}
	if got := withoutInsertion(open); got != document && !unknowable.MatchString(document) {
		t.Errorf("nothing held: %q\nwant %q", got, document)
	}
	return output
}

// ascending reports whether what is put into a document in chunks of size is in
// order, and in what has not left yet.
func ascending(document string, size int) bool {
	r := New(io.Discard, inserting(&testGate{marks: true}))
	for data, more := []byte(nil), true; more; {
		n := min(size, len(document))
		data, document, more = append(data, document[:n]...), document[n:], document != ""
		at := r.scan(data, 0, !more)
		r.order()
		last := 0
		for _, e := range r.edits {
			if e.at < last || e.at > len(data) {
				return false
			}
			last = e.at
		}
		if r.emit(data[:at]) != nil {
			return false
		}
		data = data[at:]
	}
	r.release()
	return true
}

// unknowable matches what is held back whatever it says: data documents in UTF-16,
// and tags that go on behind a CDATA section.
var unknowable = regexp.MustCompile(`(?is)data:|<!\[CDATA\[.*<`)

// sameTree checks that a parser finds the same tree in the output, but for what
// is put in.
func sameTree(t testing.TB, document, output string) {
	t.Helper()
	want, ok := dump(document, false)
	got, ok2 := dump(output, true)
	if !ok || !ok2 {
		return // the oracle gives up
	}
	if got != want {
		t.Errorf("%q became %q\ntree:\n%s\nwant:\n%s", document, output, got, want)
	}
}

// dump writes the tree of a document, without what is put in if restored.
func dump(document string, restored bool) (string, bool) {
	root, err := html.Parse(strings.NewReader(strings.TrimPrefix(document, "\ufeff")))
	if err != nil {
		return "", false
	}
	var out, text strings.Builder
	flush := func(depth int) {
		if text.Len() > 0 {
			fmt.Fprintf(&out, "%*s%q\n", depth, "", text.String())
			text.Reset()
		}
	}
	var walk func(n *html.Node, depth int)
	walk = func(n *html.Node, depth int) {
		switch n.Type {
		case html.TextNode:
			data := n.Data
			if p := n.Parent; restored && p.Type == html.ElementNode && (p.Namespace != "" || p.Data == "style" || p.Data == "noscript" || p.Data == "script") {
				data = strip(data)
			}
			text.WriteString(data)
			return
		case html.ElementNode:
			if restored && has(n, "data-cookie-consent-inserted") {
				return
			}
		}
		flush(depth)
		switch n.Type {
		case html.ElementNode:
			fmt.Fprintf(&out, "%*s<%s %s", depth, "", n.Namespace, n.Data)
			attributes := attributesOf(n, restored)
			for _, name := range slices.Sorted(keys(attributes)) {
				fmt.Fprintf(&out, " %s=%q", name, attributes[name])
			}
			out.WriteString(">\n")
		case html.CommentNode, html.DoctypeNode:
			fmt.Fprintf(&out, "%*s<!%q>\n", depth, "", n.Data)
		}
		for child := n.FirstChild; child != nil; child = child.NextSibling {
			walk(child, depth+1)
		}
		flush(depth + 1)
	}
	walk(root, 0)
	return out.String(), true
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// attributesOf returns the attributes of n, the first of each name.
func attributesOf(n *html.Node, restored bool) map[string]string {
	attributes := map[string]string{}
	for _, a := range n.Attr {
		name, value := a.Key, a.Val
		if a.Namespace != "" {
			name = a.Namespace + ":" + name
		}
		if restored {
			if name == Mark {
				if n.Data != "a" { // the oracle sorts those of formatting elements
					clear(attributes) // what stands before it was put in
				}
				continue
			}
			name = strings.TrimPrefix(name, Prefix)
			if name == "style" || name == "srcdoc" || n.Namespace == "svg" {
				value = strip(value)
			}
		}
		if _, ok := attributes[name]; !ok {
			attributes[name] = value
		}
	}
	return attributes
}

// complete checks that nothing in the output loads what is held back.
func complete(t testing.TB, output string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(strings.TrimPrefix(output, "\ufeff")))
	if err != nil {
		return
	}
	c := completeness{gate: &testGate{}, report: func(what string) { t.Errorf("%q loads %s", output, what) }}
	c.walk(root, false)
}

// completeness looks for loads that should have been held back, by the tree.
type completeness struct {
	gate   *testGate
	nested bool // in a srcdoc or noscript
	report func(string)
}

func (c *completeness) address(n *html.Node, value string) {
	if value == "" {
		return
	}
	if _, held := c.gate.Holds([]byte(value)); held {
		c.report(fmt.Sprintf("<%s> %q", n.Data, value))
	}
}

func (c *completeness) list(n *html.Node, value string) {
	for _, field := range strings.Fields(value) {
		c.address(n, strings.Trim(field, ","))
	}
}

// candidates looks at a srcset without parentheses, whose descriptors may have
// commas.
func (c *completeness) candidates(n *html.Node, value string) {
	if strings.Contains(value, "(") {
		return
	}
	descriptor := false
	for _, field := range strings.FieldsFunc(value, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) }) {
		if descriptor {
			comma := strings.LastIndexByte(field, ',')
			if comma < 0 {
				continue
			}
			field = field[comma+1:]
		}
		c.address(n, strings.Trim(field, ","))
		descriptor = field != "" && !strings.HasSuffix(field, ",") && strings.Trim(field, ",") != ""
	}
}

func (c *completeness) sheet(n *html.Node, value string) {
	for _, address := range sheetAddresses(value) {
		c.address(n, address)
	}
}

var refreshAddress = regexp.MustCompile(`(?i)^[ \t\n\f\r]*[0-9.]+(?:[ \t\n\f\r]*[;,]|[ \t\n\f\r])[ \t\n\f\r]*(?:url[ \t\n\f\r]*=[ \t\n\f\r]*)?["']?([^"']*)`)

func (c *completeness) walk(n *html.Node, template bool) {
	if n.Type == html.ElementNode && !has(n, "data-cookie-consent-inserted") {
		c.element(n, attributesOf(n, false), template)
	}
	template = template || n.Data == "template"
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(child, template)
	}
}

func (c *completeness) element(n *html.Node, a map[string]string, template bool) {
	if n.Data != "script" && n.Data != "base" && n.Data != "meta" && n.Data != "link" && n.Data != "style" && n.Data != "noscript" && n.Data != "template" {
		c.sheet(n, a["style"]) // the others are never shown
	}
	if n.Namespace == "svg" {
		c.svgElement(n, a)
	}
	if n.Namespace != "" {
		return
	}
	switch n.Data {
	case "script":
		if executes(a) {
			c.address(n, a["src"])
		}
		c.list(n, a["attributionsrc"])
	case "iframe":
		if document, ok := a["srcdoc"]; ok {
			c.document(document)
			return
		}
		c.address(n, a["src"])
	case "frame", "embed", "track":
		c.address(n, a["src"])
	case "object":
		c.address(n, a["data"])
	case "img", "source", "video", "audio":
		c.address(n, a["src"])
		c.address(n, a["poster"])
		c.candidates(n, a["srcset"])
		c.list(n, a["attributionsrc"])
	case "input":
		if strings.EqualFold(a["type"], "image") {
			c.address(n, a["src"])
		}
	case "link":
		if Loads([]byte(a["rel"])) {
			c.address(n, a["href"])
			c.candidates(n, a["imagesrcset"])
		}
	case "a", "area":
		c.list(n, a["ping"])
		c.list(n, a["attributionsrc"])
	case "body", "table", "thead", "tbody", "tfoot", "tr", "td", "th":
		c.address(n, a["background"])
	case "meta":
		if match := refreshAddress.FindStringSubmatch(a["content"]); match != nil && strings.EqualFold(a["http-equiv"], "refresh") {
			c.address(n, match[1])
		}
	case "base":
		if href, ok := a["href"]; ok && !template {
			if c.nested {
				c.address(n, href)
			} else if c.gate.base == "" {
				c.gate.base = href
			}
		}
	case "style":
		c.sheet(n, textOf(n))
	case "noscript":
		root, err := html.ParseWithOptions(strings.NewReader("<body>"+textOf(n)), html.ParseOptionEnableScripting(false))
		if err == nil {
			inner := completeness{gate: c.gate, nested: true, report: c.report}
			inner.walk(root, template)
		}
	}
}

func (c *completeness) svgElement(n *html.Node, a map[string]string) {
	for _, name := range []string{"fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker-start", "marker-mid", "marker-end"} {
		c.sheet(n, a[name])
	}
	switch n.Data {
	case "script":
		if !executes(a) {
			return
		}
	case "a":
		c.list(n, a["ping"])
		return
	case "style":
		if a["type"] != "text/plain" {
			c.sheet(n, textOf(n))
		}
		return
	case "image", "use", "feImage":
	default:
		return
	}
	if href, ok := a["href"]; ok {
		c.address(n, href)
	} else {
		c.address(n, a["xlink:href"])
	}
}

func (c *completeness) document(source string) {
	if root, err := html.Parse(strings.NewReader(source)); err == nil {
		inner := completeness{gate: c.gate, nested: true, report: c.report}
		inner.walk(root, false)
	}
}

func textOf(n *html.Node) string {
	var text strings.Builder
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		if child.Type == html.TextNode {
			text.WriteString(child.Data)
		}
	}
	return text.String()
}

var javaScript = regexp.MustCompile(`(?i)^(module|(text|application)/(x-)?(java|ecma)script|text/javascript1\.[0-5]|text/(jscript|livescript))$`)

func executes(a map[string]string) bool {
	declared, ok := a["type"]
	language := a["language"]
	switch {
	case ok && declared == "", !ok && language == "":
		return true
	case ok:
		return javaScript.MatchString(strings.Trim(declared, " \t\n\f\r"))
	}
	return javaScript.MatchString("text/" + language)
}

// sheetAddresses returns what a style sheet loads, by a tokenizer that follows CSS
// Syntax 3, section 4.3, to the letter.
func sheetAddresses(sheet string) (addresses []string) {
	sheet = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\f", "\n", "\x00", "\ufffd").Replace(sheet)
	var functions []string
	importing, naming := false, false
	nested := func() bool { return slices.ContainsFunc(functions, func(f string) bool { return f != "" }) }
	for i := 0; i < len(sheet); {
		c := sheet[i]
		switch {
		case strings.HasPrefix(sheet[i:], "/*"):
			n := strings.Index(sheet[i+2:], "*/")
			if n < 0 {
				return addresses
			}
			i += n + 4
		case c == '"' || c == '\'':
			value, end := sheetString(sheet, i)
			if (importing || nested()) && !naming {
				addresses = append(addresses, value)
			}
			importing = false
			i = end
		case c == '@' && sheetNameBegins(sheet, i+1):
			name, end := sheetName(sheet, i+1)
			importing, naming = strings.EqualFold(name, "import"), strings.EqualFold(name, "namespace")
			i = end
		case c == '#' && i+1 < len(sheet) && (sheetNameByte(sheet[i+1]) || sheetEscape(sheet, i+1)):
			_, i = sheetName(sheet, i+1)
		case c >= '0' && c <= '9':
			i++
			if sheetNameBegins(sheet, i) { // a dimension
				_, i = sheetName(sheet, i)
			}
		case sheetNameBegins(sheet, i):
			name, end := sheetName(sheet, i)
			i = end
			if i >= len(sheet) || sheet[i] != '(' {
				break
			}
			i++
			if !strings.EqualFold(name, "url") {
				if slices.ContainsFunc([]string{"src", "image", "image-set", "-webkit-image-set"}, func(f string) bool { return strings.EqualFold(f, name) }) {
					functions = append(functions, name)
				} else {
					functions = append(functions, "")
				}
				break
			}
			for i < len(sheet) && isSpace(sheet[i]) {
				i++
			}
			if i < len(sheet) && (sheet[i] == '"' || sheet[i] == '\'') {
				value, end := sheetString(sheet, i)
				if !naming {
					addresses = append(addresses, value)
				}
				importing = false
				i = end
				functions = append(functions, "")
				break
			}
			value, good, end := sheetURL(sheet, i)
			if good && !naming {
				addresses = append(addresses, value)
			}
			importing = false
			i = end
		case c == '(':
			functions = append(functions, "")
			i++
		case c == ')':
			if len(functions) > 0 {
				functions = functions[:len(functions)-1]
			}
			i++
		case c == ';' || c == '{' || c == '}':
			importing, naming = false, false
			if c != ';' {
				functions = nil
			}
			i++
		default:
			i++
		}
	}
	return addresses
}

func sheetString(sheet string, i int) (value string, end int) {
	quote := sheet[i]
	for i++; i < len(sheet); {
		switch c := sheet[i]; {
		case c == quote:
			return value, i + 1
		case c == '\n':
			return value, i
		case c == '\\' && i+1 < len(sheet) && sheet[i+1] == '\n':
			i += 2
		case c == '\\' && i+1 < len(sheet):
			var escaped string
			escaped, i = sheetUnescape(sheet, i)
			value += escaped
		case c == '\\':
			i++
		default:
			value += string(c)
			i++
		}
	}
	return value, i
}

func sheetURL(sheet string, i int) (value string, good bool, end int) {
	good = true
	for i < len(sheet) {
		switch c := sheet[i]; {
		case c == ')':
			return value, good, i + 1
		case isSpace(c):
			k := i
			for k < len(sheet) && isSpace(sheet[k]) {
				k++
			}
			good = good && (k == len(sheet) || sheet[k] == ')')
			i = k
		case c == '"' || c == '\'' || c == '(' || c < 0x20 || c == 0x7f:
			good = false
			i++
		case sheetEscape(sheet, i):
			var escaped string
			escaped, i = sheetUnescape(sheet, i)
			value += escaped
		case c == '\\':
			good = false
			i++
		default:
			value += string(c)
			i++
		}
	}
	return value, good, i
}

func sheetEscape(sheet string, i int) bool {
	return i < len(sheet) && sheet[i] == '\\' && (i+1 == len(sheet) || sheet[i+1] != '\n')
}

func sheetUnescape(sheet string, i int) (string, int) {
	i++
	if i == len(sheet) {
		return "\ufffd", i
	}
	n := 0
	for n < 6 && i+n < len(sheet) && isHex(sheet[i+n]) {
		n++
	}
	if n == 0 {
		return string(sheet[i]), i + 1
	}
	var code rune
	_, _ = fmt.Sscanf(sheet[i:i+n], "%x", &code)
	i += n
	if i < len(sheet) && isSpace(sheet[i]) {
		i++
	}
	return string(code), i
}

func sheetNameByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c >= 0x80
}

func sheetNameBegins(sheet string, i int) bool {
	switch {
	case i >= len(sheet):
		return false
	case sheet[i] == '-':
		return i+1 < len(sheet) && (sheet[i+1] == '-' || isLetter(sheet[i+1]) || sheet[i+1] == '_' || sheet[i+1] >= 0x80) || sheetEscape(sheet, i+1)
	}
	return isLetter(sheet[i]) || sheet[i] == '_' || sheet[i] >= 0x80 || sheetEscape(sheet, i)
}

func sheetName(sheet string, i int) (name string, end int) {
	for i < len(sheet) {
		switch {
		case sheetNameByte(sheet[i]):
			name += string(sheet[i])
			i++
		case sheetEscape(sheet, i):
			var escaped string
			escaped, i = sheetUnescape(sheet, i)
			name += escaped
		default:
			return name, i
		}
	}
	return name, i
}

// readSheet runs a style sheet through the reader, in chunks of size, and returns
// it with the marks.
func readSheet(sheet string, size int) string {
	var out, buffered bytes.Buffer
	gate := &testGate{}
	var s css
	for rest := sheet; ; {
		n := min(size, len(rest))
		buffered.WriteString(rest[:n])
		rest = rest[n:]
		data, from := buffered.Bytes(), 0
		at := s.read(data, 0, rest == "", func(at int, address []byte) {
			service, held := "", true
			if address != nil {
				service, held = gate.Holds(address)
			}
			if held {
				out.Write(data[from:at])
				_, _ = io.WriteString(&out, Invalid+service+";")
				from = at
			}
		})
		out.Write(data[from:at])
		buffered.Next(at)
		if rest == "" {
			return out.String()
		}
	}
}

// FuzzStyleSheet holds the reader of style sheets against the tokenizer above.
func FuzzStyleSheet(f *testing.F) {
	for _, d := range soup {
		if _, sheet, ok := strings.Cut(d.document, "<style>"); ok {
			sheet, _, _ = strings.Cut(sheet, "</style>")
			f.Add(sheet, 3)
		}
	}
	for _, sheet := range []string{
		`a{b:url( //ads/1 )}`, `@import '//ads/1' print;`, `@namespace x url(//ads/1);a{b:url(//ads/2)}`, `a{b:image-set("//ads/1" 1x)}`,
		`a{b:\75 rl(//ads/1)}`, `a{b:url("a\"//ads/1")}`, `@import/**/url(//ads/1)`, "a{b:'\\\r\n';c:url(//ads/1)}", `a{b:url(\)//ads/1)}`,
	} {
		f.Add(sheet, 1)
	}
	f.Fuzz(func(t *testing.T, sheet string, size int) {
		if strings.Contains(sheet, Invalid) {
			return
		}
		whole := readSheet(sheet, len(sheet)+1)
		if got := readSheet(sheet, max(1, size&0xff)); got != whole {
			t.Fatalf("chunks of %d: %q, whole %q", size&0xff, got, whole)
		}
		if got := strip(whole); got != sheet {
			t.Fatalf("%q became %q", sheet, whole)
		}
		gate := &testGate{}
		for _, address := range sheetAddresses(whole) {
			if _, held := gate.Holds([]byte(address)); held {
				t.Fatalf("%q became %q, which loads %q", sheet, whole, address)
			}
		}
	})
}

// FuzzHolding is TestSoup for whatever bytes.
func FuzzHolding(f *testing.F) {
	for _, d := range soup {
		f.Add([]byte(d.document), 3)
	}
	for _, row := range holding {
		f.Add([]byte(row.document), 1)
	}
	f.Fuzz(func(t *testing.T, input []byte, size int) {
		document := string(input)
		if marked(document) || len(document) > 8<<10 {
			return
		}
		output := differ(t, document, []int{max(1, size&0xff)})
		if t.Failed() || !oracleKnows(document) || !foreseeable(document) {
			return
		}
		sameTree(t, document, output)
		complete(t, output)
	})
}

// marked reports whether a document has something that looks like a mark already.
func marked(document string) bool {
	lower := strings.ToLower(document)
	for _, mark := range []string{"cookie-consent", "widen", "/embed?service", "&lt;p title", "&#", "speculationrules"} {
		if strings.Contains(lower, mark) {
			return true
		}
	}
	return false
}

// foreseeable reports whether the stack of open elements is known to the end: no
// formatting element is reconstructed around SVG or MathML, and no part of a table
// is put in that no tag names.
func foreseeable(document string) bool {
	lower := strings.ToLower(document)
	return !strings.Contains(lower, "<svg") && !strings.Contains(lower, "<math") || !unforeseeable.MatchString(lower)
}

var unforeseeable = regexp.MustCompile(`<(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u|col|colgroup|td|th|tr|select|frameset|plaintext)[ \t\n\f\r/>]`)

// oracleKnows reports whether the oracle's tree is that of browsers.
func oracleKnows(document string) bool {
	lower := strings.ToLower(document)
	switch {
	case strings.Contains(lower, "<script") && strings.Contains(lower, "<!--"):
		return false // in a script, it takes any "<" for the end of "<!--"
	case strings.Contains(lower, "<frameset"):
		return false // it reads text elements there, which mean nothing in one
	}
	return true
}
