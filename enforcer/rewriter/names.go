package rewriter

import "strings"

// kind is an element the scanner acts on; every other is plain.
type kind uint8

const (
	plain kind = iota
	root
	head
	body
	frameset
	base
	meta
	title
	link
	style
	script
	noscript
	template
	inHead // basefont, bgsound: elements that stand in a head and mean nothing here
	textarea
	xmp
	iframe
	noembed
	noframes
	plaintext
	frame
	object
	embed
	img
	image
	source
	video
	audio
	track
	input
	hyperlink // a, area
	backdrop  // table and its parts, which can have a background
	portal
	svg
	mathML
	svgReference // use, feImage
	svgDocument  // foreignObject, desc: HTML inside SVG
	mathText     // mi, mo, mn, ms, mtext: HTML inside MathML
	mathGlyph    // mglyph, malignmark: MathML in those
	annotation   // annotation-xml
	br
	font
)

// attr is an attribute the scanner reads. Its position is its bit in a wanted set.
type attr uint8

const (
	aNone attr = iota
	aSrc
	aSrcset
	aHref
	aXlinkHref
	aData
	aPoster
	aBackground
	aPing
	aAttributionSrc
	aImageSrcset
	aSrcdoc
	aSandbox
	aStyle
	aPaint // an SVG attribute that can be url(…)
	aType
	aLanguage
	aRel
	aContent
	aHTTPEquiv
	aCharset
	aLang
	aID
	aEncoding
	aFont // color, face or size
)

func wants(attrs ...attr) (set uint32) {
	for _, a := range attrs {
		set |= 1 << a
	}
	return set
}

// addressing are attributes that are one address, informing those that load
// nothing by themselves.
var (
	addressing = wants(aSrc, aHref, aXlinkHref, aData, aPoster, aBackground)
	informing  = wants(aSandbox, aType, aLanguage, aRel, aContent, aHTTPEquiv, aCharset, aLang, aID, aEncoding, aFont)
)

// element is what is known of a tag name.
type element struct {
	shape
	around role   // of the parts of a table that it stands in
	under  role   // in these it closes nothing
	wanted uint32 // attributes to read
	breaks bool   // ends foreign content (WHATWG 13.2.6.5)
	bare   bool   // without an attribute that is wanted, it means nothing in a body
}

var (
	plainElement   = element{wanted: wants(aStyle), bare: true}
	plainBreaking  = element{wanted: wants(aStyle), breaks: true, bare: true}
	inSVG          = wants(aPaint)
	elements       nameTable[element]
	attributeNames nameTable[attr]
)

