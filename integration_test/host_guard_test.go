package integration_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// guardedWays are the ways in which a script has the browser load something.
// In them third is an address of a third party and own one of the site, both
// refused; place is an element of the body, svg one of its drawings.
var guardedWays = []struct{ name, script string }{
	{"img src", `new Image().src = third`},
	{"img srcset", `new Image().srcset = "/sentinel 1x, " + third + " 2x, /sentinel 3x"; put("img", {srcset: third})`},
	{"script src", `put("script", {src: third})`},
	{"iframe src", `put("iframe", {src: third})`},
	{"frame src", `put("frame", {src: third})`},
	{"embed src", `put("embed", {src: third})`},
	{"video src", `put("video", {preload: "auto", src: third})`},
	{"video poster", `put("video", {poster: third})`},
	{"audio src", `put("audio", {preload: "auto", src: third})`},
	{"new Audio", `new Audio(third).load()`},
	{"source src", `make("source", {src: third}, put("video", {preload: "auto"}))`},
	{"source srcset", `const picture = put("picture"); make("source", {srcset: third}, picture); make("img", {}, picture)`},
	{"track src", `make("track", {default: true, src: third}, put("video", {crossOrigin: "anonymous"})).track.mode = "showing"`},
	{"input src", `put("input", {type: "image", src: third})`},
	{"link href", `put("link", {rel: "stylesheet", href: third})`},
	{"link href before its rel", `put("link", {href: third}).rel = "stylesheet"`},
	{"link imageSrcset", `put("link", {rel: "preload", as: "image", imageSrcset: third})`},
	{"object data", `put("object", {data: third})`},
	{"a ping", `put("a", {href: "#there", ping: third}).click()`},
	{"area ping", `make("area", {href: "#there", ping: third}, put("map")).click()`},

	{"setAttribute", `document.createElement("img").setAttribute("src", third)`},
	{"setAttribute in capitals", `document.createElement("img").setAttribute("SRC", third)`},
	{"setAttribute of an object", `document.createElement("img").setAttribute("src", new URL(third))`},
	{"setAttributeNS", `document.createElement("img").setAttributeNS(null, "src", third)`},
	{"setAttributeNode", `const a = document.createAttribute("src"); a.value = third; document.createElement("img").setAttributeNode(a)`},
	{"svg image href", `draw("image").setAttribute("href", third)`},
	{"svg image xlink:href", `draw("image").setAttributeNS(xlink, "xlink:href", third)`},
	{"svg image href with another prefix", `draw("image").setAttributeNS(xlink, "x:href", third)`},
	{"svg use href", `draw("use").setAttribute("href", own + "#part")`},
	{"svg feImage href", `draw("feImage").setAttribute("href", third)`},
	{"svg script href", `const s = document.createElementNS(svg.namespaceURI, "script"); s.setAttribute("href", third); svg.append(s)`},

	{"innerHTML", `place.innerHTML = image`},
	{"innerHTML of an element that is nowhere", `document.createElement("div").innerHTML = image`},
	{"innerHTML in capitals without quotes", `place.innerHTML = "<IMG SRC=" + third + ">"`},
	{"innerHTML of a table row", `const row = document.createElement("tr"); row.innerHTML = "<td>" + image; if (row.cells.length != 1) throw row.outerHTML`},
	{"innerHTML of a drawing", "svg.innerHTML = `<image href=\"${third}\"/>`"},
	{"innerHTML of a shadow root", `place.attachShadow({mode: "closed"}).innerHTML = image`},
	{"outerHTML", `place.outerHTML = image`},
	{"insertAdjacentHTML beforebegin", `place.insertAdjacentHTML("beforebegin", image)`},
	{"insertAdjacentHTML afterbegin", `place.insertAdjacentHTML("afterbegin", image)`},
	{"insertAdjacentHTML beforeend", `place.insertAdjacentHTML("beforeEnd", image)`},
	{"insertAdjacentHTML afterend", `place.insertAdjacentHTML("afterend", image)`},
	{"createContextualFragment", `document.createRange().createContextualFragment(image)`},
	{"createContextualFragment with a script", "place.append(document.createRange().createContextualFragment(`<script src=\"${third}\"><\\/script>`))"},
	{"document.write", "document.write(`<script src=\"${third}\"><\\/script>`)"},
	{"document.write of parts", "document.write('<p>', `<img alt='a > b' src=${third}>`, '</p>')"},
	{"document.writeln", "document.writeln(`<iframe width=1 src='${third}'></iframe>`)"},

	{"appendChild", `place.appendChild(foreign())`},
	{"appendChild of a fragment", `const t = document.createElement("template"); t.innerHTML = "<p>" + image; place.appendChild(t.content)`},
	{"appendChild of a clone", `const t = document.createElement("template"); t.innerHTML = "<p>" + image; place.appendChild(t.content.cloneNode(true))`},
	{"insertBefore", `document.body.insertBefore(foreign(), place)`},
	{"replaceChild", `document.body.replaceChild(foreign(), place)`},
	{"append", `place.append("text", foreign())`},
	{"prepend", `place.prepend(foreign())`},
	{"replaceChildren", `place.replaceChildren(foreign(), "text")`},
	{"before", `place.before(foreign())`},
	{"after", `place.after(foreign())`},
	{"replaceWith", `place.replaceWith(foreign())`},
	{"replaceWith of a text", `place.append("text"); place.firstChild.replaceWith(foreign())`},
	{"insertAdjacentElement", `place.insertAdjacentElement("afterend", foreign())`},
	{"append to a shadow root", `place.attachShadow({mode: "open"}).append(foreign())`},
	{"insertNode", `const r = document.createRange(); r.selectNode(place); r.insertNode(foreign())`},
	{"importNode", `const t = document.createElement("template"); t.innerHTML = image; document.importNode(t.content, true)`},
	{"adoptNode", `document.adoptNode(foreign())`},

	{"fetch", `await fetch(third).catch(() => {})`},
	{"fetch of a URL", `await fetch(new URL(third), {method: "POST", mode: "no-cors", body: "seen"}).catch(() => {})`},
	{"fetch of a Request", `await fetch(new Request(third)).catch(() => {})`},
	{"fetch below a base", `put("base", {href: third}); await fetch("seen").catch(() => {})`},
	{"XMLHttpRequest", `await new Promise(done => { const x = new XMLHttpRequest(); x.onloadend = done; x.open("GET", third); x.send() })`},
	{"XMLHttpRequest that waits", `const x = new XMLHttpRequest(); x.open("GET", third, false); try { x.send() } catch {}`},
	{"sendBeacon", `navigator.sendBeacon(third, "seen")`},
	{"WebSocket", `await new Promise(done => new WebSocket(third.replace("http", "ws")).onerror = done)`},
	{"EventSource", `await new Promise(done => new EventSource(third).onerror = done)`},
	{"Worker", `try { new Worker(own) } catch {}`},
	{"SharedWorker", `try { new SharedWorker(own) } catch {}`},
	{"FontFace", `await new FontFace("a", "local('none'), url( '" + third + "' ) format('woff2')").load().catch(() => {})`},
}

