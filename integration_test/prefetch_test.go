package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// Pages that a browser fetched before the choice are not shown after it, however
// it fetched them: told by a link, by speculation rules, or to render them too.
func TestPagesFetchedBeforeTheChoice(t *testing.T) {
	for _, c := range []struct{ name, hint, purpose string }{
		{"a link to prefetch", `<link rel="prefetch" href="/next">`, "prefetch"},
		{"a prefetch by rule", `<script type="speculationrules">{"prefetch":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`, "prefetch"},
		{"a prerender by rule", `<script type="speculationrules">{"prerender":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`, "prefetch;prerender"},
	} {
		var fetched atomic.Int32
		s := behindCaddy(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Cache-Control", "public, max-age=600")
			if r.Header.Get("Sec-Purpose") == c.purpose {
				fetched.Add(1)
			}
			_, _ = fmt.Fprint(w, "<!doctype html><html lang=en><head><title>t</title>", c.hint, `</head><body><h1>`, r.URL.Path, `</h1><a id="next" href="/next">next</a></body></html>`)
			_, _ = io.WriteString(w, "\n")
		})
		for _, choice := range []string{"refuse_all", "accept_all"} {
			t.Run(c.name+", "+choice, func(t *testing.T) {
				b := newTab(t)
				fetched.Store(0)
				b.visit(s.url("/"))
				b.until("the next page is fetched", func() bool { return fetched.Load() > 0 })
				status := eval[int](b, fmt.Sprintf(`fetch("/cookie-consent/choice", {method: "POST", body: new URLSearchParams({choice: %q})}).then(r => r.status)`, choice))
				if status != http.StatusOK {
					t.Fatalf("the choice is answered %d", status)
				}
				b.do(chromedp.Click(chromedp.CSS("#next")))
				b.until("the next page is shown", func() bool {
					shown, err := try(b, chromedp.Evaluate[string]("document.readyState + document.querySelector('h1').textContent"))
					return err == nil && shown == "complete/next"
				})
				checkFresh(t, b, choice)
			})
		}
	}
}
