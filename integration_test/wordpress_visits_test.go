package integration_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	interception "github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// wordPressCharter declares all that WordPress sets, and whom its pages load from.
// The banner is at the bottom: at the top it lies over the block editor's own bar.
const wordPressCharter = `
	controller "Département de Démonstration"
	language en fr
	banner {
		position bottom
	}
	service account {
		provider WordPress
		purpose en "Keep authors logged in."
		purpose fr "Garder ouverte la session des auteurs."
		category necessary authentication
		cookie wordpress_*
		cookie wordpress_logged_in_*
		cookie wordpress_test_cookie
	}
	service workbench {
		provider WordPress
		purpose en "Remember how authors lay out their tools, and in which language."
		purpose fr "Se souvenir de la disposition et de la langue des outils des auteurs."
		category necessary interface
		cookie wp-settings-* {
			lifetime 365d
		}
		cookie wp-settings-time-* {
			lifetime 365d
		}
		cookie wp_lang
		storage local WP_*
	}
	service comments {
		provider WordPress
		purpose en "Fill in your name when you comment again."
		purpose fr "Remplir votre nom quand vous commentez à nouveau."
		category preferences
		cookie comment_author_* {
			lifetime 182d
		}
	}
	service avatars {
		provider Gravatar
		purpose en "Show the pictures of those who comment."
		purpose fr "Montrer les portraits de ceux qui commentent."
		category social
		host *.gravatar.com
	}
	service youtube {
		provider Google
		purpose en "Show films about the territory."
		purpose fr "Montrer des films sur le territoire."
		category media
		host *.youtube.com
	}
`

// enforced returns WordPress behind the module.
func (w *wordPress) enforced(t *testing.T) site {
	t.Helper()
	return newSite(t, "wordpress.localhost", "encode\ncookie_consent {\n"+wordPressCharter+"}\n"+w.body())
}

// bare returns WordPress without the module.
func (w *wordPress) bare(t *testing.T) site {
	t.Helper()
	return newSite(t, "wordpress.localhost", "encode\n"+w.body())
}

// wordPressFront visits the front page, which lists the posts.
func (b tab) wordPressFront(s site) {
	b.t.Helper()
	if status := b.visit(s.url("/")); status != 200 || !b.has(`main a[href$="`+wordPressFilm+`"]`) {
		b.t.Fatalf("at %s, status %d: the front page does not list the film", b.location(), status)
	}
}

// wordPressLogIn logs in, and ends on the dashboard.
func (b tab) wordPressLogIn(s site, account string) {
	b.t.Helper()
	b.visit(s.url("/wp-login.php"))
	b.until("the page has put the cursor into its form", func() bool {
		return eval[bool](b, `document.activeElement.id === "user_login"`)
	})
	b.do(
		chromedp.SendKeys(chromedp.CSS("#user_login"), account),
		chromedp.SendKeys(chromedp.CSS("#user_pass"), wordPressPassword),
	)
	if status := b.click("#wp-submit"); status != 200 || !b.has("#dashboard-widgets") {
		b.t.Fatalf("at %s, status %d: logging in as %s leads to no dashboard", b.location(), status, account)
	}
}

// wordPressLogOut logs out, and ends on the page to log in.
func (b tab) wordPressLogOut(s site) {
	b.t.Helper()
	b.visit(s.url("/wp-login.php?action=logout"))
	if status := b.click(`a[href*="action=logout"]`); status != 200 || !b.has("#loginform") {
		b.t.Fatalf("at %s, status %d: logging out leads to no form to log in", b.location(), status)
	}
}

// wordPressFold folds the dashboard's menu, or unfolds it. A script writes that into
// a cookie, by which WordPress makes the next page.
func (b tab) wordPressFold(s site) {
	b.t.Helper()
	b.visit(s.url("/wp-admin/"))
	const menu = "body.folded"
	before := b.has(menu)
	b.press("#collapse-button")
	b.visit(s.url("/wp-admin/"))
	if b.has(menu) == before {
		b.t.Errorf("the menu is folded: %t, before and after it was changed", before)
	}
}

// wordPressWrite begins a post in the block editor.
func (b tab) wordPressWrite(s site, title, text string) {
	b.t.Helper()
	b.visit(s.url("/wp-admin/post-new.php"))
	b.until("the editor has put the cursor into the title", func() bool {
		return eval[bool](b, `((frame) => (frame?.contentDocument ?? document).activeElement?.matches(".editor-post-title__input") ?? false)(
			document.querySelector("iframe[name=editor-canvas]"))`)
	})
	b.do(chromedp.KeyEvent(title + "\r" + text))
}

