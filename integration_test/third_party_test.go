package integration_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Hosts that pages load from. Each name is a site of its own to the browser,
// which finds them all on this machine.
const (
	siteHost    = "site.localhost"
	thirdHost   = "third.localhost"
	witnessHost = "witness.localhost"
)

// media declares what is loaded from the third party, which needs consent, and
// the witness, which is the site's own. The other service is never granted.
const media = `
	controller "Département de Démonstration"
	language fr en
	first_party ` + witnessHost + `
	service video {
		provider "Example Video"
		name en "Films"
		purpose en "Show films about the territory."
		purpose fr "Montrer des films sur le territoire."
		category media
		host ` + thirdHost + `
		inline embedVideo:
	}
	service other {
		provider "Example Other"
		purpose fr "Autre chose."
		category statistics
		host other.localhost
	}
`

// outsider is a web server under a name of its own. It serves something fitting
// for whatever it is asked, to whomever, and takes note of every connection it
// accepts and every request.
type outsider struct {
	net.Listener
	host string
	port int

	mutex       sync.Mutex
	connections int
	asked       []string // methods, where not GET, and paths
	files       map[string]string
}

// newOutsider starts a server that lasts as long as the test.
func newOutsider(t *testing.T, host string) *outsider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &outsider{Listener: l, host: host, port: l.Addr().(*net.TCPAddr).Port}
	server := &http.Server{Handler: o}
	go func() { _ = server.Serve(o) }()
	t.Cleanup(func() { _ = server.Close() })
	return o
}

// Accept counts connections.
func (o *outsider) Accept() (net.Conn, error) {
	connection, err := o.Listener.Accept()
	if err == nil {
		o.mutex.Lock()
		o.connections++
		o.mutex.Unlock()
	}
	return connection, err
}

func (o *outsider) origin() string { return fmt.Sprintf("http://%s:%d", o.host, o.port) }

// paths lists what was asked for, once each.
func (o *outsider) paths() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return nameSet(o.asked...)
}

func (o *outsider) accepted() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.connections
}

// forget forgets what was there so far.
func (o *outsider) forget() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.connections, o.asked = 0, nil
}

// got reports whether every path of a set was asked for.
func (o *outsider) got(set string) bool { return without(set, o.paths()) == "" }

// checkUntouched looks whether anything reached the server at all.
func (o *outsider) checkUntouched(t *testing.T) {
	t.Helper()
	if n, asked := o.accepted(), o.paths(); n != 0 || asked != "" {
		t.Errorf("%s accepted %d connections and was asked for %q, want nothing", o.host, n, asked)
	}
}

