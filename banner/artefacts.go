package banner

import (
	"encoding/json"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Artefact is one thing that visitors are shown, or that decides what they see.
type Artefact struct {
	Name, Type string // such as banner.fr.html, and its media type
	Content    []byte
}

// Artefacts lists all that visitors of a site are shown, as proof of it: the
// banner, as it asks somebody who comes for the first time, and the charter in each
// language, scripts and styles, and the declaration. The same configuration always
// gives the same bytes.
func Artefacts(c Config) ([]Artefact, error) {
	b, err := New(c)
	if err != nil {
		return nil, err
	}
	c.Since = nil // a day, which is not known yet
	pages := NewPages(c, nil)
	all := []Artefact{
		{"banner.js", "text/javascript", []byte(bannerScript.body)},
		{"banner.css", "text/css", []byte(b.styles.banner)},
		{"manage.css", "text/css", []byte(b.styles.manage)},
		{"stand-in.css", "text/css", []byte(b.styles.standIn)},
	}
	for _, lang := range c.Languages {
		shown := b.asking[lang]
		if !b.asks(policy.Unanswered) {
			shown = b.answered[lang]
		}
		all = append(all, Artefact{"banner." + lang + ".html", "text/html; charset=utf-8", shown.fill(nil, map[string]string{returnSlot: "/", siteSlot: escape(c.Site)})})
		charter, err := pages.renderCharter(&enforcer.Visit{Standing: policy.Standing{State: policy.Unanswered}}, lang, "/")
		if err != nil {
			return nil, err
		}
		all = append(all, Artefact{"charter." + lang + ".html", "text/html; charset=utf-8", charter})
	}
	declared, err := json.MarshalIndent(pages.describePolicy(), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(all, Artefact{"policy.json", "application/json", declared}), nil
}
