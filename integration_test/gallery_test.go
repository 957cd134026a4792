package integration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// galleryDir is where TestGallery writes a picture of every state, and a page that
// shows them.
var galleryDir = flag.String("gallery", "", "folder for pictures of every state of the banner and its pages")

// shown is one state of one component, as a visitor sees it.
type shown struct {
	name  string
	site  string // one of gallerySites
	reach func(b tab, s site, lang string)
}

// gallerySites are the sites of the gallery, by what their banner blocks say.
var gallerySites = map[string]string{
	"top":         "",
	"bottom":      "position bottom\n",
	"bottom-left": "position bottom-left\nmanage_link bottom-right\n",
	"center":      "position center\n",
	"short":       "charter_table short\n",
}

// galleryTheme is the theme in which every state is shown once more.
const galleryTheme = "theme {\naccent \"#00536f\"\nbackground \"#ffffff\"\ntext \"#1d1d1b\"\ndark-accent \"#7fc7e8\"\ndark-background \"#14202a\"\ndark-text \"#f2f2f2\"\nradius 0.75rem\nfont \"Georgia, serif\"\n}\n"

func landing(b tab, s site, lang string) {
	b.visitScripted(s.url(fmt.Sprintf("/page/%d", slices.Index(galleryLanguages, lang))))
}

func openDialog(b tab, s site, lang string) {
	landing(b, s, lang)
	b.openPreferences(button("customize"))
}

// gallery is every state of every component.
var gallery = []shown{
	{"banner-top", "top", landing},
	{"banner-bottom", "bottom", landing},
	{"banner-bottom-left", "bottom-left", landing},
	{"banner-center", "center", landing},
	{"preferences", "top", openDialog},
	{"preferences-unfolded", "top", func(b tab, s site, lang string) {
		openDialog(b, s, lang)
		eval[bool](b, "(document.querySelectorAll('dialog details').forEach(d => d.open = true), document.querySelector('dialog [name=grant]').click(), true)")
	}},
	{"confirmation", "top", func(b tab, s site, lang string) {
		landing(b, s, lang)
		b.answer(button("refuse-all"))
	}},
	{"answered", "top", func(b tab, s site, lang string) {
		landing(b, s, lang)
		b.answer(button("refuse-all"))
		landing(b, s, lang)
	}},
	{"granted", "bottom-left", func(b tab, s site, lang string) {
		landing(b, s, lang)
		b.answer(button("accept-all"))
	}},
	{"charter", "top", func(b tab, s site, lang string) { b.visit(s.url("/cookie-consent/?lang=" + lang)) }},
	{"charter-short", "short", func(b tab, s site, lang string) { b.visit(s.url("/cookie-consent/?lang=" + lang)) }},
	{"charter-answered", "top", func(b tab, s site, lang string) {
		landing(b, s, lang)
		b.answer(button("accept-all"))
		b.visit(s.url("/cookie-consent/?lang=" + lang))
	}},
	{"charter-gpc", "top", func(b tab, s site, lang string) {
		b.sending("Sec-GPC", "1")
		b.visit(s.url("/cookie-consent/?lang=" + lang))
	}},
	{"gpc", "top", func(b tab, s site, lang string) {
		b.sending("Sec-GPC", "1")
		landing(b, s, lang)
	}},
	{"stand-in", "top", func(b tab, s site, lang string) {
		landing(b, s, lang)
		b.answer(button("refuse-all"))
		landing(b, s, lang)
		eval[bool](b, "(document.querySelector('iframe').scrollIntoView(), true)")
	}},
	{"embed", "top", func(b tab, s site, lang string) {
		b.visit(s.url("/cookie-consent/embed?service=video&return=/page/0&lang=" + lang))
	}},
	{"error", "top", func(b tab, s site, lang string) { b.visit(s.url("/cookie-consent/nowhere?lang=" + lang)) }},
}

// spoken is the text that the page of the gallery has in each of its languages.
var spoken = map[string][2]string{
	"fr": {"Budget du département", "Chaque année, le département publie l'ensemble de ses dépenses et de ses recettes."},
	"en": {"The county's budget", "Every year, the county publishes all that it spends and all that it receives."},
	"ar": {"ميزانية المقاطعة", "تنشر المقاطعة كل عام جميع نفقاتها وإيراداتها."},
}

// galleryPage is a site as there are many: a head, a text, a form and a video.
func galleryPage(lang string) string {
	return fmt.Sprintf(`<!doctype html><html lang="%[1]s" dir="%[4]s"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>%[2]s</title>
<style>:root { color-scheme: light dark; } body { margin: 0; font: 1.0625rem/1.6 system-ui, sans-serif; } header, main { max-width: 60rem; margin-inline: auto; padding: 1rem; } header { border-block-end: 1px solid GrayText; } a { color: inherit; } iframe, object { border: 0; max-width: 100%%; }</style></head>
<body><header><a href="/page/0">OpenData</a></header><main><h1>%[2]s</h1>%[3]s
<p><iframe src="https://video.example/embed/1" width="560" height="315" title="Video"></iframe></p><p><object data="https://maps.example/1" width="560" height="200" title="Map" aria-label="Map"></object></p><p><a id="end" href="/page/0">OpenData</a></p></main></body></html>`,
		lang, spoken[lang][0], strings.Repeat("<p>"+strings.Repeat(spoken[lang][1]+" ", 4)+"</p>", 3), map[bool]string{true: "rtl", false: "ltr"}[lang == "ar"])
}

// galleryLanguages are those whose texts are looked at.
var galleryLanguages = []string{"fr", "en", "ar"}

