package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const day = Lifetime(24 * time.Hour)

// declared returns a policy of services, each with one category of its id's
// first part ("statistics-a" belongs to statistics) and the cookies given.
func declared(t testing.TB, services ...Service) *Policy {
	t.Helper()
	d := Declaration{
		Controller: "somebody",
		Preference: Preference{Name: "choice", Lifetime: 182 * 24 * time.Hour},
		Categories: []Category{{ID: "necessary"}, {ID: "preferences"}, {ID: "statistics"}, {ID: "marketing"}, {ID: "audience", Exempt: true}},
		Services:   services,
	}
	p, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func service(id string, cookies ...string) Service {
	category, _, _ := strings.Cut(id, "-")
	s := Service{ID: id, Category: category}
	for _, name := range cookies {
		s.Cookies = append(s.Cookies, Cookie{Name: name})
	}
	return s
}

// granting returns the grants of a visitor who saved ids.
func granting(t testing.TB, p *Policy, ids ...string) *Set {
	t.Helper()
	c, err := p.Save(ids, nil, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	return &[]Set{p.Judge(c, false).Grants}[0]
}

func TestVerdict(t *testing.T) {
	p := declared(t,
		service("necessary-login", "sessionid", "Shared"),
		service("statistics-a", "_pk_id.*", "_ga", "Shared", "*_suffix", "*inner*"),
		service("statistics-b", "_ga", "_ga_*", "both_suffix"),
		service("marketing-a", "ads*", "ads_exact", "ads_*_long*", "*", "choice*"),
		service("audience-a", "visitor"),
		Service{ID: "third", Category: "marketing", Cookies: []Cookie{{Name: "IDE", ThirdParty: "doubleclick.net"}}},
	)
	for _, row := range []struct {
		name    string
		cookie  string
		granted []string
		want    Verdict
	}{
		{"exempt cookie passes before any choice", "sessionid", nil, Granted},
		{"exempt measurement too", "visitor", nil, Granted},
		{"declared cookie waits for its grant", "_pk_id.1", nil, Refused},
		{"a grant opens it", "_pk_id.1", []string{"statistics"}, Granted},
		{"a service's grant opens its own", "_pk_id.1", []string{"statistics-a"}, Granted},
		{"and no other's", "_ga_X", []string{"statistics-a"}, Refused},
		{"a grant opens its own category only", "_pk_id.1", []string{"marketing"}, Refused},
		{"a shared cookie needs the grants of all", "_ga", []string{"statistics-a"}, Refused},
		{"and passes with them", "_ga", []string{"statistics-a", "statistics-b"}, Granted},
		{"shared with a necessary service it still needs the other", "Shared", nil, Refused},
		{"the preference cookie is nobody's", "choice", []string{"statistics", "marketing"}, Own},
		{"even beside a pattern", "choice2", []string{"marketing"}, Granted},
		{"case matters", "SESSIONID", nil, Refused}, // covered by "*" alone
		{"exact beats pattern", "ads_exact", []string{"marketing"}, Granted},
		{"a longer literal beats a shorter", "_ga_1", []string{"statistics-b"}, Granted},
		{"a suffix pattern", "x_suffix", []string{"statistics"}, Granted},
		{"exact beats a suffix", "both_suffix", []string{"statistics-b"}, Granted},
		{"an inner pattern", "xinnerx", []string{"statistics"}, Granted},
		{"a star covers nothing too", "_pk_id.", []string{"statistics"}, Granted},
		{"a pattern is anchored at the front", "x_pk_id.1", []string{"statistics"}, Refused},
		{"several stars", "ads_a_longb", []string{"marketing"}, Granted},
		{"* is the weakest", "anything", []string{"statistics"}, Refused},
		{"* covers the rest", "anything", []string{"marketing"}, Granted},
		{"a third party's own cookie admits nothing here", "IDE", []string{"statistics"}, Refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, _ := p.Verdict(row.cookie, granting(t, p, row.granted...)); got != row.want {
				t.Errorf("Verdict(%q) with %q = %v, want %v", row.cookie, row.granted, got, row.want)
			}
		})
	}
}

func TestUndeclared(t *testing.T) {
	p := declared(t, service("necessary-login", "sessionid"))
	for _, name := range []string{"zz", "", "sessionidx", "session", "sessionid=", "sessionid\x00", strings.Repeat("x", 100)} {
		if got, rule := p.Verdict(name, &p.Exempt); got != Undeclared || rule != nil {
			t.Errorf("Verdict(%q) = %v, %v, want Undeclared", name, got, rule)
		}
	}
	p.AllowUndeclared = true
	if got, _ := p.Verdict("zz", &p.Exempt); got != Tolerated || !got.Passes() {
		t.Errorf("Verdict(zz) = %v, want Tolerated", got)
	}
}

func TestNamesOfEveryLength(t *testing.T) {
	var names []string
	for n := 1; n <= 70; n++ {
		names = append(names, strings.Repeat("n", n), strings.Repeat("n", n-1)+"x", "x"+strings.Repeat("n", n))
	}
	s := service("necessary-a")
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			s.Cookies = append(s.Cookies, Cookie{Name: name, Lifetime: Lifetime(len(seen) + 1)})
			seen[name] = true
		}
	}
	p := declared(t, s)
	for _, c := range s.Cookies {
		if _, rule := p.Verdict(c.Name, &p.Exempt); rule == nil || rule.Name != c.Name {
			t.Errorf("Verdict(%q): rule %v", c.Name, rule)
		}
		text := c.Name + "=" + strings.Repeat("v", 40)
		if got, want := p.PassesExact(text, &p.Exempt), len(c.Name) <= maxShort; got != want {
			t.Errorf("PassesExact(%q) = %v, want %v", text, got, want)
		}
	}
	for _, name := range []string{"nnny", "nn;", "y", "nn\x00"} {
		if p.PassesExact(name+"="+strings.Repeat("v", 40), &p.Exempt) {
			t.Errorf("PassesExact(%q)", name)
		}
	}
}

