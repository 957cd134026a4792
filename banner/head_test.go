package banner

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// Design 1.5: a guard is under 2 KB gzipped.
func TestGuardsAreSmall(t *testing.T) {
	for _, name := range []string{"cookies.js", "hosts.js", "observe.js"} {
		var out bytes.Buffer
		z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		text := readScript(name)
		_, _ = z.Write([]byte(text))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d gzipped", name, len(text), out.Len())
		if out.Len() > 2048 {
			t.Errorf("%s has %d bytes gzipped, at most 2048", name, out.Len())
		}
		for _, ends := range []string{"</", "<!--", "]]>"} {
			if strings.Contains(text, ends) {
				t.Errorf("%s holds %s", name, ends)
			}
		}
	}
}

func TestWhereGuardsReportTo(t *testing.T) {
	const address = ` data-report="/cookie-consent/report"`
	for _, row := range []struct {
		name            string
		observe, framed bool
		nobody          bool
		want            bool
		scripts         int
	}{
		{name: "a page", want: true, scripts: 2},
		{name: "a page in a frame, whose policies admit no report", framed: true, scripts: 1},
		{name: "nobody wants to know", nobody: true, scripts: 2},
		{name: "observed", observe: true, want: true, scripts: 1},
		{name: "observed in a frame", observe: true, framed: true, want: true, scripts: 1},
		{name: "observed, and nobody wants to know", observe: true, nobody: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := testConfig(t, declaration())
			if c.Observe = row.observe; !row.nobody {
				c.Report = func(string, *Report) {}
			}
			s := newSite(t, c)
			r := httptest.NewRequest("GET", "/", nil)
			if row.framed {
				r.Header.Set("Sec-Fetch-Dest", "iframe")
			}
			b, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			head := string(b.Head(nil, s.Begin(r, "/", true), rewriter.Page{}))
			if got := strings.Contains(head, address); got != row.want {
				t.Errorf("it reports: %t, want %t: %.300s", got, row.want, head)
			}
			if got := strings.Count(head, "<script"); got != row.scripts {
				t.Errorf("%d scripts, want %d", got, row.scripts)
			}
		})
	}
}

func TestObserveModeShowsNothing(t *testing.T) {
	c := testConfig(t, declaration())
	c.Observe, c.Report = true, func(string, *Report) {}
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	want := enforcer.Elements{Scripts: []string{hashSource(readScript("observe.js"))}, Connect: "/cookie-consent/report"}
	if got := b.Elements(); strings.Join(got.Scripts, " ") != want.Scripts[0] || len(got.Styles)+len(got.Framed) > 0 || got.Form+got.Script != "" || got.Connect != want.Connect {
		t.Errorf("the site's policies admit %+v, want %+v", got, want)
	}
	pages := NewPages(c, nil)
	for path, want := range map[string]bool{"/cookie-consent/report": true, "/cookie-consent/": false, "/cookie-consent": false, "/cookie-consent/choice": false, "/cookie-consent/report/x": false} {
		if got := pages.Owns(path); got != want {
			t.Errorf("%s is ours: %t, want %t", path, got, want)
		}
	}
}
