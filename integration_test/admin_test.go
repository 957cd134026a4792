package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAdminWorks does an editor's work in Django's admin, wherever the visitor
// stands with the charter: log in, save, change the language, log out.
func TestAdminWorks(t *testing.T) {
	number := 0
	inEachStanding(t, func(t *testing.T, b tab, s site, is standing) {
		number++
		before := len(thePortal(t).requests(t))
		logIn(t, b, s)
		checkJar(t, b, "logging in", "csrftoken sessionid", is)
		saveGroup(t, b, s, fmt.Sprintf("Editors %d", number))
		changeLanguage(t, b, s)
		checkJar(t, b, "changing the language", "csrftoken django_language sessionid", is)
		logOut(t, b, s)

		allowed := nameSet("csrftoken django_language sessionid", is.optional)
		for _, r := range thePortal(t).since(t, before) {
			if more := without(cookieNames(r.Cookie), allowed); more != "" {
				t.Errorf("%s: the site received %q", r.Path, more)
			}
		}
	})
}

// checkJar compares the jar with what is necessary by now and what is granted.
func checkJar(t *testing.T, b tab, after, necessary string, is standing) {
	t.Helper()
	if got, want := without(b.jarNames(), "cookies_preferences"), nameSet(necessary, is.optional); got != want {
		t.Errorf("after %s, the jar holds %q, want %q", after, got, want)
	}
	checkLifetimes(t, b)
}

func logIn(t *testing.T, b tab, s site) {
	t.Helper()
	b.visit(s.url("/admin/"))
	b.do(
		chromedp.SendKeys(chromedp.CSS("#id_username"), "admin"),
		chromedp.SendKeys(chromedp.CSS("#id_password"), "secret"),
	)
	b.click("#login-form [type=submit]")
	if got := b.location(); got != s.url("/admin/") || !b.has("#user-tools") {
		t.Fatalf("logging in leads to %s, want the admin's first page", got)
	}
}

func saveGroup(t *testing.T, b tab, s site, name string) {
	t.Helper()
	b.visit(s.url("/admin/auth/group/add/"))
	b.do(chromedp.SendKeys(chromedp.CSS("#id_name"), name))
	b.click("[name=_save]")
	if got := eval[string](b, `document.querySelector("#result_list")?.innerText ?? ""`); !strings.Contains(got, name) {
		t.Errorf("the group %q is not in the list of groups after saving: %q", name, got)
	}
	if !b.has(".messagelist .success") {
		t.Errorf("the page after saving has no message of success")
	}
}

func changeLanguage(t *testing.T, b tab, s site) {
	t.Helper()
	b.visit(s.url("/"))
	b.click("#english")
	if got := eval[string](b, "document.documentElement.lang"); got != "en" {
		t.Errorf("after choosing English the page is in %q", got)
	}
}

func logOut(t *testing.T, b tab, s site) {
	t.Helper()
	b.visit(s.url("/admin/logout/"))
	b.visit(s.url("/admin/"))
	if !b.has("#login-form") {
		t.Errorf("after logging out, /admin/ leads to %s, want the login form", b.location())
	}
}
