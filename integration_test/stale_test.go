package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// Pages that a browser fetched before the choice are not shown after it, however
// it fetched them: told by a link, by speculation rules, or to render them too.
func TestPagesFetchedBeforeTheChoice(t *testing.T) {
	for _, c := range []struct{ name, hint, purpose string }{
		{"a link to prefetch", `<link rel="prefetch" href="/next">`, "prefetch"},
		{"a prefetch by rule", `<script type="speculationrules">{"prefetch":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`, "prefetch"},
		{"a prerender by rule", `<script type="speculationrules">{"prerender":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`, "prefetch;prerender"},
	} {
		var fetched atomic.Int32
		s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Cache-Control", "public, max-age=600")
			if r.Header.Get("Sec-Purpose") == c.purpose {
				fetched.Add(1)
			}
			_, _ = fmt.Fprint(w, "<!doctype html><html lang=en><head><title>t</title>", c.hint, `</head><body><h1>`, r.URL.Path, `</h1><a id="next" href="/next">next</a></body></html>`)
			_, _ = io.WriteString(w, "\n")
		})
		for _, choice := range []string{"refuse_all", "accept_all"} {
			t.Run(c.name+", "+choice, func(t *testing.T) {
				b := newTab(t)
				fetched.Store(0)
				b.visit(s.url("/"))
				b.until("the next page is fetched", func() bool { return fetched.Load() > 0 })
				status := eval[int](b, fmt.Sprintf(`fetch("/cookie-consent/choice", {method: "POST", body: new URLSearchParams({choice: %q})}).then(r => r.status)`, choice))
				if status != http.StatusOK {
					t.Fatalf("the choice is answered %d", status)
				}
				b.do(chromedp.Click(chromedp.CSS("#next")))
				b.until("the next page is shown", func() bool {
					shown, err := try(b, chromedp.Evaluate[string]("document.readyState + document.querySelector('h1').textContent"))
					return err == nil && shown == "complete/next"
				})
				checkFresh(t, b, choice)
			})
		}
	}
}

// A page that loads what was granted does not come back alive from the browser's
// history once that is withdrawn. Another page stays as it is, but on plain HTTP.
func TestBackAfterAWithdrawal(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			u := newUpstream(t)
			third := newOutsider(t, thirdHost)
			s, thirdSite := u.behind(siteHost, media), newSite(t, thirdHost, fmt.Sprintf("reverse_proxy 127.0.0.1:%d\n", third.port))
			text := caddyfile(options(t.TempDir()), s, thirdSite)
			scheme := "http://"
			if secure {
				scheme = "https://"
				text = overTLS(text)
			}
			loadCaddyfile(t, text)
			b := newPredictingTab(t)
			if secure {
				awaitCertificate(t, s)
				awaitCertificate(t, thirdSite)
				call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
			}
			path := u.put(sheet{html: `<!doctype html><title>t</title><body><script>
				let n = 0
				setInterval(() => { new Image().src = "` + scheme + thirdSite.authority() + `/" + n + ".png"; document.body.dataset.turns = ++n }, 20)</script>`})
			address := scheme + s.authority() + path
			turns := func(state string) {
				b.until(state, func() bool {
					n, err := try(b, chromedp.Evaluate[int]("+document.body.dataset.turns"))
					return err == nil && n > 3
				})
			}
			b.visit(scheme + s.authority() + "/")
			b.post("choice=accept_all")
			b.visit(address)
			b.until("the page has loaded what is granted", func() bool { return third.paths() != "" })
			b.visit(scheme + s.authority() + "/cookie-consent/")
			b.click(button("refuse-all"))
			third.forget()
			for _, entry := range call(b, page.GetNavigationHistory, cdp.Empty{}).Entries {
				if entry.URL == address {
					b.goTo(entry)
					break
				}
			}
			turns("the page has tried again")
			if got := third.paths(); got != "" {
				t.Errorf("going back after a withdrawal asks the third party for %q", got)
			}
		})
	}
}

// overTLS serves the sites of a Caddyfile under certificates of Caddy's own.
func overTLS(text string) string {
	text = strings.Replace(text, "auto_https off", "auto_https disable_redirects\nskip_install_trust", 1)
	return strings.NewReplacer("http://"+siteHost, "https://"+siteHost, "http://"+thirdHost, "https://"+thirdHost, "http://portal", "https://portal", "bind 127.0.0.1\n", "bind 127.0.0.1\ntls internal\n").Replace(text)
}

// HTML that the browser took for something else is not shown as a page from its
// cache.
func TestPagesThatWereTakenForSomethingElse(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	for name, take := range map[string]string{
		"JSON":     `fetch("%s", {headers: {Accept: "application/json"}}).then(r => r.text()).then(t => t.length)`,
		"an image": `new Promise(done => { const i = new Image(); i.onload = i.onerror = () => done(1); i.src = "%s" })`,
		"a script": `new Promise(done => { const e = document.createElement("script"); e.onload = e.onerror = () => done(1); e.src = "%s"; document.head.append(e) })`,
	} {
		t.Run(name, func(t *testing.T) {
			b, third := newTab(t), newOutsider(t, thirdHost)
			path := u.put(sheet{html: third.fill(`<!doctype html><title>t</title><body><img src="{}/a.png">`), header: []string{"Cache-Control", "public, max-age=3600"}})
			b.visit(s.url("/"))
			eval[int](b, fmt.Sprintf(take, path))
			b.visit(s.url(path))
			if !b.has(banner) {
				t.Error("no banner")
			}
			third.checkUntouched(t)
		})
	}
}

// A policy of the site's that comes with whole pages only stays in effect when a
// page has not changed.
func TestPoliciesOfPagesThatHaveNotChanged(t *testing.T) {
	var unchanged atomic.Int32
	s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			if r.URL.Path == "/page" {
				unchanged.Add(1)
			}
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "script-src 'none'")
		_, _ = io.WriteString(w, `<!doctype html><title>t</title><body><script>document.body.dataset.ran = "yes"</script>`)
	})
	b := newTab(t)
	b.answerBanner(s, "refuse-all")
	for _, visit := range []string{"first", "second"} {
		before := unchanged.Load()
		b.visit(s.url("/page"))
		if eval[bool](b, `document.body.dataset.ran === "yes"`) {
			t.Errorf("the %s visit runs what the site forbids", visit)
		}
		if again := unchanged.Load() > before; again != (visit == "second") {
			t.Errorf("the %s visit is answered with 304: %t", visit, again)
		}
	}
}

// What Chromium shows as a page is one here.
func TestWhatChromiumShowsAsAPage(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	b, third := newTab(t), newOutsider(t, thirdHost)
	for _, mediaType := range []string{
		"text/html charset=utf-8", "text/html, charset=utf-8", "text/html, text/html", "text/html(x)", "text/plain, text/html",
		"", "*/*", "unknown/unknown", "application/unknown", "html", "charset=utf-8",
	} {
		b.visit(s.url(u.put(sheet{html: third.fill(`<!doctype html><title>t</title><body><img src="{}/a.png">`), header: []string{"Content-Type", mediaType}})))
		if !eval[bool](b, "document.images.length > 0") || !b.has(banner) {
			t.Errorf("%q: a page %t, banner %t, want both", mediaType, eval[bool](b, "document.images.length > 0"), b.has(banner))
		}
		third.checkUntouched(t)
	}
}
