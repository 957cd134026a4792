package integration_test

import (
	"testing"
	"time"
)

// statuses of the portal's answers, by path.
var statuses = []struct {
	path   string
	status int // of the page that is shown in the end
}{
	{"/", 200},
	{"/redirect", 200}, // by way of 302
	{"/missing", 404},
	{"/broken", 500},
}

func TestJarAndSiteHoldExactlyWhatIsAllowed(t *testing.T) {
	inEachStanding(t, func(t *testing.T, b tab, s site, is standing) {
		before := len(thePortal(t).requests(t))
		allowed := nameSet("csrftoken", is.optional)
		visitEveryStatus(t, b, s)

		if got, want := without(b.jarNames(), "cookies_preferences"), allowed; got != want {
			t.Errorf("the jar holds %q, want %q", got, want)
		}
		checkLifetimes(t, b)
		checkSiteReceived(t, thePortal(t).since(t, before), is, allowed)
	})
}

// checkSiteReceived compares what the site was sent with what it may see. The
// first visits fill the jar, so only the last one must have it all.
func checkSiteReceived(t *testing.T, all []received, is standing, allowed string) {
	t.Helper()
	for _, r := range all {
		if more := without(cookieNames(r.Cookie), allowed); more != "" {
			t.Errorf("%s (%d): the site received the cookies %q beyond %q", r.Path, r.Status, more, allowed)
		}
		if r.Consent != is.consent {
			t.Errorf("%s (%d): the site received Cookie-Consent %q, want %q", r.Path, r.Status, r.Consent, is.consent)
		}
	}
	if got := cookieNames(all[len(all)-1].Cookie); got != allowed {
		t.Errorf("in the end the site received %q, want %q", got, allowed)
	}
}

// visitEveryStatus has the portal answer with each status, 304 last.
func visitEveryStatus(t *testing.T, b tab, s site) {
	t.Helper()
	before := len(thePortal(t).requests(t))
	for _, visit := range statuses {
		if got := b.visit(s.url(visit.path)); got != visit.status {
			t.Errorf("%s answers %d, want %d", visit.path, got, visit.status)
		}
	}
	eval[string](b, `fetch("/conditional", {cache: "no-cache"}).then(r => r.text())`)
	eval[string](b, `fetch("/conditional", {cache: "no-cache"}).then(r => r.text())`)
	seen := map[int]bool{}
	for _, r := range thePortal(t).since(t, before) {
		seen[r.Status] = true
	}
	for _, status := range []int{200, 302, 304, 404, 500} {
		if !seen[status] {
			t.Errorf("the portal never answered %d", status)
		}
	}
}

// clockGrain is by how much browsers keep a cookie longer than its Expires says:
// they correct it by the answer's Date, which knows whole seconds only.
const clockGrain = time.Second

// checkLifetimes compares the expiry of every cookie with its declared lifetime.
func checkLifetimes(t *testing.T, b tab) {
	t.Helper()
	for _, c := range b.jar() {
		limit := time.Duration(lifetimes[c.Name]) * 24 * time.Hour
		if left := time.Until(time.UnixMilli(int64(c.Expires * 1000))); !c.Session && left > limit+clockGrain {
			t.Errorf("%s is kept for %v, want at most %v", c.Name, left, limit)
		}
	}
}

func TestLeftoversAreHeldBackAndExpired(t *testing.T) {
	inEachStanding(t, func(t *testing.T, b tab, s site, is standing) {
		for _, name := range []string{"undeclared_x", "_pk_id.1", "ads_id", "csrftoken", "sessionid"} {
			b.plant(s, name, "leftover")
		}
		before := len(thePortal(t).requests(t))
		b.visit(s.url("/data"))

		allowed := nameSet("csrftoken", "sessionid", is.optional)
		if got := cookieNames(thePortal(t).since(t, before)[0].Cookie); got != allowed {
			t.Errorf("the site received %q, want %q", got, allowed)
		}
		if got := without(b.jarNames(), "cookies_preferences"); got != allowed {
			t.Errorf("the jar holds %q, want %q", got, allowed)
		}
	})
}

func TestWithdrawalTakesEffectAtOnce(t *testing.T) {
	s := enforced(t, "portal.localhost")
	startCaddy(t, s)
	b := newTab(t)
	b.answerBanner(s, "accept-all")
	if got, want := b.jarNames(), "_pk_id.1 ads_id cookies_preferences csrftoken"; got != want {
		t.Fatalf("after accepting, the jar holds %q, want %q", got, want)
	}
	b.openPreferences(manageLink)
	b.answer(button("refuse-all"))
	if got, want := b.jarNames(), "cookies_preferences csrftoken"; got != want {
		t.Errorf("after the withdrawal, the jar holds %q, want %q", got, want)
	}
}
