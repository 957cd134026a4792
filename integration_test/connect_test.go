//lint:file-ignore SA1019 net/http's own client takes no :protocol
package integration_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/net/http2"
)

// TestWebSocketsOverHTTP2 connects as browsers do over HTTP/2 (RFC 8441), which a
// Go server offers only to who asks for it in its environment.
func TestWebSocketsOverHTTP2(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(webSocketSite))
	t.Cleanup(upstream.Close)
	s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent()+"reverse_proxy "+upstream.URL+"\n")
	t.Setenv("GODEBUG", "http2xconnect=1")
	startBinary(t, "", caddyfile(options(t.TempDir(), "servers {\nprotocols h1 h2c\n}"), s), s.port)
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return dialLoopback(ctx, network, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	body, out := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, s.url("/socket"), body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{":protocol": {"websocket"}, "Sec-WebSocket-Version": {"13"}, "Cookie": {"ads_id=stale"}}
	response, err := transport.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("connecting: %v, %v", response, err)
	}
	defer func() { _ = response.Body.Close() }()
	if got := (answer{Response: response}).setNames(); got != "-ads_id sessionid" {
		t.Errorf("the answer sets %q, want the session and the expired leftover", got)
	}
	checkEcho(t, out, out.Close, response.Body)
}
