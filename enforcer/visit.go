// Package enforcer applies a policy to what travels between a browser and a
// site: Cookie headers on the way in, Set-Cookie headers on the way out, the
// preference cookie that keeps the choice, and the place in a page where the
// banner goes.
//
// It promises that no cookie passes in either direction that the policy does
// not let pass for this visitor, on any status, and that what does pass keeps
// its bytes. A doubt about a cookie or a choice closes: only the exempt pass. A
// doubt about a document opens: its bytes pass untouched, its headers are still
// enforced. In observe mode all passes, and what would have become of it is told
// instead; see observe.go for what is added. It knows net/http but not Caddy, and writes no page.
package enforcer

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// ConsentHeader tells the site what is granted: categories that are granted as
// a whole, then single services, separated by commas.
const ConsentHeader = "Cookie-Consent"

// Enforcer applies one policy. It is safe for concurrent use.
type Enforcer struct {
	Policy *policy.Policy
	// GlobalPrivacyControl tells to honour Sec-GPC.
	GlobalPrivacyControl bool
	// Keys returns the keys that sign choices. While it fails, every visitor
	// stands as if nothing had been chosen.
	Keys func() (*Keyring, error)
	// Insertion appends to dst what belongs at the beginning of the body of a page.
	Insertion func(dst []byte, v *Visit, page rewriter.Page) []byte
	// StandIn returns what stands where a frame, video or audio is held back.
	StandIn func(v *Visit, page rewriter.Page, frame rewriter.Frame) []byte
	// Head appends to dst what belongs before the first script of a page; nil for
	// nothing.
	Head func(dst []byte, v *Visit, page rewriter.Page) []byte
	// Elements are what Insertion, Head and StandIn put in, as a page's
	// Content-Security-Policy must admit it. Its addresses are paths.
	Elements Elements
	// Report is the path that browsers report to what a policy blocks; empty for
	// none.
	Report string
	// ComesBackTo returns the fragment under which a visitor comes back from the
	// page at an address, the request's Referer, where they allowed a service.
	ComesBackTo func(referer string) string
	// RespectNoTransform leaves alone what the site sends with no-transform (RFC
	// 9111 section 5.2.2.6). Without it, that is rewritten too.
	RespectNoTransform bool
	// Untouched is told of each page that could not be rewritten; nil for nobody.
	Untouched func(Untouched)
	// Observe tells to let everything pass: what would become of it is decided, and
	// told to Saw.
	Observe bool
	// Saw is told of what a site uses: of all in observe mode, else of what nobody
	// declared; nil for nobody. site is the host that was asked, as the visitor wrote
	// it. What s points to is valid during the call only. It is called from the
	// goroutines of requests, and holds them up as long as it takes.
	Saw func(site string, s *Sighting)
	// Blocked counts what was held back, by site and service; the service is empty
	// where nobody declared it. It is called as Saw is; nil for nobody.
	Blocked func(site, service string)
	// Version changes whenever what is inserted does, or the policy.
	Version string
	// Now is the clock.
	Now func() time.Time

	turn     atomic.Uint32 // of the expiring lines
	pages    atomic.Uint32 // that got a policy
	granted  Memo[policy.Set]
	policies Memo[policyKey]
}

// Visit is one request under the policy and its response.
type Visit struct {
	Standing policy.Standing
	Host     string // without port, lower case
	Address  string // the Host header as it came
	HTTPS    bool   // the browser's connection is encrypted
	URI      string // path and query the visitor asked for
	Language string // the visitor's Accept-Language

	// The nonces under which the page's own Content-Security-Policy admits what
	// is inserted; empty where none is needed.
	StyleNonce, ScriptNonce string

	enforcer *Enforcer
	path     string // of URI
	gpc      bool   // the browser objects
	html     bool   // an answer that is HTML is rewritten
	page     bool   // and a page that a banner belongs on
	shown    bool   // HTML was asked for
	framed   bool   // it is shown in a frame
	whole    bool   // it is shown as a document of its own
	runs     bool   // an answer that is SVG, XML or a script is a document or a worker
	head     bool
	posted   bool // the request was a POST
	ahead    bool // the page is fetched before anybody asked for it
	connects bool // CONNECT: WebSockets over HTTP/2 and HTTP/3 (RFC 8441, RFC 9220)
	personal bool // what the answer says depends on the choice
	referer  string
	matched  string // the entity tag of this state that the browser has
	decides  gate

	dropped  []noted
	measured []string // cookies of exempt measurement in the request
	buffer   [4]noted
	consent  [1]string // header values, here to spare allocations
	coding   [1]string
	writer   responseWriter
}

