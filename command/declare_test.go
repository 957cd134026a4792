package command_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// observed is a configuration that is observed, and one beside it.
const observed = `{
	admin ADMIN
	storage file_system STORAGE
}
http://example.fr, http://www.example.fr {
	cookie_consent {
		mode observe
		service login {
			category necessary authentication
			cookie sessionid
		}
	}
}
http://*.shop.example {
	cookie_consent {
		mode observe
	}
}
`

// sightings are of two sites. The session has been declared since.
var sightings = []inventory.Entry{
	{Site: "www.example.fr", Kind: inventory.KindCookie, Name: "sessionid", Setter: "response", Lifetime: 1209600},
	{Site: "www.example.fr", Kind: inventory.KindCookie, Name: "csrftoken", Setter: "response", Lifetime: 31449600, Path: "/"},
	{Site: "www.example.fr", Kind: inventory.KindHost, Name: "www.youtube.com", Setter: "markup", Example: "/film"},
	{Site: "example.fr", Kind: inventory.KindCookie, Name: "panneau_gauche", Setter: "script", Lifetime: 86399, Domain: "example.fr", Example: "/carte"},
	{Site: "example.fr", Kind: inventory.KindStorage, Name: "panneau haut", Area: "local", Setter: "script", Example: "/carte"},
	{Site: "a.shop.example", Kind: inventory.KindHost, Name: "www.youtube.com", Setter: "markup"},
	{Site: "elsewhere.example", Kind: inventory.KindCookie, Name: "a b", Setter: "script"},
	{Site: "elsewhere.example", Kind: inventory.KindCookie, Name: "maison", Setter: "script", Lifetime: -1},
}

// proposed is what is proposed for the first site.
const proposed = `# seen: csrftoken
# csrftoken may also be of opendatasoft-csrf
service django-csrf {
	category necessary security # TODO: confirm
}

# seen: www.youtube.com
service youtube

service panneau {
	# TODO: purpose?
	category marketing # TODO: category?
	cookie panneau_gauche {
		# set by a script; on /carte
		lifetime 1d
		domain example.fr
	}
	storage local "panneau haut" # on /carte
}
`

// stored keeps sightings in a storage as a Caddy does, and returns the folder.
func stored(t *testing.T, entries []inventory.Entry) string {
	t.Helper()
	folder := t.TempDir()
	share, err := inventory.ShareIn(&certmagic.FileStorage{Path: folder}, "one")
	if err != nil {
		t.Fatal(err)
	}
	keeper := inventory.NewKeeper(share, time.Now)
	for _, e := range entries {
		keeper.Inventory.Saw(e, time.Now())
	}
	if err := keeper.Save(context.Background()); err != nil {
		t.Fatal(err)
	}
	return folder
}

// observing writes the configuration with an admin endpoint and a storage.
func observing(t *testing.T, admin, storage string) string {
	t.Helper()
	return folder(t, strings.NewReplacer("ADMIN", admin, "STORAGE", storage).Replace(observed))
}

func TestDeclareFromTheStorage(t *testing.T) {
	file := observing(t, "127.0.0.1:1", stored(t, sightings))
	got, notes, err := run("declare", "--config", file, "--site", "EXAMPLE.fr")
	if err != nil || got != proposed {
		t.Errorf("%v\n%s\nwant\n%s", err, got, proposed)
	}
	for _, want := range []string{
		"no Caddy with cookie_consent answers at 127.0.0.1:1: ", "; this is what the storage of the configuration has\n",
		"4 undeclared things seen on example.fr, www.example.fr; 3 services would declare them: 2 of the catalogue (1 to confirm), 1 to be described\n",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("standard error is %q, want %q", notes, want)
		}
	}
}

func TestDeclareFromTheRunningCaddy(t *testing.T) {
	asked := ""
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI
		_ = json.NewEncoder(w).Encode(inventory.Listing{
			Entries: sightings, Incomplete: "no database", Overflow: []inventory.Overflow{{Site: "example.fr", Kind: inventory.KindCookie, Count: 3}},
		})
	}))
	defer admin.Close()
	file := observing(t, strings.TrimPrefix(admin.URL, "http://"), stored(t, nil))
	for format, want := range map[string]string{
		"caddyfile": proposed,
		"csv": "\ufeffIdentifiant;Nom du cookie;Finalité;Durée de vie;Catégorie;Motif;Domaine;Stockage\n" +
			"django-csrf;;;;necessary;security;;\nyoutube;;;;media;;;\n" +
			"panneau;panneau_gauche;TODO: purpose?;1d;marketing;;example.fr;local:panneau%20haut\n",
		"markdown": "| Identifiant | Nom du cookie | Finalité | Durée de vie | Catégorie | Motif | Domaine | Stockage |\n" +
			"| --- | --- | --- | --- | --- | --- | --- | --- |\n| django-csrf |  |  |  | necessary | security |  |  |\n| youtube |  |  |  | media |  |  |  |\n" +
			"| panneau | `panneau_gauche` | TODO: purpose? | 1d | marketing |  | example.fr | local:panneau%20haut |\n",
	} {
		got, notes, err := run("declare", "-c", file, "--site", "www.example.fr", "--format", format)
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, got, want)
		}
		if asked != "GET /cookie_consent/inventory?undeclared=1" || !strings.Contains(notes, "warning: what other Caddys have seen is missing: no database\n") ||
			!strings.Contains(notes, "warning: sites have used more than is kept (cookie of example.fr)") {
			t.Errorf("asked %q; standard error is %q", asked, notes)
		}
	}
}

// What is proposed is pasted, and nothing is undeclared any more.
func TestDeclareLoadsAndThenSaysNothing(t *testing.T) {
	storage := stored(t, sightings)
	pasted := strings.Replace(observed, "\t\tmode observe\n", "\t\tmode observe\n"+proposed, 1)
	file := folder(t, strings.NewReplacer("ADMIN", "off", "STORAGE", storage).Replace(pasted))
	got, notes, err := run("declare", "--config", file, "--site", "www.example.fr")
	if err != nil || got != "" || !strings.Contains(notes, "nothing undeclared was seen on example.fr, www.example.fr; in mode observe") ||
		!strings.Contains(notes, "the configuration has no admin endpoint; ") {
		t.Errorf("%v: %q, %q", err, got, notes)
	}
}

func TestDeclareTakesTheOneSite(t *testing.T) {
	for _, c := range []struct {
		name    string
		seen    []inventory.Entry
		args    []string
		out     string
		problem string
	}{
		{"the only one on which something was seen", sightings[5:6], nil, "service youtube", ""},
		{"a host by its wildcard", sightings, []string{"--site", "b.shop.example"}, "service youtube", ""},
		{"a host that no site is mounted on", sightings, []string{"--site", "elsewhere.example"}, "# left out: cookie “a b”: ", ""},
		{"nothing was seen", nil, nil, "", ""},
		{"several", sightings, nil, "", "something undeclared was seen on several sites; name one with --site: *.shop.example; elsewhere.example; example.fr, www.example.fr"},
		{"an unknown one", sightings, []string{"--site", "none.example"}, "", `no site "none.example" has a cookie_consent, and nothing undeclared was seen there`},
		{"an unknown format", nil, []string{"--format", "html"}, "", `--format "html" is not caddyfile, csv or markdown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := observing(t, "off", stored(t, c.seen))
			out, _, err := run(append([]string{"declare", "--config", file}, c.args...)...)
			if c.problem == "" && err != nil || c.problem != "" && (err == nil || err.Error() != c.problem) || !strings.Contains(out, c.out) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
