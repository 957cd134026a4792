package enforcer

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// closeSideDoors takes from a response header what would make a browser load
// from, or report to, an address that is held back. held gets addresses as they
// are written, relative ones too. Everything else keeps its bytes.
func closeSideDoors(h http.Header, held func(address string) bool) {
	reports := false
	for name, lines := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Link":
			editLines(h, name, lines, func(line string) string {
				return withoutPieces(line, ',', brackets, func(value string) bool { return heldLink(value, held) })
			})
		case "Reporting-Endpoints":
			editLines(h, name, lines, func(line string) string {
				return withoutPieces(line, ',', quotes, func(member string) bool {
					_, address, _ := strings.Cut(member, "=")
					return heldString(address, held)
				})
			})
		case "Speculation-Rules":
			editLines(h, name, lines, func(line string) string {
				return withoutPieces(line, ',', quotes, func(member string) bool { return heldString(member, held) })
			})
		case "Refresh":
			dropLines(h, name, lines, func(line string) bool {
				leads := false
				rewriter.Refreshes([]byte(line), func(address []byte) bool {
					leads = held(string(address))
					return !leads
				})
				return leads
			})
		case "Sourcemap", "X-Sourcemap":
			dropLines(h, name, lines, func(line string) bool { return held(trimOWS(line)) })
		case "Content-Security-Policy", "Content-Security-Policy-Report-Only":
			editLines(h, name, lines, func(line string) string { return withoutReports(line, held) })
		case "Report-To", "Nel":
			reports = true
		}
	}
	if reports {
		closeReports(h, held)
	}
}

// heldLink reports whether one value of a Link header (RFC 8288) makes a browser
// load from, or connect to, an address that is held back. A value without its
// angle brackets passes: browsers ignore it.
func heldLink(value string, held func(address string) bool) bool {
	rest, opened := strings.CutPrefix(trimOWS(value), "<")
	target, rest, closed := strings.Cut(rest, ">")
	if !opened || !closed {
		return false
	}
	rel, related := linkParameter(rest, "rel")
	if !related || !rewriter.Loads([]byte(rel)) {
		return false
	}
	if held(trimOWS(target)) {
		return true
	}
	found := false
	if images, ok := linkParameter(rest, "imagesrcset"); ok {
		rewriter.Candidates([]byte(images), func(address []byte) bool {
			found = held(string(address))
			return !found
		})
	}
	return found
}

// linkParameter returns the first parameter called name, which alone counts.
func linkParameter(parameters, name string) (string, bool) {
	for rest, more := parameters, true; more; {
		var parameter string
		parameter, rest, more = cutPiece(rest, ';', quotes)
		if key, value, _ := strings.Cut(parameter, "="); strings.EqualFold(trimOWS(key), name) {
			return unquoted(trimOWS(value)), true
		}
	}
	return "", false
}

// heldString reports whether a structured field's string (RFC 9651) is held back.
func heldString(item string, held func(address string) bool) bool {
	item = trimOWS(item)
	return strings.HasPrefix(item, `"`) && held(unquoted(item))
}

// unquoted returns what stands in the quotes that s begins with, or s.
func unquoted(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	var text []byte
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		text = append(text, s[i])
	}
	return string(text)
}

// withoutReports takes the addresses that are held back out of the report-uri of
// policies. A later report-uri, which does not count, loses its own: it would
// count where the first is gone.
func withoutReports(line string, held func(address string) bool) string {
	return editPieces(line, ',', nothing, func(policy string) (string, bool) {
		left := editPieces(policy, ';', nothing, func(directive string) (string, bool) {
			return withoutHeldTokens(directive, "report-uri", held)
		})
		return left, left == policy || strings.Trim(left, " \t;") != ""
	})
}

// withoutHeldTokens takes what is held back out of a directive called name. It
// returns false when that was all.
func withoutHeldTokens(directive, name string, held func(address string) bool) (string, bool) {
	first, rest := cutToken(directive)
	if !strings.EqualFold(first, name) {
		return directive, true
	}
	kept := directive[:len(directive)-len(rest)]
	some, gone := false, false
	for token, after := cutToken(rest); token != ""; token, after = cutToken(rest) {
		if held(token) {
			gone = true
		} else {
			kept += rest[:len(rest)-len(after)]
			some = true
		}
		rest = after
	}
	if !gone {
		return directive, true
	}
	return kept + rest, some
}

