// Package policy says which cookies a site may use, for what, and how long.
//
// It is plain data and pure functions over what a site declares: categories
// (purposes), services, their cookies and hosts; and over what a visitor chose.
// It promises that a cookie nobody declared never passes, that a cookie shared
// by several services passes only with the grants of all of them, and that an
// answer counts only for the purpose it was given to, as that purpose was
// described then. It knows no HTTP, reads no clock, and leaves bytes, headers
// and pages to others.
package policy

import (
	"fmt"
	"time"
)

// Bounds that keep a stored choice below 400 bytes and grants in a fixed-size set.
const (
	MaxServices   = 256
	MaxCategories = 16 // categories in use, necessary aside
)

// Necessary is the category that needs no consent (article 82, second paragraph).
const Necessary = "necessary"

// BuiltIn lists the categories every site has, in the order they are shown.
var BuiltIn = []string{Necessary, "preferences", "statistics", "marketing", "media", "social"}

// Text is one text by language tag.
type Text map[string]string

// Ground is the reason why a necessary service needs no consent (rules F14).
type Ground string

// Grounds are the reasons the CNIL accepts (deliberation 2020-091).
var Grounds = []Ground{
	"tracker_choice", "authentication", "security", "basket",
	"billing", "interface", "load_balancing", "metering",
}

// Declaration is what a site says of itself.
type Declaration struct {
	Controller      string // who answers for the site
	Preference      Preference
	Categories      []Category
	Services        []Service
	AllowUndeclared bool // undeclared cookies pass

	FirstParty           []string // further origins that are the site's own, in the form of hosts
	AllowUndeclaredHosts bool     // third-party origins that no service declares pass
}

// Preference describes the cookie that keeps the visitor's choice.
type Preference struct {
	Name     string
	Lifetime time.Duration // of a choice, either way
	Domain   string        // empty: host-only
}

// Category is a purpose, the unit consent is asked for.
type Category struct {
	ID            string
	Name          Text
	Description   Text
	Exempt        bool          // audience measurement without consent; visitors can object
	DataRetention time.Duration // how long exempt measurements are kept
}

// Service is one provider's tool on the site.
type Service struct {
	ID        string
	Provider  string
	Name      Text
	Place     Text
	Purpose   Text
	Category  string
	Ground    Ground // for Necessary only
	PolicyURL string // the provider's privacy policy
	Country   string // where data goes, if outside the EEA
	Cookies   []Cookie
	Storage   []StorageKey
	Hosts     []string
	Inline    []string // texts that mark an inline script as the service's
}

// StorageKey names a key of the browser's web storage.
type StorageKey struct {
	Area string // "local" or "session"
	Key  string
}

// Cookie is one declared cookie-name or pattern with its facts.
type Cookie struct {
	Name        string // exact, or anchored with *
	Purpose     Text
	Lifetime    Lifetime
	Domain      string // where it lives, if not the host itself
	Path        string
	Secure      bool
	HTTPOnly    bool
	SameSite    string // "", "strict", "lax" or "none"
	Partitioned bool
	ThirdParty  string // host that sets it on itself; such a cookie admits nothing here
}

// Lifetime is how long a cookie may be kept.
// Zero means undeclared (not shortened), Session until the browser closes.
type Lifetime time.Duration

// Session is the lifetime of a cookie without Max-Age and Expires.
const Session Lifetime = -1

// days counts a lifetime for comparison; undeclared counts as what browsers
// allow at most (RFC 6265bis section 5.5).
func (l Lifetime) days() int {
	switch {
	case l == Session:
		return 0
	case l == 0:
		return 400
	}
	const day = Lifetime(24 * time.Hour)
	return int((l + day - 1) / day)
}

// Policy is a compiled declaration, safe for concurrent use.
type Policy struct {
	Declaration
	// Active holds the categories that have a service, Necessary aside, in
	// declared order. Answers are kept by position in it.
	Active []*Purpose
	// Exempt holds the services that need no consent, Always those of them that
	// nobody can object to.
	Exempt, Always Set
	// Loads holds the services that load something or have scripts in the page.
	Loads Set
	// Revision identifies the whole declaration, texts included.
	Revision string

	cookies  index
	rules    []*Rule // in the order in which they decide
	hosts    hostIndex
	own      hostIndex // further origins of the site
	marks    []mark
	services map[string]int
	purposes map[string]int
}

// Purpose is a category in use.
type Purpose struct {
	Category
	Digest   [4]byte // of what was asked; a change voids the grant
	Key      [3]byte // names the category in a stored choice
	Days     uint16  // sum of the lifetimes asked for, saturated
	Services Set
	Order    []int // positions of its services, sorted by id
}

