package rewriter

import "bytes"

// Refreshes calls each with the addresses that a Refresh header, or a meta element
// like it, may lead to (WHATWG 4.2.5.3, shared declarative refresh steps), until
// it returns false. In quotes there are two: Chromium reads up to the last quote.
func Refreshes(value []byte, each func(address []byte) bool) {
	value = bytes.TrimSpace(value)
	n := 0
	for n < len(value) && (value[n] >= '0' && value[n] <= '9' || value[n] == '.') {
		n++
	}
	separated := bytes.TrimLeft(value[n:], " \t\n\f\r")
	switch {
	case n == 0:
		return
	case len(separated) > 0 && (separated[0] == ';' || separated[0] == ','):
		separated = separated[1:]
	case len(separated) == len(value[n:]):
		return
	}
	value = bytes.TrimLeft(separated, " \t\n\f\r")
	if hasPrefixFold(value, "url") {
		if after := bytes.TrimLeft(value[3:], " \t\n\f\r"); len(after) > 0 && after[0] == '=' {
			value = bytes.TrimLeft(after[1:], " \t\n\f\r")
		}
	}
	if len(value) > 0 && (value[0] == '"' || value[0] == '\'') {
		quote := value[0]
		value = value[1:]
		if first := bytes.IndexByte(value, quote); first >= 0 {
			if last := bytes.LastIndexByte(value, quote); last > first && !each(bytes.TrimSpace(value[:last])) {
				return
			}
			value = value[:first]
		}
	}
	if value = bytes.TrimSpace(value); len(value) > 0 {
		each(value)
	}
}
