package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// joiner adds the rows of one charter file to a site's services.
type joiner struct {
	site     *Site
	language string         // of texts whose column names none
	at       map[string]int // services by id
	names    []rowName
	purposes map[string]map[string]bool // categories of the rows without id, by stem
}

// rowName is what a row is known by.
type rowName struct {
	id       string // of its service, if the row or the catalogue tells
	stem     string // else made of its words
	category string
	known    *catalogue.Service
	cookie   *catalogue.Cookie
}

// read takes note of what rows are known by.
func (j *joiner) read(rows []charter.Row) {
	j.purposes = map[string]map[string]bool{}
	for i := range rows {
		n := j.name(&rows[i])
		j.names = append(j.names, n)
		if n.id == "" {
			if j.purposes[n.stem] == nil {
				j.purposes[n.stem] = map[string]bool{}
			}
			j.purposes[n.stem][n.category] = true
		}
	}
}

func (j *joiner) name(r *charter.Row) rowName {
	n := rowName{id: r.ID, category: j.category(r.Category)}
	if r.Cookie != "" {
		n.known, n.cookie = catalogue.Match(catalogue.Row{Provider: r.Provider, Service: first(r.Service), Cookie: r.Cookie, Third: r.Third})
	}
	if n.known != nil {
		if n.category == "" && r.Category == "" {
			n.category = n.known.Category
		}
		if n.id == "" {
			n.id = n.known.ID
		}
	}
	for _, words := range []string{first(r.Service), r.Provider, r.Cookie} {
		if n.stem = slug(words); n.stem != "" {
			break
		}
	}
	return n
}

// id returns the id of the service that row i belongs to. Rows of one name and
// different purposes are services of their own.
func (j *joiner) id(i int) string {
	n := &j.names[i]
	if n.id != "" {
		return n.id
	}
	alone := len(j.purposes[n.stem]) == 1
	// the name of a known service does not make a row the catalogue's
	taken := slices.Contains(policy.BuiltIn, n.stem) || n.stem == "all" || n.stem == "exempt" || catalogue.Find(n.stem) != nil ||
		slices.ContainsFunc(j.site.Categories, func(c Category) bool { return c.ID == n.stem })
	switch {
	case alone && !taken:
		return n.stem
	case taken && n.category == n.stem:
		return cutID(n.stem, "-service")
	}
	return cutID(n.stem, strings.TrimSuffix("-"+n.category, "-"))
}

// cutID puts end behind stem, which is cut so that both fit in an id.
func cutID(stem, end string) string {
	return strings.TrimRight(stem[:min(len(stem), max(1, 32-len(end)))], "-") + end
}

// add adds a row to the service called id, which it makes if there is none.
func (j *joiner) add(r *charter.Row, n *rowName, id string, from place) error {
	i, known := j.at[id]
	if !known {
		i = len(j.site.Services)
		j.at[id] = i
		j.site.Services = append(j.site.Services, Service{ID: id})
		j.site.rows[fmt.Sprintf("services[%d]", i)] = from
	}
	service := &j.site.Services[i]
	if err := j.tell(service, r, n); err != nil {
		return err
	}
	service.Hosts = union(service.Hosts, r.Hosts)
	service.Inline = union(service.Inline, r.Inline)
	for _, key := range r.Storage {
		service.Storage = union(service.Storage, []StorageKey{{Area: key.Area, Key: key.Key}})
	}
	if r.Cookie == "" {
		return nil
	}
	return j.addCookie(service, i, j.cookie(r, n), from)
}

// tell gives a service what a row says of it as a whole.
func (j *joiner) tell(s *Service, r *charter.Row, n *rowName) error {
	if r.Category != "" && n.category == "" {
		return fmt.Errorf("unknown category %q of %s; known are: %s%s", r.Category, cmp.Or(r.Cookie, s.ID), strings.Join(j.categories(), ", "), j.hinted(r))
	}
	byName := r.ID == "" && n.known == nil
	if n.category == "" && (s.Category == "" && (catalogue.Find(s.ID) == nil || byName) || s.Category == policy.Necessary && byName) {
		return fmt.Errorf("%s has no category: a cookie is declared for a purpose (R-1.18); add a column Category, or a heading such as “Statistics cookies” above the rows%s", cmp.Or(r.Cookie, s.ID), j.hinted(r))
	}
	switch {
	case r.Category != "":
		s.guess = nil // somebody says so
	case s.Category == "" && n.category != "":
		s.guess = n.known
	}
	if s.Category == "" || s.Category == n.category {
		s.Ground = cmp.Or(s.Ground, r.Ground)
	}
	for _, fact := range []struct {
		name string
		of   *string
		said string
	}{
		{"provider", &s.Provider, r.Provider}, {"category", &s.Category, n.category}, {"ground", &s.Ground, r.Ground},
		{"privacy policy", &s.Policy, r.Policy}, {"country", &s.Country, r.Country},
	} {
		if fact.said != "" && *fact.of != "" && *fact.of != fact.said {
			return fmt.Errorf("the %s of service %q is %q elsewhere, and %q here; make them the same, or give the rows different IDs", fact.name, s.ID, *fact.of, fact.said)
		}
		*fact.of = cmp.Or(*fact.of, fact.said)
	}
	s.Name, s.Place, s.Purpose = j.with(s.Name, r.Service), j.with(s.Place, r.Place), j.with(s.Purpose, r.ServicePurpose)
	if r.Cookie == "" {
		s.Purpose = j.with(s.Purpose, r.Purpose)
	}
	if s.Category == policy.Necessary && s.Ground == "" && n.known != nil && n.known.Category == policy.Necessary {
		s.Ground, s.taken = n.known.Ground, true
	}
	return nil
}

