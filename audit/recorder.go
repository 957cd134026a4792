package audit

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
)

// recorder notes what the network events of one tab tell. The parts of a request
// arrive in any order, so they are put together by settle, once a page is at rest.
type recorder struct {
	mu        sync.Mutex
	main      cdp.FrameID
	exchanges map[network.RequestID]*exchange
	order     []network.RequestID
	loading   bool
	changed   time.Time // when requests last began or ended
	wake      chan struct{}
}

// exchange is a request with its redirects.
type exchange struct {
	hops     []hop
	sent     []*network.EventRequestWillBeSentExtraInfo
	answers  []*network.EventResponseReceivedExtraInfo
	kind     network.ResourceType
	document string
	cause    string // URL of what caused it
	status   int
	blocked  string // why it never left
	begun    time.Time
	open     bool
	told     bool     // its first hop was taken before
	cookies  []string // names in a WebSocket handshake
}

// hop is one URL of an exchange.
type hop struct {
	url  string
	mute bool // the network tells nothing more about it
}

func newRecorder(main cdp.FrameID) *recorder {
	return &recorder{main: main, exchanges: map[network.RequestID]*exchange{}, wake: make(chan struct{}, 1), changed: time.Now()}
}

// of returns the exchange of a request.
func (r *recorder) of(id network.RequestID) *exchange {
	e := r.exchanges[id]
	if e == nil {
		e = &exchange{begun: time.Now()}
		r.exchanges[id] = e
		r.order = append(r.order, id)
	}
	return e
}

// note takes one event of the page. It must be fast.
func (r *recorder) note(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.enter(event) {
		return
	}
	r.changed = time.Now()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// noteWorker takes one event of a worker. Workers may ask for ever, so no page waits
// for them.
func (r *recorder) noteWorker(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enter(event)
	if e, sent := event.(*network.EventRequestWillBeSent); sent {
		r.of(e.RequestID).open = false
	}
}

// enter enters an event, and reports whether it moves the page.
func (r *recorder) enter(event any) bool {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		r.request(e)
	case *network.EventRequestWillBeSentExtraInfo:
		x := r.of(e.RequestID)
		x.sent = append(x.sent, e)
		return false
	case *network.EventResponseReceivedExtraInfo:
		x := r.of(e.RequestID)
		x.answers = append(x.answers, e)
		return false
	case *network.EventResponseReceived:
		x := r.of(e.RequestID)
		x.status = int(e.Response.Status)
		if n := len(x.hops); n > 0 {
			x.hops[n-1].mute = !e.HasExtraInfo
		}
		return false
	case *network.EventLoadingFinished:
		r.of(e.RequestID).open = false
	case *network.EventLoadingFailed:
		x := r.of(e.RequestID)
		x.open, x.blocked = false, string(e.BlockedReason)
		if x.blocked == "" && strings.HasPrefix(e.ErrorText, "net::ERR_BLOCKED_BY") {
			x.blocked = e.ErrorText
		}
	case *network.EventWebSocketCreated:
		x := r.of(e.RequestID)
		x.hops, x.kind, x.cause = []hop{{url: e.URL}}, "WebSocket", initiator(e.Initiator)
	case *network.EventWebSocketWillSendHandshakeRequest:
		x := r.of(e.RequestID)
		x.cookies = append(x.cookies, cookieNames(headerOf(e.Request.Headers, "Cookie"))...)
		return false
	case *network.EventWebTransportCreated:
		x := r.of(e.TransportID)
		x.hops, x.kind, x.cause = []hop{{url: e.URL}}, "WebTransport", initiator(e.Initiator)
	case *page.EventFrameStartedLoading:
		if e.FrameID != r.main {
			return false
		}
		r.loading = true
	case *page.EventFrameStoppedLoading:
		if e.FrameID != r.main {
			return false
		}
		r.loading = false
	default:
		return false
	}
	return true
}

func (r *recorder) request(e *network.EventRequestWillBeSent) {
	x := r.of(e.RequestID)
	if e.RedirectResponse != nil && len(x.hops) > 0 {
		x.hops[len(x.hops)-1].mute = !e.RedirectHasExtraInfo
	}
	x.hops = append(x.hops, hop{url: e.Request.URL})
	// Without a loader it is a worker's, whose end is told elsewhere.
	x.kind, x.document, x.open = e.Type, e.DocumentURL, e.LoaderID != ""
	if x.cause == "" {
		x.cause = initiator(e.Initiator)
	}
}

// initiator is the URL of the script or document that caused a request.
func initiator(i *network.Initiator) string {
	if i == nil {
		return ""
	}
	for stack := i.Stack; stack != nil; stack = stack.Parent {
		for _, frame := range stack.CallFrames {
			if frame.URL != "" {
				return frame.URL
			}
		}
	}
	return i.URL
}

