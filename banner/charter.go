package banner

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// charterView is what the charter template sees.
type charterView struct {
	view
	State        string
	Necessary    purposeView
	Purposes     []purposeView
	Withdrawable bool   // something is granted
	Proof        string // what is kept of the choice
	Provable     bool   // there is a record of it
	Kinds        []kind
	Short        bool // tables have four columns
	Recipients   []recipient
	Transfers    []recipient
	Signalled    string // vendors that are told the choice
	Kept         string
	Version      string
	Tongues      []tongue
}

// purposeView is one purpose in the preference form.
type purposeView struct {
	voice
	policy.Category
	Given, Partial, Withheld bool
	Choosable                bool // service by service
	Services                 []serviceView
}

type serviceView struct {
	ID, Label          string
	PolicyURL, Country string
	Given              bool
	Cookies            []row
}

// kind is one of the four kinds of cookies a charter tells apart.
type kind struct {
	ID   string
	Rows []row
}

// row is one cookie in the charter's table.
type row struct {
	voice
	Provider, PolicyURL, Country  string
	Service, Place, Cookie, SetBy string
	Purpose, Lifetime, Consent    string
	Reader                        string
	Hosts                         string // of a service without declared cookies
}

// recipient is who gets data, or where it goes.
type recipient struct{ Name, PolicyURL, Country string }

// tongue is a language the charter is there in.
type tongue struct {
	Tag, Self string
	Current   bool
}

// Retention says how long exempt measurements are kept.
func (v charterView) Retention(d time.Duration) string { return v.Lifetime(policy.Lifetime(d)) }

// renderCharter renders the charter page for one visitor.
func (p *Pages) renderCharter(v *enforcer.Visit, lang, back string) ([]byte, error) {
	c := charterView{view: p.config.view(lang), Short: p.config.ShortTable}
	if p.config.Site == "" {
		c.Site = v.Host
	}
	c.Return, c.Style, c.Sheet = back, p.charter, p.sheet
	c.Kept = c.Lifetime(policy.Lifetime(p.config.Policy.Preference.Lifetime))
	c.State, c.Changed = c.state(&v.Standing), p.config.changed(&v.Standing, lang)
	c.Withdrawable = v.Standing.Choice.Grants()
	c.Proof = c.T("proof.off")
	if p.config.Proof != nil {
		c.Proof, c.Provable = c.T("proof.kept", "lifetime", c.Lifetime(policy.Lifetime(p.config.Proof.Retention()))), v.Standing.Choice.ID != [16]byte{}
	}
	c.Necessary = purposeView{voice: c.voice, Category: c.category(policy.Necessary)}
	for i := range c.Policy.Services {
		if s := &c.Policy.Services[i]; s.Category == policy.Necessary {
			c.Necessary.Services = append(c.Necessary.Services, c.service(s))
		}
	}
	for i, purpose := range p.config.Policy.Active {
		c.Purposes = append(c.Purposes, c.purpose(purpose, v.Standing.Choice.Answers[i], &v.Standing.Choice.Services))
	}
	c.Kinds = c.kinds()
	c.Recipients, c.Transfers = c.recipients()
	c.Signalled = signalled(p.config.Signals)
	c.Version = c.version()
	for _, tag := range p.config.Languages {
		if len(p.config.Languages) > 1 {
			c.Tongues = append(c.Tongues, tongue{tag, texts[tag]["self"], tag == lang})
		}
	}
	var out bytes.Buffer
	err := templates.ExecuteTemplate(&out, "charter.html", c)
	return out.Bytes(), err
}

// version names the revision that is in force, and since when.
func (c *charterView) version() string {
	revision := c.Policy.Revision
	if c.Since != nil {
		if since := c.Since(revision); since != 0 {
			return c.T("revision_dated", "revision", revision, "date", c.Date(since))
		}
	}
	return c.T("revision", "revision", revision)
}

// recipients lists the providers but the controller, and those outside the EEA.
func (c *charterView) recipients() (all, outside []recipient) {
	for i := range c.Policy.Services {
		s := &c.Policy.Services[i]
		r := recipient{providerOf(s), s.PolicyURL, s.Country}
		if r.Name != c.Controller && !slices.ContainsFunc(all, func(other recipient) bool { return other.Name == r.Name }) {
			all = append(all, r)
		}
		if r.Country != "" && !slices.Contains(outside, r) {
			outside = append(outside, r)
		}
	}
	return all, outside
}

func (c *charterView) state(s *policy.Standing) string {
	if !c.Policy.Asks() && s.Choice.Time == 0 {
		return c.T("choice.nothing")
	}
	return c.T("choice."+string(s.State), "date", c.Date(s.Choice.Time))
}

func (c *charterView) purpose(p *policy.Purpose, answer policy.Answer, granted *policy.Set) purposeView {
	v := purposeView{
		voice: c.voice, Category: p.Category, Choosable: !p.Exempt && len(p.Order) > 1,
		Given: answer == policy.Given, Partial: answer == policy.Partial, Withheld: answer == policy.Withheld,
	}
	for _, i := range p.Order {
		s := c.service(&c.Policy.Services[i])
		s.Given = answer == policy.Partial && granted.Has(i)
		v.Services = append(v.Services, s)
	}
	return v
}

