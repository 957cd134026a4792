package integration_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// TestRealPages runs the pages that setup.sh has unpacked, manuals in many styles,
// languages and charsets, through the rewriter: whatever the chunks, taking the
// marks out gives the page as it was, and a parser sees the same tree.
func TestRealPages(t *testing.T) {
	pages := realPages(t)
	if len(pages) < 500 {
		t.Fatalf("%d pages in .tools/pages, want 500: run integration_test/setup.sh", len(pages))
	}
	var group sync.WaitGroup
	work := make(chan string)
	for range 2 {
		group.Go(func() {
			for name := range work {
				checkPage(t, name)
			}
		})
	}
	for _, name := range pages {
		work <- name
	}
	close(work)
	group.Wait()
}

// realPages returns the names of HTML files, which some packages compress. Of
// those of one package and folder it takes no more than a few.
func realPages(t *testing.T) (names []string) {
	const root, few = "../.tools/pages", 5
	taken := map[string]int{}
	page := regexp.MustCompile(`\.x?html?(\.[a-z]{2}([_.-][a-zA-Z0-9-]+)*)?(\.gz)?$`)
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && page.MatchString(name) {
			if info, err := entry.Info(); err != nil || info.Size() > 200<<10 {
				return err // a few books on one page would take half the time
			}
			// a folder has its pages in several languages
			kind := filepath.Dir(name) + page.FindStringSubmatch(name)[1]
			if taken[kind]++; taken[kind] <= few {
				names = append(names, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v: run integration_test/setup.sh", err)
	}
	return names
}

func readPage(t *testing.T, name string) string {
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var from io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if from, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	content, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func checkPage(t *testing.T, name string) {
	page := readPage(t, name)
	if strings.Contains(page, "data-cookie-consent") || strings.Contains(page, rewriter.Invalid) {
		return
	}
	for _, gate := range []*hostsGate{{}, {open: true}} {
		whole := rewritten(t, page, gate, len(page)+1)
		for _, size := range []int{1, 7, 4096} {
			if size < 4096 && gate.open || size == 1 && len(page) > 100<<10 {
				continue
			}
			if rewritten(t, page, gate, size) != whole {
				t.Errorf("%s: chunks of %d make a difference", name, size)
			}
		}
		got := withoutMarks(whole)
		if got != page {
			at := 0
			for at < min(len(got), len(page)) && got[at] == page[at] {
				at++
			}
			t.Errorf("%s: without marks, at %d: %q, want %q", name, at, around(got, at), around(page, at))
		}
		if gate.open && strings.Contains(strings.Replace(whole, insertedMark, "", 1), rewriter.Prefix) {
			t.Errorf("%s: marks though nothing is held back", name)
		}
		if wide(page) && whole != page {
			t.Errorf("%s is in a charset that cannot be read, and was changed", name)
		}
		if !gate.open && whole != page {
			if got, want := treeOf(t, whole), treeOf(t, page); got != want {
				t.Errorf("%s: the tree has changed", name)
			}
		}
	}
}

func around(text string, at int) string { return text[max(0, at-40):min(len(text), at+80)] }

// wide reports whether a page is in a charset that does not extend ASCII.
func wide(page string) bool {
	return strings.HasPrefix(page, "\xff\xfe") || strings.HasPrefix(page, "\xfe\xff") ||
		regexp.MustCompile(`(?i)<meta[^>]*charset=["']?iso-2022`).MatchString(page[:min(len(page), 1024)])
}

// hostsGate holds back every address of another host.
type hostsGate struct{ open bool }

func (g *hostsGate) Holds(address []byte) (string, bool) {
	text := strings.ToLower(strings.TrimSpace(string(address)))
	return "other", !g.open && (strings.HasPrefix(text, "http:") || strings.HasPrefix(text, "https:") || strings.HasPrefix(text, "//"))
}

func (*hostsGate) Base(string)                                  {}
func (*hostsGate) Marks() bool                                  { return true }
func (*hostsGate) HoldsScript([]byte) (string, bool)            { return "", false }
func (*hostsGate) StandIn(rewriter.Page, rewriter.Frame) []byte { return nil }
func (*hostsGate) Admit(policy string) string                   { return policy }

const insertedMark = `<i data-cookie-consent-inserted=""></i>`

func rewritten(t *testing.T, page string, gate rewriter.Gate, size int) string {
	var out bytes.Buffer
	r := rewriter.New(&out, rewriter.Config{Gate: gate, Body: func(dst []byte, _ rewriter.Page) []byte { return append(dst, insertedMark...) }})
	for rest := []byte(page); len(rest) > 0; {
		n := min(size, len(rest))
		if _, err := r.Write(rest[:n]); err != nil {
			t.Error(err)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return out.String()
}

var (
	markedElement = regexp.MustCompile(` data-cookie-consent-service="[a-z]*"`)
	markedAddress = regexp.MustCompile(regexp.QuoteMeta(rewriter.Invalid) + `[a-z]*;`)
)

func withoutMarks(page string) string {
	page = strings.Replace(page, insertedMark, "", 1)
	page = strings.ReplaceAll(page, ` type="text/plain" `+rewriter.Mark, " "+rewriter.Mark)
	page = markedElement.ReplaceAllString(page, "")
	page = markedAddress.ReplaceAllString(page, "")
	return strings.ReplaceAll(page, rewriter.Prefix, "")
}

// treeOf writes the tree of a page, with what is put in taken out.
func treeOf(t *testing.T, page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Error(err)
		return ""
	}
	var clean func(n *html.Node)
	clean = func(n *html.Node) {
		for child := n.FirstChild; child != nil; {
			next := child.NextSibling
			if child.Type == html.ElementNode && len(child.Attr) > 0 && child.Attr[0].Key == "data-cookie-consent-inserted" {
				n.RemoveChild(child)
			} else {
				clean(child)
			}
			child = next
		}
		kept := n.Attr[:0]
		for _, a := range n.Attr {
			if a.Key == rewriter.Mark {
				if n.Data == "script" {
					kept = kept[:0]
				}
				continue
			}
			a.Key = strings.TrimPrefix(a.Key, rewriter.Prefix)
			kept = append(kept, a)
		}
		n.Attr = kept
	}
	clean(root)
	var out strings.Builder
	if err := html.Render(&out, root); err != nil {
		t.Error(err)
	}
	return withoutMarks(out.String())
}
