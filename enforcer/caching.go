package enforcer

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// signed are fields that say what bytes a body has, or how to get some of them.
var signed = []string{
	"Accept-Ranges", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Unencoded-Digest",
	"Signature", "Signature-Input", "Use-As-Dictionary",
}

// dropSigned leaves out of a header what is not true of a rewritten body.
func dropSigned(h http.Header) {
	for _, name := range signed {
		delete(h, name)
	}
	if announced := h["Trailer"]; len(announced) > 0 {
		if h["Trailer"] = withoutNames(announced, signed...); len(h["Trailer"]) == 0 {
			delete(h, "Trailer")
		}
	}
}

// describePage says of a page that it is one visitor's, in one state.
//
// A page that waits for an answer is not stored: the back/forward cache would show
// it unanswered. Nor is one that loads what was granted, since what a withdrawal
// tells browsers to clear they clear on HTTPS only.
func (v *Visit) describePage(status int, h http.Header, banner bool) {
	v.markValidators(status, h)
	if banner && v.asked() || !v.HTTPS && v.Standing.State == policy.Answered && v.Standing.Choice.Grants() {
		keepPrivate(h, "no-store")
	} else {
		keepPrivate(h, "no-cache")
	}
	v.varies(h)
	if banner {
		vary(h, "Accept-Language")
	}
}

// varies says which request headers the choice is read from.
func (v *Visit) varies(h http.Header) {
	vary(h, "Cookie")
	if v.enforcer.GlobalPrivacyControl {
		vary(h, "Sec-GPC")
	}
}

// variesByChoice reports whether the site says that its answer depends on
// ConsentHeader, which no cache in front sees.
func variesByChoice(h http.Header) bool {
	for _, line := range h["Vary"] {
		if slices.ContainsFunc(splitList(line), func(name string) bool { return strings.EqualFold(name, ConsentHeader) }) {
			return true
		}
	}
	return false
}

// confirm says of a page that the browser has it as it is. The policies it came
// with stay in effect, unless this header replaces them (RFC 9111 section 3.2).
func (v *Visit) confirm(status int, h http.Header) {
	if v.enforcer.Observe {
		v.confirmObserved(h)
		return
	}
	if v.page || v.guarded() {
		v.admitInserted(h)
	}
	if h[enforcedPolicy] != nil {
		v.addPolicy(h)
	}
	dropSigned(h)
	v.describePage(status, h, v.page)
}

// asked reports whether the visitor still has something to answer.
func (v *Visit) asked() bool {
	state := v.Standing.State
	return (state == policy.Unanswered || state == policy.Outdated) && v.enforcer.Policy.Asks()
}

// keepPrivate keeps a response out of shared caches, whatever else the site
// said, and adds directives that are not there.
func keepPrivate(h http.Header, directives ...string) {
	kept := []string{"private"}
	for _, line := range h["Cache-Control"] {
		for _, directive := range splitList(line) {
			name, _, _ := strings.Cut(directive, "=")
			switch strings.ToLower(name) {
			case "", "public", "private", "s-maxage":
			case "no-cache":
				if len(directives) == 0 {
					kept = append(kept, directive)
				}
			case "no-store":
				directives = []string{directive}
			default:
				kept = append(kept, directive)
			}
		}
	}
	h["Cache-Control"] = []string{strings.Join(append(kept, directives...), ", ")}
	for name := range h {
		// those of RFC 9213 and what came before it outrank Cache-Control
		if strings.HasSuffix(name, "-Cache-Control") || name == "Surrogate-Control" || name == "Edge-Control" || name == "X-Accel-Expires" {
			delete(h, name)
		}
	}
	if len(directives) > 0 {
		delete(h, "Expires")
	}
}

// splitList splits a header at the commas that no quotes enclose.
func splitList(line string) []string {
	quoted := false
	values := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
	for i := range values {
		values[i] = textproto.TrimString(values[i])
	}
	return values
}

// vary adds name to Vary.
func vary(h http.Header, name string) {
	for _, line := range h["Vary"] {
		for _, value := range splitList(line) {
			if value == "*" || strings.EqualFold(value, name) {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], name)
}