// closeReports takes from Report-To the groups with an endpoint that is held
// back, and NEL where its group is not among those left: a browser may remember
// such a group from before. What says max_age 0 makes a browser forget, and stays.
func closeReports(h http.Header, held func(address string) bool) {
	kept, gone := map[string]bool{}, map[string]bool{}
	for name, lines := range h {
		if http.CanonicalHeaderKey(name) != "Report-To" {
			continue
		}
		objects, ok := jsonObjects(lines)
		if !ok {
			delete(h, name)
			continue
		}
		var left []string
		for _, o := range objects {
			switch {
			case o.forgets():
				left = append(left, o.text)
			case o.reportsTo(held):
				gone[o.group("group")] = true
			default:
				kept[o.group("group")] = true
				left = append(left, o.text)
			}
		}
		switch {
		case len(left) == len(objects):
		case len(left) == 0:
			delete(h, name)
		default:
			h[name] = []string{strings.Join(left, ", ")}
		}
	}
	for name, lines := range h {
		if http.CanonicalHeaderKey(name) != "Nel" {
			continue
		}
		objects, ok := jsonObjects(lines)
		for _, o := range objects {
			group := o.group("report_to")
			ok = ok && (o.forgets() || kept[group] && !gone[group])
		}
		if !ok {
			delete(h, name)
		}
	}
}

// jsonObject is one value of a header that is a list of JSON objects.
type jsonObject struct {
	text    string
	members map[string]any
}

// jsonObjects reads such a header as browsers do.
func jsonObjects(lines []string) ([]jsonObject, bool) {
	var list []json.RawMessage
	if json.Unmarshal([]byte("["+strings.Join(lines, ", ")+"]"), &list) != nil {
		return nil, false
	}
	objects := make([]jsonObject, len(list))
	for i, raw := range list {
		objects[i].text = string(raw)
		_ = json.Unmarshal(raw, &objects[i].members) // what is no object says nothing
	}
	return objects, true
}

// group returns the name of a group.
func (o *jsonObject) group(member string) string {
	if name, ok := o.members[member].(string); ok {
		return name
	}
	return "default"
}

// forgets reports whether a browser forgets what it knew, and learns nothing.
func (o *jsonObject) forgets() bool { return o.members["max_age"] == 0.0 }

// reportsTo reports whether an endpoint is held back.
func (o *jsonObject) reportsTo(held func(address string) bool) bool {
	endpoints, _ := o.members["endpoints"].([]any)
	for _, endpoint := range endpoints {
		members, _ := endpoint.(map[string]any)
		if address, ok := members["url"].(string); ok && held(address) {
			return true
		}
	}
	return false
}

// editLines puts what edit leaves of each line in its place.
func editLines(h http.Header, name string, lines []string, edit func(line string) string) {
	kept := make([]string, 0, len(lines))
	changed := false
	for _, line := range lines {
		left := edit(line)
		changed = changed || left != line
		if left == line || strings.Trim(left, " \t,") != "" {
			kept = append(kept, left)
		}
	}
	switch {
	case !changed:
	case len(kept) == 0:
		delete(h, name)
	default:
		h[name] = kept
	}
}

// dropLines drops whole lines.
func dropLines(h http.Header, name string, lines []string, drops func(line string) bool) {
	editLines(h, name, lines, func(line string) string {
		if drops(line) {
			return ""
		}
		return line
	})
}

// enclosure is what hides separators in a list.
type enclosure uint8

const (
	nothing  enclosure = iota
	quotes             // and a backslash in them hides a quote
	brackets           // angle brackets, and quotes
)

// cutPiece cuts a list at its first separator that nothing encloses.
func cutPiece(list string, separator byte, hides enclosure) (piece, rest string, more bool) {
	var closing byte
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case closing == '"' && c == '\\':
			i++
		case closing != 0:
			if c == closing {
				closing = 0
			}
		case c == separator:
			return list[:i], list[i+1:], true
		case c == '"' && hides != nothing:
			closing = '"'
		case c == '<' && hides == brackets:
			closing = '>'
		}
	}
	return list, "", false
}

// editPieces returns a list with each piece as edit returns it, or without it.
// What needs no change is the same string.
func editPieces(list string, separator byte, hides enclosure, edit func(piece string) (string, bool)) string {
	var out strings.Builder // used once something changed
	changed, some := false, false
	for rest, more := list, true; more; {
		var piece string
		at := len(list) - len(rest)
		piece, rest, more = cutPiece(rest, separator, hides)
		left, keeps := edit(piece)
		if !changed {
			if keeps && left == piece {
				some = true
				continue
			}
			changed = true
			out.WriteString(list[:max(0, at-1)])
		}
		switch {
		case !keeps:
			continue
		case some:
			out.WriteByte(separator)
			out.WriteString(left)
		case at > 0:
			out.WriteString(left[skipOWS(left, 0):]) // now the first
		default:
			out.WriteString(left)
		}
		some = true
	}
	if !changed {
		return list
	}
	return out.String()
}

// withoutPieces returns a list without the pieces that drops tells.
func withoutPieces(list string, separator byte, hides enclosure, drops func(piece string) bool) string {
	return editPieces(list, separator, hides, func(piece string) (string, bool) { return piece, !drops(piece) })
}
