package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// place is where in a charter's file something stands.
type place struct{ file, line int }

// Expand returns a copy of s, whose defaults must be set, in which nothing refers to
// anything else any more: the rows of its charter files are services, and what the
// catalogue knows of a service fills in what is left out of it. read reads a file.
//
// A row belongs to the service that its ID names, or else to the one that the
// catalogue knows its cookie as, or else to one of the service's name; a service of
// that id that s declares is joined by it. Facts that both tell must be the same.
func (s *Site) Expand(read func(path string) ([]byte, error)) (*Site, error) {
	full := *s
	full.rows = map[string]place{}
	full.Services = slices.Clone(s.Services)
	for i := range full.Services {
		full.Services[i].Cookies = slices.Clone(full.Services[i].Cookies)
	}
	if err := full.readLists(read); err != nil {
		return nil, err
	}
	for i, file := range s.Charter {
		if err := full.join(i, file, read); err != nil {
			return nil, err
		}
	}
	for i := range full.Services {
		if s := &full.Services[i]; s.guess != nil && s.Category == policy.Necessary && !knows(s.guess, s) {
			return nil, full.explain(problem(fmt.Sprintf("services[%d]", i), "service %q has no category of its own, and more than the catalogue knows of %s: say its category (R-8.1)", s.ID, s.guess.Name))
		}
		if known := catalogue.Find(full.Services[i].ID); known != nil {
			full.fill(&full.Services[i], known, i < len(s.Services))
		}
	}
	return &full, nil
}

// readLists reads the catalogue files, which only give hints.
func (s *Site) readLists(read func(path string) ([]byte, error)) error {
	for i, file := range s.Catalogue {
		path := fmt.Sprintf("catalogue[%d]", i)
		data, err := read(file)
		if err != nil {
			return problem(path, "%v", err)
		}
		list, err := catalogue.ReadList(data)
		if err != nil {
			return problem(path, "%s: %v", filepath.Base(file), err)
		}
		s.hints = append(s.hints, list...)
	}
	return nil
}

// Hints returns what the catalogue files say, once s is expanded.
func (s *Site) Hints() []catalogue.Hint { return s.hints }

// join adds what one charter file declares.
func (s *Site) join(file int, name string, read func(path string) ([]byte, error)) error {
	path := fmt.Sprintf("charter[%d]", file)
	data, err := read(name)
	if err != nil {
		return problem(path, "%v", err)
	}
	rows, err := charter.Read(data)
	var mistake *charter.Error
	switch {
	case errors.As(err, &mistake):
		return problem(path, "%s, line %d: %s", filepath.Base(name), mistake.Line, mistake.Message)
	case err != nil:
		return problem(path, "%s: %v", filepath.Base(name), err)
	}
	j := joiner{site: s, language: s.Languages[0], at: map[string]int{}}
	for i := range s.Services {
		j.at[s.Services[i].ID] = i
	}
	j.read(rows)
	for i := range rows {
		if err := j.add(&rows[i], &j.names[i], j.id(i), place{file, rows[i].Line}); err != nil {
			return problem(path, "%s, line %d: %v", filepath.Base(name), rows[i].Line, err)
		}
	}
	return nil
}

// explain gives a problem whose JSON path leads to something from a charter's file
// the place there.
func (s *Site) explain(err error) error {
	var found *Problem
	if len(s.rows) == 0 || !errors.As(err, &found) {
		return err
	}
	for path := range found.Around() {
		if at, ok := s.rows[path]; ok {
			return problem(fmt.Sprintf("charter[%d]", at.file), "%s, line %d: %s", filepath.Base(s.Charter[at.file]), at.line, found.Message)
		}
	}
	return err
}

