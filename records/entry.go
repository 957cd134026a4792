package records

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// EntrySchema is the version of the form of manifests.
const EntrySchema = "cookie-consent-archive/1"

// Artefact is one thing that visitors were shown or that decided what they were
// shown: the banner or the charter in one language, a style sheet, a script, the
// policy, the version of the module.
type Artefact struct {
	// Name tells it apart in its entry, such as "banner.fr.html".
	Name string
	// Type is the media type of Content.
	Type    string
	Content []byte
}

// Entry is one version of all that was shown. It never changes; the same artefacts
// make the same entry, wherever and whenever.
type Entry struct {
	artefacts []Artefact // by name
	manifest  []byte
	hash      string
}

// manifest is what the hash of an entry is taken of.
type manifest struct {
	Schema    string         `json:"schema"`
	Artefacts []manifestItem `json:"artefacts"`
}

type manifestItem struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// NewEntry makes an entry of artefacts, whose contents must not change any more.
func NewEntry(artefacts ...Artefact) (*Entry, error) {
	e := &Entry{artefacts: slices.Clone(artefacts)}
	slices.SortFunc(e.artefacts, func(a, b Artefact) int { return strings.Compare(a.Name, b.Name) })
	m := manifest{Schema: EntrySchema}
	for i, a := range e.artefacts {
		if a.Name == "" || i > 0 && e.artefacts[i-1].Name == a.Name {
			return nil, fmt.Errorf("archive: artefacts need names of their own, not %q", a.Name)
		}
		m.Artefacts = append(m.Artefacts, manifestItem{a.Name, a.Type, len(a.Content), digest(a.Content)})
	}
	if len(m.Artefacts) == 0 {
		return nil, fmt.Errorf("archive: an entry needs artefacts")
	}
	var err error
	if e.manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	e.hash = digest(e.manifest)
	return e, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Hash is the SHA-256 of the manifest, which records name, in hexadecimal digits.
func (e *Entry) Hash() string { return e.hash }

// Manifest lists the artefacts by name, with type, size and SHA-256, as JSON.
func (e *Entry) Manifest() []byte { return bytes.Clone(e.manifest) }

// Artefacts returns what was shown, by name. The contents must not be changed.
func (e *Entry) Artefacts() []Artefact { return slices.Clone(e.artefacts) }

// Artefact returns the one called name.
func (e *Entry) Artefact(name string) (Artefact, bool) {
	i, ok := slices.BinarySearchFunc(e.artefacts, name, func(a Artefact, name string) int { return strings.Compare(a.Name, name) })
	if !ok {
		return Artefact{}, false
	}
	return e.artefacts[i], true
}

// readManifest reads the text of a manifest.
func readManifest(text []byte) (m manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("archive: manifest: %w", err)
	}
	return m, nil
}
