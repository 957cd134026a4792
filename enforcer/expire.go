package enforcer

import (
	"net"
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
	line := name + "=; Path=" + id.path + "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
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
	var all []string
	for _, d := range v.dropped {
		for _, id := range v.identities(d) {
			all = append(all, id.line(d.name))
		}
	}
	size := 0
	for i := range all {
		line := all[(uint(i)+turn)%uint(len(all))]
		if size += len(line) + len("Set-Cookie: \r\n"); size > maxExpiring {
			return lines, true
		}
		lines = append(lines, line)
	}
	return lines, false
}

// identities lists where a dropped cookie can live, the likely places first. An
// undeclared one is expired host-only at most: on a parent domain it may be
// another application's.
func (v *Visit) identities(d noted) []identity {
	domains := []string{""}
	paths := []string{"/"}
	switch {
	case hasPrefixFold(d.name, "__Host-"):
		return v.partitions(d, "", "/") // has no other identity
	case d.rule != nil:
		domains = append(domains, parentDomains(v.Host)...)
		if d.rule.Path != "" && d.rule.Path != "/" {
			paths = append(paths, d.rule.Path)
		}
	}
	for _, path := range pathPrefixes(v.path) {
		if d.rule == nil || path != d.rule.Path {
			paths = append(paths, path)
		}
	}
	var ids []identity
	for _, path := range paths {
		for _, domain := range domains {
			ids = append(ids, v.partitions(d, domain, path)...)
		}
	}
	return ids
}

func (v *Visit) partitions(d noted, domain, path string) []identity {
	ids := []identity{{domain, path, false}}
	if v.HTTPS && d.rule != nil && d.rule.Partitioned {
		ids = append(ids, identity{domain, path, true})
	}
	return ids
}

// parentDomains lists host and its parents below the public suffix: every
// domain a browser would have accepted from it. An address or a single label
// has none.
func parentDomains(host string) []string {
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
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
	return domains
}

// maxPathPrefixes bounds the depth of paths that are tried.
const maxPathPrefixes = 16

// pathPrefixes lists the cookie paths, "/" aside, that match a request path
// (RFC 6265bis section 5.1.4), the shorter first.
func pathPrefixes(path string) []string {
	var prefixes []string
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
