package enforcer

import (
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A page that is rewritten is not the site's, so its validator says for which
// state it was rewritten: an entity tag gets a suffix (RFC 9110 section
// 8.8.3.3), which is taken off again when it comes back for the same state. Any
// other is withheld from the site, which then answers with a whole page. Dates
// cannot say it, and become entity tags.
const (
	suffix = "-cookie-consent-"
	dated  = "modified-"
	output = "1" // raised whenever the same document comes out different
)

// version names the state a page is rewritten for.
func (v *Visit) version() string {
	h := fnv.New64a()
	parts := []string{output, v.enforcer.Version, "observed"}
	if !v.enforcer.Observe {
		parts = []string{output, v.enforcer.Version, string(v.Standing.State), v.Granted(), v.Language, v.anchor()}
	}
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	var flags byte
	for i, flag := range []bool{v.page, v.whole, v.HTTPS, v.asked()} {
		if flag {
			flags |= 1 << i
		}
	}
	_, _ = h.Write([]byte{flags})
	return strconv.FormatUint(h.Sum64(), 36)
}

// cutValidators takes from a request the validators that are not of the state its
// answer would be rewritten for, and the version off the one that is. What is to
// be changed is of the site, whatever state it was shown in.
func (v *Visit) cutValidators(r *http.Request) {
	h := r.Header
	if lines := h["If-Match"]; len(lines) > 0 {
		h["If-Match"] = siteTags(lines)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return
	}
	lines := h["If-None-Match"]
	if v.shown {
		delete(h, "If-Modified-Since")
		delete(h, "Range") // of the site's bytes, not of ours
		delete(h, "If-Range")
	}
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for _, tag := range splitList(line) {
			site, version, ours := cutVersion(tag)
			switch {
			case !ours && v.shown:
			case !ours:
				kept = append(kept, tag)
			case version != v.version():
			case v.matched != "":
			default:
				v.matched = tag
				if seconds, is := strings.CutPrefix(opaque(site), dated); is {
					if n, err := strconv.ParseInt(seconds, 36, 64); err == nil {
						h["If-Modified-Since"] = []string{time.Unix(n, 0).UTC().Format(http.TimeFormat)}
					}
					continue
				}
				kept = append(kept, site)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "If-None-Match")
	} else {
		h["If-None-Match"] = []string{strings.Join(kept, ", ")}
	}
}

// siteTags takes the versions off entity tags.
func siteTags(lines []string) []string {
	var tags []string
	for _, line := range lines {
		for _, tag := range splitList(line) {
			site, _, _ := cutVersion(tag)
			tags = append(tags, site)
		}
	}
	return []string{strings.Join(tags, ", ")}
}

// opaque returns what stands between the quotes of an entity tag.
func opaque(tag string) string {
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
}

// cutVersion takes the version off an entity tag of ours.
func cutVersion(tag string) (site, version string, ours bool) {
	if i := strings.LastIndex(tag, suffix); i >= 0 && strings.HasSuffix(tag, `"`) {
		return tag[:i] + `"`, tag[i+len(suffix) : len(tag)-1], true
	}
	return tag, "", false
}

// markValidators puts the version on the validators of an answer. A page whose
// policy has a nonce is new every time, and has none.
func (v *Visit) markValidators(status int, h http.Header) {
	tag, modified := h.Get("Etag"), h.Get("Last-Modified")
	delete(h, "Etag")
	delete(h, "Last-Modified")
	switch {
	case strings.Contains(strings.Join(h["Content-Security-Policy"], ","), "'nonce-"):
	case status == http.StatusNotModified:
		h["Etag"] = []string{v.matched}
	case strings.HasSuffix(tag, `"`) && len(tag) > 1:
		h["Etag"] = []string{tag[:len(tag)-1] + suffix + v.version() + `"`}
	case tag == "" && modified != "":
		if date, err := http.ParseTime(modified); err == nil {
			h["Etag"] = []string{`W/"` + dated + strconv.FormatInt(date.Unix(), 36) + suffix + v.version() + `"`}
		}
	}
}
