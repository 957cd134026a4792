package integration_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// boxes are frames in the ways their size can be given. {} is the address.
var boxes = []struct{ name, style, html string }{
	{"iframe with attributes", "", `<iframe id=it src="{}" width=320 height=180></iframe>`},
	{"iframe without a size", "", `<iframe id=it src="{}"></iframe>`},
	{"iframe sized by CSS", "#it{width:50%;aspect-ratio:16/9;border:0}", `<iframe id=it src="{}"></iframe>`},
	{"iframe that fills a positioned box", ".box{position:relative;padding-top:56.25%;width:400px}.box>iframe{position:absolute;inset:0;width:100%;height:100%}", `<div class=box><iframe id=it src="{}" allowfullscreen loading=lazy></iframe></div>`},
	{"iframe with a style attribute", "", `<iframe id=it src="{}" style="width:22em;height:11em;border:3px solid"></iframe>`},
	{"iframe in a flex box", ".box{display:flex}.box>*{flex:1}", `<div class=box><p>text</p><iframe id=it src="{}" height=200></iframe></div>`},
	{"tiny iframe", "", `<iframe id=it src="{}" width=60 height=20></iframe>`},
	{"hidden iframe", "", `<iframe id=it src="{}" width=0 height=0 style="display:none"></iframe>`},
	{"sandboxed iframe", "", `<iframe id=it sandbox src="{}" width=320 height=180></iframe>`},
	{"object", "", `<object id=it data="{}" type="text/html" width=320 height=180></object>`},
	{"embed", "", `<embed id=it src="{}" type="text/html" width=320 height=180>`},
}

// TestStandInKeepsTheBox compares the box of a frame that is held back with that
// of the same one without the proxy.
func TestStandInKeepsTheBox(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	third := newOutsider(t, thirdHost)
	bare, b := newTab(t), newTab(t)
	for _, c := range boxes {
		t.Run(c.name, func(t *testing.T) {
			path := u.put(sheet{html: framing(c.style, strings.ReplaceAll(c.html, "{}", third.origin()+"/a.html"))})
			const box = `(({x, width, height}) => [x, width, height].join())(document.querySelector("#it").getBoundingClientRect())`
			bare.of(t).visit(u.bare().url(path))
			b.of(t).visit(s.url(path))
			if got, want := eval[string](b.of(t), box), eval[string](bare.of(t), box); got != want {
				t.Errorf("left, width and height are %s, want %s as without the proxy", got, want)
			}
			const wide = `document.documentElement.scrollWidth > innerWidth`
			if b.of(t).holds(wide) && !bare.of(t).holds(wide) {
				t.Errorf("the page has become wider than the window")
			}
		})
	}
}

// framing is a page of the site with a style sheet, and html in its body.
func framing(style, html string) string {
	return "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>t</title>\n<style>" + style +
		"</style>\n</head>\n<body>\n<p>of the site</p>\n" + html + "\n<p id=last>the last</p>\n</body>\n</html>\n"
}

// contents are frames that a visitor allows from their stand-in. {} is the
// address.
var contents = []struct {
	name, html string
	selector   string // of the element
	back       string // the fragment on the way back
	framed     bool   // the page behind is in the stand-in's place
}{
	{"iframe", `<iframe src="{}" width=500 height=300></iframe>`, "iframe", "cookie-consent-content-1", false},
	{"iframe with an id", `<iframe id="film" src="{}" width=500 height=300></iframe>`, "iframe", "film", false},
	{"the second of two", `<iframe srcdoc="<p>own"></iframe><iframe id=first src="{}" width=500 height=200></iframe><iframe class=it src="{}" width=500 height=300></iframe>`, ".it", "cookie-consent-content-2", false},
	{"sandboxed iframe", `<iframe sandbox src="{}" width=500 height=300></iframe>`, "iframe", "cookie-consent-content-1", false},
	{"iframe that sends no referrer", `<iframe referrerpolicy=no-referrer src="{}" width=500 height=300></iframe>`, "iframe", "cookie-consent-content-1", false},
	{"object", `<object data="{}" type="text/html" width=500 height=400></object>`, "object", "cookie-consent-content-1", true},
	{"embed", `<embed src="{}" type="text/html" width=500 height=400>`, "embed", "cookie-consent-content-1", true},
}

// TestStandInLeadsToTheContent allows one service by two clicks, with and without
// scripts, and comes back to where the content now is.
func TestStandInLeadsToTheContent(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	for _, c := range contents {
		t.Run(c.name, func(t *testing.T) {
			withAndWithoutScript(t, func(t *testing.T, b tab) {
				third := newOutsider(t, thirdHost)
				path := u.put(sheet{html: framing("", "<p style='height:150vh'>far down</p>\n"+strings.ReplaceAll(c.html, "{}", third.origin()+"/a.html"))})
				b.visit(s.url(path))
				third.checkUntouched(t)
				if c.framed {
					b.clickInside(c.selector, "button[value=allow]")
				} else {
					b.clickInside(c.selector, ".cookie-consent-allow")
					if at := b.location(); !strings.HasPrefix(at, s.url("/cookie-consent/embed?service=video&return="+url.QueryEscape(path+"#"+c.back))) {
						t.Fatalf("the stand-in leads to %s", at)
					}
					third.checkUntouched(t)
					b.click("button[value=allow]")
				}
				if at := b.location(); at != s.url(path)+"#"+c.back {
					t.Errorf("the choice leads to %s, want %s", at, s.url(path)+"#"+c.back)
				}
				b.until("the content is loaded", func() bool { return third.got("/a.html") })
				if !b.holds(fmt.Sprintf(`document.querySelector(":target") === document.querySelector(%q)`, c.selector)) {
					t.Errorf("the content is not the target of %s", b.location())
				}
				if !b.holds(fmt.Sprintf(`(r => r.top < innerHeight && r.bottom > 0)(document.querySelector(%q).getBoundingClientRect())`, c.selector)) {
					t.Errorf("the content is out of sight")
				}
				if got := b.jarNames(); got != "cookies_preferences" {
					t.Errorf("the jar holds %q", got)
				}
			})
		})
	}
}

