package integration_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestTrackerUnderTheSitesOwnName asks for a tracker's paths, in every spelling
// that servers take for them, until it is granted.
func TestTrackerUnderTheSitesOwnName(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media+`
		service manager {
			purpose fr "Gérer les balises."
			category marketing
			host /gtm/*
		}
	`)
	startCaddy(t, s)
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	granted, _ := choose(t, s.url("/cookie-consent"), map[string][]string{"choice": {"allow"}, "grant": {"manager"}})
	for _, path := range []string{
		"/gtm/a.js", "/gtm/", "/gtm/a.js?id=1", "/%67tm/a.js", "/g%74m/a.js", "//gtm/a.js", "/./gtm/a.js", "/other/../gtm/a.js",
		"/other/%2e%2e/gtm/a.js", "/gtm//a.js", "/gtm%2Fa.js", "///gtm/./a.js",
	} {
		t.Run(path, func(t *testing.T) {
			for _, choice := range []string{"", refused} {
				before := u.count()
				if a := get(t, s.url(path), "Cookie", choice); a.StatusCode != http.StatusForbidden || u.count() != before {
					t.Errorf("with %q: status %d, and %d requests reach the site, want 403 and none", choice, a.StatusCode, u.count()-before)
				}
			}
			before := u.count()
			if a := get(t, s.url(path), "Cookie", granted); a.StatusCode != http.StatusOK || u.count() != before+1 {
				t.Errorf("granted: status %d, and %d requests reach the site, want 200 and one", a.StatusCode, u.count()-before)
			}
		})
	}
	for _, path := range []string{"/gtm", "/gtmx/a.js", "/x/gtm/a.js", "/GTM/a.js"} {
		if a := get(t, s.url(path)); a.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d, want 200: it is no tracker's", path, a.StatusCode)
		}
	}

	page := u.put(sheet{html: framing("", `<script src="/gtm/markup.js"></script><script>
		window.ended = fetch("/gtm/fetched.json").then((r) => r.status);
	</script>`)})
	b := newTab(t)
	b.visit(s.url(page))
	if status := eval[int](b, "window.ended"); status != http.StatusForbidden {
		t.Errorf("a script that asks for a tracker's path gets status %d, want 403", status)
	}
	if got := u.paths(); strings.Contains(got, "/gtm/markup.js") || strings.Contains(got, "/gtm/fetched.json") {
		t.Errorf("the site was asked for %q", got)
	}
	b.post("choice=allow&grant=manager")
	b.visit(s.url(page))
	eval[int](b, "window.ended")
	b.until("the site is asked for both", func() bool { return without("/gtm/markup.js /gtm/fetched.json", u.paths()) == "" })
}

// TestUndeclaredHostsAllowed has pages load from a host nobody declared, from one
// whose service is refused, and again once that is granted.
func TestUndeclaredHostsAllowed(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, "undeclared_hosts allow\n"+media)
	startCaddy(t, s)
	for _, p := range []policied{
		{name: "no policy"},
		{name: "nonce", policy: "script-src 'nonce-bm9uY2U='; style-src 'self'"},
		{name: "strict-dynamic", policy: "script-src 'nonce-bm9uY2U=' 'strict-dynamic'"},
		{name: "hash", policy: "script-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"},
		{name: "Trusted Types", policy: "require-trusted-types-for 'script'; trusted-types site"},
	} {
		for _, inMeta := range []bool{false, true} {
			name := p.name
			if inMeta {
				name += ", in a meta"
			}
			t.Run(name, func(t *testing.T) {
				b := newTab(t)
				third, stranger := newOutsider(t, thirdHost), newOutsider(t, "stranger.localhost")
				page := sheet{html: "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"}
				if inMeta {
					page.html += `<meta http-equiv="Content-Security-Policy" content="` + p.policy + `">` + "\n"
				} else if p.policy != "" {
					page.header = []string{"Content-Security-Policy", p.policy}
				}
				page.html += "<title>t</title>\n" + `<script nonce="bm9uY2U=">window.ran = 1</script>` + "\n</head>\n<body>\n" +
					`<img alt="" src="` + stranger.origin() + `/a.png"><img alt="" src="` + third.origin() + `/a.png">` + "\n</body>\n</html>\n"
				path := u.put(page)
				b.visit(s.url(path))
				stranger.checkAsked(b, "/a.png")
				if !b.shows(banner) {
					t.Errorf("there is no banner")
				}
				if !b.holds(`document.scripts[0].hasAttribute("data-cookie-consent-inserted")`) {
					t.Errorf("the guard is not the first script: %s", eval[string](b, "document.scripts[0].outerHTML.slice(0, 120)"))
				}
				body := get(t, s.url(path)).body
				if at := strings.Index(body, "<meta charset=utf-8>"); at < 0 || at > 1024 {
					t.Errorf("<meta charset> stands at %d", at)
				}
				if !regexp.MustCompile(`<meta charset=utf-8>\s*<script data-cookie-consent-inserted`).MatchString(body) {
					t.Errorf("the guard does not stand behind <meta charset>: %.300s", body)
				}
				eval[int](b, third.fill("(() => { const img = new Image(); return new Promise((done) => { img.onload = img.onerror = () => done(0); img.src = '{}/b.png' }) })()"))
				eval[int](b, third.fill("fetch('{}/a.json').then(() => 0, () => 0)"))
				eval[int](b, stranger.fill("fetch('{}/a.json').then(() => 0, () => 0)"))
				if !stranger.got("/a.json") {
					t.Errorf("a script may not load from a host that nobody declared")
				}
				b.post("choice=refuse_all")
				b.visit(s.url(path))
				if b.shows(banner) {
					t.Errorf("the banner is there after a refusal")
				}
				eval[int](b, third.fill("fetch('{}/a.json').then(() => 0, () => 0)"))
				third.checkUntouched(t)

				b.post("choice=allow&grant=video")
				b.visit(s.url(path))
				eval[int](b, third.fill("fetch('{}/a.json').then(() => 0, () => 0)"))
				third.checkAsked(b, "/a.png /a.json")
			})
		}
	}
}

