package declare

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/publicsuffix"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
)

// thing is something seen that can be declared.
type thing struct {
	inventory.Entry
	third      string               // host of the third party that a cookie lives on
	candidates []*catalogue.Service // by id
	// vague: the candidates load from some paths of the host, and which one was seen
	// is not known.
	vague   bool
	service *Service
}

// identity is what makes two entries the same thing.
type identity struct {
	kind              inventory.Kind
	name, area, third string
	path              string // of a request to a host
}

// look takes in what is undeclared and can be declared.
func (p *proposer) look(entries []inventory.Entry) {
	known := map[identity]*thing{}
	for _, e := range slices.SortedFunc(slices.Values(entries), surest) {
		if e.Service != "" || p.own(e) {
			continue
		}
		t := &thing{Entry: e}
		why := t.normal()
		if why == "" && p.declared(t) {
			continue
		}
		id := identity{kind: t.Kind, name: t.Name, area: t.Area, third: t.third}
		if t.Kind == inventory.KindHost {
			id.path = t.Path
		}
		switch same := known[id]; {
		case same != nil:
			same.add(e)
		case why != "":
			p.leave(e, why)
		default:
			known[id] = t
			p.things = append(p.things, t)
		}
	}
}

func (p *proposer) leave(e inventory.Entry, why string) {
	if !slices.ContainsFunc(p.left, func(l Left) bool {
		return l.Kind == e.Kind && l.Name == e.Name && l.Area == e.Area && l.Domain == e.Domain
	}) {
		p.left = append(p.left, Left{e, why})
	}
}

// surest orders entries by kind and name; of the same thing the surest comes first.
func surest(a, b inventory.Entry) int {
	setter := func(e inventory.Entry) int { return slices.Index([]string{"script", "response"}, e.Setter) }
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Area, b.Area), cmp.Compare(setter(b), setter(a)),
		b.Last.Compare(a.Last), cmp.Compare(b.Lifetime, a.Lifetime), cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Site, b.Site), cmp.Compare(a.Example, b.Example))
}

// add takes in what a less sure entry says of the thing.
func (t *thing) add(e inventory.Entry) {
	t.Lifetime = longer(t.Lifetime, e.Lifetime)
	t.Example = cmp.Or(t.Example, e.Example)
}

// longer returns the longer of two lifetimes as inventory has them.
func longer(a, b int64) int64 {
	if a == 0 || b > 0 && b > a {
		return b
	}
	return a
}

// savedFlag is the key of sessionStorage in which the banner remembers, for one page,
// that a choice was saved.
const savedFlag = "cookie-consent-saved"

// own reports whether an entry is the module's, or the site's own host.
func (p *proposer) own(e inventory.Entry) bool {
	switch e.Kind {
	case inventory.KindCookie:
		return e.Name == p.preference
	case inventory.KindStorage:
		return e.Name == savedFlag
	}
	name, _, _ := strings.Cut(e.Name, ":")
	return e.Site != "" && registrable(strings.TrimPrefix(name, "*.")) == registrable(siteName(e.Site))
}

// siteName is a site without port.
func siteName(site string) string {
	if at := strings.LastIndexByte(site, ':'); at > strings.LastIndexByte(site, ']') {
		site = site[:at]
	}
	return strings.ToLower(site)
}

// registrable returns the registrable domain of a host, or the host if it has none.
func registrable(host string) string {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

// normal brings the thing into the form in which it is declared, and says why it
// cannot be.
func (t *thing) normal() (why string) {
	switch t.Kind {
	case inventory.KindCookie:
		return t.normalCookie()
	case inventory.KindStorage:
		t.Name = printable(t.Name)
		return nameless(t.Name)
	case inventory.KindHost:
		return t.normalHost()
	}
	return fmt.Sprintf("nobody knows how to declare a %q", string(t.Kind))
}

var domainName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$`)

func isDomain(name string) bool {
	_, err := netip.ParseAddr(name)
	return err != nil && domainName.MatchString(name)
}

func (t *thing) normalCookie() (why string) {
	if at := strings.IndexFunc(t.Name, noToken); at >= 0 || t.Name == "" || t.Name[0] == '$' {
		return "it is no cookie-name that can be declared (RFC 6265bis section 4.1.1)"
	}
	domain := strings.TrimPrefix(strings.ToLower(t.Domain), ".")
	site := siteName(t.Site)
	covers := domain == "" || domain == site || t.Site == "" || strings.HasSuffix(site, "."+domain)
	switch {
	case !covers && (!isDomain(domain) || !strings.Contains(domain, ".")):
		return "its Domain is no domain name, so that browsers refuse it"
	case !covers:
		t.third, t.Domain = domain, ""
	case !isDomain(domain):
		t.Domain = ""
	default:
		t.Domain = domain
	}
	return nameless(t.Name)
}

// noToken reports what no declared cookie-name has.
func noToken(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/?={}`, c)
}

