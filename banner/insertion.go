package banner

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// Config is what the visitor sees of a site.
type Config struct {
	Policy     *policy.Policy
	Path       string                 // of the module's own pages
	Languages  []string               // offered, the first is the default
	Site       string                 // shown name; empty: the host
	Show       string                 // auto, always or never
	Position   string                 // top, bottom, bottom-left or center
	ManageLink string                 // bottom-left, bottom-right or none
	Hide       string                 // CSS selector of the site's own banner; empty: none
	Stylesheet string                 // path of a style sheet of the site; empty: none
	Template   string                 // of the banner, instead of ours (html/template); empty: ours
	Theme      [][2]string            // custom properties of our style sheets: names without --cookie-consent-, values
	ShortTable bool                   // the charter's tables have four columns
	Signals    []string               // vendors whose scripts are told the choice
	GPC        bool                   // Global Privacy Control is honoured
	Preset     string                 // name of the rules that are followed; empty: not told
	Cross      bool                   // the banner has a cross that refuses everything (Garante, 10 June 2021)
	Texts      map[string]policy.Text // that replace ours, by key
	// Since returns when a revision of the policy was first in force, in seconds of
	// Unix time; 0 when nobody knows. It may be nil.
	Since func(revision string) int64
	// Proof keeps proof of consent; nil where none is kept.
	Proof Proof
	// Counted is told of every answer; it may be nil.
	Counted func(Answered)
	// Shown is told of every page that asks, and of those that do not since the
	// visitor's browser objects, with the language of both; it may be nil.
	Shown func(v *enforcer.Visit, lang string)
	// Observe: pages get nothing but the script that reports to Report.
	Observe bool
	// Report is told what browsers report that they blocked, or saw. What it is given
	// is valid during the call only. It may be nil.
	Report func(site string, r *Report)
}

// Banner renders what is inserted into the site's pages. Everything but what
// differs from request to request is rendered once.
type Banner struct {
	config    Config
	languages languages
	asking    map[string]markup // by language: banner, manage link, confirmation
	answered  map[string]markup // without the banner
	standIns  map[string]standIns
	head      []*headScript
	styles    styles
}

// view is what the templates see.
type view struct {
	voice
	Config
	Style      template.HTML
	Sheet      template.HTML // link to the site's own style sheet
	Script     template.HTML
	Asked      []*policy.Purpose
	Partners   int
	Exempt     bool // there is exempt measurement
	Controller string
	Return     string // where the visitor comes from
	Query      string // the same, for an address
	Pages      string // address of the module's own pages
	Changed    string // what is to be decided anew
	Answers    []answer
}

// answer is one of the two buttons that end the question.
type answer struct{ Value, Action, Label string }

// New renders the insertions of a site in every language it offers. It fails when
// the banner's template does.
func New(c Config) (*Banner, error) {
	b := &Banner{
		config: c, languages: newLanguages(c.Languages), styles: c.styles(), head: headScripts(&c),
		asking: map[string]markup{}, answered: map[string]markup{}, standIns: map[string]standIns{},
	}
	banner := templates.Lookup("banner.html")
	if c.Template != "" {
		var err error
		if banner, err = template.New("banner").Parse(c.Template); err != nil {
			return nil, err
		}
	}
	for _, lang := range c.Languages {
		v := c.view(lang)
		v.Pages = originSlot + c.Path
		var err error
		if b.standIns[lang], err = newStandIns(v, b.styles.standIn); err != nil {
			return nil, err
		}
		v.Sheet, v.Script = c.sheetElement(), scriptElement(v)
		v.Style = styleElement(b.styles.manage)
		manage, err := render(templates.Lookup("manage.html"), v)
		if err != nil {
			return nil, err
		}
		v.Sheet = ""
		v.Style = styleElement(b.styles.banner)
		asking, err := render(banner, v)
		if err != nil {
			return nil, err
		}
		if err := checkBanner(asking); err != nil {
			return nil, err
		}
		b.answered[lang] = cut(manage)
		b.asking[lang] = cut(asking + manage)
	}
	return b, nil
}