// wordPressPublish publishes what has been written, ends on the page that shows it,
// and returns the address.
func (b tab) wordPressPublish(text string) string {
	b.t.Helper()
	const link = ".post-publish-panel__postpublish-header a"
	b.press(".editor-post-publish-panel__toggle")
	b.press(".editor-post-publish-panel .editor-post-publish-button")
	b.do(chromedp.WaitVisible(chromedp.CSS(link)))
	address := eval[string](b, fmt.Sprintf("document.querySelector(%q).href", link))
	if status := b.visit(address); status != 200 || !b.reads("main", text) {
		b.t.Errorf("%s, status %d, does not show the post %q", address, status, text)
	}
	return address
}

// wordPressFillComment fills in the form below the film, as a guest who ticks that
// the name is to be remembered.
func (b tab) wordPressFillComment(s site, author, text string) {
	b.t.Helper()
	b.visit(s.url(wordPressFilm))
	b.do(
		chromedp.SendKeys(chromedp.CSS("#comment"), text),
		chromedp.SetValue(chromedp.CSS("#author"), author),
		chromedp.SetValue(chromedp.CSS("#email"), "guest@example.org"),
	)
	const remember = "#wp-comment-cookies-consent"
	if !b.has(remember + ":checked") {
		b.check(remember)
	}
}

// wordPressSendComment sends the form, and ends on the page that shows the comment.
func (b tab) wordPressSendComment(text string) {
	b.t.Helper()
	if status := b.click("#submit"); status != 200 || !b.reads("main", text) {
		b.t.Errorf("at %s, status %d: the comment %q is not shown", b.location(), status, text)
	}
}

// wordPressRemembers reports the name with which the comment form is filled in.
func (b tab) wordPressRemembers(s site) string {
	b.t.Helper()
	b.visit(s.url(wordPressFilm))
	return eval[string](b, `document.querySelector("#author").value`)
}

// press clicks on what selector finds once it is enabled, stands still and lies
// under nothing else.
func (b tab) press(selector string) {
	b.t.Helper()
	b.until(selector+" can be clicked on", func() bool {
		return eval[bool](b, fmt.Sprintf(`new Promise(done => {
			const e = document.querySelector(%q), at = () => e.getBoundingClientRect();
			if (!e || e.disabled || e.ariaDisabled === "true") return done(false);
			const { x, y, width, height } = at();
			requestAnimationFrame(() => requestAnimationFrame(() => done(
				at().x === x && at().y === y && e.contains(document.elementFromPoint(x + width / 2, y + height / 2)))));
		})`, selector))
	})
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// reads reports whether the element that selector finds contains text.
func (b tab) reads(selector, text string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q) ?? false", selector, text))
}

// wordPressNames lists the cookies of the tab, with * for the hash of the site's
// address that WordPress puts into names.
func (b tab) wordPressNames() string {
	b.t.Helper()
	return nameSet(addressHash.ReplaceAllString(b.jarNames(), "*"))
}

var addressHash = regexp.MustCompile(`[0-9a-f]{32}`)

// outside is what lies beyond this machine.
type outside struct {
	mutex sync.Mutex
	asked []string
}

