package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// checkPolicy reports what only the policy as a whole can tell, such as a cookie
// declared twice with different facts.
func (s *Site) checkPolicy([]string) error {
	_, err := policy.New(s.Declaration())
	var at *policy.DeclarationError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &at):
		return problem("services", "%v", err)
	case at.Cookie >= 0:
		return problem(fmt.Sprintf("services[%d].cookies[%d].name", at.Service, at.Cookie), "%v", err)
	}
	return problem(fmt.Sprintf("services[%d].id", at.Service), "%v", err)
}

// Declaration turns s, once checked, into what a policy is made of. Categories
// stand in the order of the built-in ones, then as declared.
func (s *Site) Declaration() policy.Declaration {
	d := policy.Declaration{
		Controller:      s.Controller,
		AllowUndeclared: s.UndeclaredCookies == "allow",

		FirstParty:           s.FirstParty,
		AllowUndeclaredHosts: s.UndeclaredHosts == "allow",
		Preference: policy.Preference{
			Name:     s.PreferenceCookie.Name,
			Lifetime: time.Duration(s.PreferenceCookie.Lifetime),
			Domain:   s.PreferenceCookie.Domain,
		},
	}
	for _, id := range policy.BuiltIn {
		category := policy.Category{ID: id}
		if i := slices.IndexFunc(s.Categories, func(c Category) bool { return c.ID == id }); i >= 0 {
			category = s.Categories[i].declare()
		}
		d.Categories = append(d.Categories, category)
	}
	for _, c := range s.Categories {
		if !slices.Contains(policy.BuiltIn, c.ID) {
			d.Categories = append(d.Categories, c.declare())
		}
	}
	for _, service := range s.Services {
		d.Services = append(d.Services, service.declare())
	}
	return d
}

func (c *Category) declare() policy.Category {
	category := policy.Category{ID: c.ID, Name: c.Name.plain(), Description: c.Description.plain()}
	if c.Exempt != nil {
		category.Exempt = true
		category.DataRetention = time.Duration(c.Exempt.DataRetention)
	}
	return category
}

func (s *Service) declare() policy.Service {
	service := policy.Service{
		ID: s.ID, Provider: s.Provider,
		Name: s.Name.plain(), Place: s.Place.plain(), Purpose: s.Purpose.plain(),
		Category: s.Category, Ground: policy.Ground(s.Ground),
		PolicyURL: s.Policy, Country: s.Country, Hosts: s.Hosts, Inline: s.Inline,
	}
	for _, c := range s.Cookies {
		lifetime, _ := parseLifetime(c.Lifetime) // checked before
		service.Cookies = append(service.Cookies, policy.Cookie{
			Name: c.Name, Purpose: c.Purpose.plain(), Lifetime: lifetime, Domain: c.Domain, Path: c.Path,
			Secure: c.Secure, HTTPOnly: c.HTTPOnly, SameSite: c.SameSite, Partitioned: c.Partitioned, ThirdParty: c.SetBy,
		})
	}
	for _, k := range s.Storage {
		service.Storage = append(service.Storage, policy.StorageKey{Area: k.Area, Key: k.Key})
	}
	return service
}

// plain returns t with single spaces, as a charter's table gives it.
func (t Text) plain() policy.Text {
	if len(t) == 0 {
		return nil
	}
	plain := policy.Text{}
	for language, text := range t {
		plain[language] = strings.Join(strings.Fields(text), " ")
	}
	return plain
}