// checkBanner reports what a banner lacks, which every one must have: a form with
// both answers.
func checkBanner(rendered string) error {
	for _, part := range []string{`id="cookie-consent"`, "data-cookie-consent-inserted", `/choice"`, `value="accept_all"`, `value="refuse_all"`, `value="` + returnSlot + `"`} {
		if !strings.Contains(rendered, part) {
			return fmt.Errorf("the banner's template makes no %s (R-1.4); banner/templates/banner.html has all that it must", part)
		}
	}
	return nil
}

// scriptElement loads the banner's script. It has room for what it is told.
func scriptElement(v view) template.HTML {
	return template.HTML(`<script async="" src="` + v.Pages + "/" + bannerScript.name + `" integrity="` + bannerScript.integrity() +
		`" data-lang="` + v.Lang + `" data-cookie-consent-inserted=""` + toldSlot + `></script>`)
}

// Placeholders for what differs from request to request. They pass through
// html/template unchanged.
const (
	siteSlot   = "cookieconsentsiteslot"
	returnSlot = "cookieconsentreturnslot"
	querySlot  = "cookieconsentqueryslot"
	originSlot = "/cookieconsentoriginslot"
	nonceSlot  = "cookieconsentnonceslot"
	toldSlot   = "cookieconsenttoldslot"
	hostSlot   = "cookieconsenthostslot"
	linkSlot   = "cookieconsentlinkslot"
	sourceSlot = "cookieconsentsourceslot"
	changeSlot = "cookieconsentchangeslot"
)

func (c *Config) voice(lang string) voice { return voice{lang, c.Languages[0], c.Texts, texts[lang]} }

func (c *Config) view(lang string) view {
	v := view{voice: c.voice(lang), Config: *c, Controller: c.Policy.Controller, Return: returnSlot, Query: querySlot, Changed: changeSlot}
	if v.Site == "" {
		v.Site = siteSlot
	}
	providers := map[string]bool{}
	for _, purpose := range c.Policy.Active {
		if purpose.Exempt {
			v.Exempt = true
			continue
		}
		v.Asked = append(v.Asked, purpose)
		for _, i := range purpose.Order {
			providers[providerOf(&c.Policy.Services[i])] = true
		}
	}
	v.Partners = len(providers)
	v.Answers = v.answers()
	v.Pages = c.Path
	return v
}

// answers are the two answers to everything. They come as one list and are rendered
// by one loop: same element, class, size and weight.
// The refusal stands first: two presses of Tab lead to it where one leads to the
// list of providers.
func (v voice) answers() []answer {
	return []answer{
		{"refuse_all", "refuse-all", v.T("refuse_all")},
		{"accept_all", "accept-all", v.T("accept_all")},
	}
}

func providerOf(s *policy.Service) string {
	if s.Provider != "" {
		return s.Provider
	}
	return s.ID
}