// nameless says why a pattern cannot be declared: it has less than two letters or
// digits, and would declare what nobody has seen.
func nameless(name string) (why string) {
	letters := 0
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			letters++
		}
	}
	switch {
	case strings.Trim(name, "*") == "":
		return "all of its name is made up anew each time, so that no declaration fits it"
	case strings.Contains(name, "*") && letters < 2:
		return "too much of its name is made up anew each time: a pattern would declare much else"
	}
	return ""
}

// printable replaces by * what cannot be written everywhere as it is: what is not
// printed, braces, which Caddy reads as placeholders, and backticks.
func printable(key string) string {
	var out strings.Builder
	star := false
	for _, c := range key {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar || strings.ContainsRune("{}`", c) {
			c = '*'
		}
		if c != '*' || !star {
			out.WriteRune(c)
		}
		star = c == '*'
	}
	return out.String()
}

func (t *thing) normalHost() (why string) {
	t.Name = strings.TrimSuffix(strings.ToLower(t.Name), ":")
	if !strings.HasPrefix(t.Path, "/") {
		t.Path = ""
	}
	name, _, _ := strings.Cut(t.Name, ":")
	base, wild := strings.CutPrefix(name, "*.")
	if policy.CheckHost(t.Name) != nil || !domainName.MatchString(base) {
		return "it is no host name; an IPv6 address cannot be declared"
	}
	if suffix, public := publicsuffix.PublicSuffix(base); wild && suffix == base && (public || !strings.Contains(base, ".")) {
		return "a pattern for all of a public suffix would declare everybody's hosts"
	}
	return ""
}

// host returns name and port of a thing that is one, the name of a pattern being one
// that it stands for.
func (t *thing) host() (name, port string) {
	name, port, _ = strings.Cut(t.Name, ":")
	return strings.Replace(name, "*", "x", 1), port
}

// declared reports whether the site declares a thing by now.
func (p *proposer) declared(t *thing) bool {
	d := p.Declared
	if d == nil {
		return false
	}
	switch {
	case t.Kind == inventory.KindHost:
		name, port := t.host()
		_, service := d.Host(name, port, cmp.Or(t.Path, "/"), &policy.Set{})
		return service >= 0 || d.OwnOrigin(name, port, cmp.Or(t.Path, "/"))
	case t.Kind == inventory.KindCookie && t.third == "":
		_, rule := d.Verdict(t.Name, &policy.Set{})
		return rule != nil
	}
	return slices.ContainsFunc(d.Services, func(s policy.Service) bool {
		return slices.ContainsFunc(s.Cookies, func(c policy.Cookie) bool {
			return t.Kind == inventory.KindCookie && c.ThirdParty != "" && policy.Fits(c.Name, t.Name) && within(t.third, c.ThirdParty)
		}) || slices.ContainsFunc(s.Storage, func(k policy.StorageKey) bool {
			return t.Kind == inventory.KindStorage && (k.Area == t.Area || t.Area == "") && policy.Fits(k.Key, t.Name)
		})
	})
}

// within reports whether host is domain, or below it.
func within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// cookie returns what was seen of a cookie, as it is declared.
func (t *thing) cookie() config.Cookie {
	c := config.Cookie{Name: t.Name, Lifetime: lifetime(t.Lifetime), Domain: t.Domain, SetBy: t.third}
	if len(t.Path) > 1 && t.Path[0] == '/' && !strings.ContainsFunc(t.Path, func(r rune) bool { return noToken(r) && r != '/' && r != '@' && r != '=' }) {
		c.Path = t.Path
	}
	if strings.HasPrefix(strings.ToLower(t.Name), "__host-") {
		c.Domain, c.Path = "", ""
	}
	return c
}

// longest is how long browsers keep a cookie at most (RFC 6265bis section 5.5).
const longest = 400 * 24 * time.Hour

// lifetime writes a lifetime as inventory has them, rounded up to whole units.
func lifetime(seconds int64) string {
	switch {
	case seconds == 0:
		return ""
	case seconds < 0:
		return "session"
	}
	d := longest
	if seconds < int64(longest/time.Second) {
		d = time.Duration(seconds) * time.Second
	}
	units := []struct {
		of     time.Duration
		letter string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for _, unit := range units {
		if d >= 2*unit.of || unit.of == time.Second {
			d = (d + unit.of - 1) / unit.of * unit.of
			break
		}
	}
	for _, unit := range units {
		if d%unit.of == 0 {
			return fmt.Sprintf("%d%s", d/unit.of, unit.letter)
		}
	}
	return "" // a whole number of seconds ends above
}