func TestDeclarationErrors(t *testing.T) {
	for _, row := range []struct {
		name     string
		services []Service
		want     string
	}{
		{"different facts", []Service{service("statistics-a", "x"), {ID: "b", Category: "marketing", Cookies: []Cookie{{Name: "x", Lifetime: day}}}},
			`cookie "x" is declared twice with different facts (services "statistics-a" and "b")`},
		{"the same service twice", []Service{service("statistics-a"), service("statistics-a")}, `service "statistics-a" is declared twice`},
		{"an unknown category", []Service{service("unknown-a")}, `service "unknown-a": unknown category "unknown"`},
		{"a host without a name", []Service{{ID: "a", Category: "statistics", Hosts: []string{":80"}}}, `service "a": host ":80" has no name`},
	} {
		_, err := New(Declaration{Categories: []Category{{ID: "statistics"}, {ID: "marketing"}}, Services: row.services})
		if err == nil || err.Error() != row.want {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
	many := make([]Service, MaxServices+1)
	if _, err := New(Declaration{Services: many}); err == nil {
		t.Error("more services than a set holds were accepted")
	}
	d := Declaration{}
	for i := range MaxCategories + 1 {
		id := fmt.Sprintf("c%d", i)
		d.Categories = append(d.Categories, Category{ID: id})
		d.Services = append(d.Services, Service{ID: "s" + id, Category: id})
	}
	if _, err := New(d); err == nil || errors.As(err, new(*DeclarationError)) {
		t.Errorf("more categories than a choice holds: %v", err)
	}
}

func TestSharedCookieIsMeasurementIfAnyServiceIs(t *testing.T) {
	p := declared(t, service("audience-a", "x"), service("necessary-a", "x", "y"))
	if _, rule := p.Verdict("x", &p.Exempt); !rule.Measurement {
		t.Error("x is prolonged by visits")
	}
	if _, rule := p.Verdict("y", &p.Exempt); rule.Measurement {
		t.Error("y is no measurement")
	}
}

func TestHost(t *testing.T) {
	p := declared(t,
		Service{ID: "statistics-a", Category: "statistics", Hosts: []string{"*.example.net", "cdn.example.net/a/*", "/gtm/*"}},
		Service{ID: "marketing-a", Category: "marketing", Hosts: []string{"ads.example.net", "cdn.example.net", "*.deep.example.net", "port.example:8443"}},
		Service{ID: "marketing-b", Category: "marketing", Hosts: []string{"*.example.net"}},
	)
	for _, row := range []struct {
		name, host, port, path string
		granted                []string
		want                   Verdict
	}{
		{"undeclared", "example.org", "", "/", []string{"statistics", "marketing"}, Undeclared},
		{"not granted", "x.example.net", "", "/", nil, Refused},
		{"*.x covers x", "example.net", "", "/", []string{"statistics"}, Granted},
		{"and what is deeper", "a.b.example.net", "", "/", []string{"statistics"}, Granted},
		{"shared: any grant is enough", "x.example.net", "", "/", []string{"marketing-b"}, Granted},
		{"exact beats pattern", "ads.example.net", "", "/", []string{"statistics"}, Refused},
		{"the longer pattern wins", "x.deep.example.net", "", "/", []string{"statistics"}, Refused},
		{"a path beats a bare host", "cdn.example.net", "", "/a/b", []string{"marketing"}, Refused},
		{"elsewhere the bare host counts", "cdn.example.net", "", "/b", []string{"marketing"}, Granted},
		{"another port is another origin", "port.example", "443", "/", []string{"marketing"}, Undeclared},
		{"a declared port", "port.example", "8443", "/", []string{"marketing"}, Granted},
		{"a tracker under the site's own name", "", "", "/gtm/x.js", nil, Refused},
		{"the rest of the site is nobody's", "", "", "/page", nil, Undeclared},
		{"no suffix of a label", "badexample.net", "", "/", []string{"statistics"}, Undeclared},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, _ := p.Host(row.host, row.port, row.path, granting(t, p, row.granted...)); got != row.want {
				t.Errorf("Host(%q, %q, %q) with %q = %v, want %v", row.host, row.port, row.path, row.granted, got, row.want)
			}
		})
	}
}

