package cookieconsent

import (
	"fmt"
	"os"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// serving is all that answers for one state of a site's declaration. A charter
// file that changes makes a new one; a request keeps the one it began with.
type serving struct {
	*enforcer.Enforcer
	pages *banner.Pages
	proof *proof // nil where none is kept
}

// declared returns what the site declares, its charter files and the catalogue's
// facts included, checked.
func (h *Handler) declared() (*config.Site, error) {
	site, err := h.Site.WithDefaults().Expand(os.ReadFile)
	if err != nil {
		return nil, err
	}
	return site, site.Check(banner.Texts())
}

// compile makes of a checked declaration, whose defaults are set, all that
// serving needs.
func (h *Handler) compile(site *config.Site) (*serving, error) {
	declared, err := policy.New(site.Declaration())
	if err != nil {
		return nil, err
	}
	if err := enforcer.CheckPolicyLength(declared, site.FirstParty); err != nil && !declared.AllowUndeclaredHosts {
		return nil, fmt.Errorf("services: %w", err)
	}
	preset := config.PresetOf(site.Preset)
	seen := banner.Config{
		Policy: declared, Preset: preset.Name, Cross: preset.Cross, Path: site.Path, Languages: site.Languages, Site: site.Name,
		Show: site.Banner.Show, Position: site.Banner.Position, ManageLink: site.Banner.ManageLink, GPC: site.GlobalPrivacyControl == "on",
		Hide: site.Banner.Hide, Stylesheet: site.Banner.Stylesheet, Theme: site.Theme(), ShortTable: site.Banner.CharterTable == "short",
		Signals: site.Signals, Texts: site.Texts(), Since: h.app.since, Observe: site.Mode == "observe",
		Report: h.reported, Counted: h.app.counted, Shown: h.app.shown,
	}
	if site.Banner.Template != "" {
		text, err := os.ReadFile(site.Banner.Template)
		if err != nil {
			return nil, err
		}
		seen.Template = string(text)
	}
	s := &serving{}
	if h.app.books != nil && !seen.Observe {
		s.proof = h.newProof(&seen, preset)
	}
	shown, err := banner.New(seen)
	if err != nil {
		return nil, err
	}
	s.pages = banner.NewPages(seen, time.Now)
	s.Enforcer = &enforcer.Enforcer{
		Policy: declared, GlobalPrivacyControl: seen.GPC, Keys: h.app.keys, Now: time.Now,
		Insertion: shown.Insert, Head: shown.Head, StandIn: shown.StandIn, ComesBackTo: s.pages.ComesBackTo,
		Elements: shown.Elements(),
		Report:   site.Path + "/report", Version: shown.Version(),
		RespectNoTransform: site.NoTransform == "respect", Untouched: countUntouched,
		Observe: seen.Observe, Saw: h.app.saw, Blocked: h.app.blocked,
	}
	return s, nil
}