const galleryServices = `language fr en ar
site "OpenData"
controller "Département de Démonstration"
category statistics {
exempt {
publisher_only
no_cross_site
ip_truncated
data_retention 760d
}
}
service login {
provider OpenData
name fr "Authentification"
name en "Login"
category necessary authentication
cookie sessionid {
lifetime 14d
}
}
service matomo {
provider OpenData
name fr "Matomo"
category statistics
cookie _pk_id.* {
lifetime 395d
}
}
service maps {
provider "Example Maps"
name fr "Cartes"
name en "Maps"
category media
host maps.example
policy https://maps.example/privacy
}
service video {
provider "Example Video"
name fr "Vidéos"
name en "Videos"
category media
host video.example
country US
policy https://video.example/privacy
cookie vid_* {
lifetime 90d
set_by third video.example
}
}
service ads {
provider "Example Ads"
category marketing
cookie ads_id {
lifetime 30d
}
}
`

// startGallery runs the sites of the gallery.
func startGallery(t *testing.T) map[string]site {
	t.Helper()
	u := newUpstream(t)
	for _, lang := range galleryLanguages {
		u.put(sheet{html: galleryPage(lang)})
	}
	sites, list := map[string]site{}, []site(nil)
	for name, words := range gallerySites {
		for dress, theme := range map[string]string{"": "", "-theme": galleryTheme} {
			s := u.behind(name+dress+".localhost", galleryServices+"banner {\n"+words+theme+"}\n")
			sites[name+dress] = s
			list = append(list, s)
		}
	}
	startCaddy(t, list...)
	return sites
}

// looks are the ways in which a state is looked at.
var looks = []struct {
	name          string
	dress         string // "-theme" for the site's own colours
	width, height int64
	features      []*emulation.MediaFeature
}{
	{"desktop", "", 1280, 900, nil},
	{"desktop-dark", "", 1280, 900, []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}},
	{"forced", "", 1280, 900, []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}},
	{"phone", "", 360, 740, nil},
	{"zoom", "", 320, 256, nil}, // 1280 by 1024 at 400 %
	{"theme", "-theme", 1280, 900, nil},
	{"theme-dark", "-theme", 1280, 900, []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}},
}

// inGallery runs a test for every state in every language and look.
func inGallery(t *testing.T, test func(t *testing.T, b tab, name string)) {
	sites := startGallery(t)
	for _, state := range gallery {
		for _, lang := range galleryLanguages {
			for _, look := range looks {
				name := state.name + "-" + lang + "-" + look.name
				t.Run(name, func(t *testing.T) {
					b := newTab(t)
					call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: look.features})
					b.do(chromedp.EmulateViewport(look.width, look.height))
					state.reach(b, sites[state.site+look.dress], lang)
					test(t, b, name)
				})
			}
		}
	}
}

func TestGallery(t *testing.T) {
	var axe string
	if *galleryDir == "" {
		axe = npmFile(t, "axe-core", "4.14.1", "axe.min.js")
	}
	var pictures []string
	inGallery(t, func(t *testing.T, b tab, name string) {
		if *galleryDir != "" {
			picture, err := try(b, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*galleryDir, name+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
			pictures = append(pictures, name)
			return
		}
		if overflow := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); overflow > 0 {
			t.Errorf("the page is %d px wider than the window", overflow)
		}
		for _, small := range b.small() {
			t.Errorf("too small to be hit: %s", small)
		}
		for _, plate := range b.plates() {
			t.Errorf("forced colours put a plate behind the text of %s", plate)
		}
		if !eval[bool](b, `[...document.querySelectorAll("#cookie-consent h2")].every(h => parseFloat(getComputedStyle(h).fontSize) > parseFloat(getComputedStyle(document.querySelector("#cookie-consent p")).fontSize))`) {
			t.Error("the title of the banner looks like its text")
		}
		for _, violation := range b.axe(axe) {
			t.Error(violation)
		}
	})
	if *galleryDir != "" {
		page := `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Every state of the banner and its pages</title>
<style>:root { color-scheme: light dark; } body { margin: 1rem; font: 1rem/1.5 system-ui, sans-serif; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1rem; align-items: start; } figure { margin: 0; } img { max-width: 100%; border: 1px solid GrayText; }</style>
`
		for _, name := range pictures {
			page += fmt.Sprintf("<figure><a href=\"%[1]s.png\"><img src=\"%[1]s.png\" alt=\"\" loading=\"lazy\"></a><figcaption>%[1]s</figcaption></figure>\n", name)
		}
		if err := os.WriteFile(filepath.Join(*galleryDir, "index.html"), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// plates lists the filled controls whose text forced colours would make unreadable:
// behind a text stands a plate in the colour of the page, whatever the control is
// filled with.
func (b tab) plates() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll(":is(.cookie-consent-answer, .cookie-consent-allow, .answer)")]
		.filter(e => matchMedia("(forced-colors: active)").matches && e.checkVisibility() && getComputedStyle(e).forcedColorAdjust !== "none")
		.map(e => e.outerHTML.slice(0, 120))`)
}

// axe lists what axe-core finds against WCAG 2.2 AA in what is ours.
func (b tab) axe(script string) []string {
	b.t.Helper()
	if !eval[bool](b, script+"; true") {
		b.t.Fatal("axe-core does not load")
	}
	text := eval[string](b, `axe.run({exclude: [["iframe"]]}, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]})
		.then(r => JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + " " + n.html.slice(0, 200)))))`)
	var found []string
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		b.t.Fatal(err)
	}
	return found
}
