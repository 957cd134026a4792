package rewriter

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

// testGate holds back what comes from a host called ads, undeclared or frames,
// and lets free pass; service is theirs.
type testGate struct {
	base  string
	marks bool
}

func (g *testGate) Holds(address []byte) (string, bool) {
	text := strings.ToLower(strings.TrimSpace(string(address)))
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(text)
	if !strings.Contains(text, "//") && !strings.Contains(text, ":") {
		text = g.base + text
	}
	switch {
	case strings.HasPrefix(text, "data:"), strings.HasPrefix(text, "about:"):
	case strings.Contains(text, "//ads"):
		return "ads", true
	case strings.Contains(text, "//undeclared"):
		return "", true
	case strings.Contains(text, "//free"):
		return "free", false
	}
	return "", false
}

func (g *testGate) Base(address string) {
	if g.base == "" {
		g.base = address
	}
}
func (g *testGate) Marks() bool { return g.marks }

func (g *testGate) HoldsScript(text []byte) (string, bool) {
	return "ads", bytes.Contains(text, []byte("_paq.push"))
}

func (g *testGate) StandIn(page Page, f Frame) []byte {
	switch f.Form {
	case Srcdoc:
		return []byte(`<p title="` + f.Service + `">` + f.Anchor)
	case Element:
		return []byte(`<b data-cookie-consent-inserted="">` + f.Service + `</b>`)
	}
	return []byte("/embed?service=" + f.Service + "&return=" + f.Anchor)
}

func (g *testGate) Admit(policy string) string {
	if strings.Contains(policy, "widen") {
		return policy + " 'sha256-x'"
	}
	return policy
}

