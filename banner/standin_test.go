package banner

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// visitTo is a visit of somebody who has not chosen yet.
func visitTo(t *testing.T, c Config, uri string) (*Banner, *enforcer.Visit) {
	t.Helper()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b, newSite(t, c).Begin(httptest.NewRequest("GET", "http://portal.example/", nil), uri, true)
}

// isASCII fails where a stand-in would read differently in another charset.
func isASCII(t *testing.T, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
		t.Errorf("%q is not ASCII", text[i:])
	}
}

// wellFormed fails where an XML parser would stop.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			return
		}
		if element, ok := token.(xml.StartElement); ok {
			names := map[string]bool{}
			for _, a := range element.Attr {
				if names[a.Name.Local] {
					t.Errorf("<%s> has %s twice", element.Name.Local, a.Name.Local)
				}
				names[a.Name.Local] = true
			}
		}
	}
}

// loadsNothing fails where a document would run or fetch something.
func loadsNothing(t *testing.T, root *html.Node) {
	t.Helper()
	harmless := []string{"html", "head", "meta", "title", "style", "body", "div", "span", "a"}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && !slices.Contains(harmless, n.Data) {
			t.Errorf("<%s>", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case slices.Contains([]string{"src", "srcset", "style", "http-equiv", "background", "ping"}, a.Key), strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href" && strings.Contains(strings.ToLower(a.Val), "script:"):
				t.Errorf("href=%q", a.Val)
			}
		}
	}
}

func TestStandIn(t *testing.T) {
	const allowAds = "/cookie-consent/embed?service=ads&return=%2Fpage%3Fa%3D1%23map&lang=fr"
	adsSays := []string{
		"Ce contenu est fourni par Example Ads.", "Pour l'afficher, Example Ads recevra votre adresse IP",
		"Finalité : Vous proposer des publicités", "hors de l'Espace économique européen : US", "Autoriser Example Ads",
	}
	for _, row := range []struct {
		name  string
		page  rewriter.Page
		frame rewriter.Frame
		allow string // address of the way to allow it
		link  string // address of the content
		says  []string
	}{
		{"a declared service", rewriter.Page{}, rewriter.Frame{Service: "ads", Address: "https://ads.example/embed?a=1&b=2", Anchor: "map"},
			allowAds, "https://ads.example/embed?a=1&b=2", append(adsSays, "Voir ce contenu sur ads.example (nouvelle fenêtre)")},
		{"a service with a name", rewriter.Page{}, rewriter.Frame{Service: "films", Address: "//films.example/1", Anchor: "map"},
			"/cookie-consent/embed?service=films&return=%2Fpage%3Fa%3D1%23map&lang=fr", "//films.example/1",
			[]string{"fourni par Vidéos (Films & <Fils>).", "Films & <Fils> recevra", "Autoriser Vidéos", "sur films.example"}},
		{"in English", rewriter.Page{Lang: "en-GB"}, rewriter.Frame{Service: "ads", Anchor: "map"},
			strings.Replace(allowAds, "lang=fr", "lang=en", 1), "", []string{"This content comes from Example Ads.", "Allow Example Ads"}},
		{"a host nobody declared", rewriter.Page{}, rewriter.Frame{Address: "https://Zz.Example:8080/x"},
			"", "https://Zz.Example:8080/x", []string{"Ce contenu vient de zz.example, que ce site n'a pas déclaré", "sur zz.example"}},
		{"a service nobody declared", rewriter.Page{}, rewriter.Frame{Service: "zz", Address: "https://zz.example/x"},
			"", "https://zz.example/x", []string{"vient de zz.example"}},
		{"no host", rewriter.Page{}, rewriter.Frame{Address: "data:text/html,x"},
			"", "", []string{"Ce site n'a pas déclaré d'où vient ce contenu"}},
		{"measurement that was objected to", rewriter.Page{}, rewriter.Frame{Service: "counter", Address: "https://counter.example/", Anchor: "map"},
			"/cookie-consent/embed?service=counter&return=%2Fpage%3Fa%3D1%23map&lang=fr", "https://counter.example/", []string{"Vous vous êtes opposé", "Gérer mes cookies"}},
		{"a relative address", rewriter.Page{}, rewriter.Frame{Service: "ads", Address: "/gtm/frame", Anchor: "map"},
			allowAds, "/gtm/frame", []string{"sur portal.example"}},
		{"a relative address under a foreign base", rewriter.Page{Base: "https://cdn.example/app/"}, rewriter.Frame{Service: "ads", Address: "frame", Anchor: "map"},
			"https://portal.example" + allowAds, "frame", []string{"sur cdn.example"}},
		{"an anchor with odd characters", rewriter.Page{}, rewriter.Frame{Service: "ads", Anchor: `a "é"&`},
			"/cookie-consent/embed?service=ads&return=%2Fpage%3Fa%3D1%23a%2520%2522%25C3%25A9%2522%2526&lang=fr", "", nil},
		{"an anchor that is too long", rewriter.Page{}, rewriter.Frame{Service: "ads", Anchor: strings.Repeat("x", maxFragment+1)},
			"/cookie-consent/embed?service=ads&return=%2Fpage%3Fa%3D1&lang=fr", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, v := visitTo(t, testConfig(t, filmed()), "/page?a=1")
			row.frame.Form = rewriter.Srcdoc
			inside := string(b.StandIn(v, row.page, row.frame))
			row.frame.Form = rewriter.Element
			beside := string(b.StandIn(v, row.page, row.frame))
			for _, markup := range []string{inside, beside} {
				root := document(t, markup)
				isASCII(t, markup)
				wellFormed(t, markup)
				loadsNothing(t, root)
				said := text(root)
				for _, want := range row.says {
					if !strings.Contains(said, want) {
						t.Errorf("it does not say %q: %s", want, said)
					}
				}
				var allow, link string
				for _, a := range all(root, "element", "a") {
					if rel, _ := attribute(a, "rel"); rel == "noopener noreferrer" {
						link, _ = attribute(a, "href")
					} else {
						allow, _ = attribute(a, "href")
					}
				}
				if allow != row.allow || link != row.link {
					t.Errorf("the ways lead to %q and %q, want %q and %q", allow, link, row.allow, row.link)
				}
			}
			if got := len(all(document(t, inside), "class", "cookie-consent-allow", "target", "_top")); row.allow != "" && got != 1 {
				t.Errorf("%d links leave the frame", got)
			}
			if got := len(all(document(t, "<p>"+beside), "element", "span", "data-cookie-consent-inserted", "")); got != 1 || strings.HasPrefix(beside, "<div") {
				t.Errorf("%d elements are marked as inserted", got)
			}
			row.frame.Form = rewriter.Address
			address := string(b.StandIn(v, row.page, row.frame))
			if row.allow != "" && address != row.allow+"&frame=1" {
				t.Errorf("address %q, want %q", address, row.allow+"&frame=1")
			}
		})
	}
}