// served is what the outsider sends, by the end of the path.
var served = map[string]struct{ mediaType, body string }{
	".js":    {"text/javascript", "0"},
	".css":   {"text/css", "body{--third:1}"},
	".png":   {"image/png", pixel},
	".svg":   {"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" id="a" width="10" height="10"><rect width="10" height="10"/></svg>`},
	".woff2": {"font/woff2", "no font"},
	".mp4":   {"video/mp4", "no film"},
	".mp3":   {"audio/mpeg", "no sound"},
	".vtt":   {"text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\ntext\n"},
	".html":  {"text/html; charset=utf-8", "<!doctype html><title>third</title><p id=third>third"},
	".json":  {"application/json", "{}"},
	".man":   {"application/manifest+json", `{"name":"third"}`},
	".rules": {"application/speculationrules+json", `{}`},
	".event": {"text/event-stream", "retry: 3600000\ndata: 1\n\n"},
}

var pixel = func() string {
	data, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		panic(err)
	}
	return string(data)
}()

func (o *outsider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Path
	if r.Method != http.MethodGet {
		asked = r.Method + ":" + asked
	}
	o.mutex.Lock()
	o.asked = append(o.asked, asked)
	file, given := o.files[r.URL.Path]
	o.mutex.Unlock()
	h := w.Header()
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	}
	if key := r.Header.Get("Sec-WebSocket-Key"); key != "" {
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "websocket")
		h.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
		w.WriteHeader(http.StatusSwitchingProtocols)
		return
	}
	kind := served[path.Ext(r.URL.Path)]
	if given {
		kind.body = file
	}
	if kind.mediaType == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Content-Type", kind.mediaType)
	_, _ = w.Write([]byte(kind.body))
}

// sheet is one page of the upstream.
type sheet struct {
	html   string
	header []string // names and values in turn
	early  bool     // the header's Link lines go ahead with status 103
}

// upstream is a site that serves the pages a test has put there.
type upstream struct {
	t      *testing.T
	server *httptest.Server

	mutex  sync.Mutex
	sheets []sheet
	asked  []string
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{t: t}
	u.server = httptest.NewServer(u)
	t.Cleanup(u.server.Close)
	return u
}

// put adds a page and returns its path.
func (u *upstream) put(s sheet) string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.sheets = append(u.sheets, s)
	return "/page/" + strconv.Itoa(len(u.sheets)-1)
}

// last is the path of the page that was put there last.
func (u *upstream) last() string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return "/page/" + strconv.Itoa(len(u.sheets)-1)
}

// paths lists what was asked for, once each.
func (u *upstream) paths() string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return nameSet(u.asked...)
}

// count is how many requests there were.
func (u *upstream) count() int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return len(u.asked)
}

// asks is how often a path was asked for.
func (u *upstream) asks(path string) int {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return len(slices.DeleteFunc(slices.Clone(u.asked), func(asked string) bool { return asked != path }))
}

// bare is the upstream without a proxy before it, under the site's name.
func (u *upstream) bare() site {
	return site{host: siteHost, port: u.server.Listener.Addr().(*net.TCPAddr).Port}
}

// behind returns the upstream behind the module.
func (u *upstream) behind(host, declaration string) site {
	u.t.Helper()
	return newSite(u.t, host, "encode\ncookie_consent {\n"+declaration+"}\nreverse_proxy "+u.server.Listener.Addr().String()+"\n")
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mutex.Lock()
	u.asked = append(u.asked, r.URL.Path)
	number, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/page/"))
	var s sheet
	known := err == nil && number >= 0 && number < len(u.sheets)
	if known {
		s = u.sheets[number]
	}
	u.mutex.Unlock()
	h := w.Header()
	switch kind, ok := served[path.Ext(r.URL.Path)]; {
	case r.URL.Path == "/imports.js":
		h.Set("Content-Type", "text/javascript")
		_, _ = fmt.Fprintf(w, "importScripts(%q)", r.URL.Query().Get("of"))
		return
	case r.URL.Path == "/attempts.js":
		h.Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(strings.ReplaceAll(attempts, "{}", r.URL.Query().Get("of"))))
		return
	case ok:
		h.Set("Content-Type", kind.mediaType)
		_, _ = w.Write([]byte(kind.body))
		return
	case r.URL.Path == "/favicon.ico":
		w.WriteHeader(http.StatusNoContent)
		return
	case !known:
		s.html = "<!doctype html><html lang=en><title>a page</title><p id=site>of the site"
	}
	for i := 0; i+1 < len(s.header); i += 2 {
		h.Add(s.header[i], s.header[i+1])
	}
	if s.early {
		w.WriteHeader(http.StatusEarlyHints)
		h.Del("Link")
	}
	if _, typed := h["Content-Type"]; !typed {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	_, _ = w.Write([]byte(s.html))
}

// post sends a choice from the page the tab shows, as a script of the site can.
func (b tab) post(fields string) {
	b.t.Helper()
	status := eval[int](b, `fetch("/cookie-consent/choice", {
		method: "POST", body: new URLSearchParams("`+fields+`"), headers: {Accept: "application/json"},
	}).then(r => r.status)`)
	if status != http.StatusOK {
		b.t.Fatalf("POST choice %s from %s: status %d", fields, b.location(), status)
	}
}

// setScript turns scripts on or off.
func (b tab) setScript(on bool) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// forget empties the tab's cookie jar.
func (b tab) forget() {
	b.t.Helper()
	call(b, network.ClearBrowserCookies, cdp.Empty{})
}

// of is the same tab in another test.
func (b tab) of(t *testing.T) tab { return tab{b.Context, t} }

// leave goes where nothing is loaded from, so that what a page still had to do
// is over.
func (b tab) leave() {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"))
}

// holds reports whether an expression in the page is true.
func (b tab) holds(expression string) bool {
	b.t.Helper()
	return eval[bool](b, "(async () => !!("+expression+"))()")
}
