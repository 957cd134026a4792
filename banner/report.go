package banner

import (
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// Reports that are taken: from all browsers in a second, and in one request.
const (
	reportsPerSecond = 50
	maxReports       = 20
)

// Report is what a browser reports, as far as it was understood.
type Report struct {
	// Sighting has no Kind when what was blocked is no host: its name is then inline,
	// eval or a scheme.
	enforcer.Sighting
	Directive string // of the policy that blocked a host; empty of cookies and keys
}

// report is one report as it comes: of a violated Content-Security-Policy, in
// either form, or of our own guards.
type report struct {
	Type string `json:"type"`
	Body struct {
		Directive string `json:"effectiveDirective"`
		Blocked   string `json:"blockedURL"`
		Document  string `json:"documentURL"`
	} `json:"body"` // Reporting API
	Old struct {
		Directive string `json:"effective-directive"`
		Violated  string `json:"violated-directive"` // with its sources
		Blocked   string `json:"blocked-uri"`
		Document  string `json:"document-uri"`
	} `json:"csp-report"` // report-uri
	Page string `json:"page"` // path
	Seen []name `json:"seen"`
}

// name is what a guard tells of a cookie, or of a key.
type name struct {
	Name       string  `json:"name"`
	Attributes *string `json:"attributes"` // as a cookie was written, ";" before each
	Area       string  `json:"area"`       // of a key
}

// takeReports passes on what browsers report, and returns the status. Of an address
// only the host, or the path of the page, is kept.
func (p *Pages) takeReports(r *http.Request, v *enforcer.Visit) int {
	if !p.reports.AllowN(p.now(), 1) {
		return http.StatusTooManyRequests
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if !slices.Contains([]string{"application/csp-report", "application/reports+json", "application/json"}, mediaType) {
		return http.StatusUnsupportedMediaType
	}
	body, err := readBody(r)
	var e refusal
	switch {
	case errors.As(err, &e):
		return e.status
	case !json.Valid(body):
		return http.StatusBadRequest
	case p.config.Report == nil:
		return http.StatusNoContent
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		list = []json.RawMessage{body}
	}
	left := maxReports
	for _, data := range list[:min(len(list), maxReports)] {
		var r report
		_ = json.Unmarshal(data, &r) // what has another shape stays empty
		if len(r.Seen) > 0 {
			left = p.passSeen(v, &r, left)
		} else if told, ok := violation(v, &r); ok && left > 0 {
			left--
			p.config.Report(v.Host, &told)
		}
	}
	return http.StatusNoContent
}

// passSeen passes on what a guard has seen, no more than left, and returns how many
// may follow.
func (p *Pages) passSeen(v *enforcer.Visit, r *report, left int) int {
	for _, n := range r.Seen[:min(len(r.Seen), left)] {
		left--
		if s, ok := sighting(v, n); ok {
			s.Example = pagePath(r.Page)
			p.config.Report(v.Host, &Report{Sighting: s})
		}
	}
	return left
}

// sighting reads what a guard tells of one name. Whoever likes can send such a
// thing: it is kept only if it looks like what it should be.
func sighting(v *enforcer.Visit, n name) (s enforcer.Sighting, ok bool) {
	if n.Area != "" {
		return v.SightKey(n.Area, n.Name), (n.Area == "local" || n.Area == "session") && isKey(n.Name)
	}
	if !isCookieName(n.Name) || n.Attributes != nil && !isText(*n.Attributes) {
		return s, false
	}
	if s, ok = v.SightCookie(n.Name, n.Attributes); !ok {
		return s, false
	}
	if host, web := hostOf("//" + s.Domain); !web || host != s.Domain {
		s.Domain = ""
	}
	s.Path = pagePath(s.Path)
	return s, true
}

// maxName is the longest name that is taken, in bytes.
const maxName = 256

// isCookieName reports whether text can be declared as a cookie-name, or is near to
// one: some servers take brackets.
func isCookieName(text string) bool {
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>;,"\=`, r)
	})
}

// isKey reports whether text can be the key of something in web storage, as people
// choose it.
func isKey(text string) bool {
	return text != "" && len(text) <= maxName && isText(text)
}

// isText reports whether text can be shown.
func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// pagePath returns the path of an address, or path, without its query; empty when it
// is none.
func pagePath(address string) string {
	if _, rest, absolute := strings.Cut(address, "://"); absolute {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return ""
		}
		address = rest[slash:]
	}
	if end := strings.IndexAny(address, "?#;"); end >= 0 {
		address = address[:end]
	}
	if !strings.HasPrefix(address, "/") || localPath(address) != address {
		return ""
	}
	return address
}

// violation returns what a browser says that a policy blocked. ok is false when it
// does not say, or speaks of something else.
func violation(v *enforcer.Visit, r *report) (told Report, ok bool) {
	if r.Type != "" && r.Type != "csp-violation" {
		return told, false
	}
	directive := cmp.Or(r.Body.Directive, r.Old.Directive, r.Old.Violated)
	directive, _, _ = strings.Cut(directive, " ")
	blocked := cmp.Or(r.Body.Blocked, r.Old.Blocked)
	host, isHost := blockedHost(blocked)
	if told.Directive = word(directive); told.Directive == "" || host == "" {
		return told, false
	}
	if isHost {
		told.Sighting = v.SightHost(blocked)
	} else {
		told.Name = host
	}
	told.Example = pagePath(cmp.Or(r.Body.Document, r.Old.Document))
	return told, true
}

// blockedHost reduces what was blocked to its host, without port, or to the word
// that stands for one: inline, eval, or a scheme.
func blockedHost(blocked string) (host string, isHost bool) {
	scheme, rest, _ := strings.Cut(blocked, ":")
	switch scheme = word(scheme); scheme {
	case "http", "https", "ws", "wss":
		host, _ := hostOf("https:" + rest)
		return host, true
	}
	return scheme, false
}

// word returns a short lower-case word, or "".
func word(text string) string {
	text = strings.ToLower(text)
	if len(text) > 32 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return text
}
