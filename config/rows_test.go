package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// reader reads the files of a test.
func reader(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, there := files[path]; there {
			return []byte(text), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
}

// whole is a site expanded and checked.
func whole(t testing.TB, s *config.Site, files map[string]string) *config.Site {
	t.Helper()
	full, err := s.WithDefaults().Expand(reader(files))
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Check(known); err != nil {
		t.Fatal(err)
	}
	return full
}

func revision(t testing.TB, full *config.Site) string {
	t.Helper()
	p, err := policy.New(full.Declaration())
	if err != nil {
		t.Fatal(err)
	}
	return p.Revision
}

// What the effective charter is written as declares the same policy when it is read.
func TestWrittenAndReadAgain(t *testing.T) {
	written := map[string]func(*config.Site) *config.Site{
		"CSV":      func(full *config.Site) *config.Site { return again(t, full, charter.WriteCSV) },
		"Markdown": func(full *config.Site) *config.Site { return again(t, full, charter.WriteMarkdown) },
		"JSON": func(full *config.Site) *config.Site {
			data, err := json.Marshal(full.Services)
			if err != nil {
				t.Fatal(err)
			}
			s := *full
			s.Services, s.Charter = nil, nil
			if err := json.Unmarshal(data, &s.Services); err != nil {
				t.Fatal(err)
			}
			return whole(t, &s, nil)
		},
	}
	for seed := range int64(300) {
		full := whole(t, random(rand.New(rand.NewSource(seed))), nil)
		for name, write := range written {
			if got, want := revision(t, write(full)), revision(t, full); got != want {
				t.Fatalf("%s, seed %d: the policy read again is another one", name, seed)
			}
		}
	}
}

func again(t *testing.T, full *config.Site, write func(w io.Writer, rows []charter.Row, language string) error) *config.Site {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, full.Rows(), full.Languages[0]); err != nil {
		t.Fatal(err)
	}
	s := *full
	s.Services, s.Charter = nil, []string{"charte"}
	read, err := s.WithDefaults().Expand(reader(map[string]string{"charte": out.String()}))
	if err == nil {
		err = read.Check(known)
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	return read
}

// random returns a site with whatever a declaration can say.
func random(r *rand.Rand) *config.Site {
	text := func() config.Text {
		words := []string{"L'audience", "a|b", "`x`", "*_y_*", `say "no"`, "é – €", `back\`, `\|`, "a;b, c", "(front)", "100 %", "<b>", "+1"}
		some := config.Text{}
		for _, language := range []string{"fr", "en"} {
			if r.Intn(3) > 0 {
				some[language] = words[r.Intn(len(words))] + " " + words[r.Intn(len(words))]
			}
		}
		if len(some) == 0 {
			return nil
		}
		return some
	}
	pick := func(words ...string) string { return words[r.Intn(len(words))] }
	s := &config.Site{
		Languages:  []string{"fr", "en"},
		Categories: []config.Category{{ID: "audience", Name: config.Text{"fr": "Audience"}}, {ID: "chat", Name: config.Text{"fr": "Mesure"}}},
	}
	for i := range 1 + r.Intn(6) {
		service := config.Service{
			ID: fmt.Sprintf("s%d", i), Provider: pick("", "A", "B & C", "D; E"), Name: text(), Place: text(), Purpose: text(),
			Category: pick("necessary", "statistics", "media", "audience", "chat"), Policy: pick("", "https://a.example/x?y=1"), Country: pick("", "US"),
		}
		if service.Category == "necessary" {
			service.Ground = pick("security", "basket")
		}
		for j := range r.Intn(3) {
			service.Hosts = append(service.Hosts, fmt.Sprintf("*.h%d-%d.example:8443/a/*", i, j))
			service.Storage = append(service.Storage, config.StorageKey{Area: pick("local", "session"), Key: fmt.Sprintf("k %d:*%%,é%d", i, j)})
			service.Inline = append(service.Inline, fmt.Sprintf("push( \"a,b\",\n%d.%d%%", i, j))
		}
		for j := range r.Intn(4) {
			c := config.Cookie{
				Name: fmt.Sprintf("c%d_%d%s", i, j, pick("", "*", ".*", "|x", "`y")), Purpose: text(), Lifetime: pick("", "session", "14d", "36h", "5400s", "1h30m", "90s"),
				Domain: pick("", "a.example"), Path: pick("", "/x y"[:2]), SetBy: pick("", "", "t.example"), HTTPOnly: r.Intn(2) == 0, SameSite: pick("", "lax", "strict"),
			}
			if c.Secure = r.Intn(2) == 0; c.Secure {
				c.Partitioned = r.Intn(2) == 0
			}
			service.Cookies = append(service.Cookies, c)
		}
		s.Services = append(s.Services, service)
	}
	return s
}

// ids lists what is declared: services, their categories and cookies.
func ids(full *config.Site) string {
	var out []string
	for _, s := range full.Services {
		var cookies []string
		for _, c := range s.Cookies {
			cookies = append(cookies, c.Name+":"+c.Lifetime)
		}
		out = append(out, strings.TrimSuffix(s.ID+"="+s.Category+" "+s.Ground, " ")+" "+strings.Join(cookies, " "))
	}
	return strings.Join(out, "\n")
}

