package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	inpage "github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	declared "github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// watched is a site behind the enforcer and the banner alone, and what they were
// told of it.
type watched struct {
	*httptest.Server
	mutex   sync.Mutex
	seen    []string
	reports []byte // as they came
}

const watchedPage = `<!doctype html><meta charset="utf-8"><title>t</title><body><p>text</p>`

// startWatched serves watchedPage on every path, with header fields.
func startWatched(t *testing.T, observe bool, header ...string) *watched {
	t.Helper()
	p, err := declared.New(declared.Declaration{
		Preference: declared.Preference{Name: "cookies_preferences", Lifetime: 182 * 24 * time.Hour},
		Categories: []declared.Category{{ID: "marketing"}},
		Services: []declared.Service{
			{ID: "login", Category: "necessary", Cookies: []declared.Cookie{{Name: "kept"}}},
			{ID: "ads", Category: "marketing", Cookies: []declared.Cookie{{Name: "ads_*"}}, Storage: []declared.StorageKey{{Area: "local", Key: "ads_*"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := enforcer.NewKeyring([]byte{1}, [][]byte{make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s := new(watched)
	c := inpage.Config{Policy: p, Path: "/cookie-consent", Languages: []string{"en"}, Show: "never", ManageLink: "none", Observe: observe,
		Report: func(_ string, r *inpage.Report) { s.note(&r.Sighting) }}
	b, err := inpage.New(c)
	if err != nil {
		t.Fatal(err)
	}
	pages := inpage.NewPages(c, time.Now)
	e := &enforcer.Enforcer{
		Policy: p, Now: time.Now, Keys: func() (*enforcer.Keyring, error) { return ring, nil },
		Insertion: b.Insert, Head: b.Head, StandIn: b.StandIn, Elements: b.Elements(), Version: b.Version(),
		Report: "/cookie-consent/report", Observe: observe,
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := e.Begin(r, r.URL.RequestURI(), false)
		if pages.Owns(r.URL.Path) {
			s.serve(t, pages, w, r, v)
			return
		}
		w = v.Writer(w)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "no-store")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = io.WriteString(w, watchedPage)
		if err := v.Finish(nil); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// serve answers for the module's own pages, and keeps what is sent to them.
func (s *watched) serve(t *testing.T, pages *inpage.Pages, w http.ResponseWriter, r *http.Request, v *enforcer.Visit) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	s.mutex.Lock()
	s.reports = append(s.reports, body...)
	s.mutex.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := pages.Serve(w, r, v, r.URL.Path, nil, func() bool { return true }); err != nil {
		t.Error(err)
	}
}

func (s *watched) note(seen *enforcer.Sighting) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text := fmt.Sprint(seen.Kind, " ", seen.Name)
	switch seen.Kind {
	case enforcer.KindStorage:
		text += " " + seen.Area
	case enforcer.KindCookie:
		text += fmt.Sprint(" ", seen.Lifetime, " ", seen.Domain, seen.Path, " ", seen.SameSite)
	}
	s.seen = append(s.seen, strings.TrimSpace(text)+" on "+seen.Example)
}

// saw returns what was seen of a name, with the reports it came in.
func (s *watched) saw(name string) (seen []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, line := range s.seen {
		if strings.Contains(line, name) {
			seen = append(seen, line)
		}
	}
	return seen
}

// checkNoValue fails when a value was reported, which all are called secret.
func (s *watched) checkNoValue(t *testing.T) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if bytes.Contains(s.reports, []byte("secret")) {
		t.Errorf("a value was reported: %s", s.reports)
	}
}

func TestTheReportingGuardTellsNames(t *testing.T) {
	s := startWatched(t, true)
	b := newTab(t)
	for i, row := range []struct {
		name, script string
		want         string // NAME stands for the name
		not          bool
	}{
		{name: "document.cookie", script: `document.cookie = "NAME=secret"`, want: "cookie NAME -1 on /page"},
		{name: "document.cookie with attributes", script: `document.cookie = "  NAME = secret; Path=/shop ;domain=.Example.FR; Max-Age=600; secret; secure=secret; SameSite=LAX"`, want: "cookie NAME 600 example.fr/shop lax on /page"},
		{name: "document.cookie with a value of more than one part", script: `document.cookie = "NAME=secret; path=/;{secret:1};max-age=60"`, want: "cookie NAME 60 / on /page"},
		{name: "the setter of Document.prototype", script: `Object.getOwnPropertyDescriptor(Document.prototype, "cookie").set.call(document, "NAME=secret")`, want: "cookie NAME -1 on /page"},
		{name: "cookieStore.set", script: `await cookieStore.set("NAME", "secret")`, want: "cookie NAME -1 / strict on /page"},
		{name: "cookieStore.set of an object", script: `await cookieStore.set({name: "NAME", value: "secret", expires: Date.now() + 600000, sameSite: "lax"})`, want: "cookie NAME 600 / lax on /page"},
		{name: "localStorage.setItem", script: `localStorage.setItem("NAME", "secret")`, want: "storage NAME local on /page"},
		{name: "localStorage as an object", script: `localStorage.NAME = "secret"`, want: "storage NAME local on /page"},
		{name: "sessionStorage.setItem", script: `sessionStorage.setItem("NAME", "secret")`, want: "storage NAME session on /page"},
		{name: "sessionStorage as an object", script: `sessionStorage.NAME = "secret"`, want: "storage NAME session on /page"},
		{name: "a key that goes again", script: `localStorage.setItem("NAME", "secret"); localStorage.removeItem("NAME")`, want: "storage NAME local on /page"},
		{name: "a name that is declared", script: `document.cookie = "ads_NAME=secret"`, want: "cookie ads_NAME -1 on /page"},
		{name: "what is written again and again", script: `for (let i = 0; i < 9; i++) document.cookie = "NAME=secret" + i`, want: "cookie NAME -1 on /page"},
		{name: "a deletion, then a cookie", script: `document.cookie = "NAME=; Max-Age=0"; document.cookie = "NAME=secret; Max-Age=60"`, want: "cookie NAME 60 on /page"},
		{name: "a deletion", script: `document.cookie = "NAME=secret; expires=Thu, 01 Jan 1970 00:00:00 GMT"`, not: true},
		{name: "a cookie without a name", script: `document.cookie = "NAME"`, not: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b.t = t
			name := fmt.Sprintf("name_%d_", i)
			b.visit(s.URL + "/page?secret#secret")
			eval[bool](b, "(async () => { "+strings.ReplaceAll(row.script, "NAME", name)+`; localStorage.setItem("done_`+name+`", 1) })().then(() => true)`)
			b.leave()
			b.until("the page has told", func() bool { return len(s.saw("done_"+name)) > 0 })
			got := slices.DeleteFunc(s.saw(name), func(line string) bool { return strings.Contains(line, "done_") })
			want := []string{strings.ReplaceAll(row.want, "NAME", name)}
			if row.not {
				want = nil
			}
			if len(got) > 0 && row.name == "cookieStore.set of an object" {
				got[0] = strings.Replace(got[0], " 599 ", " 600 ", 1) // dates have no parts of a second
			}
			if !slices.Equal(got, want) {
				t.Errorf("told was %q, want %q", got, want)
			}
		})
	}
	s.checkNoValue(t)
}

// Keys that are there when the page loads are told, and a page that stays tells too.
func TestTheReportingGuardDoesNotWaitForTheEnd(t *testing.T) {
	s := startWatched(t, true)
	b := newTab(t)
	b.visit(s.URL + "/first")
	eval[string](b, `localStorage.stays = "secret"`)
	b.leave()
	b.visit(s.URL + "/second")
	b.until("the page has told", func() bool { return slices.Contains(s.saw("stays"), "storage stays local on /second") })
	s.checkNoValue(t)
}

func TestTheReportingGuardChangesNothing(t *testing.T) {
	s := startWatched(t, true)
	b := newTab(t)
	b.visit(s.URL + "/page")
	for _, c := range []struct{ name, is string }{
		{"an undeclared cookie is written", `(document.cookie = "zz=1; Path=/", document.cookie.includes("zz=1"))`},
		{"one without a name too", `(document.cookie = "bare", document.cookie.includes("bare"))`},
		{"and one in cookieStore", `cookieStore.set("store", "2").then(() => cookieStore.get("store")).then(c => c.value === "2")`},
		{"a key is written", `(localStorage.setItem("ads_1", "x"), localStorage.ads_1 === "x" && localStorage.getItem("ads_1") === "x")`},
		{"the storage is its own", `Object.getOwnPropertyDescriptor(window, "localStorage").get.toString().includes("native") && localStorage instanceof Storage`},
		{"methods look as ever", `[Storage.prototype.setItem, CookieStore.prototype.set, Object.getOwnPropertyDescriptor(Document.prototype, "cookie").set].every(f => /native code/.test(f)) && localStorage.setItem.name === "setItem" && localStorage.setItem.length === 2`},
		{"mistakes throw as ever", `(() => { try { localStorage.setItem("a") } catch (e) { return e instanceof TypeError } })()`},
		{"on an object that is none", `(() => { try { Storage.prototype.setItem.call({}, "a", 1) } catch (e) { return e instanceof TypeError } })()`},
		{"a symbol as a cookie", `(() => { try { document.cookie = Symbol() } catch (e) { return e instanceof TypeError } })()`},
		{"there is no banner and no link", `document.querySelectorAll("[data-cookie-consent-inserted]").length === 1 && !window.cookieConsent`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			if !eval[bool](b, c.is) {
				t.Errorf("%s is not so", c.is)
			}
		})
	}
}

// What scripts load is reported by the policy, and loaded.
func TestTheReportOnlyPolicyReportsAndBlocksNothing(t *testing.T) {
	third := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	defer third.Close()
	address := strings.Replace(third.URL, "127.0.0.1", "localhost", 1)
	s := startWatched(t, true, "Content-Security-Policy", "connect-src 'none'; script-src 'nonce-YWJj'")
	b := newTab(t)
	b.visit(s.URL + "/page?secret")
	blocked := eval[bool](b, `new Promise(done => {
		document.addEventListener("securitypolicyviolation", e => e.disposition === "enforce" && done(true));
		const image = document.body.appendChild(new Image());
		image.onerror = () => done(false);
		image.src = "`+address+`/secret.png?secret";
	})`)
	if blocked {
		t.Error("it is blocked")
	}
	eval[bool](b, `(localStorage.setItem("key", "secret"), true)`)
	b.leave()
	b.until("both are told", func() bool {
		return slices.Contains(s.saw("localhost"), "host localhost on /page") && slices.Contains(s.saw("key"), "storage key local on /page")
	})
}

// The guard of enforce mode tells what it refuses and nobody declared, on some pages.
func TestTheGuardTellsWhatNobodyDeclared(t *testing.T) {
	for _, row := range []struct {
		name   string
		random string
		want   string
	}{
		{"on a page of 64", "0", "cookie name_1 0 on /page cookie name_2 0 on /page"},
		{"not on the others", "1 / 64", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := startWatched(t, false)
			b := newTab(t)
			call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "Math.random = () => " + row.random})
			b.visit(s.URL + "/page?secret")
			eval[bool](b, `(async () => {
				for (let i = 0; i < 2; i++) document.cookie = "name_1=secret; Path=/";
				await cookieStore.set("name_2", "secret");
				document.cookie = "kept=secret";
				document.cookie = "name_3=; Max-Age=0";
				document.cookie = "secret";
				localStorage.name_4 = "secret";
				return true;
			})()`)
			b.leave()
			b.visit(s.URL + "/next")
			if row.want != "" {
				b.until("the page has told", func() bool { return len(s.saw("name_2")) > 0 })
			}
			if got := strings.Join(s.saw("name_"), " "); got != row.want {
				t.Errorf("told was %q, want %q", got, row.want)
			}
			s.checkNoValue(t)
		})
	}
}
