package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startNginx runs an nginx whose http block has the lines in config until the
// test ends, and returns where it listens. In config, {port} and {dir} stand for
// its port and a directory of its own.
func startNginx(t *testing.T, config string) string {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // as root it may serve as somebody else
		t.Fatal(err)
	}
	name := filepath.Join(dir, "nginx.conf")
	text := `daemon off;
master_process off;
pid {dir}/pid;
error_log stderr error;
events {}
http {
	access_log off;
	client_body_temp_path {dir}/bodies;
	proxy_temp_path {dir}/proxied;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	types {
		text/html html;
		text/css css;
		application/octet-stream bin;
	}
	` + config + "\n}\n"
	text = strings.NewReplacer("{dir}", dir, "{port}", fmt.Sprint(port)).Replace(text)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, port, exec.Command("/usr/sbin/nginx", "-p", dir, "-c", name))
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// run runs a server at port until the test ends.
func run(t *testing.T, port int, command *exec.Cmd) {
	t.Helper()
	printed := &output{}
	command.Stdout, command.Stderr = printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = command.Process.Kill()
			t.Errorf("%s does not end:\n%s", command.Path, printed)
		}
	})
	waitFor(t, command.Path+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s has ended:\n%s", command.Path, printed)
		default:
		}
		return listens(port)
	})
}

// proxying is what a server block of nginx needs in front of an upstream. It says
// in a header which validators it was asked with.
const proxying = `
		proxy_pass http://%s;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-Proto https;
		add_header X-Seen-Tag $http_if_none_match always;
		add_header X-Seen-Date $http_if_modified_since always;
`

func startNginxProxy(t *testing.T, upstream, further string) string {
	t.Helper()
	return startNginx(t, "proxy_cache_path {dir}/cache keys_zone=cache:1m use_temp_path=off;\n"+
		"server {\nlisten 127.0.0.1:{port};\nlocation / {"+fmt.Sprintf(proxying, upstream)+further+"}\n}\n")
}

// startNginxCache starts one that stores all it may, for ten minutes where
// nothing else is said.
func startNginxCache(t *testing.T, upstream string) string {
	t.Helper()
	return startNginxProxy(t, upstream, "proxy_cache cache;\nproxy_cache_valid any 10m;\n")
}

// startCarelessNginx starts one that minds Cache-Control alone, knows a page by
// its address alone, and would rather serve an old one than none.
func startCarelessNginx(t *testing.T, upstream string) string {
	t.Helper()
	return startNginxProxy(t, upstream, `
		proxy_cache cache;
		proxy_cache_key $request_uri;
		proxy_cache_valid any 10m;
		proxy_ignore_headers Set-Cookie Vary;
		proxy_cache_revalidate on;
		proxy_cache_background_update on;
		proxy_cache_use_stale error timeout invalid_header updating http_500 http_502 http_503 http_504;
	`)
}

// TestCacheOfTheBrowserThroughNginx has an nginx without a cache in front, which
// compresses, and so weakens entity tags.
func TestCacheOfTheBrowserThroughNginx(t *testing.T) {
	for _, c := range []struct{ name, encode, nginx string }{
		{"both compress", "encode\n", "gzip on;\ngzip_proxied any;\n"},
		{"nginx compresses", "", "gzip on;\ngzip_proxied any;\n"},
		{"Caddy compresses", "encode\n", ""},
		{"nobody compresses", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			style := resource{name: "style", kind: "text/css", body: sampleStyle, headers: []string{"ETag", `"s1"`, "Cache-Control", "max-age=60"}}
			s := newCountedSite(t,
				resource{name: "page", headers: []string{"ETag", `"v1"`}},
				resource{name: "dated page", headers: []string{"Last-Modified", someDate}},
				style,
			)
			served := newSite(t, "portal.localhost", c.encode+"cookie_consent "+consent(hostServices)+"reverse_proxy "+s.address+"\n")
			loadCaddyfile(t, caddyfile(options(t.TempDir(), trusting), served))
			a := newAsker(t, "http://"+inFrontOf(t, served, func(t *testing.T, upstream string) string {
				return startNginxProxy(t, upstream, c.nginx)
			}))
			visitors := newVisitors(t, a.address)
			for _, path := range []string{"/page", "/dated-page"} {
				checkComesBack(t, a, visitors, path, false)
			}
			x := a.ask(visitors[2], http.MethodGet, "/style", forStyle)
			if x.body != sampleStyle {
				t.Errorf("the style sheet is %.50q", x.body)
			}
			if again := a.ask(visitors[4], http.MethodGet, "/style", forStyle, []string{"If-None-Match", x.Header.Get("Etag")}); again.StatusCode != http.StatusNotModified {
				t.Errorf("the style sheet again: status %d", again.StatusCode)
			}
		})
	}
}