// FuzzVerdict: whatever the name, what passes is declared: exactly, or by a
// pattern that a slow and plain matcher agrees with.
func FuzzVerdict(f *testing.F) {
	patterns := []string{"a", "ab*", "*yz", "*mid*", "a*b*c", "session"}
	f.Add("session")
	f.Add("a1b2c")
	p := declared(f, service("necessary-a", patterns...))
	f.Fuzz(func(t *testing.T, name string) {
		want := false
		for _, pattern := range patterns {
			want = want || plainMatch(pattern, name)
		}
		got, _ := p.Verdict(name, &p.Exempt)
		if got.Passes() != want {
			t.Fatalf("Verdict(%q) = %v, want passing: %v", name, got, want)
		}
		before, _, _ := strings.Cut(name, "=")
		if p.PassesExact(name, &p.Exempt) && before != "a" && before != "session" {
			t.Fatalf("PassesExact(%q)", name)
		}
	})
}

func plainMatch(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		return plainMatch(pattern[1:], name) || name != "" && plainMatch(pattern, name[1:])
	}
	return name != "" && name[0] == pattern[0] && plainMatch(pattern[1:], name[1:])
}

func BenchmarkVerdict(b *testing.B) {
	for _, n := range []int{10, 2000} {
		s := service("statistics-a")
		for i := range n {
			s.Cookies = append(s.Cookies, Cookie{Name: fmt.Sprintf("_p%d_*", i)})
		}
		p := declared(b, s)
		b.Run(fmt.Sprintf("%d patterns", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Verdict("_p7_0123456789", &p.Exempt)
			}
		})
	}
}
