package enforcer

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestSources(t *testing.T) {
	for _, row := range []struct {
		name  string
		hosts []string
		want  string // of the sources without ws
	}{
		{"a name has any port", []string{"a.net"}, "a.net:*"},
		{"but the one that is said", []string{"a.net:8443"}, "a.net:8443"},
		{"a pattern is the name too", []string{"*.a.net"}, "a.net:* *.a.net:*"},
		{"with a port and a path", []string{"*.a.net:81/x"}, "a.net:81/x *.a.net:81/x"},
		{"names are written small", []string{"A.Net/X"}, "a.net:*/X"},
		{"a path of the site itself", []string{"/stats/*"}, ""},
		{"an exact path", []string{"a.net/b/c.js"}, "a.net:*/b/c.js"},
		{"a path that is a prefix for a browser", []string{"a.net/b/"}, "a.net:*/b/"},
		{"a star ends the path", []string{"a.net/b/*.js"}, "a.net:*/b/"},
		{"back to its last slash", []string{"a.net/b/c*/d"}, "a.net:*/b/"},
		{"nothing is left of it", []string{"a.net/*"}, "a.net:*"},
		{"nor of a beginning", []string{"a.net/gtag*"}, "a.net:*"},
		{"the path of all", []string{"a.net/"}, "a.net:*"},
		{"a path that no source can have", []string{"a.net//x"}, "a.net:*"},
		{"what would end the source", []string{"a.net/a;b,c d"}, "a.net:*/a%3Bb%2Cc%20d"},
		{"what else a path cannot hold", []string{`a.net/"é?#[]\|`}, "a.net:*/%22%C3%A9%3F%23%5B%5D%5C%7C"},
		{"escapes stay", []string{"a.net/%2Fx%"}, "a.net:*/%2Fx%25"},
		{"signs that may stand in a path", []string{"a.net/-._~!$&'()+=:@"}, "a.net:*/-._~!$&'()+=:@"},
		{"no source twice", []string{"a.net", "b.net", "a.net", "A.net"}, "a.net:* b.net:*"},
		{"any port covers one", []string{"a.net:443", "a.net"}, "a.net:*"},
		{"no path covers one", []string{"a.net/x", "a.net", "a.net/y"}, "a.net:*"},
		{"a pattern covers the name", []string{"a.net", "*.a.net"}, "a.net:* *.a.net:*"},
		{"and all below", []string{"*.a.net", "b.a.net", "*.c.a.net", "d.c.a.net/x"}, "a.net:* *.a.net:*"},
		{"a name does not cover what is below", []string{"a.net", "b.a.net"}, "a.net:* b.a.net:*"},
		{"nor a pattern another name", []string{"*.a.net", "ba.net"}, "a.net:* *.a.net:* ba.net:*"},
		{"a pattern with a path does not cover the name", []string{"*.a.net/x", "b.a.net"}, "a.net:*/x *.a.net:*/x b.a.net:*"},
		{"nor one port another", []string{"a.net:81", "a.net:82"}, "a.net:81 a.net:82"},
		{"a path covers what is below", []string{"a.net/b/c", "a.net/b/", "a.net/b", "a.net/bc"}, "a.net:*/b/ a.net:*/b a.net:*/bc"},
		{"names that are not ASCII", []string{"*.Bücher.example"}, "xn--bcher-kva.example:* *.xn--bcher-kva.example:*"},
		{"IPv4", []string{"192.0.2.1:80"}, "192.0.2.1:80"},
		{"IPv6, which no source can say", []string{"[2001:db8::1]", "[2001:db8::1]:443", "2001:db8::1"}, ""},
		{"what is no host", []string{"", "*.", "a b", "a.net;x", "*"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := sourcesOf(row.hosts)
			var plain []string
			for i, source := range got {
				if i%2 == 0 {
					plain = append(plain, source)
				} else if source != "ws://"+got[i-1] {
					t.Errorf("%q stands with %q", got[i-1], source)
				}
			}
			if got := strings.Join(plain, " "); got != row.want {
				t.Errorf("%q became %s, want %s", row.hosts, got, row.want)
			}
		})
	}
}

