package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// picturesDir is where TestDashboardInBrowser writes a picture of each state and look.
var picturesDir = flag.String("pictures", "", "folder for pictures of the dashboard")

// patience bounds one state of the dashboard, with the start of the browser.
const patience = time.Minute

// axeVersion is that of the other accessibility checks.
const axeVersion = "4.14.1"

// axe returns the script of axe-core as npm has it, kept in .tools.
func axe(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", ".tools", "npm")
	packed, err := os.ReadFile(filepath.Join(dir, "axe-core-"+axeVersion+".tgz"))
	if err != nil {
		fetched := t.TempDir()
		if out, err := exec.Command("npm", "pack", "--pack-destination", fetched, "axe-core@"+axeVersion).CombinedOutput(); err != nil {
			t.Fatalf("npm pack axe-core@%s: %v\n%s", axeVersion, err, out)
		}
		if packed, err = os.ReadFile(filepath.Join(fetched, "axe-core-"+axeVersion+".tgz")); err != nil {
			t.Fatal(err)
		}
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("axe-core has no script: %v", err)
		}
		if header.Name == "package/axe.min.js" {
			script, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return string(script)
		}
	}
}

// startBrowser starts Chromium for a test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		stop()
		stopAllocator()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return ctx
}

// A look is a way in which the dashboard is looked at.
type look struct {
	name     string
	width    int64
	features []*emulation.MediaFeature
}

var (
	dark   = []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	forced = []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}

	everyLook = []look{
		{"light", 1280, nil}, {"dark", 1280, dark}, {"phone", 360, nil}, {"phone-dark", 360, dark},
		{"zoom", 320, nil}, // 1280 at 400 %
		{"tablet", 768, nil}, {"forced", 1280, forced},
	}
	twoLooks = []look{{"light", 1280, nil}, {"phone", 360, nil}}
)

// dashboardStates are what the dashboard shows.
var dashboardStates = []struct {
	name, query string
	admin       func() *Admin
	looks       []look
}{
	{"filled", "", filledAdmin, everyLook},
	{"year", "?period=400d", filledAdmin, twoLooks},
	{"week", "?period=7d", filledAdmin, twoLooks},
	{"quarter", "?period=90d&site=data.example.fr", filledAdmin, twoLooks},
	{"other", "?site=www.morbihan.example", filledAdmin, twoLooks},
	{"observing", "", observingAdmin, twoLooks},
	{"empty", "", emptyAdmin, everyLook},
}

// In a browser the dashboard has no barrier that axe-core finds, with its tables
// unfolded; no width at which it is wider than the window; and nothing
// that its policy forbids.
func TestDashboardInBrowser(t *testing.T) {
	script, browser := axe(t), startBrowser(t)
	for _, state := range dashboardStates {
		server := httptest.NewServer(state.admin().Handler())
		t.Cleanup(server.Close)
		for _, look := range state.looks {
			t.Run(state.name+"-"+look.name, func(t *testing.T) {
				tab, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
				defer cancel()
				tab, cancelTime := context.WithTimeout(tab, patience)
				defer cancelTime()
				if err := chromedp.Do(tab); err != nil {
					t.Fatal(err)
				}
				if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: look.features}); err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(tab, chromedp.EmulateViewport(look.width, 900), chromedp.Navigate(server.URL+AdminPath+state.query)); err != nil {
					t.Fatal(err)
				}
				picture(t, tab, state.name+"-"+look.name)
				checkWidths(t, tab)
				evaluate[bool](t, tab, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
				checkWidths(t, tab)
				checkBarriers(t, tab, script)
			})
		}
	}
}

// checkWidths holds the page against the window, and its charts against their texts.
func checkWidths(t *testing.T, tab context.Context) {
	t.Helper()
	if overflow := evaluate[int](t, tab, "document.documentElement.scrollWidth - innerWidth"); overflow > 0 {
		t.Errorf("the page is %d px wider than the window", overflow)
	}
	if unstyled := evaluate[bool](t, tab, `getComputedStyle(document.body).margin !== "0px"`); unstyled {
		t.Error("the policy forbids the page's own style")
	}
	for _, crossed := range evaluate[[]string](t, tab, collisions) {
		t.Errorf("texts of a chart cross: %s", crossed)
	}
}

// checkBarriers lists what axe-core finds.
func checkBarriers(t *testing.T, tab context.Context, script string) {
	t.Helper()
	evaluate[bool](t, tab, script+"; true")
	text := evaluate[string](t, tab, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]})
		.then(r => JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + " " + n.html.slice(0, 200)))))`)
	var found []string
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	for _, violation := range found {
		t.Error(violation)
	}
}

// collisions lists the texts of charts that lie over one another, or leave the window.
const collisions = `[...document.querySelectorAll("svg.chart")].flatMap(chart => {
	const texts = [...chart.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
	return texts.flatMap(([text, a], i) => [
		...(a.left < 0 || a.right > innerWidth + 1 ? [text + " leaves the window"] : []),
		...texts.slice(i + 1).filter(([, b]) => a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom).map(([other]) => text + " and " + other),
	]);
})`

func evaluate[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluating %.80s: %v", expression, err)
	}
	return value
}

// picture writes what the whole page looks like, when somebody wants to see it.
func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	if *picturesDir == "" {
		return
	}
	data, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*picturesDir, fmt.Sprintf("%s.png", name)), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
