package rewriter

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// treeTags are tags that decide together where SVG and MathML end.
var treeTags = strings.Fields(`<svg> </svg> <math> </math> <foreignObject> </foreignObject> <desc> </desc> <title/> <title> </title>
	<mtext> </mtext> <mi> <annotation-xml> </annotation-xml> <mglyph> <g> </g> <path/> </path> <style/> <template> </template>
	<table> </table> <tbody> </tbody> <tr> </tr> <td> </td> <th> <caption> </caption> <p> </p> <br> </br> <hr> <div> </div>
	<address> </address> <pre> <b> </b> <a> </a> <nobr> <font> </font> <form> </form> <button> </button> <ul> </ul> <li> </li>
	<dl> </dl> <dd> <dt> </dt> <h1> </h1> <h2> </h2> <object> </object> <span> </span> <ruby> <rt> </ruby> <option> <optgroup>
	</option> <x> </x> <head> </head> <body> </body> </html>`)

// TestTree holds the stack of open elements against golang.org/x/net/html: what
// stands in a title is markup in MathML, and text in HTML.
func TestTree(t *testing.T) {
	const probe = `<title><img src=//ads/1></title>`
	for n := range uint64(30_000) {
		r := rand.New(rand.NewPCG(7, n))
		document := "<!doctype html><body>"
		for range 1 + r.IntN(7) {
			document += treeTags[r.IntN(len(treeTags))]
		}
		document += probe
		root, err := html.Parse(strings.NewReader(document))
		if err != nil {
			continue // the oracle gives up
		}
		image := find(root, "img")
		got := strings.Contains(held(t, Config{}, document, len(document)), Prefix+"src=")
		if got != (image != nil) {
			t.Errorf("%s: the title has markup: %t, want %t", document, got, image != nil)
		}
	}
}

func TestFewerStandInsThanFrames(t *testing.T) {
	document := strings.Repeat(`<iframe src=//ads/1></iframe><noscript><object data=//ads/2></object></noscript><iframe srcdoc="<iframe src=//ads/3></iframe>"></iframe><video src=//ads/4></video>`, maxStandIns)
	for _, size := range sizes {
		got := held(t, Config{}, document, size)
		if n := strings.Count(got, "title=") + strings.Count(got, "/embed") + strings.Count(got, "-inserted"); n != maxStandIns {
			t.Errorf("chunks of %d: %d stand-ins, want %d", size, n, maxStandIns)
		}
		if n := strings.Count(got, Prefix+"src=//ads") + strings.Count(got, Prefix+"data=//ads"); n != 4*maxStandIns {
			t.Errorf("chunks of %d: %d frames are held back, want %d", size, n, 4*maxStandIns)
		}
		if got := strip(got); got != document {
			t.Errorf("chunks of %d: without marks: %s", size, got)
		}
	}
}
