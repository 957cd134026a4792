package integration_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// streamer flushes the parts of an answer one by one: each only after the one
// before it has arrived.
type streamer struct {
	parts     []string
	mediaType string
	coding    string
	arrived   chan struct{}
}

func (s *streamer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", s.mediaType)
	var out io.Writer = w
	flush := func() { _ = http.NewResponseController(w).Flush() }
	if s.coding != "" {
		w.Header().Set("Content-Encoding", s.coding)
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		out, flush = z, func() {
			_ = z.Flush()
			_ = http.NewResponseController(w).Flush()
		}
	}
	for _, part := range s.parts {
		_, _ = io.WriteString(out, part)
		flush()
		select {
		case <-s.arrived:
		case <-r.Context().Done():
			return
		}
	}
}

// TestStreams reads every part of an answer before the next is sent, over every
// version of HTTP, with everything granted and before the choice.
func TestStreams(t *testing.T) {
	kinds := []struct {
		name string
		streamer
	}{
		{"a page", streamer{mediaType: "text/html; charset=utf-8", parts: []string{"<!doctype html><html lang=en><head><title>t</title></head><body><p>first</p>", "<p>second", " and more</p><script>var a = 1</script>", "<p>third</p></body></html>"}}},
		{"a page that begins slowly", streamer{mediaType: "text/html; charset=utf-8", parts: []string{"<!doctype html>", "<html lang=en>", "<head><title>first</title>", "</head>", "<body>", "<p>second</p>"}}},
		{"a page that the site codes", streamer{mediaType: "text/html", coding: "gzip", parts: []string{"<!doctype html><title>t</title><body><p>first</p>", "<p>second</p>", "<p>third</p>"}}},
		{"a long page", streamer{mediaType: "text/html", parts: []string{"<!doctype html><title>t</title><body><p>" + strings.Repeat("first ", 20_000), "</p>" + strings.Repeat("<p>second</p>", 10_000), "<p>third</p>"}}},
		{"server-sent events", streamer{mediaType: "text/event-stream", parts: []string{"data: 1\n\n", "data: <body>\n\n", ": \n\n", "event: x\ndata: 3\n\n"}}},
		{"lines of JSON", streamer{mediaType: "application/x-ndjson", parts: []string{"{\"a\":1}\n", "{\"a\":2}\n", "{\"a\":3}\n"}}},
		{"text", streamer{mediaType: "text/plain", parts: []string{"a", "b", "c"}}},
		{"parts that replace each other", streamer{mediaType: "multipart/x-mixed-replace; boundary=x", parts: []string{"--x\r\nContent-Type: text/html\r\n\r\n<body>1\r\n", "--x\r\n\r\n2\r\n"}}},
	}
	for _, secure := range []bool{false, true} {
		for _, encoded := range []bool{false, true} {
			var current atomic.Pointer[streamer]
			w := newProxyTwins(t, secure, encoded, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().ServeHTTP(w, r) }))
			for _, c := range carriers(t) {
				if c.secure != secure || c.dial == nil {
					continue
				}
				for _, kind := range kinds {
					for _, choice := range []string{w.choice, "cookies_preferences=none"} {
						name := fmt.Sprintf("%s, encode %t/%s, granted %t", c.name, encoded, kind.name, choice == w.choice)
						t.Run(name, func(t *testing.T) {
							s := kind.streamer
							s.arrived = make(chan struct{})
							current.Store(&s)
							r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.address(w.enforced, "/"), nil)
							if err != nil {
								t.Fatal(err)
							}
							r.Header.Set("Accept", "text/html,*/*;q=0.8")
							r.Header.Set("Accept-Encoding", "gzip")
							r.Header.Set("Sec-Fetch-Dest", "document")
							r.Header.Set("Cookie", choice)
							readStream(t, c, r, &s)
						})
					}
				}
			}
		}
	}
}