// guardHelpers stand before the script of each page.
const guardHelpers = `
	const failures = [];
	addEventListener("error", (event) => failures.push(event.message));
	const place = document.getElementById("place"), svg = document.querySelector("svg"), xlink = "http://www.w3.org/1999/xlink";
	const make = (name, properties, parent) => parent.appendChild(Object.assign(document.createElement(name), properties));
	const put = (name, properties) => make(name, properties, document.body);
	const draw = (name) => svg.appendChild(document.createElementNS(svg.namespaceURI, name));
	const image = '<img src="' + third + '">';
	const foreign = () => new DOMParser().parseFromString("<p>" + image, "text/html").body.firstChild;
	const turn = () => new Promise((done) => setTimeout(done));
	const settled = async () => {
		await running;
		await turn();
		await turn();
		await new Promise((done) => Object.assign(new Image(), {onload: done, onerror: done, src: "/sentinel"}));
		await fetch(allowed, {mode: "no-cors"});
		return failures.join("; ");
	};
`

// guardedSite is a site with the guard, a third party that is refused and one
// nobody declared.
type guardedSite struct {
	url, third, allowed string
	policy              string // the Content-Security-Policy of the page
	granted             bool   // in the second list too

	mutex       sync.Mutex
	script      string
	requests    []string // to what is refused
	connections int      // to the third party that is refused
}

