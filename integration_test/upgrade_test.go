package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
)

// refusedCookies are lines that may not reach an unanswered visitor, with one
// that may.
var refusedCookies = []string{"sessionid=a; Path=/", "_pk_id.1=b; Path=/", "ads_id=c; Path=/", "undeclared_x=d; Path=/"}

// behindCaddy runs upstream behind the module.
func behindCaddy(t *testing.T, upstream http.HandlerFunc) site {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	s := newSite(t, "portal.localhost", "encode\ncookie_consent "+consent()+"reverse_proxy "+server.URL+"\n")
	startCaddy(t, s)
	return s
}

func TestWebSocketUpgrade(t *testing.T) {
	s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = refusedCookies
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(connection, "echo of "+line)
	})
	connection, err := dialLoopback(t.Context(), "tcp", s.authority())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_, _ = fmt.Fprintf(connection, "GET /socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: ads_id=stale\r\n\r\n", s.authority())
	in := bufio.NewReader(connection)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrading: %v, %v, want 101", response, err)
	}
	if got := (answer{Response: response}).setNames(); without(got, "-ads_id") != "sessionid" {
		t.Errorf("the answer 101 sets %q, want sessionid", got)
	}
	_, _ = io.WriteString(connection, "hello\n")
	if line, err := in.ReadString('\n'); line != "echo of hello\n" {
		t.Errorf("over the upgraded connection: %q, %v", line, err)
	}
}

func TestEarlyHints(t *testing.T) {
	s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.Header()["Set-Cookie"] = refusedCookies
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "done")
	})
	hints := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
		hints++
		got := (answer{Response: &http.Response{Header: http.Header(header)}}).setNames()
		if status != http.StatusEarlyHints || got != "sessionid" || header.Get("Link") == "" {
			t.Errorf("early answer %d sets %q with Link %q, want 103, sessionid and the link", status, got, header.Get("Link"))
		}
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, s.url("/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := send(t, client(t), r); a.setNames() != "sessionid" || a.body != "done" || hints != 1 {
		t.Errorf("after %d early hints the answer %q sets %q, want 1, done, sessionid", hints, a.body, a.setNames())
	}
}

func TestTrailers(t *testing.T) {
	s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Set-Cookie")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Repeat("data ", 1000))
		w.Header().Set("X-Sum", "42")
		w.Header()["Set-Cookie"] = refusedCookies
		w.Header()[http.TrailerPrefix+"Set-Cookie"] = refusedCookies
		w.Header().Set(http.TrailerPrefix+"X-Late", "43")
	})
	a := get(t, s.url("/"))
	if got := fmt.Sprint(a.Trailer["Set-Cookie"], a.Trailer["X-Sum"], a.Trailer["X-Late"]); got != "[] [42] [43]" {
		t.Errorf("the trailers Set-Cookie, X-Sum and X-Late are %s, want [] [42] [43]", got)
	}
	if got := a.setNames(); got != "" {
		t.Errorf("the answer sets %q, want nothing", got)
	}
}

// encode lets the header of an empty answer go at its end, when the trailers
// stand in it.
func TestTrailersOfAnEmptyAnswer(t *testing.T) {
	s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Set-Cookie")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		w.Header()["Set-Cookie"] = refusedCookies
	})
	for _, coding := range []string{"gzip", "identity"} {
		if got := get(t, s.url("/"), "Accept-Encoding", coding).setNames(); got != "" {
			t.Errorf("%s: the answer sets %q, want nothing", coding, got)
		}
	}
}
