package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/domstorage"
	"github.com/chromedp/cdproto/network"
)

// writing is a declaration with names that scripts may write and others they may
// not, as Chromium's jar and storage must show.
const writing = "service login {\ncategory necessary authentication\ncookie kept\n}\n" +
	"service ads {\ncategory marketing\ncookie ads_*\nstorage local ads_*\nstorage session ads_*\n}\n"

// writtenWays are ways in which a script writes cookies and keys. NAME stands for
// a name of the service ads; inside() is a frame of this origin.
var writtenWays = []struct{ name, script string }{
	{"document.cookie", `document.cookie = "NAME=1"`},
	{"document.cookie with attributes", `document.cookie = "  NAME = 1; Path=/; Max-Age=600; SameSite=Lax"`},
	{"document.cookie in other letters of an attribute", `document.cookie = "NAME=1; MAX-AGE=600; eXpires=Thu, 01 Jan 1970 00:00:00 GMT"`},
	{"document.cookie with an end that is none", `document.cookie = "NAME=1; Expires=never; Max-Age=x0"`},
	{"document.cookie that deletes, then sets", `document.cookie = "NAME=0; Max-Age=0"; document.cookie = "NAME=1"`},
	{"document.cookie of an object", `document.cookie = {toString: () => "NAME=1"}`},
	{"the setter of Document.prototype", `Object.getOwnPropertyDescriptor(Document.prototype, "cookie").set.call(document, "NAME=1")`},
	{"Reflect.set", `Reflect.set(document, "cookie", "NAME=1")`},
	{"the document of a frame", `inside().document.cookie = "NAME=1"`},
	{"the document of a frame, by contentDocument", `inside(); frame.contentDocument.cookie = "NAME=1"`},
	{"the setter of a frame", `Object.getOwnPropertyDescriptor(inside().Document.prototype, "cookie").set.call(document, "NAME=1")`},
	{"a frame found by frames", `inside(); frames[0].document.cookie = "NAME=1"`},
	{"a frame with srcdoc", `await loaded(Object.assign(document.createElement("iframe"), {srcdoc: "<script>parent.document.cookie = 'NAME=1'; document.cookie = 'NAME=2'<\/script>"}))`},
	{"a frame with srcdoc, in markup", `document.body.insertAdjacentHTML("beforeend", "<div><iframe srcdoc=\"<script>document.cookie = 'NAME=2'</script>\"></iframe></div>"); await new Promise((done) => document.body.lastChild.firstChild.onload = done)`},
	{"a frame with a page of the site", `await loaded(Object.assign(document.createElement("iframe"), {src: "/page/1?NAME"}))`},
	{"document.write of a script", "document.write(\"<script>document.cookie = 'NAME=1'<\\/script>\")"},
	{"an inline handler", `document.body.insertAdjacentHTML("beforeend", "<p onclick=\"document.cookie = 'NAME=1'\">"); document.body.lastChild.click()`},
	{"eval", `(0, eval)("document.cookie = 'NAME=1'")`},

	{"cookieStore.set", `await cookieStore.set("NAME", "1")`},
	{"cookieStore.set of an object", `await cookieStore.set({name: "NAME", value: "1", expires: Date.now() + 600000})`},
	{"CookieStore.prototype.set", `await CookieStore.prototype.set.call(cookieStore, "NAME", "1")`},
	{"cookieStore of a frame", `await inside().cookieStore.set("NAME", "1")`},

	{"localStorage.setItem", `localStorage.setItem("NAME", 1)`},
	{"localStorage as an object", `localStorage["NAME"] = 1`},
	{"sessionStorage.setItem", `sessionStorage.setItem("NAME", 1)`},
	{"sessionStorage as an object", `sessionStorage["NAME"] = 1`},
	{"Storage.prototype.setItem", `Storage.prototype.setItem.call(localStorage, "NAME", 1)`},
	{"Object.defineProperty of localStorage", `Object.defineProperty(localStorage, "NAME", {value: 1, configurable: true, enumerable: true, writable: true})`},
	{"Object.assign to localStorage", `Object.assign(localStorage, {NAME: 1})`},
	{"localStorage of a frame", `inside().localStorage.setItem("NAME", 1)`},
	{"localStorage of a frame, as an object", `inside().localStorage["NAME"] = 1`},
	{"the setItem of a frame", `inside().Storage.prototype.setItem.call(localStorage, "NAME", 1)`},
}

const writtenHelpers = `let frame;
	const inside = () => {
		frame = document.body.appendChild(document.createElement("iframe"));
		return frame.contentWindow;
	};
	const loaded = (element) => new Promise((done) => { element.onload = done; document.body.append(element) });`

// startWritten serves a page that runs what its address says, and one for frames.
func startWritten(t *testing.T) site {
	t.Helper()
	u := newUpstream(t)
	u.put(sheet{html: `<!doctype html><meta charset="utf-8"><title>t</title><body><p>text</p>`})
	u.put(sheet{html: `<!doctype html><meta charset="utf-8"><title>t</title><script>document.cookie = location.search.slice(1) + "=1"</script><body>`})
	s := u.behind(siteHost, writing)
	startCaddy(t, s)
	return s
}

