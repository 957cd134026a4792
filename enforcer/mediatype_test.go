package enforcer

import (
	"net/http"
	"strings"
	"testing"
)

// Browsers take much for HTML that is no media type, and tell some from its bytes.
func TestWhatBrowsersTakeForHTML(t *testing.T) {
	for _, row := range []struct {
		name           string
		types          []string
		html, doubtful bool
	}{
		{"HTML", []string{"text/html"}, true, false},
		{"in capitals", []string{" TEXT/HTML ;CHARSET=UTF-8"}, true, false},
		{"without a semicolon", []string{"text/html charset=utf-8"}, true, false},
		{"with a comma for it", []string{"text/html, charset=utf-8"}, true, false},
		{"twice", []string{"text/html, text/html"}, true, false},
		{"with a comment", []string{"text/html(x)"}, true, false},
		{"on the last line", []string{"text/plain", "text/html"}, true, false},
		{"last in a list", []string{"text/plain, text/html"}, true, false},
		{"before what is no type", []string{"text/html", "*/*"}, true, false},
		{"on the first line", []string{"text/html", "text/plain"}, false, false},
		{"a comma in quotes", []string{`text/html; x="a, text/plain"`}, true, false},
		{"XHTML without a semicolon", []string{"application/xhtml+xml charset=utf-8"}, true, false},
		{"text", []string{"text/plain"}, false, false},
		{"no type", nil, false, true},
		{"an empty one", []string{""}, false, true},
		{"any", []string{"*/*"}, false, true},
		{"unknown", []string{"unknown/unknown"}, false, true},
		{"an unknown application", []string{"application/unknown"}, false, true},
		{"a word", []string{"html"}, false, true},
		{"a charset alone", []string{"charset=utf-8"}, false, true},
		{"UTF-16", []string{"text/html; charset=utf-16"}, false, false},
		{"UTF-16 in quotes", []string{`text/html; x=y; charset="UTF-16LE"`}, false, false},
		{"UTF-16 first", []string{"text/html; charset=utf-16, text/html; charset=utf-8"}, true, false},
		{"UTF-16, then no charset", []string{"text/html; charset=utf-16, text/html"}, false, false},
		{"UTF-16 of another type", []string{"text/plain; charset=utf-16, text/html"}, true, false},
	} {
		k := kindOf(http.Header{"Content-Type": row.types})
		if k.html != row.html || k.doubtful != row.doubtful {
			t.Errorf("%s: %q is HTML: %t, doubtful: %t, want %t and %t", row.name, row.types, k.html, k.doubtful, row.html, row.doubtful)
		}
	}
	if kindOf(http.Header{"X-Content-Type-Options": {" NoSniff"}}).doubtful {
		t.Error("nothing is told from the first bytes where nosniff forbids it")
	}
}

func TestPagesOfDoubtfulTypes(t *testing.T) {
	for _, row := range []struct {
		name           string
		header         []string
		banner, policy bool
	}{
		{"an empty type", []string{"Content-Type", ""}, true, true},
		{"any type", []string{"Content-Type", "*/*"}, true, true},
		{"any type, and nosniff", []string{"Content-Type", "*/*", "X-Content-Type-Options", "nosniff"}, false, false},
		{"no type, in a coding", []string{"Content-Encoding", "br"}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := serve(t, gating(t, false), nil, sends(embedding, row.header...))
			if got := strings.Contains(body(t, response), "[banner]"); got != row.banner {
				t.Errorf("banner %t, want %t", got, row.banner)
			}
			if got := response.Header["Content-Security-Policy"] != nil; got != row.policy {
				t.Errorf("policy %t, want %t", got, row.policy)
			}
			if row.header[0] == "Content-Type" && strings.Join(response.Header["Content-Type"], "|") != row.header[1] {
				t.Errorf("the type became %q", response.Header["Content-Type"])
			}
		})
	}
}
