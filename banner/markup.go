package banner

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"
)

// markup is rendered text with slots: one behind each piece but the last.
type markup struct{ pieces, slots []string }

// allSlots are all there are. Each has slotMark in it, behind at most a slash.
var allSlots = []string{siteSlot, returnSlot, querySlot, originSlot, nonceSlot, toldSlot, hostSlot, linkSlot, sourceSlot, changeSlot}

const slotMark = "cookieconsent"

func cut(rendered string) (m markup) {
	from := 0
	for at := 0; ; {
		next := strings.Index(rendered[at:], slotMark)
		if next < 0 {
			m.pieces = append(m.pieces, ascii(rendered[from:]))
			return m
		}
		start := at + next
		at = start + len(slotMark)
		if start > from && rendered[start-1] == '/' && strings.HasPrefix(rendered[start-1:], originSlot) {
			start--
		}
		for _, slot := range allSlots {
			if strings.HasPrefix(rendered[start:], slot) {
				m.pieces, m.slots = append(m.pieces, ascii(rendered[from:start])), append(m.slots, slot)
				from = start + len(slot)
				at = from
				break
			}
		}
	}
}

func (m markup) fill(dst []byte, values map[string]string) []byte {
	for i, piece := range m.pieces {
		dst = append(dst, piece...)
		if i < len(m.slots) {
			dst = append(dst, values[m.slots[i]]...)
		}
	}
	return dst
}

// escape writes text so that it can stand in an element or an attribute.
func escape(text string) string { return ascii(template.HTMLEscapeString(text)) }

// ascii writes what is not ASCII as numeric character references. What no XML
// document can hold becomes U+FFFD.
func ascii(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= utf8.RuneSelf }) < 0 {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
			out.WriteString("&#65533;")
		case r < utf8.RuneSelf:
			out.WriteByte(text[i])
		case size == 1:
			fmt.Fprintf(&out, "%%%02X", text[i]) // a stray byte of an address
		default:
			fmt.Fprintf(&out, "&#%d;", r)
		}
		i += size
	}
	return out.String()
}
