package config

import "fmt"

// Warnings lists settings that are allowed but below what the rules ask for.
func (s *Site) Warnings() []string {
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	s.belowFloor(warn)
	s.unconfirmed(warn)
	s.untranslated(warn)
	used := map[string]bool{}
	for _, service := range s.Services {
		used[service.Category] = true
	}
	for i, c := range s.Categories {
		if !used[c.ID] {
			warn("categories[%d]: no service belongs to category %q, so nothing is asked for it", i, c.ID)
		}
	}
	return warnings
}

// unconfirmed warns of services that are necessary on the catalogue's word alone.
func (s *Site) unconfirmed(warn func(format string, args ...any)) {
	for i, service := range s.Services {
		if service.taken {
			warn("services[%d]: %q needs no consent (%s) on the catalogue's word; confirm it with `category necessary %s`, or in the charter's columns Category and Ground (R-8.1)",
				i, service.ID, service.Ground, service.Ground)
		}
	}
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