// readStream asks for a stream and reads it part by part.
func readStream(t *testing.T, c carrier, r *http.Request, s *streamer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	response, err := c.dial.RoundTrip(r.WithContext(ctx))
	if err != nil {
		t.Fatalf("the answer does not begin: %v", err)
	}
	defer func() { _ = response.Body.Close() }()
	var in io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(response.Body)
		if err != nil {
			t.Fatalf("the first part: %v", err)
		}
		in = z
	}
	// what a part ends with has arrived when it stands behind all before it
	var got bytes.Buffer
	buffer := make([]byte, 4096)
	sent, at := "", 0
	for i, part := range s.parts {
		sent += part
		for !strings.HasSuffix(inserted.ReplaceAllString(got.String(), ""), part[max(0, len(part)-20):]) || got.Len() < len(sent) {
			n, err := in.Read(buffer)
			got.Write(buffer[:n])
			if err != nil {
				t.Fatalf("part %d of %d: %v, after %.200q", i+1, len(s.parts), err, got.String()[min(at, got.Len()):])
			}
		}
		at = got.Len()
		s.arrived <- struct{}{}
	}
	rest, err := io.ReadAll(in)
	if err != nil || len(rest) > 0 {
		t.Errorf("after the last part: %q, %v", rest, err)
	}
}

// sum is a digest that is written to.
func sum(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// noise is n bytes that do not compress, the same each time.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

// TestUploadsAndDownloads sends 20 MB and fetches 50 MB over every version of
// HTTP.
func TestUploadsAndDownloads(t *testing.T) {
	const up, down = 20 << 20, 50 << 20
	sentUp, _, _ := sum(noise(up))
	sentDown, _, _ := sum(noise(down))
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "file.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(file, noise(down)); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			digest, n, err := sum(r.Body)
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprint(w, digest, " ", n, " ", err, " ", r.ContentLength, " ", r.Trailer.Get("X-Sum"))
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if r.URL.Path == "/known" {
			w.Header().Set("Content-Length", fmt.Sprint(down))
		}
		_, _ = io.Copy(struct{ io.Writer }{w}, noise(down))
	})
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	for _, secure := range []bool{false, true} {
		w := newTwins(t, secure, fmt.Sprintf("encode\n%%s\nhandle /file.bin {\nroot %q\nfile_server\n}\nhandle {\nreverse_proxy %s\n}\n", dir, server.URL))
		for _, c := range carriers(t) {
			if c.secure != secure {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				for _, path := range []string{"/known", "/chunked", "/file.bin"} {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.address(w.enforced, path), nil)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Accept-Encoding", "gzip")
					x := c.send(t, r)
					if got, n, _ := sum(strings.NewReader(x.body)); got != sentDown || x.broken {
						t.Errorf("%s: %d bytes with the digest %s, want %d with %s", path, n, got, down, sentDown)
					}
				}
				for _, chunked := range []bool{false, true} {
					if c.dial == nil && chunked {
						continue
					}
					for _, expect := range []string{"", "100-continue"} {
						r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.address(w.enforced, "/up"), noise(up))
						if err != nil {
							t.Fatal(err)
						}
						want := fmt.Sprint(sentUp, " ", up, " <nil> ", up, " ")
						if chunked {
							want = fmt.Sprint(sentUp, " ", up, " <nil> -1 ")
							if c.name != "HTTP/3" {
								r.Trailer = http.Header{"X-Sum": {"42"}}
								want += "42"
							}
						} else {
							r.ContentLength = up
						}
						r.Header.Set("Cookie", w.choice)
						if c.dial != nil && expect != "" {
							r.Header.Set("Expect", expect)
						}
						if x := c.send(t, r); x.body != want {
							t.Errorf("an upload, chunked %t, expecting %q: %d %q, want %q", chunked, expect, x.status, x.body, want)
						}
					}
				}
			})
		}
	}
}