func startGuardedSite(t *testing.T) *guardedSite {
	t.Helper()
	s := &guardedSite{}
	_, port, _ := net.SplitHostPort(listen(t, http.HandlerFunc(s.page), nil))
	s.url = "http://localhost:" + port
	_, s.third, _ = net.SplitHostPort(listen(t, http.HandlerFunc(s.log), s.connected))
	s.allowed = "http://" + listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), nil)
	return s
}

// listen starts a server that keeps no connection open and returns its address.
func listen(t *testing.T, handler http.Handler, state func(net.Conn, http.ConnState)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = state
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func (s *guardedSite) connected(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.connections++
	}
}

func (s *guardedSite) log(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, r.URL.Path)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(http.StatusNoContent)
}

func (s *guardedSite) page(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/refused/"):
		s.log(w, r)
	case r.URL.Path == "/":
		s.mutex.Lock()
		defer s.mutex.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", s.policy)
		fmt.Fprint(w, s.script)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// refused are the declared hosts of services that wait for consent.
func (s *guardedSite) refused() string {
	return fmt.Sprintf("127.0.0.1:%s *.localhost:%[1]s /refused/*", s.third)
}

// run visits a page with the guard and a script, and waits until what the script
// began has ended. number tells its addresses apart.
func (s *guardedSite) run(t *testing.T, b tab, number int, script string) {
	t.Helper()
	granted := ""
	if s.granted {
		granted = s.refused()
	}
	host := []string{"127.0.0.1", "third.localhost"}[number%2]
	s.mutex.Lock()
	s.script = fmt.Sprintf(`<!doctype html><html><head><meta charset="utf-8">`+
		`<script data-cookie-consent-inserted data-refused="%s" data-granted="%s">%s</script></head>`+
		`<body><div id="place"></div><svg></svg><script nonce="page">const third = "http://%s:%s/%d/", own = "/refused/%[6]d/", allowed = %[7]q;%s`+
		`const running = (async () => { %s })().catch((e) => failures.push(String(e)));</script></body></html>`,
		html.EscapeString(s.refused()), html.EscapeString(granted), guardCode(t), host, s.third, number, s.allowed, guardHelpers, script)
	s.mutex.Unlock()
	b.visit(s.url)
	if failures := eval[string](b, "settled()"); failures != "" {
		t.Errorf("the page failed: %s", failures)
	}
}

// received reports whether a refused address of the page with number was asked
// for.
func (s *guardedSite) received(number int) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.ContainsFunc(s.requests, func(path string) bool {
		return strings.Contains(path, fmt.Sprintf("/%d/", number))
	})
}

// checkUntouched wants no request to what is refused and no connection to it.
func (s *guardedSite) checkUntouched(t *testing.T) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.requests) > 0 || s.connections > 0 {
		t.Errorf("%d connections to the refused third party; requests to what is refused: %q", s.connections, s.requests)
		s.requests, s.connections = nil, 0
	}
}

func TestGuardStopsEveryWay(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	for i, way := range guardedWays {
		t.Run(way.name, func(t *testing.T) {
			b.t = t
			s.run(t, b, i, way.script)
			s.checkUntouched(t)
		})
	}
	b.t = t
	s.run(t, b, len(guardedWays), "")
	s.checkUntouched(t)
}

func TestGuardLetsEveryWayPassOnceGranted(t *testing.T) {
	s := startGuardedSite(t)
	s.granted = true
	b := newTab(t)
	for i, way := range guardedWays {
		t.Run(way.name, func(t *testing.T) {
			b.t = t
			s.run(t, b, i, way.script)
			b.until("the third party is asked", func() bool { return s.received(i) })
		})
	}
}