// DeclarationError is a mistake in one service, or in one of its cookies.
type DeclarationError struct {
	Service int // position in the declaration
	Cookie  int // position in the service, or -1
	message string
}

func (e *DeclarationError) Error() string { return e.message }

// New compiles d. Errors name the category, service or cookie at fault.
func New(d Declaration) (*Policy, error) {
	p := &Policy{Declaration: d, services: map[string]int{}, purposes: map[string]int{}}
	if len(d.Services) > MaxServices {
		return nil, fmt.Errorf("%d services, at most %d can be declared", len(d.Services), MaxServices)
	}
	categories := map[string]*Category{}
	for i := range d.Categories {
		categories[d.Categories[i].ID] = &p.Categories[i]
	}
	for i, s := range d.Services {
		if _, known := categories[s.Category]; !known && s.Category != Necessary {
			return nil, &DeclarationError{i, -1, fmt.Sprintf("service %q: unknown category %q", s.ID, s.Category)}
		}
		if _, twice := p.services[s.ID]; twice {
			return nil, &DeclarationError{i, -1, fmt.Sprintf("service %q is declared twice", s.ID)}
		}
		p.services[s.ID] = i
		if s.Category == Necessary || categories[s.Category].Exempt {
			p.Exempt.Add(i)
			if s.Category == Necessary {
				p.Always.Add(i)
			}
		}
	}
	if err := p.activate(); err != nil {
		return nil, err
	}
	if err := p.declareCookies(); err != nil {
		return nil, err
	}
	if err := p.declareHosts(); err != nil {
		return nil, err
	}
	p.Revision = revision(d)
	return p, nil
}

// activate collects the categories that have services.
func (p *Policy) activate() error {
	keys := map[[3]byte]string{}
	for _, c := range p.Categories {
		if c.ID == Necessary {
			continue
		}
		purpose := &Purpose{Category: c}
		for i, s := range p.Services {
			if s.Category == c.ID {
				purpose.Services.Add(i)
				purpose.Order = append(purpose.Order, i)
			}
		}
		if len(purpose.Order) == 0 {
			continue
		}
		p.describe(purpose)
		if other, taken := keys[purpose.Key]; taken {
			return fmt.Errorf("categories %q and %q cannot be told apart in a stored choice; rename one", other, c.ID)
		}
		keys[purpose.Key] = c.ID
		p.purposes[c.ID] = len(p.Active)
		p.Active = append(p.Active, purpose)
	}
	if len(p.Active) > MaxCategories {
		return fmt.Errorf("%d categories in use, at most %d fit in a stored choice", len(p.Active), MaxCategories)
	}
	return nil
}

// Asks reports whether anything on the site needs consent.
func (p *Policy) Asks() bool {
	for _, purpose := range p.Active {
		if !purpose.Exempt {
			return true
		}
	}
	return false
}

// Verdict is what becomes of a cookie.
type Verdict uint8

// Verdicts. Only Granted and Tolerated pass.
const (
	Undeclared Verdict = iota // nobody declared it
	Refused                   // declared, and not granted
	Own                       // the preference cookie: neither read nor set by the site
	Granted                   // exempt, or granted
	Tolerated                 // nobody declared it, and the site lets such cookies pass
)

// Passes reports whether the cookie may be stored and sent.
func (v Verdict) Passes() bool { return v >= Granted }

// Verdict reports what becomes of the cookie called name for a visitor whose
// grants are given, and the rule that says so (nil when nobody declared it).
// Names are compared as they are: case matters, nothing is decoded.
func (p *Policy) Verdict(name string, grants *Set) (Verdict, *Rule) {
	rule := p.cookies.find(name)
	switch {
	case rule == nil && p.AllowUndeclared:
		return Tolerated, nil
	case rule == nil:
		return Undeclared, nil
	case rule.own:
		return Own, rule
	case grants.Covers(&rule.needs):
		return Granted, rule
	}
	return Refused, rule
}

// Depends reports whether it depends on the visitor what becomes of a rule's cookie.
func (p *Policy) Depends(rule *Rule) bool { return rule != nil && !p.Always.Covers(&rule.needs) }

// PassesExact reports whether the cookie-name that text begins with, up to its
// first "=", is declared as it stands, without a pattern, and passes, and nothing
// but that need be known. It is the fast way of Verdict, and may miss long names
// and those near the end of text.
func (p *Policy) PassesExact(text string, grants *Set) bool {
	rule := p.cookies.exact.findBefore(text)
	return rule != nil && rule.plain && grants.Covers(&rule.needs)
}