// checkComesBack has every visitor come back with every one's page: those of the
// same state get 304, unless the page is always whole, the others a page of their
// own.
func checkComesBack(t *testing.T, a asker, visitors []visitor, path string, alwaysWhole bool) {
	t.Helper()
	for _, holder := range visitors {
		for _, headers := range [][]string{{"Accept-Encoding", "gzip"}, {"Accept-Encoding", "identity"}} {
			tag := a.ask(holder, http.MethodGet, path, navigation, headers).Header.Get("Etag")
			if tag == "" {
				t.Errorf("%s: the page of %s has no entity tag", path, holder.name)
			}
			for _, v := range visitors {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					x := a.ask(v, method, path, navigation, headers, []string{"If-None-Match", tag})
					want := http.StatusOK
					if v.state == holder.state && !alwaysWhole {
						want = http.StatusNotModified
					}
					if x.StatusCode != want {
						t.Errorf("%s %s, %s with the page of %s: status %d, want %d", method, path, v.name, holder.name, x.StatusCode, want)
					}
					if x.setNames() != v.expires {
						t.Errorf("%s %s, %s: sets %q, want %q", method, path, v.name, x.setNames(), v.expires)
					}
					if x.StatusCode == http.StatusOK && method == http.MethodGet {
						x.body = decode(t, x.Header.Get("Content-Encoding"), x.body)
						v.checkPage(t, x)
					}
				}
			}
		}
	}
}

// TestCacheOfTheBrowserBeforeStaticNginx has an nginx behind the module which
// serves files, some of them compressed beforehand.
func TestCacheOfTheBrowserBeforeStaticNginx(t *testing.T) {
	const length = 20 << 20
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	big, err := io.ReadAll(noise(length))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"page.html": twoHostsPage, "coded.html": "", "coded.html.gz": coded(twoHostsPage, "gzip"), "style.css": sampleStyle, "big.bin": string(big),
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	upstream := startNginx(t, `
		server {
			listen 127.0.0.1:{port};
			root `+root+`;
			etag on;
			if_modified_since exact;
			gzip on;
			gzip_proxied any;
			gzip_types text/css;
			gunzip on;
			location = /coded.html { gzip_static always; }
		}
	`)
	s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent(hostServices)+"reverse_proxy "+upstream+"\n")
	startCaddy(t, s)
	a := newAsker(t, s.url(""))
	visitors := newVisitors(t, a.address)

	for _, path := range []string{"/page.html", "/coded.html"} {
		t.Run(path, func(t *testing.T) { checkComesBack(t, a, visitors, path, false) })
	}
	t.Run("a style sheet", func(t *testing.T) {
		for _, v := range visitors {
			x := a.ask(v, http.MethodGet, "/style.css", forStyle)
			for header, validator := range map[string]string{"If-None-Match": x.Header.Get("Etag"), "If-Modified-Since": x.Header.Get("Last-Modified")} {
				if again := a.ask(v, http.MethodGet, "/style.css", forStyle, []string{header, validator}); again.StatusCode != http.StatusNotModified {
					t.Errorf("%s: the style sheet again, %s: status %d", v.name, header, again.StatusCode)
				}
			}
		}
	})
	t.Run("a large file", func(t *testing.T) {
		tag := a.ask(visitors[0], http.MethodHead, "/big.bin", forFilm).Header.Get("Etag")
		for _, v := range visitors {
			for _, from := range []int{0, 1000, length - 5<<20} {
				to := from + 5<<20 - 1
				x := a.ask(v, http.MethodGet, "/big.bin", forFilm, []string{"Range", fmt.Sprintf("bytes=%d-%d", from, to), "If-Range", tag})
				if x.StatusCode != http.StatusPartialContent || x.body != string(big[from:to+1]) || x.Header.Get("Etag") != tag ||
					x.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", from, to, length) {
					t.Errorf("%s, from %d: status %d, %d bytes of %q", v.name, from, x.StatusCode, len(x.body), x.Header.Get("Content-Range"))
				}
			}
			if x := a.ask(v, http.MethodGet, "/big.bin", forFilm, []string{"Range", fmt.Sprintf("bytes=%d-", length)}); x.StatusCode != http.StatusRequestedRangeNotSatisfiable {
				t.Errorf("%s, beyond its end: status %d", v.name, x.StatusCode)
			}
		}
	})
}
