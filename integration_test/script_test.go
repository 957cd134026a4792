package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	saved    = "#cookie-consent-saved"
	dialog   = "dialog.cookie-consent-dialog"
	tall     = `<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><body><h1>Page</h1><form method="post" action="/page/0"><input id="name" name="name"></form><a id="site" href="/cookie-consent/" data-cookie-consent="open">Cookies</a><div style="height:3000px"></div><p id="low">low</p><div style="height:3000px"></div>`
	mark     = "window.mark = 1"
	marked   = "window.mark === 1"
	scripted = "service login {\ncategory necessary authentication\ncookie kept\n}\nservice ads {\ncategory marketing\ncookie ads_*\n}\nservice maps {\ncategory marketing\ncookie maps_*\n}\nlanguage en fr\n"
)

// startScripted runs a site whose page is tall, and opens it with the banner's
// script running.
func startScripted(t *testing.T, header ...string) (*upstream, site, tab) {
	t.Helper()
	u := newUpstream(t)
	u.put(sheet{html: tall, header: header})
	s := u.behind(siteHost, scripted)
	startCaddy(t, s)
	b := newTab(t)
	b.visitScripted(s.url("/page/0"))
	return u, s, b
}

// visitScripted goes to a page and waits until the banner's script runs in it.
func (b tab) visitScripted(address string) {
	b.t.Helper()
	b.visit(address)
	b.awaitScript()
}

func (b tab) awaitScript() {
	b.t.Helper()
	b.until("the banner's script runs", func() bool { return eval[bool](b, "window[Symbol.for('cookie-consent')] === 1") })
}

func TestRefusingKeepsThePage(t *testing.T) {
	u, s, b := startScripted(t)
	eval[int](b, mark)
	eval[bool](b, `(addEventListener("cookieconsent:change", e => window.changed = e.detail.state), true)`)
	asked := u.asks("/page/0")
	b.do(chromedp.Click(chromedp.CSS(button("refuse-all"))))
	b.until("the confirmation shows", func() bool { return b.shows(saved) })
	if !eval[bool](b, marked+" && !document.querySelector('#cookie-consent') && document.activeElement.id === 'cookie-consent-saved'") {
		t.Error("the page was left, the banner stays, or the confirmation has no focus")
	}
	if got := eval[string](b, "window.changed + ' ' + cookieConsent.state + ' ' + cookieConsent.granted('necessary') + ' ' + cookieConsent.granted('login') + ' ' + cookieConsent.granted('ads')"); got != "answered answered true true false" {
		t.Errorf("scripts are told %q", got)
	}
	if u.asks("/page/0") != asked {
		t.Error("the site was asked for something")
	}
	b.do(chromedp.Click(chromedp.CSS(`[data-cookie-consent="hide"]`)))
	if b.shows(saved) {
		t.Error("the confirmation cannot be hidden")
	}
	b.visit(s.url("/page/0"))
	if b.has(banner) {
		t.Error("the refusal was not stored")
	}
}

func TestAcceptingKeepsThePlace(t *testing.T) {
	_, _, b := startScripted(t)
	before := eval[float64](b, `(document.getElementById("low").scrollIntoView({behavior: "instant"}), document.getElementById("low").getBoundingClientRect().top)`)
	eval[string](b, mark+`, cookieConsent.accept().then(s => s.state)`)
	b.until("the page is there again", func() bool { return eval[bool](b, "!("+marked+") && document.readyState === 'complete'") })
	b.awaitScript()
	b.until("the confirmation shows", func() bool { return b.shows(saved) })
	if after := eval[float64](b, `document.getElementById("low").getBoundingClientRect().top`); after < before-2 || after > before+2 {
		t.Errorf("what was read stood at %v and stands at %v", before, after)
	}
	if !eval[bool](b, "cookieConsent.granted('ads') && cookieConsent.granted('marketing') && location.hash === '' && sessionStorage.length === 0") {
		t.Error("nothing was granted, or something is left in the address or in storage")
	}
}