// held runs document through a Rewriter that holds back, in chunks of size.
func held(t testing.TB, c Config, document string, size int) string {
	t.Helper()
	var out bytes.Buffer
	if c.Gate == nil {
		c.Gate = &testGate{marks: true}
	}
	r := New(&out, c)
	for rest := document; rest != ""; {
		n := min(size, len(rest))
		if _, err := io.WriteString(r, rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// In want, "¡" stands for the mark of the service ads, "~" for the longer name,
// and "¿" for what makes an address in a style sheet invalid; empty: untouched.
var holding = []struct{ name, document, want string }{
	{"a script", `<script src="//ads/x.js" async></script>`, `<script type="text/plain"¡ ~src="//ads/x.js" async></script>`},
	{"a script with text", `<script src=//ads/x.js>lang: fr</script>`, `<script type="text/plain"¡ ~src=//ads/x.js>lang: fr</script>`},
	{"a script with a type", `<script type=module src=//ads/x.js></script>`, `<script type="text/plain"¡ ~type=module ~src=//ads/x.js></script>`},
	{"a script with a media type", `<script type="Text/JavaScript" src=//ads/x.js></script>`, `<script type="text/plain"¡ ~type="Text/JavaScript" ~src=//ads/x.js></script>`},
	{"a script with a language", `<script language=JavaScript1.2 src=//ads/x.js></script>`, `<script type="text/plain"¡ language=JavaScript1.2 ~src=//ads/x.js></script>`},
	{"a script with an unknown language", `<script language=vbscript src=//ads/x.js></script>`, ``},
	{"a script's second src", `<script src=//ads/x.js src=/own.js></script>`, `<script type="text/plain"¡ ~src=//ads/x.js ~src=/own.js></script>`},
	{"the first src counts", `<script src=/own.js src=//ads/x.js></script>`, ``},
	{"an upper case script", `<SCRIPT SRC='HTTP://ADS/x.js'></SCRIPT>`, `<SCRIPT type="text/plain"¡ ~SRC='HTTP://ADS/x.js'></SCRIPT>`},
	{"a data block", `<script type="application/ld+json" src=//ads/x>{"url":"//ads/"}</script>`, ``},
	{"a script that mentions a host", `<script>load("//ads/x.js")</script>`, ``},
	{"an inline script with a mark", `<script id=a>_paq.push(1)</script><p>`, `<script type="text/plain"¡ id=a>_paq.push(1)</script><p>`},
	{"a mark outside a script", `<p>_paq.push</p>`, ``},
	{"a mark in a template's text", `<script type=text/template>_paq.push <img src=//ads/></script>`, ``},
	{"a mark in a double escaped script", `<script><!--<script></script>_paq.push</script>`, `<script type="text/plain"¡><!--<script></script>_paq.push</script>`},
	{"an undeclared host", `<script src=//undeclared/></script>`, `<script type="text/plain" data-cookie-consent-service="" ~src=//undeclared/></script>`},
	{"an unquoted address that ends with a slash", `<img src=//ads/>`, `<img¡ ~src=//ads/>`},
	{"references in an address", `<img src="&#47;&#x2F;&#97;ds&sol;x">`, `<img¡ ~src="&#47;&#x2F;&#97;ds&sol;x">`},
	{"no reference without semicolon", `<img src="/?a&copy=//ads">`, `<img¡ ~src="/?a&copy=//ads">`},
	{"line breaks in an address", "<img src='\n/\t/ads/'>", "<img¡ ~src='\n/\t/ads/'>"},
	{"backslashes", `<img src="\\ads\x">`, `<img¡ ~src="\\ads\x">`},
	{"an image without space", `<img alt="x"src="//ads/">`, `<img¡ alt="x"~src="//ads/">`},
	{"an image behind a slash", `<img/src=//ads/x/>`, `<img¡/~src=//ads/x/>`},
	{"a srcset", `<img src=/a srcset="/b 1x, //ads/c 2x">`, `<img¡ src=/a ~srcset="/b 1x, //ads/c 2x">`},
	{"a srcset of the site's own", `<img srcset="/b,c 1x, /d 2x">`, ``},
	{"a picture", `<picture><source srcset=//ads/a><img src=/b></picture>`, `<picture><source¡ ~srcset=//ads/a><img src=/b></picture>`},
	{"a data address", `<img src="data:image/png;base64,//ads">`, ``},
	{"an iframe", `<iframe src="//ads/v" width=9></iframe>`, `<iframe srcdoc="&lt;p title=&#34;ads&#34;&gt;cookie-consent-content-1"¡ ~src="//ads/v" width=9></iframe>`},
	{"an iframe with sandbox and id", `<iframe sandbox id=v src="//ads/v"></iframe>`, `<iframe srcdoc="&lt;p title=&#34;ads&#34;&gt;v"¡ ~sandbox id=v ~src="//ads/v"></iframe>`},
	{"an iframe's text", `<iframe src=/own><img src=//ads/></iframe>`, ``},
	{"a granted iframe", `<iframe src=//free/></iframe>`, ``},
	{"a frame", `<frameset><frame src=//ads/></frameset>`, `<frameset><frame src="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~src=//ads/></frameset>`},
	{"an object", `<object data=//ads/ type=text/html></object>`, `<object data="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~data=//ads/ ~type=text/html></object>`},
	{"an image object", `<object data=//ads/ type=image/png></object>`, `<object¡ ~data=//ads/ type=image/png></object>`},
	{"an embed", `<embed src=//undeclared/>`, `<embed data-cookie-consent-service="" ~src=//undeclared/>`},
	{"a video", `<video src=//ads/v id=x></video>.`, `<video¡ ~src=//ads/v id=x></video><b data-cookie-consent-inserted="">ads</b>.`},
	{"a video's source", `<video><source src=/a><source src=//ads/v><track src=//ads/t></video>.`, `<video><source src=/a><source¡ ~src=//ads/v><track¡ ~src=//ads/t></video><b data-cookie-consent-inserted="">ads</b>.`},
	{"a poster", `<video src=/v poster=//ads/p></video>`, `<video¡ src=/v ~poster=//ads/p></video>`},
	{"an audio", `<audio src=/a></audio>`, ``},
	{"an image button", `<input src=//ads/ type=IMAGE>`, `<input¡ ~src=//ads/ type=IMAGE>`},
	{"another input", `<input src=//ads/ type=text>`, ``},
	{"a style sheet", `<link rel="x Stylesheet" href=//ads/x.css>`, `<link¡ rel="x Stylesheet" ~href=//ads/x.css>`},
	{"a hint", `<link href=//ads/ rel=preconnect><link href=//ads/ rel=dns-prefetch>`, `<link¡ ~href=//ads/ rel=preconnect><link¡ ~href=//ads/ rel=dns-prefetch>`},
	{"a preloaded image set", `<link rel=preload as=image imagesrcset="//ads/ 1x">`, `<link¡ rel=preload as=image ~imagesrcset="//ads/ 1x">`},
	{"a link that loads nothing", `<link rel=canonical href=//ads/><link href=//ads/>`, ``},
	{"an ordinary link", `<a href=//ads/>x</a><form action=//ads/></form>`, ``},
	{"a ping", `<a href=/x ping="/y //ads/z">`, `<a¡ href=/x ~ping="/y //ads/z">`},
	{"an attribution source", `<img attributionsrc="//ads/z"><script attributionsrc></script>`, `<img¡ ~attributionsrc="//ads/z"><script attributionsrc></script>`},
	{"a background", `<td background=//ads/ bgcolor=red>`, `<td¡ ~background=//ads/ bgcolor=red>`},
	{"an SVG image", `<svg><image xlink:href=//ads/ /><use href=//ads/#a /></svg>`, `<svg><image¡ ~xlink:href=//ads/ /><use¡ ~href=//ads/#a /></svg>`},
	{"an SVG filter", `<svg><filter><feImage href=//ads/ /></filter></svg>`, `<svg><filter><feImage¡ ~href=//ads/ /></filter></svg>`},
	{"an SVG script", `<svg><script href=//ads/ /></svg>`, `<svg><script type="text/plain"¡ ~href=//ads/ /></svg>`},
	{"an SVG paint", `<svg><rect fill="url(//ads/#a)" mask="url(#b)"/></svg>`, `<svg><rect¡ fill="url(¿//ads/#a)" mask="url(#b)"/></svg>`},
	{"paint outside SVG", `<p fill="url(//ads/#a)">`, ``},
	{"a refresh", `<meta http-equiv=Refresh content="3; URL='//ads/'">`, `<meta¡ http-equiv=Refresh ~content="3; URL='//ads/'">`},
	{"a refresh to the site", `<meta http-equiv=refresh content="0;/x"><meta name=refresh content="0;url=//ads/">`, ``},
	{"a refresh in Chromium's quotes", `<meta http-equiv=refresh content="0; url='//free'@ads/..//ads/'">`, `<meta¡ http-equiv=refresh ~content="0; url='//free'@ads/..//ads/'">`},
	{"a refresh in quotes up to the first", `<meta http-equiv=refresh content="0; url='//ads/' x'">`, `<meta¡ http-equiv=refresh ~content="0; url='//ads/' x'">`},
	{"a refresh behind other spaces", "<meta http-equiv=refresh content='\v0;url=\u2003//ads/'>", "<meta¡ http-equiv=refresh ~content='\v0;url=\u2003//ads/'>"},
	{"a base", `<base href="https://ads/"><img src=x>`, `<base href="https://ads/"><img¡ ~src=x>`},
	{"a base in a template", `<template><base href="https://ads/"></template><img src=x>`, ``},
	{"a base behind one in a template", `<body><template><svg></template><template><base href="/"></template></template><base href="https://ads/"><img src=x>`, `<body><template><svg></template><template><base href="/"></template></template><base href="https://ads/"><img¡ ~src=x>`},
	{"a base in SVG", `<svg><base href="https://ads/"></svg><img src=x>`, ``},
	{"speculation rules", `<script type=speculationrules>{"prefetch":[{"urls":["/a","https:\/\/ads\/"]}]}</script>`, `<script type=speculationrules>{"prefetch":[{"urls":["/a","¿https:\/\/ads\/"]}]}</script>`},
	{"speculation rules for any link", `<script type=speculationrules>{"prefetch":[{"where":{"selector_matches":"a"}}]}</script>`, `<script type="text/plain" data-cookie-consent-service="" ~type=speculationrules>{"prefetch":[{"where":{"selector_matches":"a"}}]}</script>`},
	{"speculation rules for the site's links", `<script type=speculationrules>{"prefetch":[{"where":{"and":[{"href_matches":"/*"},{"not":{"href_matches":"/x"}}]}}]}</script>`, ``},
	{"an import map", `<script type=importmap>{"imports":{"//ads/k":"//ads/x.js"}}</script>`, `<script type=importmap>{"imports":{"//ads/k":"¿//ads/x.js"}}</script>`},
	{"a style attribute", `<p style="color:red;background:url(//ads/x)">`, `<p¡ style="color:red;background:url(¿//ads/x)">`},
	{"a style attribute with references", `<p style="background:url(&quot;//ads/x&quot;)">`, `<p¡ style="background:url(&quot;¿//ads/x&quot;)">`},
	{"a style sheet's images", `<style>a{b:url( "//ads/x" )}c{d:url(//ads/y)}e{f:url(/z)}</style>`, `<style>a{b:url( "¿//ads/x" )}c{d:url(¿//ads/y)}e{f:url(/z)}</style>`},
	{"an import", `<style>@import "//ads/x"; @import url(//ads/y) print;@namespace a url(//ads/z);</style>`, `<style>@import "¿//ads/x"; @import url(¿//ads/y) print;@namespace a url(//ads/z);</style>`},
	{"an image set", `<style>a{b:image-set("//ads/x" 1x, url(//ads/y) 2x);content:"//ads/z"}</style>`, `<style>a{b:image-set("¿//ads/x" 1x, url(¿//ads/y) 2x);content:"//ads/z"}</style>`},
	{"escapes in a style sheet", `<style>a{b:u\72l(//ads/x);c:\75 rl(\2f/ads);d:ur\6c  ("//ads")}</style>`, `<style>a{b:u\72l(¿//ads/x);c:\75 rl(¿\2f/ads);d:ur\6c  ("//ads")}</style>`},
	{"a comment in a style sheet", `<style>/* url(//ads/x) */a{b:url/**/(//ads/x)}</style>`, ``},
	{"a noscript", `<noscript><img src=//ads/x><iframe src=//ads/y></iframe></noscript><p>`, `<noscript><img¡ ~src=//ads/x><iframe srcdoc="&lt;p title=&#34;ads&#34;&gt;"¡ ~src=//ads/y></iframe></noscript><p>`},
	{"a noscript ends at its end tag", `<noscript><img alt="</noscript><img src=//ads/>">`, `<noscript><img alt="</noscript><img¡ ~src=//ads/>">`},
	{"a template", `<template><img src=//ads/></template>`, `<template><img¡ ~src=//ads/></template>`},
	{"a srcdoc", `<iframe srcdoc="<img src='//ads/'>&amp;"></iframe>`, `<iframe srcdoc="<img data-cookie-consent-service=&#34;ads&#34; ~src='//ads/'>&amp;"></iframe>`},
	{"an unquoted srcdoc", `<iframe srcdoc=&lt;img/src=//ads/&gt;></iframe>`, `<iframe srcdoc=&lt;img&#32;data-cookie-consent-service&#61;&#34;ads&#34;/~src=//ads/&gt;></iframe>`},
	{"a data document", `<iframe src="data:text/html,<link rel=preconnect href='//ads/'>"></iframe>`, `<iframe srcdoc="&lt;p title=&#34;ads&#34;&gt;cookie-consent-content-1"¡ ~src="data:text/html,<link rel=preconnect href='//ads/'>"></iframe>`},
	{"a data document of the site's own", `<iframe src="data:text/html,<img src=/x><p>//ads/#<img src=//ads/>"></iframe>`, ``},
	{"a data document with escapes", `<object data=" da&#9;ta:Text/HTML;charset=x,%3Cimg src=%2f/ads/%3E"></object>`, `<object data="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~data=" da&#9;ta:Text/HTML;charset=x,%3Cimg src=%2f/ads/%3E"></object>`},
	{"a data document in base64", `<embed src="data:text/html;base64,PGltZyBzcmM9Ly9hZHMvPg=="><embed src="data:text/html;base64,%50GltZyBzc%20mM9Ly9mcmVlLz4">`, `<embed src="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~src="data:text/html;base64,PGltZyBzcmM9Ly9hZHMvPg=="><embed src="data:text/html;base64,%50GltZyBzc%20mM9Ly9mcmVlLz4">`},
	{"a data document in a data document", `<embed src="data:text/html,<noscript><iframe src='data:text/html,<img src=//ads/>'>">`, `<embed src="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~src="data:text/html,<noscript><iframe src='data:text/html,<img src=//ads/>'>">`},
	{"a data document with a mark", `<embed src="data:text/html,<script>_paq.push</script>">`, `<embed src="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~src="data:text/html,<script>_paq.push</script>">`},
	{"a data document in UTF-16", `<embed src="data:text/html;charset=utf-16le,x">`, `<embed data-cookie-consent-service="" ~src="data:text/html;charset=utf-16le,x">`},
	{"a data image in SVG", `<embed src="data:image/svg+xml,<svg><title/><image href='//ads/'/></svg>">`, `<embed src="/embed?service=ads&amp;return=cookie-consent-content-1"¡ ~src="data:image/svg+xml,<svg><title/><image href='//ads/'/></svg>">`},
	{"a data image", `<embed src="data:image/png,<img src=//ads/>"><iframe src="data:,<img src=//ads/>"></iframe>`, ``},
	{"a policy in the document", `<meta http-equiv=Content-Security-Policy content="widen &amp; x">`, `<meta content="widen &amp; x &#39;sha256-x&#39;" http-equiv=Content-Security-Policy ~content="widen &amp; x">`},
	{"a comment", `<!-- <img src=//ads/> --><!--><!---><p>`, ``},
	{"text elements", `<textarea><img src=//ads/></textarea><title><img src=//ads/></title><xmp><img src=//ads/></xmp><noembed><img src=//ads/></noembed>`, ``},
	{"plain text", `<plaintext><img src=//ads/>`, ``},
	{"CDATA in SVG", `<svg><![CDATA[<image href=//ads/>]]><image href=//ads/></svg>`, `<svg><![CDATA[<image href=//ads/>]]><image¡ ~href=//ads/></svg>`},
	{"no CDATA outside SVG", `<![CDATA[<img src=//ads/>]]>`, ``},
	{"CDATA in SVG, as Chromium looks ahead", `<svg><![CDATA[ > <link rel=preconnect href="//ads/"><iframe src=//ads/>]]></svg>`, `<svg><![CDATA[ > <link¡ rel=preconnect ~href="//ads/"><iframe src=//ads/>]]></svg>`},
	{"a tag that goes on behind CDATA", `<svg><![CDATA[><p title="><link rel=preconnect href="//ads/ ]]></svg><b title=">`, ``},
	{"a link that goes on behind CDATA", `<svg><![CDATA[><link rel=preconnect href="//ads/ ]]></svg><b title=">`, `<svg><![CDATA[><~link rel=preconnect href="//ads/ ]]></svg><b title=">`},
	{"a base in CDATA", `<svg><![CDATA[><base href=//ads/>]]></svg><img src=x>`, `<svg><![CDATA[><base¡ ~href=//ads/>]]></svg><img src=x>`},
	{"CDATA in an SVG script", `<svg><script>//<![CDATA[
x = "<img src=//ads/>"//]]></script><image href=//ads/></svg>`, `<svg><script>//<![CDATA[
x = "<img src=//ads/>"//]]></script><image¡ ~href=//ads/></svg>`},
	{"CDATA in an SVG style sheet", `<svg><style><![CDATA[ a>b{c:url(//ads/1)} ]]></style></svg>`, `<svg><style><![CDATA[ a>b{c:url(¿//ads/1)} ]]></style></svg>`},
	{"a style sheet in SVG is markup", `<svg><style><a title='</style><img src=//ads/>'></a></style>`, ``},
	{"a title in SVG holds HTML", `<svg><title><style><img src=//ads/></style></title></svg>`, ``},
	{"HTML in SVG", `<svg><foreignObject><textarea><img src=//ads/></textarea></foreignObject><textarea><image href=//ads/></textarea></svg>`, `<svg><foreignObject><textarea><img src=//ads/></textarea></foreignObject><textarea><image¡ ~href=//ads/></textarea></svg>`},
	{"HTML ends SVG", `<svg><p><textarea><img src=//ads/></textarea>`, ``},
	{"an end tag that ends nothing in SVG", `<svg><path></path></path><title/><rect/></svg><link rel=preconnect href=//ads/>`, `<svg><path></path></path><title/><rect/></svg><link¡ rel=preconnect ~href=//ads/>`},
	{"an end tag that ends what stands around SVG", `<div><svg></div><title><img src=//ads/></title>`, ``},
	{"an end tag that ends what is out of scope", `<div><table><td><svg></div><title><image href=//ads/></title>`, `<div><table><td><svg></div><title><image¡ ~href=//ads/></title>`},
	{"the end of the body does not end SVG", `<body><svg></body><title><image href=//ads/></title>`, `<body><svg></body><title><image¡ ~href=//ads/></title>`},
	{"an image in an SVG style sheet", `<svg><style><image href="//ads/1"/>url(//ads/2)</style></svg>`, `<svg><style><image¡ ~href="//ads/1"/>url(¿//ads/2)</style></svg>`},
	{"> in quotes in an SVG style sheet", `<svg><style><a title='>'/>b{c:url(//ads/2)}</style></svg>`, `<svg><style><a title='>'/>b{c:url(¿//ads/2)}</style></svg>`},
	{"an SVG style sheet without end", `<svg><style>a{b:url(//ads/1)}</svg><img src=//ads/2><p>url(//ads/3)`, `<svg><style>a{b:url(¿//ads/1)}</svg><img¡ ~src=//ads/2><p>url(//ads/3)`},
	{"MathML's text", `<math><mi><textarea><img src=//ads/></textarea></mi></math>`, ``},
	{"a lone <", `a < b <3 <<img src=//ads/>`, `a < b <3 <<img¡ ~src=//ads/>`},
	{"an end tag's attributes", `</p title="<img src=//ads/>"><img src=//ads/>`, `</p title="<img src=//ads/>"><img¡ ~src=//ads/>`},
	{"an unfinished tag", `<p><img src="//ads/`, ``},
}

func TestHoldingBack(t *testing.T) {
	for _, row := range holding {
		t.Run(row.name, func(t *testing.T) {
			want := strings.NewReplacer("¡", ` data-cookie-consent-service="ads"`, "~", Prefix, "¿", Invalid+"ads;").Replace(row.want)
			if row.want == "" {
				want = row.document
			}
			for _, size := range []int{1, 2, 3, 7, 4096} {
				if got := held(t, Config{}, row.document, size); got != want {
					t.Errorf("chunks of %d:\ngot  %s\nwant %s", size, got, want)
				}
			}
			if got := strip(held(t, Config{}, row.document, 4096)); got != row.document && row.name != "a policy in the document" {
				t.Errorf("without marks: %s, want %s", got, row.document)
			}
		})
	}
}

// strip takes the marks out again.
func strip(document string) string {
	for _, expression := range stripped {
		document = expression.ReplaceAllString(document, cutBefore(expression))
	}
	return document
}

// cutBefore keeps the mark behind what is taken out.
func cutBefore(expression *regexp.Regexp) string {
	if n := expression.NumSubexp(); n > 0 {
		return fmt.Sprintf("${%d}", n)
	}
	return ""
}

// A mark can stand in a srcdoc in a srcdoc.
var stripped = func() (expressions []*regexp.Regexp) {
	written := strings.NewReplacer("␠", `(?:&(?:amp;)*#32;| )`, "=", `(?:&(?:amp;)*#61;|=)`, "'", `(?:"|&(?:amp;)*#34;)`, "<", `&(?:amp;)*lt;`)
	for _, expression := range []string{
		`␠(srcdoc|data|src)='(<p title.*?|/embed.*?)'(␠data-cookie-consent-service)`,
		`␠(type='text/plain'|rel=''|http-equiv=''|srcdoc=''␠src=''|type='text'␠src='')(␠data-cookie-consent-service)`,
		`␠data-cookie-consent-service='[a-z]*'`,
		`data-cookie-consent-service='[a-z]*'␠`,
		regexp.QuoteMeta(Invalid[:len(Invalid)-1]) + `=[a-z]*;`,
	} {
		expressions = append(expressions, regexp.MustCompile(`(?s)`+written.Replace(expression)))
	}
	return append(expressions,
		regexp.MustCompile(`<b data-cookie-consent-inserted="">[a-z]*</b>`),
		regexp.MustCompile(Prefix))
}()
