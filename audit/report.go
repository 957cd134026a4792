package audit

import (
	"encoding/json"
	"io"
	"time"
)

// Pass is one visit of the whole site in a fresh profile.
type Pass string

// The passes, by the state of the visitor's choice.
const (
	Before    Pass = "before"    // nothing chosen
	Refused   Pass = "refused"   // all refused
	Accepted  Pass = "accepted"  // all accepted
	Withdrawn Pass = "withdrawn" // accepted, then withdrawn
	GPC       Pass = "gpc"       // nothing chosen, Global Privacy Control sent
)

// Passes lists the passes in the order in which they are made.
var Passes = []Pass{Before, Refused, Accepted, Withdrawn, GPC}

// Title names a pass for people.
func (p Pass) Title() string {
	return map[Pass]string{
		Before: "before any choice", Refused: "after refusing", Accepted: "after accepting",
		Withdrawn: "after withdrawing", GPC: "with Global Privacy Control",
	}[p]
}

// consented reports whether everything was accepted in the pass.
func (p Pass) consented() bool { return p == Accepted }

// Kind tells what a thing is.
type Kind string

// Kinds of things.
const (
	KindCookie  Kind = "cookie"
	KindLocal   Kind = "local"     // a key of localStorage
	KindSession Kind = "session"   // a key of sessionStorage
	KindIndexed Kind = "indexeddb" // a database
	KindHost    Kind = "host"      // a third party that is requested
)

// Title names a kind for people.
func (k Kind) Title() string {
	return map[Kind]string{
		KindCookie: "cookie", KindLocal: "localStorage", KindSession: "sessionStorage",
		KindIndexed: "IndexedDB", KindHost: "third party",
	}[k]
}

// Severity is how grave a finding is.
type Severity string

// Severities, gravest first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Report is what an audit found. Its JSON names are stable. No URL in it has a
// query, and no value of a cookie or of storage is kept.
type Report struct {
	Tool     string    `json:"tool"`
	Version  string    `json:"version,omitempty"`
	Browser  string    `json:"browser"` // product and version
	URL      string    `json:"url"`
	HTTPS    bool      `json:"https"`
	LoggedIn bool      `json:"logged_in"` // a login script ran
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Source tells where the pages come from: "sitemap" or "links".
	Source string `json:"source"`
	// Declared tells whether there was a declaration to compare with.
	Declared bool `json:"declared"`
	// Manager is the consent manager, by name; empty when none is known.
	Manager string `json:"manager,omitempty"`
	// Layer is what the first layer offers.
	Layer    Layer       `json:"layer"`
	Passes   []PassVisit `json:"passes"`
	Things   []Thing     `json:"things"`
	Findings []Finding   `json:"findings"`
}

// Layer tells which controls a visitor meets, by label, and how many clicks each
// answer took. 0 clicks: there was no way.
type Layer struct {
	Accept       string `json:"accept,omitempty"`
	Refuse       string `json:"refuse,omitempty"` // on the first layer
	Settings     string `json:"settings,omitempty"`
	Withdraw     string `json:"withdraw,omitempty"`
	AcceptClicks int    `json:"accept_clicks"`
	RefuseClicks int    `json:"refuse_clicks"`
	PreTicked    int    `json:"pre_ticked"` // boxes that had to be unticked to refuse
}

// PassVisit is what one pass saw once its choice was made.
type PassVisit struct {
	Pass Pass `json:"pass"`
	// Problem says why the pass could not be made; nothing else is known then.
	Problem  string    `json:"problem,omitempty"`
	Pages    []Page    `json:"pages"`
	Cookies  []Cookie  `json:"cookies"`
	Storage  []Stored  `json:"storage"`
	Requests []Request `json:"requests"` // to third parties
}

// Done reports whether the pass was made.
func (p *PassVisit) Done() bool { return p.Problem == "" }