// guardedHosts holds the guard to the precedence of policy.Policy.Host. A script
// that is nowhere is asked, since it loads nothing.
var guardedHosts = []struct {
	name, refused, granted, address string
	held                            bool
}{
	{"a name", "ads.example", "", "https://ads.example/x", true},
	{"a name in other letters", "Ads.example", "", "https://aDS.example/", true},
	{"a name on any port", "ads.example", "", "https://ads.example:8443/x", true},
	{"a name for a socket", "ads.example", "", "wss://ads.example/x", true},
	{"a name and what stands before it", "ads.example", "", "https://x.ads.example/", false},
	{"a name and what ends in it", "ads.example", "", "https://loads.example/", false},
	{"a name as the user of another", "ads.example", "", "https://ads.example@other.example/", false},
	{"another scheme", "ads.example", "", "data:text/plain,//ads.example/", false},
	{"what is no address", "ads.example", "", "https://[ads.example", false},
	{"the dots of a name", "a.s.example", "", "https://abs.example/", false},
	{"a pattern and its name", "*.ads.example", "", "https://ads.example/", true},
	{"a pattern and names below", "*.ads.example", "", "https://a.b.ads.example/", true},
	{"a pattern and what ends in it", "*.ads.example", "", "https://loads.example/", false},
	{"a pattern and its name in a path", "*.ads.example", "", "https://other.example/http://x.ads.example:80/", false},
	{"a port", "ads.example:8080", "", "https://ads.example:8080/", true},
	{"a port and another", "ads.example:80", "", "https://ads.example:8080/", false},
	{"the port of https", "ads.example:443", "", "https://ads.example/", true},
	{"the port of https, on http", "ads.example:443", "", "http://ads.example/", false},
	{"a path", "ads.example/x.js", "", "https://ads.example/x.js?v=1", true},
	{"a path and what begins with it", "ads.example/x.js", "", "https://ads.example/x.js/y", false},
	{"a path with a star", "ads.example/maps/*.js", "", "https://ads.example/maps/a/b.js", true},
	{"a path with a star, of another", "ads.example/maps/*", "", "https://ads.example/map", false},
	{"a path of the site", "/gtm/*", "", "/gtm/x", true},
	{"a path of the site, elsewhere", "/gtm/*", "", "https://other.example/gtm/x", false},
	{"the same, refused and granted", "ads.example", "ads.example", "https://ads.example/", false},
	{"a name beats a pattern", "ads.example", "*.ads.example", "https://ads.example/", true},
	{"a name beats a pattern with a path", "ads.example", "*.ads.example/a/long/path", "https://ads.example/a/long/path", true},
	{"the longer name beats the shorter", "*.x.ads.example", "*.ads.example", "https://y.x.ads.example/", true},
	{"the shorter name where the longer is not", "*.x.ads.example", "*.ads.example", "https://y.ads.example/", false},
	{"a path beats none", "ads.example/maps/*", "ads.example", "https://ads.example/maps/x", true},
	{"none where the path is not", "ads.example/maps/*", "ads.example", "https://ads.example/", false},
	{"the longer path beats the shorter", "ads.example/maps/x", "ads.example/maps/*", "https://ads.example/maps/x", true},
	{"a star is not length", "ads.example/*a*p*", "ads.example/maps", "https://ads.example/maps", false},
	{"one of many", "a.example  ads.example\tb.example", "", "https://ads.example/", true},
	{"none", "", "", "https://ads.example/", false},
}

func TestGuardFollowsPrecedence(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	s.run(t, b, 0, guardAgain(t))
	for _, row := range guardedHosts {
		t.Run(row.name, func(t *testing.T) {
			b.t = t
			held := eval[bool](b, fmt.Sprintf(`again(%q, %q), Object.assign(document.createElement("script"), {src: %q}).src === ""`, row.refused, row.granted, row.address))
			if held != row.held {
				t.Errorf("with %q refused and %q granted, %s is held back: %t, want %t", row.refused, row.granted, row.address, held, row.held)
			}
		})
	}
}

// guardAgain declares again(refused, granted), which runs the guard once more.
func guardAgain(t *testing.T) string {
	return fmt.Sprintf(`window.again = (refused, granted) => {
		const script = document.createElement("script");
		script.textContent = %q;
		Object.assign(script.dataset, {refused, granted});
		document.head.append(script);
	};`, guardCode(t))
}

func TestGuardRunsOnce(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	s.run(t, b, 0, guardAgain(t))
	if !eval[bool](b, `(() => { const before = [fetch, Element.prototype.setAttribute]; again("", ""); return before[0] === fetch && before[1] === Element.prototype.setAttribute })()`) {
		t.Error("a second run wraps again what the first has wrapped")
	}
}

