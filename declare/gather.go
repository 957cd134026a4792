package declare

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// gather makes services of the things that the catalogue does not know: hosts and
// third parties' cookies by registrable domain, cookies and keys of the site by what
// their names begin with.
func (p *proposer) gather() (services []*Service) {
	groups := map[string][]*thing{}
	for _, t := range p.things {
		if t.service == nil {
			key := t.group()
			groups[key] = append(groups[key], t)
		}
	}
	for _, key := range p.fitting(groups) {
		s := &Service{Open: true, remarks: map[line]string{}}
		s.ID, s.Category, s.things = p.id(key), openCategory, groups[key]
		for _, t := range s.things {
			s.take(t)
			s.remarks[line{t.Kind, t.Name}] = p.remark(t)
			if t.vague {
				s.Notes = append(s.Notes, fmt.Sprintf("of some paths of %s the catalogue knows %s: declare the one in use, and then only what is left of the host here", t.Name, t.others()))
			}
		}
		services = append(services, s)
	}
	return services
}

// remainder is the group of the things whose own would be one service too many.
const remainder = "others"

// fitting returns the groups in order, after those that do not fit have become one.
func (p *proposer) fitting(groups map[string][]*thing) []string {
	var keys []string
	for key := range groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(groups[b]), len(groups[a])), cmp.Compare(a, b))
	})
	room := p.room() - len(p.services)
	if len(keys) > room {
		rest := keys[max(0, room-1):]
		keys = keys[:max(0, room-1)]
		var things []*thing
		for _, key := range rest {
			things = append(things, groups[key]...)
		}
		if room <= 0 {
			p.refuse(things)
		} else {
			groups[remainder+"/"] = things // no other key has a slash
			keys = append(keys, remainder+"/")
		}
	}
	slices.Sort(keys)
	return keys
}

// refuse leaves out things for which the site has no service left.
func (p *proposer) refuse(things []*thing) {
	for _, t := range things {
		p.leave(t.Entry, "the site has as many services as it can have")
	}
	p.things = slices.DeleteFunc(p.things, func(t *thing) bool { return slices.Contains(things, t) })
}

// group names the things that a thing belongs with.
func (t *thing) group() string {
	if domain := t.domain(); domain != "" {
		return strings.ToLower(domain)
	}
	return cmp.Or(stem(t.Name), string(t.Kind))
}

// stem returns what the names begin with that belong to one service: as many words as
// make three letters, or two with a separator behind. A word ends where letters and
// digits do, or before a capital.
func stem(name string) string {
	for _, prefix := range []string{"__Host-", "__Secure-", "__Http-", "__Host-Http-"} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			name = name[len(prefix):]
		}
	}
	var out []rune
	small := false
	for _, c := range name {
		word := unicode.IsLetter(c) || unicode.IsDigit(c)
		switch {
		case !word && len(out) >= 2, word && small && unicode.IsUpper(c) && len(out) >= 3:
			return string(out)
		case word:
			out = append(out, unicode.ToLower(c))
		}
		small = unicode.IsLower(c)
	}
	return string(out)
}

// remark says behind a line where its thing was seen, and what the operator's lists
// say of it.
func (p *proposer) remark(t *thing) string {
	var said []string
	if t.Kind == inventory.KindCookie {
		switch t.Setter {
		case "response":
			said = append(said, "set in a response")
		case "script":
			said = append(said, "set by a script")
		default:
			said = append(said, "sent, not seen being set")
		}
		for i := range p.Hints {
			if h := &p.Hints[i]; h.Fits(t.Name, t.third) {
				said = append(said, fmt.Sprintf("listed as %s, of %s", cmp.Or(h.Category, "nothing"), cmp.Or(h.Service, h.Provider, "nobody")))
				break
			}
		}
	}
	if t.Example != "" {
		said = append(said, "on "+t.Example)
	}
	return strings.Join(said, "; ")
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// id makes an id of words that is free, and takes it.
func (p *proposer) id(words string) string {
	stem := strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		case c == '/':
			return -1
		}
		return '-'
	}, words), "-")
	for strings.Contains(stem, "--") {
		stem = strings.ReplaceAll(stem, "--", "-")
	}
	if stem = strings.TrimRight(stem[:min(len(stem), 32)], "-"); !identifier.MatchString(stem) {
		stem = strings.TrimRight(("service-" + stem)[:min(8+len(stem), 32)], "-")
	}
	id := stem
	for n := 2; p.taken[id]; n++ {
		end := fmt.Sprintf("-%d", n)
		id = strings.TrimRight(stem[:min(len(stem), 32-len(end))], "-") + end
	}
	p.taken[id] = true
	return id
}

// agree gives a cookie that several services declare the same facts in each, as a
// declaration has to: it then needs the grants of all of them.
func (p *proposer) agree(known, open []*Service) {
	facts := map[string]config.Cookie{}
	for _, s := range known {
		if s.Known && p.differs(s, facts) {
			p.detach(s, fmt.Sprintf("the catalogue's %s says other things of a cookie that another service has", s.of.ID))
		}
		if s.Known {
			for _, c := range s.effective() {
				facts[c.Name] = c
			}
		}
	}
	for _, s := range append(slices.Clone(known), open...) {
		if s.Known {
			continue
		}
		for i, c := range s.Cookies {
			if same, shared := facts[c.Name]; shared && c.SetBy == "" {
				s.Cookies[i] = same
				s.Notes = append(s.Notes, fmt.Sprintf("%s is another service's too, but not as it was seen here: it needs the consent to both", c.Name))
			}
		}
	}
}

// differs reports whether a service says something else of a cookie than the site
// does, or one before it.
func (p *proposer) differs(s *Service, facts map[string]config.Cookie) bool {
	return slices.ContainsFunc(s.effective(), func(c config.Cookie) bool {
		own, _ := parse(c.Lifetime)
		if same, shared := facts[c.Name]; shared {
			if other, _ := parse(same.Lifetime); own != other || (same.Lifetime == "") != (c.Lifetime == "") {
				return true
			}
		}
		if p.Declared == nil {
			return false
		}
		for _, service := range p.Declared.Services {
			for _, d := range service.Cookies {
				if d.Name == c.Name && d.ThirdParty == "" && !sameFacts(&d, c.Lifetime) {
					return true
				}
			}
		}
		return false
	})
}
