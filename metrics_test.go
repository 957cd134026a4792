package cookieconsent

import (
	"fmt"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/metrics"
)

func TestPagesThatCannotBeRewrittenAreCountedOverReloads(t *testing.T) {
	s := newSite(t)
	const strange = `{"handler": "static_response", "headers": {"Content-Type": ["text/html"], "Content-Encoding": ["dcb"]}, "body": "<p>"}`
	const metrics = `{"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}]}`
	const name = `caddy_cookie_consent_pages_untouched_total{reason="unknown_coding"} `
	count := func() (n int) {
		_, value, _ := strings.Cut(s.get(t, "/metrics", "").body, "\n"+name)
		_, _ = fmt.Sscan(value, &n)
		return n
	}
	s.load(t, metrics+","+handle(declared, strange))
	before := count()
	for range 2 {
		s.get(t, "/", "")
		s.load(t, metrics+","+handle(declared, strange))
	}
	if got := count() - before; got != 2 {
		t.Errorf("%v pages are counted, want 2", got)
	}
}
