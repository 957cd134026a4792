package config

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Check finds the first mistake in s, which must be expanded. texts are those there
// are, by language and key.
func (s *Site) Check(texts map[string]map[string]string) error { return s.explain(s.check(texts)) }

func (s *Site) check(texts map[string]map[string]string) error {
	known := slices.Sorted(maps.Keys(texts))
	for _, check := range []func([]string) error{
		s.checkWords, s.checkLanguages, s.checkPath, s.checkFirstParty, s.checkPreferenceCookie,
		s.checkLook, s.checkTheme, s.checkCategories, s.checkServices, s.checkPolicy,
	} {
		if err := check(known); err != nil {
			return err
		}
	}
	if err := s.checkTexts(texts); err != nil {
		return err
	}
	if len(s.Services) == 0 && s.Mode == "enforce" && len(s.Charter) == 0 && s.UndeclaredCookies == "block" {
		return problem("services", "nothing is declared, so no cookie would pass: run `mode observe` first, then `caddy cookie-consent declare`")
	}
	return nil
}

// oneOf reports a word that is not among words.
func oneOf(path, word string, words ...string) error {
	if slices.Contains(words, word) {
		return nil
	}
	last := len(words) - 1
	return problem(path, "%q is not %s or %s", word, strings.Join(words[:last], ", "), words[last])
}