// endless are the kinds of requests that a page at rest may keep open.
var endless = map[network.ResourceType]bool{"EventSource": true, "WebSocket": true, "WebTransport": true, "Ping": true, "Media": true}

// longPoll is after how long an open request counts as one that waits for news.
const longPoll = 6 * time.Second

// rest returns how long the tab has to stay as it is to be at rest; 0: it is.
func (r *recorder) rest(quiet time.Duration, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := quiet - now.Sub(r.changed)
	if r.loading {
		wait = max(wait, quiet)
	}
	for _, x := range r.exchanges {
		if x.open && !endless[x.kind] {
			wait = max(wait, longPoll-now.Sub(x.begun))
		}
	}
	return max(wait, 0)
}

// isLoading reports whether the main frame is still loading.
func (r *recorder) isLoading() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loading
}

// expectLoading tells that a navigation was asked for, so that rest waits for it.
func (r *recorder) expectLoading() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loading, r.changed = true, time.Now()
}

// notLoading tells that no navigation came after all.
func (r *recorder) notLoading() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loading = false
}

// take returns what was noted since it was last called, in order, and forgets it.
// What is still open is kept too, so that its end is known.
func (r *recorder) take() []*exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken []*exchange
	open := map[network.RequestID]*exchange{}
	for _, id := range r.order {
		x := r.exchanges[id]
		taken = append(taken, x)
		if x.open {
			rest := &exchange{begun: x.begun, open: true, kind: x.kind, document: x.document, cause: x.cause, told: len(x.hops) > 0}
			rest.hops = slices.Clone(x.hops[max(0, len(x.hops)-1):])
			open[id] = rest
		}
	}
	r.exchanges, r.order = open, slices.DeleteFunc(r.order, func(id network.RequestID) bool { return open[id] == nil })
	return taken
}

// held returns why the request never left the browser; empty when it did, even if
// its answer was held back.
func (x *exchange) held() string {
	if len(x.sent)+len(x.answers) > 0 || x.blocked == "net::ERR_BLOCKED_BY_ORB" || x.blocked == "net::ERR_BLOCKED_BY_RESPONSE" {
		return ""
	}
	return x.blocked
}

// leg is what is known of one hop.
type leg struct {
	url    string
	again  bool                                     // it was taken before, without its answer
	sent   *network.EventRequestWillBeSentExtraInfo // nil: the network told nothing
	answer *network.EventResponseReceivedExtraInfo
}

// legs puts together what is known of every hop.
func (x *exchange) legs() []leg {
	var legs []leg
	sent, answers := x.sent, x.answers
	for i, h := range x.hops {
		var s *network.EventRequestWillBeSentExtraInfo
		var a *network.EventResponseReceivedExtraInfo
		if !h.mute {
			if len(sent) > 0 {
				s, sent = sent[0], sent[1:]
			}
			if len(answers) > 0 {
				a, answers = answers[0], answers[1:]
			}
		}
		legs = append(legs, leg{h.url, x.told && i == 0, s, a})
	}
	for _, s := range sent { // of hops that are not known
		legs = append(legs, leg{url: hostHeader(s), again: true, sent: s})
	}
	return legs
}

// hostHeader returns a URL of the host that a request went to.
func hostHeader(s *network.EventRequestWillBeSentExtraInfo) string {
	for _, name := range []string{":authority", "Host"} {
		if host := headerOf(s.Headers, name); host != "" {
			return "https://" + host + "/"
		}
	}
	return ""
}

// headerOf returns a header whatever its case.
func headerOf(headers network.Headers, name string) string {
	for key, value := range headers {
		if strings.EqualFold(key, name) {
			text, _ := value.(string)
			return text
		}
	}
	return ""
}

// cookieNames lists the names in a Cookie header.
func cookieNames(header string) []string {
	var names []string
	for pair := range strings.SplitSeq(header, ";") {
		name, _, isPair := strings.Cut(strings.TrimSpace(pair), "=")
		if isPair && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// setCookies parses the Set-Cookie lines of a response; several are joined by line
// feeds (DevTools protocol, Network.Headers). Values are dropped at once.
func setCookies(headers network.Headers) []*http.Cookie {
	var cookies []*http.Cookie
	for line := range strings.SplitSeq(headerOf(headers, "Set-Cookie"), "\n") {
		c, err := http.ParseSetCookie(line)
		if err != nil { // browsers take more than Go does
			pair, _, _ := strings.Cut(line, ";")
			name, _, isPair := strings.Cut(pair, "=")
			if name = strings.TrimSpace(name); !isPair || name == "" {
				continue
			}
			c = &http.Cookie{Name: name}
		}
		c.Value, c.Raw = "", ""
		cookies = append(cookies, c)
	}
	return cookies
}

// statusOf returns the status of a request's answer, 0 when there is none.
func (r *recorder) statusOf(id network.RequestID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.exchanges[id]; x != nil {
		return x.status
	}
	return 0
}
