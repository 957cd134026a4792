// Package declare turns what was seen on a site, and nobody declared, into the
// services that would declare it.
//
// What it proposes loads as it stands, and then declares all that it was made from,
// save what cannot be declared, which it names. Facts of the catalogue are left to
// the catalogue, and are taken for what they are: a cookie is never known by its name
// against who sets it, and what needs no consent on the catalogue's word is
// marked to be confirmed. What nobody knows goes into the strictest category,
// marked as open: an operator makes it weaker, never this package.
package declare

import (
	"cmp"
	"slices"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
)

// Site is what is known of the site beside what was seen on it.
type Site struct {
	Hints    []catalogue.Hint // the operator's own lists of cookies
	Declared *policy.Policy   // of the site as it is; nil for one that declares nothing
}

// Proposal is what would declare the things seen.
type Proposal struct {
	Services []Service // those that the catalogue knows first, each by id
	Left     []Left    // what cannot be declared
	Things   int       // undeclared ones, those of Left included
}

// Service is one service to declare.
type Service struct {
	config.Service
	// Known: its id is the catalogue's, which fills in what is left out.
	Known bool
	// Open: its category and purpose are for the operator to say.
	Open bool
	// Notes tell the operator what to look at, in one line each.
	Notes []string

	remarks map[line]string // behind lines
	of      *catalogue.Service
	things  []*thing
}

// line is what one line declares.
type line struct {
	kind inventory.Kind
	name string
}

// Left is something that cannot be declared.
type Left struct {
	inventory.Entry
	Why string
}

// openCategory is the strictest one: consent, and never exempt.
const openCategory = "marketing"

// Propose returns what would declare those of entries, seen on one site, that are
// undeclared. A cookie whose Domain does not cover its Site is a third party's own.
// Of a host, Path is that of a request to it, if known. The same entries, in any
// order, make the same proposal.
func Propose(entries []inventory.Entry, site Site) *Proposal {
	p := &proposer{Site: site, services: map[*catalogue.Service]*Service{}, taken: map[string]bool{}}
	p.preference = (&config.Site{}).WithDefaults().PreferenceCookie.Name
	if site.Declared != nil {
		p.preference = site.Declared.Preference.Name
	}
	p.takeIDs()
	p.look(entries)
	p.choose()
	p.bound()
	known := p.attach()
	open := p.gather()
	p.agree(known, open)
	slices.SortFunc(open, byID)
	return &Proposal{Services: append(valuesOf(known), valuesOf(open)...), Left: p.left, Things: len(p.things) + len(p.left)}
}

// proposer makes one proposal.
type proposer struct {
	Site
	preference string
	taken      map[string]bool // ids
	things     []*thing
	left       []Left
	services   map[*catalogue.Service]*Service // that were chosen
}

// takeIDs notes the ids that a service of no catalogue cannot have.
func (p *proposer) takeIDs() {
	for _, id := range append([]string{"all", "exempt"}, policy.BuiltIn...) {
		p.taken[id] = true
	}
	for _, s := range catalogue.Services() {
		p.taken[s.ID] = true
	}
	if p.Declared == nil {
		return
	}
	for _, c := range p.Declared.Categories {
		p.taken[c.ID] = true
	}
	for _, s := range p.Declared.Services {
		p.taken[s.ID] = true
	}
}

// declares reports whether the site has a service called id.
func (p *proposer) declares(id string) bool {
	return p.Declared != nil && slices.ContainsFunc(p.Declared.Services, func(s policy.Service) bool { return s.ID == id })
}

// room is how many services the site may still have.
func (p *proposer) room() int {
	if p.Declared == nil {
		return policy.MaxServices
	}
	return policy.MaxServices - len(p.Declared.Services)
}

// bound keeps the number of services below what a site may have: of those chosen,
// the ones that most things point at stay.
func (p *proposer) bound() {
	most := max(0, p.room()/2)
	if len(p.services) <= most {
		return
	}
	ranked := make([]*Service, 0, len(p.services))
	for _, s := range p.services {
		ranked = append(ranked, s)
	}
	slices.SortFunc(ranked, func(a, b *Service) int {
		return cmp.Or(cmp.Compare(len(b.things), len(a.things)), cmp.Compare(a.of.ID, b.of.ID))
	})
	for _, s := range ranked[most:] {
		for _, t := range s.things {
			t.service = nil
		}
		delete(p.services, s.of)
	}
}

func byID(a, b *Service) int { return cmp.Compare(a.ID, b.ID) }

func valuesOf(services []*Service) []Service {
	values := make([]Service, len(services))
	for i, s := range services {
		values[i] = *s
	}
	return values
}
