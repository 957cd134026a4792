package caddyfile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	_ "github.com/caddy-cookie-consent/caddy-cookie-consent"
)

// Rewrite what the golden files expect, then read the difference:
//
//	go test ./caddyfile -run TestGolden -update
var update = flag.Bool("update", false, "rewrite the expected part of the golden files")

// separator stands between a Caddyfile and what it adapts to: JSON, or the text
// of the error in files called error_*.
const separator = "\n----------\n"

type golden struct{ file, name, caddyfile, want string }

func goldens(t testing.TB) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	var all []golden
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, want, found := strings.Cut(string(data), separator)
		if !found {
			t.Fatalf("%s has no line of ten dashes", file)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		all = append(all, golden{file, name, input + "\n", want})
	}
	return all
}

// located is how an error ends that names file and line.
var located = regexp.MustCompile(`, at Caddyfile:[0-9]+( import chain \['Caddyfile:[0-9]+ \(import [a-z]+\)'\])?$`)

func TestGolden(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			got, err := adapt(g.caddyfile)
			if failed := strings.HasPrefix(g.name, "error_"); failed != (err != nil) {
				t.Fatalf("error = %v, and the file's name says otherwise", err)
			}
			if err != nil && !located.MatchString(err.Error()) {
				t.Errorf("no file and line at the end of %q", err)
			}
			if *update {
				if err := os.WriteFile(g.file, []byte(strings.TrimSuffix(g.caddyfile, "\n")+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != g.want {
				t.Errorf("adapted:\n%swant:\n%s%s", got, g.want, firstDifference(got, g.want))
			}
		})
	}
}

// adapt returns the JSON of a Caddyfile, or the text of its error.
func adapt(input string) (string, error) {
	options := map[string]any{"filename": "Caddyfile"}
	result, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), options)
	if err != nil {
		return err.Error() + "\n", err
	}
	var pretty bytes.Buffer
	err = json.Indent(&pretty, result, "", "\t")
	return pretty.String() + "\n", err
}

func firstDifference(got, want string) string {
	wanted := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			return "first difference: " + strings.TrimSpace(line)
		}
	}
	return "something is missing at the end"
}
