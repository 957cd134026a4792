package catalogue

import (
	"slices"
	"strings"
	"unicode"
)

// Row is what a charter says of one cookie.
type Row struct {
	Provider, Service string // as the charter words them
	Cookie            string // a name, or a pattern with *
	Third             string // host of the third party that sets it on itself, if the charter says so
}

// Match returns the service that a row of a charter speaks of, and what is known
// of its cookie, nil if none. The cookie's name is never enough: the
// provider or the service must be named too, or the third party that sets it. Where
// several services fit, the one that the row names best is meant; where those say
// different things of what a declaration needs, none is.
func Match(r Row) (*Service, *Cookie) {
	var fit []*Service
	best := 0
	for _, s := range having(r.Cookie) {
		if s.rowCookie(r) == nil {
			continue
		}
		switch n := s.nearness(r); {
		case n == 0 || n < best:
		case n > best:
			fit, best = []*Service{s}, n
		default:
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 || slices.ContainsFunc(fit, func(s *Service) bool { return !fit[0].means(s) }) {
		return nil, nil
	}
	return fit[0], fit[0].rowCookie(r)
}

// nearness tells how well a row names the service: 0 not at all, then by the third
// party alone, by its provider, among other words, by its very name.
func (s *Service) nearness(r Row) int {
	name := plain(s.Name)
	switch {
	case plain(r.Service) == name || plain(r.Provider) == name || plain(r.Service) == plain(s.ID):
		return 4
	case s.Names(r.Service) || s.Names(r.Provider) && !strings.EqualFold(s.Provider, r.Provider):
		return 3
	case s.Names(r.Provider):
		return 2
	case r.Third != "":
		return 1
	}
	return 0
}

// rowCookie returns what is known of the cookie of a row. A row that does not say
// who sets it may mean a third party's.
func (s *Service) rowCookie(r Row) *Cookie {
	if c := s.Cookie(r.Cookie, r.Third); c != nil || r.Third != "" {
		return c
	}
	for i := range s.Cookies {
		if c := &s.Cookies[i]; fits(c.Name, r.Cookie) {
			return c
		}
	}
	return nil
}

// means reports whether two services say the same of what a declaration needs.
func (s *Service) means(other *Service) bool {
	return s.Category == other.Category && s.Ground == other.Ground
}

// Names reports whether words name the provider or the service.
func (s *Service) Names(words string) bool {
	words = plain(words)
	if words == "" {
		return false
	}
	return slices.ContainsFunc(s.names, func(name string) bool {
		return words == name || strings.Contains(" "+words+" ", " "+name+" ")
	})
}

// plain is text in lower case, its words apart by single spaces.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

// Suggest lists the services that a cookie seen on a site may belong to. setter is
// response, script or unknown; third, if not empty, the host of a third party that
// set it on itself. Names that third parties use on their own hosts say nothing of
// the site's own cookies, and the other way round.
func Suggest(name, setter, third string) []*Service {
	var found []*Service
	for _, s := range having(name) {
		if slices.ContainsFunc(s.Cookies, func(c Cookie) bool {
			return fits(c.Name, name) && sameSetter(c.Third(), third) && (third != "" || setter == "unknown" || setter == "" || c.SetBy == setter)
		}) {
			found = append(found, s)
		}
	}
	return found
}

// SuggestHost lists the services that load from a host at a path.
func SuggestHost(host, path string) []*Service {
	var found []*Service
	longest := 0
	for _, s := range all() {
		for _, h := range s.Hosts {
			n := covers(h.Host, host, path)
			if n == 0 || n < longest {
				continue
			}
			if n > longest {
				found, longest = nil, n
			}
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

// covers returns how much of a host and path a declared host says, 0 if it is
// another one.
func covers(declared, host, path string) int {
	name, under, hasPath := strings.Cut(declared, "/")
	name, _, _ = strings.Cut(name, ":")
	base, wild := strings.CutPrefix(name, "*.")
	if base != host && (!wild || !strings.HasSuffix(host, "."+base)) {
		return 0
	}
	if hasPath && !fits("/"+under, path) {
		return 0
	}
	return len(declared)
}

// SuggestStorage lists the services that use a key of web storage.
func SuggestStorage(area, key string) []*Service {
	var found []*Service
	for _, s := range all() {
		if slices.ContainsFunc(s.Storage, func(k Key) bool { return k.Area == area && fits(k.Key, key) }) {
			found = append(found, s)
		}
	}
	return found
}
