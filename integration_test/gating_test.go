package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// place is one way a page can load something.
//
// In body, head, header and act, {} stands for an origin, {n} for a name, {h} for
// host and port, and {x} for them with a letter escaped. They are written out for the third party first and once more for the witness behind
// it, whose host is the site's own: once the witness has been asked, the third
// party would have been.
type place struct {
	name       string
	head, body string
	header     []string
	act        string // expression evaluated in the page once it is loaded
	click      string // selector, {n} as in body
	want       string // paths that are asked for
	connects   bool   // a connection is made, and nothing asked for
	page       string // the whole page, in which {witness} is the witness
	anyway     string // why a browser makes a connection, and asks for nothing, whatever the policy
	single     string // why the witness cannot have the same: an image follows in the end
	live       string // expression that is true where the address is in effect
	only       string // why live is all that can be looked at
	off        bool   // with scripts off
	manifest   bool   // a debugger makes the browser look at it
	leaves     bool   // it leads to another page
}

var places = []place{
	{name: "script", body: `<script src="{}/a.js"></script>`, want: "/a.js"},
	{name: "script async", body: `<script async src={}/a.js></script>`, want: "/a.js"},
	{name: "script defer", body: `<script defer src='{}/a.js'></script>`, want: "/a.js"},
	{name: "script module", body: `<script type=module src="{}/a.js"></script>`, want: "/a.js"},
	{name: "script in SVG", body: `<svg><script href="{}/a.js"/><script xlink:href="{}/b.js"></script></svg>`, want: "/a.js /b.js"},
	{name: "inline script with a mark", single: "the mark holds back the witness too",
		body: `<script>/* embedVideo: */ window.embedded = 1; new Image().src = "{}/a.png"</script>`, want: "/a.png", live: "window.embedded"},
	{name: "iframe", body: `<iframe src="{}/a.html"></iframe>`, want: "/a.html"},
	{name: "sandboxed iframe", body: `<iframe sandbox src="{}/a.html"></iframe>`, want: "/a.html"},
	{name: "frame in a frameset", page: `<!doctype html><html><head><title>t</title></head><frameset cols="50%,50%"><frame src="{}/a.html"><frame src="{witness}/a.html"></frameset></html>`, want: "/a.html"},
	{name: "srcdoc with an image", body: `<iframe srcdoc="<p>text<img src=&quot;{}/a.png&quot;>"></iframe>`, want: "/a.png"},
	{name: "embed", body: `<embed src="{}/a.svg"><embed type="text/html" src="{}/a.html">`, want: "/a.svg /a.html"},
	{name: "object", body: `<object data="{}/a.svg"></object><object type="image/svg+xml" data="{}/b.svg"></object><object type="text/html" data="{}/a.html"></object>`, want: "/a.svg /b.svg /a.html"},
	{name: "img", body: `<img src="{}/a.png" alt="">`, want: "/a.png"},
	{name: "img srcset", body: `<img srcset="{}/a.png 1x" alt=""><img src="/own.png" srcset="/own.png 9x, {}/b.png 1x" alt="">`, want: "/a.png /b.png"},
	{name: "picture source", body: `<picture><source srcset="{}/a.png"><img src="/own.png" alt=""></picture>`, want: "/a.png"},
	{name: "image for img", body: `<image src="{}/a.png">`, want: "/a.png"},
	{name: "video", body: `<video preload=auto src="{}/a.mp4"></video>`, want: "/a.mp4"},
	{name: "video source", body: `<video preload=auto><source src="{}/a.mp4" type="video/mp4"></video>`, want: "/a.mp4"},
	{name: "video poster", body: `<video preload=none poster="{}/a.png" src="/own.mp4"></video>`, want: "/a.png"},
	{name: "audio", body: `<audio preload=auto src="{}/a.mp3"></audio>`, want: "/a.mp3"},
	{name: "audio source", body: `<audio preload=auto><source src="{}/a.mp3"></audio>`, want: "/a.mp3"},
	{name: "track", body: `<video crossorigin src="/own.mp4"><track default src="{}/a.vtt"></video>`, want: "/a.vtt"},
	{name: "input type=image", body: `<input type=image src="{}/a.png" alt="">`, want: "/a.png"},
	{name: "style sheet", head: `<link rel=stylesheet href="{}/a.css">`, want: "/a.css"},
	{name: "alternate style sheet", head: `<link rel="alternate stylesheet" title={n} href="{}/a.css">`, want: "/a.css"},
	{name: "preload", head: `<link rel=preload as=script href="{}/a.js">`, want: "/a.js"},
	{name: "imagesrcset", head: `<link rel=preload as=image imagesrcset="{}/a.png 1x">`, want: "/a.png"},
	{name: "modulepreload", head: `<link rel=modulepreload href="{}/a.js">`, want: "/a.js"},
	{name: "prefetch", head: `<link rel=prefetch href="{}/a.js">`, want: "/a.js"},
	{name: "preconnect", head: `<link rel=preconnect href="{}">`, connects: true},
	{name: "dns-prefetch", head: `<link rel=dns-prefetch href="{}">`,
		live: `document.querySelector("link[href^='{}']")`, only: "a name is looked up and nobody is connected to"},
	{name: "icon", head: `<link rel=icon href="{}/a.png">`,
		live: `document.querySelector("link[href^='{}']")`, only: "this browser shows no tabs, and so no icons"},
	{name: "manifest", head: `<link rel=manifest href="{}/a.man">`, want: "/a.man", manifest: true, single: "a page has one"},
	{name: "SVG image", body: `<svg><image href="{}/a.png" width=9 height=9 /><image xlink:href="{}/b.png" width=9 height=9 /></svg>`, want: "/a.png /b.png"},
	{name: "SVG use", body: `<svg><use id={n} href="{}/a.svg#a"/></svg>`,
		live: `document.querySelector("#third")?.getAttribute("href")`, only: "browsers take it from the same origin only"},
	{name: "SVG feImage", body: `<svg><filter id="f{n}"><feImage href="{}/a.png"/></filter><rect width=9 height=9 filter="url(#f{n})"/></svg>`, want: "/a.png"},
	{name: "ping", body: `<iframe name="f{n}"></iframe><a id={n} target="f{n}" href="/own.html" ping="{}/a.json">link</a>`, click: "#{n}", want: "POST:/a.json"},
	{name: "body background", page: `<!doctype html><html><head><title>t</title></head><body background="{}/a.png"><p>text</p></body></html>`, want: "/a.png", single: "a page has one body"},
	{name: "table background", body: `<table background="{}/a.png"><tr><td background="{}/b.png">text</td></tr></table>`, want: "/a.png /b.png"},
	{name: "meta refresh", head: `<meta http-equiv=refresh content="0; url={}/a.html">`, want: "/a.html", single: "the first one leads away", leaves: true},
	{name: "prefetching speculation rules", body: `<script type=speculationrules>{"prefetch":[{"source":"list","urls":["{}/a.html"]}]}</script>`, want: "/a.html"},
	{name: "import map", head: `<script type=importmap>{"imports":{"{n}":"{}/a.js"}}</script>`, body: `<script type=module>import "{n}"</script>`, want: "/a.js"},
	{name: "style attribute", body: `<p style="background:url({}/a.png)">text</p><p style='background:url(&quot;{}/b.png&quot;)'>text</p>`, want: "/a.png /b.png"},
	{name: "style element", head: `<style>.{n}{background:url("{}/a.png")}</style>`, body: `<p class={n}>text</p>`, want: "/a.png"},
	{name: "@import", head: `<style>@import "{}/a.css";</style><style>@import url({}/b.css);</style>`, want: "/a.css /b.css"},
	{name: "@font-face", head: `<style>@font-face{font-family:{n};src:url({}/a.woff2)}.{n}{font-family:{n}}</style>`, body: `<p class={n}>text</p>`, want: "/a.woff2"},
	{name: "image-set", head: `<style>.{n}{background:image-set("{}/a.png" 1x)}</style>`, body: `<p class={n}>text</p>`, want: "/a.png"},
	{name: "noscript", body: `<noscript><img src="{}/a.png" alt=""><iframe src="{}/a.html"></iframe></noscript>`, want: "/a.png /a.html", off: true},
	{name: "template that a script clones", body: `<template id={n}><img src="{}/a.png" alt=""></template><script>document.body.append(document.getElementById("{n}").content.cloneNode(true))</script>`, want: "/a.png"},
	{name: "declarative shadow root", body: `<div><template shadowrootmode=open><img src="{}/a.png" alt=""></template></div>`, want: "/a.png"},
	{name: "spellings of an address", body: `<img alt="" src="//{h}/a.png"><img alt="" src="\\{h}\b.png"><img alt="" src=" ht&#9;tp:&#10;//{h}/c.png"><img alt="" src="HTTP://{h}/d.png"><img alt="" src="http:/\/{x}/e.png"><img alt="" src="http&colon;&sol;&sol;{h}/f.png"><img alt="" src=//{h}/g.png/>`,
		want: "/a.png /b.png /c.png /d.png /e.png /f.png /g.png/"},
	{name: "duplicate attributes", body: `<img alt="" src="{}/a.png" src="/own.png" SRC="{}/no.png"><script type="" type=no src="{}/a.js" src="{}/no.js"></script>`, want: "/a.png /a.js"},
	{name: "markup that is not well-formed", body: `<div <img src="{}/no.png" alt=""><p a="<img src={}/no.png>"><img/src="{}/a.png"/alt><img alt=''src='{}/b.png'><svg><style><img src="{}/c.png"></style></svg><math><mtext><img src="{}/d.png"></mtext></math><!--><img src="{}/e.png">-->`, want: "/a.png /b.png /c.png /d.png /e.png"},
	{name: "base", page: `<!doctype html><html><head><title>t</title><base href="{}/"></head><body><img src="a.png" alt=""></body></html>`, want: "/a.png", single: "a page has one base"},

	{name: "Link preload", header: []string{"Link", "<{}/a.js>; rel=preload; as=script"}, want: "/a.js"},
	{name: "Link modulepreload", header: []string{"Link", "<{}/a.js>; rel=modulepreload"}, want: "/a.js"},
	{name: "Link preconnect", header: []string{"Link", "<{}>; rel=preconnect"}, connects: true},
	{name: "Link stylesheet", header: []string{"Link", "<{}/a.css>; rel=stylesheet"},
		live: headerHolds("Link"), only: "this browser applies no style sheets from headers"},
	{name: "Refresh", header: []string{"Refresh", "0; url={}/a.html"}, want: "/a.html", single: "the first one leads away", leaves: true},
	{name: "Report-To and NEL", header: []string{"Report-To", `{"group":"{n}","max_age":9999,"endpoints":[{"url":"{}/a.json"}]}`, "NEL", `{"report_to":"{n}","max_age":9999}`},
		live: headerHolds("Report-To"), only: "browsers report by and by"},
	{name: "Reporting-Endpoints", header: []string{"Reporting-Endpoints", `{n}="{}/a.json"`},
		live: headerHolds("Reporting-Endpoints"), only: "browsers report by and by"},
	{name: "Speculation-Rules", header: []string{"Speculation-Rules", `"{}/a.rules"`}, want: "/a.rules"},
	{name: "SourceMap", header: []string{"SourceMap", `{}/a.json`},
		live: headerHolds("SourceMap"), only: "only a debugger asks for it"},

	{name: "script-made script", act: `{ const e = document.createElement("script"); e.src = "{}/a.js"; document.head.append(e) }`, want: "/a.js"},
	{name: "script-made image", act: `{ new Image().src = "{}/a.png" }`, want: "/a.png"},
	{name: "script-made iframe", act: `{ const e = document.createElement("iframe"); e.src = "{}/a.html"; document.body.append(e) }`, want: "/a.html",
		anyway: "Chromium connects for a frame before it asks any policy, a frame-src of the site's own too"},
	{name: "script-made style sheet", act: `{ const e = document.createElement("link"); e.rel = "stylesheet"; e.href = "{}/a.css"; document.head.append(e) }`, want: "/a.css"},
	{name: "script-made preload", act: `{ const e = document.createElement("link"); e.rel = "preload"; e.as = "image"; e.href = "{}/a.png"; document.head.append(e) }`, want: "/a.png"},
	{name: "script-made prefetch", act: `{ const e = document.createElement("link"); e.rel = "prefetch"; e.href = "{}/a.png"; document.head.append(e) }`, want: "/a.png"},
	{name: "script-made preconnect", act: `{ const e = document.createElement("link"); e.rel = "preconnect"; e.href = "{}"; document.head.append(e) }`, connects: true,
		anyway: "no directive governs preconnect in Chromium"},
	{name: "script-made object and embed", act: `{ document.body.insertAdjacentHTML("beforeend", "<object data='{}/a.svg'></object><embed src='{}/b.svg'>") }`, want: "/a.svg /b.svg"},
	{name: "script-made video and audio", act: `{ document.body.insertAdjacentHTML("beforeend", "<video preload=auto src='{}/a.mp4'></video><audio preload=auto src='{}/a.mp3'></audio>") }`, want: "/a.mp4 /a.mp3"},
	{name: "innerHTML", act: `{ const e = document.createElement("div"); document.body.append(e); e.innerHTML = "<img src={}/a.png>" }`, want: "/a.png"},
	{name: "document.write", body: `<script>document.write("<script src={}/a.js><\/script>")</script>`, want: "/a.js"},
	{name: "fetch", act: `fetch("{}/a.json").then(() => 0, () => 0)`, want: "/a.json"},
	{name: "fetch without CORS", act: `fetch("{}/a.json", {mode: "no-cors", keepalive: true}).then(() => 0, () => 0)`, want: "/a.json"},
	{name: "XMLHttpRequest", act: `{ const x = new XMLHttpRequest(); x.open("GET", "{}/a.json"); x.send() }`, want: "/a.json"},
	{name: "sendBeacon", act: `navigator.sendBeacon("{}/a.json", "x")`, want: "POST:/a.json"},
	{name: "WebSocket", act: `{ new WebSocket("{}/a.ws".replace("http", "ws")) }`, want: "/a.ws"},
	{name: "EventSource", act: `{ new EventSource("{}/a.event") }`, want: "/a.event"},
	{name: "worker that imports scripts", act: `{ new Worker("/imports.js?of={}/a.js") }`, want: "/a.js"},
	{name: "blob worker that imports scripts", act: `{ new Worker(URL.createObjectURL(new Blob(["importScripts('{}/a.js')"]))) }`, want: "/a.js"},
	{name: "shared worker that imports scripts", act: `{ new SharedWorker("/imports.js?of={}/a.js") }`, want: "/a.js"},
	{name: "CSS from script", act: `{ const s = new CSSStyleSheet(); s.replaceSync("body{--{n}:1} p{background:url({}/a.png)}"); document.adoptedStyleSheets.push(s); document.body.insertAdjacentHTML("beforeend", "<p>text<hr style='background:url({}/b.png)'>"); document.body.lastChild.getBoundingClientRect() }`, want: "/b.png"},
	{name: "font face from script", act: `{ new FontFace("{n}", "url({}/a.woff2)").load().catch(() => 0) }`, want: "/a.woff2"},
	{name: "dynamic import", act: `import("{}/a.js").then(() => 0, () => 0)`, want: "/a.js"},
	{name: "image in a blank frame", act: `{ const e = document.createElement("iframe"); document.body.append(e); new e.contentWindow.Image().src = "{}/a.png" }`, want: "/a.png"},
	{name: "frame from a blob", act: `{ const e = document.createElement("iframe"); e.src = URL.createObjectURL(new Blob(["<img src={}/a.png>"], {type: "text/html"})); document.body.append(e) }`, want: "/a.png"},
	{name: "frame from a data address", act: `{ const e = document.createElement("iframe"); e.src = "data:text/html,<img src={}/a.png>"; document.body.append(e) }`, want: "/a.png"},
}

