package declare

import (
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// effective returns the cookies that live on the site and that a service declares
// once the catalogue has filled in what is left out.
func (s *Service) effective() (cookies []config.Cookie) {
	if len(s.Cookies) > 0 {
		for _, c := range s.Cookies {
			if known := s.of.Cookie(c.Name, c.SetBy); known != nil && c.Lifetime == "" {
				c.Lifetime = known.Lifetime
			}
			if c.SetBy == "" {
				cookies = append(cookies, c)
			}
		}
		return cookies
	}
	for i := range s.of.Cookies {
		if c := &s.of.Cookies[i]; c.Third() == "" {
			cookies = append(cookies, config.Cookie{Name: c.Name, Lifetime: c.Lifetime})
		}
	}
	return cookies
}

// sameFacts reports whether a declared cookie is one of which nothing but a lifetime
// is declared.
func sameFacts(c *policy.Cookie, lifetime string) bool {
	bare := c.Domain == "" && c.Path == "" && c.SameSite == "" && !c.Secure && !c.HTTPOnly && !c.Partitioned
	d, told := parse(lifetime)
	switch c.Lifetime {
	case 0:
		return bare && !told
	case policy.Session:
		return bare && told && d == 0
	}
	return bare && time.Duration(c.Lifetime) == d
}
