package integration_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// scripting is with scripts, and without.
var scripting = []struct {
	name string
	off  bool
}{{"with script", false}, {"without script", true}}

// withAndWithoutScript runs a test in two tabs.
func withAndWithoutScript(t *testing.T, test func(t *testing.T, b tab)) {
	for _, script := range scripting {
		t.Run(script.name, func(t *testing.T) {
			b := newTab(t)
			if script.off {
				b.withoutScript()
			}
			test(t, b)
		})
	}
}

const (
	banner       = "#cookie-consent"
	confirmation = "#cookie-consent-saved"
	manageLink   = `a[data-cookie-consent="open"]`
)

func TestBannerIsAnsweredByOneClick(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	for action, state := range map[string]string{"accept-all": "necessary, statistics, marketing", "refuse-all": "necessary"} {
		t.Run(action, func(t *testing.T) {
			withAndWithoutScript(t, func(t *testing.T, b tab) {
				b.visit(s.url("/second?q=1"))
				if got := eval[string](b, "document.body.firstElementChild.id"); !b.shows(banner) || got != "cookie-consent" {
					t.Fatalf("the first element of the body has id %q, want the banner", got)
				}
				checkNotConfirmed(t, b)
				b.answer(banner + " " + button(action))
				checkAnswered(t, b, s.url("/second?q=1"))
				checkTold(t, state)
				b.visit(s.url("/"))
				checkNotConfirmed(t, b)
				if b.has(banner) || !b.shows(manageLink) {
					t.Errorf("on the next page: banner %t, manage link %t", b.has(banner), b.shows(manageLink))
				}
			})
		})
	}
}

// checkAnswered looks at the page that follows an answer.
func checkAnswered(t *testing.T, b tab, address string) {
	t.Helper()
	if got := strings.TrimSuffix(b.location(), confirmation); got != address {
		t.Errorf("the answer leads to %s, want %s", got, address)
	}
	if b.has(banner) {
		t.Errorf("the banner is still there after the answer")
	}
	if !b.shows(confirmation) || !b.shows(manageLink) {
		t.Errorf("after the answer: confirmation %t, manage link %t, want both", b.shows(confirmation), b.shows(manageLink))
	}
}

func checkNotConfirmed(t *testing.T, b tab) {
	t.Helper()
	if b.shows(confirmation) {
		t.Errorf("%s confirms an answer that was not given just now", b.location())
	}
}

// checkTold looks at what the portal was told with its latest request.
func checkTold(t *testing.T, consent string) {
	t.Helper()
	all := thePortal(t).requests(t)
	if got := all[len(all)-1].Consent; got != consent {
		t.Errorf("the site received Cookie-Consent %q, want %q", got, consent)
	}
}

func TestBannerByPage(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	b := newTab(t)
	for _, page := range []struct {
		name, path string
		shown      bool // banner and manage link
	}{
		{"a page", "/", true},
		{"a page that frames another", "/framing", true},
		{"a page without html, head and body tags", "/bare", true},
		{"a missing page", "/missing", true},
		{"a page that failed", "/broken", true},
		{"JSON", "/data", false},
		{"plain text", "/conditional", false},
	} {
		t.Run(page.name, func(t *testing.T) {
			b.visit(s.url(page.path))
			if b.shows(banner) != page.shown || b.shows(manageLink) != page.shown {
				t.Errorf("%s: banner %t, manage link %t, want %t", page.path, b.shows(banner), b.shows(manageLink), page.shown)
			}
		})
	}
}

func TestNoBannerInParts(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	b := newTab(t)
	b.visit(s.url("/framing"))
	const inFrame = "document.querySelector('iframe').contentDocument"
	if !eval[bool](b, inFrame+".querySelector('#inside') !== null") {
		t.Fatalf("the frame is empty")
	}
	for _, part := range []struct{ name, text string }{
		{"a framed page, but for its guard", `(d => { const c = d.documentElement.cloneNode(true); c.querySelector("script[data-names]").remove(); return c.outerHTML })(` + inFrame + `)`},
		{"a fragment that a script asks for", `fetch("/fragment").then(r => r.text())`},
		{"a page that a script asks for by XMLHttpRequest", `fetch("/second", {headers: {"X-Requested-With": "XMLHttpRequest"}}).then(r => r.text())`},
		{"JSON that holds HTML", `fetch("/data").then(r => r.text())`},
		{"a download", `fetch("/download").then(r => r.text())`},
	} {
		if text := eval[string](b, part.text); strings.Contains(text, "cookie-consent") {
			t.Errorf("%s has something inserted: %q", part.name, text)
		}
	}
}

func TestDownloadIsSavedAsItIs(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	if a := get(t, s.url("/download")); a.body != "<!doctype html><html><body>saved</body></html>" {
		t.Errorf("the download is %q", a.body)
	}
}

func TestAcceptAndRefuseLookTheSame(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	for _, width := range []int64{320, 800, 1280} {
		b := newTab(t)
		b.do(chromedp.EmulateViewport(width, 900))
		for _, path := range []string{"/", "/cookie-consent/"} {
			b.visit(s.url(path))
			accept, refuse := eval[map[string]any](b, look(button("accept-all"))), eval[map[string]any](b, look(button("refuse-all")))
			for property, value := range accept {
				if refuse[property] != value {
					t.Errorf("%s, %d px wide: %s is %v to accept and %v to refuse", path, width, property, value, refuse[property])
				}
			}
			if accept["width"] == 0.0 || accept["height"] == 0.0 {
				t.Errorf("%s, %d px wide: the button has no size: %v", path, width, accept)
			}
		}
	}
}

// look is an expression for what a visitor sees of a button, its text and place
// aside.
func look(selector string) string {
	return `(() => {
		const button = document.querySelector('` + selector + `'), style = getComputedStyle(button);
		const box = button.getBoundingClientRect(), seen = {width: box.width, height: box.height, tag: button.tagName};
		for (const property of style)
			if (/^(font|padding|border|color|background|margin|outline|text|opacity|box-shadow|cursor|display)/.test(property))
				seen[property] = style.getPropertyValue(property);
		return seen;
	})()`
}

func TestPartialChoiceOnTheCharterPage(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	withAndWithoutScript(t, func(t *testing.T, b tab) {
		b.visit(s.url("/second"))
		b.openPreferences(button("customize"))
		if got := eval[int](b, "document.querySelectorAll('input:checked').length"); got != 0 {
			t.Errorf("%d boxes are ticked before any choice", got)
		}
		b.check("input[name=grant][value=statistics]")
		b.answer(button("save"))
		checkAnswered(t, b, s.url("/second"))
		checkTold(t, "necessary, statistics")

		b.openPreferences(manageLink)
		if got := eval[string](b, "[...document.querySelectorAll('input:checked')].map(i => i.value).join()"); got != "statistics" {
			t.Errorf("on the charter page %q is ticked, want statistics", got)
		}
	})
}

// TestManageLinkLeavesTheLastControlInReach scrolls to the end of a page, where
// what a fixed link covers can no longer be moved from under it.
func TestManageLinkLeavesTheLastControlInReach(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	b := newTab(t)
	for _, width := range []int64{320, 1280} {
		b.do(chromedp.EmulateViewport(width, 600))
		b.visit(s.url("/long"))
		got := eval[string](b, `(() => {
			scrollTo(0, document.documentElement.scrollHeight);
			const box = document.querySelector("#last").getBoundingClientRect();
			return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.outerHTML;
		})()`)
		if !strings.Contains(got, `id="last"`) {
			t.Errorf("%d px wide: a click on the page's last control goes to %.120s", width, got)
		}
	}
}
