package rewriter

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// rewrite runs document through a Rewriter in chunks of size.
func rewrite(t testing.TB, document string, size int, whole bool) string {
	t.Helper()
	var out bytes.Buffer
	r := New(&out, Config{Whole: whole, Body: func(dst []byte, p Page) []byte { return append(dst, "["+p.Lang+p.Base+"]"...) }})
	for rest := document; rest != ""; {
		n := min(size, len(rest))
		if got, err := r.Write([]byte(rest[:n])); got != n || err != nil {
			t.Fatalf("Write = %d, %v, want %d", got, err, n)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Each document has a "|" where the insertion belongs, or none.
var documents = []struct{ name, document string }{
	{"behind the body tag", `<!doctype html><html><head></head><body>|<p>x`},
	{"behind a body tag with > in a value", `<!doctype html><body data-a=">" class='>'>|x`},
	{"behind an upper case body tag", `<!DOCTYPE HTML><HTML><BODY
>|x`},
	{"before text without a body tag", `<!doctype html><title>t</title>|text`},
	{"before an element without a body tag", `<!doctype html><meta charset=utf-8><link rel=x>|<p>x</p>`},
	{"after the head", "<html><head><title>t</title></head>\n|<main>x</main></html>"},
	{"not in a title", `<!doctype html><title><body></title><body>|`},
	{"not in a style", `<!doctype html><style>/*<body>*/</style><body>|`},
	{"not in a script", `<!doctype html><script>"<body>"</script ><body>|`},
	{"not in a double escaped script", `<!doctype html><script><!--<script></script><body>--></script><body>|`},
	{"other tags do not end an escape", `<!doctype html><script><!--<s html><scri t><!--<script></script><body>--></script><body>|`},
	{"an escaped script ends", `<!doctype html><script><!--</script><body>|`},
	{"an empty escape ends", `<!doctype html><script><!--><script></script><body>|`},
	{"an escape that ended", `<!doctype html><script><!-- x --><script></script><body>|`},
	{"an end tag in quotes ends a script", `<!doctype html><script>"</script a=b><body>|`},
	{"an end tag with > in a value", `<!doctype html><title></title a="><body>"><body>|`},
	{"script is not scripts", `<!doctype html><script></scripts></script><body>|`},
	{"not in a comment", `<!doctype html><!-- <body> --><body>|`},
	{"an empty comment", `<!doctype html><!--><body>|-->`},
	{"an almost empty comment", `<!doctype html><!---><body>|-->`},
	{"a comment that ends with a bang", `<!doctype html><!-- --!><body>|-->`},
	{"a comment with many dashes", `<!doctype html><!------ -- -><!-- ----><body>|-->`},
	{"not in a bogus comment", `<?xml version="1.0"?><!doctype html></ <body><!x<body><body>|`},
	{"not in a template", `<!doctype html><template><body><p>x<template></template></template><body>|`},
	{"not in text in a template", `<!doctype html><template><textarea></template><p></textarea></template><body>|`},
	{"not behind plaintext in a template", `<!doctype html><template><plaintext></template><body>`},
	{"not in a head noscript", `<!doctype html><head><noscript><img></noscript></head><body>|`},
	{"not in a frameset", `<!doctype html><frameset><frame></frameset><body>`},
	{"not in a fragment", `<p>x</p><body>`},
	{"not in a text fragment", `x<body>`},
	{"not in a fragment behind a comment", `<!-- x --><div><body></div>`},
	{"before a body end tag", `<!doctype html>|</body>`},
	{"other end tags begin no body", `<!doctype html></p></div><body>|`},
	{"a lone < begins the body", `<!doctype html>|< body>`},
	{"behind a byte order mark", "\xef\xbb\xbf<!doctype html><body>|"},
	{"not in UTF-16", "\xff\xfe<\x00!\x00d\x00o\x00c\x00t\x00y\x00p\x00e\x00>\x00"},
	{"at the end of an empty document", `<!doctype html><html></html>`},
	{"nothing for nothing", ``},
	{"an unfinished tag", `<!doctype html><body class="`},
	{"attributes without values", `<!doctype html><body a b= c =d "e>|f">`},
	{"a value that begins with =", `<!doctype html><body a==">|">`},
	{"a name that begins with =", `<!doctype html><body =">|">`},
}

func TestInsertion(t *testing.T) {
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			input, want := strings.Replace(d.document, "|", "", 1), strings.Replace(d.document, "|", "[]", 1)
			if d.name == "at the end of an empty document" {
				want = `<!doctype html><html>[]</html>`
			}
			for _, size := range []int{1, 2, 3, 7, 4096} {
				if got := rewrite(t, input, size, false); got != want {
					t.Errorf("chunks of %d: got %q, want %q", size, got, want)
				}
			}
		})
	}
}