func render(t *template.Template, v any) (string, error) {
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// Elements returns what admits the inserted elements in a Content-Security-Policy.
func (b *Banner) Elements() enforcer.Elements {
	if b.config.Observe {
		return enforcer.Elements{Scripts: []string{hashSource(b.head[0].text)}, Connect: b.config.Path + "/report"}
	}
	e := enforcer.Elements{
		Styles: []string{hashSource(b.styles.banner), hashSource(b.styles.manage), hashSource(b.styles.standIn)}, Framed: []string{hashSource(b.styles.standIn)},
		Scripts: []string{hashSource(bannerScript.body)},
		Form:    b.config.Path + "/choice", Script: b.config.Path + "/" + bannerScript.name, Connect: b.config.Path + "/",
	}
	for _, script := range b.head {
		e.Scripts = append(e.Scripts, hashSource(script.text))
	}
	return e
}

// nonceAttribute returns the attribute that a style element needs on this page.
func nonceAttribute(v *enforcer.Visit) string {
	if v.StyleNonce == "" {
		return ""
	}
	return ` nonce="` + escape(v.StyleNonce) + `"`
}

// Insert appends to dst what belongs at the beginning of the body of a page. It
// is ASCII, so that it reads the same in every charset that extends it.
func (b *Banner) Insert(dst []byte, v *enforcer.Visit, page rewriter.Page) []byte {
	chosen := b.languages.choose(page.Lang, v.Language)
	site := b.config.Site
	if site == "" {
		site = v.Host
	}
	markup, asks := b.answered[chosen], b.asks(v.Standing.State)
	if asks {
		markup = b.asking[chosen]
	}
	if b.config.Shown != nil && (asks || v.Standing.State == policy.GPC) {
		b.config.Shown(v, chosen)
	}
	return markup.fill(dst, map[string]string{
		originSlot: origin(v, page.Base),
		siteSlot:   escape(site),
		returnSlot: escape(v.URI),
		querySlot:  url.QueryEscape(v.URI),
		nonceSlot:  nonceAttribute(v),
		toldSlot:   b.told(v),
		changeSlot: b.changed(v, chosen),
	})
}

// changed says what a visitor who had answered is asked again, and why.
func (b *Banner) changed(v *enforcer.Visit, lang string) string {
	if text := b.config.changed(&v.Standing, lang); text != "" {
		return "<p><strong>" + escape(text) + "</strong></p>"
	}
	return ""
}

// changed names the purposes that an earlier choice no longer answers.
func (c *Config) changed(s *policy.Standing, lang string) string {
	if s.State != policy.Outdated {
		return ""
	}
	said := c.voice(lang)
	var names []string
	for i, purpose := range c.Policy.Active {
		if !purpose.Exempt && s.Choice.Answers[i] == policy.Unasked {
			names = append(names, said.Name(purpose.Category))
		}
	}
	return said.T("changed", "purposes", strings.Join(names, ", "))
}

// told returns the attributes that differ from page to page of the banner's script.
func (b *Banner) told(v *enforcer.Visit) string {
	told := attributes([]string{"data-granted", strings.ReplaceAll(v.Granted(), ",", ""), "nonce", v.ScriptNonce})
	if v.Posted() {
		told += ` data-posted=""`
	}
	return told
}

// Version changes whenever what is inserted does, or the declaration.
func (b *Banner) Version() string {
	parts := []string{b.config.Policy.Revision, b.styles.manage, b.styles.standIn}
	for _, script := range b.head {
		parts = append(parts, script.text)
	}
	for _, lang := range b.config.Languages {
		parts = append(parts, b.asking[lang].pieces...)
		parts = append(parts, b.answered[lang].pieces...)
	}
	return hash(parts...)
}

// origin returns what our links and forms need before their path where a page's
// <base href> leads elsewhere: the site's own origin. Elsewhere a path is better,
// since a proxy in front may have changed the Host header.
func origin(v *enforcer.Visit, base string) string {
	if !foreign(base) || v.Address == "" || strings.Trim(v.Address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != "" {
		return ""
	}
	if v.HTTPS {
		return "https://" + v.Address
	}
	return "//" + v.Address
}

// foreign reports whether an address may lead to another origin, as browsers
// read it: without tabs and line breaks, with "\\" for "/".
func foreign(address string) bool {
	address = slashes.Replace(tidy(address))
	return strings.Contains(address, ":") || strings.HasPrefix(address, "//")
}

var (
	breaks  = strings.NewReplacer("\t", "", "\r", "", "\n", "")
	slashes = strings.NewReplacer("\\", "/")
)

// tidy takes out of an address what browsers ignore.
func tidy(address string) string {
	return strings.TrimFunc(breaks.Replace(address), func(r rune) bool { return r <= ' ' })
}

// asks reports whether a visitor in this state sees the banner.
func (b *Banner) asks(state policy.State) bool {
	switch {
	case state != policy.Unanswered && state != policy.Outdated:
		return false
	case b.config.Show == "auto":
		return b.config.Policy.Asks()
	}
	return b.config.Show == "always"
}
