package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// site is what one cookie_consent handler of a configuration declares.
type site struct {
	hosts    []string // that it is mounted on; none: any
	raw      []byte
	declared *config.Site // whole and checked
}

// name is how messages call a site.
func (s *site) name() string {
	if len(s.hosts) == 0 {
		return "any host"
	}
	return strings.Join(s.hosts, ", ")
}

// load reads the configuration that s names and returns the one site meant.
func (s *source) load() (*site, error) {
	data, err := s.read()
	if err != nil {
		return nil, err
	}
	return s.choose(sitesOf(data))
}

// read returns the configuration as Caddy's JSON.
func (s *source) read() ([]byte, error) {
	data, file, _, err := caddycmd.LoadConfig(s.config, s.adapter)
	switch {
	case err != nil:
		return nil, err
	case file == "" && len(data) == 0:
		return nil, errors.New("there is no Caddyfile in this folder; name a configuration with --config")
	}
	return data, nil
}

// choose picks the site that is meant, and makes its declaration whole.
func (s *source) choose(sites []site) (*site, error) {
	var names []string
	for i := range sites {
		names = append(names, sites[i].name())
	}
	if s.site != "" {
		sites = slices.DeleteFunc(sites, func(one site) bool {
			return !slices.ContainsFunc(one.hosts, func(host string) bool { return strings.EqualFold(host, s.site) })
		})
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("the configuration has no cookie_consent")
	case len(sites) == 0:
		return nil, fmt.Errorf("no site %q has a cookie_consent; there are: %s", s.site, strings.Join(names, "; "))
	case len(sites) > 1:
		return nil, fmt.Errorf("several sites have a cookie_consent; name one with --site: %s", strings.Join(names, "; "))
	}
	return &sites[0], sites[0].complete()
}

// complete reads what the declaration refers to, and checks it.
func (s *site) complete() error {
	var declared config.Site
	if err := json.Unmarshal(s.raw, &declared); err != nil {
		return err
	}
	whole, err := declared.WithDefaults().Expand(os.ReadFile)
	if err == nil {
		err = whole.Check(banner.Texts())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	s.declared = whole
	return nil
}

// route is the part of Caddy's JSON that leads to handlers.
type route struct {
	Match  []struct{ Host []string }
	Handle []json.RawMessage
}

// sitesOf lists the declarations of a configuration. One that is mounted twice on
// the same hosts, as a directive with a matcher is, counts once.
func sitesOf(data []byte) []site {
	var root struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct{ Routes []route }
			}
		}
	}
	if json.Unmarshal(data, &root) != nil {
		return nil // Caddy has adapted it, or will say what is wrong
	}
	var sites []site
	for _, server := range root.Apps.HTTP.Servers {
		sites = appendSites(sites, server.Routes, nil)
	}
	slices.SortStableFunc(sites, func(a, b site) int { return strings.Compare(a.name(), b.name()) })
	return slices.CompactFunc(sites, func(a, b site) bool { return a.name() == b.name() && bytes.Equal(a.raw, b.raw) })
}

// hosts lists the hosts that a route matches, none when it matches others too.
func (r *route) hosts() (all []string) {
	for _, set := range r.Match {
		if len(set.Host) == 0 {
			return nil
		}
		all = append(all, set.Host...)
	}
	return all
}

func appendSites(sites []site, routes []route, hosts []string) []site {
	for _, r := range routes {
		here := hosts
		if names := r.hosts(); len(names) > 0 {
			here = names // within those around
		}
		for _, raw := range r.Handle {
			var handler struct {
				Handler string
				Routes  []route
			}
			if json.Unmarshal(raw, &handler) != nil {
				continue
			}
			if handler.Handler == "cookie_consent" {
				sites = append(sites, site{hosts: here, raw: withoutName(raw)})
			}
			sites = appendSites(sites, handler.Routes, here)
		}
	}
	return sites
}

// withoutName takes the key away that names the handler.
func withoutName(raw []byte) []byte {
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil {
		return raw
	}
	delete(keys, "handler")
	data, err := json.Marshal(keys)
	if err != nil {
		return raw
	}
	return data
}
