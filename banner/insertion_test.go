package banner

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// insertion returns what a visitor with a choice gets in a page in lang.
func insertion(t *testing.T, c Config, lang, uri string, choice *policy.Choice, gpc bool) (string, *html.Node) {
	t.Helper()
	s := newSite(t, c)
	r := httptest.NewRequest("GET", "http://portal.example"+"/", nil)
	if choice != nil {
		w := httptest.NewRecorder()
		v := s.Begin(httptest.NewRequest("GET", "http://portal.example/", nil), "/", false)
		if err := v.Store(w.Header(), choice); err != nil {
			t.Fatal(err)
		}
		for _, cookie := range w.Result().Cookies() {
			if cookie.MaxAge > 0 {
				r.AddCookie(cookie)
			}
		}
	}
	if gpc {
		r.Header.Set("Sec-GPC", "1")
	}
	markup := string(s.Insertion(nil, s.Begin(r, uri, false), rewriter.Page{Lang: lang}))
	return markup, document(t, "<!doctype html><body>"+markup)
}

func TestWhatIsInserted(t *testing.T) {
	c := testConfig(t, declaration())
	refused, accepted := c.Policy.RefuseAll(policy.Choice{}, clock), c.Policy.AcceptAll(clock)
	allowed, err := c.Policy.Allow(policy.Choice{}, []string{"ads"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	necessary := declaration()
	necessary.Services = necessary.Services[:1]
	with := func(show, manage string, d policy.Declaration) Config {
		c := testConfig(t, d)
		c.Show, c.ManageLink = show, manage
		return c
	}
	for _, row := range []struct {
		name           string
		config         Config
		choice         *policy.Choice
		gpc            bool
		banner, manage int
	}{
		{"unanswered", c, nil, false, 1, 1},
		{"one service allowed", c, &allowed, false, 1, 1},
		{"refused", c, &refused, false, 0, 1},
		{"accepted", c, &accepted, false, 0, 1},
		{"the browser objects", c, nil, true, 0, 1},
		{"nothing to ask", with("auto", "bottom-left", necessary), nil, false, 0, 1},
		{"asked always", with("always", "bottom-left", necessary), nil, false, 1, 1},
		{"asked never", with("never", "bottom-right", declaration()), nil, false, 0, 1},
		{"no manage link", with("auto", "none", declaration()), nil, false, 1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, root := insertion(t, row.config, "fr", "/", row.choice, row.gpc)
			if got := len(all(root, "id", "cookie-consent", "role", "dialog", "aria-modal", "false")); got != row.banner {
				t.Errorf("%d banners, want %d", got, row.banner)
			}
			if got := len(all(root, "data-cookie-consent", "open")); got != row.manage {
				t.Errorf("%d manage links, want %d", got, row.manage)
			}
			if got := len(all(root, "id", "cookie-consent-saved")); got != 1 {
				t.Errorf("%d confirmations, want 1", got)
			}
			body := all(root, "element", "body")[0]
			for child := range body.ChildNodes() {
				if _, marked := attribute(child, "data-cookie-consent-inserted"); !marked {
					t.Errorf("<%s> is not marked as inserted", child.Data)
				}
			}
		})
	}
}

// what the first level shows, and how.
func TestFirstLevel(t *testing.T) {
	_, root := insertion(t, testConfig(t, declaration()), "fr", "/p?a=1&b=\"<", nil, false)
	said := text(root)
	for _, want := range []string{
		"Cookies sur portal.example", "Nous utilisons des cookies", "Mesurer la fréquentation", "Vous proposer",
		"3 prestataires", "Si vous refusez", "mesure d'audience anonyme", "changer d'avis à tout moment", `Responsable : Département <du> "Morbihan".`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the banner does not say %q:\n%s", want, said)
		}
	}
	accept, refuse := all(root, "value", "accept_all"), all(root, "value", "refuse_all")
	if len(accept) != 1 || len(refuse) != 1 {
		t.Fatalf("%d buttons accept, %d refuse", len(accept), len(refuse))
	}
	for _, name := range []string{"element", "class", "name"} {
		a, _ := attribute(accept[0], name)
		if b, _ := attribute(refuse[0], name); a != b {
			t.Errorf("%s: %q accepts, %q refuses", name, a, b)
		}
	}
	if accept[0].Parent != refuse[0].Parent || refuse[0].NextSibling != accept[0] {
		t.Error("the two do not stand together")
	}
	if back := all(root, "name", "return"); len(back) != 1 || back[0].Attr[2].Val != `/p?a=1&b="<` {
		t.Errorf("the way back is %v", back[0].Attr)
	}
	if boxes := all(root, "type", "checkbox"); len(boxes) != 0 {
		t.Errorf("%d boxes on the first level", len(boxes))
	}
}

