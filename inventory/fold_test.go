package inventory

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Names as sites mint them, and names that only look so.
var folded = []struct{ rule, name, want string }{
	{"Google Analytics: capitals and digits", "_ga_ABC123", "_ga_*"},
	{"Google Analytics: a real stream", "_ga_G1XYZ23ABC", "_ga_*"},
	{"Google Analytics: a property with its number", "_gat_UA-12345678-1", "_gat_UA-*"},
	{"Google Tag Manager", "_dc_gtm_UA-1234567-12", "_dc_gtm_UA-*"},
	{"Matomo: four hexadecimal digits and a site's number", "_pk_id.1.1fff", "_pk_id.*"},
	{"Matomo: digits only", "_pk_ses.12.3456", "_pk_ses.*"},
	{"WordPress: an MD5 sum", "wordpress_logged_in_7b1c9a0c2f4e5d6a8b9c0d1e2f3a4b5c", "wordpress_logged_in_*"},
	{"WordPress: not minted", "wordpress_test_cookie", "wordpress_test_cookie"},
	{"WordPress: settings of a user with a low number", "wp-settings-time-1", "wp-settings-time-1"},
	{"Drupal: a sum straight after the word", "SSESS0a1b2c3d4e5f60718293a4b5c6d7e8f9", "SSESS*"},
	{"F5: a sum straight after capitals", "TS01a2b3c4", "TS*"},
	{"Amplitude: letters that are all hexadecimal", "amp_abcdef", "amp_*"},
	{"Amplitude: with an ending", "AMP_MKTG_0123456789", "AMP_MKTG_*"},
	{"Mixpanel: a token in the middle", "mp_0123456789abcdef0123456789abcdef_mixpanel", "mp_*_mixpanel"},
	{"PostHog: mixed as no word is", "ph_phc_4Xd9aKq2LmZ81Ty_posthog", "ph_phc_*_posthog"},
	{"Hotjar", "_hjSession_1234567", "_hjSession_*"},
	{"Imperva: a short number beside a long one", "incap_ses_123_4567890", "incap_ses_*"},
	{"Adobe: an organisation", "AMCV_5A1B2C3D4E5F67890A495C37@AdobeOrg", "AMCV_*@AdobeOrg"},
	{"ASP.NET: mixed case and digits", ".AspNetCore.Antiforgery.w5W7x28NAIs", ".AspNetCore.Antiforgery.*"},
	{"Pardot: a number straight after a word", "visitor_id12345", "visitor_id*"},
	{"a UUID is one star", "sess_550e8400-e29b-41d4-a716-446655440000", "sess_*"},
	{"a session in the name", "sess_8f3a", "sess_*"},
	{"all of it is minted", "8f3a01bc", "*"},
	{"an address", "draft:jane.doe@example.org:text", "draft:*:text"},
	{"an address after a word and _", "user_jane@example.org", "user_*"},

	{"a word", "csrftoken", "csrftoken"},
	{"Cloudflare", "__cf_bm", "__cf_bm"},
	{"a version", "euconsent-v2", "euconsent-v2"},
	{"a word with a digit", "VISITOR_INFO1_LIVE", "VISITOR_INFO1_LIVE"},
	{"a number at the start", "1P_JAR", "1P_JAR"},
	{"a name with a digit", "uuid2", "uuid2"},
	{"an algorithm", "token_sha256", "token_sha256"},
	{"a protocol", "oauth2_state", "oauth2_state"},
	{"capitals", "PHPSESSID", "PHPSESSID"},
	{"a short word of hexadecimal letters", "cafe_face", "cafe_face"},
	{"a word of hexadecimal letters alone", "facade", "facade"},
	{"__Host- names", "__Host-session", "__Host-session"},
	{"another script", "préférences", "préférences"},
	{"control characters", "a\x00b\x1b[31m", "a?b?[31m"},
	{"text that runs the other way", "a\u202egnp.exe", "a?gnp.exe"},
	{"not UTF-8", "a\xffb", "a?b"},
	{"empty", "", ""},
	{"too long", strings.Repeat("ab-", 100), strings.Repeat("ab-", 41) + "a*"},
}