// headerHolds is an expression for whether a header of the page names the third
// party.
func headerHolds(name string) string {
	return `fetch(location.href).then(r => (r.headers.get("` + name + `") ?? "").includes("{}"))`
}

// TestGating visits every place: bare, before the choice, once the one service is
// granted, and once consent is withdrawn.
func TestGating(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	bare, b, predicting := newTab(t), newTab(t), newPredictingTab(t)
	answer := func(fields string) {
		for _, b := range []tab{b, predicting} {
			b.visit(s.url("/"))
			b.post(fields)
		}
	}

	unproxied := visitPlaces(t, "without the proxy", bare, predicting, u, u.bare(), true)
	before := visitPlaces(t, "before the choice", b, predicting, u, s, false)
	answer("choice=allow&grant=video")
	granted := visitPlaces(t, "granted", b, predicting, u, s, true)
	answer("choice=refuse_all")
	withdrawn := visitPlaces(t, "withdrawn", b, predicting, u, s, false)

	for i := range places {
		t.Run("in the end/"+places[i].name, func(t *testing.T) {
			places[i].checkHeld(t, before[i])
			places[i].checkHeld(t, withdrawn[i])
			if got, want := granted[i].paths(), unproxied[i].paths(); got != want && places[i].only == "" {
				t.Errorf("once granted the third party is asked for %q, want %q as without the proxy", got, want)
			}
		})
	}
}