func TestWhatTheHeadSays(t *testing.T) {
	for _, row := range []struct{ document, want string }{
		{`<html lang="fr"><body>`, "fr"},
		{`<!doctype html><HTML class=x LANG=en-GB><body>`, "en-GB"},
		{`<html lang=fr lang=en><body>`, "fr"},
		{`<html data-lang=fr><body>`, ""},
		{`<html lang="&#102;r"><body>`, "fr"},
		{`<!doctype html><base target=x><base href="//cdn.example/"><base href=/y><body>`, "//cdn.example/"},
		{`<!doctype html><template><base href=/x></template><body>`, ""},
	} {
		if got := rewrite(t, row.document, 5, false); !strings.HasSuffix(got, "["+row.want+"]") {
			t.Errorf("%s: got %s, want %q", row.document, got, row.want)
		}
	}
}

func TestWholeDocumentWithoutTags(t *testing.T) {
	if got := rewrite(t, "hello", 3, true); got != "[]hello" {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsAddedToWhatBreaksOff(t *testing.T) {
	var out bytes.Buffer
	r := New(&out, Config{Body: func(dst []byte, _ Page) []byte { return append(dst, "[]"...) }})
	if _, err := r.Write([]byte("<!doctype html><title>t</title><bo")); err != nil {
		t.Fatal(err)
	}
	if err := r.Abort(); err != nil || out.String() != "<!doctype html><title>t</title><bo" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestBytesLeaveAtOnce(t *testing.T) {
	var out bytes.Buffer
	r := New(&out, Config{Body: func(dst []byte, _ Page) []byte { return dst }})
	for _, chunk := range []string{"<!doctype html><title>a", "b", "</title><script>va", "r x", "</script><!-- ", "c"} {
		out.Reset()
		if _, err := r.Write([]byte(chunk)); err != nil || out.Len() == 0 {
			t.Errorf("%q: %d bytes left, %v", chunk, out.Len(), err)
		}
	}
}

func TestATagThatNeverEndsIsLetThrough(t *testing.T) {
	document := "<!doctype html><body data-x=\"" + strings.Repeat("x", 2*maxTag)
	if got := rewrite(t, document, 1000, false); got != document {
		t.Errorf("%d bytes, want %d", len(got), len(document))
	}
}

// FuzzInsertion holds the rewriter against golang.org/x/net/html: whatever the
// chunks, taking the insertion out gives the input, and the insertion is the
// first thing in the body that a parser sees.
func FuzzInsertion(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(strings.Replace(d.document, "|", "", 1)), 3)
	}
	const mark = "<b id=inserted></b>"
	f.Fuzz(func(t *testing.T, document []byte, size int) {
		run := func(size int) string {
			var out bytes.Buffer
			r := New(&out, Config{Body: func(dst []byte, _ Page) []byte { return append(dst, mark...) }})
			for rest := document; len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := r.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		got := run(max(1, size&0xff))
		if whole := run(len(document) + 1); got != whole {
			t.Fatalf("chunks of %d: %q, whole: %q", size&0xff, got, whole)
		}
		if bytes.Contains(document, []byte(mark)) {
			return
		}
		without := strings.Replace(got, mark, "", 1)
		if without != string(document) {
			t.Fatalf("%q became %q", document, got)
		}
		if lower := strings.ToLower(got); without == got || strings.Contains(lower, "<script") && strings.Contains(lower, "<!--") {
			return // in a script, the oracle takes any "<" for the end of "<!--"; Chromium does not
		}
		root, err := html.Parse(strings.NewReader(strings.TrimPrefix(got, "\ufeff")))
		if err != nil {
			return // the oracle gives up
		}
		body := find(root, "body")
		if body == nil && find(root, "frameset") != nil {
			return // elements before a frameset look like a body's until it comes
		}
		if body == nil {
			t.Fatalf("%q: no body", got)
		}
		for child := body.FirstChild; ; child = child.NextSibling {
			if child == nil {
				t.Fatalf("%q: inserted elsewhere", got)
			}
			if child.Type == html.ElementNode {
				if child.Data != "b" {
					t.Fatalf("%q: the first element of the body is %s", got, child.Data)
				}
				return
			}
			if child.Type == html.TextNode && strings.TrimSpace(strings.ReplaceAll(child.Data, "\x00", "")) != "" {
				t.Fatalf("%q: text stands before the insertion", got)
			}
		}
	})
}

func find(n *html.Node, name string) *html.Node {
	if n.Type == html.ElementNode && n.Data == name {
		return n
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		if found := find(child, name); found != nil {
			return found
		}
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