// TestContinueIsAskedOfTheSite uploads with Expect: 100-continue to a site that
// refuses before it has read anything.
func TestContinueIsAskedOfTheSite(t *testing.T) {
	w := newProxyTwins(t, false, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusExpectationFailed)
			_, _ = io.WriteString(w, "<!doctype html><body>no")
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	for _, path := range []string{"/refused", "/taken"} {
		var seen []string
		for _, s := range []site{w.bare, w.enforced} {
			connection, err := dialLoopback(t.Context(), "tcp", s.authority())
			if err != nil {
				t.Fatal(err)
			}
			_ = connection.SetDeadline(time.Now().Add(patience))
			_, _ = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: 5\r\nCookie: %s\r\n\r\n", path, s.authority(), w.choice)
			in := bufio.NewReader(connection)
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, line)
			if strings.Contains(line, " 100 ") {
				_, _ = in.ReadString('\n')
				_, _ = io.WriteString(connection, "12345")
				final, _ := in.ReadString('\n')
				seen[len(seen)-1] += final
			}
			_ = connection.Close()
		}
		if seen[0] != seen[1] {
			t.Errorf("%s: %q, bare %q", path, seen[1], seen[0])
		}
	}
}

// TestWhatTheSiteIsAsked compares the requests that reach the site.
func TestWhatTheSiteIsAsked(t *testing.T) {
	var last *http.Request
	var body string
	w := newProxyTwins(t, false, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		last, body = r, string(content)
		w.Header().Set("Content-Type", "application/json")
	}))
	for _, c := range []struct {
		name    string
		method  string
		body    string
		headers []string
		pages   bool // a page is asked for
		lost    []string
	}{
		{"a page", "GET", "", []string{"Accept", "text/html", "Sec-Fetch-Dest", "document", "Accept-Encoding", "gzip, br"}, true, nil},
		{"a page in its language", "GET", "", []string{"Accept", "text/html", "Accept-Language", "fr", "Accept-Language", "en", "User-Agent", "x", "X-Forwarded-For", "1.2.3.4", "Upgrade-Insecure-Requests", "1"}, true, nil},
		{"a page again", "GET", "", []string{"Accept", "text/html", "If-None-Match", `"abc"`, "If-Modified-Since", someDate, "If-Unmodified-Since", someDate, "If-Match", `"abc"`}, true, []string{"If-None-Match", "If-Modified-Since"}},
		{"a part of a page", "GET", "", []string{"Accept", "text/html", "Range", "bytes=0-9", "If-Range", `"abc"`}, true, []string{"Range", "If-Range"}},
		{"an image again", "GET", "", []string{"Accept", "image/*", "Sec-Fetch-Dest", "image", "Accept-Encoding", "gzip, br", "If-None-Match", `"abc"`, "If-Modified-Since", someDate}, false, nil},
		{"a part of a film", "GET", "", []string{"Accept", "*/*", "Sec-Fetch-Dest", "video", "Accept-Encoding", "identity;q=1, *;q=0", "Range", "bytes=0-9", "If-Range", `"abc"`}, false, nil},
		{"a part, for a program", "GET", "", []string{"Accept", "*/*", "Range", "bytes=0-9", "If-Range", `"abc"`, "If-None-Match", `"abc"`, "If-Modified-Since", someDate}, false, nil},
		{"events", "GET", "", []string{"Accept", "text/event-stream", "Accept-Encoding", "gzip", "Last-Event-ID", "1", "Cache-Control", "no-cache"}, false, nil},
		{"a form", "POST", "a=1&b=2", []string{"Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Origin", "http://x"}, true, nil},
		{"JSON", "PUT", `{"a":1}`, []string{"Accept", "application/json", "Content-Type", "application/json", "Authorization", "Bearer x"}, false, nil},
		{"a deletion", "DELETE", "", []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty"}, false, nil},
		{"options", "OPTIONS", "", []string{"Origin", "http://x", "Access-Control-Request-Method", "PUT"}, false, nil},
		{"a method of its own", "PROPFIND", "<x/>", []string{"Depth", "1", "Accept", "text/xml"}, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var seen [2]string
			for i, s := range []site{w.bare, w.enforced} {
				r, err := http.NewRequestWithContext(t.Context(), c.method, s.url("/a%2Fb/../c?x=1;y=2&z"), strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				send(t, client(t), r, append([]string{"Cookie", w.choice + "; sessionid=a; _pk_id.1=b"}, c.headers...)...)
				h := last.Header
				switch {
				case i == 0:
					h.Set("Cookie", strings.Replace(h.Get("Cookie"), w.choice+"; ", "", 1))
					h["Cookie-Consent"] = []string{"necessary, statistics, marketing"}
					if c.pages {
						h.Set("Accept-Encoding", "identity")
					}
					for _, name := range c.lost {
						h.Del(name)
					}
				case strings.Contains(h.Get("Cookie"), w.choice):
					h.Set("Cookie", strings.Replace(h.Get("Cookie"), w.choice+"; ", "", 1))
				}
				seen[i] = strings.ReplaceAll(fmt.Sprint(last.Method, " ", last.RequestURI, " ", last.Host, " ", last.ContentLength, " ", last.TransferEncoding, "\n", fields(h), body), fmt.Sprint(s.port), "PORT")
			}
			if seen[1] != seen[0] {
				t.Errorf("the site is asked\n%sand should be\n%s", seen[1], seen[0])
			}
		})
	}
}

