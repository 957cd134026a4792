package declare_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	_ "github.com/caddy-cookie-consent/caddy-cookie-consent"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/declare"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// written returns the blocks of a proposal.
func written(t testing.TB, p *declare.Proposal) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.WriteCaddyfile(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// adapted puts lines into a block of cookie_consent and adapts that as Caddy does.
func adapted(t testing.TB, lines string) *config.Site {
	t.Helper()
	text := "http://www.example.fr {\n\tcookie_consent {\n\t\tmode observe\n" + lines + "\t}\n}\n"
	data, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var root struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes []struct {
						Handle []struct {
							Routes []struct{ Handle []config.Site }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	return whole(t, &root.Apps.HTTP.Servers["srv0"].Routes[0].Handle[0].Routes[0].Handle[0], text)
}

// chartered joins the rows of a proposal, as a charter's file of some format, with
// other services.
func chartered(t testing.TB, p *declare.Proposal, write func(*bytes.Buffer, []charter.Row) error, services []config.Service) *config.Site {
	t.Helper()
	var file bytes.Buffer
	if err := write(&file, p.Rows()); err != nil {
		t.Fatal(err)
	}
	site := &config.Site{Mode: "observe", Services: services}
	name := ""
	if len(p.Services) > 0 {
		name = "charte"
		site.Charter = []string{name}
	}
	full, err := site.WithDefaults().Expand(func(string) ([]byte, error) { return file.Bytes(), nil })
	if err == nil {
		err = full.Check(banner.Texts())
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, file.String())
	}
	return full
}

func whole(t testing.TB, site *config.Site, text string) *config.Site {
	t.Helper()
	full, err := site.WithDefaults().Expand(os.ReadFile)
	if err == nil {
		err = full.Check(banner.Texts())
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return full
}

// checkDeclares holds a proposal for entries against what it promises: it loads, in
// each form, beside the services that a site has, and then declares all entries but
// those it says it left out.
func checkDeclares(t testing.TB, entries []inventory.Entry, services string) {
	t.Helper()
	site := declare.Site{}
	var others []config.Service
	if services != "" {
		before := adapted(t, services)
		others = before.Services
		declared, err := policy.New(before.Declaration())
		if err != nil {
			t.Fatal(err)
		}
		site.Declared = declared
	}
	p := declare.Propose(entries, site)
	shuffled := slices.Clone(entries)
	slices.Reverse(shuffled)
	text := written(t, p)
	if again := written(t, declare.Propose(shuffled, site)); again != text {
		t.Errorf("the order of what was seen tells:\n%s\n%s", text, again)
	}
	// Caddy's formatter takes a backslash for one that escapes, in backticks too
	if formatted := string(caddyfile.Format([]byte(text))); formatted != text && !strings.Contains(text, `\`) {
		got, want := strings.Split(text, "\n"), strings.Split(formatted, "\n")
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("not formatted: line %q, want %q", got[i], want[i])
				break
			}
		}
	}
	for form, full := range map[string]*config.Site{
		"Caddyfile": adapted(t, services+text),
		"CSV":       chartered(t, p, func(w *bytes.Buffer, rows []charter.Row) error { return charter.WriteCSV(w, rows, "fr") }, others),
		"Markdown":  chartered(t, p, func(w *bytes.Buffer, rows []charter.Row) error { return charter.WriteMarkdown(w, rows, "en") }, others),
	} {
		compiled, err := policy.New(full.Declaration())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !declares(compiled, e) && !left(p, e) {
				t.Errorf("%s: %+v is not declared by\n%s", form, e, text)
			}
		}
	}
}

func left(p *declare.Proposal, e inventory.Entry) bool {
	return slices.ContainsFunc(p.Left, func(l declare.Left) bool {
		return l.Kind == e.Kind && l.Name == e.Name && l.Area == e.Area && l.Domain == e.Domain && l.Why != ""
	})
}

// declares reports whether a policy declares something, or it needs no declaration.
func declares(p *policy.Policy, e inventory.Entry) bool {
	switch {
	case e.Service != "":
		return true
	case e.Kind == inventory.KindStorage:
		return declaresKey(p, e)
	case e.Kind == inventory.KindHost:
		return declaresHost(p, e)
	}
	if verdict, _ := p.Verdict(e.Name, &policy.Set{}); verdict != policy.Undeclared {
		return true
	}
	return slices.ContainsFunc(p.Services, func(s policy.Service) bool {
		return slices.ContainsFunc(s.Cookies, func(c policy.Cookie) bool {
			domain := strings.TrimPrefix(strings.ToLower(e.Domain), ".")
			return c.ThirdParty != "" && policy.Fits(c.Name, e.Name) && (c.ThirdParty == domain || strings.HasSuffix(domain, "."+c.ThirdParty))
		})
	})
}

func declaresKey(p *policy.Policy, e inventory.Entry) bool {
	return slices.ContainsFunc(p.Services, func(s policy.Service) bool {
		return slices.ContainsFunc(s.Storage, func(k policy.StorageKey) bool {
			return (k.Area == e.Area || e.Area != "local" && e.Area != "session") && policy.Fits(k.Key, e.Name)
		})
	}) || e.Name == "cookie-consent-saved"
}

func declaresHost(p *policy.Policy, e inventory.Entry) bool {
	name, port, _ := strings.Cut(strings.ToLower(e.Name), ":")
	if name == "example.fr" || strings.HasSuffix(name, ".example.fr") {
		return true // the site's own
	}
	path := cmp.Or(e.Path, "/")
	if !strings.HasPrefix(path, "/") {
		path = "/"
	}
	sample := strings.Replace(name, "*", "sample", 1)
	if _, service := p.Host(sample, port, path, &policy.Set{}); service >= 0 {
		return true
	}
	return e.Path == "" && slices.ContainsFunc(p.Services, func(s policy.Service) bool {
		return slices.ContainsFunc(s.Hosts, func(host string) bool {
			declared, _, hasPath := strings.Cut(host, "/")
			return hasPath && declared == name
		})
	})
}

// catalogued returns a thing that the catalogue knows, by number.
func catalogued(n int) inventory.Entry {
	services := catalogue.Services()
	s := services[n%len(services)]
	switch {
	case n%3 == 0 && len(s.Cookies) > 0:
		c := s.Cookies[n/3%len(s.Cookies)]
		setter := c.SetBy
		if c.Third() != "" {
			setter = "response"
		}
		return inventory.Entry{Kind: inventory.KindCookie, Name: c.Name, Setter: setter, Domain: c.Third(), Lifetime: int64(n % 5 * 86400)}
	case n%3 == 1 && len(s.Storage) > 0:
		k := s.Storage[n/3%len(s.Storage)]
		return inventory.Entry{Kind: inventory.KindStorage, Name: k.Key, Area: k.Area}
	case len(s.Hosts) > 0:
		host, path, _ := strings.Cut(s.Hosts[n/3%len(s.Hosts)].Host, "/")
		e := inventory.Entry{Kind: inventory.KindHost, Name: host}
		if n%2 == 0 && path != "" {
			e.Path = "/" + strings.ReplaceAll(path, "*", "x")
		}
		return e
	}
	return inventory.Entry{Kind: inventory.KindCookie, Name: s.ID, Setter: "script"}
}

func TestWhateverIsKnownLoads(t *testing.T) {
	var all []inventory.Entry
	for n := range 3 * len(catalogue.Services()) {
		e := catalogued(n)
		e.Site = "www.example.fr"
		all = append(all, e)
	}
	for _, every := range []int{1, 9, 200} { // all are more than one site can have
		for of := range min(every, 20) {
			var some []inventory.Entry
			for n := of; n < len(all); n += every {
				some = append(some, all[n])
			}
			checkDeclares(t, some, "")
		}
	}
}

func FuzzPropose(f *testing.F) {
	for _, seed := range []string{
		"cookie|a_b|script|||/|9", "cookie|__Host-x|response||.example.fr|/a|-1", "cookie|a b|||", "cookie|0#|||00000.0", "cookie|*||", "cookie|`#|response||other.example|/|5000000000",
		"cookie|id*|unknown||", "cookie|sessionid|script||", "cookie|$x", "cookie|cookies_preferences|response", "cookie|x|response||10.0.0.1",
		"host|*.cdn.example:8443", "host|[::1]:80", "host|*.co.uk", "host|10.0.0.1", "host|www.example.fr", "host|www.google.com", "host|a_b.example||||/x",
		"storage|{path}|script|local", "storage|{$HOME} \\|script|session", "storage|a`\"b\\|script|local", "storage|<<X|script|", "storage|}|script|local", "storage|#|script|local", "storage|a\u2000b|script|local", "storage|\xff\xfea|script|local",
		"cookie|_ga|response\ncookie|_gid|script\n42\n7\n1203", "17\n18\n19\n20", "cookie|all|script\ncookie|exempt|script\ncookie|matomo|script\ncookie|marketing_x|script",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var entries []inventory.Entry
		services := ""
		for one := range strings.SplitSeq(text, "\n") {
			if one == "declared" {
				services = "service youtube\nservice audience {\ncategory statistics\ncookie _ga {\nlifetime 1d\n}\ncookie a_b\nhost www.google.com/maps/*\n}\n"
				continue
			}
			if e, ok := entry(one); ok {
				entries = append(entries, e)
			}
		}
		checkDeclares(t, entries, services)
	})
}

// entry reads kind|name|setter|area|domain|path|lifetime in days, or the number of
// something that the catalogue knows.
func entry(text string) (e inventory.Entry, ok bool) {
	number := 0
	if json.Unmarshal([]byte(text), &number) == nil {
		e = catalogued(number & 0xffff)
	} else {
		parts := append(strings.Split(text, "|"), make([]string, 7)...)
		e = inventory.Entry{Kind: inventory.Kind(parts[0]), Name: parts[1], Setter: parts[2], Area: parts[3], Domain: parts[4], Path: parts[5], Example: "/" + parts[6]}
		var days int64
		if json.Unmarshal([]byte(parts[6]), &days) == nil {
			e.Lifetime = days
		}
	}
	e.Site = "www.example.fr"
	return e, slices.Contains(inventory.Kinds, e.Kind) && e.Name != ""
}
