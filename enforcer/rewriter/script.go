package rewriter

import (
	"bytes"
	"encoding/json"
)

// scriptKind is what becomes of a script element.
type scriptKind uint8

const (
	dataBlock scriptKind = iota // nothing
	executable
	importMap
	speculationRules
)

// scriptKind follows WHATWG 4.12.1.1, prepare the script element.
func (r *Rewriter) scriptKind(data []byte) scriptKind {
	declared := r.first(aType)
	if declared == nil {
		language := r.first(aLanguage)
		if language == nil || language.value == language.end {
			return executable
		}
		return kindOfScript(append([]byte("text/"), r.decoded(data, language)...))
	}
	if declared.value == declared.end {
		return executable
	}
	return kindOfScript(bytes.Trim(r.decoded(data, declared), " \t\n\f\r"))
}

func kindOfScript(mediaType []byte) scriptKind {
	var lower [32]byte
	if len(mediaType) > len(lower) {
		return dataBlock
	}
	for i, c := range mediaType {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	switch string(lower[:len(mediaType)]) {
	case "module", "text/javascript", "application/javascript", "application/ecmascript", "application/x-ecmascript",
		"application/x-javascript", "text/ecmascript", "text/javascript1.0", "text/javascript1.1", "text/javascript1.2",
		"text/javascript1.3", "text/javascript1.4", "text/javascript1.5", "text/jscript", "text/livescript",
		"text/x-ecmascript", "text/x-javascript":
		return executable
	case "importmap":
		return importMap
	case "speculationrules":
		return speculationRules
	}
	return dataBlock
}

// needsText reports whether the text of an inline script decides on it.
func (r *Rewriter) needsText(data []byte) bool {
	switch r.scriptKind(data) {
	case executable:
		return r.config.Gate.Marks()
	case importMap, speculationRules:
		return true
	}
	return false
}

// holdScript holds back a script that comes from elsewhere, or whose text tells
// whose it is.
func (r *Rewriter) holdScript(data []byte, p int, c content) {
	is := r.scriptKind(data)
	place := r.placeholder(p)
	reporting, reports := "", false
	if a := r.first(aAttributionSrc); a != nil {
		if reporting, reports = r.holdsAttribute(data, a); reports {
			r.fill(place, reporting)
			r.renameAll(data, wants(aAttributionSrc))
		}
	}
	if is == dataBlock {
		return
	}
	address := r.first(aSrc)
	if address == nil { // in SVG, which an end tag may or may not have left
		if address = r.first(aHref); address == nil {
			address = r.first(aXlinkHref)
		}
	}
	service, held := "", false
	switch {
	case address != nil:
		service, held = r.holds(r.decoded(data, address))
	case is == executable && !r.config.Gate.Marks():
	default:
		service, held = r.holdText(data, c, is)
	}
	if !held {
		return
	}
	r.note(service)
	r.fill(place, service, ` type="text/plain"`)
	r.renameAll(data, wants(aSrc, aHref, aXlinkHref, aType))
}

// holdText holds back an inline script, or addresses in its text.
func (r *Rewriter) holdText(data []byte, c content, is scriptKind) (service string, held bool) {
	text := data[c.start:c.end]
	switch {
	case is == executable:
		return r.config.Gate.HoldsScript(text)
	case !c.ended:
		return "", true // it cannot be known
	case is == speculationRules:
		if service, held = r.speculates(text); held {
			return service, held
		}
	}
	r.holdStrings(text, c.start)
	return "", false
}

// holdStrings holds back the addresses in a JSON text, which are its strings, but
// for the names of members.
func (r *Rewriter) holdStrings(content []byte, start int) {
	for i := 0; i < len(content); i++ {
		if content[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(content) && content[end] != '"' {
			if content[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(content) {
			return
		}
		after := bytes.TrimLeft(content[end+1:], " \t\n\r")
		if len(after) == 0 || after[0] != ':' {
			var address string
			if json.Unmarshal(content[i:end+1], &address) == nil {
				if service, held := r.holds([]byte(address)); held {
					r.insert(start+i+1, Invalid, service, ";")
				}
			}
		}
		i = end
	}
}

// speculates reports whether speculation rules may follow links to places that
// are held back: rules that choose links by anything but addresses that are not.
func (r *Rewriter) speculates(content []byte) (service string, held bool) {
	var rules map[string]json.RawMessage
	if json.Unmarshal(content, &rules) != nil {
		return "", false // browsers ignore it too
	}
	for _, raw := range rules {
		var list []struct {
			Source string          `json:"source"`
			Where  json.RawMessage `json:"where"`
		}
		if json.Unmarshal(raw, &list) != nil {
			continue
		}
		for _, rule := range list {
			if (rule.Where != nil || rule.Source == "document") && !r.bounded(rule.Where, 0) {
				return "", true
			}
		}
	}
	return "", false
}

// bounded reports whether a condition on links admits only addresses that are not
// held back.
func (r *Rewriter) bounded(raw json.RawMessage, depth int) bool {
	var where struct {
		And     []json.RawMessage `json:"and"`
		Or      []json.RawMessage `json:"or"`
		Matches any               `json:"href_matches"`
	}
	if depth > maxNesting || json.Unmarshal(raw, &where) != nil {
		return false
	}
	for _, condition := range where.And {
		if r.bounded(condition, depth+1) {
			return true
		}
	}
	for _, condition := range where.Or {
		if !r.bounded(condition, depth+1) {
			return false
		}
	}
	if where.Matches == nil {
		return len(where.Or) > 0
	}
	patterns, ok := where.Matches.([]any)
	if !ok {
		patterns = []any{where.Matches}
	}
	for _, pattern := range patterns {
		text, ok := pattern.(string)
		if !ok {
			return false
		}
		if _, held := r.holds([]byte(text)); held {
			return false
		}
	}
	return true
}
