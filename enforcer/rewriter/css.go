package rewriter

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Invalid is put before an address in a style sheet that is held back, followed
// by the service's id and ";": about:invalid loads nothing (CSS Values 4,
// section 4.5.4), and what stands behind "#" is the original.
const Invalid = "about:invalid#cookie-consent-service="

// css is where a style sheet is read, between two chunks. It follows CSS Syntax
// as far as addresses go: url(), @import, and the strings of functions that take
// images by name.
type css struct {
	pass     byte // a string or address that may be whatever it is goes up to this
	comment  bool
	imports  bool // @import waits for its address
	names    bool // @namespace, whose addresses name and do not load
	depth    int  // of parentheses
	byString int  // depth inside of which strings are addresses, 0 none
}

// maxWord is how far back a function's name is looked for.
const maxWord = 128

// cssStop marks the bytes that matter in a style sheet.
var cssStop = func() (stop [256]bool) {
	for _, c := range []byte("/\"'()@\\;{}") {
		stop[c] = true
	}
	return stop
}()

// read reads data[i:] and calls hold with each address and its place, which is
// where something can be put before it. It returns how far it got.
func (s *css) read(data []byte, i int, final bool, hold func(at int, address []byte)) int {
	safe := i // what lies before may be forgotten
	for i < len(data) {
		if s.comment || s.pass != 0 {
			n, ended := s.skip(data, i, final)
			i, safe = n, n
			if !ended {
				return i
			}
			continue
		}
		c := data[i]
		if !cssStop[c] {
			i++
			continue
		}
		next := i + 1
		switch c {
		case '/':
			if next == len(data) && !final {
				return s.before(data, safe, i)
			}
			if next < len(data) && data[next] == '*' {
				s.comment = true
				next++
			}
		case '\\':
			if next == len(data) && !final {
				return s.before(data, safe, i)
			}
			next++
		case ';', '{', '}':
			s.imports, s.names = false, false
			if c != ';' {
				s.depth, s.byString = 0, 0
			}
			safe = next
		case '"', '\'':
			if next = s.str(data, i, final, hold); next < 0 {
				return i
			}
			safe = next
		case '@':
			word, end := cssName(data, next)
			if end == len(data) && !final && end-i < maxWord {
				return i
			}
			s.imports, s.names = equalFold(word, "import"), equalFold(word, "namespace")
			next = end
		case '(':
			word := cssWord(data[safe:i])
			if equalFold(word, "url") {
				if next = s.url(data, i, final, hold); next < 0 {
					return s.before(data, safe, i)
				}
				safe = next
				break
			}
			s.depth++
			if s.byString == 0 && takesStrings(word) {
				s.byString = s.depth
			}
		case ')':
			if s.depth == s.byString {
				s.byString = 0
			}
			s.depth = max(0, s.depth-1)
		}
		i = min(next, len(data))
	}
	if final {
		return len(data)
	}
	return s.before(data, safe, len(data))
}

// before returns where the word that ends at i begins, or may begin when there
// are escapes.
func (s *css) before(data []byte, safe, i int) int {
	return i - len(cssTail(data[safe:i]))
}

// cssTail returns the end of data that a name can be in which ends there.
func cssTail(data []byte) []byte {
	from := max(0, len(data)-maxWord)
	hasEscape := bytes.IndexByte(data[from:], '\\') >= 0
	start := len(data)
	for start > from && (cssWordByte(data[start-1]) || hasEscape && isSpace(data[start-1])) {
		start--
	}
	return data[start:]
}

// skip goes to the end of a comment, or of a string or address that passes.
func (s *css) skip(data []byte, i int, final bool) (int, bool) {
	if s.comment {
		at, ended := past(data, i, "*/", final)
		s.comment = !ended
		return at, ended
	}
	for ; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			n := escaped(data[i:])
			if n == 0 && !final {
				return i, false
			}
			i += max(n, 1) - 1
		case c == s.pass || s.pass != ')' && (c == '\n' || c == '\r' || c == '\f'):
			s.pass = 0
			return i + 1, true
		}
	}
	return len(data), false
}

// str reads the string that begins at i, and returns its end, or -1 for more.
func (s *css) str(data []byte, i int, final bool, hold func(at int, address []byte)) int {
	address := s.imports || s.byString > 0
	s.imports = false
	window, full := within(data, i)
	end := stringEnd(window, i+1, data[i])
	switch {
	case !address || s.names || isData(data[i+1:]) || end < 0 && full:
		if address && !s.names && !isData(data[i+1:]) {
			hold(i+1, nil) // it is too long to be known
		}
		s.pass = data[i]
		return i + 1
	case end < 0 && !final:
		s.imports = address && s.byString == 0
		return -1
	case end < 0:
		end = len(data)
	}
	hold(i+1, cssDecode(data[i+1:end]))
	return min(end+1, len(data))
}

