package enforcer

import (
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/coding"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// expectPage decides from the request whether its answer may be HTML that is
// shown to somebody, and whether a banner belongs on it, and asks the site for
// what can be read.
//
// A page in a frame, a fragment that a script asked for, and the answer to
// anything but GET, HEAD and POST get no banner; what they load is held back all
// the same. Scripts that fetch whole pages to show them (Turbo Drive) send
// Sec-Fetch-Dest "empty": there the document itself decides. What templates
// include is part of a page that passes here as a whole.
func (v *Visit) expectPage(r *http.Request) {
	h := r.Header
	dest, accept := h.Get("Sec-Fetch-Dest"), h.Get("Accept")
	navigates := dest == "document"
	frames := dest == "iframe" || dest == "frame" || dest == "embed" || dest == "object" || dest == "fencedframe"
	v.runs = navigates || frames || strings.HasSuffix(dest, "worker")
	switch {
	case v.connects, h["Caddy-Templates-Include"] != nil:
		return
	case !navigates && !frames && dest != "" && dest != "empty":
		return
	case !navigates && !frames && accept != "" && !strings.Contains(accept, "text/html") && !strings.Contains(accept, "*/*"):
		return
	}
	v.html = true
	v.shown = navigates || frames || strings.Contains(accept, "text/html")
	v.askReadable(h)
	defer v.cutValidators(h)
	switch {
	case frames:
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
	case h["X-Requested-With"] != nil, h["X-Pjax"] != nil, h["Turbo-Frame"] != nil, h["X-Up-Target"] != nil,
		h["Hx-Request"] != nil && h["Hx-Boosted"] == nil:
	default:
		v.page, v.whole = true, navigates
		v.referer = h.Get("Referer")
	}
}

// askReadable asks the site for a body that can be read: a page without coding,
// what is most likely none in the codings that are known here.
func (v *Visit) askReadable(h http.Header) {
	lines := h["Accept-Encoding"]
	if v.shown || len(lines) > 0 && !decodable(lines) {
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

// rewrites decides from the final header whether the body is HTML that something
// is to be done in, and can be.
func (v *Visit) rewrites(status int, h http.Header) bool {
	if !v.html || !bodyAllowed(status) || !v.page && v.gate() == nil {
		return false
	}
	kind := kindOf(h)
	if !kind.document || attached(h) {
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

// attached reports whether an answer is to be saved, not shown.
func attached(h http.Header) bool {
	disposition := h.Get("Content-Disposition")
	return disposition != "" && !hasPrefixFold(disposition, "inline")
}

// rewriting describes to the rewriter what is to be done in an answer.
func (v *Visit) rewriting(h http.Header) rewriter.Config {
	kind := kindOf(h)
	c := rewriter.Config{Whole: v.whole && !kind.xml, XML: kind.xml, Charset: kind.charset}
	if g := v.gate(); g != nil {
		c.Gate = g
	}
	if !v.page {
		return c
	}
	c.Body = func(dst []byte, page rewriter.Page) []byte { return v.enforcer.Insertion(dst, v, page) }
	if v.enforcer.Head != nil && c.Gate != nil && !kind.xml {
		c.Head = func(dst []byte, page rewriter.Page) []byte { return v.enforcer.Head(dst, v, page) }
	}
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

// mediaKind is what a media type says of a body.
type mediaKind struct {
	html     bool // HTML or XHTML in a charset that extends ASCII
	xml      bool // XHTML
	document bool // HTML or XHTML in any charset
	active   bool // it can load something: those, XML, a script
	charset  bool // it names its charset
}

// kindOf reads the media type of an answer.
func kindOf(h http.Header) (k mediaKind) {
	contentType := h.Get("Content-Type")
	if len(contentType) < len("a/b") {
		return k
	}
	name, parameters, _ := strings.Cut(contentType, ";")
	name = strings.TrimSpace(name)
	k.xml = strings.EqualFold(name, "application/xhtml+xml")
	k.document = k.xml || strings.EqualFold(name, "text/html")
	k.active = k.document || hasSuffixFold(name, "xml") || hasSuffixFold(name, "javascript") || hasSuffixFold(name, "ecmascript")
	if !k.document {
		return k
	}
	k.html = true
	switch parameters = strings.TrimSpace(parameters); {
	case parameters == "":
		return k
	case strings.EqualFold(parameters, "charset=utf-8"):
		k.charset = true
		return k
	}
	_, values, _ := mime.ParseMediaType(contentType)
	charset := strings.ToLower(values["charset"])
	k.charset = charset != ""
	for _, wide := range []string{"utf-16", "utf-32", "utf-7", "iso-2022", "csiso2022", "hz-gb", "ucs-", "unicode", "csunicode", "iso-10646"} {
		if strings.HasPrefix(charset, wide) {
			k.html = false
		}
	}
	return k
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// describeGated gives an answer that can load something the policy of this
// visitor, whether or not its body can be read, and keeps it from others.
func (v *Visit) describeGated(status int, h http.Header, rewritten bool) {
	if !rewritten {
		kind := kindOf(h)
		if !bodyAllowed(status) || !(v.html && kind.document || v.runs && kind.active) {
			return
		}
	}
	before := len(h["Content-Security-Policy"])
	v.gatePage(h, rewritten && v.page)
	if !rewritten && len(h["Content-Security-Policy"]) > before {
		keepPrivate(h, "no-cache")
		v.varies(h)
	}
}

// signed are fields that say what bytes a body has, or how to get some of them.
var signed = []string{
	"Accept-Ranges", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Unencoded-Digest",
	"Signature", "Signature-Input", "Use-As-Dictionary",
}

// describeRewritten fits the header of a page to its insertion: a validator of
// its own, no digest of the site's bytes, and no shared copy.
func (v *Visit) describeRewritten(status int, h http.Header) {
	for _, name := range signed {
		delete(h, name)
	}
	if announced := h["Trailer"]; len(announced) > 0 {
		if h["Trailer"] = withoutNames(announced, signed...); len(h["Trailer"]) == 0 {
			delete(h, "Trailer")
		}
	}
	v.markValidators(status, h)
	if v.page && v.asked() {
		keepPrivate(h, "no-store") // else the back/forward cache shows an answered banner
	} else {
		keepPrivate(h, "no-cache")
	}
	v.varies(h)
	vary(h, "Accept-Language")
}

// varies says which request headers the choice is read from.
func (v *Visit) varies(h http.Header) {
	vary(h, "Cookie")
	if v.enforcer.GlobalPrivacyControl {
		vary(h, "Sec-GPC")
	}
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
			case "", "public", "private", "s-maxage", "no-cache":
			case "no-store":
				directives = []string{directive}
			default:
				kept = append(kept, directive)
			}
		}
	}
	h["Cache-Control"] = []string{strings.Join(append(kept, directives...), ", ")}
	for _, name := range []string{"Surrogate-Control", "Cdn-Cache-Control"} {
		delete(h, name)
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
