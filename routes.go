package cookieconsent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// A directive cannot see its neighbours while it is adapted or provisioned, so what
// depends on them is looked at once all routes stand.

// mounted is a Handler in its place.
type mounted struct {
	*Handler
	server string
	hosts  []string // that its routes match; none: any
	coded  bool     // encode stands before it
}

// mounts lists the handlers of all servers.
func (a *App) mounts() []mounted {
	running, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no site is served
	}
	var all []mounted
	for name, server := range running.(*caddyhttp.App).Servers {
		all = appendMounts(all, server.Routes, mounted{server: name})
	}
	slices.SortStableFunc(all, func(a, b mounted) int { return strings.Compare(a.server, b.server) })
	return all
}

// appendMounts appends the handlers of routes, which lie in what around says.
func appendMounts(all []mounted, routes caddyhttp.RouteList, around mounted) []mounted {
	for _, route := range routes {
		here := around
		if names := hostsOf(route.MatcherSets); len(names) > 0 {
			here.hosts = names // within those around
		}
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				here.Handler = handler
				all = append(all, here)
			case *caddyhttp.Subroute:
				all = appendMounts(all, handler.Routes, here)
			case caddy.Module:
				if handler.CaddyModule().ID == "http.handlers.encode" {
					here.coded, around.coded = true, true // for the routes behind it too
				}
			}
		}
	}
	return all
}

// hostsOf lists the hosts that a route matches, none when it matches others too.
func hostsOf(sets caddyhttp.MatcherSets) (hosts []string) {
	for _, set := range sets {
		named := false
		for _, matcher := range set {
			if names, is := matcher.(*caddyhttp.MatchHost); is {
				hosts, named = append(hosts, *names...), true
			}
		}
		if !named {
			return nil
		}
	}
	return hosts
}

// warnUncompressed warns of sites whose pages leave uncompressed: they are asked of
// the site without coding, so that they can be read, and coding them again is left
// to encode.
func (a *App) warnUncompressed(all []mounted) {
	for _, m := range all {
		if !m.coded {
			a.logger.Warn("pages behind cookie_consent are sent uncompressed: no encode stands before it",
				zap.String("server", m.server), zap.Strings("hosts", m.hosts))
		}
	}
}

// checkOnePolicy refuses two policies on one host that share what tells them apart:
// the path of their pages, or the cookie that keeps the choice, which browsers send
// to every port of a host.
func checkOnePolicy(all []mounted) error {
	for i, m := range all {
		for _, other := range all[:i] {
			host, share := m.shares(other)
			if !share || m.same(other) {
				continue
			}
			site, with := m.WithDefaults(), other.WithDefaults()
			switch {
			case m.server == other.server && site.Path == with.Path:
				return fmt.Errorf("%s has two cookie_consent policies with pages under %s: one host has one policy; declare it once, in a snippet that both places import, or give each its own path and preference_cookie", host, site.Path)
			case site.PreferenceCookie.Name == with.PreferenceCookie.Name:
				return fmt.Errorf("%s has two cookie_consent policies that keep their choice in %s: one host has one policy, whatever the port; declare it once, in a snippet that both places import, or give each its own path and preference_cookie", host, site.PreferenceCookie.Name)
			}
		}
	}
	return nil
}

// shares returns a host that both are mounted on. Without any host, they share those
// of their server.
func (m *mounted) shares(other mounted) (string, bool) {
	for _, host := range m.hosts {
		if slices.ContainsFunc(other.hosts, func(name string) bool { return strings.EqualFold(name, host) }) {
			return host, true
		}
	}
	return "every host of server " + m.server, m.server == other.server && len(m.hosts)+len(other.hosts) == 0
}

// same reports whether both declare the same policy.
func (m *mounted) same(other mounted) bool {
	return m.serving.Load().Policy.Revision == other.serving.Load().Policy.Revision
}
