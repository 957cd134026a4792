package command_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func TestArchiveListAndShow(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	d.fill(t, log, "portal.example", 1, 2)
	hash := shown(t).Hash()
	want := "HASH" + strings.Repeat(" ", 62) + "FIRST                    LAST IN USE              RECORDS\n" +
		hash + "  2026-05-02 10:00:00 UTC  2026-05-02 10:00:00 UTC  2\n"
	if got := d.must(t, "archive", "list"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := d.must(t, "archive", "show", strings.ToUpper(hash)); strings.Count(got, "\n") != 6 || !strings.Contains(got, "banner.js        text/javascript           8      ") {
		t.Errorf("the list of pieces is\n%s", got)
	}
	if got := d.must(t, "archive", "show", hash, "--artefact", "banner.js"); got != "alert(1)" {
		t.Errorf("the script is %q", got)
	}
	if _, _, err := d.run("archive", "show", hash, "--artefact", "banner.js", "--output", t.TempDir()); err == nil {
		t.Error("a piece and a folder go together")
	}
	d.corrupt(t, "UPDATE cookie_consent_artefacts SET content = 'alert(2)' WHERE content = 'alert(1)' OR content = x'616c657274283129'")
	if _, _, err := d.run("archive", "show", hash); err == nil || !strings.Contains(err.Error(), "it was changed") {
		t.Errorf("a changed piece: %v", err)
	}
}

func TestArchiveFolderShowsTheBannerAsItWas(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	d.fill(t, log, "portal.example", 1)
	dir := filepath.Join(t.TempDir(), "as", "it was")
	d.must(t, "archive", "show", shown(t).Hash(), "--output", dir)
	for _, a := range shown(t).Artefacts() {
		if got, err := os.ReadFile(filepath.Join(dir, "artefacts", filepath.FromSlash(a.Name))); err != nil || string(got) != string(a.Content) {
			t.Errorf("%s: %v, %q", a.Name, err, got)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if sum := sha256.Sum256(manifest); err != nil || hex.EncodeToString(sum[:]) != shown(t).Hash() {
		t.Errorf("%v: the hash of the manifest is %x", err, sum)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := parsed(t, string(index))
	if loads := loading(page); len(loads) > 0 {
		t.Errorf("the page loads %q", loads)
	}
	if policy := contentPolicy(page); !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script") {
		t.Errorf("the page allows %q", policy)
	}
	var titles []string
	for frame := range page.Descendants() {
		if frame.Data != "iframe" {
			continue
		}
		name := attribute(frame, "title")
		titles = append(titles, name)
		if value, there := lookup(frame, "sandbox"); !there || value != "" {
			t.Errorf("%s: sandbox is %q, %v", name, value, there)
		}
		text := attribute(frame, "srcdoc")
		if original, ok := shown(t).Artefact(name); !ok || !strings.HasSuffix(text, string(original.Content)) {
			t.Errorf("%s is shown as\n%s", name, text)
		}
		inner := parsed(t, text)
		if policy := contentPolicy(inner); !strings.HasPrefix(policy, "default-src 'none'; style-src 'unsafe-inline';") {
			t.Errorf("%s: the frame allows %q", name, policy)
		}
		if lang := attribute(find(inner, "html"), "lang"); lang != strings.Split(name, ".")[1] {
			t.Errorf("%s: the frame's language is %q", name, lang)
		}
		if body := find(inner, "body"); name == "banner.fr.html" && attribute(find(body, "div"), "id") != "cookie-consent" {
			t.Errorf("%s: the banner is not in the body", name)
		}
	}
	if want := []string{"banner.en.html", "banner.fr.html", "charter.fr.html"}; !slices.Equal(titles, want) {
		t.Errorf("shown are %q, want %q", titles, want)
	}
}

// A name in the archive is somebody else's word.
func TestArchiveFolderIsNotLeft(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	e, err := records.NewEntry(records.Artefact{Name: "../../escaped.html", Type: "text/html", Content: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	if _, _, err := d.run("archive", "show", e.Hash(), "--output", filepath.Join(parent, "out")); err == nil || !strings.Contains(err.Error(), `artefact "../../escaped.html": `) {
		t.Errorf("got %v", err)
	}
	if files, err := os.ReadDir(parent); err != nil || len(files) != 1 {
		t.Errorf("%v: %v", err, files)
	}
	if got := d.must(t, "archive", "show", e.Hash(), "--artefact", "../../escaped.html"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func parsed(t *testing.T, text string) *html.Node {
	t.Helper()
	page, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// find returns the first element called name.
func find(in *html.Node, name string) *html.Node {
	for node := range in.Descendants() {
		if node.Type == html.ElementNode && node.Data == name {
			return node
		}
	}
	return &html.Node{}
}

func lookup(node *html.Node, name string) (string, bool) {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func attribute(node *html.Node, name string) string {
	value, _ := lookup(node, name)
	return value
}

// loading lists the addresses that a page would load from.
func loading(page *html.Node) (addresses []string) {
	for node := range page.Descendants() {
		for _, name := range []string{"src", "href", "srcset", "data", "action"} {
			if value, there := lookup(node, name); there {
				addresses = append(addresses, value)
			}
		}
	}
	return addresses
}

// contentPolicy is the Content-Security-Policy of a page.
func contentPolicy(page *html.Node) string {
	for node := range page.Descendants() {
		if node.Data == "meta" && strings.EqualFold(attribute(node, "http-equiv"), "Content-Security-Policy") {
			return attribute(node, "content")
		}
	}
	return ""
}