// TestFrameOfAFramesetLeadsToTheContent allows a service from a page whose frames
// are all there is of it.
func TestFrameOfAFramesetLeadsToTheContent(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	withAndWithoutScript(t, func(t *testing.T, b tab) {
		third := newOutsider(t, thirdHost)
		path := u.put(sheet{html: `<!doctype html><html lang=en><head><title>t</title></head><frameset rows="50%,50%"><frame src="/own.html"><frame id=it src="` + third.origin() + `/a.html"></frameset></html>`})
		b.visit(s.url(path))
		b.clickInside("#it", "button[value=allow]")
		third.checkAsked(b, "/a.html")
		if at := b.location(); at != s.url(path)+"#it" {
			t.Errorf("the choice leads to %s, want %s#it", at, s.url(path))
		}
	})
}

// checkAsked waits until the server was asked for paths.
func (o *outsider) checkAsked(b tab, paths string) {
	b.t.Helper()
	b.until(o.host+" is asked for "+paths, func() bool { return o.got(paths) })
}

// clickInside clicks on what selector finds in the document of a frame, as a
// visitor does: at a place in the window. It waits for the page that leads to.
func (b tab) clickInside(frame, selector string) {
	b.t.Helper()
	at := func() []float64 {
		place, err := try(b, chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => {
			const frame = document.querySelector(%q), 
				inside = Array.from(window, (child) => child).find((child) => child.frameElement === frame)?.document.querySelector(%q);
			if (!inside || document.readyState !== "complete") return [];
			inside.scrollIntoView({block: "center", behavior: "instant"});
			if (frame.localName !== "frame") frame.scrollIntoView({block: "center", behavior: "instant"});
			const outer = frame.getBoundingClientRect(), inner = inside.getBoundingClientRect();
			return [outer.x + frame.clientLeft + inner.x + inner.width / 2, outer.y + frame.clientTop + inner.y + inner.height / 2];
		})()`, frame, selector)))
		if err != nil {
			return nil
		}
		return place
	}
	b.until("the frame shows "+selector, func() bool { return len(at()) == 2 })
	place := at()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.MouseClickXY(place[0], place[1])); err != nil {
		b.t.Fatalf("at %s: clicking on %s in %s: %v", b.location(), selector, frame, err)
	}
}

// TestStandInsSayWhoReceivesWhat looks at stand-ins of a declared host and of one
// that nobody declared.
func TestStandInsSayWhoReceivesWhat(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	third, stranger := newOutsider(t, thirdHost), newOutsider(t, "stranger.localhost")
	b := newTab(t)
	b.visit(s.url(u.put(sheet{html: framing("", `<iframe src="`+third.origin()+`/a.html"></iframe><iframe src="`+stranger.origin()+`/a.html"></iframe>`+
		`<video src="`+third.origin()+`/a.mp4"></video><object data="`+stranger.origin()+`/a.html"></object><embed src="`+stranger.origin()+`/a.html">`)})))
	b.until("the stand-ins are there", func() bool {
		return b.holds(`[...document.querySelectorAll("iframe")].every(f => f.contentDocument?.querySelector(".cookie-consent-content"))`)
	})
	declared := eval[string](b, `document.querySelectorAll("iframe")[0].contentDocument.body.innerText`)
	for _, said := range []string{"Example Video", "Show films about the territory.", thirdHost} {
		if !strings.Contains(declared, said) {
			t.Errorf("the stand-in does not say %q: %q", said, declared)
		}
	}
	unknown := eval[string](b, `document.querySelectorAll("iframe")[1].contentDocument.body.innerText`)
	if !strings.Contains(unknown, "stranger.localhost") {
		t.Errorf("the stand-in does not name the host: %q", unknown)
	}
	if b.holds(`document.querySelectorAll("iframe")[1].contentDocument.querySelector("a[href*=embed]")`) {
		t.Errorf("what nobody declared can be allowed: %q", unknown)
	}
	if b.holds(`document.querySelector("object").hasAttribute("data") || document.querySelector("embed").hasAttribute("src")`) {
		t.Errorf("an object that nobody declared shows %q", eval[string](b, `document.querySelector("object").outerHTML`))
	}
	if !b.holds(`document.querySelector("video + .cookie-consent-element a[href*='embed?service=video']")`) {
		t.Errorf("the video has no stand-in behind it")
	}
	b.leave()
	third.checkUntouched(t)
	stranger.checkUntouched(t)
}