// Page is one page visited.
type Page struct {
	URL    string `json:"url"`
	Status int    `json:"status"` // 0: no answer
	// Unrest tells that the page was still loading when its time was over.
	Unrest  bool   `json:"unrest,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Cookie is one cookie as the browser keeps it, by name, domain, path and partition.
type Cookie struct {
	Name        string `json:"name"`
	Domain      string `json:"domain"` // without a leading dot
	HostOnly    bool   `json:"host_only"`
	Path        string `json:"path"`
	Secure      bool   `json:"secure"`
	HTTPOnly    bool   `json:"http_only"`
	SameSite    string `json:"same_site,omitempty"` // Strict, Lax or None
	Partitioned string `json:"partitioned,omitempty"`
	ThirdParty  bool   `json:"third_party"`
	// Lifetime is in seconds, from when it was first seen; 0: until the browser closes.
	Lifetime int64 `json:"lifetime"`
	// Asked is the lifetime in seconds that a response asked for, which browsers cut to
	// 400 days; 0 when that is not known.
	Asked int64 `json:"asked,omitempty"`
	// SetBy is the URL of the response that set it; "script" when no response did;
	// empty when it was there before and was only sent.
	SetBy string `json:"set_by,omitempty"`
	// Rejected tells why the browser did not keep it; it was not stored then.
	Rejected string   `json:"rejected,omitempty"`
	Stored   bool     `json:"stored"`            // it was in the jar
	Sent     int      `json:"sent"`              // requests that carried it
	SentTo   []string `json:"sent_to,omitempty"` // their hosts
	Page     string   `json:"page"`              // where it was first seen
}

// Stored is one key of web storage, or one database.
type Stored struct {
	Kind   Kind   `json:"kind"`
	Origin string `json:"origin"`
	Name   string `json:"name"`
	Page   string `json:"page"`
}

// Request tells of the requests to one third-party URL.
type Request struct {
	Host      string `json:"host"`
	URL       string `json:"url"`
	Type      string `json:"type"`                // Script, Image, Document, WebSocket …
	Initiator string `json:"initiator,omitempty"` // URL of the script or page that caused it
	Page      string `json:"page"`
	Count     int    `json:"count"`
	Blocked   string `json:"blocked,omitempty"` // why it did not leave the browser
}

// Thing is a cookie, a key or a third party over all passes: a row of the matrix.
type Thing struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	Host string `json:"host"` // domain of a cookie, origin of a key, name of a host
	// Service and Category are those declared, or guessed.
	Service  string `json:"service,omitempty"`
	Category string `json:"category,omitempty"`
	Declared bool   `json:"declared"`
	Exempt   bool   `json:"exempt"`
	// Guessed tells that nobody declared it, and that service, category and exemption
	// come from what such a name commonly is.
	Guessed bool `json:"guessed"`
	// Lifetime is the longest seen, and DeclaredLifetime what was declared: in seconds,
	// 0 until the browser closes, -1 not declared.
	Lifetime         int64              `json:"lifetime"`
	DeclaredLifetime int64              `json:"declared_lifetime"`
	Seen             map[Pass]*Presence `json:"seen"`
}

// Presence is what a pass saw of a thing.
type Presence struct {
	Stored  bool   `json:"stored,omitempty"`
	Sent    int    `json:"sent,omitempty"` // requests that carried the cookie, or went to the host
	Blocked int    `json:"blocked,omitempty"`
	Page    string `json:"page"`
}

// there reports whether the thing was stored, sent or requested.
func (p *Presence) there() bool { return p != nil && (p.Stored || p.Sent > 0) }

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Rule     Rule     `json:"rule"`
	Severity Severity `json:"severity"`
	Pass     Pass     `json:"pass,omitempty"`
	Kind     Kind     `json:"kind,omitempty"`
	Name     string   `json:"name,omitempty"`
	Host     string   `json:"host,omitempty"`
	Page     string   `json:"page,omitempty"`
	Text     string   `json:"text"` // one sentence for people
}

// Rule names what a finding is about.
type Rule string

// Rules. The first three count for Failed.
const (
	CookieStored   Rule = "stored-without-consent"    // a cookie, key or database that is not exempt
	CookieSent     Rule = "sent-without-consent"      // a cookie that is not exempt left the browser
	HostRequested  Rule = "requested-without-consent" // a third party that is not exempt was asked
	Undeclared     Rule = "undeclared"
	LongerThanSaid Rule = "lifetime-longer-than-declared"
	TooLong        Rule = "lifetime-over-13-months"
	NoControl      Rule = "no-consent-control"
	NoRefusal      Rule = "no-refusal-beside-acceptance"
	MoreClicks     Rule = "more-clicks-to-refuse"
	PreTicked      Rule = "pre-ticked"
	NoWithdrawal   Rule = "no-withdrawal"
	NotSecure      Rule = "not-secure"
	NoneNotSecure  Rule = "same-site-none-not-secure"
	PageFailed     Rule = "page-failed"
	NotMade        Rule = "pass-not-made"
)

// Failed reports whether something that is not exempt is there without consent.
func (r *Report) Failed() bool {
	for _, f := range r.Findings {
		if f.Severity == Error && (f.Rule == CookieStored || f.Rule == CookieSent || f.Rule == HostRequested) {
			return true
		}
	}
	return false
}

// Count is the number of findings of a severity.
func (r *Report) Count(severity Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// Pass returns what a pass saw, nil when it was not made at all.
func (r *Report) Pass(pass Pass) *PassVisit {
	for i := range r.Passes {
		if r.Passes[i].Pass == pass {
			return &r.Passes[i]
		}
	}
	return nil
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}
