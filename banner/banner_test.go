package banner

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

var clock = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = policy.Lifetime(24 * time.Hour)

func declaration() policy.Declaration {
	return policy.Declaration{
		Controller: "Département <du> \"Morbihan\"",
		Preference: policy.Preference{Name: "cookies_preferences", Lifetime: 182 * 24 * time.Hour},
		Categories: []policy.Category{{ID: "necessary"}, {ID: "statistics"}, {ID: "marketing"}, {ID: "audience", Exempt: true, Name: policy.Text{"fr": "Audience"}, DataRetention: 760 * 24 * time.Hour}},
		Services: []policy.Service{
			{ID: "login", Provider: "Opendatasoft", Category: "necessary", Name: policy.Text{"fr": "Authentification"}, Place: policy.Text{"fr": "front et back office"},
				Purpose: policy.Text{"fr": "Se souvenir."}, Cookies: []policy.Cookie{{Name: "sessionid", Lifetime: 14 * day}}},
			{ID: "matomo", Provider: "Opendatasoft", Category: "statistics", Cookies: []policy.Cookie{{Name: "_pk_id.*", Lifetime: 395 * day}}},
			{ID: "clarity", Provider: "Microsoft", Category: "statistics"},
			{ID: "ads", Provider: "Example Ads", Category: "marketing", PolicyURL: "https://ads.example/privacy", Country: "US",
				Cookies: []policy.Cookie{{Name: "ads_id"}, {Name: "IDE", ThirdParty: "ads.example", Lifetime: policy.Session}}},
			{ID: "counter", Category: "audience"},
		},
	}
}

func testConfig(t *testing.T, d policy.Declaration) Config {
	t.Helper()
	p, err := policy.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Policy: p, Path: "/cookie-consent", Languages: []string{"fr", "en"}, Show: "auto", ManageLink: "bottom-left", GPC: true}
}

// site is one site under test: the enforcer with its banner and its pages.
type site struct {
	*enforcer.Enforcer
	pages    *Pages
	mayGrant bool
}

