// Package rewriter holds back what a streamed HTML document would load, and puts
// markup in where its head and its body begin. Every other byte leaves as it came.
//
// It follows the WHATWG tokenizer and tree construction as far as they decide
// what is a tag and where a body begins: what looks like a tag in a comment, a
// script or a title is none, SVG and MathML have rules of their own, and start
// and end tags of html, head and body may be left out. All it does is put bytes
// in: an attribute that is held back gets a longer name, so taking the marks out
// gives the document as it was. Bytes leave in the call that brings them, but
// for a tag, or a script that must be known whole, up to 64 KiB: of a longer tag
// the beginning leaves, and what cannot be decided any more is held back. What is
// decided depends on no chunk, but where the head's insertion stands may.
//
// It never writes before a doctype. Nothing is inserted into a fragment, nor
// into a frameset, but for one that comes behind elements of a body, which
// nobody can foresee. It sees no header and knows no consent: a Gate decides.
package rewriter

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

// maxTag is the longest tag or script that is held until it is whole.
const maxTag = 64 << 10

// maxNesting bounds frames in srcdoc in frames.
const maxNesting = 8

// maxStandIns bounds how much longer stand-ins make a document.
const maxStandIns = 200

// What marks an element that is held back: the service on itself, and each
// attribute that was taken under a longer name.
const (
	Mark   = "data-cookie-consent-service"
	Prefix = "data-cookie-consent-"
)

// Page is what the head of a document says that an insertion depends on.
type Page struct {
	Lang string // of <html lang>
	Base string // the address of <base href>, against which links resolve
}

// Gate decides what a document may load, for one visitor. Addresses come as the
// document has them, with character references and escapes decoded.
type Gate interface {
	// Holds reports whether a load from address is held back, and the service it
	// belongs to: empty when no consent is asked for it, or nobody declared it.
	Holds(address []byte) (service string, held bool)
	// Base takes note of the address of <base href>.
	Base(address string)
	// Marks reports whether there are scripts to tell by their text.
	Marks() bool
	// HoldsScript reports whether an inline script is held back.
	HoldsScript(text []byte) (service string, held bool)
	// StandIn returns what stands where a frame is held back, nil for nothing.
	StandIn(page Page, frame Frame) []byte
	// Admit returns a Content-Security-Policy of the document's own, such that it
	// admits what is inserted.
	Admit(policy string) string
}

// Config is what a Rewriter is told of a document.
type Config struct {
	Whole   bool // it is known to be a document, even if no tag says so
	XML     bool // it is XHTML
	Charset bool // its charset is known from elsewhere
	// Head and Body append to dst what to insert before the first script, and where
	// the body begins. Each is called at most once; nil inserts nothing.
	Head, Body func(dst []byte, page Page) []byte
	// Gate holds loads back; nil lets all pass.
	Gate Gate
	// Anchor is given, as its id, to the frame that a visitor has just allowed.
	Anchor string
}

// Rewriter is a stream. Write to it, and close it at the end.
type Rewriter struct {
	out    io.Writer
	config Config
	page   Page

	held   []byte    // what is not whole yet
	in     text      // what the scanner is inside of
	rest   rest      // of a tag that is too long to be held
	open   []open    // the elements it is in, not in XML
	inner  *Rewriter // that reads a noscript or CDATA section
	player player

	foreign   int // how many are open up to the outermost svg or math, 0 without one
	paragraph int // up to the last p, if it is still open
	link      int // up to the last a or nobr, if it is still open
	template  int // depth of open template elements
	frames    int // that belong to a service
	standIns  int // that were put in

	start     bool // nothing was read yet
	seeking   bool // where the body begins is not known yet
	document  bool // a tag or doctype has shown that this is a whole document
	charset   bool // the document has named its charset
	headed    bool // the insertion of the head is done
	afterHead bool // the head has ended
	frameset  bool // instead of a body
	done      bool // the rest passes unseen
	read      int  // bytes that have left, while seeking

	edits      []edit
	arena      []byte // the bytes of edits
	attrs      []attribute
	scratch    []byte
	nesting    int
	scriptless bool   // it is read as by a browser without script
	ahead      bool   // it is read as Chromium looks ahead for what to load
	holding    bool   // something is held back
	holder     string // the first service that it belongs to
	lang       string // of the document before, most often the same
}

// edit puts arena[from:to] in before data[at].
type edit struct{ at, from, to int }

var pool = sync.Pool{New: func() any { return new(Rewriter) }}

