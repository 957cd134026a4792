package enforcer

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// gate decides what one visitor's pages may load. It implements rewriter.Gate.
type gate struct {
	visit    *Visit
	own      address // of the request
	base     address // that addresses are relative to
	site     string  // the registrable domain of the site, once asked for
	seen     *[]seenHost
	split    splitter
	sited    bool // site is known
	paths    bool // paths under the site's own name are declared
	relative bool // a relative address may be held back
	based    bool // the document has told its base
}

// gate returns what decides for the pages of this visit, nil when everything may
// be loaded and nobody is told.
func (v *Visit) gate() *gate {
	p := v.enforcer.Policy
	if !v.enforcer.Observe && !p.HoldsBack(&v.Standing.Grants) {
		return nil
	}
	if v.decides.visit == nil {
		g := &v.decides
		g.visit = v
		g.own = address{secure: v.HTTPS, host: v.Host, path: v.path}
		if i := strings.LastIndexByte(v.Address, ':'); i >= 0 && !strings.HasSuffix(v.Address, "]") {
			g.own.port = v.Address[i+1:]
		}
		if v.HTTPS && g.own.port == "443" || !v.HTTPS && g.own.port == "80" {
			g.own.port = ""
		}
		g.base = g.own
		g.paths = p.DeclaresPaths()
		g.relative = g.paths
	}
	return &v.decides
}

// siteOf returns the registrable domain of host, empty when it has none.
func siteOf(host string) string {
	if isIP(host) {
		return ""
	}
	domain, _ := publicsuffix.EffectiveTLDPlusOne(host)
	return domain
}

func isIP(host string) bool { return net.ParseIP(strings.Trim(host, "[]")) != nil }

// Holds reports whether a load from an address is held back, and the service it
// belongs to: empty when no consent is asked for it, or nobody declared it.
func (g *gate) Holds(raw []byte) (service string, held bool) { return g.decide(raw, SetterMarkup) }

// decide is Holds for an address that is named by setter.
func (g *gate) decide(raw []byte, setter Setter) (service string, held bool) {
	to, local := g.split.resolve(raw, &g.base, g.relative)
	if local && !g.relative || to.host == "" {
		return "", false
	}
	p, grants := g.visit.enforcer.Policy, &g.visit.Standing.Grants
	if g.paths && to.host == g.own.host && to.port == g.own.port {
		if !local {
			to, _ = g.split.resolve(raw, &g.base, true)
		}
		if verdict, i := p.Host("", "", to.path, grants); verdict != policy.Undeclared {
			return g.named(&to, i, verdict, setter)
		}
	}
	port := to.effectivePort()
	if to.path == "" {
		to, _ = g.split.resolve(raw, &g.base, true)
	}
	verdict, i := p.Host(to.host, port, to.path, grants)
	if verdict != policy.Undeclared {
		return g.named(&to, i, verdict, setter)
	}
	observes := g.visit.enforcer.Observe
	if p.AllowUndeclaredHosts && !observes || g.firstParty(to.host, port, to.path) {
		return "", false
	}
	g.sawHost(Sighting{Name: to.host, Setter: setter, Blocked: !p.AllowUndeclaredHosts})
	if !observes {
		g.visit.countBlocked("")
	}
	return "", !observes
}

// named names the service that decides, unless it needs no consent and passes, or
// everything does.
func (g *gate) named(to *address, i int, verdict policy.Verdict, setter Setter) (string, bool) {
	p := g.visit.enforcer.Policy
	switch {
	case g.visit.enforcer.Observe:
		g.sawHost(Sighting{Name: to.host, Setter: setter, Service: p.Services[i].ID, Blocked: !verdict.Passes()})
		return "", false
	case verdict.Passes() && p.Exempt.Has(i):
		return "", false
	}
	if !verdict.Passes() {
		g.visit.countBlocked(p.Services[i].ID)
	}
	return p.Services[i].ID, !verdict.Passes()
}

// firstParty reports whether an origin that no service declares is the site's.
func (g *gate) firstParty(host, port, path string) bool {
	if !g.sited {
		g.site, g.sited = siteOf(g.own.host), true
	}
	return host == g.own.host ||
		g.site != "" && strings.HasSuffix(host, g.site) && (len(host) == len(g.site) || host[len(host)-len(g.site)-1] == '.') ||
		g.visit.enforcer.Policy.OwnOrigin(host, port, path)
}

// Base takes note of a document's <base href>, the first of which counts.
func (g *gate) Base(raw string) {
	if g.based {
		return
	}
	g.based = true
	to, _ := g.split.resolve([]byte(raw), &g.own, true)
	if to.host != "" {
		g.base = to
		g.relative = g.relative || to.host != g.own.host || to.port != g.own.port
	}
}

// Marks reports whether there are scripts to tell by their text.
func (g *gate) Marks() bool {
	return !g.visit.enforcer.Observe && g.visit.enforcer.Policy.Marks(&g.visit.Standing.Grants)
}

// HoldsScript reports whether an inline script is held back.
func (g *gate) HoldsScript(text []byte) (string, bool) {
	i := g.visit.enforcer.Policy.Inline(text, &g.visit.Standing.Grants)
	if i < 0 {
		return "", false
	}
	return g.visit.enforcer.Policy.Services[i].ID, true
}

