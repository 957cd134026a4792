package banner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Pages answers the module's own addresses.
type Pages struct {
	config    Config
	languages languages
	style     template.HTML // of every page
	charter   template.HTML // of the charter, with that of the preferences
	sheet     template.HTML // the site's own
	sources   string        // of these, for a Content-Security-Policy
	origins   *http.CrossOriginProtection
	reports   *rate.Limiter // of the whole site
	now       func() time.Time
}

// NewPages returns the pages of a site.
func NewPages(c Config, now func() time.Time) *Pages {
	s := c.styles()
	p := &Pages{
		config: c, languages: newLanguages(c.Languages), sources: hashSource(s.page) + " " + hashSource(s.form),
		origins: http.NewCrossOriginProtection(), reports: rate.NewLimiter(reportsPerSecond, reportsPerSecond), now: now,
	}
	p.style = template.HTML("<style>" + s.page + "</style>")
	p.charter = p.style + template.HTML(`<style data-cookie-consent="style">`+s.form+"</style>")
	if p.sheet = template.HTML(strings.ReplaceAll(string(c.sheetElement()), nonceSlot, "")); p.sheet != "" {
		p.sources += " 'self'"
	}
	return p
}

// Owns reports whether path, as the visitor asked for it, is one of the
// module's own. In observe mode that is the one for reports alone.
func (p *Pages) Owns(path string) bool {
	rest, ok := strings.CutPrefix(path, p.config.Path)
	if p.config.Observe {
		return ok && rest == "/report"
	}
	return ok && (rest == "" || rest[0] == '/')
}

// Serve answers a request to path, which Owns has claimed. cookies are the
// Cookie lines as they came. mayGrant is asked before something is granted, and
// says whether this client may grant now.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, path string, cookies []string, mayGrant func() bool) error {
	p.describe(w.Header())
	if r.Method != http.MethodPost {
		v.Expire(w.Header())
	}
	endpoint := strings.TrimPrefix(path, p.config.Path)
	_, rawQuery, _ := strings.Cut(v.URI, "?") // as asked, whatever was rewritten
	query, _ := url.ParseQuery(rawQuery)      // what is malformed is left out
	methods := []string{http.MethodGet, http.MethodHead}
	if endpoint == "/choice" || endpoint == "/report" {
		methods = []string{http.MethodPost}
	}
	file, isFile := assets[strings.TrimPrefix(endpoint, "/")]
	known := isFile || slices.Contains([]string{"", "/", "/choice", "/state", "/policy.json", "/receipt", "/embed", "/report"}, endpoint)
	switch {
	case !known:
		return p.fail(w, r, v, query.Get("lang"), refusal{status: http.StatusNotFound})
	case !slices.Contains(methods, r.Method):
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return p.fail(w, r, v, query.Get("lang"), refusal{status: http.StatusMethodNotAllowed})
	}
	if isFile {
		return file.serve(w, r)
	}
	switch endpoint {
	case "":
		target := p.config.Path + "/"
		if rawQuery != "" {
			target += "?" + rawQuery
		}
		w.Header().Set("Location", target)
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	case "/choice":
		return p.choose(w, r, v, cookies, mayGrant)
	case "/report":
		w.WriteHeader(p.takeReports(r, v))
		return nil
	case "/embed":
		return p.embed(w, r, v, query)
	case "/state":
		return p.sendJSON(w, r, p.state(v))
	case "/receipt":
		return p.receipt(w, r, v, query.Get("lang"))
	case "/policy.json":
		return p.sendJSON(w, r, p.describePolicy())
	}
	page, err := p.renderCharter(v, p.language(v, query.Get("lang")), localPath(query.Get("return")))
	if err != nil {
		return err
	}
	return send(w, r, http.StatusOK, "text/html; charset=utf-8", page)
}

// language is what the visitor reads: as the page said they came from, or as
// the browser says.
func (p *Pages) language(v *enforcer.Visit, asked string) string {
	return p.languages.choose(asked, v.Language)
}