func TestRowsOfACharterAreServices(t *testing.T) {
	for _, c := range []struct{ name, site, charter, want string }{
		{
			"a service for each name", `{}`, "Provider;Service;Cookie;Category\nA;Chat A;a1;media\nA;Chat A;a2;media\nB;;b;Statistics\n",
			"chat-a=media a1: a2:\nb=statistics b:",
		},
		{
			"one name with two purposes makes two", `{}`, "Provider;Cookie;Category\nA;a1;media\nA;a2;marketing\n",
			"a-media=media a1:\na-marketing=marketing a2:",
		},
		{
			"a name that is a category's", `{}`, "Provider;Cookie;Category\nMedia;m;media\nSocial;n;media\n",
			"media-service=media m:\nsocial-media=media n:",
		},
		{
			"a category of the site by its name", `{"categories": [{"id": "chat", "name": {"fr": "Messagerie"}}]}`, "Provider;Cookie;Category\nA;a;Messagerie\nB;b;chat\n",
			"a=chat a:\nb=chat b:",
		},
		{
			"rows join the service that the site declares", `{"services": [{"id": "a", "hosts": ["a.example"], "cookies": [{"name": "a1", "http_only": true}]}]}`,
			"ID;Provider;Cookie;Category;Lifetime\na;A;a1;media;14 days\na;A;a2;media;session\n",
			"a=media a1:14d a2:session",
		},
		{
			"grounds in words", `{}`, "Prestataire;Nom du cookie;Catégorie;Motif\nA;a;nécessaire;Authentification\n",
			"a=necessary authentication a:",
		},
		{
			"a third party's own cookie", `{}`, "Provider;Cookie;Category;Set by\nA;a;media;third a.example\n",
			"a=media a:",
		},
		{
			"a service without cookies", `{}`, "Provider;Service;Cookie;Category;Hosts\nA;Map;;media;*.a.example\n",
			"map=media ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, c.site)
			s.Charter = []string{"charte.csv"}
			if got := ids(whole(t, s, map[string]string{"charte.csv": c.charter})); got != c.want {
				t.Errorf("declared:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestMistakesOfACharterNameTheRow(t *testing.T) {
	for _, c := range []struct{ name, site, charter, want string }{
		{"no file", `{"charter": ["none.csv"]}`, "", "charter[0]: open none.csv: file does not exist"},
		{"no table", `{}`, "Bonjour\n", "charter[0]: charte.csv, line 1: there is no table"},
		{"no category", `{}`, "Provider;Cookie\nA;a\n", "charter[0]: charte.csv, line 2: a has no category: a cookie is declared for a purpose (R-1.18); add a column Category"},
		{"an unknown category", `{}`, "Provider;Cookie;Category\nA;a;Divers\n", `charter[0]: charte.csv, line 2: unknown category "Divers" of a; known are: necessary,`},
		{"internal says nothing of a purpose", `{}`, "Provider;Cookie;Category\nA;a;interne\n", `charter[0]: charte.csv, line 2: unknown category "interne"`},
		{"no ground", `{}`, "Provider;Cookie;Category\nA;a;media\nB;b;nécessaire\n", "charter[0]: charte.csv, line 3: necessary needs its ground: "},
		{"an unknown ground", `{}`, "Provider;Cookie;Category;Ground\nA;a;necessary;fun\n", `charter[0]: charte.csv, line 2: unknown ground "fun"`},
		{"a cookie twice", `{}`, "Provider;Cookie;Category\nA;a;media\nA;a;media\n", `charter[0]: charte.csv, line 3: cookie "a" of service "a" is declared twice, first in charte.csv, line 2`},
		{"two services with other facts", `{}`, "Provider;Cookie;Category;Lifetime\nA;x;media;1 day\nB;x;media;2 days\n", `charter[0]: charte.csv, line 3: cookie "x" is declared twice with different facts`},
		{"no cookie-name", `{}`, "Provider;Cookie;Category\nA;a b;media\n", `charter[0]: charte.csv, line 2: "a b" is no cookie-name`},
		{
			"a provider that differs", `{"services": [{"id": "s", "provider": "A", "category": "media"}]}`, "ID;Provider;Cookie\ns;B;a\n",
			`charter[0]: charte.csv, line 2: the provider of service "s" is "A" elsewhere, and "B" here`,
		},
		{
			"a lifetime that differs", `{"services": [{"id": "s", "category": "media", "cookies": [{"name": "a", "lifetime": "1d"}]}]}`, "ID;Cookie;Lifetime\ns;a;2 days\n",
			`charter[0]: charte.csv, line 2: cookie "a" lives 1d where service "s" is declared, and 2d here`,
		},
		{"a mistake beside the charter keeps its place", `{"mode": "x"}`, "Provider;Cookie;Category\nA;a;media\n", "mode: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, c.site)
			if s.Charter == nil {
				s.Charter = []string{"charte.csv"}
			}
			full, err := s.WithDefaults().Expand(reader(map[string]string{"charte.csv": c.charter}))
			if err == nil {
				err = full.Check(known)
			}
			if !strings.HasPrefix(text(err), c.want) {
				t.Errorf("got %q, want %q…", text(err), c.want)
			}
		})
	}
}

func TestExpandLeavesItsInputAlone(t *testing.T) {
	s := site(t, `{"charter": ["c"], "services": [{"id": "s", "category": "media", "cookies": [{"name": "a"}]}]}`).WithDefaults()
	before, _ := json.Marshal(s)
	if _, err := s.Expand(reader(map[string]string{"c": "ID;Cookie;Lifetime\ns;a;2 days\ns;b;\n"})); err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(s); !slices.Equal(after, before) {
		t.Errorf("it became %s", after)
	}
}