// guardMarks are expressions about what was held back.
var guardMarks = []struct{ name, is string }{
	{"the value is kept", `(e => e.dataset.cookieConsentSrc === third && e.dataset.cookieConsentService === "" && !e.hasAttribute("src"))(put("img", {src: third}))`},
	{"a name of two words is kept", `put("link", {imageSrcset: third}).getAttribute("data-cookie-consent-imagesrcset") === third`},
	{"markup around it is kept", `(place.innerHTML = "<b>a</b>" + image + "<i>c</i>", place.innerHTML === '<b>a</b><img data-cookie-consent-src="' + third + '" data-cookie-consent-service=""><i>c</i>')`},
	{"the service is kept", `(e => (e.src = third, e.dataset.cookieConsentService === "ads"))((place.innerHTML = '<img data-cookie-consent-service="ads">', place.firstChild))`},
	{"order is kept", `(place.innerHTML = "<b></b>", place.firstChild.insertAdjacentHTML("beforebegin", "1" + image + "2"), place.textContent === "12" && place.lastChild.localName === "b")`},
	{"a fragment is whole", `(f => f.childNodes.length === 3 && f.constructor === DocumentFragment)(document.createRange().createContextualFragment("<p></p>" + image + "text"))`},
	{"a script fails", `new Promise(done => { const s = document.createElement("script"); s.src = third; s.onerror = () => done(true); s.onload = () => done(false); document.head.append(s) })`},
	{"a picture fails", `new Promise(done => Object.assign(new Image(), {onload: () => done(false), onerror: () => done(true), src: third}))`},
	{"a style sheet fails", `new Promise(done => put("link", {rel: "stylesheet", onerror: () => done(true), href: third}))`},
	{"an error does not come at once", `(() => { let failed = false; Object.assign(new Image(), {onerror: () => failed = true, src: third}); return !failed })()`},
	{"fetch fails with a TypeError", `fetch(third).then(() => false, e => e instanceof TypeError)`},
	{"XMLHttpRequest fails", `new Promise(done => { const x = new XMLHttpRequest(); x.onload = () => done(false); x.onerror = () => done(x.status === 0 && x.readyState === 4); x.open("POST", third); x.setRequestHeader("X-A", "b"); x.send("c") })`},
	{"a beacon is not queued", `navigator.sendBeacon(third) === false`},
	{"a WebSocket closes", `new Promise(done => { const w = new WebSocket(third.replace("http", "ws")); w.onopen = () => done(false); w.onclose = () => done(w instanceof WebSocket && w.readyState === WebSocket.CLOSED) })`},
	{"an EventSource closes", `new Promise(done => { const e = new EventSource(third); e.onopen = () => done(false); e.onerror = () => done(e.readyState === EventSource.CLOSED) })`},
	{"a font is in error", `(f => f.load().then(() => false, () => f.status === "error"))(new FontFace("a", "url(" + third + ")"))`},
	{"other parts of the markup load", `new Promise(done => { addEventListener("sentinel", () => done(true), {once: true}); place.innerHTML = image + '<img src="/sentinel" onerror="window.dispatchEvent(new Event(\'sentinel\'))" onload="onerror()">' })`},
	{"a script in markup stays dead", `(place.innerHTML = image + "<script>window.ran = true<\/script>", window.ran === undefined)`},
	{"a script in a fragment runs", `(place.append(document.createRange().createContextualFragment(image + "<script>window.ran = true<\/script>")), window.ran === true)`},
	{"a button in markup works", `(place.innerHTML = image + '<b onclick="window.clicked = true">', place.lastChild.click(), window.clicked)`},
	{"an error in place of markup", `(() => { try { place.insertAdjacentHTML("nowhere", image) } catch (e) { return e instanceof DOMException && e.name === "SyntaxError" } })()`},
	{"text that looks like markup stays text", `(() => { const s = document.createElement("script"); s.innerHTML = "window.text = '" + image + "'"; document.head.append(s); return window.text === image })()`},
	{"a custom element in a template is made", `(() => { customElements.define("x-a", class extends HTMLElement { connectedCallback() { this.made = true } }); const t = document.createElement("template"); t.innerHTML = "<x-a>" + image + "</x-a>"; place.replaceChildren(document.importNode(t.content, true)); return place.firstChild.made })()`},
}

func TestGuardKeepsTheOrderOfWhatIsWritten(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	s.run(t, b, 0, `document.write("<b>1</b>" + image); document.write("<i>2</i>", image); document.write("<u>3</u>")`)
	if got := eval[string](b, `document.body.innerText.replace(/\s/g, "") + document.querySelectorAll("img[data-cookie-consent-src]").length`); got != "1232" {
		t.Errorf("what was written and held back reads %q, want 1232", got)
	}
	s.checkUntouched(t)
}

