// Package audit visits a site with a real browser and tells what the site stores,
// sends and requests without consent.
//
// It promises to see what a visitor's browser sees: every cookie of every domain,
// those scripts cannot read and partitioned ones included, each Cookie header that
// leaves, the keys of web storage, the names of databases, and each request to a
// third party; before any choice, after a refusal, after an acceptance, after a
// withdrawal, and with Global Privacy Control. It keeps and prints no value of a
// cookie or of storage, no query of a URL, and nothing a login script types.
//
// It works on any site, with or without the module. What belongs to what is said
// by a Declaration; who calls it decides how the report is shown.
package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
)

// Options say what is audited and how. Only URL must be given.
type Options struct {
	URL     string      // where the audit begins; without a scheme, https
	Pages   int         // pages visited at most; default 10
	Login   *Script     // run first in every pass
	Header  http.Header // sent to the origin of URL only
	Browser string      // path or name of the browser; default: the one that is installed
	// Timeout bounds the wait for one page; default 30 s. A page that is never at rest
	// is looked at when it is over.
	Timeout time.Duration
	// Quiet is how long the network must be still before a page counts as loaded;
	// default 1 s.
	Quiet time.Duration
	// Patience is how long a page without a consent control is given to show one;
	// default 4 s.
	Patience time.Duration
	// Parallel is how many passes are made at a time; default 4, fewer on
	// small machines, and 1 with a login.
	Parallel int
	// Insecure accepts any certificate, for sites under construction.
	Insecure bool

	// Declaration tells what is declared. Without one, the policy.json of a site that
	// runs the module is taken, if it has one.
	Declaration Declaration
	// Hint names the likely service of something nobody declared, and its category.
	Hint func(kind Kind, name, host string) (service, category string)
	// Progress is called as the audit goes on, from one goroutine at a time.
	Progress func(Progress)
	// Version is the version of the program that runs the audit, for the report.
	Version string
	// Now is the clock; default time.Now.
	Now func() time.Time

	shared *browser // runs already
}

// Progress is one step of an audit.
type Progress struct {
	Pass       Pass
	Page       string // its URL; empty for a step that is no page
	Step       string // what happens, for people
	Done, Most int    // pages of all passes: visited, and to visit at most
}

// Errors that callers may want to tell apart.
var (
	ErrNoBrowser   = errors.New("no Chromium or Chrome was found")
	ErrUnreachable = errors.New("the site cannot be visited")
)

// defaults fills in what was left out, and checks the rest.
func (o *Options) defaults() (*url.URL, error) {
	if o.Pages <= 0 {
		o.Pages = 10
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Quiet <= 0 {
		o.Quiet = time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 4 * time.Second
	}
	if o.Parallel <= 0 && o.Login != nil {
		o.Parallel = 1 // a login may end the one before
	}
	if o.Parallel <= 0 {
		o.Parallel = min(len(Passes)-1, max(2, runtime.NumCPU()))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	address := o.URL
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	start, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read: %w", withoutURL(err))
	}
	if start.Scheme != "http" && start.Scheme != "https" || start.Hostname() == "" {
		return nil, fmt.Errorf("%q is no URL of a site", o.URL)
	}
	if start.Path == "" {
		start.Path = "/"
	}
	start.Fragment = ""
	return start, nil
}

// withoutURL takes the URL out of an error of net/url or net/http, since it may
// have a query.
func withoutURL(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

// auditor is one audit under way.
type auditor struct {
	Options
	start     *url.URL
	party     party
	transport http.RoundTripper
	browser   *browser
	pages     []string // in the order in which they are visited
	// modulePath is where the module's pages live; empty: the site does not run it.
	modulePath string

	mu      sync.Mutex // for what follows
	report  *Report
	visited int
}

// Run audits a site. The report is complete or there is an error; what could not
// be done, such as a refusal where there is no way to refuse, is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	start, err := o.defaults()
	if err != nil {
		return nil, err
	}
	b := o.shared
	if b == nil {
		path, err := FindBrowser(o.Browser)
		if err != nil {
			return nil, err
		}
		if b, err = startBrowser(ctx, path, o.Insecure); err != nil {
			return nil, err
		}
		defer b.stop()
	}
	a := &auditor{Options: o, start: start, party: newParty(start.Hostname()), browser: b}
	a.transport = a.newTransport()
	a.report = &Report{
		Tool: "caddy-cookie-consent audit", Version: o.Version, Browser: b.product, URL: clean(start.String()),
		Started: o.Now().UTC().Truncate(time.Second), HTTPS: start.Scheme == "https", LoggedIn: o.Login != nil,
		Passes: make([]PassVisit, len(Passes)), Things: []Thing{}, Findings: []Finding{},
	}
	if err := a.passes(ctx); err != nil {
		return nil, err
	}
	a.report.Finished = o.Now().UTC().Truncate(time.Second)
	a.judge()
	return a.report, nil
}

// newTransport carries what is read without the browser: robots.txt, sitemaps and
// the policy that the module publishes.
func (a *auditor) newTransport() http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dialLocal
	if a.Insecure {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	return transport
}

// tell reports progress.
func (a *auditor) tell(pass Pass, page, step string) {
	most := a.Pages
	if pass != Before {
		most = max(1, len(a.pages))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Progress(Progress{Pass: pass, Page: clean(page), Step: step, Done: a.visited, Most: most * len(Passes)})
}

// open opens a tab in a profile of its own.
func (a *auditor) open(pass Pass) (*tab, error) {
	return a.browser.tab(chromedp.WithNewBrowserContext(), tabOptions{
		gpc: pass == GPC, header: a.Header, origin: a.start, quiet: a.Quiet, bound: a.Timeout,
	})
}
