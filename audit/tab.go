package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// tabOptions say how a tab visits.
type tabOptions struct {
	gpc    bool        // sends Global Privacy Control
	header http.Header // to origin only
	origin *url.URL
	quiet  time.Duration
	bound  time.Duration
}

// tab is a browser tab in a profile of its own.
type tab struct {
	context.Context
	tabOptions
	recorder *recorder
	close    func()
}

// tab opens a tab, in a fresh profile when option says so.
func (b *browser) tab(option chromedp.ContextOption, o tabOptions) (*tab, error) {
	ctx, cancel := chromedp.NewContext(b.Context, option)
	t := &tab{Context: ctx, tabOptions: o, close: cancel}
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("opening a tab: %w", err)
	}
	t.recorder = newRecorder(cdp.FrameID(chromedp.FromContext(ctx).Target.TargetID))
	if err := t.prepare(b.agent); err != nil {
		cancel()
		return nil, fmt.Errorf("opening a tab: %w", err)
	}
	return t, nil
}

// gpcScript is what pages see of Global Privacy Control (its section 3.2).
const gpcScript = `Object.defineProperty(Navigator.prototype, "globalPrivacyControl", {get: () => true, enumerable: true, configurable: true})`

func (t *tab) prepare(agent string) error {
	if err := chromedp.Listen(t, t.event); err != nil {
		return err
	}
	if _, err := call(t, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent}); err != nil {
		return err
	}
	_, err := chromedp.CallBrowser(t, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorDeny, BrowserContextID: t.profile(),
	})
	if err != nil {
		return err
	}
	if len(t.header) > 0 {
		pattern := &fetch.RequestPattern{URLPattern: originOf(t.origin) + "/*"}
		if _, err := call(t, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{pattern}}); err != nil {
			return err
		}
	}
	if err := t.watchWorkers(); err != nil {
		return err
	}
	if !t.gpc {
		return nil
	}
	if _, err := call(t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Sec-GPC": "1"}}); err != nil {
		return err
	}
	_, err = call(t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: gpcScript})
	return err
}

func (t *tab) profile() cdp.BrowserContextID { return chromedp.FromContext(t.Context).BrowserContextID }

// event takes the events of the tab; commands cannot be sent from here.
func (t *tab) event(event any) {
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening: // pages stand still until it is answered
		go func() {
			accept := e.Type == "beforeunload"
			_, _ = call(t, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: accept})
		}()
	case *target.EventAttachedToTarget:
		go t.heldWorker(e)
	case *target.EventTargetCreated:
		go t.freeWorker(e.TargetInfo)
	case *fetch.EventRequestPaused:
		go func() { _, _ = call(t, fetch.ContinueRequest, t.withHeader(e)) }()
	default:
		t.recorder.note(event)
	}
}

// withHeader adds the headers of the options to a request to the site's origin.
func (t *tab) withHeader(e *fetch.EventRequestPaused) fetch.ContinueRequestParams {
	p := fetch.ContinueRequestParams{RequestID: e.RequestID}
	if u, err := url.Parse(e.Request.URL); err != nil || originOf(u) != originOf(t.origin) {
		return p
	}
	for name, value := range e.Request.Headers {
		if text, isText := value.(string); isText && t.header.Get(name) == "" {
			p.Headers = append(p.Headers, &fetch.HeaderEntry{Name: name, Value: text})
		}
	}
	for name, values := range t.header {
		for _, value := range values {
			p.Headers = append(p.Headers, &fetch.HeaderEntry{Name: name, Value: value})
		}
	}
	return p
}

// visit goes to address, looks at all of it and waits until it is at rest.
func (t *tab) visit(address string) Page {
	p := Page{URL: clean(address)}
	t.recorder.expectLoading()
	ctx, cancel := context.WithTimeout(t.Context, t.bound)
	defer cancel()
	result, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: address})
	switch {
	case err != nil && t.Err() != nil:
		p.Problem = t.Err().Error()
	case err != nil:
		p.Problem = "no answer in time"
	case result.ErrorText != "":
		p.Problem = result.ErrorText
	}
	if p.Problem != "" || result.LoaderID == "" { // without a loader, the page is there already
		t.recorder.notLoading()
	}
	t.loaded()
	t.scroll()
	p.Unrest = !t.settle()
	p.Status = t.recorder.statusOf(network.RequestID(result.LoaderID))
	return p
}

