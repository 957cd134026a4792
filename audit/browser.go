package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// browserPlaces are the names and paths under which browsers are installed, by
// operating system; "" stands for all others.
var browserPlaces = map[string][]string{
	"": {
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "google-chrome-beta",
		"google-chrome-unstable", "chrome-headless-shell", "headless-shell", "microsoft-edge", "microsoft-edge-stable",
		"brave-browser", "/snap/bin/chromium", "/opt/google/chrome/chrome", "/usr/lib/chromium/chromium",
		"/var/lib/flatpak/exports/bin/org.chromium.Chromium", "/headless-shell/headless-shell",
	},
	"darwin": {
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
		"~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "~/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge", "/Applications/Brave Browser.app/Contents/MacOS/Brave Browser",
		"chromium", "google-chrome",
	},
	"windows": {
		"chrome", "chromium", `%ProgramFiles%\Google\Chrome\Application\chrome.exe`, `%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe`,
		`%LocalAppData%\Google\Chrome\Application\chrome.exe`, `%LocalAppData%\Chromium\Application\chrome.exe`,
		`%ProgramFiles%\Chromium\Application\chrome.exe`, "msedge", `%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe`,
		`%ProgramFiles%\Microsoft\Edge\Application\msedge.exe`,
	},
}

// FindBrowser returns the path of the browser called name or, when name is empty,
// of the first that is installed. Its error wraps ErrNoBrowser.
func FindBrowser(name string) (string, error) {
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("%w at %q: %w", ErrNoBrowser, name, errors.Unwrap(err))
		}
		return path, nil
	}
	places, known := browserPlaces[runtime.GOOS]
	if !known {
		places = browserPlaces[""]
	}
	for _, place := range places {
		if path, err := exec.LookPath(expandPlace(place)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w (looked for %s); install one, or say where it is with --browser", ErrNoBrowser, strings.Join(places, ", "))
}

// expandPlace puts the home directory and the variables of Windows into a path.
func expandPlace(place string) string {
	if rest, ok := strings.CutPrefix(place, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return place
		}
		return filepath.Join(home, rest)
	}
	if rest, ok := strings.CutPrefix(place, "%"); ok {
		name, rest, _ := strings.Cut(rest, "%")
		return os.Getenv(name) + rest
	}
	return place
}

// preferences of the profile: third parties may keep cookies, as they may in most
// visitors' browsers, so that those they try to keep are seen.
const preferences = `{"profile":{"cookie_controls_mode":0,"block_third_party_cookies":false},
"credentials_enable_service":false,"browser":{"has_seen_welcome_page":true}}`

// browser is a running browser.
type browser struct {
	context.Context
	product string // and version
	agent   string // what it calls itself here
	stop    func()
}

// startBrowser starts the browser at path, without window.
func startBrowser(ctx context.Context, path string, insecure bool) (*browser, error) {
	dir, err := os.MkdirTemp("", "cookie-audit")
	if err != nil {
		return nil, fmt.Errorf("making a profile: %w", err)
	}
	remove := func() { _ = os.RemoveAll(dir) }
	if err := writePreferences(dir); err != nil {
		remove()
		return nil, fmt.Errorf("making a profile: %w", err)
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, append(browserFlags(insecure), chromedp.ExecPath(path), chromedp.UserDataDir(dir))...)
	quiet := func(string, ...any) {} // what the library logs may hold URLs and values
	own, cancel := chromedp.NewContext(allocator, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
	b := &browser{Context: own, stop: func() {
		_ = chromedp.Cancel(own)
		cancel()
		stopAllocator()
		remove()
	}}
	version, err := chromedp.CallBrowser(own, cdpbrowser.GetVersion, cdp.Empty{})
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("starting %q: %w", path, err)
	}
	b.product = version.Product
	b.agent = strings.Replace(version.UserAgent, "HeadlessChrome/", "Chrome/", 1) + " cookie-consent-audit"
	return b, nil
}

func writePreferences(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "Default"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Default", "Preferences"), []byte(preferences), 0o600)
}

// browserFlags are the flags of the browser. Frames of other sites stay in the
// process of their page, so that their requests and controls are seen; the profile
// is thrown away. Nothing tells pages that a robot visits but the name it sends:
// some consent managers stay away from robots, and their banner has to be seen.
func browserFlags(insecure bool) []chromedp.ExecAllocatorOption {
	flags := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	flags = append(flags,
		chromedp.Flag("disable-features", "Translate,SitePerProcess,IsolateOrigins,OptimizationHints,MediaRouter,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"),
		chromedp.Flag("disable-site-isolation-trials", true),
		chromedp.Flag("enable-automation", false),
		chromedp.Flag("disable-blink-features", "AutomationControlled"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("deny-permission-prompts", true),
		chromedp.Flag("mute-audio", true),
		chromedp.WindowSize(1280, 1000),
	)
	if insecure {
		flags = append(flags, chromedp.IgnoreCertErrors)
	}
	if os.Geteuid() == 0 { // Chromium's sandbox refuses to run as root
		flags = append(flags, chromedp.NoSandbox)
	}
	return flags
}

// step bounds one command of the browser that should answer at once.
const step = 15 * time.Second

// call sends a command of the DevTools protocol to a tab.
func call[P, R any](ctx context.Context, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, step)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		return result, fmt.Errorf("%s: %w", command.Method, err)
	}
	return result, nil
}
