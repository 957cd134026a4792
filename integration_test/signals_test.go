package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// signalled is a site whose tags would be told the choice; they are stubs as the
// vendors' snippets make them.
const signalled = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title><script>
window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) } gtag("js", 1);
window._paq = window._paq || []; _paq.push(["trackPageView"]);
window.uetq = window.uetq || []; uetq.push("pageLoad");
!function(f,n){ if (f.fbq) return; n = f.fbq = function() { n.queue.push([...arguments]) }; n.queue = []; }(window);
fbq("init", "1"); fbq("track", "PageView");
</script></head><body><p>text</p>`

// told is what the vendors' scripts have been told, in order.
func (b tab) told() map[string]string {
	b.t.Helper()
	told := map[string]string{}
	for vendor, queue := range map[string]string{
		"google": "dataLayer.map(a => [...a])", "matomo": "_paq", "uet": "uetq", "meta": "fbq.queue", "clarity": "clarity.q.map(a => [...a])",
	} {
		told[vendor] = eval[string](b, "JSON.stringify("+queue+")")
	}
	return told
}

func TestVendorsAreToldTheChoice(t *testing.T) {
	u := newUpstream(t)
	u.put(sheet{html: signalled})
	s := u.behind(siteHost, "signal google_consent_mode microsoft_uet microsoft_clarity matomo meta_pixel\n"+
		"service login {\ncategory necessary authentication\n}\nservice stats {\ncategory statistics\ncookie s_*\n}\nservice ads {\ncategory marketing\ncookie a_*\n}\n")
	startCaddy(t, s)

	const (
		denied       = `{"ad_storage":"denied","ad_user_data":"denied","ad_personalization":"denied","analytics_storage":"denied","functionality_storage":"denied","personalization_storage":"denied","security_storage":"granted"`
		statistics   = `{"ad_storage":"denied","ad_user_data":"denied","ad_personalization":"denied","analytics_storage":"granted","functionality_storage":"denied","personalization_storage":"denied","security_storage":"granted"}`
		google       = `[["consent","default",` + denied + `,"wait_for_update":500}],["set","ads_data_redaction",true],["set","url_passthrough",false]`
		nothingToUET = `["consent","default",{"ad_storage":"denied"}`
		clarity      = `[["consentv2",{"ad_Storage":"denied","analytics_Storage":"denied"}]`
	)
	check := func(b tab, when string, want map[string]string) {
		t.Helper()
		for vendor, got := range b.told() {
			if !json.Valid([]byte(want[vendor])) {
				t.Fatalf("%s: what is wanted is no JSON: %s", vendor, want[vendor])
			}
			if got != want[vendor] {
				t.Errorf("%s, %s is told\n%s\nwant\n%s", when, vendor, got, want[vendor])
			}
		}
	}
	b := newTab(t)
	b.visitScripted(s.url("/page/0"))
	check(b, "before a choice", map[string]string{
		"google": google + `,["js",1]]`, "matomo": `[["requireConsent"],["trackPageView"]]`, "uet": nothingToUET + `,"pageLoad"]`,
		"meta": `[["consent","revoke"],["init","1"],["track","PageView"]]`, "clarity": clarity + `]`,
	})

	b.do(chromedp.Click(chromedp.CSS(button("refuse-all"))))
	b.until("the confirmation shows", func() bool { return b.shows(saved) })
	check(b, "after a refusal", map[string]string{
		"google": google + `,["js",1],["consent","update",` + denied + `}]]`, "matomo": `[["requireConsent"],["trackPageView"],["forgetConsentGiven"]]`,
		"uet": nothingToUET + `,"pageLoad","consent","update",{"ad_storage":"denied"}]`, "meta": `[["consent","revoke"],["init","1"],["track","PageView"]]`,
		"clarity": clarity + `,["consentv2",{"ad_Storage":"denied","analytics_Storage":"denied"}]]`,
	})

	b.post("choice=save&grant=statistics")
	b.visitScripted(s.url("/page/0"))
	check(b, "with statistics granted", map[string]string{
		"google": google + `,["consent","update",` + statistics + `],["js",1]]`, "matomo": `[["requireConsent"],["setConsentGiven"],["trackPageView"]]`,
		"uet": nothingToUET + `,"consent","update",{"ad_storage":"denied"},"pageLoad"]`, "meta": `[["consent","revoke"],["init","1"],["track","PageView"]]`,
		"clarity": clarity + `,["consentv2",{"ad_Storage":"denied","analytics_Storage":"granted"}]]`,
	})

	b.post("choice=accept_all")
	b.visitScripted(s.url("/page/0"))
	if got := b.told()["meta"]; got != `[["consent","grant"],["init","1"],["track","PageView"]]` {
		t.Errorf("with all granted, Meta is told %s", got)
	}
	if text := get(t, s.url("/cookie-consent/?lang=en")).body; !strings.Contains(text, "Google, Microsoft Advertising, Microsoft Clarity, Matomo, Meta") {
		t.Error("the charter does not name those that are told")
	}
}