func TestFold(t *testing.T) {
	for _, test := range folded {
		if got := Fold(test.name); got != test.want {
			t.Errorf("%s: Fold(%q) = %q, want %q", test.rule, test.name, got, test.want)
		}
	}
}

func TestFoldKeepsWhatOthersDeclare(t *testing.T) {
	const known = `.ASPXAUTH .AspNetCore.Culture .AspNetCore.Session 1P_JAR ABTasty ABTastySession AEC AKA_A2 AMP_TOKEN ARRAffinity ARRAffinitySameSite
		ASP.NET_SessionId AWSALB AWSALBCORS CookieConsent FPLC IDE JSESSIONID MATOMO_SESSID MUID NID OptanonAlertBoxClosed OptanonConsent PHPSESSID
		VISITOR_PRIVACY_METADATA X-Magento-Vary XSRF-TOKEN YSC _GRECAPTCHA __Secure-ROLLOUT_TOKEN __cfwaitingroom __gads __hs_opt_out __hssc __qca
		__stripe_mid __utma _abck _clck _fbp _ga _gid _gcl_au _hjid _pin_unauth _rails_session _shopify_y _uetsid _ym_uid ajs_anonymous_id bm_sv
		cf_clearance cookies_preferences datr django_language eupubconsent-v2 hubspotutk laravel_session li_fat_id personalization_id sp_landing
		woocommerce_items_in_cart s_ecid v1st _vis_opt_test_cookie guest_id comment_author_email wp_lang test_cookie`
	for name := range strings.FieldsSeq(known) {
		if got := Fold(name); got != name {
			t.Errorf("Fold(%q) = %q, want it as it is", name, got)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, test := range folded {
		f.Add(test.name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Fold(name)
		if !utf8.ValidString(got) || len(got) > maxName {
			t.Errorf("Fold(%q) = %q, want at most %d bytes of UTF-8", name, got, maxName)
		}
		if shown := strings.Map(shownAs, name); !fits(got, shown) {
			t.Errorf("Fold(%q) = %q, which does not fit it", name, got)
		}
		if (got == "") != (name == "") {
			t.Errorf("Fold(%q) = %q", name, got)
		}
		if prefix := appendFold([]byte("x*_"), name); string(prefix) != "x*_"+got {
			t.Errorf("appendFold(%q) depends on what stands before: %q, want %q", name, prefix, got)
		}
	})
}

// shownAs says which character stands for one that cannot be shown.
func shownAs(r rune) rune {
	var f folding
	f.separator(string(r))
	shown, _ := utf8.DecodeRune(f.folded[:])
	if r == utf8.RuneError {
		return '?' // what is no UTF-8 becomes this rune before
	}
	return shown
}

// fits reports whether a pattern with * fits a name.
func fits(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(name, parts[0])
	if len(parts) == 1 {
		return pattern == name
	}
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, rest, ok = strings.Cut(rest, part)
		if !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

func TestHead(t *testing.T) {
	for _, test := range []struct {
		rule string
		kind Kind
		name string
		want string
	}{
		{"up to the last separator", KindCookie, "sess_user_xqzw", "sess_user_"},
		{"no separator, short", KindCookie, "sessionid", ""},
		{"no separator, long", KindCookie, "ASPSESSIONIDCQQTABCD", "ASPSESSI"},
		{"a leading separator says nothing", KindCookie, "_session", ""},
		{"what ends with a separator", KindStorage, "draft:", "draft:"},
		{"another script has no separators", KindCookie, "préférences", ""},
		{"a host has the domain above", KindHost, "a1b2.cdn.example", "cdn.example"},
		{"with its port", KindHost, "a1b2.cdn.example:8443", "cdn.example:8443"},
		{"a domain of two labels stands alone", KindHost, "tracker.example", ""},
		{"an address stands alone", KindHost, "192.0.2.17", ""},
	} {
		if got := string(head(test.kind, []byte(test.name))); got != test.want {
			t.Errorf("%s: head(%q) = %q, want %q", test.rule, test.name, got, test.want)
		}
	}
}