func contentPolicySite(t testing.TB) *policy.Policy {
	d := declaration()
	d.Services[0].Hosts = []string{"login.example.net"}
	d.Services[2].Hosts = []string{"stats.example.org/js/*", "/matomo/*"}
	d.Services[3].Hosts = []string{"*.ads.example", "login.example.net:444"}
	return newEnforcer(t, d).Policy
}

func TestContentPolicy(t *testing.T) {
	p := contentPolicySite(t)
	const always = "default-src 'self' data: blob: filesystem: 'unsafe-inline' 'unsafe-eval'"
	const login = " login.example.net:* ws://login.example.net:*"
	for _, row := range []struct {
		name    string
		granted []string
		own     []string
		want    string
	}{
		{"what needs no consent", nil, nil, always + login},
		{"a granted service", []string{"statistics"}, nil, always + login + " stats.example.org:*/js/ ws://stats.example.org:*/js/"},
		{"a granted pattern", []string{"marketing"}, nil, always + login + " ads.example:* ws://ads.example:* *.ads.example:* ws://*.ads.example:*"},
		{"the site's own come first", nil, []string{"*.example.fr", "static.example.eu", "www.example.fr"},
			always + " example.fr:* ws://example.fr:* *.example.fr:* ws://*.example.fr:* static.example.eu:* ws://static.example.eu:*" + login},
	} {
		t.Run(row.name, func(t *testing.T) {
			choice, err := p.Save(row.granted, nil, clock)
			if err != nil {
				t.Fatal(err)
			}
			grants := p.Judge(choice, false).Grants
			if got := contentPolicy(p, &grants, row.own); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestCheckPolicyLength(t *testing.T) {
	site := func(hosts int) *policy.Policy {
		d := declaration()
		for i := range hosts {
			d.Services[i%2+2].Hosts = append(d.Services[i%2+2].Hosts, fmt.Sprintf("host-%03d.example.net", i))
		}
		return newEnforcer(t, d).Policy
	}
	// 72 bytes, and 51 for each host
	for _, row := range []struct {
		name       string
		hosts      int
		firstParty []string
		want       string
	}{
		{"few hosts", 3, []string{"*.example.fr"}, ""},
		{"as many as fit", 72, nil, ""},
		{"one host too many", 73, nil, "with every service granted, the hosts make a Content-Security-Policy of 3795 bytes, at most 3776 fit in; " +
			"use patterns such as *.example.net, or declare fewer hosts"},
		{"the site's own count", 72, []string{"static.example.com"}, "3791 bytes"},
		{"what a pattern covers does not", 200, []string{"*.example.net"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := CheckPolicyLength(site(row.hosts), row.firstParty)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

func TestNonces(t *testing.T) {
	for _, row := range []struct {
		name          string
		policies      []string
		style, script string
	}{
		{"no policy", nil, "", ""},
		{"a policy of other things", []string{"img-src 'self'; frame-ancestors 'none'"}, "", ""},
		{"a nonce for both", []string{"default-src 'self' 'nonce-abc'"}, "abc", "abc"},
		{"each has its own", []string{"style-src 'nonce-s'; script-src 'nonce-j'"}, "s", "j"},
		{"the directive for elements comes before", []string{"style-src 'nonce-a'; style-src-elem 'nonce-b'; script-src-elem 'nonce-c'; script-src 'nonce-d'"}, "b", "c"},
		{"a directive with no nonce does not fall back", []string{"default-src 'nonce-a'; style-src 'self'"}, "", "a"},
		{"attributes are something else", []string{"style-src-attr 'nonce-a'"}, "", ""},
		{"inline is allowed, none is needed", []string{"style-src 'unsafe-inline'; script-src 'UNSAFE-INLINE' 'nonce-'"}, "", ""},
		{"a nonce switches that off", []string{"style-src 'unsafe-inline' 'nonce-a'"}, "a", ""},
		{"strict-dynamic too, for scripts", []string{"default-src 'unsafe-inline' 'strict-dynamic'", "default-src 'nonce-a'"}, "a", ""},
		{"common to several lines", []string{"default-src 'nonce-a' 'nonce-b'", "default-src 'nonce-b'"}, "b", "b"},
		{"and to several policies on one", []string{"default-src 'nonce-a' 'nonce-b', default-src 'nonce-b' 'nonce-a'"}, "a", "a"},
		{"not common", []string{"default-src 'nonce-a', default-src 'nonce-b'"}, "", ""},
		{"a policy that allows inline has no say", []string{"default-src 'unsafe-inline'", "default-src 'nonce-a'"}, "a", "a"},
		{"nor one that says nothing of it", []string{"img-src 'self'", "default-src 'nonce-a'"}, "a", "a"},
		{"one that admits hashes alone does", []string{"default-src 'sha256-x'", "default-src 'nonce-a'"}, "", ""},
		{"the first of a name counts", []string{"style-src 'nonce-a'; style-src 'nonce-b'"}, "a", ""},
		{"case matters in a nonce, and not around it", []string{"STYLE-SRC 'Nonce-aB'", "style-src 'nonce-ab'"}, "", ""},
		{"what is no base64 is no nonce", []string{`style-src 'nonce-a"b' 'nonce-a===' 'nonce-=' nonce-a 'nonce-a`}, "", ""},
		{"all of base64", []string{"style-src 'nonce-aZ09+/-_=='"}, "aZ09+/-_==", ""},
		{"any white space", []string{"\tstyle-src\n'nonce-a'\f;script-src\r'nonce-b'"}, "a", "b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if style, script := nonces(row.policies); style != row.style || script != row.script {
				t.Errorf("%q: %q and %q, want %q and %q", row.policies, style, script, row.style, row.script)
			}
		})
	}
}

// inserted are two styles, a script and a form.
var inserted = Elements{
	Styles: []string{"'sha256-S1='", "'sha256-S2='"}, Scripts: []string{"'sha256-J='"}, Form: "https://example.fr/cookie-consent/choice",
}

func TestAdmit(t *testing.T) {
	const (
		style  = "'sha256-S1=' 'sha256-S2='"
		script = "'sha256-J='"
		form   = "https://example.fr/cookie-consent/choice"
	)
	for _, row := range []struct {
		name  string
		value string
		want  string // empty: the same
	}{
		{"nothing that concerns us", "img-src 'self'; frame-ancestors 'none'; sandbox allow-forms; require-trusted-types-for 'script'; base-uri 'none'", ""},
		{"nothing at all", " ;, ", ""},
		{"inline is allowed", "default-src 'self' 'unsafe-inline'", ""},
		{"inline is allowed in other case", "DEFAULT-SRC 'Unsafe-Inline'", ""},

		{"style-src", "style-src 'self'", "style-src 'self' " + style},
		{"style-src-elem before it", "style-src 'self'; style-src-elem 'self'; img-src *", "style-src 'self'; style-src-elem 'self' " + style + "; img-src *"},
		{"style-src-elem before it, wherever it stands", "style-src-elem x; style-src y", "style-src-elem x " + style + "; style-src y"},
		{"style-src-attr is something else", "style-src-attr 'none'; style-src a", "style-src-attr 'none'; style-src a " + style},
		{"alone it restricts no element", "style-src-attr 'none'", ""},
		{"styles allowed, scripts not", "style-src 'unsafe-inline'; script-src 'self'", "style-src 'unsafe-inline'; script-src 'self' " + script},
		{"hashes of the site's own switch unsafe-inline off", "style-src 'unsafe-inline' 'SHA384-abc'", "style-src 'unsafe-inline' 'SHA384-abc' " + style},
		{"what is no hash does not", "style-src 'unsafe-inline' 'sha1-abc' 'sha256-' sha256-abc", ""},
		{"a nonce we do not know", "style-src 'nonce-other'", "style-src 'nonce-other' " + style},
		{"the nonce we have", "style-src 'nonce-S'; script-src 'nonce-J' 'strict-dynamic'", ""},
		{"the nonce of the other kind", "style-src 'nonce-J'", "style-src 'nonce-J' " + style},
		{"a hash that is there", "style-src 'sha256-S2='", "style-src 'sha256-S2=' 'sha256-S1='"},
		{"all that are there", "style-src " + style + "; script-src " + script, ""},

		{"none makes way", "style-src 'none'; img-src 'none'", "style-src " + style + "; img-src 'none'"},
		{"in other case", "style-src  'NONE' ;", "style-src  " + style + " ;"},
		{"none among others counts for nothing", "style-src 'none' a", "style-src 'none' a " + style},
		{"no source is none", "style-src", "style-src " + style},
		{"no source with space", "style-src ; img-src *", "style-src " + style + " ; img-src *"},

		{"script-src", "script-src 'self'", "script-src 'self' " + script},
		{"script-src-elem before it", "script-src-elem a; script-src b", "script-src-elem a " + script + "; script-src b"},
		{"strict-dynamic", "script-src 'strict-dynamic' 'nonce-x' https: 'unsafe-inline'", "script-src 'strict-dynamic' 'nonce-x' https: 'unsafe-inline' " + script},
		{"strict-dynamic without a nonce", "script-src 'unsafe-inline' 'strict-dynamic'", "script-src 'unsafe-inline' 'strict-dynamic' " + script},
		{"strict-dynamic says nothing of styles", "style-src 'unsafe-inline' 'strict-dynamic'", ""},

		{"default-src stays", "default-src 'self' a.net", "default-src 'self' a.net; style-src-elem 'self' a.net " + style + "; script-src-elem 'self' a.net " + script},
		{"for scripts alone", "default-src 'self'; style-src 'unsafe-inline'", "default-src 'self'; style-src 'unsafe-inline'; script-src-elem 'self' " + script},
		{"with a semicolon at the end", "default-src 'self'; img-src *; ", "default-src 'self'; img-src *; style-src-elem 'self' " + style + "; script-src-elem 'self' " + script},
		{"of none", "default-src 'none'", "default-src 'none'; style-src-elem " + style + "; script-src-elem " + script},
		{"of nothing", "default-src ;", "default-src ; style-src-elem " + style + "; script-src-elem " + script},
		{"with strict-dynamic", "default-src 'unsafe-inline' 'strict-dynamic'", "default-src 'unsafe-inline' 'strict-dynamic'; script-src-elem 'unsafe-inline' 'strict-dynamic' " + script},
		{"with a nonce for styles alone", "default-src 'nonce-S' x", "default-src 'nonce-S' x; script-src-elem 'nonce-S' x " + script},

		{"every policy of a line", "style-src a, style-src 'unsafe-inline',script-src b", "style-src a " + style + ", style-src 'unsafe-inline',script-src b " + script},
		{"the new directive stays in its policy", "default-src a , img-src *", "default-src a; style-src-elem a " + style + "; script-src-elem a " + script + ", img-src *"},
		{"the first of a name counts", "style-src a; style-src 'unsafe-inline'", "style-src a " + style + "; style-src 'unsafe-inline'"},
		{"everything else keeps its bytes", "\tstyle-src\ta\n;;x y z ; IMG-SRC\f*", "\tstyle-src\ta " + style + "\n;;x y z ; IMG-SRC\f*"},
		{"a name that only begins so", "style-srcs a; default-source b", ""},

		{"a form to the site", "form-action 'self'", ""},
		{"in other case", "FORM-ACTION a 'SELF'", ""},
		{"a form to nobody", "form-action 'none'", "form-action " + form},
		{"a form to nothing", "form-action; img-src *", "form-action " + form + "; img-src *"},
		{"a form to another", "form-action https://other.example", "form-action https://other.example " + form},
		{"a form to our address", "form-action " + form, ""},
		{"a form to anything", "form-action *", ""},
		{"a form to a scheme", "form-action HTTPS:", ""},
		{"which may be upgraded", "form-action http:", ""},
		{"a form to another scheme", "form-action ftp: mailto:", "form-action ftp: mailto: " + form},
		{"a form to our host", "form-action Example.FR", ""},
		{"with its scheme", "form-action https://example.fr/", ""},
		{"with a lesser one", "form-action http://example.fr", ""},
		{"with any port", "form-action example.fr:*", ""},
		{"with its port", "form-action https://example.fr:443", ""},
		{"with another port", "form-action example.fr:8443", "form-action example.fr:8443 " + form},
		{"to what is below", "form-action *.fr", ""},
		{"which the name itself is not", "form-action *.example.fr", "form-action *.example.fr " + form},
		{"to a name that ends so", "form-action ample.fr", "form-action ample.fr " + form},
		{"to a path above", "form-action example.fr/cookie-consent/", ""},
		{"to the path", "form-action example.fr/cookie-consent/choice", ""},
		{"to another path", "form-action example.fr/cookie-consent", "form-action example.fr/cookie-consent " + form},
		{"default-src says nothing of forms", "default-src 'unsafe-inline'; form-action b", "default-src 'unsafe-inline'; form-action b " + form},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := row.want
			if want == "" {
				want = row.value
			}
			got := admit(row.value, inserted, "S", "J")
			if got != want {
				t.Errorf("%s\nbecame %s\nwant   %s", row.value, got, want)
			}
			if again := admit(got, inserted, "S", "J"); again != got {
				t.Errorf("%s\nbecame %s\nthen   %s", row.value, got, again)
			}
		})
	}
}

func TestAdmitLess(t *testing.T) {
	const value = "default-src 'none'; form-action 'none'"
	for _, row := range []struct {
		name     string
		elements Elements
		want     string
	}{
		{"nothing is inserted", Elements{}, value},
		{"styles alone", Elements{Styles: []string{"'sha256-S='"}}, value + "; style-src-elem 'sha256-S='"},
		{"a form at a port", Elements{Form: "http://example.fr:8080/x"}, "default-src 'none'; form-action http://example.fr:8080/x"},
		{"an address that would add more", Elements{Form: "https://a;script-src"}, value},
		{"or another source", Elements{Form: "https://a *"}, value},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := admit(value, row.elements, "", ""); got != row.want {
				t.Errorf("became %s\nwant   %s", got, row.want)
			}
		})
	}
}

func TestAdmitAddresses(t *testing.T) {
	const script, connect = "https://example.fr/c/b.js", "https://example.fr/c/"
	elements := Elements{Scripts: []string{"'sha256-B='"}, Script: script, Connect: connect}
	for _, row := range []struct{ name, value, want string }{
		{"the site's own", "script-src 'self' 'sha256-B='; connect-src 'self'", ""},
		{"the site's own by default", "default-src 'self'", "default-src 'self'; script-src-elem 'self' 'sha256-B='"},
		{"nothing", "script-src 'none'; connect-src 'none'", "script-src 'sha256-B=' " + script + "; connect-src " + connect},
		{"nothing by default", "default-src 'none'", "default-src 'none'; script-src-elem 'sha256-B=' " + script + "; connect-src " + connect},
		{"any inline script", "script-src 'unsafe-inline'", "script-src 'unsafe-inline' " + script},
		{"the nonce", "script-src 'nonce-J' 'strict-dynamic'", ""},
		{"another nonce", "script-src 'nonce-K'", "script-src 'nonce-K' 'sha256-B=' " + script},
		{"elements alone", "script-src 'none'; script-src-elem https:", "script-src 'none'; script-src-elem https: 'sha256-B='"},
		{"another host to connect to", "connect-src https://api.example", "connect-src https://api.example " + connect},
		{"the same host with its path", "connect-src example.fr/c/", ""},
		{"the same host with another", "connect-src example.fr/api/", "connect-src example.fr/api/ " + connect},
		{"sockets alone", "connect-src wss:", "connect-src wss: " + connect},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := cmp.Or(row.want, row.value)
			if got := admit(row.value, elements, "", "J"); got != want {
				t.Errorf("%s\nbecame %s\nwant   %s", row.value, got, want)
			}
		})
	}
}