// stringEnd returns where quote, or a line break, ends the string, or -1.
func stringEnd(data []byte, i int, quote byte) int {
	for ; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i += max(escaped(data[i:]), 1) - 1
		case c == quote || c == '\n' || c == '\r' || c == '\f':
			return i
		}
	}
	return -1
}

// escaped returns how much the backslash at the beginning of data takes the
// meaning from: itself and a byte, or a line break of two; 0 if more is needed.
func escaped(data []byte) int {
	switch {
	case len(data) == 1, len(data) == 2 && data[1] == '\r':
		return 0
	case data[1] == '\r' && data[2] == '\n':
		return 3
	}
	return 2
}

// url reads url( with its parenthesis at i, and returns its end, or -1 for more.
func (s *css) url(data []byte, i int, final bool, hold func(at int, address []byte)) int {
	start := i + 1
	for start < len(data) && isSpace(data[start]) {
		start++
	}
	if start-i > maxTag { // an address that begins so late is none
		hold(i+1, nil)
		s.imports, s.pass = false, ')'
		return i + 1
	}
	if start == len(data) && !final {
		return -1
	}
	if start < len(data) && (data[start] == '"' || data[start] == '\'') {
		wasImport := s.imports
		s.imports = true
		end := s.str(data, start, final, hold)
		s.imports = end < 0 && wasImport
		if end >= 0 {
			s.depth++
		}
		return end
	}
	window, full := within(data, start)
	end := -1
	for k := start; k < len(window) && end < 0; k++ {
		switch data[k] {
		case '\\':
			k++ // a line break is no escape, and loads nothing
		case ')':
			end = k
		}
	}
	if end < 0 && !final && !isData(data[start:]) && !full {
		return -1
	}
	s.imports = false
	switch {
	case s.names || isData(data[start:]):
	case end < 0 && full:
		hold(start, nil)
	case end < 0:
		hold(start, cssDecode(data[start:]))
	default:
		hold(start, cssDecode(bytes.TrimRight(data[start:end], " \t\n\f\r")))
	}
	if end < 0 {
		s.pass = ')'
		return start
	}
	return end + 1
}

// isData reports whether an address begins with data:, which loads nothing.
func isData(address []byte) bool { return hasPrefixFold(address, "data:") }

// takesStrings reports whether strings in a function are addresses.
func takesStrings(function []byte) bool {
	for _, name := range []string{"src", "image", "image-set", "-webkit-image-set"} {
		if equalFold(function, name) {
			return true
		}
	}
	return false
}

func cssWordByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '\\' || c >= 0x80
}

// cssName returns the name that begins at i, with its escapes decoded, and its end.
func cssName(data []byte, i int) ([]byte, int) {
	end := cssNameEnd(data[:min(len(data), i+maxWord)], i)
	return cssDecode(data[i:end]), end
}

// cssWord returns the name at the end of data, with its escapes decoded.
func cssWord(data []byte) []byte {
	tail := cssTail(data)
	if bytes.IndexByte(tail, '\\') < 0 {
		return tail[bytes.LastIndexAny(tail, " \t\n\f\r")+1:]
	}
	for i := 0; i < len(tail); {
		if isSpace(tail[i]) {
			i++
			continue
		}
		end := cssNameEnd(tail, i)
		if end == len(tail) {
			return cssDecode(tail[i:])
		}
		i = max(end, i+1)
	}
	return nil
}

// cssNameEnd returns where the name that begins at i ends.
func cssNameEnd(data []byte, i int) int {
	for i < len(data) && cssWordByte(data[i]) {
		if data[i] != '\\' {
			i++
			continue
		}
		if i+1 < len(data) && (data[i+1] == '\n' || data[i+1] == '\r' || data[i+1] == '\f') {
			return i // a line break is no escape
		}
		n := 0
		for i++; n < 6 && i < len(data) && isHex(data[i]); n++ {
			i++
		}
		switch {
		case n == 0:
			i++
		case i+1 < len(data) && data[i] == '\r' && data[i+1] == '\n':
			i += 2
		case i < len(data) && isSpace(data[i]):
			i++
		}
	}
	return min(i, len(data))
}

// cssDecode resolves the escapes of CSS (CSS Syntax 3, section 4.3.7).
func cssDecode(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		n := 0
		for n < 6 && i+n < len(text) && isHex(text[i+n]) {
			n++
		}
		switch {
		case n > 0:
			code, _ := strconv.ParseUint(string(text[i:i+n]), 16, 32)
			out = utf8.AppendRune(out, rune(code))
			i += n - 1
			if bytes.HasPrefix(text[i+1:], []byte("\r\n")) {
				i += 2
			} else if i+1 < len(text) && isSpace(text[i+1]) {
				i++
			}
		case text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n':
			i++
		case text[i] == '\n' || text[i] == '\r' || text[i] == '\f': // a line goes on
		default:
			out = append(out, text[i])
		}
	}
	return out
}