// TestProcedureCalls calls a site over h2c as gRPC does: a stream in both
// directions, and a status in the trailers.
func TestProcedureCalls(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = control.Flush()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "echo of "+line)
			_ = control.Flush()
		}
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	for _, secure := range []bool{false, true} {
		w := newTwins(t, secure, "encode\n%s\nreverse_proxy "+strings.Replace(server.URL, "http:", "h2c:", 1)+"\n")
		for _, c := range carriers(t) {
			if c.secure != secure || c.name != "h2c" && c.name != "HTTP/2" && c.name != "HTTP/3" {
				continue
			}
			for _, s := range []site{w.bare, w.enforced} {
				t.Run(fmt.Sprintf("%s, enforced %t", c.name, s == w.enforced), func(t *testing.T) {
					body, calls := io.Pipe()
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address(s, "/service/method"), body)
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Content-Type", "application/grpc")
					r.Header.Set("Te", "trailers")
					r.Header.Set("Cookie", w.choice)
					go func() { _, _ = io.WriteString(calls, "call 0\n") }()
					response, err := c.dial.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = response.Body.Close() }()
					in := bufio.NewReader(response.Body)
					for i := range 3 {
						if i > 0 {
							_, _ = fmt.Fprintf(calls, "call %d\n", i)
						}
						if line, err := in.ReadString('\n'); line != fmt.Sprintf("echo of call %d\n", i) {
							t.Fatalf("call %d is answered %q, %v", i, line, err)
						}
					}
					_ = calls.Close()
					if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
						t.Errorf("the end: %q, %v", rest, err)
					}
					got := slices.Sorted(maps.Keys(response.Trailer))
					if response.Trailer.Get("Grpc-Status") != "0" || response.Trailer.Get("Grpc-Message") != "fine" {
						t.Errorf("the trailers are %v", got)
					}
				})
			}
		}
	}
}

// webSocketSite echoes frames that are masked, which is all of the protocol
// behind its handshake that a proxy could break.
func webSocketSite(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	w.Header().Set("Sec-WebSocket-Protocol", r.Header.Get("Sec-WebSocket-Protocol"))
	w.Header()["Set-Cookie"] = refusedCookies
	w.WriteHeader(http.StatusSwitchingProtocols)
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	_, _ = io.Copy(connection, buffered)
}

