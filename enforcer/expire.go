package enforcer

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxExpiring bounds the bytes of expiring lines added to one response: proxies
// in front give a whole header 4 KB. The browser sends what is left again, and
// the next responses go on from another place in the list.
const maxExpiring = 2048

// identity is where a cookie of a given name can live (RFC 6265bis section 5.7:
// name, domain, host-only flag and path; and the partition).
type identity struct {
	domain      string // empty: host-only
	path        string
	partitioned bool
}

// line returns the Set-Cookie value that expires name at this identity.
func (id identity) line(name string) string {
	line := name + "=; Path=" + id.path + ended
	if id.domain != "" {
		line += "; Domain=" + id.domain
	}
	switch {
	case id.partitioned:
		return line + "; Secure; SameSite=None; Partitioned"
	case hasPrefixFold(name, "__Secure-") || hasPrefixFold(name, "__Host-") || hasPrefixFold(name, "__Http-"):
		return line + "; Secure; HttpOnly" // else browsers ignore the line
	}
	return line
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// expiring returns the lines that expire the noted cookies, up to maxExpiring
// bytes, beginning at the turn-th line of them all so that repeated visits get
// through the whole list. more reports whether lines were left out.
func (v *Visit) expiring(turn uint) (lines []string, more bool) {
	var all []places
	total := 0
	domains, prefixes := parentDomains(v.Host), pathPrefixes(v.path)
	for _, d := range v.dropped {
		p := v.places(d, domains, prefixes)
		all = append(all, p)
		total += p.count()
	}
	size := 0
	for i := range total {
		line := lineAt(all, int((uint(i)+turn)%uint(total)))
		n := len(line) + len("Set-Cookie: \r\n")
		if n > maxExpiring {
			continue
		}
		if size += n; size > maxExpiring {
			return lines, true
		}
		lines = append(lines, line)
	}
	return lines, false
}

// places are the identities a dropped cookie can have: each domain on each path,
// the likely ones first, and all again in the partitioned jar.
type places struct {
	name           string
	domains, paths []string
	jars           int
}

// places tells where d can live. An undeclared one is expired host-only at most:
// on a parent domain it may be another application's.
func (v *Visit) places(d noted, domains, prefixes []string) places {
	p := places{d.name, []string{""}, []string{"/"}, 1}
	if d.rule != nil && d.rule.Partitioned && v.HTTPS {
		p.jars = 2
	}
	if hasPrefixFold(d.name, "__Host-") {
		return p // has no other place
	}
	if d.rule != nil {
		p.domains = append(p.domains, domains...)
		if d.rule.Path != "" && d.rule.Path != "/" {
			p.paths = append(p.paths, d.rule.Path)
		}
	}
	for _, path := range prefixes {
		if d.rule == nil || path != d.rule.Path {
			p.paths = append(p.paths, path)
		}
	}
	return p
}

func (p *places) count() int { return len(p.domains) * len(p.paths) * p.jars }

// lineAt returns the i-th line of all.
func lineAt(all []places, i int) string {
	for n := range all {
		p := &all[n]
		if i >= p.count() {
			i -= p.count()
			continue
		}
		id := identity{p.domains[i/p.jars%len(p.domains)], p.paths[i/p.jars/len(p.domains)], i%p.jars == 1}
		return id.line(p.name)
	}
	return ""
}

// maxDomains bounds the depth of names that are tried.
const maxDomains = 8

// parentDomains lists host and its parents below the public suffix: every
// domain a browser would have accepted from it, the last maxDomains of a deeper
// name. An address or a single label has none, nor what is longer than a name
// can be (RFC 1035).
func parentDomains(host string) []string {
	if len(host) > 253 || isIP(host) {
		return nil
	}
	registrable, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return nil
	}
	domains := []string{host}
	for host != registrable {
		_, host, _ = strings.Cut(host, ".")
		domains = append(domains, host)
	}
	return domains[max(0, len(domains)-maxDomains):]
}

// maxPathPrefixes bounds the depth of paths that are tried.
const maxPathPrefixes = 16

// pathPrefixes lists the cookie paths, "/" aside, that match a request path
// (RFC 6265bis section 5.1.4), the shorter first.
func pathPrefixes(path string) []string {
	var prefixes []string
	path = path[:min(len(path), maxAttribute)] // browsers keep no longer one
	for i := 1; i <= len(path) && len(prefixes) < maxPathPrefixes; i++ {
		if i == len(path) || path[i] == '/' {
			if i > 1 && path[i-1] != '/' {
				prefixes = append(prefixes, path[:i])
			}
			if i < len(path) {
				prefixes = append(prefixes, path[:i+1])
			}
		}
	}
	for i, p := range prefixes {
		if strings.ContainsAny(p, ";\r\n\t") {
			return prefixes[:i]
		}
	}
	return prefixes
}

// otherIdentities returns lines that expire copies of the preference cookie
// which stand on another domain than its own.
func (v *Visit) otherIdentities(own string) []string {
	name := v.enforcer.Policy.Preference.Name
	if hasPrefixFold(name, "__Host-") {
		return nil
	}
	var lines []string
	for _, domain := range append([]string{""}, parentDomains(v.Host)...) {
		if domain != own {
			lines = append(lines, identity{domain: domain, path: "/"}.line(name))
		}
	}
	return lines
}
