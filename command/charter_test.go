package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	"github.com/spf13/cobra"
	"golang.org/x/net/html"

	_ "github.com/caddy-cookie-consent/caddy-cookie-consent"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

const portal = `http://portal.example {
	cookie_consent /app/* {
		site "Portal"
		undeclared_hosts allow
		charter charte.csv
		service video {
			category media
			host *.video.example
		}
	}
}
http://other.example {
	cookie_consent {
		service login {
			category necessary authentication
			cookie sessionid
		}
	}
}
`

const table = "Prestataire;Service et emplacement;Nom du cookie;Finalité;Catégorie;Motif;Durée\n" +
	"Département;Connexion (front);sessionid;Se souvenir.;nécessaire;authentification;2 semaines\n" +
	"Département;Mesure;visites*;Compter.;statistiques;;13 mois\n"

// folder holds a configuration and its charter.
func folder(t *testing.T, caddyfile string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Caddyfile": caddyfile, "charte.csv": table} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "Caddyfile")
}

// charterOf runs caddy cookie-consent charter.
func charterOf(args ...string) (stdout, stderr string, err error) {
	return run(append([]string{"charter"}, args...)...)
}

// run runs caddy cookie-consent.
func run(args ...string) (stdout, stderr string, err error) {
	return runIn(context.Background(), args...)
}

// runIn runs it until ctx ends.
func runIn(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	cmd := &cobra.Command{Use: "cookie-consent", SilenceErrors: true, SilenceUsage: true}
	caddycmd.Commands()["cookie-consent"].CobraFunc(cmd)
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

func TestCharterPrintsWhatIsEnforced(t *testing.T) {
	file := folder(t, portal)
	for format, want := range map[string]string{
		"csv": "\ufeffIdentifiant;Prestataire;Service (fr);Emplacement (fr);Nom du cookie;Finalité (fr);Durée de vie;Catégorie;Motif;Hôtes\n" +
			"video;;;;;;;media;;*.video.example\n" +
			"connexion;Département;Connexion;front;sessionid;Se souvenir.;14d;necessary;authentication;\n" +
			"mesure;Département;Mesure;;visites*;Compter.;395d;statistics;;\n",
		"markdown": "| Identifiant | Prestataire | Service (fr) | Emplacement (fr) | Nom du cookie | Finalité (fr) | Durée de vie | Catégorie | Motif | Hôtes |\n" +
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n" +
			"| video |  |  |  |  |  |  | media |  | `*.video.example` |\n" +
			"| connexion | Département | Connexion | front | sessionid | Se souvenir. | 14d | necessary | authentication |  |\n" +
			"| mesure | Département | Mesure |  | `visites*` | Compter. | 395d | statistics |  |  |\n",
	} {
		got, notes, err := charterOf("--config", file, "--site", "portal.example", "--format", format)
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, got, want)
		}
		if !strings.Contains(notes, "warning: undeclared_hosts: ") || !strings.Contains(notes, "(preset fr; R-7.9, EDPB guidelines 2/2023)") {
			t.Errorf("%s: standard error is %q", format, notes)
		}
	}
}

func TestCharterAsJSON(t *testing.T) {
	got, _, err := charterOf("--config", folder(t, portal), "--site", "portal.example", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Preset   struct{ ID string }
		Warnings []string
		Services []config.Service
	}
	if err := json.Unmarshal([]byte(got), &said); err != nil || said.Preset.ID != "fr" || len(said.Warnings) == 0 || len(said.Services) != 3 || said.Services[1].Cookies[0].Lifetime != "14d" {
		t.Errorf("%v: %+v", err, said)
	}
}

func TestCharterAsHTML(t *testing.T) {
	got, _, err := charterOf("--config", folder(t, portal), "--site", "portal.example", "--format", "html")
	if err != nil {
		t.Fatal(err)
	}
	page, err := html.Parse(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for node := range page.Descendants() {
		counts[node.Data]++
	}
	if counts["tr"] != 4 || counts["th"] != 10 || counts["li"] < 1 || !strings.Contains(got, "preset fr") {
		t.Errorf("%v in\n%s", counts, got)
	}
}

func TestCharterSaysWhatIsWrong(t *testing.T) {
	file := folder(t, portal)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown format", []string{"--config", file, "--format", "pdf"}, `--format "pdf" is not csv, markdown, html or json`},
		{"several sites", []string{"--config", file}, "several sites have a cookie_consent; name one with --site: other.example; portal.example"},
		{"an unknown site", []string{"--config", file, "--site", "none.example"}, `no site "none.example" has a cookie_consent; there are: other.example; portal.example`},
		{"no such file", []string{"--config", file + ".none"}, "no such file"},
		{"no site at all", []string{"--config", folder(t, "http://a.example {\nrespond hello\n}\n")}, "the configuration has no cookie_consent"},
		{"a mistake", []string{"--config", folder(t, "http://a.example {\ncookie_consent {\ncharter none.csv\n}\n}\n")}, "none.csv: no such file or directory, at "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := charterOf(c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