func (s *Site) checkWords([]string) error {
	for _, c := range []struct {
		path, word string
		words      []string
	}{
		{"mode", s.Mode, []string{"enforce", "observe"}},
		{"preset", s.Preset, presetIDs()},
		{"undeclared_cookies", s.UndeclaredCookies, []string{"block", "allow"}},
		{"undeclared_hosts", s.UndeclaredHosts, []string{"block", "allow"}},
		{"global_privacy_control", s.GlobalPrivacyControl, []string{"on", "off"}},
		{"no_transform", s.NoTransform, []string{"ignore", "respect"}},
		{"banner.show", s.Banner.Show, []string{"auto", "always", "never"}},
		{"banner.position", s.Banner.Position, []string{"top", "bottom", "bottom-left", "center"}},
		{"banner.charter_table", s.Banner.CharterTable, []string{"full", "short"}},
		{"banner.manage_link", s.Banner.ManageLink, []string{"bottom-left", "bottom-right", "none"}},
	} {
		if err := oneOf(c.path, c.word, c.words...); err != nil {
			return err
		}
	}
	for i, signal := range s.Signals {
		if slices.Index(s.Signals, signal) != i {
			return problem(fmt.Sprintf("signals[%d]", i), "%q is told twice", signal)
		}
		if err := oneOf(fmt.Sprintf("signals[%d]", i), signal, "google_consent_mode", "microsoft_uet", "microsoft_clarity", "matomo", "meta_pixel"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) checkLanguages(known []string) error {
	for i, language := range s.Languages {
		path := fmt.Sprintf("languages[%d]", i)
		if !slices.Contains(known, language) {
			return problem(path, "there are no texts in %q; known are: %s", language, strings.Join(known, ", "))
		}
		if slices.Index(s.Languages, language) != i {
			return problem(path, "%q is offered twice", language)
		}
	}
	return nil
}

// checkText reports a text in a language there are no texts for.
func checkText(path string, text Text, known []string) error {
	for _, language := range slices.Sorted(maps.Keys(text)) {
		if !slices.Contains(known, language) {
			return problem(path+"."+language, "there are no texts in %q; known are: %s", language, strings.Join(known, ", "))
		}
		if strings.TrimSpace(text[language]) == "" {
			return problem(path+"."+language, "the text is empty")
		}
	}
	return nil
}

func (s *Site) checkPath([]string) error {
	p := s.Path
	if !strings.HasPrefix(p, "/") || p == "/" || path.Clean(p) != p || strings.Trim(p, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~") != "" {
		return problem("path", "%q must be an absolute path of letters, digits, - . _ and ~, without //, .. or a slash at its end", p)
	}
	return nil
}

func (s *Site) checkFirstParty([]string) error {
	for i, host := range s.FirstParty {
		if err := checkHost(fmt.Sprintf("first_party[%d]", i), host); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) checkPreferenceCookie([]string) error {
	c := s.PreferenceCookie
	if err := checkToken("preference_cookie.name", c.Name); err != nil {
		return err
	}
	switch lower := strings.ToLower(c.Name); {
	case strings.Contains(c.Name, "*"):
		return problem("preference_cookie.name", "%q is a pattern; the preference cookie has one name", c.Name)
	case len(c.Name) > 40:
		return problem("preference_cookie.name", "%q is longer than 40 characters", c.Name)
	case strings.HasPrefix(lower, "__host-") && c.Domain != "":
		return problem("preference_cookie.domain", "a __Host- cookie cannot have a domain")
	case time.Duration(c.Lifetime) < time.Minute || time.Duration(c.Lifetime) > 400*day:
		return problem("preference_cookie.lifetime", "a choice is kept between a minute and 400 days")
	}
	return checkDomain("preference_cookie.domain", c.Domain)
}

// checkToken reports what is no cookie-name (RFC 6265bis section 4.1.1).
func checkToken(path, name string) error {
	if name == "" {
		return problem(path, "the cookie has no name")
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/?={}`, c) {
			return problem(path, "%q is no cookie-name: unexpected %q", name, c)
		}
	}
	if name[0] == '$' {
		return problem(path, "%q: names beginning with $ are never passed on", name)
	}
	return nil
}

var domainName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$`)

func checkDomain(path, domain string) error {
	if domain == "" {
		return nil
	}
	if _, err := netip.ParseAddr(domain); err == nil || !domainName.MatchString(domain) {
		return problem(path, "%q is no domain name in lower case, such as example.fr", domain)
	}
	return nil
}

// checkHost reports what is no origin as policy.CheckHost and browsers know them.
func checkHost(path, host string) error {
	if scheme, _, found := strings.Cut(host, "://"); found {
		return problem(path, "host %q: an origin is declared without %s://", host, scheme)
	}
	if err := policy.CheckHost(host); err != nil {
		return problem(path, "%v", err)
	}
	name, _, _ := strings.Cut(host, "/")
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "*."), ":")
	if host[0] != '/' && !domainName.MatchString(strings.ToLower(name)) {
		return problem(path, "host %q: %q is no host name (beyond ASCII it is written in its xn-- form)", host, name)
	}
	return nil
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// checkID reports an id that is malformed, reserved or taken, and takes it.
func checkID(path, id string, taken map[string]string) error {
	switch other, twice := taken[id]; {
	case !identifier.MatchString(id):
		return problem(path, "%q is no id: a lower case letter, then up to 31 lower case letters, digits, _ or -", id)
	case id == "all" || id == "exempt":
		return problem(path, "%q is a reserved word", id)
	case twice:
		return problem(path, "%q is declared twice (first as a %s)", id, other)
	}
	return nil
}

func (s *Site) checkCategories(known []string) error {
	taken := map[string]string{}
	for i, c := range s.Categories {
		path := fmt.Sprintf("categories[%d]", i)
		if err := checkID(path+".id", c.ID, taken); err != nil {
			return err
		}
		taken[c.ID] = "category"
		if err := checkText(path+".name", c.Name, known); err != nil {
			return err
		}
		if err := checkText(path+".description", c.Description, known); err != nil {
			return err
		}
		if !slices.Contains(policy.BuiltIn, c.ID) && c.Name[s.Languages[0]] == "" {
			return problem(path+".name", "category %q needs a name in %q", c.ID, s.Languages[0])
		}
		if c.Exempt != nil {
			if err := c.checkExemption(path + ".exempt"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Category) checkExemption(path string) error {
	if c.ID != "statistics" && slices.Contains(policy.BuiltIn, c.ID) {
		return problem(path, "only audience measurement can be exempt, and %q is none (R-1.11)", c.ID)
	}
	e := c.Exempt
	for _, condition := range []struct {
		name   string
		stated bool
	}{
		{"publisher_only", e.PublisherOnly}, {"no_cross_site", e.NoCrossSite},
		{"ip_truncated", e.IPTruncated}, {"data_retention", e.DataRetention > 0},
	} {
		if !condition.stated {
			return problem(path, "every condition of the exemption must be stated: %s is missing (R-1.11)", condition.name)
		}
	}
	return nil
}

func (s *Site) checkServices(known []string) error {
	taken, categories := map[string]string{}, slices.Clone(policy.BuiltIn)
	for _, c := range s.Categories {
		categories = append(categories, c.ID)
	}
	for _, id := range categories {
		taken[id] = "category"
	}
	for i := range s.Services {
		service, path := &s.Services[i], fmt.Sprintf("services[%d]", i)
		if err := checkID(path+".id", service.ID, taken); err != nil {
			return err
		}
		taken[service.ID] = "service"
		if err := service.check(path, known, categories); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) check(path string, known, categories []string) error {
	for _, t := range []struct {
		name string
		text Text
	}{{".name", s.Name}, {".place", s.Place}, {".purpose", s.Purpose}} {
		if err := checkText(path+t.name, t.text, known); err != nil {
			return err
		}
	}
	if err := s.checkCategory(path, categories); err != nil {
		return err
	}
	if u, err := url.Parse(s.Policy); s.Policy != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return problem(path+".policy", "%q is no web address", s.Policy)
	}
	if s.Country != "" && !regexp.MustCompile(`^[A-Z]{2}$`).MatchString(s.Country) {
		return problem(path+".country", "%q is no country code such as US (ISO 3166)", s.Country)
	}
	for i, host := range s.Hosts {
		if err := checkHost(fmt.Sprintf("%s.hosts[%d]", path, i), host); err != nil {
			return err
		}
	}
	for i, key := range s.Storage {
		if err := oneOf(fmt.Sprintf("%s.storage[%d].area", path, i), key.Area, "local", "session"); err != nil {
			return err
		}
		if key.Key == "" {
			return problem(fmt.Sprintf("%s.storage[%d].key", path, i), "the key is empty")
		}
	}
	for i, text := range s.Inline {
		if strings.TrimSpace(text) == "" {
			return problem(fmt.Sprintf("%s.inline[%d]", path, i), "the text is empty and would match every script")
		}
	}
	for i := range s.Cookies {
		if err := s.Cookies[i].check(fmt.Sprintf("%s.cookies[%d]", path, i), known); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkCategory(path string, categories []string) error {
	switch {
	case s.Category == "":
		return problem(path+".category", "service %q has no category: a cookie is declared for a purpose (R-1.18)", s.ID)
	case !slices.Contains(categories, s.Category):
		return problem(path+".category", "unknown category %q; known are: %s", s.Category, strings.Join(categories, ", "))
	case s.Category != policy.Necessary && s.Ground != "":
		return problem(path+".ground", "only necessary services have a ground")
	case s.Category != policy.Necessary:
		return nil
	case s.Ground == "":
		return problem(path+".category", "necessary needs its ground: %s", grounds())
	case !slices.Contains(policy.Grounds, policy.Ground(s.Ground)):
		return problem(path+".ground", "unknown ground %q; known are: %s (R-1.12)", s.Ground, grounds())
	}
	return nil
}

func grounds() string {
	words := make([]string, len(policy.Grounds))
	for i, g := range policy.Grounds {
		words[i] = string(g)
	}
	return strings.Join(words, ", ")
}

func (c *Cookie) check(path string, known []string) error {
	if err := checkToken(path+".name", c.Name); err != nil {
		return err
	}
	if err := checkText(path+".purpose", c.Purpose, known); err != nil {
		return err
	}
	if _, err := parseLifetime(c.Lifetime); err != nil {
		return problem(path+".lifetime", "%v", err)
	}
	if err := checkDomain(path+".domain", c.Domain); err != nil {
		return err
	}
	if err := checkDomain(path+".set_by", c.SetBy); err != nil {
		return err
	}
	if c.SameSite != "" {
		if err := oneOf(path+".same_site", c.SameSite, "strict", "lax", "none"); err != nil {
			return err
		}
	}
	lower := strings.ToLower(c.Name)
	switch {
	case c.Path != "" && (c.Path[0] != '/' || strings.ContainsAny(c.Path, "; \t")):
		return problem(path+".path", "%q is no cookie path such as /admin", c.Path)
	case c.SameSite == "none" && !c.Secure:
		return problem(path+".same_site", "same_site none needs secure (RFC 6265bis section 5.7)")
	case c.Partitioned && !c.Secure:
		return problem(path+".partitioned", "partitioned needs secure")
	case strings.HasPrefix(lower, "__host-") && (c.Domain != "" || c.Path != "" && c.Path != "/"):
		return problem(path+".name", "a __Host- cookie has no domain, and the path / (RFC 6265bis section 4.1.3.2)")
	}
	return nil
}

// parseLifetime reads a declared lifetime.
func parseLifetime(text string) (policy.Lifetime, error) {
	switch text {
	case "":
		return 0, nil
	case "session":
		return policy.Session, nil
	}
	d, err := caddy.ParseDuration(text)
	if err != nil || d < time.Second || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is no lifetime: a duration in whole seconds such as 14d or 30m, or session", text)
	}
	return policy.Lifetime(d), nil
}
