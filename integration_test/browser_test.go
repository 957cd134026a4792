package integration_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// patience bounds one step in the browser. Steps wait for states, so it is spent
// only when something is wrong.
const patience = 30 * time.Second

// startedBrowser starts Chromium, once for all tests.
var startedBrowser = sync.OnceValues(func() (context.Context, error) {
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter"),
		chromedp.Flag("accept-lang", "fr"), chromedp.WindowSize(1280, 900),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, stop := chromedp.NewContext(allocator)
	whenDone(func() {
		_ = chromedp.Cancel(ctx)
		stop()
		stopAllocator()
	})
	return ctx, chromedp.Do(ctx)
})

// tab is a browser tab with a cookie jar of its own.
type tab struct {
	context.Context
	t *testing.T
}

// newTab opens a tab that lasts as long as the test.
func newTab(t *testing.T) tab {
	t.Helper()
	browser, err := startedBrowser()
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return tab{ctx, t}
}

// do runs steps one after the other.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for i, step := range steps {
		if _, err := try(b, step); err != nil {
			b.t.Fatalf("at %s, step %d: %v", b.location(), i+1, err)
		}
	}
}

// try runs one step with patience.
func try[T any](b tab, step chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	return chromedp.Run(ctx, step)
}

// call sends a command of the DevTools protocol.
func call[P, R any](b tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.Context, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval evaluates an expression in the page.
func eval[T any](b tab, expression string) T {
	b.t.Helper()
	value, err := try(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("at %s: evaluating %s: %v", b.location(), expression, err)
	}
	return value
}

// location is the address of the page, or what went wrong.
func (b tab) location() string {
	address, err := try(b, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return address
}

// visit goes to an address and returns the status of its page.
func (b tab) visit(address string) int {
	b.t.Helper()
	// A navigation of the page's own that has begun, such as a reload, may come first
	// and leave this one without a response.
	for range 3 {
		response, err := try(b, chromedp.NavigateResponse(address))
		if err != nil {
			b.t.Fatalf("going to %s: %v", address, err)
		}
		if response != nil {
			return int(response.Status)
		}
	}
	b.t.Fatalf("going to %s: no response", address)
	return 0
}

// click clicks on what selector finds, waits for the page it leads to, and
// returns its status.
func (b tab) click(selector string) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatalf("at %s: clicking on %s: %v", b.location(), selector, err)
	}
	return int(response.Status)
}

// has reports whether the page has what selector finds.
func (b tab) has(selector string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf("document.querySelector(%q) !== null", selector))
}

// shows reports whether the page has what selector finds, and displays it.
func (b tab) shows(selector string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf("document.querySelector(%q)?.checkVisibility() ?? false", selector))
}

// withoutScript turns scripts off.
func (b tab) withoutScript() {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// sending adds a header to every request of the tab.
func (b tab) sending(name, value string) {
	b.t.Helper()
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{name: value}})
}

// jar returns the cookies of the tab, those scripts cannot see included.
func (b tab) jar() []*network.Cookie {
	b.t.Helper()
	result, err := chromedp.CallBrowser(b.Context, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: b.profile()})
	if err != nil {
		b.t.Fatalf("reading the cookie jar: %v", err)
	}
	return result.Cookies
}

// jarNames lists the cookies of the tab.
func (b tab) jarNames() string {
	b.t.Helper()
	var names []string
	for _, c := range b.jar() {
		names = append(names, c.Name)
	}
	return nameSet(names...)
}

// plant puts a cookie into the tab's jar, as a visit before the module was there
// would have.
func (b tab) plant(s site, name, value string) {
	b.t.Helper()
	_, err := chromedp.CallBrowser(b.Context, storage.SetCookies, storage.SetCookiesParams{
		Cookies:          []*network.CookieParam{{Name: name, Value: value, URL: s.url("/")}},
		BrowserContextID: b.profile(),
	})
	if err != nil {
		b.t.Fatalf("planting %s: %v", name, err)
	}
}

// profile names the tab's own browser context.
func (b tab) profile() cdp.BrowserContextID { return chromedp.FromContext(b.Context).BrowserContextID }

// until waits for a state that no event tells of.
func (b tab) until(state string, reached func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("at %s: waited in vain until %s", b.location(), state)
		}
	}
}

// check ticks a checkbox.
func (b tab) check(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
	if !eval[bool](b, fmt.Sprintf("document.querySelector(%q).checked", selector)) {
		b.t.Fatalf("at %s: %s was clicked on and is not checked", b.location(), selector)
	}
}
