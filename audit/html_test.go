package audit

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// shots is where TestReportPage writes pictures.
var shots = flag.String("shots", "", "folder for pictures of the report")

// seen says in which passes something was seen: a letter per pass, - for none, s for
// stored, r for sent or requested, b for blocked.
func seenIn(letters string) map[Pass]*Presence {
	m := map[Pass]*Presence{}
	for i, pass := range Passes {
		switch letters[i] {
		case 's':
			m[pass] = &Presence{Stored: true}
		case 'r':
			m[pass] = &Presence{Stored: true, Sent: 3 + i}
		case 'b':
			m[pass] = &Presence{Blocked: 2}
		}
	}
	return m
}

// sample is a report of a site with much to say.
func sample() *Report {
	day := int64(86400)
	r := &Report{
		Tool: "caddy-cookie-consent audit", Version: "v1.0.0", Browser: "Chrome/156.0.8078.108", URL: "https://www.morbihan.example/", HTTPS: true,
		Started: time.Date(2026, 11, 29, 9, 30, 0, 0, time.UTC), Finished: time.Date(2026, 11, 29, 9, 31, 52, 0, time.UTC), Source: "sitemap", Declared: true,
		Manager: "tarteaucitron", Layer: Layer{Accept: "Tout accepter", Settings: "Personnaliser", Withdraw: "Gestion des cookies", AcceptClicks: 1, RefuseClicks: 2},
		Things: []Thing{
			{Kind: KindCookie, Name: "sessionid", Host: "www.morbihan.example", Service: "authentication", Category: "necessary", Declared: true, Exempt: true, Lifetime: 14 * day, DeclaredLifetime: 14 * day, Seen: seenIn("rrrrr")},
			{Kind: KindCookie, Name: "csrftoken", Host: "www.morbihan.example", Service: "csrf", Category: "necessary", Declared: true, Exempt: true, Lifetime: 364 * day, DeclaredLifetime: 365 * day, Seen: seenIn("rrrrr")},
			{Kind: KindCookie, Name: "tarteaucitron", Host: "www.morbihan.example", Service: "choice", Category: "necessary", Declared: true, Exempt: true, Lifetime: 182 * day, DeclaredLifetime: 182 * day, Seen: seenIn("-rrr-")},
			{Kind: KindCookie, Name: "_pk_id.12.a3f2", Host: "www.morbihan.example", Service: "matomo", Category: "statistics", Declared: true, Exempt: false, Lifetime: 393 * day, DeclaredLifetime: 180 * day, Seen: seenIn("--rr-")},
			{Kind: KindCookie, Name: "_ga", Host: "morbihan.example", Service: "Google Analytics", Category: "statistics", Guessed: true, Lifetime: 400 * day, DeclaredLifetime: -1, Seen: seenIn("srrrs")},
			{Kind: KindCookie, Name: "VISITOR_INFO1_LIVE", Host: "youtube.com", Service: "youtube", Category: "media", Declared: true, Lifetime: 180 * day, DeclaredLifetime: 180 * day, Seen: seenIn("--r--")},
			{Kind: KindCookie, Name: "<script>alert(1)</script>", Host: "evil.example", Guessed: true, Lifetime: 0, DeclaredLifetime: -1, Seen: seenIn("--s--")},
			{Kind: KindLocal, Name: "amplitude_unsent_identify_0123456789abcdef0123456789abcdef", Host: "https://www.morbihan.example", Guessed: true, DeclaredLifetime: -1, Seen: seenIn("s-ss-")},
			{Kind: KindHost, Name: "www.youtube.com", Host: "www.youtube.com", Service: "youtube", Category: "media", Declared: true, DeclaredLifetime: -1, Seen: seenIn("bbrbb")},
			{Kind: KindHost, Name: "www.google-analytics.com", Host: "www.google-analytics.com", Service: "Google Analytics", Category: "statistics", Guessed: true, DeclaredLifetime: -1, Seen: seenIn("rrrrr")},
			{Kind: KindHost, Name: "cdn.jsdelivr.net", Host: "cdn.jsdelivr.net", Service: "cdn", Category: "necessary", Declared: true, Exempt: true, DeclaredLifetime: -1, Seen: seenIn("rrrrr")},
		},
		Findings: []Finding{
			{Rule: CookieSent, Severity: Error, Pass: Refused, Kind: KindCookie, Name: "_ga", Host: "morbihan.example", Page: "https://www.morbihan.example/", Text: "The cookie _ga of morbihan.example is sent after refusing, with 4 requests; not declared, likely Google Analytics (statistics)"},
			{Rule: CookieStored, Severity: Error, Pass: Before, Kind: KindCookie, Name: "_ga", Host: "morbihan.example", Page: "https://www.morbihan.example/", Text: "The cookie _ga of morbihan.example is stored before any choice; not declared, likely Google Analytics (statistics)"},
			{Rule: HostRequested, Severity: Error, Pass: Before, Kind: KindHost, Name: "www.google-analytics.com", Host: "www.google-analytics.com", Page: "https://www.morbihan.example/", Text: "www.google-analytics.com is requested before any choice; not declared, likely Google Analytics (statistics)"},
			{Rule: NoRefusal, Severity: Error, Text: "The first layer offers “Tout accepter” and no refusal beside it"},
			{Rule: MoreClicks, Severity: Error, Text: "Refusing takes 2 clicks, accepting 1 click"},
			{Rule: LongerThanSaid, Severity: Warning, Kind: KindCookie, Name: "_pk_id.12.a3f2", Text: "The cookie _pk_id.12.a3f2 of www.morbihan.example lives 393 days, declared are 180 days"},
			{Rule: TooLong, Severity: Warning, Kind: KindCookie, Name: "_ga", Text: "The cookie _ga of morbihan.example lives 400 days, longer than 13 months"},
			{Rule: PageFailed, Severity: Note, Pass: Before, Page: "https://www.morbihan.example/ancien", Text: "https://www.morbihan.example/ancien answers 404 before any choice"},
		},
	}
	for _, pass := range Passes {
		v := PassVisit{Pass: pass}
		if pass == GPC {
			v.Problem = "the browser stopped"
			r.Passes = append(r.Passes, v)
			continue
		}
		for _, page := range []string{"", "donnees/", "donnees/budget-primitif-2026/", "ancien", "actualites/un-article-au-titre-tres-long-qui-ne-tient-pas-sur-une-ligne-de-telephone/"} {
			status := http.StatusOK
			if page == "ancien" {
				status = http.StatusNotFound
			}
			v.Pages = append(v.Pages, Page{URL: r.URL + page, Status: status})
		}
		for _, t := range r.Things {
			p := t.Seen[pass]
			switch {
			case !p.there() && (p == nil || p.Blocked == 0):
			case t.Kind == KindCookie:
				v.Cookies = append(v.Cookies, Cookie{Name: t.Name, Domain: t.Host, Path: "/", Secure: true, SameSite: "Lax", Lifetime: t.Lifetime, SetBy: "script", Stored: p.Stored, Sent: p.Sent, SentTo: []string{t.Host}, Page: r.URL})
			case t.Kind == KindLocal:
				v.Storage = append(v.Storage, Stored{Kind: t.Kind, Origin: t.Host, Name: t.Name, Page: r.URL})
			case p.Blocked > 0:
				v.Requests = append(v.Requests, Request{Host: t.Name, URL: "https://" + t.Name + "/embed", Type: "Document", Page: r.URL, Count: p.Blocked, Blocked: "csp"})
			default:
				v.Requests = append(v.Requests, Request{Host: t.Name, URL: "https://" + t.Name + "/collect/a/long/path/to/a/script.js", Type: "Script", Initiator: r.URL + "assets/application.js", Page: r.URL, Count: p.Sent})
			}
		}
		r.Passes = append(r.Passes, v)
	}
	return r
}

