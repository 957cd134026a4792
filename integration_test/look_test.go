package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A site's own stylesheet and markup, and its old banner out of sight.
func TestOwnLook(t *testing.T) {
	u := newUpstream(t)
	u.put(sheet{html: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title><style>html, body { overflow: hidden !important }</style></head><body class="modal-open"><div id="old-banner">Old banner</div><p style="height: 300vh">text</p>`})
	u.put(sheet{`.cookie-consent { border-block-end: 7px solid rgb(1, 2, 3); }`, []string{"Content-Type", "text/css"}, false})
	markup, err := os.ReadFile("../banner/templates/banner.html")
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "banner.html")
	if err := os.WriteFile(own, []byte(strings.Replace(string(markup), "<p>", `<p id="own">Our own words for {{.T "charter"}}.</p><p>`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := u.behind(siteHost, scripted+"banner {\nstylesheet /page/1\nhide \"#old-banner\"\ntemplate "+own+"\n}\n")
	startCaddy(t, s)
	b := newTab(t)
	b.visitScripted(s.url("/page/0"))
	for what, truth := range map[string]string{
		"the stylesheet applies":       `getComputedStyle(document.querySelector("#cookie-consent")).borderBlockEndWidth === "7px"`,
		"the markup is the site's":     `document.querySelector("#own").textContent === "Our own words for Cookie charter."`,
		"the old banner is hidden":     `!document.querySelector("#old-banner").checkVisibility()`,
		"the page scrolls":             `(scrollTo(0, 200), scrollY === 200)`,
		"the banner is still a choice": `document.querySelectorAll("#cookie-consent button[value=refuse_all]").length === 1`,
	} {
		if !eval[bool](b, truth) {
			t.Errorf("not so: %s", what)
		}
	}
	b.answer(button("refuse-all"))
	if b.has(banner) {
		t.Error("the banner is still there")
	}
}