// TestUndeclaredHostsAllowedEverywhere visits the places again where undeclared
// hosts are allowed: what the site's markup and headers load from a refused host
// is held back there too.
func TestUndeclaredHostsAllowedEverywhere(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, "undeclared_hosts allow\n"+media)
	startCaddy(t, s)
	b, predicting := newTab(t), newPredictingTab(t)
	for i := range places {
		p := &places[i]
		if p.act != "" && !guarded[p.name] || p.name == "document.write" {
			continue
		}
		third, witness := newOutsider(t, thirdHost), newOutsider(t, witnessHost)
		t.Run(p.name, func(t *testing.T) {
			in := b
			if p.connects {
				in = predicting
			}
			visitPlace(in.of(t), u, s, p, third, witness, false)
			third.checkUntouched(t)
		})
	}
}

// guarded are the places that the guard knows of.
var guarded = nameList(
	"script-made script", "script-made image", "script-made iframe", "script-made style sheet", "script-made preload", "script-made prefetch",
	"script-made preconnect", "script-made object and embed", "script-made video and audio", "innerHTML", "fetch", "fetch without CORS", "XMLHttpRequest",
	"sendBeacon", "WebSocket", "EventSource", "font face from script",
)

func nameList(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// TestFragmentsAreGatedWithoutBanner asks for a piece of a page as scripts do that
// put it into theirs.
func TestFragmentsAreGatedWithoutBanner(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	b := newTab(t)
	for _, headers := range []string{
		`"HX-Request": "true"`, `"Turbo-Frame": "it"`, `"X-PJAX": "true"`, `"X-Up-Target": ".it"`, `"X-Requested-With": "XMLHttpRequest"`, `"Accept": "text/html"`,
	} {
		t.Run(headers, func(t *testing.T) {
			b := b.of(t)
			third := newOutsider(t, thirdHost)
			piece := u.put(sheet{html: third.fill(`<div class=it><p>a piece</p><img alt="" src="{}/a.png"><iframe src="{}/a.html"></iframe><p style="background:url({}/b.png)">text</p></div>`)})
			b.visit(s.url("/"))
			text := eval[string](b, `fetch("`+piece+`", {headers: {`+headers+`}}).then((r) => r.text()).then((text) => {
				document.body.insertAdjacentHTML("beforeend", text);
				return text;
			})`)
			if strings.Contains(text, `id="cookie-consent"`) || strings.Contains(text, "cookie-consent-manage") {
				t.Errorf("a banner stands in a fragment: %s", text)
			}
			if strings.Count(text, "data-cookie-consent-service") != 3 {
				t.Errorf("the fragment is not gated: %s", text)
			}
			eval[int](b, "new Promise((done) => { const i = new Image(); i.onload = i.onerror = () => done(0); i.src = '/own.png' })")
			b.leave()
			third.checkUntouched(t)
		})
	}
}

// TestWidePagesPassWithAPolicy serves pages in charsets that cannot be rewritten.
func TestWidePagesPassWithAPolicy(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	b := newTab(t)
	for _, c := range []struct {
		name, contentType string
		mark, little      bool
	}{
		{"UTF-16 by Content-Type", "text/html; charset=utf-16le", false, true},
		{"UTF-16 by Content-Type and mark", "text/html; charset=utf-16", true, true},
		{"UTF-16 by its mark", "text/html", true, true},
		{"big-endian UTF-16 by its mark", "text/html", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := b.of(t)
			third, witness := newOutsider(t, thirdHost), newOutsider(t, witnessHost)
			text := "<!doctype html>\n<html lang=en><head><title>t</title></head><body><p id=site>é</p><img alt='' src='" +
				third.origin() + "/a.png'><script src='" + third.origin() + "/a.js'></script><img alt='' src='" + witness.origin() + "/a.png'></body></html>\n"
			if c.mark {
				text = "\ufeff" + text
			}
			var wide strings.Builder
			for _, unit := range utf16.Encode([]rune(text)) {
				low, high := byte(unit), byte(unit>>8)
				if !c.little {
					low, high = high, low
				}
				wide.WriteByte(low)
				wide.WriteByte(high)
			}
			path := u.put(sheet{html: wide.String(), header: []string{"Content-Type", c.contentType}})
			a := get(t, s.url(path))
			if a.body != wide.String() {
				t.Errorf("the page is changed: %.200q", a.body)
			}
			if got := a.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'self'") || strings.Contains(got, thirdHost) {
				t.Errorf("the page has the policy %q", got)
			}
			b.visit(s.url(path))
			witness.checkAsked(b, "/a.png")
			if got := eval[string](b, "document.querySelector('#site')?.textContent ?? ''"); got != "é" {
				t.Errorf("the page is not read: %q", got)
			}
			b.leave()
			third.checkUntouched(t)
		})
	}
}