// fill gives a service what the catalogue knows and its declaration leaves out, if it
// is the catalogue's service and not another of its id: one whose provider the
// catalogue does not name is somebody else's, unless it runs on the site itself.
//
// A service that is named itself gets all of it; one that a charter's rows make, and
// that is not asked for, gets no origins, which nobody has declared.
func (s *Site) fill(service *Service, known *catalogue.Service, named bool) {
	if service.Provider != "" && !known.Names(service.Provider) && !known.SelfHosted {
		return
	}
	service.describe(known, s.Languages)
	for i := range service.Cookies {
		own := &service.Cookies[i]
		if c := known.Cookie(own.Name, own.SetBy); c != nil && own.Lifetime == "" {
			own.Lifetime = c.Lifetime
		}
	}
	if len(service.Cookies) == 0 {
		for _, c := range known.Cookies { // one that server and script set stands there twice
			if !slices.ContainsFunc(service.Cookies, func(own Cookie) bool { return own.Name == c.Name && own.SetBy == c.Third() }) {
				service.Cookies = append(service.Cookies, Cookie{Name: c.Name, Purpose: offered(c.Purpose, s.Languages), Lifetime: c.Lifetime, SetBy: c.Third()})
			}
		}
	}
	if named || s.asks(service.Category) {
		service.load(known)
	}
}

// knows reports whether all that a service declares is what the catalogue knows of it.
// Only then is it necessary on the catalogue's word: nothing else becomes so by the
// name of its service.
func knows(known *catalogue.Service, service *Service) bool {
	return !slices.ContainsFunc(service.Cookies, func(c Cookie) bool { return known.Cookie(c.Name, c.SetBy) == nil }) &&
		!slices.ContainsFunc(service.Hosts, func(host string) bool {
			return !slices.ContainsFunc(known.Hosts, func(h catalogue.Host) bool { return h.Host == host })
		}) &&
		!slices.ContainsFunc(service.Storage, func(k StorageKey) bool {
			return !slices.ContainsFunc(known.Storage, func(own catalogue.Key) bool { return own.Area == k.Area && policy.Fits(own.Key, k.Key) })
		}) &&
		!slices.ContainsFunc(service.Inline, func(text string) bool {
			return !slices.ContainsFunc(known.Inline, func(m catalogue.Mark) bool { return m.Text == text })
		})
}

// asks reports whether consent is asked for a category.
func (s *Site) asks(id string) bool {
	return id != policy.Necessary && !slices.ContainsFunc(s.Categories, func(c Category) bool { return c.ID == id && c.Exempt != nil })
}

// describe fills in what the catalogue says of a service as a whole. Where somebody
// else provides it, its provider's policy and country are not theirs.
func (service *Service) describe(known *catalogue.Service, languages []string) {
	needless := known.Category == policy.Necessary && knows(known, service)
	if service.Category == "" && (needless || known.Category != policy.Necessary) {
		service.Category = known.Category
	}
	if service.Category == policy.Necessary && service.Ground == "" && needless {
		service.Ground, service.taken = known.Ground, true
	}
	if service.Provider = cmp.Or(service.Provider, known.Provider); known.Names(service.Provider) {
		service.Policy = cmp.Or(service.Policy, known.Policy)
		service.Country = cmp.Or(service.Country, known.Country)
	}
	if len(service.Name) == 0 {
		service.Name = Text{}
		for _, language := range languages {
			service.Name[language] = known.Name
		}
	}
	if len(service.Purpose) == 0 {
		service.Purpose = offered(known.Purpose, languages)
	}
}

// load fills in where a service loads from.
func (service *Service) load(known *catalogue.Service) {
	if len(service.Hosts) == 0 {
		for _, h := range known.Hosts {
			service.Hosts = append(service.Hosts, h.Host)
		}
	}
	if len(service.Storage) == 0 {
		for _, k := range known.Storage {
			service.Storage = append(service.Storage, StorageKey{Area: k.Area, Key: k.Key})
		}
	}
	if len(service.Inline) == 0 {
		for _, m := range known.Inline {
			service.Inline = append(service.Inline, m.Text)
		}
	}
}

// offered returns a text in the languages that are offered, nil if it is in none.
func offered(text map[string]string, languages []string) Text {
	var some Text
	for _, language := range languages {
		if text[language] == "" {
			continue
		}
		if some == nil {
			some = Text{}
		}
		some[language] = text[language]
	}
	return some
}
