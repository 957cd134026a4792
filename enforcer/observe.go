package enforcer

import (
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/coding"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// In observe mode everything is decided as for a visitor who never chose, told to
// Saw, and let pass. What comes out is what went in, but for this:
//
//   - a page, framed ones too, a worker and a drawing in a tab get a policy that
//     only reports, and the endpoint for it beside the site's own;
//   - a page gets Head. So it has no Content-Length, it leaves decoded (the site is
//     asked for the coding that the browser asked for), its own policies admit Head,
//     its entity tag gets a suffix, which is taken off again when it comes back, and
//     what describes the site's bytes is gone (dropSigned);
//   - a part of such a page by the date of it is not asked for: the whole is;
//   - an answer without a type gets the one that net/http would have told, from
//     all of its first bytes.
//
// It is the same for everybody, so caches need not be told.

// observe begins a visit in observe mode.
func (v *Visit) observe(r *http.Request) {
	v.Standing = v.enforcer.Policy.Judge(policy.Choice{}, false)
	if v.enforcer.Saw != nil {
		for _, line := range r.Header["Cookie"] {
			v.observeCookies(line)
		}
	}
	v.foresee(r)
	v.cutObserved(r.Header)
}

// observeCookies takes note of the cookies in a line of the request.
func (v *Visit) observeCookies(line string) {
	for pair := range strings.SplitSeq(line, ";") {
		if name, _, named := strings.Cut(pair, "="); named {
			if name = trimOWS(name); name != "" {
				verdict, rule := v.verdict(name)
				v.sawSent(name, verdict, rule)
			}
		}
	}
}

// verdict is the policy's, of a cookie in a request: names beginning with "$" never
// pass.
func (v *Visit) verdict(name string) (policy.Verdict, *policy.Rule) {
	if name[0] == '$' {
		return policy.Undeclared, nil
	}
	return v.enforcer.Policy.Verdict(name, &v.Standing.Grants)
}

// observeHeader takes note of what a header sets and makes a browser load.
func (v *Visit) observeHeader(h http.Header) {
	if v.enforcer.Saw == nil {
		return
	}
	now := v.enforcer.Now()
	for name, lines := range h {
		if !strings.EqualFold(name, "Set-Cookie") {
			continue
		}
		for _, line := range lines {
			if c, ok := parseSetCookie(line); ok {
				verdict, rule := v.enforcer.Policy.Verdict(c.name, &v.Standing.Grants)
				v.sawSet(line, &c, verdict, rule, now)
			}
		}
	}
	closeSideDoors(maps.Clone(h), v.gate().held)
}

// describeObserved is describe in observe mode.
func (v *Visit) describeObserved(h http.Header, kind mediaKind, rewritten bool) {
	unread := kind.doubtful && h["Content-Encoding"] != nil
	if !(kind.document && v.page || v.runs && (kind.active || unread)) {
		return
	}
	if rewritten {
		v.admitInserted(h)
		dropSigned(h)
		if tag := h.Get("Etag"); strings.HasSuffix(tag, `"`) && len(tag) > 1 {
			h["Etag"] = []string{tag[:len(tag)-1] + suffix + v.version() + `"`}
		}
	}
	v.watch(h, func(string) bool { return true })
}

// watch adds the policy that only reports, and where to, to the fields that it is
// told to.
func (v *Visit) watch(h http.Header, adds func(name string) bool) {
	own := v.contentPolicy(&v.Standing.Grants)
	if own == "" || v.enforcer.Report == "" {
		return
	}
	own += v.reporting()
	if adds(watchedPolicy) {
		h[watchedPolicy] = append(h[watchedPolicy], own)
	}
	if adds(reportingEndpoints) {
		v.addEndpoint(h)
	}
}

// confirmObserved says of a page that the browser has it as it is. What this header
// has replaces what it came with.
func (v *Visit) confirmObserved(h http.Header) {
	if v.guarded() {
		v.admitInserted(h)
	}
	v.watch(h, func(name string) bool { return h[name] != nil })
	dropSigned(h)
	site, _, _ := cutVersion(v.matched)
	if tag := h.Get("Etag"); tag != "" && opaque(tag) == opaque(site) {
		h["Etag"] = []string{v.matched}
	}
}

// cutObserved takes off what observe mode has put on entity tags, so that the site
// knows its own. What else a browser asks for stays.
func (v *Visit) cutObserved(h http.Header) {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		for _, line := range h[name] {
			if strings.Contains(line, suffix) {
				h[name] = v.observedTags(h[name])
				break
			}
		}
	}
	if date := h.Get("If-Range"); date != "" && !strings.HasSuffix(date, `"`) && v.guarded() {
		delete(h, "If-Range")
		delete(h, "Range")
	}
}

// observedTags returns entity tags with those of this version as the site has them.
func (v *Visit) observedTags(lines []string) []string {
	var tags []string
	for _, line := range lines {
		for _, tag := range splitList(line) {
			if site, version, ours := cutVersion(tag); ours && version == v.version() {
				tag, v.matched = site, tag
			}
			tags = append(tags, tag)
		}
	}
	return []string{strings.Join(tags, ", ")}
}

// observer reads a document, that passes as it is, for what it would load.
type observer struct {
	decoder  *coding.Decoder    // nil: it is not coded
	rewriter *rewriter.Rewriter // nil: it has ended
	broken   bool
}

// observer returns what reads the body of an answer, nil if none is to.
func (v *Visit) observer(status int, h http.Header, kind mediaKind) *observer {
	codings, known := coding.Parse(h["Content-Encoding"])
	if v.enforcer.Saw == nil || !v.html || v.head || !kind.html || !known ||
		!bodyAllowed(status) || status == http.StatusPartialContent || attached(h) {
		return nil
	}
	o := &observer{rewriter: rewriter.New(io.Discard, rewriter.Config{Whole: v.whole && !kind.xml, XML: kind.xml, Charset: kind.charset, Gate: v.gate()})}
	if len(codings) > 0 {
		o.decoder = coding.New(o.rewriter, codings)
	}
	return o
}

// read takes in a piece of the body. What cannot be decoded is not read on.
func (o *observer) read(p []byte) {
	switch {
	case o.broken:
	case o.decoder != nil:
		_, err := o.decoder.Write(p)
		o.broken = err != nil
	default:
		_, _ = o.rewriter.Write(p) // to nowhere, which never fails
	}
}

// end ends the reading, if it has not ended.
func (o *observer) end() {
	if o == nil || o.rewriter == nil {
		return
	}
	if o.decoder != nil {
		_ = o.decoder.Close()
		o.decoder.Abort()
	}
	_ = o.rewriter.Close()
	o.rewriter = nil
}
