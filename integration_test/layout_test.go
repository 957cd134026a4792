package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// positions are those of the banner.
var positions = []string{"top", "bottom", "bottom-left", "center"}

// watchLayout notes layout shifts and the largest contentful paint from the start.
const watchLayout = `new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifted = (window.shifted || 0) + e.value }).observe({type: "layout-shift", buffered: true}),
	new PerformanceObserver(list => { for (const e of list.getEntries()) window.largest = e.element }).observe({type: "largest-contentful-paint", buffered: true}), true`

// The banner shifts nothing, and is not what the page is measured by.
func TestBannerShiftsNothing(t *testing.T) {
	u := newUpstream(t)
	u.put(sheet{html: galleryPage("fr")})
	pages, list := map[string]string{}, []site(nil)
	for _, position := range positions {
		look := "banner {\nposition " + position + "\n}\n"
		page, portal := u.behind(position+".localhost", galleryServices+look), enforced(t, position+"-portal.localhost", look)
		pages[position], pages[position+", portal"] = page.url("/page/0"), portal.url("/")
		list = append(list, page, portal)
	}
	startCaddy(t, list...)
	for name, address := range pages {
		for _, width := range []int64{360, 1280} {
			t.Run(fmt.Sprintf("%s, %d px", name, width), func(t *testing.T) {
				b := newTab(t)
				b.do(chromedp.EmulateViewport(width, 800))
				b.visitScripted(address)
				eval[bool](b, watchLayout)
				b.until("the largest paint is known", func() bool { return eval[bool](b, "window.largest !== undefined") })
				// The pages of the portal have less text than any banner.
				if !strings.HasSuffix(name, "portal") && eval[bool](b, `window.largest?.closest("[data-cookie-consent-inserted]") != null`) {
					t.Errorf("the largest contentful paint is of the banner: %s", eval[string](b, "window.largest.outerHTML.slice(0, 100)"))
				}
				b.do(chromedp.Click(chromedp.CSS(button("refuse-all"))))
				b.until("the confirmation shows", func() bool { return b.shows(saved) })
				eval[bool](b, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
				if got := eval[float64](b, "window.shifted || 0"); got != 0 {
					t.Errorf("layout shift %v, want 0", got)
				}
			})
		}
	}
}

// Keyboard users reach the refusal in two presses at most, in every position.
func TestKeysToRefuse(t *testing.T) {
	sites := startGallery(t)
	for _, position := range positions {
		b := newTab(t)
		landing(b, sites[position], "en")
		if eval[string](b, "document.activeElement.localName") != "body" {
			t.Errorf("%s: the banner takes the focus", position)
		}
		presses := 0
		for ; presses < 5 && !eval[bool](b, "document.activeElement.value === 'refuse_all'"); presses++ {
			b.do(chromedp.KeyEvent(kb.Tab))
		}
		if presses > 2 {
			t.Errorf("%s: %d presses of Tab lead to the refusal", position, presses)
		}
	}
}

// What is focused is never behind the banner (WCAG 2.4.11).
func TestFocusIsNeverHidden(t *testing.T) {
	sites := startGallery(t)
	for _, position := range []string{"bottom", "bottom-left", "center"} {
		for _, window := range [][2]int64{{1280, 900}, {360, 740}, {320, 256}} {
			t.Run(fmt.Sprintf("%s, %d by %d", position, window[0], window[1]), func(t *testing.T) {
				b := newTab(t)
				b.do(chromedp.EmulateViewport(window[0], window[1]))
				landing(b, sites[position], "en")
				eval[bool](b, "(document.querySelector('#end').focus(), true)")
				if got := eval[string](b, `(() => {
					const box = document.activeElement.getBoundingClientRect();
					const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
					return seen?.id || seen?.outerHTML.slice(0, 80);
				})()`); got != "end" {
					t.Errorf("in front of what has the focus stands %s", got)
				}
			})
		}
	}
}

// small lists the targets that are too small: buttons under 44 px, anything else
// under 24 px, but for links in a line of text.
func (b tab) small() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll("[data-cookie-consent-inserted] :is(a, button, input, summary, label), body:has(> main > #cookie-consent-preferences) :is(a, button, input, summary, label)")]
		.filter(e => e.checkVisibility() && e.type !== "hidden" && !(e.localName === "a" && e.matches("p a, li a, td a") && !e.closest("nav")))
		.filter(e => {
			const box = e.getBoundingClientRect(), least = e.localName === "button" && !e.closest("#cookie-consent-saved") ? 44 : 24;
			return box.height < least - 0.5 || box.width < least - 0.5;
		})
		.map(e => e.outerHTML.slice(0, 120) + " " + Math.round(e.getBoundingClientRect().width) + "x" + Math.round(e.getBoundingClientRect().height))`)
}

// On paper there is no banner, and the charter has all its columns.
func TestPrint(t *testing.T) {
	sites := startGallery(t)
	b := newTab(t)
	landing(b, sites["bottom"], "fr")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if b.shows(banner) || b.shows(manageLink) {
		t.Error("the banner or its link is printed")
	}
	b.visit(sites["top"].url("/cookie-consent/"))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	if b.shows("form") || !b.shows("table th:last-child") {
		t.Error("the form is printed, or the tables are not")
	}
}