// loaded waits for the load event.
func (t *tab) loaded() {
	limit := time.NewTimer(t.bound)
	defer limit.Stop()
	for t.recorder.isLoading() {
		select {
		case <-t.recorder.wake:
		case <-limit.C:
			return
		case <-t.Done():
			return
		}
	}
}

// settle waits until the tab is at rest: loaded, and its network still. It
// reports whether that came in time.
func (t *tab) settle() bool {
	limit := time.Now().Add(t.bound)
	for {
		now := time.Now()
		wait := t.recorder.rest(t.quiet, now)
		if wait == 0 {
			return true
		}
		if !now.Before(limit) {
			return false
		}
		timer := time.NewTimer(min(wait, limit.Sub(now)))
		select {
		case <-t.recorder.wake:
		case <-timer.C:
		case <-t.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// scroll shows the end of the page, so that what is loaded when it comes into view
// is loaded.
func (t *tab) scroll() {
	_, _ = call(t, runtime.Evaluate, runtime.EvaluateParams{Expression: "scrollTo({top: document.documentElement?.scrollHeight, behavior: 'instant'})"})
}

// location is the address of the page.
func (t *tab) location() string {
	for _, f := range t.frames() {
		return f.URL
	}
	return ""
}

// frames lists the frames of the page, the main one first.
func (t *tab) frames() []*cdp.Frame {
	tree, err := call(t, page.GetFrameTree, cdp.Empty{})
	if err != nil || tree.FrameTree == nil {
		return nil
	}
	var frames []*cdp.Frame
	var walk func(*page.FrameTree)
	walk = func(branch *page.FrameTree) {
		frames = append(frames, branch.Frame)
		for _, child := range branch.ChildFrames {
			walk(child)
		}
	}
	walk(tree.FrameTree)
	return frames
}

// world makes a place in a frame where scripts see its document, and the page's
// scripts see nothing of them.
func (t *tab) world(frame cdp.FrameID) (runtime.ExecutionContextID, error) {
	result, err := call(t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: "cookie-consent-audit"})
	return result.ExecutionContextID, err
}

// evaluate evaluates an expression in a world and decodes what it gives into result.
func (t *tab) evaluate(world runtime.ExecutionContextID, expression string, result any) error {
	yes := true
	r, err := call(t, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ContextID: world, ReturnByValue: &yes, AwaitPromise: &yes, UserGesture: &yes,
	})
	if err != nil {
		return err
	}
	if r.ExceptionDetails != nil {
		return errors.New("a script failed in the page")
	}
	if result == nil || len(r.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Result.Value, result)
}

// jar returns the cookies of the tab's profile, of every domain.
func (t *tab) jar() ([]*network.Cookie, error) {
	ctx, cancel := context.WithTimeout(t.Context, step)
	defer cancel()
	result, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: t.profile()})
	if err != nil {
		return nil, fmt.Errorf("reading the cookies: %w", err)
	}
	for _, c := range result.Cookies {
		c.Value = ""
	}
	return result.Cookies, nil
}

// storageScript lists the names in the storage of a frame's origin.
const storageScript = `(async () => {
	const names = {local: [], session: [], indexeddb: []};
	try { names.local = Object.keys(localStorage); } catch {}
	try { names.session = Object.keys(sessionStorage); } catch {}
	try { names.indexeddb = (await indexedDB.databases()).map((d) => d.name); } catch {}
	return names;
})()`

// storage lists the keys and databases of every origin in the page.
func (t *tab) storage(address string) []Stored {
	var all []Stored
	seen := map[string]bool{}
	for _, frame := range t.frames() {
		origin := frame.SecurityOrigin
		if seen[origin] || !strings.HasPrefix(origin, "http") {
			continue
		}
		seen[origin] = true
		world, err := t.world(frame.ID)
		if err != nil {
			continue // the frame is gone
		}
		var names map[Kind][]string
		if t.evaluate(world, storageScript, &names) != nil {
			continue
		}
		for _, kind := range []Kind{KindLocal, KindSession, KindIndexed} {
			for _, name := range names[kind] {
				all = append(all, Stored{Kind: kind, Origin: origin, Name: shorten(name), Page: clean(address)})
			}
		}
	}
	return all
}