func TestGuardMarksWhatItHolds(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	s.run(t, b, 0, "")
	for _, mark := range guardMarks {
		t.Run(mark.name, func(t *testing.T) {
			b.t = t
			if !eval[bool](b, mark.is) {
				t.Errorf("%s is not so", mark.is)
			}
		})
	}
	s.checkUntouched(t)
}

// natively are expressions that are true in any page.
var natively = []struct{ name, is string }{
	{"src is what was set", `Object.assign(new Image(), {src: "/a"}).src === location.origin + "/a"`},
	{"srcset is what was set", `Object.assign(new Image(), {srcset: "/a 2x"}).srcset === "/a 2x"`},
	{"an attribute is what was set", `(e => e.setAttribute("src", "/a") === undefined && e.getAttribute("src") === "/a")(new Image())`},
	{"an attribute with a namespace", `(e => (e.setAttributeNS(xlink, "xlink:href", "/a"), e.getAttributeNS(xlink, "href") === "/a"))(draw("image"))`},
	{"an attribute node is returned", `(e => { const a = document.createAttribute("src"); a.value = "/a"; return e.setAttributeNode(a) === null && e.attributes.src === a })(new Image())`},
	{"innerHTML", `(place.innerHTML = "<p>a<b src=x>b</b>", place.innerHTML === '<p>a<b src="x">b</b></p>')`},
	{"innerHTML of null", `(place.innerHTML = null, place.innerHTML === "")`},
	{"innerHTML of a template", `(t => (t.innerHTML = image, t.content.firstChild.getAttribute("src") === third && !t.firstChild))(document.createElement("template"))`},
	{"innerHTML of a document from a parser", `(d => (d.body.innerHTML = image, d.images[0].getAttribute("src") === third))(new DOMParser().parseFromString("", "text/html"))`},
	{"insertAdjacentHTML without a parent", `(() => { try { document.createElement("p").insertAdjacentHTML("afterend", "<p src>") } catch (e) { return e.name === "NoModificationAllowedError" } })()`},
	{"appendChild returns the node", `(e => place.appendChild(e) === e)(document.createElement("p"))`},
	{"appendChild of nothing", `(() => { try { place.appendChild(null) } catch (e) { return e instanceof TypeError } })()`},
	{"append of texts", `(place.replaceChildren("a", 1, null), place.textContent === "a1null")`},
	{"insertBefore of none", `(e => place.insertBefore(e, null) === e && place.lastChild === e)(document.createElement("p"))`},
	{"importNode", `(t => (t.innerHTML = "<p src>a</p>", document.importNode(t.content, true).firstChild.outerHTML === '<p src="">a</p>'))(document.createElement("template"))`},
	{"fetch", `fetch("/sentinel").then(r => r.status === 204)`},
	{"fetch of nothing", `fetch().then(() => false, e => e instanceof TypeError)`},
	{"fetch of a foreign Request", `fetch(new Request(allowed, {mode: "no-cors"})).then(r => r.type === "opaque")`},
	{"XMLHttpRequest", `new Promise(done => { const x = new XMLHttpRequest(); x.onload = () => done(x.status === 204); x.open("GET", "/sentinel"); x.send() })`},
	{"sendBeacon", `navigator.sendBeacon("/sentinel")`},
	{"WebSocket without new", `(() => { try { WebSocket(allowed) } catch (e) { return e instanceof TypeError } })()`},
	{"WebSocket of no address", `(() => { try { new WebSocket("x:y") } catch (e) { return e instanceof DOMException && e.name === "SyntaxError" } })()`},
	{"a class of WebSocket", `(() => { class A extends WebSocket { a() { return 1 } } const a = new A(allowed.replace("http", "ws")); a.close(); return a.a() === 1 && a instanceof WebSocket && WebSocket.OPEN === 1 })()`},
	{"FontFace", `new FontFace("a", "url(/a)").family === "a"`},
	{"Audio", `new Audio("/a").preload === "auto" && new Audio() instanceof HTMLAudioElement`},
	{"a worker", `new Promise(done => { const w = new Worker(URL.createObjectURL(new Blob(["postMessage(1)"]))); w.onmessage = (e) => done(e.data === 1) })`},
	{"looks", `/\[native code\]/.test(fetch) && fetch.name === "fetch" && fetch.length === 1 && Element.prototype.setAttribute.length === 2`},
	{"window.open and IndexedDB", `typeof indexedDB.open("a", 1) === "object" && typeof open === "function"`},
	{"DataView and FormData", `DataView.prototype.constructor === DataView && FormData.prototype.constructor === FormData`},
	{"nothing is listed on elements", `Object.keys(place).length === 0`},
	{"methods stay listed", `(() => { for (const name in place) if (name === "setAttribute") return true })()`},
	{"a method of nothing", `(() => { try { Element.prototype.setAttribute.call({}, "src", third) } catch (e) { return e instanceof TypeError } })()`},
}

