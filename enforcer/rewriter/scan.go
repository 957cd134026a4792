package rewriter

import "bytes"

// rest is a tag whose beginning has left: it was too long to be held.
type rest struct {
	tag
	closing bool   // it is an end tag
	quote   byte   // that ends the value the scanner is inside of; 0: a space or ">"
	wanted  uint32 // attributes to decide on
	taken   uint32 // those of them that go in any case
	seen    uint32 // those that are decided on
	held    uint32 // those that are held back
	marked  bool
}

// within limits data to what a tag that begins at i may need, and reports whether
// all of that is there. What is decided then depends on no chunk.
func within(data []byte, i int) (window []byte, full bool) {
	if len(data)-i < maxTag {
		return data, false
	}
	return data[:i+maxTag], true
}

// nameEnd returns where the tag name at data[p] ends, and its key.
func nameEnd(data []byte, p int) (end int, key uint64) {
	for ; p < len(data); p++ {
		c := fold[data[p]]
		if c == 0 {
			break
		}
		key = key<<8 | uint64(c)
	}
	return p, key
}

// startTag reads the start tag at data[i] and returns where it ends, i when it is
// not whole.
func (r *Rewriter) startTag(data []byte, i int, final bool) int {
	window, full := within(data, i)
	p, key := nameEnd(window, i+1)
	if p == len(window) {
		return r.longName(i, p, full)
	}
	name := window[i+1 : p]
	if r.config.XML {
		name = localName(name)
		key = keyOf(name)
	}
	id := idOf(key, len(name))
	e := elements.find(id, name)
	if e == nil {
		e = &plainElement
	}
	t := tag{id, e}
	fast := e.bare && !r.seeking && r.foreign == 0 && !r.config.XML
	if fast && window[p] == '>' {
		r.begin(t)
		return p + 1
	}
	wanted := e.wanted
	if r.foreign > 0 || r.config.XML {
		wanted |= inSVG
	}
	r.attrs = r.attrs[:0]
	end, selfClosing, at, _ := r.attributes(window, p, wanted)
	if end == 0 {
		if !full {
			return i
		}
		return r.tooLong(window, i, p, t, wanted, at)
	}
	if fast && len(r.attrs) == 0 {
		r.begin(t)
		return end
	}
	if e.kind == meta && r.namesWideCharset(data) {
		r.done = true
		return end
	}
	inner := content{start: end, end: end, ended: true}
	if r.config.Gate != nil && !(selfClosing && (r.config.XML || r.isForeign())) {
		if inner = r.contentOf(window, end, e, final, full); !inner.known {
			return i
		}
	}
	if r.seeking {
		r.seekBefore(data, i, e)
	}
	if r.config.Gate != nil {
		r.hold(data, p, e, inner)
	}
	if r.seeking {
		r.seekAfter(data, end, e, selfClosing)
	}
	r.enter(data, t, selfClosing)
	return end
}

// endTag reads the end tag at data[i] and returns where it ends, i when it is not
// whole.
func (r *Rewriter) endTag(data []byte, i int) int {
	window, full := within(data, i)
	p, key := nameEnd(window, i+2)
	if p == len(window) {
		return r.longName(i, p, full)
	}
	end := p + 1
	if window[p] != '>' {
		if end, _, _, _ = r.attributes(window, p, 0); end == 0 && !full {
			return i
		}
	}
	id := idOf(key, p-i-2)
	if r.template|r.foreign == 0 && !r.seeking && r.player.kind == plain && end > 0 && r.endInner(id) {
		return end
	}
	t := tag{id, &plainElement}
	if e := elements.find(id, window[i+2:p]); e != nil {
		t.element = e
	}
	switch {
	case r.config.XML && t.kind == template:
		r.template = max(0, r.template-1)
	case r.config.XML, r.foreign > 0 && r.endForeign(t):
	default:
		r.end(t)
	}
	if r.seeking {
		r.seekEnd(i, t.element)
	}
	if end == 0 {
		r.rest = rest{tag: tag{element: &plainElement}, closing: true}
		r.in = text{in: tagRest}
		return p
	}
	if t.kind != plain && t.kind == r.player.kind {
		r.playerEnds(end)
	}
	return end
}

// tailOfName is how much of a name that is too long is read again, as an
// attribute's: more than any name that means something.
const tailOfName = 64

