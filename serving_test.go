package cookieconsent

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// A charter of 2,000 cookies must not be felt when a configuration is loaded.
func TestLargeChartersAreProvisionedQuickly(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("Provider;Cookie;Category;Lifetime\n")
	for i := range 2000 {
		fmt.Fprintf(&rows, "Company %d;cookie_%d_*;marketing;13 mois\n", i%100, i)
	}
	_, file := charterSite(t, rows.String())
	h := &Handler{Site: config.Site{Charter: []string{file}}, app: &App{shared: &shared{}, books: &books{}}, logger: zap.NewNop()}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := time.Hour
	for range 10 {
		start := worked(t)
		site, err := h.declared()
		if err == nil {
			_, err = h.compile(site)
		}
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, worked(t)-start)
	}
	t.Logf("2,000 cookies: %v", best)
	if best > 50*time.Millisecond*slower {
		t.Errorf("2,000 cookies take %v, want less than 50ms", best)
	}
}

// worked is the processor time that this thread has used: others of the machine may
// be at work.
func worked(t *testing.T) time.Duration {
	t.Helper()
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if err := syscall.Getrusage(thread, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
