package integration_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// attempts is the site's own script: it colours the page, and then tries to load
// from the third party in four ways, each of which ends well or not.
const attempts = `
	document.documentElement.dataset.ran = "yes";
	const ended = (make) => new Promise((done) => { try { make(done) } catch (e) { done(0) } });
	addEventListener("load", () => window.ended = Promise.all([
		ended((done) => { const i = new Image(); i.onload = i.onerror = done; i.src = "{}/a.png" }),
		ended((done) => { fetch("{}/a.json").then(done, done) }),
		ended((done) => { const s = document.createElement("script"); s.onload = s.onerror = done; s.src = "{}/a.js"; document.head.append(s) }),
		ended((done) => { const l = document.createElement("link"); l.rel = "stylesheet"; l.onload = l.onerror = done; l.href = "{}/a.css"; document.head.append(l) }),
	]).then(() => 0));`

// policied is a Content-Security-Policy of the site, and how its own script is
// admitted. In both, {} is the third party's origin and {hash} the script's hash.
type policied struct {
	name, policy string
	script       string // attributes of the script; "src" for a file
	allows       string // of attempts, and the frame in the page
}

const everything = "/a.css /a.html /a.js /a.json /a.png"

var policies = []policied{
	{"none", "", "", everything},
	{"self only", "default-src 'self'", "src", ""},
	{"self, and forms and base locked", "default-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; img-src *", "src", "/a.png"},
	{"unsafe-inline", "default-src 'self' 'unsafe-inline' {}", "", everything},
	{"nonce", "default-src 'self' {}; script-src 'nonce-bm9uY2U='; style-src 'self' 'nonce-bm9uY2U='", `nonce="bm9uY2U="`, "/a.html /a.json /a.png"},
	{"hash", "default-src 'self'; script-src {hash}; img-src {}", "", "/a.png"},
	{"strict-dynamic", "script-src 'nonce-bm9uY2U=' 'strict-dynamic'; object-src 'none'; base-uri 'none'", `nonce="bm9uY2U="`, everything},
	{"Trusted Types", "require-trusted-types-for 'script'; trusted-types site", "", "/a.css /a.html /a.json /a.png"},
	{"two policies", "default-src * 'unsafe-inline', style-src 'self'; script-src 'self' 'nonce-bm9uY2U='", `nonce="bm9uY2U="`, "/a.html /a.json /a.png"},
	{"nothing at all", "default-src 'none'; script-src 'nonce-bm9uY2U='; form-action 'self'", `nonce="bm9uY2U="`, ""},
	{"sandbox", "sandbox allow-scripts allow-forms allow-same-origin allow-top-navigation", "", everything},
}