// write runs the script of a way in a fresh page of the site, with a name of its
// own. Browsers store what is written later, but in order.
func (b tab) write(s site, number int, script string) (name string) {
	b.t.Helper()
	name = fmt.Sprintf("ads_%d", number)
	b.visit(s.url("/page/0"))
	eval[string](b, fmt.Sprintf("(async () => { %s %s })().then(() => document.cookie = 'kept=%s')", writtenHelpers, strings.ReplaceAll(script, "NAME", name), name))
	b.until("what was written before is there", func() bool {
		return slices.ContainsFunc(b.jar(), func(c *network.Cookie) bool { return c.Name == "kept" && c.Value == name })
	})
	return name
}

// stored lists the names in the tab's jar and the site's web storage, as the browser
// itself knows them.
func (b tab) stored(s site) []string {
	b.t.Helper()
	var names []string
	for _, c := range b.jar() {
		names = append(names, c.Name)
	}
	for _, local := range []bool{true, false} {
		items := call(b, domstorage.GetDOMStorageItems, domstorage.GetDOMStorageItemsParams{
			StorageID: &domstorage.StorageID{SecurityOrigin: s.url(""), IsLocalStorage: local},
		})
		for _, item := range items.Entries {
			names = append(names, item[0])
		}
	}
	return names
}

func TestScriptsCannotWriteWhatIsRefused(t *testing.T) {
	s := startWritten(t)
	for _, answer := range []string{"", "refuse-all"} {
		b := newTab(t)
		if answer != "" {
			b.answerBanner(s, answer)
		}
		for i, way := range writtenWays {
			t.Run(answer+" "+way.name, func(t *testing.T) {
				b.t = t
				if name, stored := b.write(s, i, way.script), b.stored(s); slices.Contains(stored, name) {
					t.Errorf("%s is there, of %q", name, stored)
				}
			})
		}
	}
}

func TestScriptsWriteWhatIsGranted(t *testing.T) {
	s := startWritten(t)
	b := newTab(t)
	b.answerBanner(s, "accept-all")
	for i, way := range writtenWays {
		t.Run(way.name, func(t *testing.T) {
			b.t = t
			if name, stored := b.write(s, i, way.script), b.stored(s); !slices.Contains(stored, name) {
				t.Errorf("%s is not there, of %q", name, stored)
			}
		})
	}
}

// A page with the guard is like one without in what it may do.
func TestScriptsUseCookiesAndStorageAsEver(t *testing.T) {
	s := startWritten(t)
	b := newTab(t)
	b.visit(s.url("/page/0"))
	for _, c := range []struct{ name, is string }{
		{"a declared cookie", `(document.cookie = "kept=1; Path=/", document.cookie.includes("kept=1"))`},
		{"a declared cookie in cookieStore", `cookieStore.set("kept", "2").then(() => cookieStore.get("kept")).then(c => c.value === "2")`},
		{"the deletion of a declared cookie", `(document.cookie = "kept=; Path=/; Max-Age=0", !document.cookie.includes("kept"))`},
		{"the deletion of what is not there", `(document.cookie = "ads_1=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true)`},
		{"cookieStore.delete", `cookieStore.delete("ads_1").then(() => true)`},
		{"a key nobody declared", `(localStorage.setItem("theme", "dark"), localStorage.theme === "dark" && localStorage.getItem("theme") === "dark")`},
		{"a key as a property", `(sessionStorage.tour = 1, sessionStorage.getItem("tour") === "1" && "tour" in sessionStorage && Object.keys(sessionStorage).includes("tour"))`},
		{"the length and the keys", `(localStorage.clear(), localStorage.setItem("a", 1), localStorage.length === 1 && localStorage.key(0) === "a")`},
		{"the deletion of a key", `(delete localStorage.a, localStorage.length === 0 && localStorage.a === undefined && localStorage.getItem("a") === null)`},
		{"a refused key reads as none", `(localStorage.setItem("ads_1", 1), localStorage.getItem("ads_1") === null)`},
		{"instanceof", `localStorage instanceof Storage && Object.prototype.toString.call(localStorage) === "[object Storage]"`},
		{"too few arguments", `(() => { try { localStorage.setItem("a") } catch (e) { return e instanceof TypeError } })()`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			if !eval[bool](b, c.is) {
				t.Errorf("%s is not so", c.is)
			}
		})
	}
}

// What was stored while it was granted goes with the grant.
func TestKeysGoWithTheirGrant(t *testing.T) {
	s := startWritten(t)
	b := newTab(t)
	b.answerBanner(s, "accept-all")
	b.visit(s.url("/page/0"))
	eval[bool](b, `(localStorage.ads_1 = sessionStorage.ads_2 = document.cookie = "ads_3=1", localStorage.theme = "dark", true)`)
	if stored := b.stored(s); len(stored) != 5 {
		t.Fatalf("stored are %q, want four of the page and the choice", stored)
	}
	b.visit(s.url("/cookie-consent/"))
	b.click(`[data-cookie-consent="refuse-all"]`)
	b.visit(s.url("/page/0"))
	stored := b.stored(s)
	slices.Sort(stored)
	if got := strings.Join(stored, " "); got != "cookies_preferences theme" {
		t.Errorf("after the withdrawal, there is %q", got)
	}
}
