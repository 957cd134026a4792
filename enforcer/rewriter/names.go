package rewriter

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
	kind   kind
	wanted uint32 // attributes to read
	breaks bool   // ends foreign content (WHATWG 13.2.6.5)
	bare   bool   // without an attribute that is wanted, it means nothing in a body
	void   bool   // it has no end tag
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
		"html": {kind: root, wanted: wants(aLang, aStyle)}, "head": {kind: head, wanted: wants(aStyle), breaks: true},
		"body": {kind: body, wanted: wants(aBackground, aStyle), breaks: true}, "frameset": {kind: frameset, wanted: wants(aStyle)},
		"base":  {kind: base, wanted: wants(aHref), void: true},
		"meta":  {kind: meta, wanted: wants(aHTTPEquiv, aContent, aCharset), breaks: true, void: true},
		"title": {kind: title, wanted: wants(aStyle)}, "link": {kind: link, wanted: wants(aRel, aHref, aImageSrcset), void: true},
		"style": {kind: style, wanted: wants(aType)}, "script": {kind: script, wanted: wants(aSrc, aHref, aXlinkHref, aType, aLanguage, aAttributionSrc)},
		"noscript": {kind: noscript}, "template": {kind: template}, "basefont": {kind: inHead, void: true}, "bgsound": {kind: inHead, void: true},
		"textarea": {kind: textarea, wanted: wants(aStyle)}, "xmp": {kind: xmp, wanted: wants(aStyle)},
		"iframe": {kind: iframe, wanted: wants(aSrc, aSrcdoc, aSandbox, aID, aStyle)}, "noembed": {kind: noembed, wanted: wants(aStyle)},
		"noframes": {kind: noframes, wanted: wants(aStyle)}, "plaintext": {kind: plaintext, wanted: wants(aStyle)},
		"frame":  {kind: frame, wanted: wants(aSrc, aID, aStyle), void: true},
		"object": {kind: object, wanted: wants(aData, aType, aID, aStyle)}, "embed": {kind: embed, wanted: wants(aSrc, aType, aID, aStyle), breaks: true, void: true},
		"img":   {kind: img, wanted: wants(aSrc, aSrcset, aAttributionSrc, aStyle), breaks: true, bare: true, void: true},
		"image": {kind: image, wanted: wants(aSrc, aSrcset, aHref, aXlinkHref, aStyle)}, "source": {kind: source, wanted: wants(aSrc, aSrcset, aStyle), void: true},
		"video": {kind: video, wanted: wants(aSrc, aPoster, aID, aStyle)}, "audio": {kind: audio, wanted: wants(aSrc, aID, aStyle)},
		"track": {kind: track, wanted: wants(aSrc, aStyle), void: true}, "input": {kind: input, wanted: wants(aSrc, aType, aStyle), void: true},
		"portal": {kind: portal, wanted: wants(aSrc, aStyle)},
		"font":   {kind: font, wanted: wants(aStyle, aFont), bare: true},
		"svg":    {kind: svg, wanted: wants(aStyle, aPaint)}, "math": {kind: mathML, wanted: wants(aStyle)},
		"use": {kind: svgReference, wanted: wants(aHref, aXlinkHref, aStyle)}, "feimage": {kind: svgReference, wanted: wants(aHref, aXlinkHref, aStyle)},
		"foreignobject": {kind: svgDocument, wanted: wants(aStyle)}, "desc": {kind: svgDocument, wanted: wants(aStyle)},
		"annotation-xml": {kind: annotation, wanted: wants(aEncoding, aStyle)}, "br": {kind: br, wanted: wants(aStyle), breaks: true, bare: true, void: true},
	} {
		elements.add(name, e)
	}
	for _, name := range []string{"mi", "mo", "mn", "ms", "mtext"} {
		elements.add(name, element{kind: mathText, wanted: wants(aStyle)})
	}
	for _, name := range []string{"a", "area"} {
		elements.add(name, element{kind: hyperlink, wanted: wants(aPing, aAttributionSrc, aStyle), bare: true, void: name == "area"})
	}
	for _, name := range []string{"lineargradient", "radialgradient", "pattern", "textpath"} {
		elements.add(name, element{kind: svgReference, wanted: wants(aHref, aXlinkHref, aStyle)})
	}
	for _, name := range []string{"col", "keygen", "param", "wbr"} {
		elements.add(name, element{wanted: wants(aStyle), bare: true, void: true})
	}
	for name, breaks := range map[string]bool{"table": true, "thead": false, "tbody": false, "tfoot": false, "tr": false, "td": false, "th": false} {
		elements.add(name, element{kind: backdrop, wanted: wants(aBackground, aStyle), breaks: breaks, bare: true})
	}
	for _, name := range []string{
		"b", "big", "blockquote", "center", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "li",
		"listing", "menu", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub", "sup", "tt", "u", "ul", "var",
	} {
		elements.add(name, plainBreaking)
	}
	elements.add("hr", element{wanted: wants(aStyle), breaks: true, bare: true, void: true})
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

// nameTable finds what is known of a name by its key: its last eight bytes in
// lower case, and its length.
type nameTable[T any] struct {
	slots [256]nameSlot[T]
}

type nameSlot[T any] struct {
	key   uint64
	name  string
	value T
}

func slotOf(key uint64, length int) uint64 {
	return ((key + uint64(length)) * 0x9E3779B97F4A7C15) >> 56
}

func keyOf[T string | []byte](name T) (key uint64) {
	for i := range len(name) {
		key = key<<8 | uint64(fold[name[i]])
	}
	return key
}

func (t *nameTable[T]) add(name string, value T) {
	key := keyOf(name)
	at := slotOf(key, len(name))
	for t.slots[at].name != "" {
		at = (at + 1) & uint64(len(t.slots)-1)
	}
	t.slots[at] = nameSlot[T]{key, name, value}
}

// find returns nil for a name that is not in the table.
func (t *nameTable[T]) find(key uint64, name []byte) *T {
	for at := slotOf(key, len(name)); ; at = (at + 1) & uint64(len(t.slots)-1) {
		slot := &t.slots[at]
		if slot.name == "" {
			return nil
		}
		if slot.key == key && len(slot.name) == len(name) && (len(name) <= 8 || equalFold(name, slot.name)) {
			return &slot.value
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
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }
