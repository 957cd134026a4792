package integration_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestHistoryAfterAnsweringHere(t *testing.T) {
	checkHistory(t, func(b tab, s site, action string) {
		b.visit(s.url("/"))
		b.answer(button(action))
		b.click("#next")
	})
}

// Browsers keep whole pages for the way back. The one before the answer, with its
// banner, must not be among them.
func TestHistoryAfterAnsweringElsewhere(t *testing.T) {
	checkHistory(t, func(b tab, s site, action string) {
		b.visit(s.url("/"))
		b.click("#next")
		b.answer(button(action))
	})
}

// checkHistory goes back, page by page, to the first one of a journey, and then
// forward to its end: no page asks again what has been answered.
func checkHistory(t *testing.T, journey func(b tab, s site, action string)) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	for _, action := range []string{"accept-all", "refuse-all"} {
		t.Run(action, func(t *testing.T) {
			withAndWithoutScript(t, func(t *testing.T, b tab) {
				journey(b, s, action)
				history := call(b, page.GetNavigationHistory, cdp.Empty{})
				pages := history.Entries[1:] // behind about:blank
				for i := len(pages) - 2; i >= 0; i-- {
					b.goTo(pages[i])
					checkFresh(t, b, "back")
				}
				for _, p := range pages[1:] {
					b.goTo(p)
					checkFresh(t, b, "forward")
				}
			})
		})
	}
}

func TestPagesAreForOneVisitor(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	refused, _ := choose(t, s.url("/cookie-consent"), refuseAll)
	for _, page := range []struct{ path, want string }{
		{"/second", "private, no-cache"},
		{"/missing", "private, no-cache"},
		{"/broken", "private, no-cache"},
		{"/cookie-consent/", "no-store"},
		{"/cookie-consent/state", "no-store"},
	} {
		a := get(t, s.url(page.path), "Cookie", refused)
		if got := a.Header.Get("Cache-Control"); got != page.want {
			t.Errorf("%s has Cache-Control %q, want %q", page.path, got, page.want)
		}
		if got := a.Header.Get("Vary"); page.want != "no-store" && !strings.Contains(strings.Join(a.Header["Vary"], ", "), "Cookie") {
			t.Errorf("%s has Vary %q, want Cookie in it", page.path, got)
		}
	}
}

func checkFresh(t *testing.T, b tab, direction string) {
	t.Helper()
	if b.has(banner) || !b.shows(manageLink) {
		t.Errorf("%s at %s: banner %t, manage link %t", direction, b.location(), b.has(banner), b.shows(manageLink))
	}
}

// goTo goes to an entry of the tab's history.
func (b tab) goTo(entry *page.NavigationEntry) {
	b.t.Helper()
	call(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: entry.ID})
	b.until("the history is at "+entry.URL, func() bool {
		at, err := try(b, chromedp.Evaluate[string]("document.readyState + ' ' + document.URL"))
		return err == nil && at == "complete "+entry.URL
	})
}
