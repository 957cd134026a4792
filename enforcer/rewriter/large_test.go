package rewriter

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// large are tags, scripts and noscripts that are too long to be held: a "…" is
// 200 KB, and in want the longer names and marks are written as in holding.
var large = []struct{ name, document, want string }{
	{"an image behind a data address", `<img src="data:…" srcset="//ads/1 2x">.`, `<img src="data:…" ¡~srcset="//ads/1 2x">.`},
	{"a data address without quotes", `<img src=data:… srcset=//ads/1>.`, `<img src=data:… ¡~srcset=//ads/1>.`},
	{"a held address", `<img src="//ads/…" srcset="//ads/1">.`, `<img ¡~src="//ads/…" ~srcset="//ads/1">.`},
	{"an own address", `<img src="/…">.`, ``},
	{"duplicates", `<img src="/…" src=//ads/1><img src=//ads/2>.`, `<img src="/…" src=//ads/1><img¡ ~src=//ads/2>.`},
	{"a page in an attribute", `<div data-page="…>" style="b:url(//ads/1)">.`, `<div data-page="…>" ¡style="b:url(¿//ads/1)">.`},
	{"a style", `<div style="b:url(data:…)">.`, `<div ¤~style="b:url(data:…)">.`},
	{"a script", `<script data-x="…>" src=//ads/1></script><img src=//ads/2>.`, `<script type="text/plain" ¤data-x="…>" ~src=//ads/1></script><img¡ ~src=//ads/2>.`},
	{"an iframe", `<iframe src=//ads/1 data-x="…"></iframe>.`, `<iframe srcdoc="" src="" ¤~src=//ads/1 data-x="…"></iframe>.`},
	{"a link", `<link data-x="…" rel=stylesheet href=//ads/1>.`, `<link rel="" ¤data-x="…" ~rel=stylesheet ~href=//ads/1>.`},
	{"a srcdoc", `<iframe srcdoc="…<img src=//ads/1>"></iframe>.`, `<iframe srcdoc="" src="" ¤~srcdoc="…<img src=//ads/1>"></iframe>.`},
	{"an unfinished tag", `<img src=//ads/1><img alt="…`, `<img¡ ~src=//ads/1><img alt="…`},
	{"an attribute's name", `<img …="//ads/>" src=//ads/1>.`, `<img …="//ads/>" ¡~src=//ads/1>.`},
	{"a value without quotes", `<img alt=… src=//ads/1>.`, `<img alt=… ¡~src=//ads/1>.`},
	{"a tag's name", `<x… title=">" style="b:url(/)"><img src=//ads/1>.`, `<x… title=">" style="b:url(/)"><img¡ ~src=//ads/1>.`},
	{"an end tag", `<p></p title="…>"><img src=//ads/1>.`, `<p></p title="…>"><img¡ ~src=//ads/1>.`},
	{"an end tag's name", `</x…><img src=//ads/1>.`, `</x…><img¡ ~src=//ads/1>.`},
	{"a style element's tag", `<style title="…">a{b:url(//ads/1)}</style>.`, `<style title="…">a{b:url(¿//ads/1)}</style>.`},
	{"a noscript", `<noscript>…<img src=//ads/1></noscript><img src=//ads/2>.`, `<noscript>…<img¡ ~src=//ads/1></noscript><img¡ ~src=//ads/2>.`},
	{"an inline script with a mark", `<script>_paq.push(1);…</script><img src=//ads/1>`, `<script type="text/plain"¡>_paq.push(1);…</script><img¡ ~src=//ads/1>`},
	{"an inline script", `<script>"…"</script><img src=//ads/1>`, `<script>"…"</script><img¡ ~src=//ads/1>`},
	{"an import map", `<script type=importmap>{"imports":{"a":"…"}}</script>`, `<script type="text/plain" data-cookie-consent-service="" ~type=importmap>{"imports":{"a":"…"}}</script>`},
	{"a style sheet's address", `<style>a{b:url("/…");c:url(//ads/1)}</style>`, `<style>a{b:url("about:invalid#cookie-consent-service=;/…");c:url(¿//ads/1)}</style>`},
	{"a style sheet's data address", `<style>a{b:url(data:…);c:url(//ads/1)}</style>`, `<style>a{b:url(data:…);c:url(¿//ads/1)}</style>`},
	{"an SVG style sheet", `<svg><style>…a{b:url(//ads/1)}</style></svg>`, `<svg><style type="text/plain" data-cookie-consent-service="">…a{b:url(//ads/1)}</style></svg>`},
	{"a comment", `<!--…<img src=//ads/1>--><img src=//ads/2>`, `<!--…<img src=//ads/1>--><img¡ ~src=//ads/2>`},
}

