package command

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

//go:embed archive.html
var archivePage string

var archiveTemplate = template.Must(template.New("archive").Parse(archivePage))

// writeEntry makes a folder that shows e: index.html; manifest.json, whose SHA-256 is
// the hash; and each artefact, byte for byte, under artefacts.
func writeEntry(folder string, e *records.Entry) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(folder)
	switch {
	case err != nil:
		return err
	case len(files) > 0:
		return fmt.Errorf("the folder %s is not empty", folder)
	}
	root, err := os.OpenRoot(folder) // names in an archive lead nowhere else
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, a := range e.Artefacts() {
		if err := writeInto(root, "artefacts/"+a.Name, a.Content); err != nil {
			return fmt.Errorf("artefact %q: %w", a.Name, err)
		}
	}
	var index bytes.Buffer
	if err := archiveTemplate.Execute(&index, pageOf(e)); err != nil {
		return err
	}
	return errors.Join(root.WriteFile("manifest.json", e.Manifest(), 0o644), root.WriteFile("index.html", index.Bytes(), 0o644))
}

// writeInto makes a new file, and the folders on the way to it.
func writeInto(root *os.Root, name string, content []byte) error {
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(content))
	return errors.Join(err, file.Close())
}

func sha(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// entryPage is what the template sees of an entry.
type entryPage struct {
	Hash      string
	Shown     []shownPage
	Artefacts []artefactRow
}

// shownPage is an artefact that visitors saw, as a document of its own.
type shownPage struct{ Name, Document string }

type artefactRow struct {
	Name, Type, SHA256 string
	Size               int
}

func pageOf(e *records.Entry) entryPage {
	page := entryPage{Hash: e.Hash()}
	for _, a := range e.Artefacts() {
		page.Artefacts = append(page.Artefacts, artefactRow{a.Name, a.Type, sha(a.Content), len(a.Content)})
		if mediaType, _, err := mime.ParseMediaType(a.Type); err == nil && mediaType == "text/html" {
			page.Shown = append(page.Shown, shownPage{a.Name, documentOf(a)})
		}
	}
	return page
}

// langOf is what a name has before its extension: fr of banner.fr.html.
func langOf(name string) string {
	name = path.Base(name)
	return strings.TrimPrefix(path.Ext(strings.TrimSuffix(name, path.Ext(name))), ".")
}

// frameHead is what a frame allows: styles as they are written there. The frame's
// sandbox forbids the same and more.
const frameHead = `<!doctype html><html%s><meta charset="utf-8">` +
	`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'">` +
	`<meta name="viewport" content="width=device-width, initial-scale=1">`

// documentOf makes an artefact, which has its styles in it, a document of its own.
func documentOf(shown records.Artefact) string {
	lang := ""
	if l := langOf(shown.Name); l != "" {
		lang = ` lang="` + template.HTMLEscapeString(l) + `"`
	}
	return fmt.Sprintf(frameHead, lang) + string(shown.Content)
}
