package integration_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// members is how many visitors of a crowd decide at once.
const members = 64

// crowd is new visitors who accept all, at some sites in turn, until it is dismissed.
type crowd struct {
	client *http.Client
	sites  []site
	began  time.Time

	dismissed atomic.Bool
	next      atomic.Int64
	visitors  sync.WaitGroup

	mutex        sync.Mutex
	acknowledged []string // ids of their consents
	cookie       string   // the latest
	refused      int      // answers with 503
	lost         int      // answers that did not come, though the request may have
	wrong        error
}

// gather starts a crowd.
func gather(t *testing.T, sites ...site) *crowd {
	t.Helper()
	transport := &http.Transport{DialContext: dialLoopback, MaxIdleConnsPerHost: members, DisableCompression: true}
	c := &crowd{
		client: &http.Client{Transport: transport, CheckRedirect: client(t).CheckRedirect, Timeout: patience},
		sites:  sites, began: time.Now(),
	}
	for range members {
		c.visitors.Go(c.decide)
	}
	t.Cleanup(func() {
		c.dismissed.Store(true)
		c.visitors.Wait()
		transport.CloseIdleConnections()
	})
	return c
}

// decide has one visitor after the other accept all.
func (c *crowd) decide() {
	for !c.dismissed.Load() {
		at := c.sites[int(c.next.Add(1))%len(c.sites)]
		r, err := http.NewRequest(http.MethodPost, at.url("/cookie-consent/choice"), strings.NewReader(acceptAll.Encode()))
		if err != nil {
			c.note(nil, err)
			return
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", at.url(""))
		response, err := c.client.Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		if !c.note(response, err) { // Caddy is away, or has no room
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// note takes note of what became of a choice, and returns whether it was acknowledged.
func (c *crowd) note(response *http.Response, err error) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
	case err != nil, response.StatusCode == http.StatusBadGateway: // said by a Caddy before this one
		c.lost++
	case response.StatusCode == http.StatusServiceUnavailable:
		c.refused++
	case response.StatusCode == http.StatusSeeOther:
		id, cookie, err := consentID(response)
		if err != nil {
			c.wrong = err
			return false
		}
		c.acknowledged, c.cookie = append(c.acknowledged, id), cookie
		return true
	default:
		c.wrong = fmt.Errorf("a choice is answered with status %d", response.StatusCode)
	}
	return false
}

// consentID reads the id of the consent out of the preference cookie, where it stands
// behind eight bytes, as records write it.
func consentID(response *http.Response) (id, cookie string, err error) {
	for _, c := range response.Cookies() {
		if c.Name != "cookies_preferences" || c.Value == "" {
			continue
		}
		value, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil || len(value) < 24 {
			return "", "", fmt.Errorf("the preference cookie is %q", c.Value)
		}
		return hex.EncodeToString(value[8:24]), c.Name + "=" + c.Value, nil
	}
	return "", "", errors.New("an acknowledged choice sets no preference cookie")
}

func (c *crowd) counts() (acknowledged, refused, lost int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.acknowledged), c.refused, c.lost
}

// more waits until n more choices were acknowledged.
func (c *crowd) more(t *testing.T, n int) {
	t.Helper()
	before, _, _ := c.counts()
	waitFor(t, fmt.Sprintf("%d more choices acknowledged", n), func() bool {
		now, _, _ := c.counts()
		return now >= before+n || c.failed()
	})
}

// moreRefused waits until n more choices were refused.
func (c *crowd) moreRefused(t *testing.T, n int) {
	t.Helper()
	_, before, _ := c.counts()
	waitFor(t, fmt.Sprintf("%d more choices refused", n), func() bool {
		_, now, _ := c.counts()
		return now >= before+n || c.failed()
	})
}

func (c *crowd) failed() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.wrong != nil
}

// dismiss ends the crowd once all its answers have come.
func (c *crowd) dismiss(t *testing.T) {
	t.Helper()
	c.dismissed.Store(true)
	c.visitors.Wait()
	took := time.Since(c.began)
	if c.wrong != nil {
		t.Error(c.wrong)
	}
	t.Logf("%d acknowledged in %v (%.0f a second), %d refused, %d without an answer",
		len(c.acknowledged), took.Round(time.Millisecond), float64(len(c.acknowledged))/took.Seconds(), c.refused, c.lost)
}

// checkStored compares what was acknowledged with what is stored: each choice is there
// once. Others are there only as far as their answers got lost, which happened to as
// many as were in flight when a Caddy was killed.
func (c *crowd) checkStored(t *testing.T, kills int, store *records.Store) {
	t.Helper()
	c.checkCount(t, kills, store)
	checkSound(t, store)
}

// checkCount compares what was acknowledged with what stores have, together.
func (c *crowd) checkCount(t *testing.T, kills int, stores ...*records.Store) {
	t.Helper()
	stored, total := map[string]int{}, 0
	for _, store := range stores {
		for r, err := range store.Export(t.Context(), records.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if r.State == records.Given {
				stored[r.Subject]++
				total++
			}
		}
	}
	wrong := 0
	for _, id := range c.acknowledged {
		if stored[id] != 1 {
			wrong++
		}
	}
	extra := total - len(c.acknowledged)
	if wrong > 0 || extra < 0 || extra > min(c.lost, kills*members) {
		t.Errorf("%d acknowledged, %d stored: %d are not there once, and %d are more than acknowledged, with %d answers lost",
			len(c.acknowledged), total, wrong, extra, c.lost)
	}
	t.Logf("%d acknowledged, %d stored", len(c.acknowledged), total)
}

// checkReceipt compares the receipt of the latest choice, at a site, with its id.
func (c *crowd) checkReceipt(t *testing.T, at site) {
	t.Helper()
	id, _, err := consentID(&http.Response{Header: http.Header{"Set-Cookie": {c.cookie}}})
	if err != nil {
		t.Fatal(err)
	}
	a := get(t, at.url("/cookie-consent/receipt"), "Cookie", c.cookie)
	var receipt records.Receipt
	if err := json.Unmarshal([]byte(a.body), &receipt); err != nil || receipt.PIIPrincipalID != id {
		t.Errorf("the receipt of consent %s: status %d, %v, %s", id, a.StatusCode, err, a.body)
	}
}
