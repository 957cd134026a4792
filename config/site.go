// Package config is the declaration of a site as it stands in Caddy's JSON. It
// checks it and turns it into a policy.
//
// Each mistake is found here once, whoever wrote the JSON: the Caddyfile adapter
// runs the same check and adds file and line to the JSON path of a Problem.
// Nothing here touches the network or the disk.
package config

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
)

// Text is one text by language tag, as in {"fr": "Mesure d'audience"}. A
// language that is left out falls back to the site's first one.
type Text map[string]string

// Site declares what may be used on a site, for what, and how the visitor is
// asked. The zero value of each field means its default.
type Site struct {
	// Mode is "enforce" (default), or "observe", which decides everything and
	// changes nothing.
	Mode string `json:"mode,omitempty"`

	// Preset names the jurisdiction whose defaults apply: fr (default), eu, de,
	// it, es or uk.
	Preset string `json:"preset,omitempty"`

	// Path is where the module's own pages live. Default: /cookie-consent.
	Path string `json:"path,omitempty"`

	// Charter lists files that hold the charter's table as CSV, TSV or Markdown.
	Charter []string `json:"charter,omitempty"`

	// Catalogue lists files with further known cookies, in the CSV or JSON format of
	// the Open Cookie Database. They are hints, and declare nothing.
	Catalogue []string `json:"catalogue,omitempty"`

	// Languages are offered to visitors; the first is the default. Default: fr, en.
	Languages []string `json:"languages,omitempty"`

	// Name is the name of the site shown to visitors. Default: its host.
	Name string `json:"site,omitempty"`

	// Controller answers for the site (GDPR article 4(7)). It is shown in banner
	// and charter, and a change of it voids every grant; refusals stand.
	Controller string `json:"controller,omitempty"`

	// UndeclaredCookies is "block" (default) or "allow".
	UndeclaredCookies string `json:"undeclared_cookies,omitempty"`

	// UndeclaredHosts says what becomes of third-party origins that no service
	// declares: "block" (default) or "allow".
	UndeclaredHosts string `json:"undeclared_hosts,omitempty"`

	// FirstParty lists further origins that are the site's own.
	FirstParty []string `json:"first_party,omitempty"`

	// GlobalPrivacyControl is "on" (default) or "off": whether a browser's
	// Sec-GPC signal counts as a refusal until the visitor chooses.
	GlobalPrivacyControl string `json:"global_privacy_control,omitempty"`

	// NoTransform says what becomes of HTML that the site sends with the directive
	// no-transform in Cache-Control (RFC 9111 section 5.2.2.6): "ignore" (default)
	// rewrites it all the same, since the operator of the proxy is the site's;
	// "respect" passes its body as it is, and enforces its header.
	NoTransform string `json:"no_transform,omitempty"`

	// PreferenceCookie keeps the visitor's choice.
	PreferenceCookie *PreferenceCookie `json:"preference_cookie,omitempty"`

	// Categories are the purposes consent is asked for. Built in are necessary,
	// preferences, statistics, marketing, media and social; they can be given
	// other texts here, and more can be added.
	Categories []Category `json:"categories,omitempty"`

	// Services are the tools in use on the site, with their cookies and hosts.
	Services []Service `json:"services,omitempty"`

	// Banner says how the visitor is asked.
	Banner *Banner `json:"banner,omitempty"`

	// Signals tells vendors' scripts of the choice: google_consent_mode,
	// microsoft_uet, microsoft_clarity, matomo, meta_pixel.
	Signals []string `json:"signals,omitempty"`

	rows  map[string]place // where in the charter's files something stands, by JSON path
	hints []catalogue.Hint // of the catalogue files
}

// PreferenceCookie is the one cookie the module sets. It is HttpOnly,
// SameSite=Lax, Secure on HTTPS, and signed.
type PreferenceCookie struct {
	// Name of the cookie. Default: cookies_preferences. With the prefix __Host-
	// it is safest, and needs HTTPS.
	Name string `json:"name,omitempty"`

	// Lifetime of a choice, either way. Default: 182d, the six months the CNIL
	// recommends.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// Domain shares the choice with its subdomains. Default: this host only.
	Domain string `json:"domain,omitempty"`
}

// Category is a purpose.
type Category struct {
	// ID is a lower case word of at most 32 characters.
	ID string `json:"id"`

	// Name is the short title of the purpose.
	Name Text `json:"name,omitempty"`

	// Description says in one line what the purpose means to the visitor.
	Description Text `json:"description,omitempty"`

	// Exempt makes this audience measurement without consent. Visitors can
	// object to it.
	Exempt *Exemption `json:"exempt,omitempty"`
}

// Exemption states the conditions under which audience measurement needs no
// consent (article 82, R-1.11). All must be stated.
type Exemption struct {
	// PublisherOnly: the figures serve the publisher of the site alone.
	PublisherOnly bool `json:"publisher_only,omitempty"`
	// NoCrossSite: nobody is followed from one site to another.
	NoCrossSite bool `json:"no_cross_site,omitempty"`
	// IPTruncated: addresses are cut before they are used or stored.
	IPTruncated bool `json:"ip_truncated,omitempty"`
	// DataRetention is how long the collected data is kept, at most 760d.
	DataRetention caddy.Duration `json:"data_retention,omitempty"`
}

