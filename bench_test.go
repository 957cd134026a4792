package cookieconsent

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// handlerFor is the handler of a declaration, with everything granted to who sends
// the cookie.
func handlerFor(b *testing.B, declaration string) (h *Handler, cookie string) {
	b.Helper()
	h = &Handler{app: &App{shared: &shared{}}}
	if err := json.Unmarshal([]byte(declaration), h); err != nil {
		b.Fatal(err)
	}
	ring, err := enforcer.NewKeyring([]byte{1}, [][]byte{make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	h.app.shared.ring.Store(ring)
	now, err := h.compile(h.WithDefaults())
	if err != nil {
		b.Fatal(err)
	}
	h.serving.Store(now)
	w := discard{http.Header{}}
	r := prepared(w, http.Header{})
	choice := now.Policy.AcceptAll(time.Now())
	if err := now.Begin(r, "/", false).Store(w.header, &choice); err != nil {
		b.Fatal(err)
	}
	cookie, _, _ = strings.Cut(w.header.Get("Set-Cookie"), ";")
	return h, cookie
}

// compare measures what a Caddy server does to answer with and without a handler.
func compare(b *testing.B, h *Handler, header http.Header, site caddyhttp.HandlerFunc) {
	for _, row := range []struct {
		name  string
		serve caddyhttp.HandlerFunc
	}{
		{"bare", site},
		{"enforced", func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, site) }},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := discard{http.Header{"Server": {"Caddy"}}}
				if err := row.serve(w, prepared(w, header.Clone())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJSON answers with 200 bytes of JSON.
func BenchmarkJSON(b *testing.B) {
	h, _ := handlerFor(b, declared)
	body := make([]byte, 200)
	compare(b, h, http.Header{"Accept": {"application/json"}, "Cookie": {"sessionid=1"}, "User-Agent": {"x"}},
		func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			h["Content-Type"] = []string{"application/json"}
			h["Set-Cookie"] = []string{"sessionid=1"}
			w.WriteHeader(http.StatusOK)
			_, err := w.Write(body)
			return err
		})
}

// BenchmarkPage answers with a page of 100 KB, in which nothing is left to hold
// back, in the pieces that a proxy copies.
func BenchmarkPage(b *testing.B) {
	h, cookie := handlerFor(b, strings.Replace(declared, `"services"`, `"undeclared_hosts": "allow", "services"`, 1))
	page := []byte("<!doctype html><html lang=fr><head><meta charset=utf-8><title>t</title></head><body>" + strings.Repeat("<p>words</p>\n", 8000))[:100_000]
	length := []string{strconv.Itoa(len(page))}
	compare(b, h, http.Header{"Accept": {"text/html"}, "Cookie": {cookie}, "User-Agent": {"x"}},
		func(w http.ResponseWriter, _ *http.Request) error {
			h := w.Header()
			h["Content-Type"] = []string{"text/html; charset=utf-8"}
			h["Content-Length"] = length
			w.WriteHeader(http.StatusOK)
			for rest := page; len(rest) > 0; {
				n, err := w.Write(rest[:min(len(rest), 32<<10)])
				if err != nil {
					return err
				}
				rest = rest[n:]
			}
			return nil
		})
}

// BenchmarkDownload answers with 50 MB that are not read, in the pieces that a
// proxy copies.
func BenchmarkDownload(b *testing.B) {
	h, cookie := handlerFor(b, declared)
	piece := make([]byte, 32<<10)
	b.SetBytes(50 << 20)
	compare(b, h, http.Header{"Accept": {"*/*"}, "Cookie": {cookie}, "User-Agent": {"x"}},
		func(w http.ResponseWriter, _ *http.Request) error {
			w.Header()["Content-Type"] = []string{"application/octet-stream"}
			w.WriteHeader(http.StatusOK)
			for range 50 << 20 / len(piece) {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
			return nil
		})
}

// prepared returns a request as a Caddy server hands it to its routes.
func prepared(w http.ResponseWriter, header http.Header) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://portal.example/api?page=1", nil)
	if err != nil {
		panic(err)
	}
	r.Header, r.RequestURI = header, "/api?page=1"
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
}

type discard struct{ header http.Header }

func (w discard) Header() http.Header         { return w.header }
func (w discard) Write(p []byte) (int, error) { return len(p), nil }
func (w discard) WriteHeader(int)             {}
