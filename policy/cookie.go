package policy

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// MeasurementLifetime is the longest life of a cookie of exempt audience
// measurement, counted from the day it was first set.
const MeasurementLifetime = 395 * 24 * time.Hour

// Rule is what the declaration says of the cookies one name or pattern covers.
// Its facts are the same in every service that declares it.
type Rule struct {
	Cookie
	// Measurement: a cookie of exempt statistics, which a new visit must not prolong.
	Measurement bool
	// Pattern: the name declared is one, and not the cookie's own.
	Pattern bool
	// Service is the id of the first service that declares it.
	Service string

	needs Set // services that must be granted, all of them
	own   bool
	plain bool // neither own nor Measurement
}

// facts are the parts of a declaration that enforcement depends on.
type facts struct {
	lifetime                      Lifetime
	domain, path, sameSite        string
	secure, httpOnly, partitioned bool
}

func (c *Cookie) facts() facts {
	return facts{c.Lifetime, c.Domain, c.Path, c.SameSite, c.Secure, c.HTTPOnly, c.Partitioned}
}

// declareCookies builds the index of the cookies that live on the site itself.
func (p *Policy) declareCookies() error {
	rules, declaredBy := map[string]*Rule{}, map[string]string{}
	for i := range p.Services {
		s := &p.Services[i]
		for j, c := range s.Cookies {
			if c.ThirdParty != "" {
				continue
			}
			rule, shared := rules[c.Name]
			if shared && rule.facts() != c.facts() {
				by := fmt.Sprintf("services %q and %q", declaredBy[c.Name], s.ID)
				if declaredBy[c.Name] == s.ID {
					by = fmt.Sprintf("service %q", s.ID)
				}
				return &DeclarationError{i, j, fmt.Sprintf("cookie %q is declared twice with different facts (%s)", c.Name, by)}
			}
			if !shared {
				rule = &Rule{Cookie: c, Pattern: strings.Contains(c.Name, "*"), Service: s.ID}
				rules[c.Name], declaredBy[c.Name] = rule, s.ID
			}
			rule.needs.Add(i)
			rule.Measurement = rule.Measurement || s.Category != Necessary && p.Exempt.Has(i)
		}
	}
	for _, rule := range rules {
		rule.plain = !rule.Measurement
	}
	if p.Preference.Name != "" {
		rules[p.Preference.Name] = &Rule{Cookie: Cookie{Name: p.Preference.Name}, own: true}
	}
	p.cookies, p.rules = newIndex(rules), inOrder(rules)
	return nil
}

// index finds the rule of a cookie-name: exact before pattern, the pattern
// with the longest literal text before a shorter one.
type index struct {
	exact    table
	patterns bool
	prefixed node   // patterns by the text before their first *
	suffixed node   // patterns that begin with *, by the text behind their last *, backwards
	inner    []glob // patterns with * at both ends
}

// glob is a pattern cut at its stars.
type glob struct {
	parts   []string
	literal int // bytes of literal text
	rule    *Rule
}

// node is one byte of a trie.
type node struct {
	globs []glob
	next  map[byte]*node
}

func newIndex(rules map[string]*Rule) index {
	x, exact := index{}, map[string]*Rule{}
	for _, name := range sortedKeys(rules) {
		if !rules[name].Pattern {
			exact[name] = rules[name]
			continue
		}
		x.patterns = true
		g := glob{strings.Split(name, "*"), len(name) - strings.Count(name, "*"), rules[name]}
		switch first, last := g.parts[0], g.parts[len(g.parts)-1]; {
		case first != "":
			x.prefixed.insert(first, false, g)
		case last != "":
			x.suffixed.insert(last, true, g)
		default:
			x.inner = append(x.inner, g)
		}
	}
	x.exact = newTable(exact)
	return x
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (n *node) insert(text string, backwards bool, g glob) {
	for i := range len(text) {
		c := text[i]
		if backwards {
			c = text[len(text)-1-i]
		}
		if n.next == nil {
			n.next = map[byte]*node{}
		}
		if n.next[c] == nil {
			n.next[c] = &node{}
		}
		n = n.next[c]
	}
	n.globs = append(n.globs, g)
}

// find costs one look-up for an exact name, and a walk along the name's own bytes
// for a pattern, however many are declared; only patterns with a star at both
// ends are tried one by one.
func (x *index) find(name string) *Rule {
	if rule := x.exact.find(name); rule != nil || !x.patterns {
		return rule
	}
	var best *glob
	best = x.prefixed.best(name, false, best)
	best = x.suffixed.best(name, true, best)
	best = longest(x.inner, name, best)
	if best == nil {
		return nil
	}
	return best.rule
}

func (n *node) best(name string, backwards bool, best *glob) *glob {
	for i := 0; ; i++ {
		best = longest(n.globs, name, best)
		if i == len(name) || n.next == nil {
			return best
		}
		c := name[i]
		if backwards {
			c = name[len(name)-1-i]
		}
		if n = n.next[c]; n == nil {
			return best
		}
	}
}

func longest(globs []glob, name string, best *glob) *glob {
	for i := range globs {
		if g := &globs[i]; (best == nil || g.literal > best.literal) && g.matches(name) {
			best = g
		}
	}
	return best
}

// Fits reports whether name is what a declared name says, in which * stands for any
// text.
func Fits(declared, name string) bool {
	g := glob{parts: strings.Split(declared, "*"), literal: len(declared) - strings.Count(declared, "*")}
	return declared == name || len(g.parts) > 1 && g.matches(name)
}

// matches compares greedily: the first part is anchored at the start, the last
// at the end, and each part between them is taken where it comes first.
func (g *glob) matches(name string) bool {
	last := len(g.parts) - 1
	if len(name) < g.literal || !strings.HasPrefix(name, g.parts[0]) {
		return false
	}
	name = name[len(g.parts[0]):]
	for _, part := range g.parts[1:last] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return strings.HasSuffix(name, g.parts[last])
}