func TestAcceptingKeepsWhatIsFilledIn(t *testing.T) {
	_, s, b := startScripted(t)
	b.do(chromedp.SendKeys(chromedp.CSS("#name"), "Ada"))
	eval[string](b, mark+`, cookieConsent.accept().then(s => s.state)`)
	b.until("the confirmation shows", func() bool { return b.shows(saved) })
	if !eval[bool](b, marked+" && document.getElementById('name').value === 'Ada'") {
		t.Error("the page was left")
	}
	if text := eval[string](b, "document.querySelector('"+saved+"').innerText"); !strings.Contains(text, "from the next page on") {
		t.Errorf("the confirmation says %q", text)
	}
	b.visit(s.url("/page/0"))
	if !eval[bool](b, "cookieConsent.granted('ads')") {
		t.Error("on the next page, nothing is granted")
	}
}

func TestAcceptingRepeatsNoPost(t *testing.T) {
	u, _, b := startScripted(t)
	eval[bool](b, "(document.forms[1] || document.forms[0], [...document.forms].find(f => f.elements.name).submit(), true)")
	b.until("the page answers the POST", func() bool {
		return eval[bool](b, "document.readyState === 'complete' && document.querySelector('script[data-posted]') !== null")
	})
	b.awaitScript()
	asked := u.asks("/page/0")
	eval[string](b, mark+`, cookieConsent.accept().then(s => s.state)`)
	b.until("the confirmation shows", func() bool { return b.shows(saved) })
	if !eval[bool](b, marked) || u.asks("/page/0") != asked {
		t.Error("the page was asked for again")
	}
}

func TestPreferencesOpenInPlace(t *testing.T) {
	_, s, b := startScripted(t)
	for _, opener := range []string{button("customize"), manageLink, "#site"} {
		b.do(chromedp.Focus(chromedp.CSS(opener)), chromedp.Click(chromedp.CSS(opener)))
		b.until("the dialog is open", func() bool { return eval[bool](b, "document.querySelector('"+dialog+"')?.open ?? false") })
		if got := eval[string](b, "document.querySelector('"+dialog+"').matches(':modal') + ' ' + document.querySelectorAll('"+dialog+" [name=grant]:checked').length"); got != "true 0" {
			t.Errorf("%s opens a dialog that is modal, with boxes ticked: %q", opener, got)
		}
		b.do(chromedp.KeyEvent(kb.Escape))
		b.until("the dialog is closed", func() bool { return !b.has(dialog) })
		if !eval[bool](b, fmt.Sprintf("document.activeElement === document.querySelector(%q)", opener)) {
			t.Errorf("the focus does not come back to %s", opener)
		}
	}
	if names := b.jarNames(); names != "" {
		t.Errorf("opening and closing stored %q", names)
	}

	b.do(chromedp.Click(chromedp.CSS(button("customize"))))
	b.until("the dialog is open", func() bool { return b.has(dialog) })
	eval[int](b, mark)
	eval[bool](b, "(document.querySelector('"+dialog+" details:has([value=ads])').open = true)")
	b.check(dialog + " [value=ads]")
	if !eval[bool](b, "document.querySelector('"+dialog+" [value=marketing]').indeterminate") {
		t.Error("the purpose does not show that a part of it is granted")
	}
	b.do(chromedp.Click(chromedp.CSS(dialog + " " + button("save"))))
	b.until("the page is there again", func() bool { return eval[bool](b, "!("+marked+") && document.readyState === 'complete'") })
	if got := eval[string](b, "cookieConsent.granted('ads') + ' ' + cookieConsent.granted('maps') + ' ' + cookieConsent.granted('marketing')"); got != "true false false" {
		t.Errorf("granted are ads, maps and marketing: %s", got)
	}
	b.visit(s.url("/page/0"))
	if b.has(banner) {
		t.Error("the banner is there again")
	}
}

