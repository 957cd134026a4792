package enforcer

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/coding"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// expectPage decides from the request whether a banner belongs on the page that
// may be its answer, and asks the site for what can be read.
//
// A page in a frame, a fragment that a script asked for, and the answer to
// anything but GET, HEAD and POST get no banner; what they load is held back all
// the same. Scripts that fetch whole pages to show them (Turbo Drive) send
// Sec-Fetch-Dest "empty": there the document itself decides. What templates
// include is part of a page that passes here as a whole.
func (v *Visit) expectPage(r *http.Request) {
	takesHTML := v.foresee(r)
	if v.html {
		v.askReadable(r.Header, takesHTML)
		v.cutValidators(r)
	}
}

// foresee is the deciding part of expectPage. It reports whether the browser takes
// HTML for an answer.
func (v *Visit) foresee(r *http.Request) (takesHTML bool) {
	h := r.Header
	if v.html = !v.connects && h["Caddy-Templates-Include"] == nil; !v.html {
		return false
	}
	dest, accept := h.Get("Sec-Fetch-Dest"), h.Get("Accept")
	navigates := dest == "document"
	frames := dest == "iframe" || dest == "frame" || dest == "embed" || dest == "object" || dest == "fencedframe"
	fetched := dest == "" || dest == "empty" // by a script, or nobody knows for what
	asksHTML := fetched && strings.Contains(accept, "text/html")
	v.framed = frames
	v.shown = navigates || frames || asksHTML
	v.runs = navigates || frames || strings.HasSuffix(dest, "worker") || dest == "" && asksHTML
	takesHTML = asksHTML || fetched && (accept == "" || strings.Contains(accept, "*/*"))
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
	case navigates, takesHTML && !isFragment(h):
		v.page, v.whole = true, navigates
		v.referer = h.Get("Referer")
		v.ahead = h["Sec-Purpose"] != nil
	}
	return takesHTML
}

// isFragment reports whether a script asks for a part of a page.
func isFragment(h http.Header) bool {
	return strings.EqualFold(h.Get("X-Requested-With"), "XMLHttpRequest") || h["X-Pjax"] != nil || h["Turbo-Frame"] != nil || h["X-Up-Target"] != nil ||
		h["Hx-Request"] != nil && h["Hx-Boosted"] == nil
}

// askReadable asks the site for a body that can be read: a page without coding,
// what may be one in the codings that are known here.
func (v *Visit) askReadable(h http.Header, takesHTML bool) {
	lines := h["Accept-Encoding"]
	if v.shown || takesHTML && len(lines) > 0 && !decodable(lines) {
		v.coding[0] = "identity"
		h["Accept-Encoding"] = v.coding[:]
	}
}

// decodable reports whether every coding that Accept-Encoding offers is known.
func decodable(lines []string) bool {
	for _, line := range lines {
		for offer := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(offer, ";")
			if _, known := coding.Parse([]string{name}); !known {
				return false
			}
		}
	}
	return true
}

// Untouched says why a page, or a document that is shown, was not rewritten.
type Untouched string

// What cannot be rewritten, or may not.
const (
	UnknownCoding  Untouched = "unknown_coding"
	BrokenCoding   Untouched = "broken_coding"
	UnknownCharset Untouched = "unknown_charset" // one that does not extend ASCII
	PartOnly       Untouched = "part"            // 206, unasked
	NoTransform    Untouched = "no_transform"
)

// guarded reports whether Head belongs in the page.
func (v *Visit) guarded() bool { return v.enforcer.Head != nil && (v.page || v.framed) }

// rewrites decides from the final header whether the body is HTML that something
// is to be done in, and can be. What the request asked for does not matter: the
// answer to it may be kept, and shown as a page.
func (v *Visit) rewrites(status int, h http.Header, kind mediaKind) bool {
	if !v.html || !kind.document || !bodyAllowed(status) || attached(h) {
		return false
	}
	if v.enforcer.Observe {
		if !v.guarded() || kind.xml || status < 400 && status >= 300 {
			return false
		}
	} else if !v.page && !v.guarded() && v.gate() == nil {
		return false
	}
	_, known := coding.Parse(h["Content-Encoding"])
	switch {
	case status == http.StatusPartialContent:
		v.untouched(PartOnly)
	case !kind.html:
		v.untouched(UnknownCharset)
	case !known:
		v.untouched(UnknownCoding)
	case v.enforcer.RespectNoTransform && hasDirective(h, "no-transform"):
		v.untouched(NoTransform)
	default:
		return true
	}
	return false
}

func (v *Visit) untouched(why Untouched) {
	if v.enforcer.Untouched != nil && !v.head {
		v.enforcer.Untouched(why)
	}
}

// hasDirective reports whether Cache-Control has a directive.
func hasDirective(h http.Header, directive string) bool {
	for _, line := range h["Cache-Control"] {
		if slices.ContainsFunc(splitList(line), func(d string) bool { return strings.EqualFold(d, directive) }) {
			return true
		}
	}
	return false
}

// rewriting describes to the rewriter what is to be done in an answer.
func (v *Visit) rewriting(kind mediaKind) rewriter.Config {
	c := rewriter.Config{Whole: v.whole && !kind.xml, XML: kind.xml, Charset: kind.charset}
	if g := v.gate(); g != nil {
		c.Gate = g
	}
	if v.guarded() && !kind.xml {
		c.Head = func(dst []byte, page rewriter.Page) []byte { return v.enforcer.Head(dst, v, page) }
	}
	if !v.page || v.enforcer.Observe {
		return c
	}
	c.Body = func(dst []byte, page rewriter.Page) []byte { return v.enforcer.Insertion(dst, v, page) }
	c.Anchor = v.anchor()
	return c
}

// anchor is the id of the frame that the visitor has just allowed, if the page
// is asked for after that.
func (v *Visit) anchor() string {
	if v.enforcer.ComesBackTo == nil || !v.page || !strings.Contains(v.referer, "//"+v.Address+"/") {
		return ""
	}
	return v.enforcer.ComesBackTo(v.referer)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// describe gives an answer the policy of this visitor where it can load
// something, whether or not its body can be read, and then keeps it from others.
func (v *Visit) describe(status int, h http.Header, kind mediaKind, rewritten bool) {
	if v.connects || !bodyAllowed(status) || attached(h) {
		return
	}
	if v.enforcer.Observe {
		v.describeObserved(h, kind, rewritten)
		return
	}
	unread := kind.doubtful && h["Content-Encoding"] != nil
	switch {
	case kind.document, v.runs && (kind.active || unread):
	case kind.active:
		// a part of a page, which a cache may hand out as a document or a worker:
		// it gets what is the same for everybody, and stays as cacheable as it is
		if own := v.contentPolicy(&v.enforcer.Policy.Always); own != "" {
			h[enforcedPolicy] = append(h[enforcedPolicy], own)
		}
		return
	default:
		return
	}
	if rewritten && (v.page || v.guarded()) {
		v.admitInserted(h)
	}
	before := len(h[enforcedPolicy])
	v.addPolicy(h)
	if rewritten {
		dropSigned(h)
	}
	// what is granted whole now may be held back from the next, or later
	if rewritten || len(h[enforcedPolicy]) > before || kind.document && v.enforcer.Policy.HoldsBack(&v.enforcer.Policy.Always) {
		v.describePage(status, h, rewritten && v.page)
	}
}
