package integration_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// directory writes files into a directory of their own.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// setsAndTells is a site that sets four cookies, and tells what it was sent.
func setsAndTells(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = []string{"sessionid=1; Path=/", "_pk_id.1=2; Path=/", "ads_id=3; Path=/", "undeclared_x=4; Path=/"}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if at := r.URL.Query().Get("accel"); at != "" {
			w.Header().Set("X-Accel-Redirect", at)
		}
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, told(r.URL.Path, cookieNames(r.Header.Get("Cookie")), r.Header.Get("Cookie-Consent")))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// told is a page that says what the site was sent.
func told(path, cookies, consent string) string {
	return fmt.Sprintf("<!doctype html><html lang=en><head><title>t</title></head><body><h1>%s</h1><p>[%s] [%s]</p></body></html>", path, cookies, consent)
}

// brings are the cookies that every visitor has from before.
const brings = "sessionid=a; _pk_id.1=b; ads_id=c; undeclared_x=d"

// standpoint is what a visitor has chosen, and what passes for them.
type standpoint struct {
	name, cookie string
	consent      string // as the site is told
	passes       string // of the cookies, in both directions
}

// fromEach runs a test for visitors who have answered nothing, refused and
// accepted all.
func fromEach(t *testing.T, s site, test func(t *testing.T, v standpoint)) {
	t.Helper()
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	accepted, _ := choose(t, s.url("/cookie-consent"), acceptAll)
	for _, v := range []standpoint{
		{"unanswered", brings, "necessary", "sessionid"},
		{"refused", brings + "; " + refused, "necessary", "sessionid"},
		{"accepted", brings + "; " + accepted, "necessary, statistics, marketing", "sessionid _pk_id.1 ads_id"},
	} {
		t.Run(v.name, func(t *testing.T) { test(t, v) })
	}
}

// check looks at a page that the site's cookies came with, and that says what the
// site was sent.
func (v standpoint) check(t *testing.T, a answer) {
	t.Helper()
	v.checkBanner(t, a)
	if got := setOnly(a); got != nameSet(v.passes) {
		t.Errorf("the answer sets %q, want %q", got, v.passes)
	}
	if want := fmt.Sprintf("[%s] [%s]", nameSet(v.passes), v.consent); !strings.Contains(a.body, want) {
		t.Errorf("the site was not sent %s: %.500q", want, a.body)
	}
}

func (v standpoint) checkBanner(t *testing.T, a answer) {
	t.Helper()
	if got, want := strings.Count(a.body, `<div id="cookie-consent"`), strings.Count(v.name, "unanswered"); got != want {
		t.Errorf("%d banners, want %d, in %d: %.300q", got, want, a.StatusCode, a.body)
	}
	if got := strings.Count(a.body, `data-cookie-consent="open"`); got != 1 {
		t.Errorf("%d manage links", got)
	}
}

// setOnly lists the cookies that an answer sets, without those it expires.
func setOnly(a answer) string {
	var names []string
	for name := range strings.FieldsSeq(a.setNames()) {
		if name[0] != '-' {
			names = append(names, name)
		}
	}
	return nameSet(names...)
}

