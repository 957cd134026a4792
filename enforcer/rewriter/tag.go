package rewriter

import (
	"bytes"
	"html"
	"strings"
)

// tagEnd returns the length of the tag that begins at data[0], or 0 when it has
// not ended yet, and calls each with every attribute on the way (WHATWG
// 13.2.5.32 and on; a nil value means none was given).
func tagEnd(data []byte, each func(name, value []byte)) int {
	i := 1
	for i < len(data) && !isSpace(data[i]) && data[i] != '/' && data[i] != '>' || i == 1 {
		i++ // the name, or the slash of an end tag
	}
	for {
		for i < len(data) && (isSpace(data[i]) || data[i] == '/') {
			i++
		}
		if i >= len(data) {
			return 0
		}
		if data[i] == '>' {
			return i + 1
		}
		start := i
		for i++; i < len(data) && !isSpace(data[i]) && data[i] != '/' && data[i] != '>' && data[i] != '='; {
			i++ // an "=" in first place belongs to the name
		}
		name, value := data[start:i], []byte(nil)
		for i < len(data) && isSpace(data[i]) {
			i++
		}
		if i < len(data) && data[i] == '=' {
			if value, i = attributeValue(data, i+1); i == 0 {
				return 0
			}
		}
		each(name, value)
	}
}

// attributeValue reads the value behind an "=" and returns where it ends, 0 when
// it has not ended yet.
func attributeValue(data []byte, i int) (value []byte, end int) {
	for i < len(data) && isSpace(data[i]) {
		i++
	}
	if i == len(data) {
		return nil, 0
	}
	if quote := data[i]; quote == '"' || quote == '\'' {
		n := bytes.IndexByte(data[i+1:], quote)
		if n < 0 {
			return nil, 0
		}
		return data[i+1 : i+1+n], i + n + 2
	}
	start := i
	for i < len(data) && !isSpace(data[i]) && data[i] != '>' {
		i++
	}
	return data[start:i:i], i
}

// tagName returns the name in lower case.
func tagName(tag []byte) string {
	tag = bytes.TrimPrefix(tag[1:], []byte("/"))
	n := bytes.IndexAny(tag, " \t\n\f\r/>")
	return strings.ToLower(string(tag[:n]))
}

// attribute returns the value of the first attribute called name, with its
// character references decoded.
func attribute(tag []byte, name string) string {
	found, result := false, ""
	tagEnd(tag, func(n, value []byte) {
		if !found && strings.EqualFold(string(n), name) {
			found, result = true, html.UnescapeString(string(value))
		}
	})
	return result
}
