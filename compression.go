package cookieconsent

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// Pages are asked of the site without coding, so that they can be read, and
// nothing here codes them again: that is left to encode. A directive cannot see
// its neighbours while it is adapted or provisioned, so the routes are looked
// through once all of them stand.

// warnUncompressed warns of sites whose pages leave uncompressed.
func (a *App) warnUncompressed() error {
	running, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil // no site is served
	}
	for name, server := range running.(*caddyhttp.App).Servers {
		for _, hosts := range uncompressed(server.Routes, nil) {
			a.logger.Warn("pages behind cookie_consent are sent uncompressed: no encode stands before it",
				zap.String("server", name), zap.Strings("hosts", hosts))
		}
	}
	return nil
}

// uncompressed lists the hosts of routes that lead to a Handler with no encode
// before it.
func uncompressed(routes caddyhttp.RouteList, hosts []string) (lacking [][]string) {
	for _, route := range routes {
		here := slices.Clone(hosts)
		for _, set := range route.MatcherSets {
			for _, matcher := range set {
				if names, is := matcher.(*caddyhttp.MatchHost); is {
					here = append(here, *names...)
				}
			}
		}
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				lacking = append(lacking, here)
			case *caddyhttp.Subroute:
				lacking = append(lacking, uncompressed(handler.Routes, here)...)
			case caddy.Module:
				if handler.CaddyModule().ID == "http.handlers.encode" {
					return lacking
				}
			}
		}
	}
	return lacking
}
