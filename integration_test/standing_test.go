package integration_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// standing is where a visitor stands, and what may pass there beside what is
// necessary.
type standing struct {
	name     string
	reach    func(b tab, s site) // from a fresh tab
	optional string              // cookies that may pass
	consent  string              // what the site is told
}

// standings are the ways a visitor can stand with the seed charter.
var standings = []standing{
	{"unanswered", func(b tab, s site) { b.visit(s.url("/")) }, "", "necessary"},
	{"refused", func(b tab, s site) { b.answerBanner(s, "refuse-all") }, "", "necessary"},
	{"accepted", func(b tab, s site) { b.answerBanner(s, "accept-all") }, "_pk_id.1 ads_id", "necessary, statistics, marketing"},
	{"partial, statistics only", func(b tab, s site) { b.allowStatistics(s) }, "_pk_id.1", "necessary, statistics"},
	{"withdrawn", func(b tab, s site) { b.withdraw(s) }, "", "necessary"},
	{"objecting by GPC", func(b tab, s site) { b.sending("Sec-GPC", "1"); b.visit(s.url("/")) }, "", "necessary"},
}

// inEachStanding runs a test once for each standing, in a tab that has reached it.
func inEachStanding(t *testing.T, test func(t *testing.T, b tab, s site, is standing)) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	for _, is := range standings {
		t.Run(is.name, func(t *testing.T) {
			b := newTab(t)
			is.reach(b, s)
			test(t, b, s, is)
		})
	}
}

// answerBanner answers the banner of the home page by one of its two buttons.
func (b tab) answerBanner(s site, action string) {
	b.t.Helper()
	b.visit(s.url("/"))
	b.answer(button(action))
}

// answer clicks on a button that answers, and waits for the page that follows, be
// it the same one.
func (b tab) answer(selector string) {
	b.t.Helper()
	eval[bool](b, `(document.querySelector("#cookie-consent-saved")?.classList.remove("cookie-consent-shown"), document.answering = true)`)
	b.do(chromedp.Click(chromedp.CSS(selector)))
	b.until("the answer has been taken", func() bool {
		done, err := try(b, chromedp.Evaluate[bool](`document.readyState === "complete" && !document.querySelector("#cookie-consent") &&
			(!document.answering || document.querySelector("#cookie-consent-saved").checkVisibility())`))
		return err == nil && done
	})
}

// openPreferences opens the preferences in the page, or on theirs.
func (b tab) openPreferences(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
	b.until("the preferences are open", func() bool {
		open, err := try(b, chromedp.Evaluate[bool](`document.readyState === "complete" && document.querySelector("dialog[open], body > main > #cookie-consent-preferences") !== null`))
		return err == nil && open
	})
}

// button is the selector of the banner's buttons and of those on the charter page.
func button(action string) string { return `[data-cookie-consent="` + action + `"]` }

// allowStatistics grants statistics, and nothing else, on the charter page.
func (b tab) allowStatistics(s site) {
	b.t.Helper()
	b.visit(s.url("/cookie-consent/"))
	b.check("input[name=grant][value=statistics]")
	b.click(button("save"))
}

// withdraw accepts, lets the site set its cookies, and then refuses.
func (b tab) withdraw(s site) {
	b.t.Helper()
	b.answerBanner(s, "accept-all")
	b.visit(s.url("/second"))
	b.openPreferences(manageLink)
	b.answer(button("refuse-all"))
}
