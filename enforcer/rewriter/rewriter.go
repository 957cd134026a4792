// Package rewriter puts markup into a streamed HTML document at the place where
// its body begins, and leaves every other byte as it came.
//
// It follows the WHATWG tokenizer and tree construction as far as they decide
// where a body begins: start and end tags of html, head and body may be left
// out, and what looks like a tag in a comment, a script or a title is none. It
// never writes before a doctype, nor into a fragment or a frameset, but for one
// that comes behind elements of a body, which nobody can foresee. Bytes leave
// in the call that brings them, but for a tag that has not ended yet; in doubt
// the document passes untouched. It sees no header and knows no consent.
package rewriter

import (
	"bytes"
	"io"
	"strings"
)

// maxTag is the longest tag that is waited for. Behind a longer one nothing is
// inserted.
const maxTag = 64 << 10

// Page is what the head of a document says that an insertion depends on.
type Page struct {
	Lang string // of <html lang>
	Base string // the address of <base href>, against which links resolve
}

// Rewriter is a stream with one insertion. Write to it, and close it at the end.
type Rewriter struct {
	out    io.Writer
	insert func(Page) []byte
	page   Page

	held     []byte // an unfinished tag or end of raw text
	text     text   // what the scanner is inside of
	template int    // depth of open template elements
	document bool   // a tag or doctype has shown that this is a whole document
	start    bool   // nothing was read yet
	done     bool   // the rest passes unseen
}

// New returns a Rewriter to out. insert is called at most once, and returns what
// to put in. whole tells that the document is known to be one, even if no tag
// says so.
func New(out io.Writer, whole bool, insert func(Page) []byte) *Rewriter {
	return &Rewriter{out: out, insert: insert, document: whole, start: true}
}

// Write passes p on, and what is inserted with it.
func (r *Rewriter) Write(p []byte) (int, error) {
	if r.done {
		return r.out.Write(p)
	}
	data := p
	if len(r.held) > 0 {
		r.held = append(r.held, p...)
		data = r.held
	}
	at, insertAt := r.scan(data)
	if insertAt >= 0 {
		r.done = true
		at = len(data)
	}
	if len(data)-at > maxTag {
		r.done = true
		at = len(data)
	}
	if err := r.emit(data[:at], insertAt); err != nil {
		return 0, err
	}
	r.held = append(r.held[:0], data[at:]...)
	return len(p), nil
}

// Close passes on what was held. A document whose body never began gets its
// insertion at the end.
func (r *Rewriter) Close() error {
	held := r.held
	r.held = nil
	insertAt := -1
	if !r.done && r.document && r.template == 0 && r.text.end == "" && !r.text.comment && len(held) == 0 && !r.start {
		insertAt = 0
	}
	r.done = true
	return r.emit(held, insertAt)
}

// Abort passes on what was held of a document that breaks off.
func (r *Rewriter) Abort() error {
	r.done = true
	return r.Close()
}

// emit writes data, with the insertion at insertAt unless that is negative.
func (r *Rewriter) emit(data []byte, insertAt int) error {
	if insertAt >= 0 {
		if err := r.write(data[:insertAt]); err != nil {
			return err
		}
		if err := r.write(r.insert(r.page)); err != nil {
			return err
		}
		data = data[insertAt:]
	}
	return r.write(data)
}

func (r *Rewriter) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := r.out.Write(data)
	return err
}

// scan reads data up to where it needs more, at. insertAt is where the body
// begins, or -1.
func (r *Rewriter) scan(data []byte) (at, insertAt int) {
	if r.start {
		if bytes.HasPrefix([]byte("\xef\xbb\xbf"), data) && len(data) < 3 {
			return 0, -1 // the beginning of a byte order mark
		}
		r.start = len(data) == 0
		if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
			at = 3
		} else if len(data) > 0 && data[0] >= 0xfe {
			r.done = true // UTF-16
			return len(data), -1
		}
	}
	for at < len(data) && !r.done {
		switch {
		case r.text.inside():
			n, ended := r.text.skip(data[at:])
			at += n
			if !ended {
				return at, -1
			}
		case data[at] == '<':
			n, begins := r.markup(data[at:])
			switch {
			case n == 0:
				return at, -1
			case begins == before:
				return at, at
			case begins == after:
				return at, at + n
			}
			at += n
		case isSpace(data[at]) || r.template > 0:
			at++
		case r.document:
			return at, at // text: the body begins
		default:
			r.done = true // a fragment
		}
	}
	if r.done {
		return len(data), -1
	}
	return at, -1
}

