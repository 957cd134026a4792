package declare

import (
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// openPurpose stands where a purpose has to be written.
const openPurpose = "TODO: purpose?"

// Rows returns the services as the rows of a charter.
func (p *Proposal) Rows() []charter.Row {
	var site config.Site
	for i := range p.Services {
		site.Services = append(site.Services, p.Services[i].whole())
	}
	open := map[string]bool{}
	for i := range p.Services {
		open[p.Services[i].ID] = p.Services[i].Open
	}
	rows := site.Rows()
	for i := range rows {
		if open[rows[i].ID] {
			rows[i].Purpose = charter.Text{"": openPurpose}
		}
	}
	return rows
}

// whole returns the service with what a charter's row does not get from the catalogue:
// its category, without which a row with nothing but an id is a heading, and all that
// one loads which needs no consent.
func (s *Service) whole() config.Service {
	service := s.Service
	if !s.Known {
		return service
	}
	service.Category, service.Ground = s.of.Category, s.of.Ground
	if s.of.Category != policy.Necessary {
		return service
	}
	if len(service.Hosts) == 0 {
		for _, h := range s.of.Hosts {
			service.Hosts = append(service.Hosts, h.Host)
		}
	}
	if len(service.Storage) == 0 {
		for _, k := range s.of.Storage {
			service.Storage = append(service.Storage, config.StorageKey{Area: k.Area, Key: k.Key})
		}
	}
	for _, m := range s.of.Inline {
		service.Inline = append(service.Inline, m.Text)
	}
	return service
}
