package enforcer

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Kind is what kind of thing a Sighting is of.
type Kind string

// Kinds.
const (
	KindCookie  Kind = "cookie"
	KindStorage Kind = "storage" // a key of the browser's web storage
	KindHost    Kind = "host"    // a third party's, or with a tracker under it the site's own
)

// Setter is who sets a cookie or key, or where a host is named.
type Setter string

// Setters. Of a cookie in a request nobody can tell who set it: SetterUnknown.
const (
	SetterResponse Setter = "response"
	SetterScript   Setter = "script"
	SetterUnknown  Setter = "unknown"
	SetterMarkup   Setter = "markup"
	SetterHeader   Setter = "header"
	SetterReport   Setter = "report" // of what a browser's policy blocked, or would have
)

// SessionLifetime is the Lifetime of a cookie that goes with the browser's session.
const SessionLifetime = -1

// Sighting is a name that a site was seen to use. It never holds a value or a query.
// The site, or whoever sends reports, has chosen the names: they are as long and
// as odd as headers let them be.
type Sighting struct {
	Kind   Kind
	Name   string // a cookie-name, a key, or a host in lower case without port
	Setter Setter
	Area   string // of a key: "local" or "session"

	// Of a cookie that was seen being set, as it was written: of a script's what it
	// could write, of one in a request nothing.
	Domain   string // lower case, without leading dot; empty: host-only
	Path     string // empty: none that counts
	Lifetime int64  // in seconds; 0: unknown, SessionLifetime: until the browser closes
	Secure   bool
	HTTPOnly bool
	SameSite string // "", "strict", "lax" or "none"
	// Partitioned cookies live in a jar of each site that embeds theirs.
	Partitioned bool

	// Service is the id of the first service that declares it; empty: undeclared.
	Service string
	// Blocked: it was held back or, in observe mode, would have been.
	Blocked bool
	// Example is the path, without query, of the page it was seen on, or of the
	// request that brought it.
	Example string
}

var sightings = sync.Pool{New: func() any { return new(Sighting) }}

// tell tells Saw of s, whose memory it lends.
func (v *Visit) tell(s Sighting) {
	lent := sightings.Get().(*Sighting)
	*lent = s
	lent.Example = examplePath(v.path)
	v.enforcer.Saw(v.Host, lent)
	*lent = Sighting{}
	sightings.Put(lent)
}

// examplePath cuts off the path parameters that sessions were once kept in.
func examplePath(path string) string {
	path, _, _ = strings.Cut(path, ";")
	return path
}

// sees reports whether somebody is to be told of what is declared, or is not.
func (e *Enforcer) sees(declared bool) bool { return e.Saw != nil && (e.Observe || !declared) }

// sawSent takes note of a cookie of the request.
func (v *Visit) sawSent(name string, verdict policy.Verdict, rule *policy.Rule) {
	if verdict == policy.Own || !v.enforcer.sees(rule != nil) {
		return
	}
	v.tell(Sighting{Kind: KindCookie, Name: name, Setter: SetterUnknown, Service: declaring(rule), Blocked: !verdict.Passes()})
}

// sawSet takes note of a Set-Cookie line that sets something.
func (v *Visit) sawSet(line string, c *setCookie, verdict policy.Verdict, rule *policy.Rule, now time.Time) {
	if verdict == policy.Own || !v.enforcer.sees(rule != nil) || c.deletes(now) {
		return
	}
	s := Sighting{Kind: KindCookie, Setter: SetterResponse, Service: declaring(rule), Blocked: !verdict.Passes()}
	s.describe(line, c, now)
	v.tell(s)
}

// describe takes in what a Set-Cookie line says.
func (s *Sighting) describe(line string, c *setCookie, now time.Time) {
	s.Name, s.Secure, s.HTTPOnly, s.Partitioned = c.name, c.secure, c.httpOnly, c.partitioned
	switch {
	case c.hasMaxAge:
		s.Lifetime = c.maxAge
	case c.hasExpires:
		s.Lifetime = int64((c.expires.Sub(now) + time.Second - 1) / time.Second)
	case !c.doubtful:
		s.Lifetime = SessionLifetime
	}
	_, attributes, _ := strings.Cut(line, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		if value = trimOWS(value); len(value) > maxAttribute {
			continue
		}
		switch name = trimOWS(name); {
		case strings.EqualFold(name, "Domain"):
			s.Domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case strings.EqualFold(name, "Path"):
			if s.Path = ""; strings.HasPrefix(value, "/") {
				s.Path = value
			}
		case strings.EqualFold(name, "SameSite"):
			s.SameSite = ""
			for _, known := range []string{"strict", "lax", "none"} {
				if strings.EqualFold(value, known) {
					s.SameSite = known
				}
			}
		}
	}
}