func TestNeighboursThatRoute(t *testing.T) {
	up, more := setsAndTells(t), setsAndTells(t)
	dir := directory(t, map[string]string{"kept.html": told("kept", "", ""), "lost.html": told("lost", "", "")})
	module := "cookie_consent " + consent() + "\n"
	for _, c := range []struct {
		name, body, path string
		status           int
		kept             bool // the page is a file, and says nothing
	}{
		{"reverse_proxy", module + "reverse_proxy " + up, "/", 200, false},
		{"reverse_proxy of several, at random", module + "reverse_proxy " + up + " " + more, "/", 200, false},
		{"handle_response with a file", module + "reverse_proxy " + up + " {\n@accel header X-Accel-Redirect *\nhandle_response @accel {\nroot " + dir + "\nrewrite {rp.header.X-Accel-Redirect}\nmethod GET\ncopy_response_headers {\ninclude Set-Cookie\n}\nfile_server\n}\n}", "/?accel=/kept.html", 200, true},
		{"handle_response with the same body", module + "reverse_proxy " + up + " {\n@ok status 200\nhandle_response @ok {\ncopy_response\n}\n}", "/", 200, false},
		{"handle_response with another status", module + "reverse_proxy " + up + " {\n@ok status 200\nreplace_status @ok 203\n}", "/", 203, false},
		{"header_down", module + "reverse_proxy " + up + " {\nheader_down +Set-Cookie \"more_x=5\"\n}", "/", 200, false},
		{"header, not deferred", module + "header ?X-More a\nreverse_proxy " + up, "/", 200, false},
		{"intercept with a file", module + "intercept {\n@lost status 404\nhandle_response @lost {\nroot " + dir + "\nrewrite /lost.html\nfile_server\n}\n}\nreverse_proxy " + up, "/missing", 200, true},
		{"intercept with another status", module + "intercept {\n@lost status 404\nreplace_status @lost 410\n}\nreverse_proxy " + up, "/missing", 410, false},
		{"a named route", module + "invoke far", "/", 200, false},
		{"handle_errors behind a broken upstream", module + "handle_errors {\n" + module + "reverse_proxy " + up + "\n}\nreverse_proxy 127.0.0.1:1", "/", 200, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, "portal.localhost", "encode\n"+c.body+"\n")
			loadCaddyfile(t, options(t.TempDir())+"&(far) {\nreverse_proxy "+up+"\n}\n"+s.String())
			fromEach(t, s, func(t *testing.T, v standpoint) {
				a := get(t, s.url(c.path), "Cookie", v.cookie)
				if a.StatusCode != c.status {
					t.Fatalf("status %d, want %d: %.300q", a.StatusCode, c.status, a.body)
				}
				if c.kept {
					v.checkBanner(t, a)
					if more := without(setOnly(a), v.passes); more != "" {
						t.Errorf("the answer sets %q", more)
					}
				} else {
					v.check(t, a)
				}
			})
		})
	}
}

// A balancer's cookie is one like others: declared, it keeps a visitor at one
// site; undeclared, it passes in neither direction.
func TestNeighbourThatBalances(t *testing.T) {
	up, more := setsAndTells(t), setsAndTells(t)
	for _, c := range []struct {
		name, line string
		sets       bool
	}{
		{"declared", "service balancer {\ncategory necessary load_balancing\ncookie lb\n}", true},
		{"undeclared", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent(c.line)+"reverse_proxy "+up+" "+more+" {\nlb_policy cookie lb secret\nheader_down X-At {rp.upstream.hostport}\n}\n")
			startCaddy(t, s)
			first := get(t, s.url("/"))
			var cookie string
			for _, c := range first.Cookies() {
				if c.Name == "lb" {
					cookie = "lb=" + c.Value
				}
			}
			if (cookie != "") != c.sets {
				t.Fatalf("the balancer's cookie is set: %q, want one: %t", cookie, c.sets)
			}
			for range 8 {
				if a := get(t, s.url("/"), "Cookie", cookie); c.sets && a.Header.Get("X-At") != first.Header.Get("X-At") {
					t.Errorf("a visitor of %s is led to %s", first.Header.Get("X-At"), a.Header.Get("X-At"))
				}
			}
		})
	}
}

