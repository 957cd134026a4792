package rewriter

import "bytes"

// text is what the scanner is inside of when no tag can begin there: a comment,
// or the content of a raw text element. It keeps what it needs across chunks.
type text struct {
	comment bool
	end     string // "-->" or ">" in comments, "</name" in raw text
	script  bool

	dashes  int // before the next byte, for "-->" and "--!>"
	bang    bool
	started bool // something but dashes has stood in the comment

	escape  int // script data: 0 plain, 1 escaped by <!--, 2 double escaped
	opening int // bytes matched of what changes escape
}

func (t *text) inside() bool { return t.end != "" }

// skip reads data up to the end of the text, and reports whether it was there.
// The end tag of an element is left to be read as a tag.
func (t *text) skip(data []byte) (n int, ended bool) {
	switch {
	case !t.comment:
		n, ended = t.rawEnd(data)
	case t.end == ">":
		n = bytes.IndexByte(data, '>') + 1
		ended = n > 0
	default:
		n = t.commentEnd(data)
		ended = n > 0
	}
	if ended {
		*t = text{}
	} else if t.comment {
		n = len(data)
	}
	return n, ended
}

// commentEnd returns the length up to and with the end of a comment: "-->",
// "--!>", and "<!-->" and "<!--->", whose text is empty.
func (t *text) commentEnd(data []byte) int {
	for i, c := range data {
		switch {
		case c == '>' && (!t.started || t.dashes >= 2 || t.bang):
			return i + 1
		case c == '-' && !t.bang:
			t.dashes++
			continue
		case c == '-':
			t.dashes, t.bang = 1, false
		case c == '!' && t.dashes >= 2:
			t.dashes, t.bang = 0, true
		default:
			t.dashes, t.bang = 0, false
		}
		t.started = true
	}
	return 0
}

// rawEnd returns how far data is content of the element, and whether its end
// tag begins there. What may be the beginning of an end tag is not counted.
func (t *text) rawEnd(data []byte) (int, bool) {
	for i, c := range data {
		if c == '<' && t.escape < 2 {
			rest := data[i:]
			if n := min(len(rest), len(t.end)); bytes.EqualFold(rest[:n], []byte(t.end[:n])) {
				switch {
				case len(rest) <= len(t.end):
					return i, false
				case endsName(rest[len(t.end)]):
					return i, true
				}
			}
		}
		if t.script {
			t.escapes(c)
		}
	}
	return len(data), false
}

func endsName(c byte) bool { return isSpace(c) || c == '/' || c == '>' }

// escapes follows the script data escaped states (WHATWG 13.2.5.18 and on): in
// "<!-- <script" an end tag closes the inner script only.
func (t *text) escapes(c byte) {
	if t.escape == 0 {
		if t.advance(c, "<!--") {
			t.escape, t.dashes = 1, 2
		}
		return
	}
	toggle := [...]string{1: "<script", 2: "</script"}[t.escape]
	switch {
	case c == '>' && t.dashes >= 2:
		t.escape, t.opening = 0, 0
	case t.opening == len(toggle):
		if endsName(c) {
			t.escape = 3 - t.escape
		}
		t.opening = 0
		if c == '<' {
			t.opening = 1
		}
	default:
		t.advance(c, toggle)
	}
	if c == '-' {
		t.dashes++
	} else {
		t.dashes = 0
	}
}

// advance matches word by one more byte and reports whether it is whole.
func (t *text) advance(c byte, word string) bool {
	want := word[t.opening]
	switch {
	case c == want || isLetter(want) && c|0x20 == want:
		t.opening++
	case c == '<':
		t.opening = 1
	default:
		t.opening = 0
	}
	if t.opening == len(word) && word == "<!--" {
		t.opening = 0
		return true
	}
	return false
}