// maxPooled bounds the memory that waits for reuse in one Rewriter.
const maxPooled = 256 << 10

// New returns a Rewriter to out. It must not be used once it is closed.
func New(out io.Writer, c Config) *Rewriter {
	r := pool.Get().(*Rewriter)
	r.out, r.config = out, c
	r.start, r.seeking, r.document = true, !(c.Body == nil && c.Head == nil), c.Whole
	r.headed = c.Head == nil
	return r
}

// release makes r ready for another document.
func (r *Rewriter) release() {
	if r.inner != nil {
		r.inner.release()
	}
	if cap(r.held)+cap(r.arena)+cap(r.scratch) > maxPooled {
		*r = Rewriter{}
	} else {
		*r = Rewriter{
			held: r.held[:0], open: r.open[:0], edits: r.edits[:0], arena: r.arena[:0],
			attrs: r.attrs[:0], scratch: r.scratch[:0], lang: r.lang,
		}
	}
	pool.Put(r)
}

// Write passes p on, with what is inserted into it.
func (r *Rewriter) Write(p []byte) (int, error) {
	if r.done {
		return r.out.Write(p)
	}
	data := p
	if len(r.held) > 0 {
		r.held = append(r.held, p...)
		data = r.held
	}
	at := r.scan(data, 0, false)
	if err := r.emit(data[:at]); err != nil {
		return 0, err
	}
	r.held = append(r.held[:0], data[at:]...)
	return len(p), nil
}

// Close passes on what was held. A document whose body never began gets its
// insertion at the end.
func (r *Rewriter) Close() error {
	data := r.held
	if !r.done {
		r.scan(data, 0, true)
		if r.seeking && r.document && r.template == 0 && r.in.in == markup && len(data) == 0 && !r.start && !r.config.XML {
			r.bodyBegins(0)
		}
	}
	err := r.emit(data)
	r.release()
	return err
}

// Abort passes on what was held of a document that breaks off.
func (r *Rewriter) Abort() error {
	r.seeking = false
	data := r.held
	if !r.done {
		r.scan(data, 0, true)
	}
	err := r.emit(data)
	r.release()
	return err
}

// Unseen reports whether all that is still to be written passes unseen.
func (r *Rewriter) Unseen() bool { return r.done && len(r.held) == 0 }

// emit writes data with its edits, which are then forgotten.
func (r *Rewriter) emit(data []byte) error {
	r.order()
	at, n := 0, 0
	for ; n < len(r.edits) && r.edits[n].at <= len(data); n++ {
		e := r.edits[n]
		if e.from == e.to {
			continue
		}
		if err := r.write(data[at:e.at]); err != nil {
			return err
		}
		if err := r.write(r.arena[e.from:e.to]); err != nil {
			return err
		}
		at = e.at
	}
	if r.edits = r.edits[:copy(r.edits, r.edits[n:])]; len(r.edits) == 0 {
		r.arena = r.arena[:0]
	}
	for i := range r.edits {
		r.edits[i].at -= len(data)
	}
	if r.seeking {
		r.read += len(data)
	}
	return r.write(data[at:])
}

// order puts the edits in the order of their places. What is held back in the text
// of a style sheet is found before what is held back in the tags in it.
func (r *Rewriter) order() {
	if byPlace := func(a, b edit) int { return a.at - b.at }; !slices.IsSortedFunc(r.edits, byPlace) {
		slices.SortStableFunc(r.edits, byPlace)
	}
}

func (r *Rewriter) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := r.out.Write(data)
	return err
}

// insert notes that parts stand before data[at].
func (r *Rewriter) insert(at int, parts ...string) {
	from := len(r.arena)
	for _, part := range parts {
		r.arena = append(r.arena, part...)
	}
	r.edits = append(r.edits, edit{at, from, len(r.arena)})
}

