package catalogue

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Of the facts of the catalogue, at least so many services have a sourced cookie or
// host.
const least = 200

func TestEveryEntryIsWhole(t *testing.T) {
	names, err := fs.Glob(files, "data/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		read := json.NewDecoder(bytes.NewReader(data))
		read.DisallowUnknownFields()
		var services []*Service
		if err := read.Decode(&services); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.IsSortedFunc(services, func(a, b *Service) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%s is not sorted by id", name)
		}
	}
	ids := map[string]bool{"all": true, "exempt": true}
	for _, id := range policy.BuiltIn {
		ids[id] = true
	}
	for _, s := range Services() {
		if ids[s.ID] {
			t.Errorf("%s: the id is taken", s.ID)
		}
		ids[s.ID] = true
		for _, problem := range incomplete(s) {
			t.Errorf("%s: %s", s.ID, problem)
		}
	}
	if n := len(Services()); n < least {
		t.Errorf("%d services, want %d at least", n, least)
	}
}

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	lifetime   = regexp.MustCompile(`^(session|[1-9][0-9]*[smhd])?$`)
	setter     = regexp.MustCompile(`^(response|script|third ([a-z0-9_-]+\.)+[a-z0-9-]+)$`)
	country    = regexp.MustCompile(`^([A-Z]{2})?$`)
)

// incomplete lists what is wrong with an entry.
func incomplete(s *Service) (problems []string) {
	wrong := func(is bool, what string) {
		if is {
			problems = append(problems, what)
		}
	}
	wrong(!identifier.MatchString(s.ID), "no id")
	wrong(s.Provider == "" || s.Name == "", "no provider or name")
	wrong(!slices.Contains(policy.BuiltIn, s.Category), "no category")
	wrong((s.Category == policy.Necessary) != slices.Contains(policy.Grounds, policy.Ground(s.Ground)), "its ground does not fit its category")
	wrong(!country.MatchString(s.Country), "no country code")
	if s.Policy != "" {
		u, err := url.Parse(s.Policy)
		wrong(err != nil || u.Scheme != "https" || u.Host == "", "no https address of a privacy policy")
	}
	wrong(len(s.Cookies)+len(s.Hosts) == 0, "neither a cookie nor a host")
	for _, language := range []string{"fr", "en"} {
		text := s.Purpose[language]
		wrong(!strings.HasSuffix(text, ".") || len([]rune(text)) > 120, "no purpose in one sentence: "+language)
	}
	for _, c := range s.Cookies {
		wrong(c.Source == "", c.Name+" has no source")
		wrong(!setter.MatchString(c.SetBy), c.Name+" is set by nobody")
		wrong(!lifetime.MatchString(c.Lifetime), c.Name+" has no lifetime")
		wrong(strings.Contains(c.Name, "*") && len(strings.ReplaceAll(c.Name, "*", "")) < 3, c.Name+" fits nearly everything")
		wrong(c.Name == "" || strings.ContainsAny(c.Name, " ;,=\"\\()<>@{}?/"), c.Name+" is no cookie-name")
	}
	for _, h := range s.Hosts {
		wrong(h.Source == "", h.Host+" has no source")
		wrong(policy.CheckHost(h.Host) != nil || strings.Contains(h.Host, "://") || strings.HasPrefix(h.Host, "/"), h.Host+" is no host")
	}
	for _, k := range s.Storage {
		wrong(k.Source == "" || k.Key == "" || k.Area != "local" && k.Area != "session", k.Key+" is no sourced key")
	}
	for _, m := range s.Inline {
		wrong(m.Source == "" || len(m.Text) < 4, m.Text+" is no sourced mark")
	}
	return problems
}

// apart are services of which a site has one: they may tell different things of
// cookies that are called alike.
var apart = [][]string{{"django", "opendatasoft-login"}, {"django-csrf", "opendatasoft-csrf"}, {"django-language", "opendatasoft-language"}}

func TestSharedCookiesHaveTheSameFacts(t *testing.T) {
	type first struct {
		service string
		cookie  Cookie
	}
	known := map[string]first{}
	for _, s := range Services() {
		for _, c := range s.Cookies {
			if c.Third() != "" {
				continue
			}
			other, shared := known[c.Name]
			if !shared {
				known[c.Name] = first{s.ID, c}
				continue
			}
			alternatives := slices.ContainsFunc(apart, func(pair []string) bool { return slices.Contains(pair, s.ID) && slices.Contains(pair, other.service) })
			if other.cookie.Lifetime != c.Lifetime && !alternatives {
				t.Errorf("%s lives %q in %s and %q in %s", c.Name, other.cookie.Lifetime, other.service, c.Lifetime, s.ID)
			}
		}
	}
}

// A site may declare any of them alone, and all of them together but those apart.
func TestEveryEntryCompiles(t *testing.T) {
	for _, s := range Services() {
		d := policy.Declaration{Categories: []policy.Category{{ID: s.Category}}}
		service := policy.Service{ID: s.ID, Category: s.Category, Ground: policy.Ground(s.Ground)}
		for _, c := range s.Cookies {
			service.Cookies = append(service.Cookies, policy.Cookie{Name: c.Name, ThirdParty: c.Third()})
		}
		for _, h := range s.Hosts {
			service.Hosts = append(service.Hosts, h.Host)
		}
		d.Services = []policy.Service{service}
		if _, err := policy.New(d); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
	}
}

