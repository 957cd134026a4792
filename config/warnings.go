package config

import (
	"fmt"
	"time"
)

// Warnings lists settings that are allowed but below what the rules ask for.
func (s *Site) Warnings() []string {
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if lifetime := time.Duration(s.PreferenceCookie.Lifetime); lifetime < 182*day {
		warn("preference_cookie.lifetime: visitors who refused are asked again after %.3g days, sooner than six months (R-1.9)", lifetime.Hours()/24)
	}
	if s.UndeclaredCookies == "allow" {
		warn("undeclared_cookies: cookies that nobody declared pass without consent (R-1.2)")
	}
	if s.UndeclaredHosts == "allow" {
		warn("undeclared_hosts: origins that nobody declared may be loaded without consent, and for refused ones scripts have only the guard script against them (R-7.9)")
	}
	if s.NoTransform == "respect" {
		warn("no_transform: pages that the site sends with no-transform have no banner, and load what their tags ask for but for what the policy in their header stops (R-1.2)")
	}
	s.untranslated(warn)
	used := map[string]bool{}
	for _, service := range s.Services {
		used[service.Category] = true
	}
	for i, c := range s.Categories {
		if c.Exempt != nil && time.Duration(c.Exempt.DataRetention) > 760*day {
			warn("categories[%d].exempt.data_retention: exempt measurements are kept longer than 25 months (R-1.11)", i)
		}
		if !used[c.ID] {
			warn("categories[%d]: no service belongs to category %q, so nothing is asked for it", i, c.ID)
		}
	}
	return warnings
}

// untranslated warns once for each language that texts of the site are missing in.
func (s *Site) untranslated(warn func(format string, args ...any)) {
	for _, language := range s.Languages {
		first, missing := "", 0
		s.eachText(func(path string, text Text) {
			if len(text) == 0 || text[language] != "" {
				return
			}
			if missing++; missing == 1 {
				first = path
			}
		})
		switch {
		case missing > 0 && language == s.Languages[0]:
			warn("%s: no text in %q, the default language, so its readers see none (%d such texts)", first, language, missing)
		case missing > 0:
			warn("%s: no text in %q, so its readers see the one in %q (%d such texts)", first, language, s.Languages[0], missing)
		}
	}
}

// eachText calls visit with every text of the site's own and its JSON path.
func (s *Site) eachText(visit func(path string, text Text)) {
	for i, c := range s.Categories {
		path := fmt.Sprintf("categories[%d]", i)
		visit(path+".name", c.Name)
		visit(path+".description", c.Description)
	}
	for i, service := range s.Services {
		path := fmt.Sprintf("services[%d]", i)
		visit(path+".name", service.Name)
		visit(path+".place", service.Place)
		visit(path+".purpose", service.Purpose)
		for j, c := range service.Cookies {
			visit(fmt.Sprintf("%s.cookies[%d].purpose", path, j), c.Purpose)
		}
	}
}