// with adds to a text what a row says in languages that it lacks.
func (j *joiner) with(text Text, said charter.Text) Text {
	whole := maps.Clone(text)
	for tag, words := range said {
		if tag == "" {
			tag = j.language
		}
		if whole[tag] == "" {
			if whole == nil {
				whole = Text{}
			}
			whole[tag] = words
		}
	}
	return whole
}

func (j *joiner) cookie(r *charter.Row, n *rowName) Cookie {
	c := Cookie{Name: r.Cookie, Purpose: j.with(nil, r.Purpose), Lifetime: r.Lifetime, Domain: r.Domain, Path: r.Path, SetBy: r.Third}
	if n.cookie != nil && r.Third == "" {
		c.SetBy = n.cookie.Third()
	}
	if n.cookie != nil && c.Lifetime == "" {
		c.Lifetime = n.cookie.Lifetime
	}
	for _, word := range r.Attributes {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "secure":
			c.Secure = true
		case "http_only":
			c.HTTPOnly = true
		case "partitioned":
			c.Partitioned = true
		case "same_site":
			c.SameSite = value
		}
	}
	return c
}

// addCookie adds a cookie to a service, or to what the service declares of it.
func (j *joiner) addCookie(s *Service, at int, c Cookie, from place) error {
	i := slices.IndexFunc(s.Cookies, func(own Cookie) bool { return own.Name == c.Name && own.SetBy == c.SetBy })
	if i < 0 {
		j.site.rows[fmt.Sprintf("services[%d].cookies[%d]", at, len(s.Cookies))] = from
		s.Cookies = append(s.Cookies, c)
		return nil
	}
	path := fmt.Sprintf("services[%d].cookies[%d]", at, i)
	if first, twice := j.site.rows[path]; twice {
		return fmt.Errorf("cookie %q of service %q is declared twice, first in %s, line %d", c.Name, s.ID, filepath.Base(j.site.Charter[first.file]), first.line)
	}
	own := &s.Cookies[i]
	if own.Lifetime != "" && c.Lifetime != "" && !sameLifetime(own.Lifetime, c.Lifetime) {
		return fmt.Errorf("cookie %q lives %s where service %q is declared, and %s here", c.Name, own.Lifetime, s.ID, c.Lifetime)
	}
	own.Lifetime, own.Domain, own.Path = cmp.Or(own.Lifetime, c.Lifetime), cmp.Or(own.Domain, c.Domain), cmp.Or(own.Path, c.Path)
	if len(own.Purpose) == 0 {
		own.Purpose = c.Purpose
	}
	own.Secure, own.HTTPOnly, own.Partitioned = own.Secure || c.Secure, own.HTTPOnly || c.HTTPOnly, own.Partitioned || c.Partitioned
	own.SameSite = cmp.Or(own.SameSite, c.SameSite)
	return nil
}

func sameLifetime(a, b string) bool {
	first, err := parseLifetime(a)
	second, other := parseLifetime(b)
	return err == nil && other == nil && first == second
}

// hinted says what the operator's lists know of a row's cookie.
func (j *joiner) hinted(r *charter.Row) string {
	for i := range j.site.hints {
		if h := &j.site.hints[i]; h.Fits(r.Cookie, r.Third) {
			return fmt.Sprintf(" (listed as %q, of %s)", h.Category, h.Service)
		}
	}
	if some := catalogue.Suggest(r.Cookie, "unknown", r.Third); len(some) == 1 {
		return fmt.Sprintf(" (%s has one of this name, in %q)", some[0].Name, some[0].Category)
	}
	return ""
}

// categories lists the ids there are.
func (j *joiner) categories() []string {
	ids := slices.Clone(policy.BuiltIn)
	for _, c := range j.site.Categories {
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// union appends what is not there yet.
func union[T comparable](list, more []T) []T {
	list = slices.Clip(list)
	for _, one := range more {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// category returns the category that a row's words name: by its id, by a name that
// the site gives it, or in the words that charters use; "" if none.
func (j *joiner) category(words string) string {
	if slices.Contains(policy.BuiltIn, words) {
		return words
	}
	for _, c := range j.site.Categories {
		if c.ID == words {
			return c.ID
		}
		for _, name := range c.Name {
			if strings.EqualFold(name, words) {
				return c.ID
			}
		}
	}
	return charter.Category(words)
}

// first returns a text in whatever language comes first.
func first(t charter.Text) string {
	least := ""
	for tag := range t {
		if least == "" || tag < least {
			least = tag
		}
	}
	return t[least]
}

// slug makes an id of words: their letters without accents, in lower case.
func slug(words string) string {
	var out strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(words)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && out.Len() > 0:
			out.WriteRune(r)
		case r == ' ' || r == '-' || r == '_' || r == '.' || r == '/' || r == '(' || r == '\'' || r == '’':
			if text := out.String(); text != "" && !strings.HasSuffix(text, "-") {
				out.WriteByte('-')
			}
		}
	}
	id := out.String()
	if len(id) > 32 {
		id = id[:32]
	}
	return strings.Trim(id, "-")
}