// longName waits for the end of the tag name that goes on at data[p], or goes on
// as if it were an attribute's, when it is too long.
func (r *Rewriter) longName(i, p int, full bool) int {
	if !full {
		return i
	}
	r.rest = rest{tag: tag{element: &plainElement}, closing: true}
	r.in = text{in: tagRest}
	return p - tailOfName
}

// enter follows a start tag into what its element holds.
func (r *Rewriter) enter(data []byte, t tag, selfClosing bool) {
	if r.config.XML {
		if t.kind == template && !selfClosing {
			r.template++
		}
		return
	}
	if (r.foreign > 0 || t.kind == svg || t.kind == mathML) && !r.ahead && r.beginForeign(data, t, selfClosing) {
		return
	}
	if r.frameset && t.kind != noframes {
		return // the others mean nothing there
	}
	r.begin(t)
	r.enterText(t.kind)
}

// enterText enters the text of an element of HTML that has no markup.
func (r *Rewriter) enterText(k kind) {
	switch k {
	case script:
		r.in = text{in: scriptText, name: "script"}
	case style:
		r.in = text{in: rawText, name: "style"}
		if r.config.Gate != nil {
			r.in.in = styleSheet
		}
	case title:
		r.in = text{in: rawText, name: "title"}
	case textarea:
		r.in = text{in: rawText, name: "textarea"}
	case xmp:
		r.in = text{in: rawText, name: "xmp"}
	case iframe:
		r.in = text{in: rawText, name: "iframe"}
	case noembed:
		r.in = text{in: rawText, name: "noembed"}
	case noframes:
		r.in = text{in: rawText, name: "noframes"}
	case noscript:
		r.enterNoscript()
	case plaintext:
		r.done = true
	}
}

// enterNoscript has a Rewriter of its own look at what browsers without script
// see. For the others the element's end tag ends it wherever that stands.
func (r *Rewriter) enterNoscript() {
	switch {
	case r.scriptless:
	case r.config.Gate != nil && !r.ahead:
		r.in = text{in: noscriptText, name: "noscript"}
		r.inner = r.nested()
		r.inner.scriptless = true
	case r.seeking, r.ahead:
		r.in = text{in: rawText, name: "noscript"}
	}
}

// nested returns a Rewriter for a document, or a part of one, inside of this one.
func (r *Rewriter) nested() *Rewriter {
	inner := pool.Get().(*Rewriter)
	inner.config = Config{Gate: r.config.Gate}
	inner.page, inner.nesting, inner.standIns = r.page, r.nesting+1, r.standIns
	return inner
}

// innerText goes on in a noscript element or CDATA section.
func (r *Rewriter) innerText(data []byte, i int, final bool) (at int, ended bool) {
	end := 0
	if r.in.in == cdataText {
		end, ended = past(data, i, "]]>", final)
	} else {
		end, ended = rawEnd(data, i, "noscript", final)
	}
	inner := r.inner
	at = inner.scan(data[:end], i, ended || final)
	for _, e := range inner.edits {
		if e.from < e.to {
			r.insertBytes(e.at, inner.arena[e.from:e.to])
		}
	}
	inner.edits, inner.arena = inner.edits[:0], inner.arena[:0]
	r.learn(inner)
	if ended {
		inner.release()
		r.inner, r.in = nil, text{}
	}
	return at, ended
}

// learn takes over from inner what counts for the whole document.
func (r *Rewriter) learn(inner *Rewriter) {
	r.standIns = inner.standIns
	if inner.holding {
		r.note(inner.holder)
	}
}

// content is what stands between the start tag and the end tag of an element, as
// far as it must be known to decide on it.
type content struct {
	start, end int
	known      bool // enough of it is there
	ended      bool // all of it is
}

// contentOf returns the content of an element whose start tag ends at data[start].
// data is all there is if final, and all that is waited for if full.
func (r *Rewriter) contentOf(data []byte, start int, e *element, final, full bool) content {
	c := content{start: start, end: start, known: true, ended: true}
	asXML := r.textIsMarkup()
	switch {
	case e.kind == script && r.first(aSrc) == nil && !r.ahead && r.needsText(data):
		if !asXML {
			inner := text{in: scriptText}
			c.end, c.ended = inner.scriptEnd(data, start, final || full)
			break
		}
		c.end, c.ended = r.markedUpEnd(data, start, "script")
	case e.kind == style && asXML:
		c.end, c.ended = r.markedUpEnd(data, start, "style")
	}
	c.ended = c.ended || final && !full
	c.known = c.ended || full
	return c
}

