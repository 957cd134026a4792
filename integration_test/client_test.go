package integration_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

// client follows no redirect, keeps no cookie, finds every host here, and takes
// any certificate for good.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: dialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialLoopback dials the port of address on this machine, whatever its host.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, "127.0.0.1:"+port)
}

// get asks for a page as a browser does. headers are names and values in turn.
func get(t *testing.T, address string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return send(t, client(t), r, headers...)
}

// send sends r with further headers and reads its answer.
func send(t *testing.T, c *http.Client, r *http.Request, headers ...string) answer {
	t.Helper()
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", r.Method, r.URL, err)
	}
	return answer{response, string(body)}
}

// choose posts a choice to the module's pages at address, and returns the
// preference cookie as a pair, and the whole answer.
func choose(t *testing.T, address string, fields url.Values) (string, answer) {
	t.Helper()
	return chooseWith(t, client(t), address, fields)
}

// chooseWith is choose with a client of the caller's.
func chooseWith(t *testing.T, c *http.Client, address string, fields url.Values) (string, answer) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address+"/choice", strings.NewReader(fields.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "application/json")
	a := send(t, c, r)
	for _, c := range a.Cookies() {
		if c.Name == "cookies_preferences" && c.Value != "" {
			return c.Name + "=" + c.Value, a
		}
	}
	t.Fatalf("POST %s/choice %v: status %d and no preference cookie: %q", address, fields, a.StatusCode, a.body)
	return "", a
}

// Choices as forms send them.
var (
	acceptAll      = url.Values{"choice": {"accept_all"}}
	refuseAll      = url.Values{"choice": {"refuse_all"}}
	onlyStatistics = url.Values{"choice": {"save"}, "grant": {"statistics"}}
)

// setNames lists the cookies an answer sets; those it expires have a minus.
func (a answer) setNames() string {
	var names []string
	for _, c := range a.Cookies() {
		if c.MaxAge < 0 {
			c.Name = "-" + c.Name
		}
		names = append(names, c.Name)
	}
	return nameSet(names...)
}