func TestGuardLeavesTheRestAlone(t *testing.T) {
	s := startGuardedSite(t)
	b := newTab(t)
	s.run(t, b, 0, "document.write('<p id=\"written\">', '<img src=\"/sentinel\">')")
	if !b.has("#written > img") {
		t.Error("document.write did not write what it was given")
	}
	for _, row := range natively {
		t.Run(row.name, func(t *testing.T) {
			b.t = t
			if !eval[bool](b, row.is) {
				t.Errorf("%s is not so", row.is)
			}
		})
	}
	s.checkUntouched(t)
}

// trusted are expressions that are true under Trusted Types, with the guard.
var trusted = []struct{ name, is string }{
	{"harmless markup passes", `(place.innerHTML = types.createHTML("<p src>a</p>"), place.innerHTML === '<p src="">a</p>')`},
	{"refused markup is held back", `(place.innerHTML = types.createHTML("<p>a</p>" + image), place.childNodes.length === 2 && place.lastChild.dataset.cookieConsentSrc === third)`},
	{"refused markup beside is held back", `(place.insertAdjacentHTML("afterend", types.createHTML(image)), place.nextSibling.dataset.cookieConsentSrc === third)`},
	{"a fragment is held back", `document.createRange().createContextualFragment(types.createHTML(image)).firstChild.dataset.cookieConsentSrc === third`},
	{"a string is refused as ever", `(() => { try { place.innerHTML = image } catch (e) { return e instanceof TypeError } })()`},
	{"a refused script is held back", `put("script", {src: types.createScriptURL(third)}).dataset.cookieConsentSrc === third`},
	{"a script of the site passes", `put("script", {src: types.createScriptURL("/sentinel")}).src === location.origin + "/sentinel"`},
	{"a script by attribute is held back", `(s => (s.setAttribute("src", types.createScriptURL(third)), s.dataset.cookieConsentSrc === third))(document.createElement("script"))`},
	{"the site's own worker passes", `new Worker(types.createScriptURL("/sentinel")) instanceof Worker`},
	{"refused markup is not written", `document.write(types.createHTML("<p>a</p>" + image)) === undefined && document.getElementById("place") !== null`},
	{"harmless markup is written", `(document.write(types.createHTML("<p id=written>")), document.getElementById("written") !== null)`},
}

func TestGuardUnderTrustedTypes(t *testing.T) {
	s := startGuardedSite(t)
	sum := sha256.Sum256([]byte(guardCode(t)))
	s.policy = fmt.Sprintf("require-trusted-types-for 'script'; script-src 'self' 'nonce-page' 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	b := newTab(t)
	s.run(t, b, 0, `const same = (text) => text; window.types = trustedTypes.createPolicy("page", {createHTML: same, createScriptURL: same})`)
	for _, row := range trusted {
		t.Run(row.name, func(t *testing.T) {
			b.t = t
			if !eval[bool](b, row.is) {
				t.Errorf("%s is not so", row.is)
			}
		})
	}
	s.checkUntouched(t)
}

func TestGuardIsSmallAndSafeToEmbed(t *testing.T) {
	code := guardCode(t)
	for _, end := range []string{"</script", "<!--", "]]>"} {
		if strings.Contains(strings.ToLower(code), end) {
			t.Errorf("the guard contains %q", end)
		}
	}
	if strings.ContainsFunc(code, func(c rune) bool { return c > '~' }) {
		t.Error("the guard is not ASCII")
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write([]byte(code))
	_ = w.Close()
	if packed.Len() > 2<<10 {
		t.Errorf("the guard has %d bytes compressed, want at most 2048", packed.Len())
	}
}

// guardCode is the guard as it is embedded: without comments and indents.
func guardCode(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../banner/scripts/hosts.js")
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