func FuzzAdmit(f *testing.F) {
	for _, seed := range []string{
		"default-src 'self'", "default-src 'none', style-src\t'unsafe-inline' ;; ;script-src 'nonce-J' 'strict-dynamic'", "form-action a; FORM-ACTION b",
		"style-src 'none' ; style-src-elem", "script-src 'sha256-x' 'unsafe-inline'", ";,\f;default-src",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		nonces([]string{value, value})
		got := admit(value, inserted, "S", "J")
		if again := admit(got, inserted, "S", "J"); again != got {
			t.Fatalf("%q became %q, then %q", value, got, again)
		}
		before, after := strings.Split(value, ","), strings.Split(got, ",")
		if len(before) != len(after) {
			t.Fatalf("%q became %q, with other policies", value, got)
		}
		for i := range before {
			checkAdmitted(t, before[i], after[i])
		}
	})
}

// checkAdmitted checks that a policy lost nothing, and won nothing but ours.
func checkAdmitted(t *testing.T, before, after string) {
	t.Helper()
	old, new := strings.Split(before, ";"), strings.Split(after, ";")
	for i, piece := range new {
		name, sources := cutToken(piece)
		if i >= len(old) || strings.Trim(old[i], asciiSpace) == "" && name != "" {
			if name != "style-src-elem" && name != "script-src-elem" {
				t.Fatalf("%q became %q, with a new %q", before, after, name)
			}
			d, ok := findDirective(before, "default-src")
			copied := strings.Trim(d.sources(before), asciiSpace)
			if sources = strings.Trim(sources, asciiSpace); !ok || !isNone(copied) && !strings.HasPrefix(sources, copied) {
				t.Fatalf("%q became %q, with other sources", before, after)
			}
			checkOurs(t, strings.TrimPrefix(sources, copied))
			continue
		}
		kept := strings.Trim(old[i], asciiSpace)
		piece = strings.Trim(piece, asciiSpace)
		if !strings.HasPrefix(piece, kept) {
			if first, only := cutToken(kept); !isNone(strings.Trim(only, asciiSpace)) || first != name {
				t.Fatalf("%q became %q, without %q", before, after, kept)
			}
			kept = name
		}
		checkOurs(t, piece[len(kept):])
	}
	for _, e := range []struct {
		inlineElement
		hashes []string
		nonce  string
	}{{styleElement, inserted.Styles, "S"}, {scriptElement, inserted.Scripts, "J"}} {
		d, ok := e.effective(after)
		if sources := d.sources(after); ok && !e.allowed(sources) && !hasNonce(sources, e.nonce) {
			for _, hash := range e.hashes {
				if !hasToken(sources, hash) {
					t.Fatalf("%q became %q, which does not admit %s", before, after, hash)
				}
			}
		}
		if was, ok := e.effective(before); ok && e.allowed(was.sources(before)) && !e.allowed(d.sources(after)) {
			t.Fatalf("%q became %q, which admits less", before, after)
		}
	}
}