// Frameworks that take over the body may take the banner away: once, it comes back.
func TestBannerComesBackOnce(t *testing.T) {
	_, _, b := startScripted(t)
	eval[bool](b, "(document.querySelector('#cookie-consent').remove(), true)")
	b.until("the banner is back", func() bool { return eval[bool](b, "document.body.firstElementChild.id === 'cookie-consent'") })
	eval[bool](b, "(document.querySelector('#cookie-consent').remove(), new Promise(done => setTimeout(() => done(true))))")
	if b.has(banner) {
		t.Error("it comes back again and again")
	}
}

// A page that comes back as it was left follows the choice made meanwhile.
func TestPagesThatComeBackFollowTheChoice(t *testing.T) {
	for _, c := range []struct {
		answer string
		reload bool
	}{{"accept-all", true}, {"refuse-all", false}} {
		t.Run(c.answer, func(t *testing.T) {
			_, s, b := startScripted(t)
			eval[int](b, mark)
			choice := strings.ReplaceAll(c.answer, "-", "_")
			eval[int](b, fmt.Sprintf(`fetch(%q, {method: "POST", headers: {Accept: "application/json"}, body: new URLSearchParams({choice: %q})}).then(r => r.status)`, s.url("/cookie-consent/choice"), choice))
			eval[bool](b, `dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
			b.until("the banner is gone", func() bool { return eval[bool](b, "document.readyState === 'complete'") && !b.has(banner) })
			if reloaded := !eval[bool](b, marked); reloaded != c.reload {
				t.Errorf("reloaded: %t, want %t", reloaded, c.reload)
			}
		})
	}
}

func TestScriptUnderTheSitesOwnPolicy(t *testing.T) {
	for _, c := range []struct{ name, policy string }{
		{"nothing at all", "default-src 'none'; base-uri 'none'; form-action 'none'"},
		{"its own", "default-src 'self'"},
		{"nonces, and what they load", "script-src 'nonce-abc' 'strict-dynamic'; style-src 'nonce-abc'; connect-src 'none'"},
		{"hashes", "script-src 'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' 'strict-dynamic'"},
		{"Trusted Types", "require-trusted-types-for 'script'; trusted-types 'none'; default-src 'self'"},
		{"inline scripts", "script-src 'unsafe-inline'; connect-src https://api.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, b := startScripted(t, "Content-Security-Policy", c.policy)
			b.do(chromedp.Click(chromedp.CSS(button("customize"))))
			b.until("the dialog is open", func() bool { return b.has(dialog) })
			if got := eval[string](b, "getComputedStyle(document.querySelector('"+dialog+" button[value=refuse_all]')).minHeight"); got != "44px" {
				t.Errorf("the dialog has no style: its buttons are %s high", got)
			}
			eval[int](b, mark)
			b.do(chromedp.Click(chromedp.CSS(dialog + " " + button("refuse-all"))))
			b.until("the confirmation shows", func() bool { return b.shows(saved) })
			if !eval[bool](b, marked) {
				t.Error("the page was left")
			}
		})
	}
}

// What a script cannot send, the browser does.
func TestAnswersThatCannotBeSentByScript(t *testing.T) {
	_, _, b := startScripted(t)
	eval[bool](b, "(window.fetch = () => Promise.reject(new TypeError), true)")
	b.click(button("accept-all"))
	b.awaitScript()
	if !eval[bool](b, "cookieConsent.granted('ads') && location.hash === ''") || !b.shows(saved) {
		t.Error("the answer is lost, or not confirmed")
	}
}

func TestWithoutTheScriptEverythingWorks(t *testing.T) {
	u := newUpstream(t)
	u.put(sheet{html: tall})
	s := u.behind(siteHost, scripted)
	startCaddy(t, s)
	b := newTab(t)
	b.withoutScript()
	b.visit(s.url("/page/0"))
	b.click(button("customize"))
	b.click(button("save"))
	if names := b.jarNames(); names != "cookies_preferences" {
		t.Errorf("the jar holds %q", names)
	}
}
