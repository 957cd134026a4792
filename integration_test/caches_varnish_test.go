package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startVarnish runs a Varnish with its builtin rules until the test ends, and
// returns where it listens. It says in a header which validators it was asked
// with.
func startVarnish(t *testing.T, upstream string) string {
	t.Helper()
	return startVarnishWith(t, upstream, "")
}

// startCarelessVarnish runs one that minds Cache-Control alone: it knows a page
// by its address alone, whatever cookies it passes on, and would rather serve an
// old one than none.
func startCarelessVarnish(t *testing.T, upstream string) string {
	t.Helper()
	return startVarnishWith(t, upstream, `
sub vcl_recv {
	if (req.method == "GET" || req.method == "HEAD") {
		return (hash);
	}
}
sub vcl_backend_response {
	if (beresp.status >= 500 && bereq.is_bgfetch) {
		return (abandon);
	}
	unset beresp.http.Vary;
	set beresp.grace = 1h;
	set beresp.keep = 1h;
	if (beresp.http.Cache-Control ~ "private|no-store|no-cache") {
		set beresp.uncacheable = true;
	}
	return (deliver);
}
`)
}

func startVarnishWith(t *testing.T, upstream, rules string) string {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	host, upstreamPort, _ := strings.Cut(upstream, ":")
	rules = fmt.Sprintf(`vcl 4.1;
backend default {
	.host = %q;
	.port = %q;
}
sub vcl_recv {
	set req.http.X-Forwarded-Proto = "https";
}
sub vcl_deliver {
	set resp.http.X-Seen-Tag = req.http.If-None-Match;
	set resp.http.X-Seen-Date = req.http.If-Modified-Since;
}
`, host, upstreamPort) + rules
	name := filepath.Join(dir, "rules.vcl")
	if err := os.WriteFile(name, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	run(t, port, exec.Command("/usr/sbin/varnishd", "-F", "-j", "none", "-n", filepath.Join(dir, "varnish"), "-f", name, "-a", address,
		"-T", "none", "-s", "malloc,16m", "-p", "thread_pools=1", "-p", "thread_pool_min=5"))
	return address
}