// Service is one provider's tool.
type Service struct {
	// ID is a lower case word of at most 32 characters.
	ID string `json:"id"`
	// Provider is the company or body behind the service.
	Provider string `json:"provider,omitempty"`
	// Name of the service.
	Name Text `json:"name,omitempty"`
	// Place says where on the site it is used.
	Place Text `json:"place,omitempty"`
	// Purpose says what it is for, in one line.
	Purpose Text `json:"purpose,omitempty"`
	// Category is the id of the purpose it belongs to.
	Category string `json:"category,omitempty"`
	// Ground is why a necessary service needs no consent: tracker_choice,
	// authentication, security, basket, billing, interface, load_balancing or
	// metering.
	Ground string `json:"ground,omitempty"`
	// Policy is the address of the provider's own privacy policy.
	Policy string `json:"policy,omitempty"`
	// Country is where the data goes, if outside the EEA: an ISO 3166 code.
	Country string `json:"country,omitempty"`
	// Cookies the service uses.
	Cookies []Cookie `json:"cookies,omitempty"`
	// Storage lists the service's keys in localStorage and sessionStorage.
	Storage []StorageKey `json:"storage,omitempty"`
	// Hosts are the service's third-party origins, with optional port and path;
	// *.x also means x. A path alone is a tracker under the site's own name.
	Hosts []string `json:"hosts,omitempty"`
	// Inline lists texts that mark an inline script as the service's.
	Inline []string `json:"inline,omitempty"`

	taken bool               // the ground is the catalogue's
	guess *catalogue.Service // whose category it has, since nobody said another
}

// Cookie declares one cookie, or those a pattern covers.
type Cookie struct {
	// Name is the cookie-name, or a pattern with *.
	Name string `json:"name"`
	// Purpose says what the cookie is for. Default: that of the service.
	Purpose Text `json:"purpose,omitempty"`
	// Lifetime is a duration such as 14d, or "session". A longer one is
	// shortened on the way out; without it nothing is shortened.
	Lifetime string `json:"lifetime,omitempty"`
	// Domain is where the cookie lives, if not on the host itself.
	Domain string `json:"domain,omitempty"`
	// Path of the cookie, used to expire it.
	Path string `json:"path,omitempty"`
	// Secure is added on HTTPS when the site left it out.
	Secure bool `json:"secure,omitempty"`
	// HTTPOnly is added when the site left it out.
	HTTPOnly bool `json:"http_only,omitempty"`
	// SameSite, strict, lax or none, is added when the site left it out.
	SameSite string `json:"same_site,omitempty"`
	// Partitioned is added on HTTPS when the site left it out.
	Partitioned bool `json:"partitioned,omitempty"`
	// SetBy is the host of a third party that sets the cookie on itself. Such a
	// cookie is listed in the charter and admits nothing on this site.
	SetBy string `json:"set_by,omitempty"`
}

// StorageKey names a key of the browser's web storage.
type StorageKey struct {
	// Area is local or session.
	Area string `json:"area"`
	// Key is a name, or a pattern with *.
	Key string `json:"key"`
}

// Banner says how the visitor is asked.
type Banner struct {
	// Show is auto (default: only when something needs consent), always or never.
	Show string `json:"show,omitempty"`
	// Position is top (default: in the flow, before the page), bottom,
	// bottom-left or center.
	Position string `json:"position,omitempty"`
	// ManageLink is bottom-left (default), bottom-right or none.
	ManageLink string `json:"manage_link,omitempty"`
	// CharterTable is full (default: with lifetime, reader and consent), or short:
	// provider, service, name and purpose.
	CharterTable string `json:"charter_table,omitempty"`
	// Hide is a CSS selector of the site's own banner, which is not shown, nor keeps
	// the page from scrolling.
	Hide string `json:"hide,omitempty"`
	// Stylesheet is the path of a style sheet of the site, which comes after ours.
	Stylesheet string `json:"stylesheet,omitempty"`
	// Template is a file that replaces the banner's markup (html/template), such as
	// banner/templates/banner.html.
	Template string `json:"template,omitempty"`
	// Texts replaces texts of the banner, the charter and the stand-ins by key, as
	// in {"accept_all": {"fr": "J'accepte tout"}}. A language that is left out keeps
	// its own text.
	Texts map[string]Text `json:"texts,omitempty"`
	// Theme holds accent, accent-text, background and text, as #rrggbb, each also
	// with dark- before it for visitors who prefer dark colours; radius, a length;
	// and font, a list of families. They set the custom properties
	// --cookie-consent-<name> of our style sheets.
	Theme map[string]string `json:"theme,omitempty"`
}

const day = 24 * time.Hour

// WithDefaults returns a copy of s in which nothing is left out.
func (s *Site) WithDefaults() *Site {
	or := func(value *string, otherwise string) {
		if *value == "" {
			*value = otherwise
		}
	}
	full, cookie, banner := *s, PreferenceCookie{}, Banner{}
	if s.PreferenceCookie != nil {
		cookie = *s.PreferenceCookie
	}
	if s.Banner != nil {
		banner = *s.Banner
	}
	full.PreferenceCookie, full.Banner = &cookie, &banner
	or(&full.Mode, "enforce")
	or(&full.Preset, "fr")
	or(&full.Path, "/cookie-consent")
	or(&full.UndeclaredCookies, "block")
	or(&full.UndeclaredHosts, "block")
	or(&full.NoTransform, "ignore")
	or(&full.GlobalPrivacyControl, "on")
	or(&cookie.Name, "cookies_preferences")
	or(&banner.Show, "auto")
	or(&banner.Position, "top")
	or(&banner.CharterTable, "full")
	or(&banner.ManageLink, "bottom-left")
	if len(full.Languages) == 0 {
		full.Languages = []string{"fr", "en"}
	}
	if cookie.Lifetime == 0 {
		cookie.Lifetime = PresetOf(full.Preset).ChoiceLifetime
	}
	return &full
}