// byteOrderMark is that of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// scan reads data[i:] and returns how far it got: what lies behind is not whole,
// of which there is none if final.
func (r *Rewriter) scan(data []byte, i int, final bool) int {
	if r.start && len(data) > 0 {
		if !final && (len(data) < 3 && bytes.HasPrefix(byteOrderMark, data) || len(data) < 2 && data[0] >= 0xfe) {
			return 0
		}
		r.start = false
		if bytes.HasPrefix(data, byteOrderMark) {
			i = 3
		} else if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
			r.done = true // UTF-16
		}
	}
	for i < len(data) && !r.done {
		if !r.seeking && r.config.Gate == nil {
			r.done = true
			break
		}
		if r.in.in != markup {
			at, ended := r.inside(data, i, final)
			i = at
			if !ended {
				return i
			}
			continue
		}
		if r.seeking {
			for i < len(data) && (isSpace(data[i]) || (r.template > 0 || r.config.XML) && data[i] != '<') {
				i++
			}
			if i == len(data) {
				break
			}
			if data[i] != '<' {
				r.bodyBegins(i)
				continue
			}
		} else if data[i] != '<' {
			n := bytes.IndexByte(data[i:], '<')
			if n < 0 {
				return len(data)
			}
			i += n
		}
		edits, arena := len(r.edits), len(r.arena)
		next := 0
		switch {
		case i+1 < len(data) && isLetter(data[i+1]):
			next = r.startTag(data, i, final)
		case i+2 < len(data) && data[i+1] == '/' && isLetter(data[i+2]):
			next = r.endTag(data, i)
		default:
			next = r.markup(data, i, final)
		}
		if next == i { // it is not whole
			r.edits, r.arena = r.edits[:edits], r.arena[:arena]
			if final && r.ahead {
				r.holdOpen(data, i)
			}
			if final {
				return len(data)
			}
			return i
		}
		i = next
	}
	if r.done {
		return len(data)
	}
	return i
}

// inside goes on in what is no markup, or not at its beginning.
func (r *Rewriter) inside(data []byte, i int, final bool) (at int, ended bool) {
	switch r.in.in {
	case value:
		at, ended = r.rest.valueEnd(data, i)
		if ended {
			r.in.in = tagRest
		}
		return at, ended
	case tagRest:
		at = r.longTag(data, i, final)
		return at, at > i
	case styleSheet:
		end, ended := rawEnd(data, i, r.in.name, final)
		at = r.in.css.read(data[:end], i, ended || final, func(at int, address []byte) {
			if service, held := r.holds(address); held {
				r.insert(at, Invalid, service, ";")
			}
		})
		if ended {
			r.in = text{}
		}
		return at, ended
	case noscriptText, cdataText:
		return r.innerText(data, i, final)
	}
	at, ended = r.in.skip(data, i, final)
	if ended {
		r.in = text{}
	}
	return at, ended
}

// holds asks the gate. What is not known is held back for nobody.
func (r *Rewriter) holds(address []byte) (string, bool) {
	if address == nil {
		r.holding = true
		return "", true
	}
	service, held := r.config.Gate.Holds(address)
	if held {
		r.note(service)
	}
	return service, held
}

// note takes note of what is held back.
func (r *Rewriter) note(service string) {
	if r.holder == "" {
		r.holder = service
	}
	r.holding = true
}

// markup reads what begins with "<" at data[i] and is no tag, and returns where it
// ends, i when it is not whole.
func (r *Rewriter) markup(data []byte, i int, final bool) int {
	if i+1 >= len(data) {
		return r.lone(i, final)
	}
	switch data[i+1] {
	case '/':
		if i+2 >= len(data) {
			return r.lone(i, final)
		}
		r.in.in = bogus
		return i + 2
	case '!':
		return r.declaration(data, i, final)
	case '?':
		if r.config.XML {
			return r.instruction(data, i, final)
		}
		r.in.in = bogus
		return i + 1
	}
	return r.lone(i, true)
}

// lone reads a "<" that begins nothing, if that is known.
func (r *Rewriter) lone(i int, known bool) int {
	if !known {
		return i
	}
	if r.seeking && r.template == 0 {
		r.bodyBegins(i)
	}
	return i + 1
}

// declaration reads a doctype, or enters a comment or CDATA section.
func (r *Rewriter) declaration(data []byte, i int, final bool) int {
	rest := data[i:]
	for _, opening := range []string{"<!--", "<!doctype", "<![cdata["} {
		if n := min(len(rest), len(opening)); n < len(opening) && equalFold(rest[:n], opening[:n]) && !final {
			return i
		}
	}
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		r.in.in = commentOpen
		if r.config.XML {
			r.in.in = comment
		}
		return i + 4
	case r.hasCDATA() && bytes.HasPrefix(rest, []byte("<![CDATA[")):
		r.in.in = cdata
		if r.config.Gate != nil && !r.config.XML {
			r.lookAhead()
		}
		return i + 9
	case hasPrefixFold(rest, "<!doctype"):
		r.document = true
	}
	r.in.in = bogus
	return i + 2
}