// state is what GET <path>/state answers.
type state struct {
	State    policy.State `json:"state"`
	Granted  []string     `json:"granted"`  // categories granted as a whole, then services
	Objected []string     `json:"objected"` // exempt categories
	Time     *string      `json:"time"`     // of the choice, RFC 3339; null without one
}

func (p *Pages) state(v *enforcer.Visit) state {
	s := state{
		State:    v.Standing.State,
		Granted:  p.config.Policy.Granted(&v.Standing.Grants),
		Objected: p.config.Policy.Objected(&v.Standing.Choice),
	}
	if t := v.Standing.Choice.Time; t != 0 {
		text := time.Unix(t, 0).UTC().Format(time.RFC3339)
		s.Time = &text
	}
	return s
}

func (p *Pages) sendJSON(w http.ResponseWriter, r *http.Request, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return send(w, r, http.StatusOK, "application/json", append(data, '\n'))
}

// send writes a whole body, which a HEAD request does not get.
func send(w http.ResponseWriter, r *http.Request, status int, mediaType string, body []byte) error {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// refusal is why a request to our own pages is not answered as asked.
type refusal struct {
	status int
	detail string // for the reader, in English
	text   string // key of what the page says, if not what the status means
	framed bool   // the page is shown inside another
}

func (e refusal) Error() string { return e.detail }

// fail answers with e, in lang if it is offered: as problem+json (RFC 9457) to clients that speak JSON, as
// a page to others.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, lang string, e refusal) error {
	if speaksJSON(r) {
		problem := map[string]any{"type": "about:blank", "title": http.StatusText(e.status), "status": e.status}
		if e.detail != "" {
			problem["detail"] = e.detail
		}
		data, err := json.Marshal(problem)
		if err != nil {
			return err
		}
		return send(w, r, e.status, "application/problem+json", append(data, '\n'))
	}
	said := p.config.voice(p.language(v, lang))
	page := struct {
		view
		Title, Message, Detail string
		Choosing, Framed       bool
	}{view: view{voice: said, Config: p.config, Style: p.style, Sheet: p.sheet}, Detail: e.detail, Choosing: r.Method == http.MethodPost, Framed: e.framed}
	page.Title = said.T("charter")
	if page.Choosing {
		page.Title = said.T("error")
	}
	page.Message = said.T("error." + strconv.Itoa(e.status))
	if e.text != "" {
		page.Message = said.T(e.text)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "error.html", page); err != nil {
		return err
	}
	return send(w, r, e.status, "text/html; charset=utf-8", out.Bytes())
}

// speaksJSON reports whether the client sends JSON or asks for it rather than
// for HTML.
func speaksJSON(r *http.Request) bool {
	accept := strings.Join(r.Header["Accept"], ",")
	return isJSON(r.Header.Get("Content-Type")) ||
		strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

// localPath returns target when it is a path on this site, else "/".
// What browsers read as another site, or a header could not carry, is not.
func localPath(target string) string {
	target, _, _ = strings.Cut(target, "#")
	if len(target) == 0 || len(target) > 4096 || target[0] != '/' || len(target) > 1 && (target[1] == '/' || target[1] == '\\') {
		return "/"
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' {
			return "/"
		}
	}
	return target
}

// wayBack splits target into a path on this site and the fragment to go to
// there, empty without one that is sure to pass.
func wayBack(target string) (path, fragment string) {
	asked, fragment, _ := strings.Cut(target, "#")
	if path = localPath(asked); path != asked || !isFragment(fragment) {
		return path, ""
	}
	return path, fragment
}

// maxFragment is the longest fragment that a way back keeps, in bytes.
const maxFragment = 256

// unreserved are the characters that a fragment may have as they are.
const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:"

func isFragment(text string) bool {
	if decoded, err := url.PathUnescape(text); err != nil || len(text) > maxFragment || decoded == "" {
		return false
	}
	return strings.Trim(text, unreserved+"%") == ""
}

// fragment writes the id of an element as a fragment, empty when that is too long.
func fragment(id string) string {
	var out strings.Builder
	for i := range len(id) {
		if c := id[i]; strings.IndexByte(unreserved, c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	if out.Len() > maxFragment {
		return ""
	}
	return out.String()
}
