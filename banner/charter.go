package banner

import (
	"bytes"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// pageStyle is the style element of our own pages, and the source expression
// that admits it.
func pageStyle() (style template.HTML, source string) {
	text := sheet("charter.css")
	return template.HTML("<style>" + text + "</style>"), hashSource(text)
}

// charterView is what the charter template sees.
type charterView struct {
	view
	State     string
	Necessary policy.Category
	Purposes  []purposeView
	Kinds     []kind
	Kept      string
	Revision  string
}

// purposeView is one purpose in the preference form.
type purposeView struct {
	policy.Category
	Given, Partial, Withheld bool
	Services                 []serviceView
}

type serviceView struct {
	ID, Label string
	Given     bool
}

// kind is one of the four kinds of cookies a charter tells apart.
type kind struct {
	ID   string
	Rows []row
}

// row is one cookie in the charter's table.
type row struct {
	Provider, PolicyURL, Country  string
	Service, Place, Cookie, SetBy string
	Purpose, Lifetime, Consent    string
	Hosts                         string // of a service without declared cookies
}

// Retention says how long exempt measurements are kept.
func (v charterView) Retention(d time.Duration) string { return v.Lifetime(policy.Lifetime(d)) }

// charter renders the charter page for one visitor.
func (p *Pages) charter(v *enforcer.Visit, lang, back string) ([]byte, error) {
	c := charterView{view: p.config.view(lang), Revision: p.config.Policy.Revision}
	c.Necessary = c.category(policy.Necessary)
	if p.config.Site == "" {
		c.Site = v.Host
	}
	c.Return, c.Style = back, p.style
	c.Kept = c.Lifetime(policy.Lifetime(p.config.Policy.Preference.Lifetime))
	c.State = c.state(&v.Standing)
	for i, purpose := range p.config.Policy.Active {
		c.Purposes = append(c.Purposes, c.purpose(purpose, v.Standing.Choice.Answers[i], &v.Standing.Choice.Services))
	}
	c.Kinds = c.kinds()
	var out bytes.Buffer
	err := templates.ExecuteTemplate(&out, "charter.html", c)
	return out.Bytes(), err
}

func (c *charterView) state(s *policy.Standing) string {
	if !c.Policy.Asks() && s.Choice.Time == 0 {
		return c.T("choice.nothing")
	}
	return c.T("choice."+string(s.State), "date", c.Date(s.Choice.Time))
}

func (c *charterView) purpose(p *policy.Purpose, answer policy.Answer, granted *policy.Set) purposeView {
	v := purposeView{
		Category: p.Category, Given: answer == policy.Given,
		Partial: answer == policy.Partial, Withheld: answer == policy.Withheld,
	}
	for _, i := range p.Order {
		s := &c.Policy.Services[i]
		v.Services = append(v.Services, serviceView{s.ID, c.label(s), answer == policy.Partial && granted.Has(i)})
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
			r.Cookie, r.Lifetime, r.Hosts = "", "", strings.Join(s.Hosts, ", ")
			k.Rows = append(k.Rows, r)
		}
	}
	if !ownListed {
		own := policy.Cookie{Name: c.Policy.Preference.Name}
		r := c.row(&policy.Service{Provider: c.Policy.Controller, Category: policy.Necessary}, &own)
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
		Purpose: c.Of(cookie.Purpose), Lifetime: c.Lifetime(cookie.Lifetime), Consent: "yes",
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
		r.Consent = "no"
	case c.exempt(s.Category):
		r.Consent = "object"
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
// to be indexed or framed by others, nothing loaded and no script.
func (p *Pages) describe(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+p.source+"; form-action 'self'; frame-ancestors 'self'; base-uri 'none'")
}