// What templates include is part of one page, with one banner. They read what the
// site may read; a page that they ask for by itself is asked for without the choice.
func TestNeighbourThatRendersTemplates(t *testing.T) {
	dir := directory(t, map[string]string{
		"page.html": `<!doctype html><html lang=en><head><title>t</title></head><body>` +
			`<p>[{{.Cookie "sessionid"}}{{.Cookie "_pk_id.1"}}{{.Cookie "ads_id"}}{{.Cookie "undeclared_x"}}] [{{.Req.Header.Get "Cookie-Consent"}}] {{placeholder "http.cookie_consent.granted"}}</p>` +
			`{{include "part.html"}}{{httpInclude "/other.html"}}</body></html>`,
		"part.html":  `<p>included</p>`,
		"other.html": `<p>asked for [{{.Cookie "ads_id"}}] [{{.Req.Header.Get "Cookie-Consent"}}]</p>`,
	})
	s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent()+"templates\nroot "+dir+"\nfile_server\n")
	startCaddy(t, s)
	fromEach(t, s, func(t *testing.T, v standpoint) {
		a := get(t, s.url("/page.html"), "Cookie", v.cookie)
		v.checkBanner(t, a)
		read := "a"
		if v.name == "accepted" {
			read = "abc"
		}
		for _, want := range []string{fmt.Sprintf("[%s] [%s] %s", read, v.consent, v.consent), "<p>included</p>", "<p>asked for [] [necessary]</p>"} {
			if !strings.Contains(a.body, want) {
				t.Errorf("the page lacks %s: %.600q", want, a.body)
			}
		}
	})
}

// Handlers that stand before ours by Caddy's order are outside the promise; put
// behind it in a route, they are within.
func TestNeighboursThatAskWhoYouAre(t *testing.T) {
	up := setsAndTells(t)
	var asked atomic.Pointer[http.Request]
	guard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		w.Header()["Set-Cookie"] = []string{"ads_id=guard; Path=/", "sessionid=guard; Path=/"}
	}))
	t.Cleanup(guard.Close)
	forward := "forward_auth " + guard.Listener.Addr().String() + " {\nuri /\ncopy_headers X-User\n}\n"
	module, proxy := "cookie_consent "+consent(), "reverse_proxy "+up+"\n"
	t.Run("forward_auth in a route", func(t *testing.T) {
		s := newSite(t, "portal.localhost", "encode\nroute {\n"+module+forward+proxy+"}\n")
		startCaddy(t, s)
		fromEach(t, s, func(t *testing.T, v standpoint) {
			v.check(t, get(t, s.url("/"), "Cookie", v.cookie))
			if got := cookieNames(asked.Load().Header.Get("Cookie")); got != nameSet(v.passes) {
				t.Errorf("who is asked was sent %q, want %q", got, v.passes)
			}
		})
	})
	t.Run("forward_auth by Caddy's order", func(t *testing.T) {
		s := newSite(t, "portal.localhost", "encode\n"+module+forward+proxy)
		startCaddy(t, s)
		fromEach(t, s, func(t *testing.T, v standpoint) {
			v.check(t, get(t, s.url("/"), "Cookie", v.cookie))
			if got := cookieNames(asked.Load().Header.Get("Cookie")); without("ads_id undeclared_x", got) != "" {
				t.Errorf("who is asked first was sent %q: the docs say everything", got)
			}
		})
	})
	t.Run("basic_auth", func(t *testing.T) {
		const hash = "$2a$04$vrYvoNPVg0j00kVg1TM3w.b/EVGD/2E/HPiKiFWtizy.hRS97PEnC" // of "secret"
		s := newSite(t, "portal.localhost", "encode\n@site not path /cookie-consent/*\nbasic_auth @site {\nuser "+hash+"\n}\n"+module+proxy)
		startCaddy(t, s)
		fromEach(t, s, func(t *testing.T, v standpoint) {
			if a := get(t, s.url("/"), "Cookie", v.cookie); a.StatusCode != http.StatusUnauthorized || a.Header.Get("Www-Authenticate") == "" {
				t.Errorf("without a password: status %d", a.StatusCode)
			}
			v.check(t, get(t, s.url("/"), "Cookie", v.cookie, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("user:secret"))))
		})
	})
}