// filmed is a declaration with a service that has a name.
func filmed() policy.Declaration {
	d := declaration()
	d.Services = append(d.Services, policy.Service{ID: "films", Provider: "Films & <Fils>", Category: "marketing", Name: policy.Text{"fr": "Vidéos"}})
	return d
}

func TestLinkToTheContent(t *testing.T) {
	long := "https://ads.example/" + strings.Repeat("x", maxLink)
	for _, row := range []struct{ name, base, address, link, host string }{
		{"an address", "", "https://ads.example/a?b#c", "https://ads.example/a?b#c", "ads.example"},
		{"in capitals", "", "HTTPS://ADS.Example/", "HTTPS://ADS.Example/", "ads.example"},
		{"without scheme", "", "//ads.example:8443/a", "//ads.example:8443/a", "ads.example"},
		{"with back slashes", "", `\\ads.example\a`, `\\ads.example\a`, "ads.example"},
		{"with a user", "", "https://www.youtube.com:x@ads.example/", "https://www.youtube.com:x@ads.example/", "ads.example"},
		{"an IPv6 address", "", "http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/", "[2001:db8::1]"},
		{"in another script", "", "https://données.example/é", "https://données.example/é", "données.example"},
		{"with line breaks", "", " \x01ht\ntps://ads\t.example/ ", "https://ads.example/", "ads.example"},
		{"relative", "", "sub/page?u=https://x.example", "sub/page?u=https://x.example", "portal.example"},
		{"relative to another site", "//cdn.example/", "/page", "/page", "cdn.example"},
		{"relative to a base that is none", "data:x", "/page", "/page", "portal.example"},
		{"too long", "", long, "", "ads.example"},
		{"empty", "", " ", "", ""},
		{"the page itself", "", "#top", "", ""},
		{"a script", "", "javascript:alert(1)", "", ""},
		{"a script in disguise", "", "\x01 JAVA\tscript\n:alert(1)", "", ""},
		{"data", "", "data:text/html,<script>alert(1)</script>", "", ""},
		{"a blob", "", "blob:https://ads.example/1", "", ""},
		{"another scheme", "", "intent://ads.example/", "", ""},
		{"a scheme without slashes", "", "https:ads.example", "", ""},
		{"no host", "", "https:///path", "", ""},
		{"an escaped host", "", "https://ads%2eexample/", "", ""},
		{"a host with markup", "", `https://"><script>/`, "", ""},
		{"a host with a stray byte", "", "https://ads\xff.example/", "", ""},
		{"a host that turns the text around", "", "https://ads\u202eexample/", "", ""},
		{"a port that is none", "", "https://ads.example:zz/", "", ""},
	} {
		_, v := visitTo(t, testConfig(t, declaration()), "/")
		if link, host := source(v, row.base, row.address); link != row.link || host != row.host {
			t.Errorf("%s: source(%q, %.60q) = %.60q, %q; want %.60q, %q", row.name, row.base, row.address, link, host, row.link, row.host)
		}
	}
}

