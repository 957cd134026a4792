package enforcer

import (
	"mime"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// expectPage decides from the request whether its answer may be a page that a
// banner belongs on, and asks the site for one that can be read.
//
// A page in a frame, a fragment that a script asked for, and anything but GET
// and HEAD, POST aside, get nothing inserted. Scripts that fetch whole pages to
// show them (Turbo Drive) send Sec-Fetch-Dest "empty": there the document
// itself decides.
func (v *Visit) expectPage(r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return
	}
	h := r.Header
	dest, accept := h.Get("Sec-Fetch-Dest"), h.Get("Accept")
	navigates := dest == "document"
	switch {
	case dest != "" && dest != "document" && dest != "empty":
		return
	case h["X-Requested-With"] != nil, h["X-Pjax"] != nil, h["Turbo-Frame"] != nil,
		h["Hx-Request"] != nil && h["Hx-Boosted"] == nil, h["Caddy-Templates-Include"] != nil:
		return
	case !navigates && accept != "" && !strings.Contains(accept, "text/html") && !strings.Contains(accept, "*/*"):
		return
	}
	v.page, v.whole = true, navigates
	v.coding[0] = "identity"
	h["Accept-Encoding"] = v.coding[:]
	v.shown = navigates || strings.Contains(accept, "text/html")
	if v.shown {
		// the site's validators know nothing of the choice
		delete(h, "If-None-Match")
		delete(h, "If-Modified-Since")
	}
}

// rewrites decides from the final header whether the body gets an insertion.
func (v *Visit) rewrites(status int, h http.Header) bool {
	if !v.page || status < 200 || status == http.StatusPartialContent || !bodyAllowed(status) {
		return false
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return false
	}
	if disposition := h.Get("Content-Disposition"); disposition != "" && !hasPrefixFold(disposition, "inline") {
		return false
	}
	return isHTML(h.Get("Content-Type"))
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// isHTML reports whether a media type is HTML in a charset that extends ASCII.
func isHTML(contentType string) bool {
	if !hasPrefixFold(strings.TrimLeft(contentType, " \t"), "text/html") {
		return false
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(contentType, ";")
	}
	charset := strings.ToLower(params["charset"])
	for _, wide := range []string{"utf-16", "utf-32", "utf-7", "iso-2022", "hz-gb", "ucs-", "unicode", "csunicode", "iso-10646"} {
		if strings.HasPrefix(charset, wide) {
			return false
		}
	}
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/html")
}

// describeRewritten fits the header of a page to its insertion: no validator,
// digest or length of the site's own bytes, and no shared copy.
func (v *Visit) describeRewritten(h http.Header) {
	for _, name := range []string{
		"Content-Length", "Accept-Ranges", "Etag", "Last-Modified", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest",
	} {
		delete(h, name)
	}
	if v.asked() {
		keepPrivate(h, "no-store") // else the back/forward cache shows an answered banner
	} else {
		keepPrivate(h, "no-cache")
	}
	vary(h, "Cookie")
	if v.enforcer.GlobalPrivacyControl {
		vary(h, "Sec-GPC")
	}
	vary(h, "Accept-Language")
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
