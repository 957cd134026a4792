package command

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDashboardPassesOnNothingElse(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/config/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) })
	mux.HandleFunc("/cookie_consent/", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("shown " + r.URL.RequestURI())) })
	admin := httptest.NewServer(mux)
	defer admin.Close()
	d := &dashboard{strings.TrimPrefix(admin.URL, "http://")}
	for _, c := range []struct {
		name, method, host, target string
		status                     int
		body                       string
	}{
		{"the page", "GET", "127.0.0.1:8090", "/cookie_consent/?period=7d", http.StatusOK, "shown /cookie_consent/?period=7d"},
		{"a resource", "GET", "localhost:8090", "/cookie_consent/inventory?format=csv", http.StatusOK, "shown /cookie_consent/inventory?format=csv"},
		{"the beginning", "GET", "[::1]:8090", "/", http.StatusFound, ""},
		{"the configuration", "GET", "127.0.0.1:8090", "/config/", http.StatusNotFound, ""},
		{"out of its folder", "GET", "127.0.0.1:8090", "/cookie_consent/../config/", http.StatusNotFound, ""},
		{"out of it, encoded", "GET", "127.0.0.1:8090", "/cookie_consent/%2e%2e/config/", http.StatusNotFound, ""},
		{"a change", "POST", "127.0.0.1:8090", "/cookie_consent/", http.StatusMethodNotAllowed, ""},
		{"another name for this machine", "GET", "evil.example:8090", "/cookie_consent/", http.StatusMisdirectedRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Host = c.host
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != c.status || c.body != "" && w.Body.String() != c.body || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("status %d, %q", w.Code, w.Body)
			}
		})
	}
}
