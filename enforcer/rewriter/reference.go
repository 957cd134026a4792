package rewriter

import (
	"bytes"
	"html"
	"strings"
)

// decode appends to dst the value that raw, an attribute's, stands for, with its
// character references resolved (WHATWG 13.2.5.72, as in an attribute), and to
// offsets where each byte comes from. offsets may be nil.
func decode(dst []byte, raw []byte, offsets []int32) ([]byte, []int32) {
	for i := 0; i < len(raw); {
		if raw[i] != '&' {
			n := bytes.IndexByte(raw[i:], '&')
			if n < 0 {
				n = len(raw) - i
			}
			dst = append(dst, raw[i:i+n]...)
			if offsets != nil {
				for k := range n {
					offsets = append(offsets, int32(i+k))
				}
			}
			i += n
			continue
		}
		text, n := reference(raw[i:])
		dst = append(dst, text...)
		if offsets != nil {
			for range len(text) {
				offsets = append(offsets, int32(i))
			}
		}
		i += n
	}
	return dst, offsets
}

// reference resolves the character reference that raw begins with, if it is one,
// and returns its length.
func reference(raw []byte) (string, int) {
	n := 1
	if n < len(raw) && raw[n] == '#' {
		n++
		if n < len(raw) && raw[n]|0x20 == 'x' {
			n++
		}
		start := n
		for n < len(raw) && isHex(raw[n]) && (raw[start-1]|0x20 == 'x' || raw[n] <= '9') {
			n++
		}
		if n == start {
			return "&", 1
		}
		if n < len(raw) && raw[n] == ';' {
			n++
		}
		return html.UnescapeString(string(raw[:n])), n
	}
	for n < len(raw) && (isLetter(raw[n]) || raw[n] >= '0' && raw[n] <= '9') {
		n++
	}
	switch {
	case n == 1:
		return "&", 1
	case n < len(raw) && raw[n] == ';':
		text := html.UnescapeString(string(raw[:n+1]))
		if strings.HasSuffix(text, ";") && text != ";" {
			return "&", 1 // unknown, or a shorter name is the beginning of it
		}
		return text, n + 1
	case n < len(raw) && raw[n] == '=':
		return "&", 1
	}
	text := html.UnescapeString(string(raw[:n]))
	if c := text[len(text)-1]; c < 0x80 && c == raw[n-1] && text != "&" && text != "<" && text != ">" && text != `"` {
		return "&", 1 // unknown, or a shorter name is the beginning of it
	}
	return text, n
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// escape appends text to dst so that it can stand in an attribute's value that
// quote encloses (0: none).
func escape(dst, text []byte, quote byte) []byte {
	for _, c := range text {
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '"':
			dst = append(dst, "&#34;"...)
		case c == '\'':
			dst = append(dst, "&#39;"...)
		case quote == 0 && c == ' ':
			dst = append(dst, "&#32;"...)
		case quote == 0 && c == '\n':
			dst = append(dst, "&#10;"...)
		case quote == 0 && c == '=':
			dst = append(dst, "&#61;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
