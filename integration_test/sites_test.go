package integration_test

import (
	"strings"
	"testing"
)

func TestChoiceCountsForItsSiteOnly(t *testing.T) {
	first := enforced(t, "a.localhost")
	second := newSite(t, "b.localhost", `
		encode
		cookie_consent {
			preference_cookie b_choice
			service sessions {
				category necessary security
				cookie csrftoken
			}
			service visits {
				category statistics
				cookie ads_id
			}
		}
		reverse_proxy `+thePortal(t).address+`
	`)
	startCaddy(t, first, second)

	b := newTab(t)
	b.answerBanner(first, "accept-all")
	checkTold(t, "necessary, statistics, marketing")
	b.visit(second.url("/"))
	if !b.shows(banner) {
		t.Errorf("no banner at %s: the choice at %s counts there", second.host, first.host)
	}
	checkTold(t, "necessary")
	b.answer(button("accept-all"))
	checkTold(t, "necessary, statistics")

	byHost := map[string]string{}
	for _, c := range b.jar() {
		byHost[c.Domain] = nameSet(byHost[c.Domain], c.Name)
	}
	for host, want := range map[string]string{
		first.host:  "_pk_id.1 ads_id cookies_preferences csrftoken",
		second.host: "ads_id b_choice csrftoken",
	} {
		if byHost[host] != want {
			t.Errorf("the jar holds %q for %s, want %q", byHost[host], host, want)
		}
	}
}

func TestChoiceOfAnotherHostIsForged(t *testing.T) {
	first, second := enforced(t, "a.localhost"), enforced(t, "b.localhost")
	startCaddy(t, first, second)
	choice, _ := choose(t, first.url("/cookie-consent"), acceptAll)
	if a := get(t, second.url("/second"), "Cookie", choice); a.setNames() != "csrftoken" {
		t.Errorf("with a choice made at %s, %s sets %q, want csrftoken", first.host, second.host, a.setNames())
	}
}

func TestCopiesOfThePreferenceCookie(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	accepted, _ := choose(t, s.url("/cookie-consent"), acceptAll)
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	statistics, _ := choose(t, s.url("/cookie-consent"), onlyStatistics)
	_, value, _ := strings.Cut(accepted, "=")
	for _, c := range []struct{ name, cookie, want string }{
		{"the real one", accepted, "necessary, statistics, marketing"},
		{"a word before the real one", "cookies_preferences=all; " + accepted, "necessary, statistics, marketing"},
		{"a forged one behind the real one", accepted + "; cookies_preferences=" + flip(value), "necessary, statistics, marketing"},
		{"a forged one alone", "cookies_preferences=" + flip(value), "necessary"},
		{"a word alone", "cookies_preferences=accept_all", "necessary"},
		{"accepting and refusing", accepted + "; " + refused, "necessary"},
		{"refusing and accepting", refused + "; " + accepted, "necessary"},
		{"accepting all and statistics alone", accepted + "; " + statistics, "necessary, statistics"},
		{"in two header lines", accepted + "\n" + refused, "necessary"},
	} {
		var headers []string
		for line := range strings.SplitSeq(c.cookie, "\n") {
			headers = append(headers, "Cookie", line)
		}
		get(t, s.url("/second"), headers...)
		all := thePortal(t).requests(t)
		if r := all[len(all)-1]; r.Consent != c.want || r.Cookie != "" {
			t.Errorf("%s: the site received Cookie-Consent %q and Cookie %q, want %q and none", c.name, r.Consent, r.Cookie, c.want)
		}
	}
}

// flip changes one character in the middle of a signed value.
func flip(value string) string {
	middle, other := len(value)/2, "A"
	if value[middle] == 'A' {
		other = "B"
	}
	return value[:middle] + other + value[middle+1:]
}

func TestAnsweringAgainLeavesOneCopy(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	b := newTab(t)
	b.plant(s, "cookies_preferences", "stale")
	b.answerBanner(s, "accept-all")
	b.openPreferences(manageLink)
	b.answer(button("refuse-all"))
	copies := 0
	for _, c := range b.jar() {
		if c.Name == "cookies_preferences" {
			copies++
			if !c.HTTPOnly || c.SameSite != "Lax" || c.Secure {
				t.Errorf("the preference cookie is HttpOnly %t, SameSite %q, Secure %t, want true, Lax, false on plain HTTP", c.HTTPOnly, c.SameSite, c.Secure)
			}
		}
	}
	if copies != 1 {
		t.Errorf("the jar holds %d copies of the preference cookie, want 1", copies)
	}
}
