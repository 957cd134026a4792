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

func TestRecordsAreCounted(t *testing.T) {
	s, _ := recordingSite(t)
	s.load(t, `{"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}]},`+handle(declared, page))
	s.choose(t, "accept_all")
	s.choose(t, "refuse_all")
	metrics := s.get(t, "/metrics", "").body
	for _, line := range []string{"appended_total{store=\"sqlite\"} 1", "write_errors_total{store=\"sqlite\"} 0", "backlog{store=\"sqlite\"} 0", "oldest_unsent_seconds{store=\"sqlite\"} 0", "up{store=\"sqlite\"} 1"} {
		if !strings.Contains(metrics, "\ncaddy_cookie_consent_records_"+line+"\n") {
			t.Errorf("the metrics have no %s", line)
		}
	}
}
