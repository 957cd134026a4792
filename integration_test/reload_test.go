package integration_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestReloadUnderTraffic loads two configurations in turn while visitors who
// have refused, and visitors who have granted statistics, go on asking.
//
// They ask over a Unix socket, whose queue of connections outlives a reload. With
// TCP every configuration has a queue of its own, and Caddy, with or without this
// module, resets what waits in the old one.
func TestReloadUnderTraffic(t *testing.T) {
	dir, err := sharedDir()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "caddy")
	block := "http://portal.localhost {\nbind unix/" + socket + "\nencode\ncookie_consent " + consent() +
		"reverse_proxy " + thePortal(t).address + "\n}\n"
	first := options(t.TempDir()) + block
	second := strings.Replace(first, "language fr en", "language en fr\nsite Other", 1)
	loadCaddyfile(t, first)
	traffic := startTraffic(t, overSocket(t, socket))
	for _, text := range []string{second, first, second, first, second} {
		traffic.await(t, 40)
		if err := caddy.Load(adapt(t, text), true); err != nil {
			t.Errorf("reloading: %v", err)
		}
	}
	traffic.await(t, 40)
	traffic.stop()
}

// overSocket returns a client whose every host is at a Unix socket.
func overSocket(t *testing.T, socket string) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 20, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// traffic is visitors who go on asking until they are stopped.
type traffic struct {
	visitors sync.WaitGroup
	ended    atomic.Bool
	answers  atomic.Int64
}

// startTraffic has ten visitors who have refused and ten who have granted
// statistics ask with c.
func startTraffic(t *testing.T, c *http.Client) *traffic {
	t.Helper()
	refused, _ := chooseWith(t, c, "http://portal.localhost/cookie-consent", refuseAll)
	partial, _ := chooseWith(t, c, "http://portal.localhost/cookie-consent", onlyStatistics)
	running := &traffic{}
	for range 10 {
		running.visitors.Go(func() { running.keepAsking(t, c, refused, "csrftoken") })
		running.visitors.Go(func() { running.keepAsking(t, c, partial, "_pk_id.1 csrftoken") })
	}
	return running
}

// keepAsking asks for a page until the end, and looks at what each answer sets.
func (running *traffic) keepAsking(t *testing.T, c *http.Client, cookie, allowed string) {
	for !running.ended.Load() && !t.Failed() {
		a, err := fetch(c, "http://portal.localhost/second", cookie)
		if errors.Is(err, io.EOF) {
			// a server that stops closes a connection that it has just accepted, whatever its
			// handlers; clients ask once more (RFC 9110 section 9.2.2)
			a, err = fetch(c, "http://portal.localhost/second", cookie)
		}
		switch {
		case err != nil:
			t.Errorf("a request failed: %v", err)
		case a.StatusCode != http.StatusOK || a.setNames() != allowed:
			t.Errorf("status %d sets %q, want 200 and %q", a.StatusCode, a.setNames(), allowed)
		}
		running.answers.Add(1)
	}
}

func fetch(c *http.Client, address, cookie string) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Cookie", cookie)
	response, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	return answer{response, string(body)}, errors.Join(err, response.Body.Close())
}

// await waits for n more answers.
func (running *traffic) await(t *testing.T, n int64) {
	t.Helper()
	for goal := running.answers.Load() + n; running.answers.Load() < goal && !t.Failed(); {
		time.Sleep(time.Millisecond)
	}
}

func (running *traffic) stop() {
	running.ended.Store(true)
	running.visitors.Wait()
}

// TestNoGoroutineIsLeftBehind counts the goroutines with code of this module in
// their stack, once traffic and reloads are over.
func TestNoGoroutineIsLeftBehind(t *testing.T) {
	t.Run("traffic and reloads", TestReloadUnderTraffic)
	left := ""
	defer func() {
		if left != "" {
			t.Logf("a goroutine of the module is still there:\n%s", left)
		}
	}()
	waitFor(t, "a process without goroutines of the module", func() bool {
		left = ourGoroutine()
		return left == ""
	})
}

// ourGoroutine returns the stack of a goroutine with code of the module, that of its
// tests aside; empty without one.
func ourGoroutine() string {
	const ours = "caddy-cookie-consent/caddy-cookie-consent"
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, ours) && !strings.Contains(stack, ours+"/integration_test") && !strings.Contains(stack, ours+"/internal/postgrestest") {
			return stack
		}
	}
	return ""
}