// begins tells where the body begins, seen from a piece of markup.
type begins int

const (
	not begins = iota
	before
	after
)

// markup reads what begins with "<" at data[0] and returns its length, 0 when it
// has not ended yet.
func (r *Rewriter) markup(data []byte) (int, begins) {
	if len(data) < 2 {
		return 0, not
	}
	switch c := data[1]; {
	case c == '!':
		return r.declaration(data)
	case c == '?':
		return r.comment(1, ">")
	case c == '/' && len(data) < 3:
		return 0, not
	case c == '/' && !isLetter(data[2]):
		return r.comment(2, ">")
	case c == '/', isLetter(c):
		n := tagEnd(data, func(_, _ []byte) {})
		if n == 0 {
			return 0, not
		}
		return n, r.tag(data[:n])
	case r.template > 0:
		return 1, not
	}
	return 1, r.bodyBegins()
}

// comment enters a comment, whose text begins at skip and ends with end.
func (r *Rewriter) comment(skip int, end string) (int, begins) {
	r.text = text{comment: true, end: end}
	return skip, not
}

// declaration reads a doctype, or enters a comment.
func (r *Rewriter) declaration(data []byte) (int, begins) {
	for _, opening := range []string{"<!--", "<!doctype"} {
		if n := min(len(data), len(opening)); strings.EqualFold(string(data[:n]), opening[:n]) && n < len(opening) {
			return 0, not
		}
	}
	switch {
	case data[2] == '-' && data[3] == '-':
		return r.comment(4, "-->")
	case len(data) >= 9 && strings.EqualFold(string(data[2:9]), "doctype"):
		r.document = true
	}
	return r.comment(2, ">")
}

// bodyBegins answers for a token that a body would begin with.
func (r *Rewriter) bodyBegins() begins {
	if r.document {
		return before
	}
	r.done = true // a fragment
	return not
}

// tag reads one whole tag.
func (r *Rewriter) tag(tag []byte) begins {
	name := tagName(tag)
	closing := tag[1] == '/'
	switch {
	case name == "template" && closing:
		r.template = max(0, r.template-1)
	case closing:
		if r.template == 0 && (name == "body" || name == "html" || name == "br") {
			return r.bodyBegins()
		}
	case name == "template":
		r.template++
	case r.template > 0 && name == "plaintext":
		r.done = true
	case rawText[name] || r.template > 0 && rawTextInBody[name]:
		r.text = text{end: "</" + name, script: name == "script"}
	case r.template > 0:
	case name == "html":
		if r.page.Lang == "" {
			r.page.Lang = attribute(tag, "lang")
		}
		r.document = true
	case name == "base":
		if r.page.Base == "" {
			r.page.Base = attribute(tag, "href")
		}
	case name == "head":
		r.document = true
	case name == "body":
		r.document = true
		return after
	case name == "frameset":
		r.done = true
	case !inHead[name]:
		return r.bodyBegins()
	}
	return not
}

// rawText elements hold text in which no tag begins, but their own end. A
// noscript in the head is passed over whole: its content is for browsers
// without script, and no body begins in it for others.
var rawText = map[string]bool{"script": true, "style": true, "title": true, "noframes": true, "noscript": true}

// rawTextInBody elements hold such text too. A body begins before them, but
// where they stand in a template.
var rawTextInBody = map[string]bool{"textarea": true, "xmp": true, "iframe": true, "noembed": true}

// inHead elements, beside those of rawText and template, stand in the head.
var inHead = map[string]bool{"basefont": true, "bgsound": true, "link": true, "meta": true}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'
}

func isLetter(c byte) bool { c |= 0x20; return c >= 'a' && c <= 'z' }