func TestStandInIsNotBrokenOutOf(t *testing.T) {
	const hostile = "/\"'><script>alert(1)</script>&<!--]]>\x01\x00é\xff\ufffe"
	for _, row := range []struct {
		name, uri string
		frame     rewriter.Frame
	}{
		{"by the way back", hostile, rewriter.Frame{Service: "ads", Address: "/"}},
		{"by the address", "/", rewriter.Frame{Service: "ads", Address: "https://ads.example" + hostile}},
		{"by the anchor", "/", rewriter.Frame{Service: "ads", Address: "/", Anchor: hostile}},
		{"by the address of what nobody declared", "/", rewriter.Frame{Address: "//ads.example" + hostile}},
		{"by a slot in the address", "/", rewriter.Frame{Address: "//ads.example/" + sourceSlot + hostSlot}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, v := visitTo(t, testConfig(t, declaration()), row.uri)
			v.StyleNonce = `"><script>`
			for _, form := range []rewriter.Form{rewriter.Srcdoc, rewriter.Element, rewriter.Address} {
				row.frame.Form = form
				markup := string(b.StandIn(v, rewriter.Page{}, row.frame))
				isASCII(t, markup)
				if form == rewriter.Address {
					if strings.ContainsAny(markup, "\"'<> \x00\x01") {
						t.Errorf("address %q", markup)
					}
					continue
				}
				wellFormed(t, markup)
				loadsNothing(t, document(t, markup))
			}
		})
	}
}

func TestStyleElements(t *testing.T) {
	c := testConfig(t, filmed())
	b, v := visitTo(t, c, "/")
	hashes := b.Elements().Styles
	check := func(name, markup, nonce string) {
		for _, style := range all(document(t, markup), "element", "style") {
			if got := hashSource(style.FirstChild.Data); !slices.Contains(hashes, got) {
				t.Errorf("%s: a style of hash %s, want one of %q", name, got, hashes)
			}
			if got, _ := attribute(style, "nonce"); got != nonce || (nonce == "") != (len(style.Attr) == 0) {
				t.Errorf("%s: nonce %q, want %q", name, got, nonce)
			}
		}
	}
	for _, nonce := range []string{"", "r4nd0m+/=", `"<&`} {
		v.StyleNonce = nonce
		for _, lang := range c.Languages {
			check("insertion", "<body>"+string(b.Insert(nil, v, rewriter.Page{Lang: lang})), nonce)
			for _, service := range []string{"ads", "films", "counter", ""} {
				check(service, string(b.StandIn(v, rewriter.Page{Lang: lang}, rewriter.Frame{Service: service})), "")
				check(service+", in the page", string(b.StandIn(v, rewriter.Page{Lang: lang}, rewriter.Frame{Service: service, Form: rewriter.Element})), nonce)
			}
		}
	}
	// What would be escaped in XML, or as not ASCII, would change the hash.
	for _, style := range []string{sheet("banner.css"), sheet("manage.css"), sheet("standin.css")} {
		if isASCII(t, style); strings.ContainsAny(style, "<&") {
			t.Errorf("style %s", style)
		}
	}
}

func TestInsertionIsXML(t *testing.T) {
	c := testConfig(t, declaration())
	refused := c.Policy.RefuseAll(policy.Choice{}, clock)
	for lang := range texts {
		for _, state := range []struct {
			name   string
			choice *policy.Choice
			gpc    bool
		}{{"unanswered", nil, false}, {"answered", &refused, false}, {"gpc", nil, true}} {
			for _, manage := range []string{"bottom-left", "none"} {
				c.ManageLink, c.Site = manage, "\x01 & <\ufffe>"
				markup, _ := insertion(t, c, lang, "/?a=1&b=\"<'>\x01\xff", state.choice, state.gpc)
				wellFormed(t, "<body>"+markup+"</body>")
			}
		}
	}
}

func BenchmarkStandIn(b *testing.B) {
	p, err := policy.New(declaration())
	if err != nil {
		b.Fatal(err)
	}
	c := Config{Policy: p, Path: "/cookie-consent", Languages: []string{"fr", "en"}, Show: "auto", ManageLink: "none"}
	shown, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	v := newSite(&testing.T{}, c).Begin(httptest.NewRequest("GET", "/", nil), "/page?q=1", false)
	for name, form := range map[string]rewriter.Form{"srcdoc": rewriter.Srcdoc, "element": rewriter.Element, "address": rewriter.Address} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				shown.StandIn(v, rewriter.Page{Lang: "fr"}, rewriter.Frame{Service: "ads", Address: "https://ads.example/embed", Anchor: "cookie-consent-content-1", Form: form})
			}
		})
	}
}
