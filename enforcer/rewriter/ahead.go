package rewriter

// Chromium's preload scanner looks ahead of the parser for what to load, and knows
// no tree: what is a CDATA section in SVG or MathML is a comment up to its first
// ">" there, and markup behind.

// lookAhead has a Rewriter of its own look at a CDATA section as that scanner does.
func (r *Rewriter) lookAhead() {
	r.in = text{in: cdataText}
	r.inner = r.nested()
	r.inner.ahead = true
	r.inner.in = text{in: bogus}
	for _, o := range r.open[r.foreign-1:] {
		switch o.kind {
		case script, title, textarea, xmp, iframe, noembed, noframes, noscript:
			r.inner.enterText(o.kind)
			return
		case style: // its addresses are held back already
			r.inner.in = text{in: rawText, name: "style"}
			return
		case plaintext:
			r.inner.done = true
			return
		}
	}
}

// loadsAhead reports whether that scanner looks at an element.
func loadsAhead(k kind) bool {
	switch k {
	case base, link, script, style, img, input, source, video:
		return true
	}
	return false
}

// holdOpen gives a longer name to the element whose tag begins at data[i] and goes
// on behind the section.
func (r *Rewriter) holdOpen(data []byte, i int) {
	p, key := nameEnd(data, i+1)
	if e := elements.find(idOf(key, p-i-1), data[i+1:p]); e != nil && loadsAhead(e.kind) {
		r.holding = true
		r.insert(i+1, Prefix)
	}
}