// declaring names the first service that declares a rule's cookie.
func declaring(rule *policy.Rule) string {
	if rule == nil {
		return ""
	}
	return rule.Service
}

// countBlocked counts something of a service that was held back; of none when nobody
// declared it.
func (v *Visit) countBlocked(service string) {
	if v.enforcer.Blocked != nil {
		v.enforcer.Blocked(v.Host, service)
	}
}

// SightCookie describes a cookie that a script wrote, or wanted to, as its
// attributes say; nil when nobody knows those. ok is false where it deleted one.
func (v *Visit) SightCookie(name string, attributes *string) (s Sighting, ok bool) {
	line := name + "=;"
	if attributes != nil {
		line += *attributes
	}
	c, ok := parseSetCookie(line)
	if !ok {
		return s, false
	}
	verdict, rule := v.verdict(c.name)
	now := v.enforcer.Now()
	if verdict == policy.Own || c.deletes(now) {
		return s, false
	}
	s = Sighting{Kind: KindCookie, Setter: SetterScript, Service: declaring(rule), Blocked: !verdict.Passes()}
	s.describe(line, &c, now)
	if attributes == nil {
		s.Lifetime = 0
	}
	return s, true
}

// SightKey describes a key of web storage. Undeclared ones are not held back.
func (v *Visit) SightKey(area, key string) Sighting {
	s := Sighting{Kind: KindStorage, Name: key, Setter: SetterScript, Area: area}
	services := v.enforcer.Policy.Services
	for i := range services {
		for _, declared := range services[i].Storage {
			if declared.Area != area || !matchesKey(declared.Key, key) {
				continue
			}
			refused := !v.Standing.Grants.Has(i)
			if s.Service == "" || refused && !s.Blocked {
				s.Service, s.Blocked = services[i].ID, refused
			}
		}
	}
	return s
}

// matchesKey reports whether a declared key, in which * stands for any text, fits.
func matchesKey(pattern, key string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == key
	}
	key, fits := strings.CutPrefix(key, first)
	for fits && starred {
		var part string
		if part, rest, starred = strings.Cut(rest, "*"); !starred {
			return strings.HasSuffix(key, part)
		}
		_, key, fits = strings.Cut(key, part)
	}
	return fits
}

// SightHost describes the host of an absolute address that a page wanted to load
// and a policy of ours kept from it, or would have.
func (v *Visit) SightHost(absolute string) Sighting {
	var split splitter
	to, _ := split.resolve([]byte(absolute), &address{secure: v.HTTPS}, true)
	p := v.enforcer.Policy
	verdict, i := p.Host(to.host, to.effectivePort(), to.path, &v.Standing.Grants)
	s := Sighting{Kind: KindHost, Name: to.host, Setter: SetterReport, Blocked: !verdict.Passes() && (i >= 0 || !p.AllowUndeclaredHosts)}
	if i >= 0 {
		s.Service = p.Services[i].ID
	}
	return s
}

// sawHost takes note of a host, once for each place it is named in.
func (g *gate) sawHost(s Sighting) {
	if !g.visit.enforcer.sees(s.Service != "") || !isHost(s.Name) {
		return
	}
	seen := seenHost{s.Name, s.Service, s.Setter}
	if g.seen == nil {
		g.seen = new([]seenHost)
	}
	if slices.Contains(*g.seen, seen) {
		return
	}
	if len(*g.seen) < maxSeen {
		*g.seen = append(*g.seen, seen)
	}
	s.Kind = KindHost
	g.visit.tell(s)
}

// sawTracker takes note of a request to a service under the site's own name.
func (v *Visit) sawTracker(service int) {
	if v.enforcer.sees(true) {
		v.tell(Sighting{Kind: KindHost, Name: v.Host, Setter: SetterUnknown, Service: v.enforcer.Policy.Services[service].ID, Blocked: true})
	}
}

// maxSeen bounds how many hosts of one answer are told once only.
const maxSeen = 64

// seenHost is a host that somebody was told of.
type seenHost struct {
	name, service string
	setter        Setter
}

// isHost reports whether name is that of a host, in ASCII, and no text that a
// script was to fill in.
func isHost(name string) bool {
	return len(name) <= 253 && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") == ""
}