func init() {
	for name, e := range map[string]element{
		"html": {shape: shape{kind: root}, wanted: wants(aLang, aStyle)}, "head": {shape: shape{kind: head}, wanted: wants(aStyle), breaks: true},
		"body": {shape: shape{kind: body}, wanted: wants(aBackground, aStyle), breaks: true}, "frameset": {shape: shape{kind: frameset}, wanted: wants(aStyle)},
		"base":  {shape: shape{kind: base}, wanted: wants(aHref)},
		"meta":  {shape: shape{kind: meta}, wanted: wants(aHTTPEquiv, aContent, aCharset), breaks: true},
		"title": {shape: shape{kind: title}, wanted: wants(aStyle)}, "link": {shape: shape{kind: link}, wanted: wants(aRel, aHref, aImageSrcset)},
		"style": {shape: shape{kind: style}, wanted: wants(aType)}, "script": {shape: shape{kind: script}, wanted: wants(aSrc, aHref, aXlinkHref, aType, aLanguage, aAttributionSrc)},
		"noscript": {shape: shape{kind: noscript}}, "template": {shape: shape{kind: template}}, "basefont": {shape: shape{kind: inHead}}, "bgsound": {shape: shape{kind: inHead}},
		"textarea": {shape: shape{kind: textarea}, wanted: wants(aStyle)}, "xmp": {shape: shape{kind: xmp}, wanted: wants(aStyle)},
		"iframe": {shape: shape{kind: iframe}, wanted: wants(aSrc, aSrcdoc, aSandbox, aID, aStyle)}, "noembed": {shape: shape{kind: noembed}, wanted: wants(aStyle)},
		"noframes": {shape: shape{kind: noframes}, wanted: wants(aStyle)}, "plaintext": {shape: shape{kind: plaintext}, wanted: wants(aStyle)},
		"frame":  {shape: shape{kind: frame}, wanted: wants(aSrc, aID, aStyle)},
		"object": {shape: shape{kind: object}, wanted: wants(aData, aType, aID, aStyle)}, "embed": {shape: shape{kind: embed}, wanted: wants(aSrc, aType, aID, aStyle), breaks: true},
		"img":   {shape: shape{kind: img}, wanted: wants(aSrc, aSrcset, aAttributionSrc, aStyle), breaks: true, bare: true},
		"image": {shape: shape{kind: image}, wanted: wants(aSrc, aSrcset, aHref, aXlinkHref, aStyle)}, "source": {shape: shape{kind: source}, wanted: wants(aSrc, aSrcset, aStyle)},
		"video": {shape: shape{kind: video}, wanted: wants(aSrc, aPoster, aID, aStyle)}, "audio": {shape: shape{kind: audio}, wanted: wants(aSrc, aID, aStyle)},
		"track": {shape: shape{kind: track}, wanted: wants(aSrc, aStyle)}, "input": {shape: shape{kind: input}, wanted: wants(aSrc, aType, aStyle)},
		"portal": {shape: shape{kind: portal}, wanted: wants(aSrc, aStyle)},
		"font":   {shape: shape{kind: font}, wanted: wants(aStyle, aFont), bare: true},
		"svg":    {shape: shape{kind: svg}, wanted: wants(aStyle, aPaint)}, "math": {shape: shape{kind: mathML}, wanted: wants(aStyle)},
		"use": {shape: shape{kind: svgReference}, wanted: wants(aHref, aXlinkHref, aStyle)}, "feimage": {shape: shape{kind: svgReference}, wanted: wants(aHref, aXlinkHref, aStyle)},
		"foreignobject": {shape: shape{kind: svgDocument}, wanted: wants(aStyle)}, "desc": {shape: shape{kind: svgDocument}, wanted: wants(aStyle)},
		"mglyph": {shape: shape{kind: mathGlyph}, wanted: wants(aStyle)}, "malignmark": {shape: shape{kind: mathGlyph}, wanted: wants(aStyle)},
		"annotation-xml": {shape: shape{kind: annotation}, wanted: wants(aEncoding, aStyle)}, "br": {shape: shape{kind: br}, wanted: wants(aStyle), breaks: true, bare: true},
	} {
		elements.add(name, e)
	}
	for _, name := range []string{"mi", "mo", "mn", "ms", "mtext"} {
		elements.add(name, element{shape: shape{kind: mathText}, wanted: wants(aStyle)})
	}
	for _, name := range []string{"a", "area"} {
		elements.add(name, element{shape: shape{kind: hyperlink}, wanted: wants(aPing, aAttributionSrc, aStyle), bare: true})
	}
	for _, name := range []string{"lineargradient", "radialgradient", "pattern", "textpath"} {
		elements.add(name, element{shape: shape{kind: svgReference}, wanted: wants(aHref, aXlinkHref, aStyle)})
	}
	for name, breaks := range map[string]bool{"table": true, "thead": false, "tbody": false, "tfoot": false, "tr": false, "td": false, "th": false} {
		elements.add(name, element{shape: shape{kind: backdrop}, wanted: wants(aBackground, aStyle), breaks: breaks, bare: true})
	}
	for _, name := range []string{
		"b", "big", "blockquote", "center", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "li",
		"listing", "menu", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub", "sup", "tt", "u", "ul", "var",
	} {
		elements.add(name, plainBreaking)
	}
	elements.add("hr", plainBreaking)
	for _, r := range roles {
		for name := range strings.FieldsSeq(r.names) {
			e := elements.find(idOf(keyOf(name), len(name)), []byte(name))
			if e == nil {
				e = elements.add(name, plainElement)
			}
			e.rule, e.role = r.rule, r.role
			switch {
			case e.role&cell != 0:
				e.around, e.under = section|row, row
			case e.role&row != 0:
				e.around, e.under = section, section
			case e.rule == anItem:
				e.under = listScope
			}
		}
	}
	for name, a := range map[string]attr{
		"src": aSrc, "srcset": aSrcset, "href": aHref, "xlink:href": aXlinkHref, "data": aData, "poster": aPoster,
		"background": aBackground, "ping": aPing, "attributionsrc": aAttributionSrc, "imagesrcset": aImageSrcset,
		"srcdoc": aSrcdoc, "sandbox": aSandbox, "style": aStyle, "type": aType, "language": aLanguage, "rel": aRel,
		"content": aContent, "http-equiv": aHTTPEquiv, "charset": aCharset, "lang": aLang, "id": aID, "encoding": aEncoding,
		"fill": aPaint, "stroke": aPaint, "filter": aPaint, "mask": aPaint, "clip-path": aPaint, "cursor": aPaint,
		"color": aFont, "face": aFont, "size": aFont,
		"marker": aPaint, "marker-start": aPaint, "marker-mid": aPaint, "marker-end": aPaint,
	} {
		attributeNames.add(name, a)
	}
}

