package charter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// short lists rows as line, provider, cookie, category and lifetime.
func short(rows []Row) string {
	var out strings.Builder
	for _, r := range rows {
		category := r.Category
		if id := Category(category); id != "" {
			category = id
		}
		fmt.Fprintf(&out, "%d %s|%s|%s|%s\n", r.Line, r.Provider, r.Cookie, category, r.Lifetime)
	}
	return out.String()
}

func TestSeed(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "portal.txt"))
	if err != nil {
		t.Fatal(err)
	}
	bare := string(whole[strings.Index(string(whole), "Nom du prestataire"):])
	for name, c := range map[string]struct {
		text, category string
		first          int
	}{
		"whole": {string(whole), "necessary", strings.Count(string(whole[:strings.Index(string(whole), "\tsessionid")]), "\n") + 1},
		"bare":  {bare, "", 2},
	} {
		rows, err := Read([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := ""
		for i, cookie := range []string{"sessionid", "django_language", "csrftoken", "cookies_preferences"} {
			line := c.first + i
			if i > 0 {
				line += 3 // the empty lines between the first two
			}
			want += fmt.Sprintf("%d Opendatasoft|%s|%s|\n", line, cookie, c.category)
		}
		if got := short(rows); got != want {
			t.Errorf("%s:\n%swant\n%s", name, got, want)
		}
		if rows[0].Service[""] != "Authentification" || rows[0].Place[""] != "front et back office" || rows[0].Purpose[""] != "Se souvenir de l'utilisateur d'une page à une autre." {
			t.Errorf("%s: %+v", name, rows[0])
		}
	}
}

// layouts are tables as they are met, with what they say.
var layouts = []struct{ name, text, want string }{
	{"newer", "supplier;cookie name;duration;function\nHuwise;sessionid;2 weeks;Login\nHuwise;csrftoken;up to 12 months;Forms\n", "2 Huwise|sessionid||14d\n3 Huwise|csrftoken||365d\n"},
	{"any order, with commas", "Purpose,Cookie,Provider,Category,Lifetime\n\"Count, and sum\",_pk_id.*,Matomo,Statistics,13 months\n", "2 Matomo|_pk_id.*|statistics|395d\n"},
	{"Markdown", "# Cookies\n\n| Fournisseur | Nom du cookie | Durée |\n|:---|---|---:|\n| A | `a_id` | 1 an |\n| B \\| C | b | session |\n\nTexte après le tableau.\n", "5 A|a_id||365d\n6 B | C|b||session\n"},
	{"headings above", "Cookies publicitaires\nFournisseur\tNom du cookie\nA\ta\n\nMesure d'audience\nFournisseur\tNom du cookie\nB\tb\n", "3 A|a|marketing|\n7 B|b|statistics|\n"},
	{"headings between", "Prestataire;Cookie;Finalité\nCookies nécessaires;;\nA;a;x\nRéseaux sociaux;;\nB;b;y\nAutres;;\nC;c;z\n", "3 A|a|necessary|\n5 B|b|social|\n7 C|c||\n"},
	{"cells over lines", "Provider,Cookie,Purpose\nA,a,\"one\ntwo\"\nB,b,x\n", "2 A|a||\n4 B|b||\n"},
	{"quotes copied from a page", "Provider\tCookie\tPurpose\nA\ta\tsays \"yes\" or no\n", "2 A|a||\n"},
	{"a byte order mark and CRLF", "\ufeffProvider;Cookie\r\nA;a\r\n", "2 A|a||\n"},
	{"cells left away at the end", "Provider;Cookie;Purpose;Lifetime\nA;a\nB;b;;;;\n", "2 A|a||\n3 B|b||\n"},
	{"a category of the site's own", "Provider;Cookie;Category\nA;a;chat\n", "2 A|a|chat|\n"},
	{"who sets it is no category", "Cookies tiers\nProvider;Cookie\nA;a\n", "3 A|a||\n"},
	{"denied", "Cookies non nécessaires\nProvider;Cookie\nA;a\n", "3 A|a||\n"},
}

func TestLayouts(t *testing.T) {
	for _, c := range layouts {
		t.Run(c.name, func(t *testing.T) {
			rows, err := Read([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := short(rows); got != c.want {
				t.Errorf("\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestCharsets(t *testing.T) {
	const table = "Prestataire;Nom du cookie;Finalité\nDépartement;a;Été – 10 €\n"
	windows := strings.NewReplacer("é", "\xe9", "É", "\xc9", "–", "\x96", "€", "\x80").Replace(table)
	wide := func(order func(uint16) []byte, mark bool) string {
		units := utf16.Encode([]rune(table))
		if mark {
			units = append([]uint16{0xfeff}, units...)
		}
		out := []byte{}
		for _, u := range units {
			out = append(out, order(u)...)
		}
		return string(out)
	}
	little, big := func(u uint16) []byte { return []byte{byte(u), byte(u >> 8)} }, func(u uint16) []byte { return []byte{byte(u >> 8), byte(u)} }
	for name, text := range map[string]string{
		"UTF-8": table, "UTF-8 with a mark": "\ufeff" + table, "Windows-1252": windows,
		"UTF-16LE": wide(little, true), "UTF-16BE": wide(big, true), "UTF-16LE unmarked": wide(little, false), "UTF-16BE unmarked": wide(big, false),
	} {
		rows, err := Read([]byte(text))
		if err != nil || len(rows) != 1 || rows[0].Provider != "Département" || rows[0].Purpose[""] != "Été – 10 €" {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
}

// mistakes are tables that cannot be read, with the line and what the error says.
var mistakes = []struct {
	name, text string
	line       int
	says       string
}{
	{"empty", "", 1, "there is no table"},
	{"no table", "Nous utilisons des cookies, beaucoup.\n", 1, "there is no table"},
	{"headings alone", "Provider;Cookie\n", 1, "there is no table"},
	{"no column of names", "Provider;Purpose\nA;x\n", 1, "no column is headed as the cookie's name"},
	{"two columns of one thing", "Provider;Vendor;Cookie\nA;A;a\n", 1, "two columns are headed as the provider"},
	{"merged cells", "Provider;Cookie\nA;a\n;b\n", 3, "where cells were merged, repeat"},
	{"no name", "Provider;Cookie;Purpose\nA;;x\n", 2, "the row has no cookie"},
	{"too many cells", "Provider;Cookie\nA;a;b\n", 2, "3 cells where the heading has 2"},
	{"another separator", "Provider;Cookie\nA,a\n", 2, "separate its cells by semicolons"},
	{"an open quote", "Provider;Cookie\nA;\"a\nB;b\n", 2, "never closed"},
	{"a quote in a cell", "Provider;Cookie;Purpose\nA;a;says \"yes\" or no\n", 2, "in the middle of a cell"},
	{"a lifetime that is none", "Provider;Cookie;Lifetime\nA;a;a while\n", 2, `"a while" of a is not understood`},
	{"a lifetime of nothing", "Provider;Cookie;Lifetime\nA;a;0 days\n", 2, "is not understood"},
	{"a workbook", "PK\x03\x04\x14\x00\x06\x00\x08\x00", 1, "this is no text"},
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read([]byte(c.text))
			var found *Error
			if !errors.As(err, &found) || found.Line != c.line || !strings.Contains(found.Message, c.says) {
				t.Errorf("got %v, want line %d: …%s…", err, c.line, c.says)
			}
		})
	}
}

func TestLifetimes(t *testing.T) {
	for words, want := range map[string]string{
		"session": "session", "Session cookie": "session", "Durée de la session": "session", "fin de session": "session",
		"2 semaines": "14d", "13 mois": "395d", "6 mois": "182d", "25 months": "760d", "1 year": "365d", "un an": "365d", "2 ans": "730d",
		"30 min": "30m", "24h": "24h", "24 heures": "24h", "90 secondes": "90s", "Jusqu'à 12 mois": "365d", "14d": "14d", "10 jours max.": "10d",
		"1 an et 1 mois": "", "": "", "13 lunes": "", "-2 jours": "", "permanent": "",
	} {
		if got, ok := lifetime(words); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %t, want %q", words, got, ok, want)
		}
	}
}

func TestTenThousandRows(t *testing.T) {
	text := "Provider;Cookie;Lifetime\n" + strings.Repeat("A;a_*;13 mois\n", 10_000)
	rows, err := Read([]byte(text))
	if err != nil || len(rows) != 10_000 || rows[9_999].Line != 10_001 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// Whatever is read has a name and a line, and nothing is read past the end.
func FuzzRead(f *testing.F) {
	for _, c := range layouts {
		f.Add([]byte(c.text))
	}
	for _, c := range mistakes {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := Read(data)
		var found *Error
		if (err == nil) == (len(rows) == 0) || err != nil && (!errors.As(err, &found) || found.Line < 1) {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		last := 0
		for _, r := range rows {
			if r.Cookie == "" && r.ID == "" && len(r.Hosts)+len(r.Storage)+len(r.Inline) == 0 || r.Line <= last {
				t.Fatalf("%+v after line %d", r, last)
			}
			last = r.Line
		}
	})
}
