package rewriter

import "bytes"

// isForeign reports whether tags are read by the rules of SVG and MathML.
func (r *Rewriter) isForeign() bool {
	if r.foreign == 0 {
		return false
	}
	top := &r.open[len(r.open)-1]
	return top.in != plain && !top.html
}

// textIsMarkup reports whether there are tags in what is text in HTML. In a
// frameset such elements are none, but Chromium looks for what they load.
func (r *Rewriter) textIsMarkup() bool { return r.config.XML || r.frameset || r.isForeign() }

// hasCDATA reports whether there are CDATA sections here.
func (r *Rewriter) hasCDATA() bool {
	return r.config.XML || r.foreign > 0 && r.open[len(r.open)-1].in != plain
}

// beginForeign follows a start tag in SVG or MathML, or in HTML inside of those,
// or one that begins them (WHATWG 13.2.6.5), and reports whether the element is
// none of HTML.
func (r *Rewriter) beginForeign(data []byte, t tag, selfClosing bool) bool {
	in := t.kind
	var top open
	if r.foreign > 0 {
		top = r.open[len(r.open)-1]
	}
	switch {
	case r.isForeign() && (t.breaks || t.kind == font && r.first(aFont) != nil):
		r.leaveForeign()
		return false
	case r.isForeign() && !(top.kind == annotation && top.in == mathML && t.kind == svg):
		in = top.in
	case top.kind == mathText && top.in == mathML && t.kind == mathGlyph:
		in = mathML
	case t.kind != svg && t.kind != mathML:
		return false
	}
	if selfClosing {
		return true
	}
	o := r.push()
	if o == nil {
		return true
	}
	o.id, o.kind, o.in, o.html = t.id, t.kind, in, r.holdsHTML(data, in, t.element)
	if o.html || in == mathML && t.kind == annotation {
		o.role = special | scope
	}
	if r.foreign == 0 {
		r.foreign = len(r.open)
	}
	return true
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

// endForeign follows an end tag where SVG or MathML is open, and reports whether
// it is none of HTML: one that ends nothing there may end what stands around it.
func (r *Rewriter) endForeign(t tag) bool {
	if r.isForeign() && (t.kind == br || t.rule == aParagraph) {
		r.leaveForeign()
		return false
	}
	for n := len(r.open) - 1; n >= 0 && r.open[n].in != plain; n-- {
		if r.open[n].id == t.id {
			r.close(n)
			return true
		}
	}
	return false
}

// leaveForeign goes back to the nearest HTML.
func (r *Rewriter) leaveForeign() {
	for r.isForeign() {
		r.close(len(r.open) - 1)
	}
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
