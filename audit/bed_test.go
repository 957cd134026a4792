package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// secret is the value of every cookie and key of the test bed, and stands in
// queries. No report may have it.
const secret = "S3CR3T"

// bed is a server with many sites, each below .localhost, on one port.
type bed struct {
	*httptest.Server
	mu    sync.Mutex
	sites map[string]http.Handler
	asked []request
}

// request is one request as the bed received it.
type request struct {
	host, path string
	header     http.Header
}

func newBed(t *testing.T, tls bool) *bed {
	t.Helper()
	b := &bed{sites: map[string]http.Handler{}}
	b.Server = httptest.NewUnstartedServer(b)
	b.Config.ErrorLog = nil
	if tls {
		b.StartTLS()
	} else {
		b.Start()
	}
	t.Cleanup(b.Close)
	return b
}

func (b *bed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	b.mu.Lock()
	b.asked = append(b.asked, request{host, r.URL.Path, r.Header.Clone()})
	site := b.sites[host]
	b.mu.Unlock()
	if site == nil || r.URL.Path == "/favicon.ico" {
		http.NotFound(w, r)
		return
	}
	site.ServeHTTP(w, r)
}

// put adds a site and returns its origin. Pages by path; what is not there is 404.
func (b *bed) put(host string, pages map[string]http.HandlerFunc) string {
	mux := http.NewServeMux()
	for path, page := range pages {
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc(path, page)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sites[host] = mux
	return b.origin(host)
}

func (b *bed) origin(host string) string {
	scheme, address, _ := strings.Cut(b.URL, "://")
	_, port, _ := net.SplitHostPort(address)
	return scheme + "://" + host + ":" + port
}

// requests lists the requests for a host.
func (b *bed) requests(host string) []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var mine []request
	for _, r := range b.asked {
		if r.host == host {
			mine = append(mine, r)
		}
	}
	return mine
}

// html serves a document with this body.
func html(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><title>t</title><link rel=icon href=data:,><body>%s</body></html>", body)
	}
}

// setting serves a page that sets cookies, each a line without its value.
func settingCookies(page http.HandlerFunc, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range lines {
			name, rest, _ := strings.Cut(line, ";")
			w.Header().Add("Set-Cookie", name+"="+secret+";"+rest)
		}
		page(w, r)
	}
}

// shared is the browser of all tests. It ends with them.
var shared = sync.OnceValues(func() (*browser, error) {
	path, err := FindBrowser("")
	if err != nil {
		return nil, err
	}
	return startBrowser(context.Background(), path, true)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := shared(); err == nil {
		b.stop()
	}
	os.Exit(code)
}

// quick are options for pages that are at rest at once.
func quick(address string) Options {
	return Options{URL: address, Pages: 3, Quiet: 80 * time.Millisecond, Patience: 300 * time.Millisecond, Timeout: 10 * time.Second, Insecure: true, Version: "test"}
}

// run audits, and checks that no secret is in what comes of it.
func run(t *testing.T, o Options) *Report {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	o.shared = b
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for form, write := range map[string]func(*bytes.Buffer) error{
		"JSON": func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"HTML": func(b *bytes.Buffer) error { return r.WriteHTML(b) },
		"text": func(b *bytes.Buffer) error { return r.WriteText(b, Terminal{}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if form == "JSON" && bytes.Contains(b.Bytes(), []byte("null")) {
			t.Error("JSON has null where a list belongs")
		}
		if i := bytes.Index(b.Bytes(), []byte(secret)); i >= 0 {
			t.Errorf("%s has a value: …%s…", form, b.Bytes()[max(0, i-80):i+20])
		}
	}
	return r
}

// list writes findings as lines: rule, pass, kind, name.
func list(r *Report) []string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s", f.Severity, f.Rule, f.Pass, f.Kind, f.Name)), " "))
	}
	slices.Sort(lines)
	return lines
}

// expect checks the findings of a report.
func expect(t *testing.T, r *Report, want ...string) {
	t.Helper()
	slices.Sort(want)
	got := list(r)
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("no finding %q", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("unexpected finding %q", g)
		}
	}
	if t.Failed() {
		things, _ := json.Marshal(r.Things)
		t.Logf("layer %+v; things %s", r.Layer, things)
		for _, v := range r.Passes {
			t.Logf("%s: %d pages %s", v.Pass, len(v.Pages), v.Problem)
		}
	}
}

// declared is a Declaration from a table.
type declared map[string]Fact

func (d declared) Cookie(name, domain string) (Fact, bool) { f, ok := d["cookie "+name]; return f, ok }
func (d declared) Host(host, path string) (Fact, bool)     { f, ok := d["host "+host]; return f, ok }
func (d declared) Storage(kind Kind, name, origin string) (Fact, bool) {
	f, ok := d[string(kind)+" "+name]
	return f, ok
}