// cutOff keeps the tab from what is outside, and notes what it asks for there.
func (b tab) cutOff() *outside {
	b.t.Helper()
	o := &outside{}
	err := chromedp.Listen(b.Context, func(event any) {
		paused, is := event.(*interception.EventRequestPaused)
		if !is {
			return
		}
		o.mutex.Lock()
		o.asked = append(o.asked, paused.Request.URL)
		o.mutex.Unlock()
		go func() { // a tab that has been closed is told in vain
			_, _ = chromedp.Call(b.Context, interception.FailRequest, interception.FailRequestParams{
				RequestID: paused.RequestID, ErrorReason: network.ErrorReasonInternetDisconnected,
			})
		}()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	call(b, interception.Enable, interception.EnableParams{Patterns: []*interception.RequestPattern{
		{URLPattern: "https://*"}, {URLPattern: "http://*.gravatar.com/*"},
	}})
	return o
}

// addresses lists what was asked for, once each.
func (o *outside) addresses() []string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	all := slices.Clone(o.asked)
	slices.Sort(all)
	return slices.Compact(all)
}

// wordPressTour visits WordPress as a guest who comments and as an editor who
// publishes, and returns the cookies that the tab holds at each stop.
func (b tab) wordPressTour(s site, name string) (stops []string) {
	b.t.Helper()
	stop := func() { stops = append(stops, without(b.wordPressNames(), "cookies_preferences")) }
	b.wordPressFront(s)
	b.wordPressFillComment(s, "Guest", "A comment, "+name)
	b.wordPressSendComment("A comment, " + name)
	stop()
	b.wordPressLogIn(s, "editor")
	b.wordPressFold(s)
	stop()
	b.wordPressWrite(s, "Post, "+name, "A text, "+name)
	b.wordPressPublish("A text, " + name)
	stop()
	b.wordPressLogOut(s)
	stop()
	return stops
}

func TestWordPressWorksWhateverIsChosen(t *testing.T) {
	w := theWordPress(t)
	var bare []string
	t.Run("without the module", func(t *testing.T) {
		s := w.bare(t)
		startCaddy(t, s)
		b := newTab(t)
		b.cutOff()
		bare = b.wordPressTour(s, "bare")
		t.Logf("cookies at each stop: %q", bare)
	})
	s := w.enforced(t)
	startCaddy(t, s)
	for _, c := range []struct {
		name, button string
		granted      bool
	}{
		{"unanswered", "", false},
		{"refused", "refuse-all", false},
		{"accepted", "accept-all", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTab(t)
			beyond := b.cutOff()
			if c.button != "" {
				b.answerBanner(s, c.button)
			}
			checkFilm(b, s, beyond, c.granted)
			stops := b.wordPressTour(s, c.name)

			refused, name := "comment_author_* comment_author_email_*", ""
			if c.granted {
				refused, name = "", "Guest"
			}
			for i, stop := range stops {
				if want := without(bare[i], refused); stop != want {
					t.Errorf("at stop %d the tab holds %q, want %q", i+1, stop, want)
				}
			}
			if got := b.wordPressRemembers(s); got != name {
				t.Errorf("the name is remembered as %q, want %q", got, name)
			}
			checkCommentLifetimes(b)
			if asked := beyond.addresses(); !c.granted && len(asked) > 0 {
				t.Errorf("the pages asked outside for %q", asked)
			}
		})
	}
}

// checkFilm looks at the film: the page holds it back, or it is asked for.
func checkFilm(b tab, s site, beyond *outside, granted bool) {
	b.t.Helper()
	b.visit(s.url(wordPressFilm))
	switch {
	case granted:
		b.until("the film is asked for", func() bool { return slices.Contains(beyond.addresses(), wordPressFrame) })
		if !b.has("iframe[src='"+wordPressFrame+"']") || b.has("[data-cookie-consent-service]") {
			b.t.Errorf("at %s: the page that is granted is not the site's own", b.location())
		}
	case b.has("iframe[src]") || !b.has("iframe[data-cookie-consent-service=youtube][data-cookie-consent-src='"+wordPressFrame+"']"):
		b.t.Errorf("at %s: the film is not held back", b.location())
	}
}

// checkCommentLifetimes compares the cookies of who has commented with the charter:
// WordPress would keep them for 347 days.
func checkCommentLifetimes(b tab) {
	b.t.Helper()
	for _, c := range b.jar() {
		left := time.Until(time.UnixMilli(int64(c.Expires * 1000)))
		if strings.HasPrefix(c.Name, "comment_author_") && (c.Session || left > 182*24*time.Hour+clockGrain) {
			b.t.Errorf("%s is kept for %v, want 182 days at most", c.Name, left)
		}
	}
}

// Who answers in the middle of writing loses nothing, and the answer counts for what
// is sent next.
func TestWordPressKeepsWhatIsBeingWritten(t *testing.T) {
	s := theWordPress(t).enforced(t)
	startCaddy(t, s)
	t.Run("a comment", func(t *testing.T) {
		b := newTab(t)
		b.cutOff()
		b.wordPressFillComment(s, "Writer", "Begun before the answer")
		b.answer(button("accept-all"))
		b.wordPressSendComment("Begun before the answer")
		if got := b.wordPressRemembers(s); got != "Writer" {
			t.Errorf("the name is remembered as %q", got)
		}
	})
	t.Run("a post", func(t *testing.T) {
		b := newTab(t)
		b.cutOff()
		b.wordPressLogIn(s, "editor")
		b.wordPressWrite(s, "Half a title", "Half a text")
		b.answer(button("accept-all"))
		b.wordPressPublish("Half a text")
	})
}
