package cookieconsent

import (
	"cmp"
	"slices"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// declaredBy returns what names the service that declares something seen, by the
// policies that are in force now.
func declaredBy(all []mounted) func(inventory.Entry) string {
	return func(e inventory.Entry) string {
		for _, m := range all {
			if len(m.hosts) == 0 || slices.ContainsFunc(m.hosts, func(name string) bool { return covers(name, e.Site) }) {
				if service := declares(m.serving.Load().Policy, e); service != "" {
					return service
				}
			}
		}
		return ""
	}
}

// covers reports whether a name of a host matcher fits a host: itself, or with * for
// its first label.
func covers(name, host string) bool {
	parent, wild := strings.CutPrefix(name, "*.")
	_, rest, _ := strings.Cut(host, ".")
	return strings.EqualFold(name, host) || wild && strings.EqualFold(parent, rest)
}

// declares names the service of a policy that declares something seen; "" if none.
func declares(p *policy.Policy, e inventory.Entry) string {
	switch e.Kind {
	case inventory.KindCookie:
		if _, rule := p.Verdict(e.Name, &policy.Set{}); rule != nil {
			return cmp.Or(rule.Service, "preference_cookie")
		}
	case inventory.KindStorage:
		for _, s := range p.Services {
			if slices.ContainsFunc(s.Storage, func(k policy.StorageKey) bool { return k.Area == e.Area && policy.Fits(k.Key, e.Name) }) {
				return s.ID
			}
		}
	case inventory.KindHost:
		name, port, found := strings.Cut(e.Name, ":")
		if !found {
			port = "443"
		}
		if _, i := p.Host(name, port, "/", &policy.Set{}); i >= 0 {
			return p.Services[i].ID
		}
		if p.OwnOrigin(name, port, "/") {
			return "first_party"
		}
	}
	return ""
}