// axeCore is axe-core's script, as npm has it, kept in .tools.
func axeCore(t *testing.T) string {
	t.Helper()
	const version = "4.14.1"
	dir, err := filepath.Abs("../.tools/npm")
	if err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, "axe-core-"+version+".tgz")
	if _, err := os.Stat(packed); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		fetched := t.TempDir()
		if out, err := exec.Command("npm", "pack", "--pack-destination", fetched, "axe-core@"+version).CombinedOutput(); err != nil {
			t.Fatalf("npm pack axe-core@%s: %v\n%s", version, err, out)
		}
		data, err := os.ReadFile(filepath.Join(fetched, filepath.Base(packed)))
		if err != nil {
			t.Fatal(err)
		}
		partial := fmt.Sprintf("%s.%d", packed, os.Getpid())
		if err := os.WriteFile(partial, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(partial, packed); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("axe-core has no axe.min.js: %v", err)
		}
		if header.Name == "package/axe.min.js" {
			script, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return string(script)
		}
	}
}

// TestReportPage looks at the page of reports, in all dresses.
func TestReportPage(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	empty := &Report{Tool: "caddy-cookie-consent audit", URL: "https://clean.example/", Source: "links", Passes: []PassVisit{{Pass: Before, Pages: []Page{{URL: "https://clean.example/", Status: 200}}}}}
	b := newBed(t, false)
	for name, r := range map[string]*Report{"full": sample(), "empty": empty} {
		var page bytes.Buffer
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|url\(|@import|\son\w+=|src=|href=`).FindString(page.String()); found != "" {
			t.Errorf("%s: the page has %q", name, found)
		}
		site := b.put(name+".localhost", map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(page.Bytes())
		}})
		_, opened := openBed(t, site)
		for _, look := range []struct {
			name, scheme, media string
			width               int64
		}{{"light-1280", "light", "", 1280}, {"dark-1280", "dark", "", 1280}, {"light-360", "light", "", 360}, {"dark-360", "dark", "", 360}, {"print-794", "light", "print", 794}} {
			t.Run(name+" "+look.name, func(t *testing.T) {
				features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}
				if _, err := call(opened, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: look.media, Features: features}); err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(opened.Context, chromedp.EmulateViewport(look.width, 900)); err != nil {
					t.Fatal(err)
				}
				opened.visit(site + "/")
				checkPage(t, opened, axe, look.media == "print")
				if *shots == "" {
					return
				}
				picture, err := chromedp.Run(opened.Context, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*shots, name+"-"+look.name+".png"), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func checkPage(t *testing.T, opened *tab, axe string, print bool) {
	t.Helper()
	if over, err := chromedp.Run(opened.Context, chromedp.Evaluate[int]("document.documentElement.scrollWidth - innerWidth")); err != nil || over > 0 {
		t.Errorf("the page is %d px wider than the window (%v)", over, err)
	}
	if print {
		return // nobody operates paper
	}
	world, err := opened.world(opened.frames()[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	err = opened.evaluate(world, axe+`; axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]})
		.then((r) => JSON.stringify(r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.failureSummary + " " + n.html.slice(0, 160)))))`, &text)
	if err != nil {
		t.Fatal(err)
	}
	var violations []string
	if err := json.Unmarshal([]byte(text), &violations); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

func TestTerminal(t *testing.T) {
	var plain, colored bytes.Buffer
	r := sample()
	if err := r.WriteText(&plain, Terminal{}); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteText(&colored, Terminal{Live: true, Color: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(colored.String(), "\x1b[31m") {
		t.Error("colour is not where it is welcome, and only there")
	}
	for _, want := range []string{"✗ 1 cookie is sent, 1 third party is requested without consent.", "morbihan.example", "5 errors", "1 click to accept, 2 to refuse"} {
		if !strings.Contains(plain.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, plain.String())
		}
	}
	r.Things[0].Name = "a\x1b[2Jb\u202e"
	plain.Reset()
	if err := r.WriteText(&plain, Terminal{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(plain.String(), "\x1b\u202e") {
		t.Error("a name of the site steers the terminal")
	}
}

func TestNoColor(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	if TerminalOf(os.Stderr).Color {
		t.Error("colour with NO_COLOR")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if got := TerminalOf(file); got != (Terminal{}) {
		t.Errorf("a file is %+v", got)
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	show, done := Terminal{Live: true}.Show(&b)
	show(Progress{Pass: Before, Page: "https://a.example/", Step: "visits", Done: 5, Most: 10})
	done()
	if want := "\r\x1b[Kbefore any choice            visits https://a.example/\n███████████████░░░░░░░░░░░░░░░ 5/10 pages\r\x1b[K"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