// fold maps the bytes of a tag name to lower case, and those that end it to 0.
// foldAttribute does so for attribute names, which "=" ends too.
var fold, foldAttribute = func() (tag, attribute [256]byte) {
	for i := range tag {
		switch c := byte(i); {
		case c == 0:
			tag[i] = 1
		case c >= 'A' && c <= 'Z':
			tag[i] = c | 0x20
		case !isSpace(c) && c != '/' && c != '>':
			tag[i] = c
		}
	}
	attribute = tag
	attribute['='] = 0
	return tag, attribute
}()

// nameTable finds what is known of a name by its id.
type nameTable[T any] struct {
	slots [256]nameSlot[T]
}

type nameSlot[T any] struct {
	id    uint64
	name  string
	value T
}

// idOf makes of a name's key, which is its last eight bytes in lower case, and its
// length what tells names of up to eight bytes apart.
func idOf(key uint64, length int) uint64 { return key + uint64(length)<<57 }

func slotOf(id uint64) uint8 { return uint8((id * 0x9E3779B97F4A7C15) >> 56) }

func keyOf[T string | []byte](name T) (key uint64) {
	for i := range len(name) {
		key = key<<8 | uint64(fold[name[i]])
	}
	return key
}

func (t *nameTable[T]) add(name string, value T) *T {
	id := idOf(keyOf(name), len(name))
	at := slotOf(id)
	for t.slots[at].name != "" {
		at++
	}
	t.slots[at] = nameSlot[T]{id, name, value}
	return &t.slots[at].value
}

// may reports whether there may be a name with this id.
func (t *nameTable[T]) may(id uint64) bool { return t.slots[slotOf(id)].id != 0 }

// find returns nil for a name that is not in the table.
func (t *nameTable[T]) find(id uint64, name []byte) *T {
	for at := slotOf(id); ; at++ {
		slot := &t.slots[at]
		if slot.id == id && len(name) == len(slot.name) && (len(name) <= 8 || equalFold(name, slot.name)) {
			return &slot.value
		}
		if slot.id == 0 {
			return nil
		}
	}
}

// equalFold compares ASCII, with word in lower case.
func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

func hasPrefixFold(text []byte, word string) bool {
	return len(text) >= len(word) && equalFold(text[:len(word)], word)
}

func isSpace(c byte) bool {
	const spaces = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\f' | 1<<'\r'
	return c <= ' ' && uint64(spaces)>>(c&63)&1 != 0
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }
