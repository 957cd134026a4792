package declare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
)

// suggest notes the services of the catalogue that a thing may belong to.
func (t *thing) suggest() {
	switch t.Kind {
	case inventory.KindCookie:
		t.candidates = catalogue.Suggest(t.Name, t.Setter, t.third)
	case inventory.KindStorage:
		for _, area := range areas(t.Area) {
			t.candidates = append(t.candidates, catalogue.SuggestStorage(area, t.Name)...)
		}
		slices.SortFunc(t.candidates, func(a, b *catalogue.Service) int { return cmp.Compare(a.ID, b.ID) })
		t.candidates = slices.Compact(t.candidates)
	case inventory.KindHost:
		name, _, _ := strings.Cut(t.Name, ":")
		if t.candidates = catalogue.SuggestHost(name, t.Path); len(t.candidates) == 0 && t.Path == "" {
			t.candidates, t.vague = havingPaths(name), true
		}
	}
}

// areas lists the areas of web storage that a key is declared in.
func areas(seen string) []string {
	if seen == "local" || seen == "session" {
		return []string{seen}
	}
	return []string{"local", "session"}
}

// paths returns the hosts called name of which a service declares some paths.
func paths(s *catalogue.Service, name string) (hosts []string) {
	for _, h := range s.Hosts {
		declared, _, hasPath := strings.Cut(h.Host, "/")
		base, wild := strings.CutPrefix(declared, "*.")
		if hasPath && (declared == name || wild && within(name, base)) {
			hosts = append(hosts, h.Host)
		}
	}
	return hosts
}

func havingPaths(name string) (services []*catalogue.Service) {
	for _, s := range catalogue.Services() {
		if len(paths(s, name)) > 0 {
			services = append(services, s)
		}
	}
	return services
}

// choose gives each thing to the one of its candidates that most things point at: the
// service, or else its provider, or else the first by id.
func (p *proposer) choose() {
	points, providers := map[*catalogue.Service]int{}, map[string]int{}
	for _, t := range p.things {
		t.suggest()
		told := map[string]bool{}
		for _, s := range t.candidates {
			points[s]++
			if !told[s.Provider] {
				providers[s.Provider]++
			}
			told[s.Provider] = true
		}
	}
	for _, t := range p.things {
		slices.SortStableFunc(t.candidates, func(a, b *catalogue.Service) int {
			return cmp.Or(cmp.Compare(points[b], points[a]), cmp.Compare(providers[b.Provider], providers[a.Provider]))
		})
		if len(t.candidates) > 0 && !t.vague {
			p.give(t, t.candidates[0])
		}
	}
	p.chooseVague()
	p.chooseBeyond()
}

func (p *proposer) give(t *thing, s *catalogue.Service) {
	if p.services[s] == nil {
		p.services[s] = &Service{of: s, remarks: map[line]string{}}
	}
	t.service = p.services[s]
	t.service.things = append(t.service.things, t)
}

// chooseVague gives hosts of which services load some paths to one of those that
// other things point at. Which path was seen is not known: without other signs, a
// service that needs no consent could so let another's scripts in.
func (p *proposer) chooseVague() {
	for _, t := range p.things {
		if !t.vague {
			continue
		}
		if i := slices.IndexFunc(t.candidates, func(s *catalogue.Service) bool { return p.services[s] != nil }); i >= 0 {
			p.give(t, t.candidates[i])
		}
	}
}

// owners are the services that the catalogue knows to use a registrable domain.
var owners = sync.OnceValue(func() map[string][]*catalogue.Service {
	of := map[string][]*catalogue.Service{}
	add := func(host string, s *catalogue.Service) {
		name, _, _ := strings.Cut(strings.TrimPrefix(host, "*."), "/")
		if domain := registrable(name); !slices.Contains(of[domain], s) {
			of[domain] = append(of[domain], s)
		}
	}
	for _, s := range catalogue.Services() {
		for _, h := range s.Hosts {
			add(h.Host, s)
		}
		for i := range s.Cookies {
			if third := s.Cookies[i].Third(); third != "" {
				add(third, s)
			}
		}
	}
	return of
})

// chooseBeyond gives hosts and third parties' cookies that the catalogue does not
// know to the service that was chosen and that alone uses their domain. One that
// needs no consent gets nothing that way.
func (p *proposer) chooseBeyond() {
	for _, t := range p.things {
		domain := t.domain()
		if t.service != nil || domain == "" || len(t.candidates) > 0 {
			continue
		}
		if of := owners()[domain]; len(of) == 1 && p.services[of[0]] != nil && of[0].Category != policy.Necessary {
			p.give(t, of[0])
		}
	}
}

// domain is the registrable domain of a host or of the third party that a cookie
// lives on.
func (t *thing) domain() string {
	if t.Kind == inventory.KindHost {
		name, _, _ := strings.Cut(t.Name, ":")
		return registrable(strings.TrimPrefix(name, "*."))
	}
	if t.third != "" {
		return registrable(t.third)
	}
	return ""
}

// attach makes services of those that were chosen. One that the site has already gets
// a service of its own beside it.
func (p *proposer) attach() (services []*Service) {
	for _, s := range p.services {
		services = append(services, s)
	}
	slices.SortFunc(services, func(a, b *Service) int { return cmp.Compare(a.of.ID, b.of.ID) })
	for _, s := range services {
		s.ID, s.Known = s.of.ID, true
		if s.of.Category == policy.Necessary {
			s.Category, s.Ground = s.of.Category, s.of.Ground
		}
		s.tell()
		if p.declares(s.ID) {
			p.detach(s, fmt.Sprintf("service %s is declared already; better move these lines there", s.ID))
			continue
		}
		s.extend()
	}
	return services
}

// extend adds what was seen of a service beyond what the catalogue knows. Lines for
// cookies or hosts replace all that the catalogue has of the kind, so that is written
// out too.
func (s *Service) extend() {
	for _, t := range s.things {
		if slices.Contains(t.candidates, s.of) {
			continue
		}
		if t.Kind == inventory.KindHost && len(s.Hosts) == 0 {
			for _, h := range s.of.Hosts {
				s.Hosts = append(s.Hosts, h.Host)
			}
		}
		if t.Kind == inventory.KindCookie && len(s.Cookies) == 0 {
			for i := range s.of.Cookies {
				c := &s.of.Cookies[i]
				s.Cookies = append(s.Cookies, config.Cookie{Name: c.Name, SetBy: c.Third()})
			}
		}
		s.take(t)
		s.remarks[line{t.Kind, t.Name}] = "not in the catalogue"
	}
}

// take adds a line for a thing.
func (s *Service) take(t *thing) {
	switch t.Kind {
	case inventory.KindCookie:
		s.Cookies = append(s.Cookies, t.cookie())
	case inventory.KindStorage:
		for _, area := range areas(t.Area) {
			s.Storage = append(s.Storage, config.StorageKey{Area: area, Key: t.Name})
		}
	case inventory.KindHost:
		hosts := []string{t.Name}
		if name, _, _ := strings.Cut(t.Name, ":"); t.vague && s.of != nil {
			hosts = paths(s.of, name)
		}
		for _, host := range hosts {
			if !slices.Contains(s.Hosts, host) {
				s.Hosts = append(s.Hosts, host)
			}
		}
	}
}

// detach makes of a service one that the catalogue does not fill in, with lines for
// what was seen only.
func (p *proposer) detach(s *Service, why string) {
	s.Service = config.Service{ID: p.id(s.of.ID), Category: s.of.Category, Ground: s.of.Ground}
	s.Known = false
	s.Notes = append(s.Notes, why)
	for _, t := range s.things {
		s.take(t)
	}
}

// tell notes what an operator should know of a service of the catalogue.
func (s *Service) tell() {
	for _, t := range s.things {
		if others := t.others(); others != "" && !t.vague {
			s.Notes = append(s.Notes, fmt.Sprintf("%s may also be of %s", t.Name, others))
		}
		name, _, _ := strings.Cut(t.Name, ":")
		if t.vague {
			s.Notes = append(s.Notes, fmt.Sprintf("of %s, %s is declared; which path was seen is not known", name, strings.Join(paths(s.of, name), ", ")))
		}
		if t.Kind != inventory.KindCookie {
			continue
		}
		if c := s.of.Cookie(t.Name, t.third); c != nil && t.Lifetime > 0 && t.third == "" {
			if least, ok := parse(c.Lifetime); ok && time.Duration(t.Lifetime)*time.Second > least {
				s.Notes = append(s.Notes, fmt.Sprintf("%s was seen with a lifetime of %s: it will be shortened to that of the catalogue, %s", t.Name, lifetime(t.Lifetime), c.Lifetime))
			}
		}
	}
}

// others names the candidates that were not chosen.
func (t *thing) others() string {
	var ids []string
	for _, s := range t.candidates {
		if t.service == nil || s != t.service.of {
			ids = append(ids, s.ID)
		}
	}
	return strings.Join(ids, ", ")
}

// parse reads a lifetime; that of a session is 0. ok is false where there is none.
func parse(lifetime string) (d time.Duration, ok bool) {
	if lifetime == "session" {
		return 0, true
	}
	d, err := caddy.ParseDuration(lifetime)
	return d, err == nil && lifetime != ""
}
