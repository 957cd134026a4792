package banner

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// reported is a report as a browser sends it.
func reported(mediaType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://portal.example/cookie-consent/report", strings.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Origin", "null")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return r
}

func TestReports(t *testing.T) {
	const old, new, plain = "application/csp-report", "application/reports+json", "application/json"
	one := `{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://ads.example/p?q#f"}}`
	for _, row := range []struct {
		name, mediaType, body string
		status                int
		want                  string
	}{
		{"the old form", old, `{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"https://ads.example:8443/p?secret=1"}}`, 204, "script-src-elem ads.example"},
		{"the older form", old, `{"csp-report":{"violated-directive":"script-src 'self'","blocked-uri":"http://ADS.example"}}`, 204, "script-src ads.example"},
		{"the new form", new, "[" + one + "]", 204, "img-src ads.example"},
		{"several", new, "[" + one + "," + one + "]", 204, "img-src ads.example|img-src ads.example"},
		{"too many at once", new, "[" + strings.Repeat(one+",", 30) + one + "]", 204, strings.TrimSuffix(strings.Repeat("img-src ads.example|", maxReports), "|")},
		{"the new form alone, as JSON", plain, one, 204, "img-src ads.example"},
		{"with parameters", old + "; charset=utf-8", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data"}}`, 204, "img-src data"},
		{"inline", old, `{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"inline"}}`, 204, "script-src-elem inline"},
		{"eval", old, `{"csp-report":{"effective-directive":"script-src","blocked-uri":"wasm-eval"}}`, 204, "script-src wasm-eval"},
		{"a scheme with its content", old, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data:image/png;base64,secret"}}`, 204, "img-src data"},
		{"an extension of the browser", old, `{"csp-report":{"effective-directive":"img-src","blocked-uri":"moz-extension://secret/x"}}`, 204, "img-src moz-extension"},
		{"a socket", old, `{"csp-report":{"effective-directive":"connect-src","blocked-uri":"wss://user:secret@ads.example/x"}}`, 204, "connect-src ads.example"},
		{"something else", new, `[{"type":"deprecation","body":{"id":"x"}}]`, 204, ""},
		{"another shape", new, `[1,"x",null,{"type":"csp-violation","body":[]}]`, 204, ""},
		{"no list", plain, `1`, 204, ""},
		{"no directive", plain, `{"type":"csp-violation","body":{"blockedURL":"https://ads.example/"}}`, 204, ""},
		{"a directive that is none", plain, `{"type":"csp-violation","body":{"effectiveDirective":"<script>","blockedURL":"https://ads.example/"}}`, 204, ""},
		{"a host that is none", plain, `{"type":"csp-violation","body":{"effectiveDirective":"img-src","blockedURL":"https://<script>/"}}`, 204, ""},
		{"nothing blocked", plain, `{"type":"csp-violation","body":{"effectiveDirective":"img-src"}}`, 204, ""},
		{"no JSON", new, "[" + one, 400, ""},
		{"nothing", new, "", 400, ""},
		{"too long", new, `"` + strings.Repeat("x", maxBody) + `"`, 413, ""},
		{"another type", "text/plain", one, 415, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			c := testConfig(t, declaration())
			c.Report = func(directive, host string) { got = append(got, directive+" "+host) }
			response := newSite(t, c).ask(t, reported(row.mediaType, row.body))
			if response.StatusCode != row.status || strings.Join(got, "|") != row.want {
				t.Errorf("%d %q, want %d %q", response.StatusCode, got, row.status, row.want)
			}
			if sent := body(t, response); sent != "" || len(response.Cookies()) > 0 {
				t.Errorf("answered %q %v", sent, response.Header)
			}
		})
	}
}

func TestReportsWithNobodyToTell(t *testing.T) {
	if got := newSite(t, testConfig(t, declaration())).ask(t, reported("application/csp-report", "{}")).StatusCode; got != 204 {
		t.Errorf("status %d", got)
	}
}

func TestTooManyReports(t *testing.T) {
	told := 0
	c := testConfig(t, declaration())
	c.Report = func(string, string) { told++ }
	s := newSite(t, c)
	for i := range reportsPerSecond + 1 {
		want := 204
		if i == reportsPerSecond {
			want = 429
		}
		response := s.ask(t, reported("application/csp-report", `{"csp-report":{"effective-directive":"img-src","blocked-uri":"data"}}`))
		if response.StatusCode != want {
			t.Fatalf("report %d: status %d, want %d", i+1, response.StatusCode, want)
		}
	}
	if told != reportsPerSecond {
		t.Errorf("%d were passed on", told)
	}
}

func TestMethodsOfReports(t *testing.T) {
	s := newSite(t, testConfig(t, declaration()))
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
		response := s.ask(t, httptest.NewRequest(method, "http://portal.example/cookie-consent/report", nil))
		if response.StatusCode != 405 || response.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
}
