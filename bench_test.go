package cookieconsent

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// BenchmarkJSON answers a request for 200 bytes of JSON, as a Caddy server with
// and without the handler does.
func BenchmarkJSON(b *testing.B) {
	h := &Handler{app: &App{shared: &shared{}}}
	if err := json.Unmarshal([]byte(declared), h); err != nil {
		b.Fatal(err)
	}
	ring, err := enforcer.NewKeyring([]byte{1}, [][]byte{make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	h.app.shared.ring.Store(ring)
	if err := h.compile(h.WithDefaults()); err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 200)
	site := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h["Content-Type"] = []string{"application/json"}
		h["Set-Cookie"] = []string{"sessionid=1"}
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(body)
		return err
	})
	for name, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"bare": site,
		"enforced": func(w http.ResponseWriter, r *http.Request) error {
			return h.ServeHTTP(w, r, site)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := discard{http.Header{"Server": {"Caddy"}}}
				r := prepared(w, http.Header{"Accept": {"application/json"}, "Cookie": {"sessionid=1"}, "User-Agent": {"x"}})
				if err := serve(w, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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
