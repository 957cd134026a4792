package rewriter

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// holdsFrame reports whether a frame with this address is held back: a document in
// a data address, whose bytes are not to be changed, as a whole.
func (r *Rewriter) holdsFrame(address []byte) (service string, held bool) {
	document, asXML, ok := dataDocument(address)
	switch {
	case !ok:
		return r.holds(address)
	case document == nil, r.nesting >= maxNesting:
		return r.holds(nil)
	}
	inner := r.nested()
	inner.config.XML = asXML
	inner.scan(document, 0, true)
	service, held = inner.holder, inner.holding
	inner.release()
	if held {
		r.note(service)
	}
	return service, held
}

// dataDocument returns the document that a data address is (Fetch, section 6), nil
// if it cannot be read. ok reports that it is one that can load something.
func dataDocument(address []byte) (document []byte, asXML, ok bool) {
	for len(address) > 0 && address[0] <= ' ' {
		address = address[1:]
	}
	if len(address) == 0 || address[0]|0x20 != 'd' {
		return nil, false, false
	}
	address, _, _ = bytes.Cut(address, []byte("#"))
	text := strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(string(address))
	if !hasPrefixFold([]byte(text), "data:") {
		return nil, false, false
	}
	head, body, found := strings.Cut(text[len("data:"):], ",")
	head = strings.ToLower(head)
	mediaType, parameters, _ := strings.Cut(head, ";")
	asXML = strings.Contains(mediaType, "xml")
	if !found || !asXML && !strings.Contains(mediaType, "html") {
		return nil, false, false
	}
	document = percentDecoded(body)
	for parameter := range strings.SplitSeq(parameters, ";") {
		switch parameter = strings.TrimSpace(parameter); {
		case parameter == "base64":
			if plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(string(document)), ""), "=")); err == nil {
				document = plain
			}
		case strings.HasPrefix(parameter, "charset=") && !extendsASCII(parameter):
			return nil, asXML, true
		}
	}
	if bytes.HasPrefix(document, []byte("\xff\xfe")) || bytes.HasPrefix(document, []byte("\xfe\xff")) {
		return nil, asXML, true // UTF-16
	}
	return document, asXML, true
}

// extendsASCII reports whether the charset in a parameter is none of those where
// tags can be other bytes.
func extendsASCII(parameter string) bool {
	for _, wide := range []string{"utf-16", "2022", "hz-", "ucs-", "unicode", "10646"} {
		if strings.Contains(parameter, wide) {
			return false
		}
	}
	return true
}

// percentDecoded decodes text as a URL does, which leaves alone what is no escape.
func percentDecoded(text string) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			c = hexValue(text[i+1])<<4 | hexValue(text[i+2])
			i += 2
		}
		out = append(out, c)
	}
	return out
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
