package audit

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// banner is a banner of our own, that posts a choice to the page, with buttons.
const banner = `<div id=cookie-banner style="position:fixed;bottom:0;background:#fff" hidden><p>We use cookies.</p>%s</div>
<a href="#" id=again hidden onclick="show()">Cookie settings</a>
<script>
function show() { document.getElementById("cookie-banner").hidden = false }
function choose(choice) { document.cookie = "cookies_policy=" + choice + "; max-age=1000; path=/"; location.reload() }
const choice = document.cookie.match(/cookies_policy=(\w+)/)?.[1];
if (choice) document.getElementById("again").hidden = false; else show();
</script>`

var bannerPage = fmt.Sprintf(banner, `<button onclick="choose('yes')">Accept all</button> <button onclick="choose('no')">Reject all</button>`)

// chose reports whether a request carries the choice.
func chose(r *http.Request, choice string) bool {
	c, err := r.Cookie("cookies_policy")
	return err == nil && c.Value == choice
}

func TestCleanSite(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	page := settingCookies(html(`<h1>Clean</h1><a href="/a">a</a> <a href="/b?q=`+secret+`">b</a> <a href="/logout">out</a> <a href="/file.pdf">f</a>`), "sessionid; HttpOnly; Path=/")
	site := b.put("clean.localhost", map[string]http.HandlerFunc{"/": page, "/a": page, "/b": page})
	r := run(t, quick(site+"/?user="+secret))
	expect(t, r, "note no-consent-control", "note pass-not-made refused", "note pass-not-made accepted", "note pass-not-made withdrawn")
	if r.Failed() {
		t.Error("a clean site fails")
	}
	if n := len(r.Pass(Before).Pages); n != 3 || r.Source != "links" {
		t.Errorf("%d pages from %s, want 3 from links", n, r.Source)
	}
	for _, asked := range b.requests("clean.localhost") {
		if asked.path == "/logout" || asked.path == "/file.pdf" {
			t.Errorf("%s is visited", asked.path)
		}
	}
}

// TestSiteThatSetsBeforeChoice has every way of storing and asking, and a banner
// that only says that it does something about it.
func TestSiteThatSetsBeforeChoice(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	third := b.put("third.localhost", map[string]http.HandlerFunc{
		"/pixel.gif": settingCookies(html(""), "tuid; SameSite=None; Secure; Max-Age=3600; Path=/pixel.gif"),
		"/frame":     settingCookies(html(`<script>localStorage.setItem("frame_key", "`+secret+`")</script>`), "part; SameSite=None; Secure; Partitioned; Path=/"),
	})
	site := b.put("early.localhost", map[string]http.HandlerFunc{
		"/": settingCookies(html(bannerPage+`<img src="`+third+`/pixel.gif?id=`+secret+`" alt=""><iframe src="`+third+`/frame" title=f></iframe>
			<script>
			document.cookie = "_fbp=`+secret+`; max-age=7776000; path=/";
			localStorage.setItem("amp", "`+secret+`"); sessionStorage.setItem("tab", "`+secret+`");
			indexedDB.open("tracks");
			</script>`), "_ga; Max-Age=63072000; Path=/"),
	})
	r := run(t, quick(site))
	var want []string
	for _, pass := range []Pass{Before, Refused, Withdrawn, GPC} {
		for _, thing := range []string{
			"error sent-without-consent %s cookie _ga", "error sent-without-consent %s cookie _fbp",
			"error sent-without-consent %s cookie tuid", "error stored-without-consent %s cookie part",
			"error stored-without-consent %s local amp", "error stored-without-consent %s local frame_key",
			"error stored-without-consent %s session tab", "error stored-without-consent %s indexeddb tracks",
			"warning requested-without-consent %s host third.localhost",
		} {
			// What is set by the only page visited before any choice cannot be sent there.
			if pass == Before || pass == GPC {
				thing = strings.Replace(thing, "sent-without-consent", "stored-without-consent", 1)
			} else if strings.HasSuffix(thing, "part") {
				thing = strings.Replace(thing, "stored-without-consent", "sent-without-consent", 1)
			}
			want = append(want, fmt.Sprintf(thing, pass))
		}
	}
	expect(t, r, append(want, "warning lifetime-over-13-months cookie _ga")...)
	if !r.Failed() {
		t.Error("the site passes")
	}
	checkCookie(t, r, "_ga", func(c Cookie) bool { return c.SetBy == site+"/" && c.Asked == 63072000 && c.HostOnly && !c.ThirdParty })
	checkCookie(t, r, "_fbp", func(c Cookie) bool { return c.SetBy == "script" && c.Lifetime > 7775000 })
	checkCookie(t, r, "tuid", func(c Cookie) bool { return c.ThirdParty && c.SetBy == third+"/pixel.gif" && c.SameSite == "None" })
	checkCookie(t, r, "part", func(c Cookie) bool { return c.Partitioned == "http://early.localhost" && c.Lifetime == 0 })
	for _, q := range r.Pass(Before).Requests {
		if q.URL == third+"/pixel.gif" && (q.Type != "Image" || q.Initiator != site+"/" || q.Page != site+"/") {
			t.Errorf("the request is %+v", q)
		}
	}
}

