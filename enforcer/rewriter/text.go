package rewriter

import "bytes"

// text is what the scanner is inside of when no tag can begin there. It keeps
// what it needs across chunks.
type text struct {
	in     inside
	name   string // of the element whose text it is, in lower case
	escape int    // of a script: 0 plain, 1 escaped by <!--, 2 double escaped
	css    css    // of a style sheet
}

type inside uint8

const (
	markup       inside = iota // tags can begin
	comment                    // up to "-->" or "--!>"
	commentOpen                // right behind "<!--", where ">" and "->" end it too
	bogus                      // up to ">"
	instruction                // up to "?>", in XML
	cdata                      // up to "]]>"
	rawText                    // up to the end tag of name
	scriptText                 // the same, with escapes
	styleSheet                 // the same, with addresses to look at
	value                      // up to quote, of an attribute too long to be held
	tagRest                    // behind such a value, in the tag
	noscriptText               // up to the end tag of noscript, with markup to look at
	cdataText                  // up to "]]>", with what Chromium takes for markup
)

// skip reads data[i:] up to the end of the text. It returns how far it got, and
// whether the text ended there; what lies between and the end of data may be the
// beginning of its end and needs more bytes, of which there are none if final.
// The end tag of an element is left to be read as a tag.
func (t *text) skip(data []byte, i int, final bool) (at int, ended bool) {
	switch t.in {
	case commentOpen:
		rest := data[i:]
		switch {
		case len(rest) > 0 && rest[0] == '>':
			return i + 1, true
		case len(rest) > 1 && rest[0] == '-' && rest[1] == '>':
			return i + 2, true
		case !final && (len(rest) == 0 || len(rest) == 1 && rest[0] == '-'):
			return i, false
		}
		t.in = comment
		fallthrough
	case comment:
		return commentEnd(data, i, final)
	case bogus:
		return past(data, i, ">", final)
	case instruction:
		return past(data, i, "?>", final)
	case cdata:
		return past(data, i, "]]>", final)
	case scriptText:
		return t.scriptEnd(data, i, final)
	}
	return rawEnd(data, i, t.name, final)
}

// past returns the place behind end.
func past(data []byte, i int, end string, final bool) (int, bool) {
	if n := bytes.Index(data[i:], []byte(end)); n >= 0 {
		return i + n + len(end), true
	}
	if final {
		return len(data), false
	}
	return max(i, len(data)-len(end)+1), false
}

// commentEnd returns the place behind "-->" or "--!>".
func commentEnd(data []byte, i int, final bool) (int, bool) {
	for {
		n := bytes.Index(data[i:], []byte("--"))
		if n < 0 {
			if !final && len(data) > i && data[len(data)-1] == '-' {
				return len(data) - 1, false
			}
			return len(data), false
		}
		i += n + 2
		for i < len(data) && data[i] == '-' {
			i++
		}
		rest := data[i:]
		switch {
		case len(rest) > 0 && rest[0] == '>':
			return i + 1, true
		case len(rest) > 1 && rest[0] == '!' && rest[1] == '>':
			return i + 2, true
		case !final && (len(rest) == 0 || len(rest) == 1 && rest[0] == '!'):
			return i - 2, false
		}
	}
}

// rawEnd returns the place where the end tag of name begins.
func rawEnd(data []byte, i int, name string, final bool) (int, bool) {
	for {
		n := bytes.IndexByte(data[i:], '<')
		if n < 0 {
			return len(data), false
		}
		i += n
		switch tagBegins(data[i:], "</", name) {
		case yes:
			return i, true
		case unsure:
			if !final {
				return i, false
			}
		}
		i++
	}
}

type answer uint8

const (
	no answer = iota
	yes
	unsure // more bytes are needed
)

// tagBegins reports whether data begins with open and name, and the name ends.
func tagBegins(data []byte, open, name string) answer {
	for i := range min(len(data), len(open)) {
		if data[i] != open[i] {
			return no
		}
	}
	if len(data) <= len(open) {
		return unsure
	}
	data = data[len(open):]
	n := min(len(data), len(name))
	switch {
	case !equalFold(data[:n], name[:n]):
		return no
	case len(data) <= len(name):
		return unsure
	case fold[data[len(name)]] == 0:
		return yes
	}
	return no
}

// scriptEnd follows the script data states (WHATWG 13.2.5.4 and from 13.2.5.18
// on): in "<!-- <script" an end tag closes the inner script only.
func (t *text) scriptEnd(data []byte, i int, final bool) (int, bool) {
	for {
		n := bytes.IndexByte(data[i:], '<')
		if t.escape > 0 {
			until := data[i:]
			if n >= 0 {
				until = until[:n]
			}
			if end := bytes.Index(until, []byte("-->")); end >= 0 {
				t.escape = 0
				i += end + 3
				continue
			}
		}
		if n < 0 {
			at := len(data)
			for t.escape > 0 && !final && at > i && at > len(data)-2 && data[at-1] == '-' {
				at--
			}
			return at, false
		}
		i += n
		rest := data[i:]
		closes := tagBegins(rest, "</", "script")
		opens := no
		switch {
		case t.escape == 0 && bytes.HasPrefix(rest, []byte("<!--")):
			t.escape = 1
			i++ // the dashes may belong to "-->" too
		case t.escape == 0 && len(rest) < 4 && bytes.HasPrefix([]byte("<!--"), rest):
			opens = unsure
		case t.escape == 1:
			opens = tagBegins(rest, "<", "script")
		}
		switch {
		case (closes == unsure || opens == unsure) && !final:
			return i, false
		case closes == yes && t.escape < 2:
			return i, true
		case closes == yes:
			t.escape = 1
		case opens == yes:
			t.escape = 2
		}
		i++
	}
}
