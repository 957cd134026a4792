// Package caddyfile reads the Caddyfile's cookie_consent blocks into the JSON
// declaration of package config.
//
// One function reads one block, and its comment shows the block's syntax. Words
// that are not in it are errors. What is read is checked by config, and the
// mistakes found there are reported at the line that made them.
package caddyfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// parser reads one directive and remembers which token each JSON path is from.
type parser struct {
	*caddyfile.Dispenser
	from map[string]caddyfile.Token
}

// Site reads the site directive, whose name is the next token, and checks it.
// texts are those there are, by language and key.
//
//	cookie_consent {
//	    mode                   enforce | observe
//	    preset                 fr | eu | de | it | es | uk
//	    path                   <path>
//	    charter                <file>
//	    catalogue              <file>
//	    language               <language...>
//	    site                   <name>
//	    controller             <name>
//	    undeclared_cookies     block | allow
//	    undeclared_hosts       block | allow
//	    first_party            <host...>
//	    global_privacy_control on | off
//	    no_transform           ignore | respect
//	    preference_cookie      [<name>] { … }
//	    category               <id> { … }
//	    service                <id> { … }
//	    banner                 { … }
//	    signal                 <vendor...>
//	}
func Site(d *caddyfile.Dispenser, texts map[string]map[string]string) (*config.Site, error) {
	p := &parser{d, map[string]caddyfile.Token{}}
	site := &config.Site{}
	if !d.Next() {
		return nil, d.ArgErr()
	}
	p.mark("services")
	if err := p.block("cookie_consent", p.siteWords(site)); err != nil {
		return nil, err
	}
	full, err := site.WithDefaults().Expand(os.ReadFile)
	if err == nil {
		err = full.Check(texts)
	}
	if err != nil {
		return nil, p.locate(err)
	}
	return site, nil
}

func (p *parser) siteWords(s *config.Site) words {
	return words{
		"mode":                   p.word("mode", &s.Mode),
		"preset":                 p.word("preset", &s.Preset),
		"path":                   p.word("path", &s.Path),
		"charter":                p.files("charter", &s.Charter),
		"catalogue":              p.files("catalogue", &s.Catalogue),
		"language":               p.list("languages", &s.Languages),
		"site":                   p.word("site", &s.Name),
		"controller":             p.word("controller", &s.Controller),
		"undeclared_cookies":     p.word("undeclared_cookies", &s.UndeclaredCookies),
		"undeclared_hosts":       p.word("undeclared_hosts", &s.UndeclaredHosts),
		"first_party":            p.list("first_party", &s.FirstParty),
		"global_privacy_control": p.word("global_privacy_control", &s.GlobalPrivacyControl),
		"no_transform":           p.word("no_transform", &s.NoTransform),
		"preference_cookie":      func() error { return p.preferenceCookie(s) },
		"category":               func() error { return p.category(s) },
		"service":                func() error { return p.service(s) },
		"banner":                 func() error { return p.banner(s) },
		"signal":                 p.list("signals", &s.Signals),
	}
}

// preferenceCookie reads
//
//	preference_cookie [<name>] {
//	    lifetime <duration>
//	    domain   <domain>
//	}
func (p *parser) preferenceCookie(s *config.Site) error {
	const path = "preference_cookie"
	if s.PreferenceCookie != nil {
		return p.Errf("preference_cookie is set twice")
	}
	c := &config.PreferenceCookie{}
	s.PreferenceCookie = c
	p.mark(path)
	if p.NextArg() {
		if c.Name = p.Val(); c.Name == "" {
			return p.Errf("preference_cookie has an empty argument")
		}
		p.mark(path + ".name")
	}
	return p.block(path, words{
		"lifetime": p.duration(path+".lifetime", &c.Lifetime),
		"domain":   p.word(path+".domain", &c.Domain),
	})
}