// checkCookie checks a cookie of the pass before any choice.
func checkCookie(t *testing.T, r *Report, name string, right func(Cookie) bool) {
	t.Helper()
	for _, c := range r.Pass(Before).Cookies {
		if c.Name == name {
			if !right(c) {
				t.Errorf("the cookie is %+v", c)
			}
			return
		}
	}
	t.Errorf("no cookie %s", name)
}

// TestCookieStillSentAfterRefusal has a server that waits for consent to set its
// cookie, and a refusal that scripts cannot carry out: they cannot read it.
func TestCookieStillSentAfterRefusal(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	plain, tracking := html(bannerPage), settingCookies(html(bannerPage), "uid; HttpOnly; Path=/; Max-Age=86400")
	page := func(w http.ResponseWriter, r *http.Request) {
		if chose(r, "yes") {
			tracking(w, r)
		} else {
			plain(w, r)
		}
	}
	site := b.put("server.localhost", map[string]http.HandlerFunc{"/": page})
	o := quick(site)
	o.Declaration = declared{
		"cookie uid":            {Service: "stats", Category: "statistics", Lifetime: time.Hour},
		"cookie cookies_policy": {Service: "choice", Category: "necessary", Exempt: true},
	}
	r := run(t, o)
	expect(t, r, "error sent-without-consent withdrawn cookie uid", "warning lifetime-longer-than-declared cookie uid")
	if !r.Failed() {
		t.Error("a cookie that is sent after a withdrawal passes")
	}
	if l := r.Layer; l.AcceptClicks != 1 || l.RefuseClicks != 1 || l.Withdraw != "Cookie settings" {
		t.Errorf("the layer is %+v", l)
	}
}

// TestDeclaredSite keeps to what it declares, in every pass.
func TestDeclaredSite(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	third := b.put("video.localhost", map[string]http.HandlerFunc{"/v": html("v")})
	page := func(w http.ResponseWriter, r *http.Request) {
		if chose(r, "yes") {
			settingCookies(html(bannerPage+`<iframe src="`+third+`/v" title=v></iframe>`), "uid; Path=/; Max-Age=3600")(w, r)
			return
		}
		w.Header().Add("Set-Cookie", "uid=; Max-Age=0; Path=/")
		// A policy of the page keeps what markup asks for from leaving.
		w.Header().Set("Content-Security-Policy", "frame-src 'self'; img-src 'self'")
		html(bannerPage+`<iframe src="`+third+`/v" title=v></iframe><img alt="" src="`+third+`/v">`)(w, r)
	}
	site := b.put("declared.localhost", map[string]http.HandlerFunc{"/": page})
	o := quick(site)
	o.Declaration = declared{
		"cookie uid":            {Service: "stats", Category: "statistics", Lifetime: 2 * time.Hour},
		"cookie cookies_policy": {Service: "choice", Category: "necessary", Exempt: true},
		"host video.localhost":  {Service: "video", Category: "media"},
	}
	r := run(t, o)
	expect(t, r)
	if r.Failed() {
		t.Error("it fails")
	}
	if n := len(b.requests("video.localhost")); n == 0 {
		t.Error("the video is never asked for")
	}
	for _, thing := range r.Things {
		if p := thing.Seen[Accepted]; thing.Name == "video.localhost" && !p.there() {
			t.Errorf("the video is not seen after accepting: %+v", thing.Seen)
		}
	}
}

// TestGPC has a site that keeps to Global Privacy Control only.
func TestGPC(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	third := b.put("ads.localhost", map[string]http.HandlerFunc{"/ad.js": func(w http.ResponseWriter, _ *http.Request) {}, "/own.js": func(w http.ResponseWriter, _ *http.Request) {}})
	page := func(w http.ResponseWriter, r *http.Request) {
		ad := `<script src="` + third + `/ad.js"></script>`
		if r.Header.Get("Sec-GPC") == "1" {
			ad = ""
		}
		html(bannerPage+ad+`<script>if (!navigator.globalPrivacyControl) document.cookie = "scripted=1"</script>`)(w, r)
	}
	site := b.put("gpc.localhost", map[string]http.HandlerFunc{"/": page})
	o := quick(site)
	o.Hint = func(kind Kind, name, host string) (string, string) {
		if host == "ads.localhost" {
			return "Ads", "marketing"
		}
		return "", ""
	}
	r := run(t, o)
	expect(t, r,
		"error requested-without-consent before host ads.localhost", "error requested-without-consent refused host ads.localhost", "error requested-without-consent withdrawn host ads.localhost",
		"error stored-without-consent before cookie scripted", "error sent-without-consent refused cookie scripted", "error sent-without-consent withdrawn cookie scripted",
	)
}