// checkOurs checks that what was added is ours.
func checkOurs(t *testing.T, added string) {
	t.Helper()
	ours := strings.Join(inserted.Styles, " ") + " " + strings.Join(inserted.Scripts, " ") + " " + inserted.Form
	for token, rest := cutToken(added); token != ""; token, rest = cutToken(rest) {
		if !hasToken(ours, token) {
			t.Fatalf("%q was added", added)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, row := range []struct{ name, value string }{
		{"inline allowed", "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src * data:; form-action 'self'"},
		{"with a nonce", "default-src 'self'; style-src 'self' 'nonce-S'; script-src 'nonce-J' 'strict-dynamic' https:; form-action 'self'"},
		{"with hashes added", "default-src 'self'; form-action 'self'"},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				admit(row.value, inserted, "S", "J")
			}
		})
	}
}

func BenchmarkContentPolicy(b *testing.B) {
	p := contentPolicySite(b)
	for i := range 60 {
		p.Services[3].Hosts = append(p.Services[3].Hosts, fmt.Sprintf("host-%d.example.net", i))
	}
	grants := p.Judge(p.AcceptAll(clock), false).Grants
	b.ReportAllocs()
	for b.Loop() {
		contentPolicy(p, &grants, []string{"*.example.fr"})
	}
}

// Browsers hide nonces from style rules, but not those in the text of an attribute,
// so a frame's own document is admitted by hash, beside a nonce too.
func TestStylesInFramesAreAdmittedByHash(t *testing.T) {
	e := Elements{Styles: []string{"'sha256-c3R5bGU='"}, Framed: []string{"'sha256-ZnJhbWU='"}}
	for _, row := range []struct{ value, want string }{
		{"style-src 'nonce-YWJj'", "style-src 'nonce-YWJj' 'sha256-ZnJhbWU='"},
		{"style-src 'unsafe-inline'", "style-src 'unsafe-inline'"},
		{"style-src 'self'", "style-src 'self' 'sha256-c3R5bGU=' 'sha256-ZnJhbWU='"},
	} {
		if got := admit(row.value, e, "YWJj", ""); got != row.want {
			t.Errorf("%s became %s, want %s", row.value, got, row.want)
		}
	}
}
