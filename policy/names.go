package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Name is a declared cookie-name or pattern, and whether its cookies pass.
type Name struct {
	Pattern string
	Passes  bool
}

// Names lists what is declared in the order in which it decides: of those that fit
// a cookie-name the first does, as Verdict says. It is for those who decide
// elsewhere, such as a script in a page. What passes for nobody, because what is
// undeclared does not either, is left out.
func (p *Policy) Names(grants *Set) []Name {
	var names []Name
	for _, rule := range p.rules {
		names = append(names, Name{rule.Name, !rule.own && grants.Covers(&rule.needs)})
	}
	for !p.AllowUndeclared && len(names) > 0 && !names[len(names)-1].Passes {
		names = names[:len(names)-1]
	}
	return names
}

// inOrder sorts rules as index.find tries them.
func inOrder(rules map[string]*Rule) []*Rule {
	ordered := make([]*Rule, 0, len(rules))
	for _, name := range sortedKeys(rules) {
		ordered = append(ordered, rules[name])
	}
	slices.SortStableFunc(ordered, func(a, b *Rule) int { return cmpRules(a, b) })
	return ordered
}

// cmpRules compares by how much a rule says: an exact name before patterns, the
// longer literal text before the shorter. Among equals, what find tries first.
func cmpRules(a, b *Rule) int {
	if a.Pattern != b.Pattern {
		if a.Pattern {
			return 1
		}
		return -1
	}
	literal := func(r *Rule) int { return len(r.Name) - strings.Count(r.Name, "*") }
	class := func(r *Rule) int {
		switch {
		case !strings.HasPrefix(r.Name, "*"):
			return 0
		case !strings.HasSuffix(r.Name, "*"):
			return 1
		}
		return 2
	}
	anchor := func(r *Rule) int {
		switch class(r) {
		case 0:
			return strings.IndexByte(r.Name, '*')
		case 1:
			return len(r.Name) - strings.LastIndexByte(r.Name, '*')
		}
		return 0
	}
	return cmp.Or(cmp.Compare(literal(b), literal(a)), cmp.Compare(class(a), class(b)), cmp.Compare(anchor(a), anchor(b)))
}
