package banner

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// embedView is what the template of the page behind a stand-in sees.
type embedView struct {
	content
	Standing           string // asked, allowed or objected
	Framed             bool   // shown in the place of what is held back
	Category           policy.Category
	Country, PolicyURL string
	Cookies            []string // names, of those it sets on this site
}

// embed answers with the page behind a stand-in: who gets data, and a form that
// allows this one service.
func (p *Pages) embed(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, query url.Values) error {
	framed := query.Get("frame") != ""
	s := p.service(query.Get("service"))
	if s == nil {
		return p.fail(w, r, v, query.Get("lang"), refusal{status: http.StatusNotFound, text: "content.unknown", framed: framed})
	}
	said := p.config.view(p.language(v, query.Get("lang")))
	said.Style, said.Sheet, said.Return = p.style, p.sheet, localPath(query.Get("return"))
	if path, fragment := wayBack(query.Get("return")); fragment != "" {
		said.Return = path + "#" + fragment
	}
	page := embedView{
		content: said.about(s), Standing: "asked", Framed: framed,
		Category: said.category(s.Category), Country: s.Country, PolicyURL: s.PolicyURL,
	}
	page.Facts = said.facts(s)
	switch {
	case v.Allows(s.ID):
		page.Standing = "allowed"
	case said.exempt(s.Category):
		page.Standing = "objected"
	}
	for i := range s.Cookies {
		if c := &s.Cookies[i]; c.ThirdParty == "" {
			page.Cookies = append(page.Cookies, c.Name)
		}
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "embed.html", page); err != nil {
		return err
	}
	return send(w, r, http.StatusOK, "text/html; charset=utf-8", out.Bytes())
}

// service returns the declared service called id, or nil.
func (p *Pages) service(id string) *policy.Service {
	for i := range p.config.Policy.Services {
		if s := &p.config.Policy.Services[i]; s.ID == id {
			return s
		}
	}
	return nil
}

// ComesBackTo returns the id of the element that a visitor comes back to from
// the page behind its stand-in, as the Referer header of the request tells, or
// "". Whether the referer is of the same host is for the caller to check.
func (p *Pages) ComesBackTo(referer string) string {
	page := p.config.Path + "/embed"
	if !strings.Contains(referer, page+"?") {
		return ""
	}
	u, err := url.Parse(referer)
	if err != nil || u.Path != page {
		return ""
	}
	_, fragment := wayBack(u.Query().Get("return"))
	id, _ := url.PathUnescape(fragment) // checked by wayBack
	return id
}