// a name says nothing without who sets it, or who provides the service.
func TestNamesAloneDecideNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		row  Row
		want string // id, or "" for none
	}{
		{"sessionid of a Django portal", Row{Provider: "Opendatasoft", Cookie: "sessionid"}, "opendatasoft-login"},
		{"sessionid of Django", Row{Provider: "Django", Cookie: "sessionid"}, "django"},
		{"sessionid of nobody known", Row{Provider: "Département", Cookie: "sessionid"}, ""},
		{"sessionid alone", Row{Cookie: "sessionid"}, ""},
		{"a provider with another cookie", Row{Provider: "Opendatasoft", Cookie: "zz"}, ""},
		{"the new name of a provider", Row{Provider: "Huwise", Cookie: "csrftoken"}, "opendatasoft-csrf"},
		{"a service in the words of a charter", Row{Provider: "Google", Service: "Google Analytics 4", Cookie: "_ga"}, "google-analytics"},
		{"a pattern of it", Row{Provider: "Matomo", Cookie: "_pk_id.1.1fff"}, "matomo"},
		{"a third party by its host", Row{Provider: "unknown", Cookie: "VISITOR_INFO1_LIVE", Third: "youtube.com"}, "youtube"},
		{"a third party's name on the site itself", Row{Cookie: "VISITOR_INFO1_LIVE"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := Match(c.row)
			got := ""
			if s != nil {
				got = s.ID
			}
			if got != c.want {
				t.Errorf("Match(%+v) = %q, want %q", c.row, got, c.want)
			}
		})
	}
	for _, name := range []string{"ts", "m", "c", "uid", "id", "lang", "PREF", "fr"} {
		for _, setter := range []string{"response", "script", "unknown"} {
			if found := Suggest(name, setter, ""); len(found) > 0 {
				t.Errorf("%s of the site itself may be %s", name, found[0].ID)
			}
		}
	}
	for _, s := range Suggest("sessionid", "response", "") {
		if s.Category != policy.Necessary {
			t.Errorf("sessionid of the site may be %s", s.ID)
		}
	}
}

func TestSuggestHost(t *testing.T) {
	for _, c := range []struct{ host, path, want string }{
		{"www.youtube.com", "/embed/x", "youtube"},
		{"www.google.com", "/recaptcha/api.js", "recaptcha"},
		{"www.google.com", "/maps/embed", "google-maps"},
		{"example.com", "/", ""},
	} {
		got := ""
		if found := SuggestHost(c.host, c.path); len(found) > 0 {
			got = found[0].ID
		}
		if got != c.want {
			t.Errorf("%s%s may be %q, want %q", c.host, c.path, got, c.want)
		}
	}
}

const list = "ID,Platform,Category,Cookie / Data Key name,Domain,Description,Retention period,Data Controller,User Privacy & GDPR Rights Portals,Wildcard match\n" +
	"1,Counter,Analytics,_c_,Website domain (1st party),\"x, y\",2 years,Count,https://c.example,1\n" +
	"2,Ads,Marketing,uid,ads.example (3rd party),x,60 days,Ads,https://a.example,0\n" +
	"3,Ads,Marketing,SR<RotatorID>,ads.example (3rd party) or advertiser's website domain (1st party),x,1 day,Ads,,0\n" +
	"4,Box,Functional,CookieConsent [x4],,x,1 year,Box,,0\n"

const listJSON = `{"Counter": [{"id": "1", "category": "Analytics", "cookie": "_c_", "domain": "Website domain (1st party)", "retentionPeriod": "2 years", "dataController": "Count", "wildcardMatch": "1"}],
	"Ads": [{"category": "Marketing", "cookie": "uid", "domain": "ads.example (3rd party)", "wildcardMatch": "0"}]}`

func TestReadList(t *testing.T) {
	for name, text := range map[string]string{"CSV": list, "CSV with a mark": "\ufeff" + list, "JSON": listJSON} {
		hints, err := ReadList([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fit := func(cookie, third string) string {
			for _, h := range hints {
				if h.Fits(cookie, third) {
					return h.Service + "/" + h.Category
				}
			}
			return ""
		}
		for _, c := range []struct{ cookie, third, want string }{
			{"_c_12", "", "Counter/Analytics"}, {"_c", "", ""}, {"uid", "", ""}, {"uid", "x.ads.example", "Ads/Marketing"}, {"uid", "other.example", ""},
		} {
			if got := fit(c.cookie, c.third); got != c.want {
				t.Errorf("%s: %s of %q is %q, want %q", name, c.cookie, c.third, got, c.want)
			}
		}
	}
	hints, _ := ReadList([]byte(list))
	if hints[2].Cookie != "SR*" || !hints[2].Site || len(hints[2].Third) != 1 || hints[3].Cookie != "CookieConsent" || !hints[3].Site {
		t.Errorf("%+v", hints[2:])
	}
}

func TestListsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "the list is empty"},
		"another table":       {"Provider,Cookie\nA,a\n", `no column is headed "Platform"`},
		"other JSON":          {`{"a": 1}`, "not the JSON of the Open Cookie Database"},
		"JSON without cookie": {`{"a": [{"category": "x"}]}`, `an entry of "a" has no "cookie"`},
	} {
		if _, err := ReadList([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add([]byte(list))
	f.Add([]byte(listJSON))
	f.Fuzz(func(t *testing.T, data []byte) {
		hints, err := ReadList(data)
		if err != nil && hints != nil {
			t.Fatalf("%d hints and %v", len(hints), err)
		}
		for _, h := range hints {
			if h.Cookie == "" {
				t.Fatalf("%+v", h)
			}
			h.Fits(h.Cookie, "")
		}
	})
}

func TestReadingTheCatalogueIsQuick(t *testing.T) {
	start := time.Now()
	for range 100 {
		Match(Row{Provider: "Google", Service: "Analytics", Cookie: "_ga"})
	}
	if each := time.Since(start) / 100; each > 20*time.Millisecond {
		t.Errorf("a row takes %v", each)
	}
}