// category reads
//
//	category <id> {
//	    name        <language> <text>
//	    description <language> <text>
//	    exempt {
//	        publisher_only
//	        no_cross_site
//	        ip_truncated
//	        data_retention <duration>
//	    }
//	}
func (p *parser) category(s *config.Site) error {
	path := fmt.Sprintf("categories[%d]", len(s.Categories))
	c := config.Category{}
	if err := p.id(path, &c.ID); err != nil {
		return err
	}
	err := p.block("category "+c.ID, words{
		"name":        p.text(path+".name", &c.Name),
		"description": p.text(path+".description", &c.Description),
		"exempt": func() error {
			if c.Exempt != nil {
				return p.Errf("exempt is set twice")
			}
			e := &config.Exemption{}
			c.Exempt = e
			p.mark(path + ".exempt")
			return p.block("exempt", words{
				"publisher_only": p.flag(path+".exempt.publisher_only", &e.PublisherOnly),
				"no_cross_site":  p.flag(path+".exempt.no_cross_site", &e.NoCrossSite),
				"ip_truncated":   p.flag(path+".exempt.ip_truncated", &e.IPTruncated),
				"data_retention": p.duration(path+".exempt.data_retention", &e.DataRetention),
			})
		},
	})
	s.Categories = append(s.Categories, c)
	return err
}

// service reads
//
//	service <id> {
//	    provider <name>
//	    name     <language> <text>
//	    place    <language> <text>
//	    purpose  <language> <text>
//	    category <id> [<ground>]
//	    policy   <address>
//	    country  <code>
//	    cookie   <name> { … }
//	    storage  local | session <key>
//	    host     <host...>
//	    inline   <text>
//	}
func (p *parser) service(s *config.Site) error {
	path := fmt.Sprintf("services[%d]", len(s.Services))
	service := config.Service{}
	if err := p.id(path, &service.ID); err != nil {
		return err
	}
	p.mark(path + ".category") // for one that has none
	err := p.block("service "+service.ID, words{
		"provider": p.word(path+".provider", &service.Provider),
		"name":     p.text(path+".name", &service.Name),
		"place":    p.text(path+".place", &service.Place),
		"purpose":  p.text(path+".purpose", &service.Purpose),
		"category": func() error { return p.serviceCategory(path, &service) },
		"policy":   p.word(path+".policy", &service.Policy),
		"country":  p.word(path+".country", &service.Country),
		"cookie":   func() error { return p.cookie(path, &service) },
		"storage":  func() error { return p.storage(path, &service) },
		"host":     p.list(path+".hosts", &service.Hosts),
		"inline":   p.list(path+".inline", &service.Inline),
	})
	s.Services = append(s.Services, service)
	return err
}

func (p *parser) serviceCategory(path string, s *config.Service) error {
	if s.Category != "" {
		return p.Errf("category is set twice")
	}
	args, err := p.args(1, 2)
	if err != nil {
		return err
	}
	s.Category = args[0]
	p.mark(path + ".category")
	if len(args) == 2 {
		s.Ground = args[1]
		p.mark(path + ".ground")
	}
	return nil
}

func (p *parser) storage(path string, s *config.Service) error {
	args, err := p.args(2, 2)
	if err != nil {
		return err
	}
	p.mark(fmt.Sprintf("%s.storage[%d]", path, len(s.Storage)))
	s.Storage = append(s.Storage, config.StorageKey{Area: args[0], Key: args[1]})
	return nil
}

// cookie reads
//
//	cookie <name> {
//	    purpose   <language> <text>
//	    lifetime  <duration> | session
//	    domain    <domain>
//	    path      <path>
//	    secure
//	    http_only
//	    same_site strict | lax | none
//	    partitioned
//	    set_by    third <host>
//	}
func (p *parser) cookie(service string, s *config.Service) error {
	path := fmt.Sprintf("%s.cookies[%d]", service, len(s.Cookies))
	c := config.Cookie{}
	if !p.Args(&c.Name) {
		return p.ArgErr()
	}
	p.mark(path)
	err := p.block("cookie "+c.Name, words{
		"purpose":     p.text(path+".purpose", &c.Purpose),
		"lifetime":    p.word(path+".lifetime", &c.Lifetime),
		"domain":      p.word(path+".domain", &c.Domain),
		"path":        p.word(path+".path", &c.Path),
		"secure":      p.flag(path+".secure", &c.Secure),
		"http_only":   p.flag(path+".http_only", &c.HTTPOnly),
		"same_site":   p.word(path+".same_site", &c.SameSite),
		"partitioned": p.flag(path+".partitioned", &c.Partitioned),
		"set_by": func() error {
			args := p.RemainingArgs()
			if len(args) != 2 || args[0] != "third" || args[1] == "" || c.SetBy != "" {
				return p.Errf("set_by takes: third <host>, once")
			}
			c.SetBy = args[1]
			p.mark(path + ".set_by")
			return nil
		},
	})
	s.Cookies = append(s.Cookies, c)
	return err
}

