package policy

import (
	"bytes"
	"fmt"
	"strings"
)

// hostIndex finds the services of an origin.
type hostIndex struct {
	exact    map[string][]hostRule // by host name; "" is the site itself
	wildcard map[string][]hostRule // by the name behind "*."
}

type hostRule struct {
	port    string // empty: any
	path    glob   // no parts: any path
	service int
}

// declareHosts builds the indexes of the hosts. The form of a host is
// [*.]name[:port][/path] or, for a tracker under the site's own name, /path;
// a path is exact or has *.
func (p *Policy) declareHosts() error {
	p.hosts, p.own = newHostIndex(), newHostIndex()
	for i, s := range p.Services {
		if len(s.Hosts)+len(s.Inline) > 0 {
			p.Loads.Add(i)
		}
		for _, host := range s.Hosts {
			if err := p.hosts.add(host, i); err != nil {
				return fmt.Errorf("service %q: %w", s.ID, err)
			}
		}
		for _, text := range s.Inline {
			p.mark(text, i)
		}
	}
	for _, host := range p.FirstParty {
		if err := p.own.add(host, 0); err != nil {
			return fmt.Errorf("first party: %w", err)
		}
	}
	return nil
}

func newHostIndex() hostIndex {
	return hostIndex{map[string][]hostRule{}, map[string][]hostRule{}}
}

func (x *hostIndex) add(host string, service int) error {
	name, rule, err := parseHost(host)
	if err != nil {
		return err
	}
	rule.service = service
	if suffix, wild := strings.CutPrefix(name, "*."); wild {
		x.wildcard[suffix] = append(x.wildcard[suffix], rule)
	} else {
		x.exact[name] = append(x.exact[name], rule)
	}
	return nil
}

// CheckHost reports what is wrong with a declared host.
func CheckHost(host string) error {
	_, _, err := parseHost(host)
	return err
}

func parseHost(host string) (name string, rule hostRule, err error) {
	name, path, hasPath := strings.Cut(host, "/")
	if hasPath {
		parts := strings.Split("/"+path, "*")
		rule.path = glob{parts: parts, literal: len(path) + 2 - len(parts)}
	}
	name, rule.port, _ = strings.Cut(strings.ToLower(name), ":")
	if name == "" && !hasPath {
		return "", rule, fmt.Errorf("host %q has no name", host)
	}
	if strings.Contains(strings.TrimPrefix(name, "*."), "*") {
		return "", rule, fmt.Errorf("host %q: * may only stand for whole labels at the front, as in *.example.net", host)
	}
	for _, c := range name + rule.port {
		if c <= ' ' || c == 0x7f || strings.ContainsRune(`";,'\()@?#`, c) {
			return "", rule, fmt.Errorf("host %q: unexpected %q", host, c)
		}
	}
	if strings.Trim(rule.port, "0123456789") != "" {
		return "", rule, fmt.Errorf("host %q: unexpected port %q", host, rule.port)
	}
	return name, rule, nil
}

// Host reports what becomes of a request to name (lower case, without port;
// empty for the site itself), port and path, and the position of the service
// that says so, -1 when nobody declared it. A host of several services needs
// the grant of any. An exact name beats a pattern, the longer name the shorter,
// and among equal names a path beats none, the longer the shorter.
func (p *Policy) Host(name, port, path string, grants *Set) (Verdict, int) {
	return p.hosts.find(name, port, path, grants)
}

// DeclaresPaths reports whether trackers under the site's own name are declared.
func (p *Policy) DeclaresPaths() bool { return len(p.hosts.exact[""]) > 0 }

// OwnOrigin reports whether an origin is declared to be the site's own.
func (p *Policy) OwnOrigin(name, port, path string) bool {
	verdict, _ := p.own.find(name, port, path, &Set{})
	return verdict != Undeclared
}

// HoldsBack reports whether a page may load something that grants do not cover.
func (p *Policy) HoldsBack(grants *Set) bool {
	return !p.AllowUndeclaredHosts || !grants.Covers(&p.Loads)
}

func (x *hostIndex) find(name, port, path string, grants *Set) (Verdict, int) {
	if v, service, found := judge(x.exact[name], port, path, grants); found {
		return v, service
	}
	for suffix := name; suffix != "" && len(x.wildcard) > 0; {
		if v, service, found := judge(x.wildcard[suffix], port, path, grants); found {
			return v, service
		}
		_, suffix, _ = strings.Cut(suffix, ".")
	}
	return Undeclared, -1
}

func judge(rules []hostRule, port, path string, grants *Set) (verdict Verdict, service int, found bool) {
	best := -1
	verdict, service = Undeclared, -1
	for i := range rules {
		r := &rules[i]
		if r.port != "" && r.port != port || r.path.parts != nil && !r.path.covers(path) {
			continue
		}
		if r.path.literal < best {
			continue
		}
		if r.path.literal > best {
			best, verdict, service = r.path.literal, Refused, r.service
		}
		if verdict != Granted && grants.Has(r.service) {
			verdict, service = Granted, r.service
		}
	}
	return verdict, service, best >= 0
}

// covers matches a path, which a pattern without star must equal.
func (g *glob) covers(path string) bool {
	if len(g.parts) == 1 {
		return path == g.parts[0]
	}
	return g.matches(path)
}

// mark is a text that tells whose an inline script is.
type mark struct {
	text     []byte
	services Set
	first    int
}

func (p *Policy) mark(text string, service int) {
	for i := range p.marks {
		if string(p.marks[i].text) == text {
			p.marks[i].services.Add(service)
			return
		}
	}
	m := mark{text: []byte(text), first: service}
	m.services.Add(service)
	p.marks = append(p.marks, m)
}

// Marks reports whether some inline scripts are not covered by grants.
func (p *Policy) Marks(grants *Set) bool {
	for i := range p.marks {
		if p.marks[i].services.Intersect(*grants) == (Set{}) {
			return true
		}
	}
	return false
}

// Inline reports the service whose mark an inline script has and that is not
// granted, -1 without one. A mark of several services needs the grant of any.
func (p *Policy) Inline(script []byte, grants *Set) int {
	for i := range p.marks {
		m := &p.marks[i]
		if m.services.Intersect(*grants) == (Set{}) && bytes.Contains(script, m.text) {
			return m.first
		}
	}
	return -1
}
