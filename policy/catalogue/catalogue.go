// Package catalogue holds facts about services that many sites use: who provides
// them, what for, with which cookies, storage keys, hosts and scripts.
//
// Facts are hints for whoever declares a site, and admit nothing by themselves:
// only a declaration does. Each names where it was found; what is not
// known is empty. A cookie is never known by its name alone: who sets it counts
// too, or who provides the service.
package catalogue

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed data
var files embed.FS

// Service is one known service.
type Service struct {
	ID       string   `json:"id"`
	Provider string   `json:"provider"`
	Aliases  []string `json:"aliases,omitempty"` // other names of provider or service
	Name     string   `json:"name"`
	// SelfHosted: the site's own server runs it, so that the provider gets nothing.
	SelfHosted bool              `json:"self_hosted,omitempty"`
	Category   string            `json:"category"`
	Ground     string            `json:"ground,omitempty"` // of a necessary one
	Purpose    map[string]string `json:"purpose"`          // by language: fr and en
	Policy     string            `json:"policy,omitempty"` // address of the provider's privacy policy
	Country    string            `json:"country,omitempty"`
	Cookies    []Cookie          `json:"cookies,omitempty"`
	Storage    []Key             `json:"storage,omitempty"`
	Hosts      []Host            `json:"hosts,omitempty"`
	Inline     []Mark            `json:"inline,omitempty"`

	names []string // of the service and its provider, plain
}

// Cookie is a cookie-name, or a pattern with *.
type Cookie struct {
	Name     string            `json:"name"`
	Lifetime string            `json:"lifetime,omitempty"` // such as 14d, or session
	SetBy    string            `json:"set_by"`             // response, script, or third <host>
	Purpose  map[string]string `json:"purpose,omitempty"`
	Source   string            `json:"source"`
}

// Third returns the third party's host that sets the cookie on itself, empty for
// one that lives on the site.
func (c *Cookie) Third() string {
	host, third := strings.CutPrefix(c.SetBy, "third ")
	if !third {
		return ""
	}
	return host
}

// Key is a key of web storage, with * for any text.
type Key struct {
	Area   string `json:"area"` // local or session
	Key    string `json:"key"`
	Source string `json:"source"`
}

// Host is an origin that the service loads from, in the form of a declared host.
type Host struct {
	Host   string `json:"host"`
	Source string `json:"source"`
}

// Mark is a text by which an inline script is known as the service's.
type Mark struct {
	Text   string `json:"text"`
	Source string `json:"source"`
}

// all reads the embedded data, once.
var all = sync.OnceValue(func() []*Service {
	var services []*Service
	names, err := fs.Glob(files, "data/*.json")
	for _, name := range names {
		var data []byte
		if data, err = files.ReadFile(name); err != nil {
			break
		}
		var some []*Service
		if err = json.Unmarshal(data, &some); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			break
		}
		services = append(services, some...)
	}
	if err != nil {
		panic(err) // embedded, and read by a test
	}
	slices.SortFunc(services, func(a, b *Service) int { return strings.Compare(a.ID, b.ID) })
	for _, s := range services {
		for _, name := range append([]string{s.Provider, s.Name, s.ID}, s.Aliases...) {
			if name = plain(name); name != "" {
				s.names = append(s.names, name)
			}
		}
	}
	return services
})

// cookies finds services by the names of their cookies.
var cookies = sync.OnceValue(func() (index struct {
	exact    map[string][]*Service
	patterns []pattern
}) {
	index.exact = map[string][]*Service{}
	for _, s := range all() {
		for i := range s.Cookies {
			if name := s.Cookies[i].Name; strings.Contains(name, "*") {
				index.patterns = append(index.patterns, pattern{name, s})
			} else {
				index.exact[name] = append(index.exact[name], s)
			}
		}
	}
	return index
})

type pattern struct {
	text string
	of   *Service
}

// having lists the services that have a cookie of a name, sorted by id.
func having(name string) []*Service {
	index := cookies()
	found := slices.Clone(index.exact[name])
	for _, p := range index.patterns {
		if fits(p.text, name) {
			found = append(found, p.of)
		}
	}
	slices.SortFunc(found, func(a, b *Service) int { return strings.Compare(a.ID, b.ID) })
	return slices.Compact(found)
}

// Services returns all known services, sorted by id. They must not be changed.
func Services() []*Service { return all() }

// Find returns the service called id, or nil.
func Find(id string) *Service {
	services := all()
	if i, found := slices.BinarySearchFunc(services, id, func(s *Service, id string) int { return strings.Compare(s.ID, id) }); found {
		return services[i]
	}
	return nil
}

// fits reports whether a cookie-name, or a pattern, is what pattern says.
func fits(pattern, name string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 || pattern == name {
		return pattern == name
	}
	if !strings.HasPrefix(name, pattern[:star]) {
		return false
	}
	parts := strings.Split(pattern, "*")
	name = name[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, rest, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = rest
	}
	return strings.HasSuffix(name, parts[last])
}

// Cookie returns what is known of the cookie called name, which may be a pattern,
// as third sets it on itself, or the site where third is empty; nil if nothing is.
func (s *Service) Cookie(name, third string) *Cookie {
	var best *Cookie
	for i := range s.Cookies {
		c := &s.Cookies[i]
		if !fits(c.Name, name) || !sameSetter(c.Third(), third) {
			continue
		}
		if best == nil || len(c.Name) > len(best.Name) {
			best = c
		}
	}
	return best
}

// sameSetter reports whether two hosts are the same party's: both the site itself,
// or one within the other.
func sameSetter(a, b string) bool {
	return a == b || a != "" && b != "" && (strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a))
}