// banner reads
//
//	banner {
//	    show        auto | always | never
//	    position    top | bottom | bottom-left | center
//	    manage_link bottom-left | bottom-right | none
//	    hide        <selector>
//	    stylesheet  <address>
//	    template    <file>
//	    theme {
//	        <name> <colour>
//	    }
//	}
func (p *parser) banner(s *config.Site) error {
	if s.Banner != nil {
		return p.Errf("banner is set twice")
	}
	b := &config.Banner{}
	s.Banner = b
	p.mark("banner")
	return p.block("banner", words{
		"show":          p.word("banner.show", &b.Show),
		"position":      p.word("banner.position", &b.Position),
		"charter_table": p.word("banner.charter_table", &b.CharterTable),
		"manage_link":   p.word("banner.manage_link", &b.ManageLink),
		"hide":          p.word("banner.hide", &b.Hide),
		"stylesheet":    p.word("banner.stylesheet", &b.Stylesheet),
		"template":      p.file("banner.template", &b.Template),
		"text":          func() error { return p.bannerText(b) },
		"theme":         func() error { return p.theme(b) },
	})
}

// bannerText reads text <key> <language> <text>.
func (p *parser) bannerText(b *config.Banner) error {
	key := ""
	if !p.Args(&key) || key == "" {
		return p.Errf("text takes the key of a text, a language and a text, such as: text accept_all fr \"…\"")
	}
	text := b.Texts[key]
	if err := p.text("banner.texts."+key, &text)(); err != nil {
		return err
	}
	if b.Texts == nil {
		b.Texts = map[string]config.Text{}
	}
	b.Texts[key] = text
	return nil
}

func (p *parser) theme(b *config.Banner) error {
	return p.lines("theme", func(name string) error {
		colour := ""
		if !p.Args(&colour) || colour == "" || p.NextArg() {
			return p.Errf("theme takes a value for %q (colours quoted, since # starts a comment)", name)
		}
		if _, twice := b.Theme[name]; twice {
			return p.Errf("%s is set twice in theme", name)
		}
		p.mark("banner.theme." + name)
		if b.Theme == nil {
			b.Theme = map[string]string{}
		}
		b.Theme[name] = colour
		return nil
	})
}

// Global reads the global option, whose name is the next token, and checks it.
//
//	cookie_consent {
//	    records   sqlite [<file>] | postgres <dsn> | off
//	    retention <duration>
//	}
func Global(d *caddyfile.Dispenser) (*config.Global, error) {
	p := &parser{d, map[string]caddyfile.Token{}}
	global := &config.Global{}
	if !d.Next() {
		return nil, d.ArgErr()
	}
	err := p.block("cookie_consent", words{
		"records": func() error {
			if global.Records != "" {
				return p.Errf("records is set twice")
			}
			args, err := p.args(1, 2)
			if err != nil {
				return err
			}
			p.mark("records")
			global.Records = args[0]
			if len(args) == 2 {
				global.RecordsTo = args[1]
			}
			return nil
		},
		"retention": p.duration("retention", &global.Retention),
	})
	if err != nil {
		return nil, err
	}
	if err := global.Check(); err != nil {
		return nil, p.locate(err)
	}
	return global, nil
}

// locate adds file and line to a problem: those of the token its path is from,
// or of the nearest one around it.
func (p *parser) locate(err error) error {
	var found *config.Problem
	if !errors.As(err, &found) {
		return err
	}
	for path := range found.Around() {
		if token, ok := p.from[path]; ok {
			d := caddyfile.NewDispenser([]caddyfile.Token{token})
			d.Next()
			return d.Err(found.Message)
		}
	}
	return p.Err(found.Message)
}