func newSite(t *testing.T, c Config) *site {
	t.Helper()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := enforcer.NewKeyring([]byte{1}, [][]byte{[]byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return clock }
	return &site{
		Enforcer: &enforcer.Enforcer{
			Policy: c.Policy, GlobalPrivacyControl: c.GPC, Insertion: b.Insert, Now: now,
			Keys: func() (*enforcer.Keyring, error) { return ring, nil },
		},
		pages: NewPages(c, now), mayGrant: true,
	}
}

// ask sends r to the site's own pages.
func (s *site) ask(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	cookies := slices.Clone(r.Header["Cookie"])
	v := s.Begin(r, r.URL.RequestURI(), false)
	w := httptest.NewRecorder()
	if err := s.pages.Serve(w, r, v, r.URL.Path, cookies, func() bool { return s.mayGrant }); err != nil {
		t.Fatal(err)
	}
	return w.Result()
}

// document parses a body.
func document(t *testing.T, text string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// all returns the elements below n that have every attribute given, as pairs;
// the pseudo attribute "element" is the name.
func all(n *html.Node, pairs ...string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type != html.ElementNode {
			continue
		}
		matches := true
		for i := 0; i < len(pairs); i += 2 {
			value, ok := attribute(d, pairs[i])
			matches = matches && ok && value == pairs[i+1]
		}
		if matches {
			found = append(found, d)
		}
	}
	return found
}

func attribute(n *html.Node, name string) (string, bool) {
	if name == "element" {
		return n.Data, true
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func text(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			out.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// languageTags are the official languages of the European Union, and further ones
// that are spoken in Europe.
const languageTags = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv " +
	"ar br ca eu gl he nb tr uk"

func TestThereAreTextsInEveryLanguage(t *testing.T) {
	want := strings.Fields(languageTags)
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
		t.Errorf("there are texts in %q, want %q", got, want)
	}
}

// split returns a key without its plural form, and the form.
func split(key string) (stem, form string) {
	for _, form := range pluralForms {
		if stem, ok := strings.CutSuffix(key, form); ok {
			return stem, form
		}
	}
	return key, ""
}

var slots = regexp.MustCompile(`\{\w+\}`)

// fills lists what a text has filled in.
func fills(text string) []string {
	found := slots.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTextsAreComplete(t *testing.T) {
	reference := texts["fr"]
	for lang, table := range texts {
		v := voice{Lang: lang, fallback: lang, texts: table}
		for key, text := range reference {
			stem, form := split(key)
			if _, plural := reference[stem+"_other"]; form != "" && plural {
				for n := range 200 {
					if got := v.N(stem, n); got == "" || strings.Contains(got, stem) || strings.Contains(got, "{") {
						t.Errorf("%s: %s for %d is %q", lang, stem, n, got)
					}
				}
				continue
			}
			if got, want := fills(table[key]), fills(text); strings.TrimSpace(table[key]) == "" {
				t.Errorf("%s: no text for %q", lang, key)
			} else if !slices.Equal(got, want) {
				t.Errorf("%s: %q fills in %q, want %q", lang, key, got, want)
			}
		}
		for key, text := range table {
			stem, _ := split(key)
			if reference[key] == "" && reference[stem+"_other"] == "" {
				t.Errorf("%s: %q is no text", lang, key)
			}
			if strings.ContainsAny(text, "<>&") {
				t.Errorf("%s: %q has markup: %q", lang, key, text)
			}
		}
		for _, meta := range []struct{ key, want string }{
			{"dir", map[bool]string{true: "rtl", false: "ltr"}[lang == "ar" || lang == "he"]},
			{"reviewed_by", map[bool]string{true: reference["reviewed_by"], false: "nobody"}[lang == "fr" || lang == "en"]},
		} {
			if got := table[meta.key]; got != meta.want {
				t.Errorf("%s: %s is %q, want %q", lang, meta.key, got, meta.want)
			}
		}
		if !strings.Contains(table["changing"], table["manage"]) {
			t.Errorf("%s: how to change one's mind does not name the link %q: %q", lang, table["manage"], table["changing"])
		}
	}
}

// the two answers are called alike, and the refusing one says what it does.
func TestAnswersAreCalledWhatTheyDo(t *testing.T) {
	for lang, table := range texts {
		accept, refuse := utf8.RuneCountInString(table["accept_all"]), utf8.RuneCountInString(table["refuse_all"])
		if accept > 2*refuse || refuse > 2*accept {
			t.Errorf("%s: %q and %q are not of a length", lang, table["accept_all"], table["refuse_all"])
		}
		site := &config.Site{Languages: []string{lang}, Services: []config.Service{{ID: "a", Category: "necessary", Ground: "security"}}}
		if err := site.WithDefaults().Check(texts); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestLanguage(t *testing.T) {
	l := newLanguages([]string{"fr", "en"})
	for _, row := range []struct{ name, page, accept, want string }{
		{"the page's", "en", "fr", "en"},
		{"with a region", "en-GB", "fr", "en"},
		{"the visitor's, where the page says nothing", "", "de, en;q=0.8, fr;q=0.5", "en"},
		{"the visitor's, where the page's is not offered", "de", "en", "en"},
		{"the default", "", "", "fr"},
		{"the default for nonsense", "!!", "\x00", "fr"},
		{"the default where nothing fits", "de", "ja", "fr"},
	} {
		if got := l.choose(row.page, row.accept); got != row.want {
			t.Errorf("%s: choose(%q, %q) = %q, want %q", row.name, row.page, row.accept, got, row.want)
		}
	}
}

func TestLifetimeInWords(t *testing.T) {
	fr := voice{Lang: "fr", texts: texts["fr"]}
	for _, row := range []struct {
		lifetime policy.Lifetime
		want     string
	}{
		{0, "non précisée"}, {policy.Session, "la session"},
		{14 * day, "14 jours"}, {day, "1 jour"}, {30 * day, "30 jours"}, {90 * day, "3 mois"}, {182 * day, "6 mois"}, {365 * day, "12 mois"},
		{395 * day, "13 mois"}, {760 * day, "25 mois"}, {100 * day, "100 jours"}, {36 * day / 24, "36 heures"},
		{day / 48, "30 minutes"}, {policy.Lifetime(time.Hour), "1 heure"}, {policy.Lifetime(5 * time.Second), "5 secondes"},
	} {
		if got := fr.Lifetime(row.lifetime); got != row.want {
			t.Errorf("%v: %q, want %q", time.Duration(row.lifetime), got, row.want)
		}
	}
}
