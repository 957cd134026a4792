package rewriter

import "bytes"

// open is an element the scanner is in, from an svg or math on.
type open struct {
	key    uint64 // of its name
	length int    // of its name
	kind   kind
	in     kind // whose it is: svg, mathML, or plain for HTML
	html   bool // the tags in it are read by the rules of HTML
}

// maxOpen bounds how deep elements are followed, as browsers do.
const maxOpen = 512

// isForeign reports whether tags are read by the rules of SVG and MathML.
func (r *Rewriter) isForeign() bool {
	n := len(r.open)
	return n > 0 && r.open[n-1].in != plain && !r.open[n-1].html
}

// hasCDATA reports whether there are CDATA sections here.
func (r *Rewriter) hasCDATA() bool {
	n := len(r.open)
	return r.config.XML || n > 0 && r.open[n-1].in != plain
}

// enterForeign follows a start tag in SVG or MathML, or in HTML inside of those
// (WHATWG 13.2.6.5), and reports whether the element is none of HTML.
func (r *Rewriter) enterForeign(data, name []byte, e *element, selfClosing bool) bool {
	if r.isForeign() {
		top := &r.open[len(r.open)-1]
		switch {
		case e.breaks || e.kind == font && r.first(aFont) != nil:
			r.leaveForeign()
		case top.kind == annotation && top.in == mathML && e.kind == svg:
		default:
			if !selfClosing {
				r.push(name, e.kind, top.in, r.holdsHTML(data, top.in, e))
			}
			return true
		}
	}
	switch {
	case e.kind == svg || e.kind == mathML:
		if !selfClosing {
			r.push(name, e.kind, e.kind, false)
		}
		return true
	case len(r.open) > 0:
		if top := &r.open[len(r.open)-1]; top.kind == mathText && !selfClosing && (equalFold(name, "mglyph") || equalFold(name, "malignmark")) {
			r.push(name, plain, mathML, false)
			return true
		}
		if closesParagraph[string(bytes.ToLower(name))] {
			r.closeHTML(keyOf("p"), 1)
		}
		if !e.void {
			r.push(name, e.kind, plain, false)
		}
	}
	return false
}

func (r *Rewriter) push(name []byte, k, in kind, html bool) {
	if len(r.open) < maxOpen {
		r.open = append(r.open, open{keyOf(name), len(name), k, in, html})
	}
}

// holdsHTML reports whether an element of SVG or MathML is an integration point.
func (r *Rewriter) holdsHTML(data []byte, in kind, e *element) bool {
	switch e.kind {
	case svgDocument, title:
		return in == svg
	case mathText:
		return in == mathML
	case annotation:
		a := r.first(aEncoding)
		if in != mathML || a == nil {
			return false
		}
		value := r.decoded(data, a)
		return equalFold(value, "text/html") || equalFold(value, "application/xhtml+xml")
	}
	return false
}

// closesParagraph are elements before which an open p ends.
var closesParagraph = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range []string{
		"address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "dd", "dt", "fieldset",
		"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "li", "listing",
		"main", "menu", "nav", "ol", "p", "plaintext", "pre", "search", "section", "summary", "table", "ul", "xmp",
	} {
		set[name] = true
	}
	return set
}()

// closeHTML leaves an element of HTML, if one of this name is open inside of the
// nearest SVG or MathML.
func (r *Rewriter) closeHTML(key uint64, length int) {
	for n := len(r.open) - 1; n >= 0 && !r.open[n].html; n-- {
		if o := &r.open[n]; o.in == plain && o.key == key && o.length == length {
			r.open = r.open[:n]
			return
		}
	}
}

// leave follows an end tag in SVG or MathML, or in HTML inside of those.
func (r *Rewriter) leave(name []byte, e *element) {
	key, length := keyOf(name), len(name)
	top := r.open[len(r.open)-1]
	if top.in != plain && (e.kind == br || length == 1 && key == 'p') && !top.html {
		r.leaveForeign()
		r.closeHTML(key, length)
		return
	}
	for n := len(r.open) - 1; n >= 0 && r.open[n].in != plain; n-- {
		if r.open[n].key == key && r.open[n].length == length {
			r.open = r.open[:n]
			return
		}
	}
	for n := range r.open {
		if o := &r.open[n]; o.html || o.in == plain || o.kind == annotation {
			r.closeHTML(key, length)
			return
		}
	}
	if e.kind != svg && e.kind != mathML {
		r.open = r.open[:0] // the end of an element around it
	}
}

