package cookieconsent

import (
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddyfiletokens "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/caddyfile"
	_ "github.com/caddy-cookie-consent/caddy-cookie-consent/command" // caddy cookie-consent
)

func init() {
	httpcaddyfile.RegisterDirective("cookie_consent", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("cookie_consent", httpcaddyfile.After, "encode")
	httpcaddyfile.RegisterGlobalOption("cookie_consent", parseGlobalOption)
}

// parseDirective emits the handler's route. With a matcher there is a second
// one, so that the module's own pages answer whatever the matcher says; they are
// told by the path the visitor asked for, before any rewriting.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	site, err := caddyfile.Site(h.Dispenser, banner.Texts())
	if err != nil {
		return nil, err
	}
	handler := &Handler{Site: *site}
	routes := h.NewRoute(matcher, handler)
	if matcher == nil {
		return routes, nil
	}
	pattern := "^" + regexp.QuoteMeta(site.WithDefaults().Path) + "(/|$)"
	own := caddy.ModuleMap{"vars_regexp": h.JSON(map[string]any{
		"{http.request.orig_uri.path}": map[string]string{"pattern": pattern},
	})}
	return append(routes, h.NewRoute(own, handler)...), nil
}

func parseGlobalOption(d *caddyfiletokens.Dispenser, earlier any) (any, error) {
	if earlier != nil {
		d.Next()
		return nil, d.Err("the global option cookie_consent is set twice")
	}
	global, err := caddyfile.Global(d)
	if err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "cookie_consent", Value: caddyconfig.JSON(&App{Global: *global}, nil)}, nil
}

// UnmarshalCaddyfile reads
//
//	@name cookie_consent <id...>
func (m *MatchConsent) UnmarshalCaddyfile(d *caddyfiletokens.Dispenser) error {
	for d.Next() {
		ids := d.RemainingArgs()
		if len(ids) == 0 {
			return d.ArgErr()
		}
		*m = append(*m, ids...)
		if d.NextBlock(0) {
			return d.Err("the cookie_consent matcher takes no block")
		}
	}
	return nil
}

// Interface guard
var _ caddyfiletokens.Unmarshaler = (*MatchConsent)(nil)