// TestWebSockets upgrades with and without TLS, and over HTTP/3 (RFC 9220).
func TestWebSockets(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := newProxyTwins(t, secure, true, http.HandlerFunc(webSocketSite))
		for _, s := range []site{w.bare, w.enforced} {
			t.Run(fmt.Sprintf("HTTP/1.1, TLS %t, enforced %t", secure, s == w.enforced), func(t *testing.T) {
				connection, err := dialLoopback(t.Context(), "tcp", s.authority())
				if err != nil {
					t.Fatal(err)
				}
				end := connection.(*net.TCPConn).CloseWrite
				if secure {
					connection = tls.Client(connection, &tls.Config{InsecureSkipVerify: true, ServerName: s.host, NextProtos: []string{"http/1.1"}})
					end = connection.(*tls.Conn).CloseWrite
				}
				t.Cleanup(func() { _ = connection.Close() })
				_ = connection.SetDeadline(time.Now().Add(patience))
				_, _ = fmt.Fprintf(connection, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
					"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\nCookie: %s\r\n\r\n", s.authority(), w.choice)
				in := bufio.NewReader(connection)
				response, err := http.ReadResponse(in, nil)
				if err != nil || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-WebSocket-Protocol") != "chat" {
					t.Fatalf("upgrading: %v, %v", response, err)
				}
				checkEcho(t, connection, end, in)
			})
			if !secure {
				continue
			}
			t.Run(fmt.Sprintf("HTTP/3, enforced %t", s == w.enforced), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				config := &tls.Config{InsecureSkipVerify: true, ServerName: s.host, NextProtos: []string{http3.NextProtoH3}}
				connection, err := quic.DialAddr(ctx, fmt.Sprintf("127.0.0.1:%d", s.port), config, nil)
				if err != nil {
					t.Fatal(err)
				}
				stream, err := (&http3.Transport{}).NewClientConn(connection).OpenRequestStream(ctx)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = connection.CloseWithError(0, "") })
				r, err := http.NewRequestWithContext(ctx, http.MethodConnect, w.address(s, "/socket"), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Proto = "websocket"
				r.Header.Set("Sec-WebSocket-Version", "13")
				r.Header.Set("Cookie", w.choice)
				if err := stream.SendRequestHeader(r); err != nil {
					t.Fatal(err)
				}
				response, err := stream.ReadResponse()
				if err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("connecting: %v, %v", response, err)
				}
				checkEcho(t, stream, stream.Close, bufio.NewReader(stream))
			})
		}
	}
}

// checkEcho sends frames and reads them back, then ends its half and waits for
// the end of the other.
func checkEcho(t *testing.T, out io.Writer, end func() error, in io.Reader) {
	t.Helper()
	for _, frame := range []string{"\x81\x85\x00\x00\x00\x00hello", "\x82\xfe\x03\xe8\x00\x00\x00\x00" + strings.Repeat("<body>..", 125)} {
		_, _ = io.WriteString(out, frame)
		got := make([]byte, len(frame))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != frame {
			t.Fatalf("echo of %.20q: %.20q, %v", frame, got, err)
		}
	}
	_ = end()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// TestCurl fetches pages as curl does, with each version of HTTP it has, and
// each coding.
func TestCurl(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := newProxyTwins(t, secure, true, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, samplePage)
		}))
		for _, version := range []string{"--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge"} {
			if secure && version == "--http1.0" {
				continue // curl then asks for a protocol that Caddy refuses in the handshake
			}
			for _, coding := range []string{"", "gzip", "zstd", "br", "deflate"} {
				t.Run(fmt.Sprintf("TLS %t %s %s", secure, version, coding), func(t *testing.T) {
					arguments := []string{"--silent", "--show-error", "--insecure", "--max-time", "30", version, "--cookie", w.choice,
						"--resolve", fmt.Sprintf("%s:%d:127.0.0.1", w.enforced.host, w.enforced.port)}
					if coding != "" {
						arguments = append(arguments, "--compressed", "--header", "Accept-Encoding: "+coding)
					}
					out, err := exec.Command("curl", append(arguments, w.address(w.enforced, "/"))...).Output()
					if err != nil || inserted.ReplaceAllString(string(out), "") != samplePage || string(out) == samplePage {
						t.Errorf("%v, %.100q", err, out)
					}
				})
			}
		}
	}
}

// TestVisitorsThatLeave has visitors hang up in the middle of an answer: the site
// is told, as without the module.
func TestVisitorsThatLeave(t *testing.T) {
	left := make(chan struct{}, 1)
	for _, mediaType := range []string{"text/html", "text/event-stream", "application/octet-stream"} {
		w := newProxyTwins(t, false, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			for {
				if _, err := io.WriteString(w, strings.Repeat("<p>x</p>\n", 100)); err != nil || r.Context().Err() != nil {
					left <- struct{}{}
					return
				}
				_ = http.NewResponseController(w).Flush()
			}
		}))
		connection, err := dialLoopback(t.Context(), "tcp", w.enforced.authority())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", w.enforced.authority(), w.choice)
		_, _ = io.ReadFull(connection, make([]byte, 10_000))
		_ = connection.Close()
		select {
		case <-left:
		case <-time.After(patience):
			t.Fatalf("%s: the site goes on", mediaType)
		}
	}
}