// checkHeld looks whether the third party was left alone.
func (p *place) checkHeld(t *testing.T, third *outsider) {
	t.Helper()
	if p.anyway == "" {
		third.checkUntouched(t)
	} else if got := third.paths(); got != "" {
		t.Errorf("the third party was asked for %q, want nothing", got)
	}
}

// newPredictingTab opens a tab in the browser's own profile, without cookies. In
// the profiles of guests, which other tabs have, Chromium makes no connection
// ahead.
func newPredictingTab(t *testing.T) tab {
	t.Helper()
	browser, err := startedBrowser()
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	b := tab{ctx, t}
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	b.forget()
	t.Cleanup(b.forget)
	return b
}

// visitPlaces visits every place of a site, each with a third party of its own.
func visitPlaces(t *testing.T, phase string, guest, predicting tab, u *upstream, s site, loads bool) []*outsider {
	t.Helper()
	thirds := make([]*outsider, len(places))
	for i := range places {
		p := &places[i]
		third, witness := newOutsider(t, thirdHost), newOutsider(t, witnessHost)
		thirds[i] = third
		t.Run(phase+"/"+p.name, func(t *testing.T) {
			b := guest.of(t)
			if p.connects {
				b = predicting.of(t)
			}
			visitPlace(b, u, s, p, third, witness, loads)
			if !loads {
				p.checkHeld(t, third)
			}
		})
	}
	guest.leave()
	predicting.leave()
	return thirds
}