// sheet is a page under the policy, in a header or in a meta element.
func (p *policied) sheet(third *outsider, inMeta bool) sheet {
	text := third.fill(attempts)
	sum := sha256.Sum256([]byte(text))
	policy := strings.ReplaceAll(third.fill(p.policy), "{hash}", "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	script := "<script " + p.script + ">" + text + "</script>"
	if p.script == "src" {
		script = `<script src="/attempts.js?of=` + url.QueryEscape(third.origin()) + `"></script>`
	}
	var s sheet
	meta := ""
	if inMeta && policy != "" {
		for each := range strings.SplitSeq(policy, ",") {
			meta += `<meta http-equiv="Content-Security-Policy" content="` + strings.TrimSpace(each) + `">` + "\n"
		}
	} else if policy != "" {
		s.header = []string{"Content-Security-Policy", policy}
	}
	s.html = "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n" + meta + "<title>t</title>\n" + script +
		"\n</head>\n<body>\n<p id=site>of the site</p>\n<iframe src=\"" + third.origin() + "/a.html\" width=300 height=150></iframe>\n</body>\n</html>\n"
	return s
}

// TestGatingUnderPolicies visits a page under each policy of the site: bare, before
// the choice, once the service is granted, and once consent is withdrawn.
func TestGatingUnderPolicies(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	bare := newTab(t)
	var plainBanner, plainStandIn map[string]any
	for i := range policies {
		p := &policies[i]
		for _, form := range []struct {
			name   string
			inMeta bool
		}{{"header", false}, {"meta", true}} {
			if form.inMeta && (p.policy == "" || strings.HasPrefix(p.policy, "sandbox")) {
				continue // there is none, and sandbox counts in headers only
			}
			t.Run(p.name+", in a "+form.name, func(t *testing.T) {
				b := newTab(t)
				third := newOutsider(t, thirdHost)
				p.visit(bare.of(t), u, u.bare(), third, form.inMeta)
				if got := third.paths(); got != p.allows {
					t.Fatalf("bare, the third party is asked for %q: the test expects %q", got, p.allows)
				}

				third = newOutsider(t, thirdHost)
				p.visit(b, u, s, third, form.inMeta)
				shown := eval[map[string]any](b, look(button("accept-all")))
				standIn := eval[map[string]any](b, lookInside)
				if plainBanner == nil {
					plainBanner, plainStandIn = shown, standIn
					if standIn["display"] != "grid" || shown["width"] == 0.0 {
						t.Fatalf("without a policy the banner's button looks like %v, the stand-in like %v", shown, standIn)
					}
				}
				if !b.shows(banner) || !b.shows(manageLink) {
					t.Errorf("banner %t, manage link %t, want both", b.shows(banner), b.shows(manageLink))
				}
				checkSameLook(t, "the banner's button", shown, plainBanner)
				checkSameLook(t, "the stand-in", standIn, plainStandIn)
				b.answer(banner + " " + button("refuse-all"))
				b.leave()
				third.checkUntouched(t)
				if got := b.jarNames(); got != "cookies_preferences" {
					t.Errorf("after an answer the jar holds %q", got)
				}

				third = newOutsider(t, thirdHost)
				b.visit(s.url("/"))
				b.post("choice=allow&grant=video")
				p.visit(b, u, s, third, form.inMeta)
				b.leave()
				if got := third.paths(); got != p.allows {
					t.Errorf("once granted the third party is asked for %q, want %q as without the proxy", got, p.allows)
				}

				third = newOutsider(t, thirdHost)
				b.visit(s.url("/"))
				b.post("choice=refuse_all")
				p.visit(b, u, s, third, form.inMeta)
				b.leave()
				third.checkUntouched(t)
			})
		}
	}
}

// visit goes to the page and waits until its script has tried everything.
func (p *policied) visit(b tab, u *upstream, s site, third *outsider, inMeta bool) {
	b.t.Helper()
	b.visit(s.url(u.put(p.sheet(third, inMeta))))
	if !b.shows("#site") {
		b.t.Errorf("the page is blank")
	}
	if got := eval[string](b, "document.documentElement.dataset.ran ?? ''"); got != "yes" {
		b.t.Fatalf("the site's own script does not run")
	}
	b.until("the page is loaded", func() bool { return b.holds("window.ended") })
	eval[int](b, "window.ended")
}

// lookInside is an expression for what a visitor sees of the stand-in in the
// page's first frame, its size aside.
const lookInside = `(() => {
	const inside = document.querySelector("iframe").contentDocument, seen = {};
	const body = getComputedStyle(inside.body), allow = inside.querySelector(".cookie-consent-allow");
	for (const property of ["display", "padding-top", "border-top-style", "font-family", "background-color"]) seen[property] = body.getPropertyValue(property);
	for (const property of ["border-top-width", "border-top-style", "background-color", "color", "padding-left", "text-decoration-line"])
		seen["allow " + property] = getComputedStyle(allow).getPropertyValue(property);
	return seen;
})()`

func checkSameLook(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for property, value := range want {
		if got[property] != value {
			t.Errorf("%s has %s %v, want %v", what, property, got[property], value)
		}
	}
}
