package banner

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Reports that are taken: from all browsers in a second, and in one request.
const (
	reportsPerSecond = 50
	maxReports       = 20
)

// report is one report of a violated Content-Security-Policy, in either form.
type report struct {
	Type string `json:"type"`
	Body struct {
		Directive string `json:"effectiveDirective"`
		Blocked   string `json:"blockedURL"`
	} `json:"body"` // Reporting API
	Old struct {
		Directive string `json:"effective-directive"`
		Violated  string `json:"violated-directive"` // with its sources
		Blocked   string `json:"blocked-uri"`
	} `json:"csp-report"` // report-uri
}

// takeReports passes on what browsers report as blocked, and returns the status.
// Of an address only the host is kept.
func (p *Pages) takeReports(r *http.Request) int {
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
	for _, data := range list[:min(len(list), maxReports)] {
		if directive, host := violation(data); directive != "" && host != "" {
			p.config.Report(directive, host)
		}
	}
	return http.StatusNoContent
}

// violation returns the directive that a report is about, and what was blocked;
// either is empty when the report does not say, or is about something else.
func violation(data []byte) (directive, host string) {
	var r report
	_ = json.Unmarshal(data, &r) // what has another shape stays empty
	if r.Type != "" && r.Type != "csp-violation" {
		return "", ""
	}
	for _, directive = range []string{r.Body.Directive, r.Old.Directive, r.Old.Violated} {
		if directive != "" {
			break
		}
	}
	directive, _, _ = strings.Cut(directive, " ")
	blocked := r.Body.Blocked
	if blocked == "" {
		blocked = r.Old.Blocked
	}
	return word(directive), blockedHost(blocked)
}

// blockedHost reduces what was blocked to its host, without port, or to the word
// that stands for one: inline, eval, or a scheme.
func blockedHost(blocked string) string {
	scheme, rest, _ := strings.Cut(blocked, ":")
	switch scheme = word(scheme); scheme {
	case "http", "https", "ws", "wss":
		host, _ := hostOf("https:" + rest)
		return host
	}
	return scheme
}

// word returns a short lower-case word, or "".
func word(text string) string {
	text = strings.ToLower(text)
	if len(text) > 32 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	return text
}
