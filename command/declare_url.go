package command

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/audit"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// audited lists what an audit saw as an inventory has it. Cookies and keys that third
// parties keep on their own hosts are left out: what declares the host covers them.
func audited(report *audit.Report, now time.Time) (host string, entries []inventory.Entry) {
	if u, err := url.Parse(report.URL); err == nil {
		host = u.Hostname()
	}
	for _, t := range report.Things {
		e := inventory.Entry{Site: host, Name: t.Name, First: now, Last: now, Count: 1}
		if t.Declared {
			e.Service = t.Service
		}
		switch t.Kind {
		case audit.KindCookie:
			e.Kind, e.Setter, e.Lifetime = inventory.KindCookie, "unknown", t.Lifetime
			if t.Lifetime == 0 {
				e.Lifetime = -1 // the session's
			}
			if t.Host != host {
				e.Domain = t.Host
			}
			if !sameSite(t.Host, host) {
				continue
			}
		case audit.KindLocal, audit.KindSession:
			e.Kind, e.Area = inventory.KindStorage, string(t.Kind)
			if u, err := url.Parse(t.Host); err == nil && u.Host != "" && !sameSite(u.Hostname(), host) {
				continue
			}
		case audit.KindHost:
			e.Kind, e.Setter = inventory.KindHost, "markup"
		default:
			continue // no declaration has databases
		}
		entries = append(entries, e)
	}
	return host, entries
}

// sameSite reports whether two hosts have one registrable domain, or are the same.
func sameSite(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	one, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(a))
	two, failed := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(b))
	return err == nil && failed == nil && one == two
}
