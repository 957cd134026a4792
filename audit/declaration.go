package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// Declaration says what a site declared. ok is false for what nobody declared.
type Declaration interface {
	// Cookie tells what the cookie called name, at home at domain, belongs to.
	Cookie(name, domain string) (fact Fact, ok bool)
	// Storage tells what a key of storage belongs to; kind is KindLocal, KindSession
	// or KindIndexed, origin that of the page or frame.
	Storage(kind Kind, name, origin string) (fact Fact, ok bool)
	// Host tells what a request to a third party belongs to. Further origins of the
	// site's own are exempt.
	Host(host, path string) (fact Fact, ok bool)
}

// Fact is what was declared of one thing.
type Fact struct {
	Service  string // its id
	Category string
	Exempt   bool // needs no consent
	// Lifetime of a cookie; 0: none was declared, negative: until the browser closes.
	Lifetime time.Duration
}

// publishedPolicy is the part of the module's policy.json that is needed here.
type publishedPolicy struct {
	Preference string              `json:"preference_cookie"`
	Categories []publishedCategory `json:"categories"`
	FirstParty []string            `json:"first_party"` // further origins of the site's own

	party party
}

type publishedCategory struct {
	ID       string `json:"id"`
	Consent  string `json:"consent"` // no, yes, or object
	Services []struct {
		ID      string `json:"id"`
		Cookies []struct {
			Name     string `json:"name"`
			Lifetime *int64 `json:"lifetime"` // seconds; 0: session, absent: not declared
			SetBy    string `json:"set_by"`
		} `json:"cookies"`
		Storage []struct {
			Area string `json:"area"`
			Key  string `json:"key"`
		} `json:"storage"`
		Hosts []string `json:"hosts"`
	} `json:"services"`
}

// largestPolicy bounds what is read of a policy.json.
const largestPolicy = 4 << 20

// published returns the declaration that the module publishes on the site, nil when
// the site does not run it.
func (a *auditor) published(ctx context.Context) Declaration {
	if a.report.Manager != managers[0].Name || a.modulePath == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	body, err := a.fetch(ctx, originOf(a.start)+a.modulePath+"/policy.json")
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	p, err := readPolicy(io.LimitReader(body, largestPolicy), a.party)
	if err != nil {
		return nil
	}
	return p
}

// readPolicy reads a policy.json of the module.
func readPolicy(r io.Reader, own party) (*publishedPolicy, error) {
	p := &publishedPolicy{party: own}
	if err := json.NewDecoder(r).Decode(p); err != nil {
		return nil, fmt.Errorf("reading the published policy: %w", err)
	}
	return p, nil
}

// best collects the facts of the rules that fit best: a cookie or host of several
// services is exempt only if all of them are.
type best struct {
	fact    Fact
	literal int
	ok      bool
}

// offer takes a rule that fits, literal being how much of it is no pattern.
func (b *best) offer(literal int, fact Fact) {
	switch {
	case !b.ok || literal > b.literal:
		*b = best{fact, literal, true}
	case literal == b.literal:
		b.fact.Exempt = b.fact.Exempt && fact.Exempt
		if !fact.Exempt {
			b.fact.Service, b.fact.Category = fact.Service, fact.Category
		}
	}
}

// exact is more than any pattern has.
const exact = 1 << 20

func literalOf(pattern string) int {
	if !strings.Contains(pattern, "*") {
		return exact
	}
	return len(pattern) - strings.Count(pattern, "*")
}

func (c *publishedCategory) fact(service string) Fact {
	return Fact{Service: service, Category: c.ID, Exempt: c.Consent != "yes"}
}

// Cookie implements Declaration.
func (p *publishedPolicy) Cookie(name, domain string) (Fact, bool) {
	third := p.party.third(domain)
	if name == p.Preference && !third {
		return Fact{Service: managers[0].Name, Category: "necessary", Exempt: true}, true
	}
	var b best
	for i := range p.Categories {
		for _, s := range p.Categories[i].Services {
			for _, c := range s.Cookies {
				if !matches(c.Name, name) || third != (c.SetBy != "") || third && !within(domain, c.SetBy) {
					continue
				}
				fact := p.Categories[i].fact(s.ID)
				switch {
				case c.Lifetime == nil:
				case *c.Lifetime == 0:
					fact.Lifetime = -1
				default:
					fact.Lifetime = time.Duration(*c.Lifetime) * time.Second
				}
				b.offer(literalOf(c.Name), fact)
			}
		}
	}
	return b.fact, b.ok
}

// Storage implements Declaration.
func (p *publishedPolicy) Storage(kind Kind, name, origin string) (Fact, bool) {
	var b best
	for i := range p.Categories {
		for _, s := range p.Categories[i].Services {
			for _, k := range s.Storage {
				if k.Area == string(kind) && matches(k.Key, name) {
					b.offer(literalOf(k.Key), p.Categories[i].fact(s.ID))
				}
			}
			if host := hostOf(origin); p.party.third(host) {
				for _, declared := range s.Hosts {
					if literal := fits(declared, host, "/"); literal > 0 {
						b.offer(literal, p.Categories[i].fact(s.ID))
					}
				}
			}
		}
	}
	return b.fact, b.ok
}

// Host implements Declaration.
func (p *publishedPolicy) Host(host, path string) (Fact, bool) {
	var b best
	for _, own := range p.FirstParty {
		if literal := fits(own, host, path); literal > 0 {
			b.offer(literal, Fact{Service: "first party", Category: "necessary", Exempt: true})
		}
	}
	for i := range p.Categories {
		for _, s := range p.Categories[i].Services {
			for _, declared := range s.Hosts {
				if literal := fits(declared, host, path); literal > 0 {
					b.offer(literal, p.Categories[i].fact(s.ID))
				}
			}
		}
	}
	return b.fact, b.ok
}

// fits tells how well a declared host, [*.]name[:port][/path], fits a request; 0:
// not at all.
func fits(declared, host, path string) int {
	name, onPath, hasPath := strings.Cut(strings.ToLower(declared), "/")
	name, _, _ = strings.Cut(name, ":")
	if hasPath && !matches("/"+onPath, strings.ToLower(path)) {
		return 0
	}
	suffix, wild := strings.CutPrefix(name, "*.")
	switch {
	case name == "":
		return 0
	case wild && within(host, suffix):
		return 2*len(suffix) + len(onPath)
	case host == name:
		return exact + len(onPath)
	}
	return 0
}

// within reports whether host is domain or below it.
func within(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(strings.TrimPrefix(domain, "."))
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// matches reports whether name is what pattern stands for, * being any text.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	last := parts[len(parts)-1]
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok || len(rest) < len(last) || !strings.HasSuffix(rest, last) {
		return false
	}
	rest = rest[:len(rest)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// moduleScript finds the path of the module's pages.
const moduleScript = `document.querySelector('form[action$="/choice"][method="post"]')?.action
	?? document.querySelector('a[data-cookie-consent="open"]')?.href ?? ""`

// findModule notes where the module's pages live on the site, if it runs there.
func (a *auditor) findModule(t *tab) {
	frames := t.frames()
	if len(frames) == 0 {
		return
	}
	world, err := t.world(frames[0].ID)
	var address string
	if err != nil || t.evaluate(world, moduleScript, &address) != nil {
		return
	}
	u, err := url.Parse(address)
	if err == nil && address != "" && originOf(u) == originOf(a.start) {
		a.modulePath = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/choice"), "/")
	}
}