// Begin reads the visitor's choice from r, cuts its Cookie header and sets
// ConsentHeader; in observe mode it does none of it. uri is the path and query that was asked for, before any
// rewriting, and https whether the browser's connection is encrypted.
func (e *Enforcer) Begin(r *http.Request, uri string, https bool) *Visit {
	v := &Visit{enforcer: e, Host: hostname(r.Host), Address: r.Host, HTTPS: https, URI: uri, head: r.Method == http.MethodHead, posted: r.Method == http.MethodPost, connects: r.Method == http.MethodConnect}
	v.path, _, _ = strings.Cut(uri, "?")
	v.Language = strings.Join(r.Header["Accept-Language"], ",")
	v.dropped = v.buffer[:0]
	if e.Observe {
		v.observe(r)
		return v
	}
	lines := r.Header["Cookie"]
	v.gpc = e.GlobalPrivacyControl && signalsGPC(r.Header)
	v.Standing = e.Policy.Judge(v.choice(lines), v.gpc)
	if len(lines) > 0 {
		if lines = v.cutCookies(lines); lines == nil {
			delete(r.Header, "Cookie")
		} else {
			r.Header["Cookie"] = lines
		}
	}
	delete(r.Header, "Cookie_consent") // becomes the same variable in CGI
	v.consent[0] = v.Granted()
	r.Header[ConsentHeader] = v.consent[:]
	if len(r.Trailer) > 0 && r.Body != nil {
		body := &trailerFilter{r.Body, r.Trailer}
		body.filter()
		r.Body = body
	}
	v.expectPage(r)
	return v
}

// Again returns the visit for a second pass over the same request, as error
// routes make: the verdict is that of v, whose request has lost its cookies.
func (v *Visit) Again() *Visit {
	return &Visit{
		enforcer: v.enforcer, Standing: v.Standing, Host: v.Host, Address: v.Address, HTTPS: v.HTTPS, URI: v.URI, Language: v.Language,
		gpc: v.gpc, posted: v.posted, connects: v.connects,
		path: v.path, html: v.html, page: v.page, shown: v.shown, framed: v.framed, whole: v.whole, runs: v.runs, head: v.head, referer: v.referer, matched: v.matched,
		dropped: v.dropped, measured: v.measured,
	}
}

// Granted returns the value of ConsentHeader.
func (v *Visit) Granted() string {
	e := v.enforcer
	return e.granted.Get(v.Standing.Grants, func() string {
		return strings.Join(e.Policy.Granted(&v.Standing.Grants), ", ")
	})
}

// Framed reports whether the answer is a page in a frame, where there is no banner.
func (v *Visit) Framed() bool { return v.framed }

// Objects reports whether nothing was chosen and the visitor's browser objects.
func (v *Visit) Objects() bool { return v.Standing.State == policy.GPC }

// Arrives reports whether a visitor comes to the page from elsewhere, and sees it:
// not by a link of the site itself, nor fetched ahead.
func (v *Visit) Arrives() bool {
	return v.whole && !v.ahead && !strings.Contains(v.referer, "//"+v.Address+"/")
}

// Posted reports whether the page answers a POST, which a reload would repeat.
func (v *Visit) Posted() bool { return v.posted }

// Allows reports whether the category or service called id is granted.
func (v *Visit) Allows(id string) bool {
	return v.enforcer.Policy.Allows(id, &v.Standing.Grants)
}

// Choose replaces the choice of this visit, so that its response expires what
// is refused now.
func (v *Visit) Choose(c policy.Choice, cookies []string) {
	v.Standing = v.enforcer.Policy.Judge(c, v.gpc)
	v.dropped = v.dropped[:0]
	v.cutCookies(append([]string(nil), cookies...))
}

// hostname returns the host of a Host header, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// signalsGPC reports whether one Sec-GPC field is exactly "1".
func signalsGPC(h http.Header) bool {
	for _, value := range h["Sec-Gpc"] {
		if value == "1" {
			return true
		}
	}
	return false
}

// trailerFilter is a request's body behind which no trailer says what only the
// header may.
type trailerFilter struct {
	io.ReadCloser
	trailer http.Header
}

// Read reads from the body. net/http fills the trailer in before it ends.
func (f *trailerFilter) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil {
		f.filter()
	}
	return n, err
}

func (f *trailerFilter) filter() {
	for name := range f.trailer {
		switch strings.ReplaceAll(strings.ToLower(name), "_", "-") {
		case "cookie", "cookie-consent":
			delete(f.trailer, name)
		}
	}
}