func TestLanguageOfTheBanner(t *testing.T) {
	_, root := insertion(t, testConfig(t, declaration()), "en-GB", "/", nil, false)
	if got := len(all(root, "lang", "en", "id", "cookie-consent")); got != 1 || !strings.Contains(text(root), "Reject all") {
		t.Errorf("an English page got %s", text(root))
	}
}

func TestInsertionIsASCII(t *testing.T) {
	c := testConfig(t, declaration())
	c.Site = "Données & « cartes »"
	markup, root := insertion(t, c, "fr", "/é\xff?q=é", nil, false)
	for i := range len(markup) {
		if markup[i] >= utf8.RuneSelf {
			t.Fatalf("byte %#x in %q", markup[i], markup)
		}
	}
	if !strings.Contains(text(root), "Données & « cartes »") {
		t.Errorf("the site is called %s", text(root))
	}
}

func TestAForeignBaseDoesNotLeadElsewhere(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for _, row := range []struct {
		name, base, host string
		https            bool
		want             string
	}{
		{"none", "", "portal.example:8080", true, "/cookie-consent/choice"},
		{"a path of the site", "/app/", "portal.example", true, "/cookie-consent/choice"},
		{"another site", "https://cdn.example/", "portal.example:8080", true, "https://portal.example:8080/cookie-consent/choice"},
		{"another site of any scheme", "//cdn.example/", "portal.example", false, "//portal.example/cookie-consent/choice"},
		{"a path below the page", "sub/", "portal.example", true, "/cookie-consent/choice"},
		{"a path that is none", "\x01 /\t\\cdn.example/", "portal.example", true, "https://portal.example/cookie-consent/choice"},
		{"a host that is none", "https://cdn.example/", `portal.example"><script>`, true, "/cookie-consent/choice"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = row.host
		root := document(t, "<!doctype html><body>"+string(s.Insertion(nil, s.Begin(r, "/", row.https), rewriter.Page{Base: row.base})))
		got, _ := attribute(all(root, "element", "form")[0], "action")
		link, _ := attribute(all(root, "data-cookie-consent", "open")[0], "href")
		more, _ := attribute(all(root, "data-cookie-consent", "customize")[0], "formaction")
		if pages := strings.TrimSuffix(row.want, "choice"); got != row.want || !strings.HasPrefix(link, pages) || more != pages {
			t.Errorf("%s: the form posts to %q, more at %q, the link leads to %q; want %q", row.name, got, more, link, row.want)
		}
	}
}

// Design 1.5: the first layer is under 4 KB gzipped.
func TestInsertionIsSmall(t *testing.T) {
	for lang := range texts {
		c := testConfig(t, declaration())
		c.Languages = []string{lang}
		markup, _ := insertion(t, c, lang, "/", nil, false)
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write([]byte(markup))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d gzipped", lang, len(markup), out.Len())
		if out.Len() > 4096 {
			t.Errorf("%s: %d bytes gzipped, at most 4096", lang, out.Len())
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	p, err := policy.New(declaration())
	if err != nil {
		b.Fatal(err)
	}
	c := Config{Policy: p, Path: "/cookie-consent", Languages: []string{"fr", "en"}, Show: "auto", ManageLink: "none"}
	shown, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	s := newSite(&testing.T{}, c)
	v := s.Begin(httptest.NewRequest("GET", "/", nil), "/page?q=1", false)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = shown.Insert(dst[:0], v, rewriter.Page{Lang: "fr"})
	}
}

func TestTemplatesNeedWhatAnswers(t *testing.T) {
	whole := `<div id="cookie-consent" data-cookie-consent-inserted=""><form action="/cookie-consent/choice"><input value="` + returnSlot + `"><button value="accept_all"></button><button value="refuse_all"></button></form></div>`
	if err := checkBanner(whole); err != nil {
		t.Error(err)
	}
	for _, part := range []string{`id="cookie-consent"`, "data-cookie-consent-inserted", "/choice", `value="accept_all"`, `value="refuse_all"`, `value="` + returnSlot + `"`} {
		err := checkBanner(strings.Replace(whole, part, "", 1))
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("without %s: %v", part, err)
		}
	}
}