// inserted finds what is put into a page: elements that hold none of their kind.
var inserted = regexp.MustCompile(`(?s)<div[^>]* data-cookie-consent-inserted=""[^>]*>.*?</div>|<script[^>]* data-cookie-consent-inserted=""[^>]*>.*?</script>|<span[^>]* data-cookie-consent-inserted=""[^>]*>.*?</span>`)

// TestGrantedPageIsTheSitesOwn serves a page with every place in it to visitors
// who granted all of it, and compares it with the site's.
func TestGrantedPageIsTheSitesOwn(t *testing.T) {
	u := newUpstream(t)
	third := &outsider{host: thirdHost, port: 1234}
	page := "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>t</title>\n"
	for _, p := range places {
		if p.name != "base" {
			page += third.fill(p.head) + "\n"
		}
	}
	page += "</head>\r\n<body class=\"a  b\">\n\n"
	for _, p := range places {
		page += third.fill(p.body) + "\n"
	}
	page += "<!-- " + third.origin() + " --><P CLASS = x >é & &eacute; <br/ ></p>\n</body>\n</html>\n<!-- the end -->"
	path := u.put(sheet{html: page})
	for _, allowed := range []string{"undeclared_hosts block\n", "undeclared_hosts allow\n"} {
		s := u.behind(siteHost, allowed+media)
		startCaddy(t, s)
		for name, fields := range map[string]map[string][]string{
			"all": {"choice": {"accept_all"}}, "the one service": {"choice": {"allow"}, "grant": {"video"}},
			"the one service, and the other is refused": {"choice": {"save"}, "grant": {"video"}},
		} {
			choice, _ := choose(t, s.url("/cookie-consent"), fields)
			served := get(t, s.url(path), "Cookie", choice).body
			if served == page {
				t.Errorf("%s%s granted: nothing is inserted", allowed, name)
			}
			if left := inserted.ReplaceAllString(served, ""); left != page {
				t.Errorf("%s%s granted: beside what is inserted the page is changed:\n%s", allowed, name, left)
			}
		}
		if held := get(t, s.url(path)).body; strings.Count(held, "data-cookie-consent-service") < 40 {
			t.Errorf("%sbefore the choice only %d elements are held back", allowed, strings.Count(held, "data-cookie-consent-service"))
		}
	}
}

// TestNamesBelowABareHost visits sites whose host has no registrable domain: a
// name that ends with it is another's.
func TestNamesBelowABareHost(t *testing.T) {
	u := newUpstream(t)
	s := u.behind("localhost", media)
	startCaddy(t, s)
	stranger := newOutsider(t, "stranger.localhost")
	path := u.put(sheet{html: framing("", `<img alt="" src="`+stranger.origin()+`/a.png"><link rel=preconnect href="`+stranger.origin()+`">`)})
	body := get(t, s.url(path)).body
	if strings.Count(body, "data-cookie-consent-service") != 2 {
		t.Errorf("on %s, what is loaded from %s is not held back: %s", s.host, stranger.host, body[strings.Index(body, "<img"):])
	}
	b := newPredictingTab(t)
	b.visit(s.url(path))
	b.leave()
	stranger.checkUntouched(t)
}
