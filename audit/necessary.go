package audit

import (
	"slices"
	"strings"
)

// necessaries are names of cookies and keys that commonly do what a visitor asked
// for: they keep a session, protect forms, share load, or hold a choice. Where
// nobody declared anything, they are taken for exempt, and the report says that it
// is a guess. The purpose is the ground of the exemption.
var necessaries = []struct{ purpose, names string }{
	{"session", "PHPSESSID JSESSIONID ASP.NET_SessionId ASPSESSIONID* sessionid session session_id sid connect.sid laravel_session _session_id ci_session CFID CFTOKEN" +
		" symfony SESS* SSESS* fe_typo_user be_typo_user wordpress_logged_in_* wordpress_sec_* wp-settings-* next-auth.session-token __Secure-next-auth.session-token" +
		" *_session .AspNetCore.Session .AspNetCore.Cookies .ASPXAUTH MoodleSession* pmaUser-* phpMyAdmin"},
	{"protection of forms", "csrftoken XSRF-TOKEN _csrf csrf_token csrf __RequestVerificationToken* .AspNetCore.Antiforgery.* next-auth.csrf-token __Host-next-auth.csrf-token" +
		" wordpress_test_cookie authenticity_token CSRF-TOKEN"},
	{"load balancing", "AWSALB AWSALBCORS AWSALBTG AWSALBTGCORS AWSELB AWSELBCORS ARRAffinity ARRAffinitySameSite SERVERID BIGipServer* NSC_* GCLB ROUTEID TS01*"},
	{"security", "__cf_bm cf_clearance __cfruid _cfuvid incap_ses_* visid_incap_* nlbi_* datadome ak_bmsc bm_sz bm_sv _abck"},
	{"language", "django_language pll_language wp-wpml_current_language i18next NEXT_LOCALE lang language locale"},
}

// guessManager names the consent manager that is served from host, empty when none
// is known to be.
func guessManager(host string) string {
	for _, m := range managers {
		for _, selector := range m.Present {
			from, isScript := strings.CutPrefix(selector, `script[src*="`)
			from = strings.TrimSuffix(from, `"]`)
			if isScript && strings.Contains(from, ".") && within(host, from) {
				return m.Name
			}
		}
	}
	return ""
}

// guessNecessary guesses what a cookie or key is needed for; empty: nothing known.
func guessNecessary(kind Kind, name string) (purpose string) {
	switch kind {
	case KindIndexed:
		return ""
	case KindHost:
		if m := guessManager(name); m != "" {
			return "consent manager " + m
		}
		return ""
	}
	for _, n := range necessaries {
		if kind == KindCookie && slices.ContainsFunc(strings.Fields(n.names), func(p string) bool { return matches(p, name) }) {
			return n.purpose
		}
	}
	for _, m := range managers {
		if slices.ContainsFunc(m.keeps, func(p string) bool { return matches(p, name) }) {
			return "choice kept by " + m.Name
		}
	}
	return ""
}