// leaveForeign goes back to the nearest HTML.
func (r *Rewriter) leaveForeign() {
	for r.isForeign() {
		r.open = r.open[:len(r.open)-1]
	}
}

// xmlEnd returns where the end tag of an element begins that is read as in XML.
func xmlEnd(data []byte, i int, name string) (int, bool) {
	for {
		n := bytes.IndexByte(data[i:], '<')
		if n < 0 {
			return len(data), false
		}
		i += n
		skipped := false
		for _, section := range xmlSections {
			if !bytes.HasPrefix(data[i:], section[0]) {
				continue
			}
			n := bytes.Index(data[i:], section[1])
			if n < 0 {
				return len(data), false
			}
			i += n + len(section[1])
			skipped = true
			break
		}
		if skipped {
			continue
		}
		if tagBegins(data[i:], "</", name) == yes {
			return i, true
		}
		i++
	}
}

var xmlSections = [][2][]byte{{[]byte("<![CDATA["), []byte("]]>")}, {[]byte("<!--"), []byte("-->")}}

// holdForeignSheet holds back addresses in the style element of an SVG or XHTML
// document, whose text has character references and CDATA sections.
func (r *Rewriter) holdForeignSheet(data []byte, p int, c content) {
	if !c.ended {
		r.fill(r.placeholder(p), "", ` type="text/plain"`)
		r.renameAll(data, wants(aType))
		return
	}
	var sheet []byte
	offsets := make([]int32, 0, c.end-c.start)
	for i := c.start; i < c.end; {
		rest := data[i:c.end]
		n := 0
		switch {
		case bytes.HasPrefix(rest, xmlSections[0][0]):
			if n = bytes.Index(rest, xmlSections[0][1]); n < 0 {
				n = len(rest)
			}
			for k := len("<![CDATA["); k < n; k++ {
				sheet, offsets = append(sheet, rest[k]), append(offsets, int32(i+k))
			}
			n = min(n+len("]]>"), len(rest))
		case bytes.HasPrefix(rest, xmlSections[1][0]):
			if n = bytes.Index(rest, xmlSections[1][1]) + len("-->"); n < len("-->") {
				n = len(rest)
			}
		case rest[0] == '<':
			n = bytes.IndexByte(rest, '>') + 1
			if n == 0 {
				n = len(rest)
			}
		default:
			if n = bytes.IndexByte(rest, '<'); n < 0 {
				n = len(rest)
			}
			from := len(offsets)
			sheet, offsets = decode(sheet, rest[:n], offsets)
			for k := from; k < len(offsets); k++ {
				offsets[k] += int32(i)
			}
		}
		i += n
	}
	var reader css
	reader.read(sheet, 0, true, func(at int, address []byte) {
		if service, held := r.holds(address); held {
			if at == len(offsets) {
				r.insert(c.end, Invalid, service, ";")
			} else {
				r.insert(int(offsets[at]), Invalid, service, ";")
			}
		}
	})
}

// localName returns a name without the prefix of its namespace.
func localName(name []byte) []byte {
	return name[bytes.IndexByte(name, ':')+1:]
}

// qualifiedName returns the name by which an attribute with the prefix of a
// namespace is looked up: href in XLink is the only one that loads.
func qualifiedName(name []byte, key uint64) ([]byte, uint64) {
	if equalFold(localName(name), "href") && len(name) > len("href") {
		return xlinkHref, keyOf(xlinkHref)
	}
	return name, key
}

var xlinkHref = []byte("xlink:href")

// instruction enters a processing instruction, and takes away the address of a
// style sheet (xml-stylesheet).
func (r *Rewriter) instruction(data []byte, i int, final bool) int {
	const opening = "<?xml-stylesheet"
	window, full := within(data, i)
	rest := window[i:]
	if n := min(len(rest), len(opening)); string(rest[:n]) == opening[:n] && r.config.Gate != nil {
		if n := bytes.Index(rest, []byte("?>")); n >= 0 && len(rest) > len(opening) && isSpace(rest[len(opening)]) {
			r.attrs = r.attrs[:0]
			r.attributes(window[:i+n+2], i+len(opening), wants(aHref))
			for k := range r.attrs {
				if _, held := r.holds(r.decoded(data, &r.attrs[k])); held {
					r.rename(data, &r.attrs[k])
				}
			}
		} else if n < 0 && !full && !final {
			return i
		}
	}
	r.in.in = instruction
	return i + 1
}