func TestLargeTags(t *testing.T) {
	long := strings.Repeat("abcdefghi;", 20<<10)
	for _, row := range large {
		t.Run(row.name, func(t *testing.T) {
			document := strings.ReplaceAll(row.document, "…", long)
			want := document
			if row.want != "" {
				want = strings.NewReplacer("…", long, "¤", Mark+`="" `, "~", Prefix, "¿", Invalid+"ads;", " ¡", " "+Mark+`="ads" `, "¡", " "+Mark+`="ads"`).Replace(row.want)
			}
			for _, size := range []int{1021, 4096, 100_000, len(document)} {
				got := bounded(t, document, size)
				if got != want {
					t.Fatalf("chunks of %d: got %s\nwant %s", size, short(got, long), short(want, long))
				}
			}
			if got := strip(want); got != document {
				t.Errorf("without marks: %s", short(got, long))
			}
		})
	}
}

func short(document, long string) string {
	return strings.ReplaceAll(document, long, "…")
}

// bounded runs document through a Rewriter and sees to it that it keeps little.
func bounded(t *testing.T, document string, size int) string {
	t.Helper()
	var out bytes.Buffer
	r := New(&out, Config{Gate: &testGate{marks: true}})
	for rest := document; rest != ""; {
		n := min(size, len(rest))
		if _, err := io.WriteString(r, rest[:n]); err != nil {
			t.Fatal(err)
		}
		if len(r.held) > maxTag+maxWord+size {
			t.Fatalf("%d bytes are held in chunks of %d", len(r.held), size)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestABodyTagTooLongGetsItsInsertion(t *testing.T) {
	document := `<!doctype html><body data-x="` + strings.Repeat("x", 3*maxTag) + `">|<p>`
	for _, size := range []int{1000, len(document)} {
		if got := rewrite(t, strings.Replace(document, "|", "", 1), size, false); got != strings.Replace(document, "|", "[]", 1) {
			t.Errorf("chunks of %d: %d bytes", size, len(got))
		}
	}
}

func TestChunksDecideNothingOfLongSpace(t *testing.T) {
	document := `<style>a{b:url(` + strings.Repeat(" ", 3*maxTag) + `"//ads/1")}</style>`
	whole := bounded(t, document, len(document))
	for _, size := range []int{1021, 4096} {
		if got := bounded(t, document, size); got != whole {
			t.Errorf("chunks of %d: %d bytes, want %d", size, len(got), len(whole))
		}
	}
	if !strings.Contains(whole, Invalid) {
		t.Error("nothing is held back")
	}
}

func TestWideCharsetsPass(t *testing.T) {
	for _, document := range []string{
		"<!doctype html><meta charset=iso-2022-jp><script src=//ads/1></script><body>\x1b$B<img src=//ads/2>\x1b(B",
		"<!doctype html><meta http-equiv=content-type content='text/html; charset=ISO-2022-JP'><body><img src=//ads/1>",
		"\xff\xfe<\x00i\x00m\x00g\x00", "\xfe\xff\x00<\x00i\x00m\x00g",
	} {
		for _, gate := range []Gate{&testGate{}, nil} {
			for _, size := range sizes {
				c := inserting(gate)
				c.Charset = false
				var out bytes.Buffer
				r := New(&out, c)
				for rest := document; rest != ""; {
					n := min(size, len(rest))
					_, _ = io.WriteString(r, rest[:n])
					rest = rest[n:]
				}
				if _ = r.Close(); out.String() != document {
					t.Errorf("%q became %q", document, out.String())
				}
			}
		}
	}
}