// TestRefusalBehindSettings has a first layer that only accepts, and boxes that are
// ticked behind it.
func TestRefusalBehindSettings(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	page := html(fmt.Sprintf(banner, `<button onclick="choose('yes')">Accept all</button> <button onclick="document.getElementById('more').hidden = false">Manage preferences</button>
		<form id=more hidden><label><input type=checkbox checked disabled> needed</label><label><input type=checkbox id=stats checked> statistics</label><label><input type=checkbox checked> ads</label>
		<button type=button onclick="choose(document.getElementById('stats').checked ? 'yes' : 'no')">Save my choices</button></form>`))
	site := b.put("behind.localhost", map[string]http.HandlerFunc{"/": page})
	r := run(t, quick(site))
	expect(t, r, "error no-refusal-beside-acceptance", "error more-clicks-to-refuse", "error pre-ticked")
	if l := r.Layer; l.RefuseClicks != 4 || l.PreTicked != 2 || l.Settings != "Manage preferences" {
		t.Errorf("the layer is %+v", l)
	}
	if r.Failed() {
		t.Error("it fails, with nothing there without consent")
	}
}

// TestNoWayBack has a banner that goes for good, and something that needs consent.
func TestNoWayBack(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	page := html(strings.Replace(bannerPage, `>Cookie settings<`, `>Imprint<`, 1))
	site := b.put("for-good.localhost", map[string]http.HandlerFunc{"/": page})
	expect(t, run(t, quick(site)), "error no-withdrawal withdrawn", "warning pass-not-made withdrawn")
}

// TestNoControl has a site that tracks and never asks.
func TestNoControl(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	site := b.put("never-asks.localhost", map[string]http.HandlerFunc{"/": settingCookies(html("<p>Welcome.</p>"), "track; Path=/")})
	r := run(t, quick(site))
	expect(t, r, "warning no-consent-control", "note pass-not-made refused", "note pass-not-made accepted", "note pass-not-made withdrawn",
		"error stored-without-consent before cookie track", "error stored-without-consent gpc cookie track")
}

func TestAttributesOnHTTPS(t *testing.T) {
	t.Parallel()
	b := newBed(t, true)
	site := b.put("tls.localhost", map[string]http.HandlerFunc{"/": settingCookies(html("x"), "PHPSESSID; Path=/", "loose; SameSite=None; Path=/", "good; Secure; Path=/")})
	r := run(t, quick(site))
	expect(t, r, "warning not-secure cookie PHPSESSID", "warning same-site-none-not-secure cookie loose",
		"error stored-without-consent before cookie good", "error stored-without-consent gpc cookie good", "warning no-consent-control",
		"note pass-not-made refused", "note pass-not-made accepted", "note pass-not-made withdrawn")
	for _, c := range r.Pass(Before).Cookies {
		if c.Name == "loose" && (c.Stored || c.Rejected == "") {
			t.Errorf("the rejected cookie is %+v", c)
		}
	}
}

// TestWorkers has workers ask for third parties.
func TestWorkers(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	third := b.put("worker-third.localhost", map[string]http.HandlerFunc{"/dedicated": html(""), "/service": html("")})
	script := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = fmt.Fprint(w, text)
		}
	}
	site := b.put("workers.localhost", map[string]http.HandlerFunc{
		"/":     html(`<script>new Worker("/w.js"); navigator.serviceWorker.register("/s.js")</script>`),
		"/w.js": script(`fetch("` + third + `/dedicated", {mode: "no-cors"})`),
		"/s.js": script(`setInterval(() => fetch("` + third + `/service", {mode: "no-cors"}), 50)`),
	})
	o := quick(site)
	o.Quiet = time.Second // a service worker takes its time
	r := run(t, o)
	got := map[string]bool{}
	for _, q := range r.Pass(Before).Requests {
		got[strings.TrimPrefix(q.URL, third)] = true
	}
	if !got["/dedicated"] || !got["/service"] {
		t.Errorf("seen: %v; the bed was asked %d times", got, len(b.requests("worker-third.localhost")))
	}
}
