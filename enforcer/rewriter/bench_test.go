package rewriter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// corpora are documents as they occur, made up anew for each size.
var corpora = []struct {
	name string
	part func(r *rand.Rand, out *strings.Builder)
}{
	{"page", func(r *rand.Rand, out *strings.Builder) {
		switch r.IntN(10) {
		case 0:
			someScript(r, out, 1500)
		case 1:
			fmt.Fprintf(out, "<img src=\"/media/%d.jpg\" alt=%q width=\"320\" height=\"200\" loading=\"lazy\">\n", r.IntN(1000), words(r, 4))
		case 2:
			someNavigation(r, out)
		default:
			fmt.Fprintf(out, "<div class=\"row card-%d\">\n  <h2>%s</h2>\n  <p class=\"lead\">%s <a href=\"/dataset/%d?view=table&amp;sort=date\">%s</a> %s</p>\n</div>\n",
				r.IntN(9), words(r, 5), words(r, 30), r.IntN(1000), words(r, 3), words(r, 40))
		}
	}},
	{"prose", func(r *rand.Rand, out *strings.Builder) {
		fmt.Fprintf(out, "<p>%s, <em>%s</em> %s.</p>\n\n", words(r, 60), words(r, 2), words(r, 50))
	}},
	{"tag-heavy", func(r *rand.Rand, out *strings.Builder) {
		fmt.Fprintf(out, "<table><tr class=\"odd\" id=\"r%d\"><td>%d</td><td class=\"n\">%s</td><td><a href=\"/d/%d\" title=\"%s\"><b>%s</b></a></td><td><span class=\"x y\"></span><br></td></tr></table>\n",
			r.IntN(1000), r.IntN(100), words(r, 1), r.IntN(1000), words(r, 2), words(r, 1))
	}},
	{"script-heavy", func(r *rand.Rand, out *strings.Builder) {
		someScript(r, out, 6000)
		fmt.Fprintf(out, "<div id=\"app-%d\" class=\"mount\"></div>\n", r.IntN(100))
	}},
	{"minified", func(r *rand.Rand, out *strings.Builder) {
		fmt.Fprintf(out, "<div class=c%d><p>%s<p>%s<ul><li><a href=/%d>%s</a><li><a href=/%d class=b>%s</a></ul><img src=/i/%d.png alt></div>",
			r.IntN(99), words(r, 12), words(r, 9), r.IntN(999), words(r, 2), r.IntN(999), words(r, 2), r.IntN(999))
	}},
}

var vocabulary = strings.Fields("données ouvertes le la département carte jeu de fichier mise à jour commune population transport école budget et pour dans territoire service public accès réutilisation licence téléchargement")

func words(r *rand.Rand, n int) string {
	chosen := make([]string, n)
	for i := range chosen {
		chosen[i] = vocabulary[r.IntN(len(vocabulary))]
	}
	return strings.Join(chosen, " ")
}

func someScript(r *rand.Rand, out *strings.Builder, size int) {
	out.WriteString("<script>")
	for end := out.Len() + size; out.Len() < end; {
		fmt.Fprintf(out, "(function(e,t){if(e<%d&&t>0){var n=document.createElement(\"div\");n.innerHTML='<b class=\"x\">'+t+'</b>';e.push({id:%d,name:\"%s\"})}})(window,%d);",
			r.IntN(99), r.IntN(9999), words(r, 2), r.IntN(9))
	}
	out.WriteString("</script>\n")
}

func someNavigation(r *rand.Rand, out *strings.Builder) {
	out.WriteString("<nav aria-label=\"menu\"><ul class=\"nav nav-pills\">\n")
	for range 6 {
		fmt.Fprintf(out, "  <li class=\"nav-item\"><a class=\"nav-link\" href=\"/page/%d/\" data-id=\"%d\">%s</a></li>\n", r.IntN(99), r.IntN(99), words(r, 2))
	}
	out.WriteString("</ul></nav>\n")
}

// corpus returns a document of about size bytes.
func corpus(part func(r *rand.Rand, out *strings.Builder), size int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	var out strings.Builder
	out.WriteString("<!doctype html><html lang=\"fr\"><head><meta charset=\"utf-8\"><title>Données ouvertes</title>" +
		"<link rel=\"stylesheet\" href=\"/static/site.css\"><script src=\"/static/site.js\" defer></script></head><body>\n")
	for out.Len() < size {
		part(r, &out)
	}
	out.WriteString("</body></html>\n")
	return []byte(out.String())
}

// hostGate holds back by comparing the beginning, as cheap as a gate can be.
type hostGate struct{ testGate }

func (g *hostGate) Holds(address []byte) (string, bool) {
	return "ads", bytes.HasPrefix(address, []byte("//ads"))
}

// BenchmarkScanner is full holding back beside golang.org/x/net/html's Tokenizer
// with its attributes read, in chunks as a proxy copies them.
func BenchmarkScanner(b *testing.B) {
	for _, c := range corpora {
		for _, size := range []int{10 << 10, 100 << 10, 1 << 20} {
			document := corpus(c.part, size)
			name := fmt.Sprintf("%s/%dKB", c.name, size>>10)
			b.Run(name+"/ours", func(b *testing.B) {
				config := Config{Gate: &hostGate{}, Body: func(dst []byte, _ Page) []byte { return dst }}
				b.SetBytes(int64(len(document)))
				b.ReportAllocs()
				for b.Loop() {
					rewriteAll(b, config, document)
				}
			})
			b.Run(name+"/tokenizer", func(b *testing.B) {
				b.SetBytes(int64(len(document)))
				for b.Loop() {
					tokenize(document)
				}
			})
		}
	}
}

func rewriteAll(b *testing.B, config Config, document []byte) {
	r := New(discard{}, config)
	for rest := document; len(rest) > 0; {
		n := min(32<<10, len(rest))
		if _, err := r.Write(rest[:n]); err != nil {
			b.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

func tokenize(document []byte) {
	z := html.NewTokenizer(bytes.NewReader(document))
	for z.Next() != html.ErrorToken {
		z.TagName()
		for more := true; more; {
			_, _, more = z.TagAttr()
		}
	}
	if z.Err() != io.EOF {
		panic(z.Err())
	}
}
