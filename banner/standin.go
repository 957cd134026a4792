package banner

import (
	"net/url"
	"strings"
	"sync"
	"unicode"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// maxLink is the longest address of held-back content that is linked to.
const maxLink = 2048

// content is what a stand-in and the page behind it say of held-back content.
type content struct {
	view
	ID     string // of the service; empty when nobody declared the host
	Title  string
	From   string   // one sentence: where it comes from
	Facts  []string // who gets what, and what for
	Way    string   // label of the way to allow it; empty without one
	Target string   // of the link to the page behind
	Source string   // room for the plain link
}

// about says of a service what a visitor must know before allowing it.
func (v view) about(s *policy.Service) content {
	name := v.Of(s.Name)
	if name == "" {
		name = providerOf(s)
	}
	c := content{view: v, ID: s.ID, Title: v.T("content", "service", v.label(s)), From: v.T("content.from", "service", v.label(s)), Source: sourceSlot}
	if s.Category == policy.Necessary || v.exempt(s.Category) {
		c.Facts, c.Way = []string{v.T("content.objected")}, v.T("manage") // held back, so objected to
		return c
	}
	c.Facts, c.Way = v.facts(s), v.T("content.allow", "service", name)
	return c
}

// facts says who gets data, what for and where.
func (v *view) facts(s *policy.Service) []string {
	facts := []string{v.T("content.receives", "provider", providerOf(s))}
	if purpose := v.purposeOf(s); purpose != "" {
		facts = append(facts, v.T("content.purpose", "purpose", purpose))
	}
	if s.Country != "" {
		facts = append(facts, v.T("content.outside", "country", s.Country))
	}
	return facts
}

// standIns are the stand-ins in one language, rendered once. Those of services are
// when they are first shown: a site has many more than its pages hold back.
type standIns struct {
	services   map[string]func() standIn // by id
	undeclared standIn                   // for a host that no service declares
	unknown    standIn                   // for an address without a host
	source     markup                    // the link to the content itself
}

// standIn is what stands where one service is held back, in each form.
type standIn [3]markup

// newStandIns renders the stand-ins of a site. v.Pages has a slot for the origin.
func newStandIns(v view, style string) (standIns, error) {
	rendered := standIns{services: map[string]func() standIn{}}
	v.Style = styleElement(style)
	for i := range v.Policy.Services {
		s := &v.Policy.Services[i]
		rendered.services[s.ID] = sync.OnceValue(func() standIn {
			shown, err := newStandIn(v.about(s))
			if err != nil {
				panic(err) // of templates of ours, which serve below already
			}
			return shown
		})
	}
	var err error
	c := content{view: v, Title: v.T("content.held"), From: v.T("content.undeclared", "host", hostSlot), Source: sourceSlot}
	if rendered.undeclared, err = newStandIn(c); err != nil {
		return rendered, err
	}
	c.From = v.T("content.unknown")
	if rendered.unknown, err = newStandIn(c); err != nil {
		return rendered, err
	}
	source, err := render(templates.Lookup("source"), struct {
		view
		Link, Host string
	}{v, linkSlot, hostSlot})
	rendered.source = cut(source)
	return rendered, err
}

func newStandIn(c content) (standIn, error) {
	var s standIn
	element, err := render(templates.Lookup("element"), c)
	if err != nil {
		return s, err
	}
	c.Target = "_top"
	document, err := render(templates.Lookup("standin.html"), c)
	s[rewriter.Srcdoc], s[rewriter.Element] = cut(document), cut(element)
	s[rewriter.Address] = cut(c.Pages + "/embed?service=" + c.ID + "&return=" + c.Query + "&lang=" + c.Lang + "&frame=1")
	return s, err
}

// StandIn returns what stands where a frame, video or audio is held back, in
// ASCII. A document and an address are not escaped for the attribute they go to.
func (b *Banner) StandIn(v *enforcer.Visit, page rewriter.Page, f rewriter.Frame) []byte {
	spoken := b.standIns[b.languages.choose(page.Lang, v.Language)]
	link, host := source(v, page.Base, f.Address)
	back := v.URI
	if anchor := fragment(f.Anchor); anchor != "" {
		back += "#" + anchor
	}
	values := map[string]string{
		originSlot: origin(v, page.Base),
		querySlot:  url.QueryEscape(back),
		hostSlot:   escape(host),
		linkSlot:   escape(link),
		nonceSlot:  nonceAttribute(v),
	}
	if f.Form == rewriter.Srcdoc {
		values[nonceSlot] = "" // style rules of the page could read it in the attribute
	}
	if link != "" && f.Form != rewriter.Address {
		values[sourceSlot] = string(spoken.source.fill(nil, values))
	}
	s := spoken.unknown
	if rendered, declared := spoken.services[f.Service]; declared {
		s = rendered()
	} else if host != "" {
		s = spoken.undeclared
	}
	return s[f.Form].fill(nil, values)
}

// source returns the address of held-back content as a link may carry it, and
// the host it leads to. Either is empty where it is in doubt. A relative address
// stays one: the base of a srcdoc document is that of its page.
func source(v *enforcer.Visit, base, address string) (link, host string) {
	link = tidy(address)
	host, web := hostOf(link)
	if !web || link == "" || link[0] == '#' {
		return "", ""
	}
	if host == "" {
		host = v.Host
		if named, web := hostOf(tidy(base)); web && named != "" {
			host = named
		}
	}
	if len(link) > maxLink {
		link = ""
	}
	return link, host
}

// hostOf returns the host, without port, that a tidy address leads to; empty for
// a relative one. web is false for what leads to no page, or nobody knows where.
func hostOf(address string) (host string, web bool) {
	address = slashes.Replace(address)
	if scheme, rest, found := strings.Cut(address, ":"); found && !strings.ContainsAny(scheme, "/?#") {
		if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" || !strings.HasPrefix(rest, "//") {
			return "", false
		}
		address = rest
	}
	rest, absolute := strings.CutPrefix(address, "//")
	if !absolute {
		return "", true
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	host = strings.ToLower(rest[strings.LastIndexByte(rest, '@')+1:])
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") == "" {
		host = host[:i]
	}
	if host == "" || len(host) > 253 || strings.Trim(host, "[0123456789abcdef:.]") != "" && strings.ContainsFunc(host, notOfName) {
		return "", false
	}
	return host, true
}

// notOfName finds what no host name has, be it in ASCII or not.
func notOfName(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(".-_", r)
}