// Compressed copies beside a file, and encode, code a page once at most.
func TestNeighboursThatCompress(t *testing.T) {
	styles := strings.Repeat("body { color: black }\n", 100)
	files := map[string]string{"style.css": styles, "page.html": samplePage, "plain.html": samplePage}
	for _, coding := range []string{"gzip", "br", "zstd"} {
		extension := map[string]string{"gzip": ".gz", "br": ".br", "zstd": ".zst"}[coding]
		files["style.css"+extension] = coded(styles, coding)
		files["page.html"+extension] = coded(samplePage, coding)
	}
	dir := directory(t, files)
	c := carriers(t)[2]
	for _, encoded := range []string{"", "encode\n", "encode {\nmatch header Content-Type text/html*\n}\n"} {
		w := newTwins(t, false, encoded+"%s\nroot "+dir+"\nfile_server {\nprecompressed zstd br gzip\n}\n")
		for _, path := range []string{"/style.css", "/page.html", "/plain.html", "/missing.html"} {
			for _, asker := range askers {
				if asker.reads != strings.HasSuffix(path, ".html") {
					continue
				}
				for _, accepted := range []string{"identity", "gzip", "br", "zstd, br, gzip"} {
					for _, method := range []string{http.MethodGet, http.MethodHead} {
						t.Run(fmt.Sprintf("%q %s %s %s %s", encoded, method, path, asker.name, accepted), func(t *testing.T) {
							bare, x := w.both(t, c, method, path, nil, append([]string{"Accept-Encoding", accepted}, asker.headers...)...)
							if path == "/page.html" { // the file itself was asked for, not its copy
								bare.header["Etag"] = unmarked(x.header)["Etag"]
							}
							x.compare(t, bare, method, asker.reads && path != "/missing.html", true)
						})
					}
				}
			}
		}
	}
}

// script is a PHP application that sets cookies in its two ways, tells what it was
// sent, and flushes in the middle.
const script = `<?php
session_name("sessionid"); session_start(); session_regenerate_id();
setcookie("_pk_id.1", "2"); header("Set-Cookie: ads_id=3; Path=/", false); setcookie("undeclared_x", "4");
$names = []; foreach (explode("; ", $_SERVER["HTTP_COOKIE"] ?? "") as $pair) { if ($pair) $names[] = explode("=", $pair)[0]; }
sort($names);
if (isset($_GET["status"])) http_response_code((int) $_GET["status"]);
if (isset($_GET["to"])) { header("Location: /" . $_GET["to"]); exit; }
echo "<!doctype html><html lang=en><head><title>t</title></head><body><p>";
flush();
echo "[", implode(" ", $names), "] [", $_SERVER["HTTP_COOKIE_CONSENT"] ?? "", "]</p><p>", strlen(file_get_contents("php://input")), "</p></body></html>";
`

func TestNeighbourThatRunsPHP(t *testing.T) {
	dir := directory(t, map[string]string{"index.php": script, "zipped.php": "<?php ini_set('zlib.output_compression', '1'); include 'index.php';"})
	s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent()+"root "+dir+"\nphp_fastcgi unix/"+startPHP(t)+"\n")
	startCaddy(t, s)
	fromEach(t, s, func(t *testing.T, v standpoint) {
		for _, path := range []string{"/", "/index.php?status=404", "/zipped.php"} {
			v.check(t, get(t, s.url(path), "Cookie", v.cookie, "Cookie-Consent", "all", "Cookie_Consent", "all"))
		}
		a := get(t, s.url("/index.php?to=x"), "Cookie", v.cookie)
		if a.StatusCode != http.StatusFound || setOnly(a) != nameSet(v.passes) {
			t.Errorf("a redirection: status %d, sets %q", a.StatusCode, setOnly(a))
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/"), strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		if a := send(t, client(t), r, "Cookie", v.cookie, "Accept", "text/html"); !strings.Contains(a.body, "<p>100000</p>") {
			t.Errorf("an upload: %.300q", a.body)
		}
	})
}