// StandIn returns what stands where a frame is held back.
func (g *gate) StandIn(page rewriter.Page, frame rewriter.Frame) []byte {
	return g.visit.enforcer.StandIn(g.visit, page, frame)
}

// Admit returns a policy of the document's own that admits what is inserted.
func (g *gate) Admit(policy string) string { return g.visit.admit(policy) }

// held is the gate for the addresses in a header.
func (g *gate) held(raw string) bool {
	_, held := g.decide([]byte(raw), SetterHeader)
	return held
}

// HoldsRequest reports whether one of paths, decoded, belongs to a tracker under
// the site's own name that is not granted. The answer of one that is
// granted will be for this visitor alone. In observe mode none is held back.
func (v *Visit) HoldsRequest(paths ...string) bool {
	p := v.enforcer.Policy
	if !p.DeclaresPaths() {
		return false
	}
	for _, path := range paths {
		path = cleanPath(path)
		if verdict, _ := p.Host("", "", path, &p.Always); verdict != policy.Refused {
			continue
		}
		if verdict, i := p.Host("", "", path, &v.Standing.Grants); verdict == policy.Refused {
			if !v.enforcer.Observe {
				v.countBlocked(p.Services[i].ID)
				return true
			}
			v.sawTracker(i)
			return false
		}
		v.personal = true
	}
	return false
}

// admit returns one of the site's own policies such that it admits what is
// inserted into the page.
func (v *Visit) admit(value string) string {
	elements, origin := v.enforcer.Elements, v.origin()
	for _, address := range []*string{&elements.Form, &elements.Script, &elements.Connect} {
		if *address != "" {
			*address = origin + *address
		}
		if origin == "" || !v.page && !v.enforcer.Observe {
			*address = ""
		}
	}
	return admit(value, elements, v.StyleNonce, v.ScriptNonce)
}

// origin is that of the site as the visitor sees it, empty when the Host header
// holds what no origin does.
func (v *Visit) origin() string {
	if v.Address == "" || strings.Trim(v.Address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != "" {
		return ""
	}
	if v.HTTPS {
		return "https://" + v.Address
	}
	return "http://" + v.Address
}

// reported is how many of the pages are asked to report what their policy blocks,
// so that visitors who refuse do not flood the site: one in this many.
const reported = 64

const (
	enforcedPolicy = "Content-Security-Policy"
	watchedPolicy  = "Content-Security-Policy-Report-Only"

	reportingEndpoints = "Reporting-Endpoints"
)

// admitInserted has the policies of a page admit what is inserted into it.
func (v *Visit) admitInserted(h http.Header) {
	policies := h[enforcedPolicy]
	if len(policies)+len(h[watchedPolicy]) == 0 {
		return
	}
	v.StyleNonce, v.ScriptNonce = nonces(policies)
	for _, name := range []string{enforcedPolicy, watchedPolicy} {
		h[name] = slices.Clone(h[name])
		for i, value := range h[name] {
			h[name][i] = v.admit(value)
		}
	}
}

// addPolicy adds our own policy, which admits what is granted.
func (v *Visit) addPolicy(h http.Header) {
	own := v.contentPolicy(&v.Standing.Grants)
	if own == "" {
		return
	}
	if v.enforcer.Report != "" && v.enforcer.pages.Add(1)%reported == 1 {
		own += v.reporting()
		v.addEndpoint(h)
	}
	h[enforcedPolicy] = append(h[enforcedPolicy], own)
}

// reporting is what a policy of ours ends with for browsers to report what it
// blocks. Endpoints count on HTTPS only, and report-uri only without report-to.
func (v *Visit) reporting() string {
	if !v.HTTPS {
		return "; report-uri " + v.enforcer.Report
	}
	return "; report-uri " + v.enforcer.Report + "; report-to cookie-consent"
}

// addEndpoint names the place that reporting refers to, beside those of the site.
func (v *Visit) addEndpoint(h http.Header) {
	if !v.HTTPS {
		return
	}
	h[reportingEndpoints] = append(h[reportingEndpoints], `cookie-consent="`+v.enforcer.Report+`"`)
}

// contentPolicy is our own Content-Security-Policy for who has granted that much,
// empty where it could not tell what to keep out.
func (v *Visit) contentPolicy(grants *policy.Set) string {
	e := v.enforcer
	if e.Policy.AllowUndeclaredHosts && !e.Observe {
		return ""
	}
	key := policyKey{grants: *grants}
	if v.origin() != "" && len(v.Host) <= maxHost {
		key.site, key.host = siteOf(v.Host), v.Host
	}
	if key.site != "" {
		key.host = ""
	}
	return e.policies.Get(key, func() string {
		own := slices.Clone(e.Policy.FirstParty)
		switch {
		case key.site != "":
			own = append(own, "*."+key.site)
		case key.host != "":
			own = append(own, key.host)
		}
		return contentPolicy(e.Policy, &key.grants, own)
	})
}

// maxHost is the longest name of a host, in bytes (RFC 1035 section 2.3.4).
const maxHost = 253

// policyKey is what our own Content-Security-Policy depends on.
type policyKey struct {
	grants policy.Set
	site   string // its registrable domain
	host   string // where there is none
}

// Interface guard
var _ rewriter.Gate = (*gate)(nil)
