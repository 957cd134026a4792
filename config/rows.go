package config

import (
	"fmt"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// Rows writes the services of s, which must be expanded and checked, as the rows of a
// charter. Read again, they declare the same services.
func (s *Site) Rows() []charter.Row {
	var rows []charter.Row
	for i := range s.Services {
		service := &s.Services[i]
		row := service.row()
		if len(service.Cookies) == 0 {
			rows = append(rows, row)
		}
		for _, c := range service.Cookies {
			rows = append(rows, c.row(row))
			row.Hosts, row.Storage, row.Inline, row.ServicePurpose = nil, nil, nil, nil // once is enough
		}
	}
	for i := range rows {
		rows[i].Line = i + 2
	}
	return rows
}

// row is what every row of a service says.
func (s *Service) row() charter.Row {
	row := charter.Row{
		ID: s.ID, Provider: s.Provider, Service: charter.Text(s.Name), Place: charter.Text(s.Place), ServicePurpose: charter.Text(s.Purpose),
		Category: s.Category, Ground: s.Ground, Hosts: s.Hosts, Inline: s.Inline, Policy: s.Policy, Country: s.Country,
	}
	for _, k := range s.Storage {
		row.Storage = append(row.Storage, charter.Key{Area: k.Area, Key: k.Key})
	}
	return row
}

// row is the row of a cookie, of which of holds what is said of its service.
func (c *Cookie) row(of charter.Row) charter.Row {
	of.Cookie, of.Purpose, of.Domain, of.Path, of.Third = c.Name, charter.Text(c.Purpose), c.Domain, c.Path, c.SetBy
	of.Lifetime = writeLifetime(c.Lifetime)
	for _, attribute := range []struct {
		word string
		set  bool
	}{
		{"secure", c.Secure}, {"http_only", c.HTTPOnly}, {"partitioned", c.Partitioned}, {"same_site=" + c.SameSite, c.SameSite != ""},
	} {
		if attribute.set {
			of.Attributes = append(of.Attributes, attribute.word)
		}
	}
	return of
}

// writeLifetime writes a lifetime in the largest unit that says it whole.
func writeLifetime(text string) string {
	lifetime, err := parseLifetime(text)
	if err != nil || lifetime == 0 || lifetime == policy.Session {
		return text
	}
	for _, unit := range []struct {
		of     time.Duration
		letter string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d := time.Duration(lifetime); d%unit.of == 0 {
			return fmt.Sprintf("%d%s", d/unit.of, unit.letter)
		}
	}
	return fmt.Sprintf("%ds", time.Duration(lifetime)/time.Second)
}
