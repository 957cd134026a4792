package audit

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// party tells the site's own hosts from third parties: the same registrable domain
// is the same party; without one, the same host.
type party struct{ own string }

func newParty(host string) party { return party{registrable(host)} }

// third reports whether host belongs to another party.
func (p party) third(host string) bool { return host != "" && registrable(host) != p.own }

// registrable returns the registrable domain of host, or host itself.
func registrable(host string) string {
	host = strings.ToLower(strings.Trim(host, ".[]"))
	if net.ParseIP(host) != nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

// longestURL bounds what is kept of a URL; some hold whole documents.
const longestURL = 300

// clean returns a URL without user, query and fragment, which may say who visits.
func clean(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		address, _, _ = strings.Cut(address, "?")
		address, _, _ = strings.Cut(address, "#")
		return shorten(address)
	}
	if u.Opaque != "" || u.Scheme == "data" || u.Scheme == "blob" {
		return u.Scheme + ":"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return shorten(u.String())
}

func shorten(s string) string {
	if len(s) > longestURL {
		return strings.ToValidUTF8(s[:longestURL], "") + "…"
	}
	return s
}

// hostOf returns the host name of a URL, lower case, without port.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// originOf returns scheme and authority of a URL, in the form that browsers write.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}