func (c *charterView) service(s *policy.Service) serviceView {
	v := serviceView{ID: s.ID, Label: c.label(s), PolicyURL: s.PolicyURL, Country: s.Country}
	for i := range s.Cookies {
		v.Cookies = append(v.Cookies, c.row(s, &s.Cookies[i]))
	}
	return v
}

// label names a service with its provider.
func (v *view) label(s *policy.Service) string {
	name := v.Of(s.Name)
	switch {
	case name == "":
		return providerOf(s)
	case s.Provider == "" || s.Provider == name:
		return name
	}
	return name + " (" + s.Provider + ")"
}

// kinds sorts the declared cookies into the four kinds, each in declared order.
// The preference cookie is listed even if no service does.
func (c *charterView) kinds() []kind {
	kinds := []kind{{ID: "necessary"}, {ID: "statistics"}, {ID: "first_party"}, {ID: "third_party"}}
	ownListed := false
	for i := range c.Policy.Services {
		s := &c.Policy.Services[i]
		for j := range s.Cookies {
			cookie := &s.Cookies[j]
			ownListed = ownListed || cookie.Name == c.Policy.Preference.Name
			k := &kinds[kindOf(s, cookie)]
			k.Rows = append(k.Rows, c.row(s, cookie))
		}
		if len(s.Cookies) == 0 && len(s.Hosts) > 0 {
			k := &kinds[kindOf(s, loaded(s))]
			r := c.row(s, &policy.Cookie{})
			r.Cookie, r.Lifetime, r.Reader, r.Hosts = "", "", r.Provider, strings.Join(s.Hosts, ", ")
			k.Rows = append(k.Rows, r)
		}
	}
	if !ownListed {
		own := policy.Cookie{Name: c.Policy.Preference.Name}
		r := c.row(&policy.Service{Provider: c.Policy.Controller, Category: policy.Necessary, Ground: "tracker_choice"}, &own)
		r.Service, r.Purpose = c.T("own.service"), c.T("own.purpose")
		kinds[0].Rows = append(kinds[0].Rows, r)
	}
	return kinds
}

// loaded stands for the cookies that a service without declared ones may set:
// those of its first host, unless that is a path of the site.
func loaded(s *policy.Service) *policy.Cookie {
	host, _, _ := strings.Cut(s.Hosts[0], "/")
	return &policy.Cookie{ThirdParty: host}
}

// kindOf derives the kind: by purpose, then by who sets the cookie.
func kindOf(s *policy.Service, c *policy.Cookie) int {
	switch {
	case s.Category == policy.Necessary:
		return 0
	case s.Category == "statistics":
		return 1
	case c.ThirdParty == "":
		return 2
	}
	return 3
}

func (c *charterView) row(s *policy.Service, cookie *policy.Cookie) row {
	r := row{
		Provider: providerOf(s), PolicyURL: s.PolicyURL, Country: s.Country,
		Service: c.Of(s.Name), Place: c.Of(s.Place), Cookie: cookie.Name, SetBy: cookie.ThirdParty,
		Purpose: c.Of(cookie.Purpose), Lifetime: c.Lifetime(cookie.Lifetime), Consent: c.T("consent.yes"), voice: c.voice,
	}
	switch {
	case cookie.ThirdParty != "":
		r.Reader = r.Provider
	case len(s.Hosts) > 0 || slices.ContainsFunc(s.Cookies, func(c policy.Cookie) bool { return c.ThirdParty != "" }):
		r.Reader = c.T("reader.both", "provider", r.Provider)
	default:
		r.Reader = c.T("reader.site")
	}
	if r.Purpose == "" {
		r.Purpose = c.purposeOf(s)
	}
	if r.Service == "" {
		r.Service = s.ID
	}
	if cookie.Name == c.Policy.Preference.Name {
		r.Lifetime = c.Lifetime(policy.Lifetime(c.Policy.Preference.Lifetime))
	}
	switch {
	case s.Category == policy.Necessary:
		r.Consent = c.T("consent.no")
		if s.Ground != "" {
			r.Consent += " (" + c.T("ground."+string(s.Ground)) + ")"
		}
	case c.exempt(s.Category):
		r.Consent = c.T("consent.object")
	}
	return r
}

// purposeOf says what a service is for, or else what its category is for.
func (v *view) purposeOf(s *policy.Service) string {
	if text := v.Of(s.Purpose); text != "" {
		return text
	}
	return v.Description(v.category(s.Category))
}

// category returns the declared category called id, or one without texts.
func (v *view) category(id string) policy.Category {
	for _, category := range v.Policy.Categories {
		if category.ID == id {
			return category
		}
	}
	return policy.Category{ID: id}
}

// exempt reports whether a category is measurement without consent.
func (v *view) exempt(category string) bool {
	return slices.ContainsFunc(v.Policy.Active, func(p *policy.Purpose) bool { return p.ID == category && p.Exempt })
}

// describe sets the headers every page of ours has: for this visitor alone, not
// to be indexed or framed by others, nothing loaded but style sheets, no script.
func (p *Pages) describe(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+p.sources+"; form-action 'self'; frame-ancestors 'self'; base-uri 'none'")
}