// visitPlace visits one place, and waits until the third party was asked or, where
// it is not to be, the witness.
func visitPlace(b tab, u *upstream, s site, p *place, third, witness *outsider, loads bool) {
	b.t.Helper()
	if p.off {
		b.setScript(false)
		defer b.setScript(true)
	}
	both := []string{}
	fill := func(text string) string {
		if p.single != "" {
			return third.fill(text)
		}
		return third.fill(text) + witness.fill(text)
	}
	html := strings.ReplaceAll(third.fill(p.page), "{witness}", witness.origin())
	if p.page == "" {
		html = "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>t</title>\n" + fill(p.head) + "\n</head>\n<body>\n" + fill(p.body) + "\n</body>\n</html>\n"
	}
	for i := 0; i+1 < len(p.header); i += 2 {
		both = append(both, p.header[i], third.fill(p.header[i+1]))
		if p.single == "" && p.header[i] != "SourceMap" {
			both = append(both, p.header[i], witness.fill(p.header[i+1]))
		}
	}
	b.visit(s.url(u.put(sheet{html: html, header: both})))

	if p.live != "" && b.holds("await ("+third.fill(p.live)+")") != loads {
		b.t.Errorf("%s: %s is %t", p.name, third.fill(p.live), !loads)
	}
	p.run(b, third, witness)
	if p.manifest {
		call(b, page.GetAppManifest, page.GetAppManifestParams{})
	}
	switch {
	case p.only != "":
	case p.connects:
		connected := witness
		if loads {
			connected = third
		}
		b.until("there is a connection", func() bool { // a browser may leave out what is a mere hint
			if connected.accepted() == 0 {
				b.visit(s.url(u.last()))
				p.run(b, third, witness)
			}
			return connected.accepted() > 0
		})
	case loads:
		b.until("the third party is asked for "+p.want, func() bool { return third.got(p.want) })
		if p.leaves {
			b.until("the page of the third party is there", func() bool {
				at, err := try(b, chromedp.Evaluate[string]("document.readyState + ' ' + document.URL"))
				return err == nil && at == "complete "+third.origin()+"/a.html"
			})
		}
	case p.single != "":
		if p.leaves && b.location() != s.url(u.last()) {
			b.t.Errorf("%s leads to %s", p.name, b.location())
		}
		eval[int](b, witness.fill(`new Promise(done => { const i = new Image(); i.onload = i.onerror = () => done(0); i.src = "{}/done.png" })`))
	default:
		b.until("the witness is asked for "+p.want, func() bool { return witness.got(p.want) })
	}
}

// run does what a script or a visitor does once the page is there.
func (p *place) run(b tab, outsiders ...*outsider) {
	b.t.Helper()
	for _, o := range outsiders {
		if p.act != "" {
			eval[any](b, "(async () => { try { "+o.fill(p.act)+" } catch (e) {} })().then(() => 0)")
		}
		if p.click != "" {
			b.do(chromedp.Click(chromedp.CSS(o.fill(p.click))))
		}
	}
}

// fill puts the origin and the name of a server in their places.
func (o *outsider) fill(text string) string {
	name, _, _ := strings.Cut(o.host, ".")
	return strings.NewReplacer(
		"{}", o.origin(), "{n}", name, "{h}", strings.TrimPrefix(o.origin(), "http://"),
		"{x}", fmt.Sprintf("%%%02X%s", o.host[0]-'a'+'A', strings.TrimPrefix(o.origin(), "http://")[1:]),
	).Replace(text)
}
