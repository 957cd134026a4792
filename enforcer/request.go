package enforcer

import (
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// maxNoted bounds how many dropped cookies of one request are remembered for
// expiring; the browser sends the others again.
const maxNoted = 24

// noted is a cookie that was dropped from a request.
type noted struct {
	name string
	rule *policy.Rule // nil when nobody declared it
}

// cutCookies applies the policy to the Cookie header lines of a request, in
// place and on their raw text, and returns those that are left (nil: none). A
// line that loses nothing stays the same string. What was dropped is noted in v.
//
// Pairs are cut at ";" alone, as browsers join them (RFC 6265bis section 5.8.3);
// quotes hide nothing. Dropped are pairs the policy does not let pass, pairs
// without a name, which servers read differently, and names beginning with "$",
// which switch legacy parsers into another syntax.
func (v *Visit) cutCookies(lines []string) []string {
	kept := lines[:0]
	for _, line := range lines {
		if cut := v.cutCookieLine(line); cut != "" || line == "" {
			kept = append(kept, cut)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// cutCookieLine returns line without the pairs that may not pass. What it keeps
// keeps its bytes and order.
func (v *Visit) cutCookieLine(line string) string {
	at := v.passing(line)
	if at > len(line) {
		return line
	}
	var out strings.Builder // used once there is a gap in what is kept
	from, to := 0, at-1     // the run of kept pairs not yet in out
	some, gap := at > 0, false
	for at <= len(line) {
		end := len(line)
		if n := strings.IndexByte(line[at:], ';'); n >= 0 {
			end = at + n
		}
		if v.pairPasses(line[at:end]) {
			switch {
			case !some && at == 0:
				some = true
			case !some:
				from, some = skipOWS(line, at), true
			case to != at-1:
				if gap {
					out.WriteByte(';')
				} else {
					out.Grow(len(line))
				}
				out.WriteString(line[from:to])
				from, gap = at, true
			}
			to = end
		}
		at = end + 1
	}
	if !gap {
		return line[from:max(from, to)]
	}
	out.WriteByte(';')
	out.WriteString(line[from:to])
	return out.String()
}

// passing returns where the first pair of line begins that is not a space and a
// cookie with an exact name that passes, which most are; beyond its end when all
// are. Such a name ends at the next "=": no declared one has a semicolon in it.
func (v *Visit) passing(line string) (at int) {
	declared, grants := v.enforcer.Policy, &v.Standing.Grants
	for at < len(line) {
		start := at
		if line[start] == ' ' {
			start++
		}
		end := strings.IndexByte(line[start:], ';') // not behind the name: the two then overlap
		if !declared.PassesExact(line[start:], grants) {
			return at
		}
		if end < 0 {
			return len(line) + 1
		}
		at = start + end + 1
	}
	return at
}

func skipOWS(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\t') {
		at++
	}
	return at
}

// pairPasses reports whether one piece between semicolons goes on to the site.
func (v *Visit) pairPasses(pair string) bool {
	equals := strings.IndexByte(pair, '=')
	if equals < 0 {
		return trimOWS(pair) == "" // an empty piece is no cookie
	}
	name := trimOWS(pair[:equals])
	if name == "" {
		return false
	}
	verdict, rule := v.verdict(name)
	if rule == nil {
		v.sawSent(name, verdict, rule)
	}
	switch {
	case name[0] == '$': // not to be expired, since it is never sent on
	case verdict == policy.Refused, verdict == policy.Undeclared:
		v.note(name, rule)
		v.countBlocked(declaring(rule))
	case rule != nil && rule.Measurement:
		v.measured = append(v.measured, name)
	}
	return verdict.Passes()
}

func (v *Visit) note(name string, rule *policy.Rule) {
	if len(name) > maxAttribute {
		return
	}
	undeclared := -1
	for i := range v.dropped {
		if v.dropped[i].name == name {
			return
		}
		if v.dropped[i].rule == nil {
			undeclared = i
		}
	}
	switch {
	case len(v.dropped) < maxNoted:
		v.dropped = append(v.dropped, noted{name, rule})
	case rule != nil && undeclared >= 0: // which may be beyond our reach for good
		v.dropped[undeclared] = noted{name, rule}
	}
}

// eachCookie calls f with the value of every pair of line called name.
func eachCookie(line, name string, f func(value string)) {
	for rest, more := line, true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, ";")
		if n, value, ok := strings.Cut(pair, "="); ok && trimOWS(n) == name {
			f(trimOWS(value))
		}
	}
}

// trimOWS trims spaces and tabs, as RFC 6265bis section 5.6 does around names
// and values.
func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
