package policy

import (
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

// declareHosts builds the index of the hosts. The form of a host is
// [*.]name[:port][/path] or, for a tracker under the site's own name, /path;
// a path is exact or has *.
func (p *Policy) declareHosts() error {
	p.hosts = hostIndex{map[string][]hostRule{}, map[string][]hostRule{}}
	for i, s := range p.Services {
		for _, host := range s.Hosts {
			name, rule, err := parseHost(host)
			if err != nil {
				return fmt.Errorf("service %q: %w", s.ID, err)
			}
			rule.service = i
			if suffix, wild := strings.CutPrefix(name, "*."); wild {
				p.hosts.wildcard[suffix] = append(p.hosts.wildcard[suffix], rule)
			} else {
				p.hosts.exact[name] = append(p.hosts.exact[name], rule)
			}
		}
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
// empty for the site itself), port and path. A host of several services needs
// the grant of any. An exact name beats a pattern, the longer name the shorter,
// and among equal names a path beats none, the longer the shorter.
func (p *Policy) Host(name, port, path string, grants *Set) Verdict {
	if v, found := judge(p.hosts.exact[name], port, path, grants); found {
		return v
	}
	for suffix := name; suffix != ""; {
		if v, found := judge(p.hosts.wildcard[suffix], port, path, grants); found {
			return v
		}
		_, suffix, _ = strings.Cut(suffix, ".")
	}
	return Undeclared
}

func judge(rules []hostRule, port, path string, grants *Set) (Verdict, bool) {
	best, verdict := -1, Undeclared
	for i := range rules {
		r := &rules[i]
		if r.port != "" && r.port != port || r.path.parts != nil && !r.path.covers(path) {
			continue
		}
		if r.path.literal < best {
			continue
		}
		if r.path.literal > best {
			best, verdict = r.path.literal, Refused
		}
		if grants.Has(r.service) {
			verdict = Granted
		}
	}
	return verdict, best >= 0
}

// covers matches a path, which a pattern without star must equal.
func (g *glob) covers(path string) bool {
	if len(g.parts) == 1 {
		return path == g.parts[0]
	}
	return g.matches(path)
}