// neutral keeps an element from loading, whatever attributes follow.
type neutral struct {
	inserted string
	taken    uint32
}

var neutrals = map[kind]neutral{
	script: {` type="text/plain"`, wants(aType, aSrc, aHref, aXlinkHref, aAttributionSrc)},
	link:   {` rel=""`, wants(aRel, aHref, aImageSrcset)},
	meta:   {` http-equiv=""`, wants(aHTTPEquiv)},
	iframe: {` srcdoc="" src=""`, wants(aSrcdoc, aSrc)},
	frame:  {` src=""`, wants(aSrc)},
	object: {` data=""`, wants(aData)},
	embed:  {` src=""`, wants(aSrc)},
	input:  {` type="text" src=""`, wants(aType, aSrc)},
}

// tooLong reads a tag at data[i] that is too long to be held. data[p:] follows its
// name, and the attributes before data[at] are read.
func (r *Rewriter) tooLong(data []byte, i, p int, t tag, wanted uint32, at int) int {
	if r.seeking {
		r.seekBefore(data, i, t.element)
	}
	r.rest = rest{tag: t}
	r.in = text{in: tagRest}
	if r.config.Gate != nil {
		r.rest.wanted = wanted
		if n, ok := neutrals[t.kind]; ok {
			// what its attributes say together cannot be known
			r.insert(p, n.inserted, " ", Mark, `=""`)
			r.rest.taken, r.rest.marked = n.taken, true
		}
		r.holdEach(data, nil)
	}
	return at
}

// tooLongFrom goes on at data[at], where an attribute begins that is too long.
func (r *Rewriter) tooLongFrom(data []byte, at, inValue int) int {
	if inValue == 0 {
		return len(data) - tailOfName
	}
	end := at + 1
	for end < len(data) && foldAttribute[data[end]] != 0 {
		end++
	}
	name := data[at:end]
	if found := attributeNames.find(idOf(keyOf(name), len(name)), name); found != nil && r.rest.wanted>>*found&1 != 0 {
		a := attribute{attr: *found, name: at, nameEnd: end, value: inValue, end: len(data)}
		r.holdLong(data, &a)
	}
	r.rest.quote = data[inValue-1]
	if r.rest.quote != '"' && r.rest.quote != '\'' {
		r.rest.quote = 0
	}
	r.in.in = value
	return len(data)
}

// holdLong decides on an attribute by the beginning of its value: what consists
// of more than one address is held back.
func (r *Rewriter) holdLong(data []byte, a *attribute) {
	bit := uint32(1) << a.attr
	if a.attr != aPaint && r.rest.seen&bit != 0 {
		if (r.rest.held|r.rest.taken)&bit != 0 {
			r.rename(data, a)
		}
		return
	}
	r.rest.seen |= bit
	service, held := "", true
	switch {
	case r.rest.taken&bit != 0:
	case addressing>>a.attr&1 != 0:
		service, held = r.holdsAttribute(data, a)
	case informing>>a.attr&1 != 0:
		held = false
	}
	if held {
		r.holdRest(data, a, service)
	}
}

// longTag goes on in a tag that was too long to be held.
func (r *Rewriter) longTag(data []byte, i int, final bool) int {
	window, full := within(data, i)
	r.attrs = r.attrs[:0]
	end, selfClosing, at, inValue := r.attributes(window, i, r.rest.wanted)
	r.holdEach(data, nil)
	switch {
	case end > 0:
		t, closing := r.rest.tag, r.rest.closing
		r.in, r.rest = text{}, rest{}
		if closing {
			return end
		}
		if r.seeking {
			r.seekAfter(data, end, t.element, selfClosing)
		}
		r.enter(data, t, selfClosing)
		return end
	case final && !full:
		return len(data)
	case at > i || !full:
		return at
	}
	return r.tooLongFrom(window, at, inValue)
}

// valueEnd returns where a value ends that is too long to be held.
func (t *rest) valueEnd(data []byte, i int) (at int, ended bool) {
	if t.quote != 0 {
		n := bytes.IndexByte(data[i:], t.quote)
		if n < 0 {
			return len(data), false
		}
		return i + n + 1, true
	}
	for ; i < len(data); i++ {
		if data[i] == '>' || isSpace(data[i]) {
			return i, true
		}
	}
	return i, false
}
