package integration_test

import (
	"fmt"
	"strings"
	"testing"
)

// robotLanguages are those in which a robot is sent to a banner.
var robotLanguages = []string{"fr", "en", "de", "es"}

// A robot that knows no rule for this banner refuses it by what it says.
func TestRobotsRefuse(t *testing.T) {
	script := npmFile(t, "@duckduckgo/autoconsent", "16.23.0", "dist/autoconsent.playwright.js")
	u := newUpstream(t)
	for _, lang := range robotLanguages {
		u.put(sheet{html: strings.Replace(tall, `lang="en"`, `lang="`+lang+`"`, 1)})
	}
	var sites []site
	for _, position := range positions {
		declaration := strings.Replace(scripted, "language en fr", "language "+strings.Join(robotLanguages, " "), 1)
		sites = append(sites, u.behind(position+".localhost", declaration+"banner {\nposition "+position+"\n}\n"))
	}
	startCaddy(t, sites...)
	for i, s := range sites {
		for page, lang := range robotLanguages {
			t.Run(positions[i]+", "+lang, func(t *testing.T) {
				b := newTab(t)
				b.visitScripted(s.url(fmt.Sprintf("/page/%d", page)))
				eval[bool](b, `(window.said = [], window.autoconsentSendMessage = async message => {
					said.push(message.type);
					if (message.type === "init") setTimeout(() => autoconsentReceiveMessage({type: "initResp", rules: {autoconsent: []}, config: {
						enabled: true, autoAction: "optOut", disabledCmps: [], enablePrehide: false, enableCosmeticRules: false, enableGeneratedRules: false,
						detectRetries: 5, isMainWorld: true, prehideTimeout: 2000, enableHeuristicDetection: true, enablePopupMutationObserver: false, visualTest: false,
						heuristicMode: "reject", heuristicPopupSearchTimeout: 1000, logs: {}, performanceLoggingEnabled: false }}));
				}, true)`)
				eval[bool](b, "("+"() => {"+script+"})(), true")
				b.until("the robot has refused", func() bool { return eval[bool](b, "cookieConsent.state === 'answered'") })
				if eval[bool](b, "cookieConsent.granted('ads')") || b.has(banner) {
					t.Error("something is granted, or the banner is still there")
				}
				b.until("the robot knows", func() bool { return eval[bool](b, "said.includes('optOutResult')") })
			})
		}
	}
}
