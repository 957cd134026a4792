package banner

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"regexp"
	"strings"
)

// asset is a file under the module's own path whose name changes with its bytes.
type asset struct{ name, mediaType, body string }

func newAsset(stem, extension, mediaType, body string) asset {
	sum := sha256.Sum256([]byte(body))
	return asset{stem + "." + hex.EncodeToString(sum[:6]) + "." + extension, mediaType, body}
}

// bannerScript is what the banner does with script. It is loaded once.
var bannerScript = newAsset("banner", "js", "text/javascript; charset=utf-8", readScript("banner.js"))

// assets are all there are, by name.
var assets = map[string]asset{bannerScript.name: bannerScript}

// serve answers with an asset, which browsers and caches may keep for good.
func (a asset) serve(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Del("X-Robots-Tag")
	return send(w, r, http.StatusOK, a.mediaType, []byte(a.body))
}

// integrity is the value of the attribute that pins an asset's bytes.
func (a asset) integrity() string { return strings.Trim(hashSource(a.body), "'") }

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssSpace   = regexp.MustCompile(`\s*([{};,]|: )\s*`)
)

// sheet returns the text of a style sheet of ours, without comments and needless
// space.
func sheet(name string) string {
	css, err := templateFiles.ReadFile("templates/" + name)
	if err != nil {
		panic(err) // embedded
	}
	text := cssComment.ReplaceAllString(string(css), "")
	return strings.TrimSpace(cssSpace.ReplaceAllStringFunc(text, strings.TrimSpace))
}

// styles are the texts of the style elements of one site. They are the same on
// every page of it, since a Content-Security-Policy may admit them by hash.
type styles struct {
	banner, manage, standIn string // in the site's pages
	page, form              string // in our own; the preferences take form along
}

func (c *Config) styles() styles {
	theme := c.theme()
	return styles{
		banner: sheet("banner.css"), manage: theme + sheet("manage.css") + c.hiding(), standIn: theme + sheet("standin.css"),
		page: theme + sheet("page.css"), form: sheet("form.css"),
	}
}

// theme sets the custom properties that our style sheets read. Those of a name with
// dark- before it are for visitors who prefer dark colours.
func (c *Config) theme() string {
	light, dark := "", ""
	for _, p := range c.Theme {
		if name, isDark := strings.CutPrefix(p[0], "dark-"); isDark {
			dark += "--cookie-consent-" + name + ":" + p[1] + ";"
		} else {
			light += "--cookie-consent-" + name + ":" + p[1] + ";"
		}
	}
	if light != "" {
		light = ":root{" + light + "}"
	}
	if dark != "" {
		dark = "@media (prefers-color-scheme:dark){:root{" + dark + "}}"
	}
	return light + dark
}

// hiding takes the site's own banner out of sight, and its hold on the page's
// scrolling with it.
func (c *Config) hiding() string {
	if c.Hide == "" {
		return ""
	}
	return ":is(" + c.Hide + "){display:none!important}" +
		":is(html,body):has(:is(" + c.Hide + ")),html:has(:is(" + c.Hide + ")) body{overflow:visible!important;position:static!important}"
}

// styleElement returns an element with text, and room for a nonce.
func styleElement(text string) template.HTML {
	return template.HTML("<style" + nonceSlot + ">" + text + "</style>")
}

// sheetElement links to the site's own style sheet, with room for a nonce.
func (c *Config) sheetElement() template.HTML {
	if c.Stylesheet == "" {
		return ""
	}
	return template.HTML(`<link rel="stylesheet" href="` + template.HTMLEscapeString(c.Stylesheet) + `"` + nonceSlot + ` data-cookie-consent-inserted=""/>`)
}

// hash sums parts up in a short text.
func hash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part + "\x00"))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:9])
}
