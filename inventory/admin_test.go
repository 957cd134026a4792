package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// nowhere is a Share of one Caddy that keeps nothing.
type nowhere struct{ Share }

func (nowhere) Own(context.Context, string) ([]byte, error)      { return nil, nil }
func (nowhere) Others(context.Context, string) ([][]byte, error) { return nil, nil }

func clock() time.Time { return noon }

// emptyAdmin is that of a Caddy that has just been set up.
func emptyAdmin() *Admin { return &Admin{Keeper: NewKeeper(nowhere{}, clock), Now: clock} }

// observingAdmin is that of a site on its first day.
func observingAdmin() *Admin {
	a := emptyAdmin()
	a.Keeper.Inventory.Saw(cookie("sessionid"), noon)
	return a
}

// filledAdmin is that of two sites with 400 days behind them.
func filledAdmin() *Admin {
	a := emptyAdmin()
	a.Health = func() []Health {
		return []Health{
			{"Records", "ok", "SQLite, 12,403 records, last written a minute ago."},
			{"PostgreSQL", "warning", "Away since 11:42: 17 records wait in the spool."},
			{"Signing keys", "error", "keys.json cannot be read: permission denied. Nothing that needs consent passes."},
		}
	}
	seen := func(days int, times int, e Entry) {
		for n := range times {
			a.Keeper.Inventory.Saw(e, noon.AddDate(0, 0, -days).Add(time.Duration(n)*time.Minute))
		}
	}
	for _, site := range []string{host, "www.morbihan.example"} {
		seen(200, 4, Entry{Site: site, Kind: KindCookie, Name: "sessionid", Setter: "response", Service: "login", Example: "/login"})
		seen(12, 31, Entry{Site: site, Kind: KindCookie, Name: "_ga_G1XYZ23ABC", Setter: "script", Blocked: true, Example: "/explore/dataset/budget"})
	}
	seen(3, 1204, Entry{Site: host, Kind: KindHost, Name: "cdn.tracker-with-a-long-name.example:8443", Setter: "markup", Blocked: true, Example: "/pages/home"})
	seen(1, 2, Entry{Site: host, Kind: KindStorage, Name: "persist:root {v2}", Area: "local", Setter: "script", Example: "/explore/?disjunctive.theme"})
	seen(0, 9, Entry{Site: host, Kind: KindCookie, Name: `<script>alert("x")</script>`, Setter: "unknown", Example: "/\"><img src=x>"})
	seen(20, 9, Entry{Site: host, Kind: KindCookie, Name: "8f3a01bc", Setter: "response"})
	for day := range KeptDays {
		at := noon.AddDate(0, 0, -day)
		count := func(times int, f func()) {
			for range times {
				f()
			}
		}
		wave := 12 + (day*7)%11 + 10*((day/7)%3)
		if day%7 == 0 {
			wave /= 4
		}
		count(wave*3, func() { a.Keeper.Statistics.Shown(host, true, at) })
		count(wave, func() { a.Keeper.Statistics.Shown(host, false, at) })
		for i, language := range []string{"fr", "en", "br"} {
			count(wave/(1+2*i), func() { a.Keeper.Statistics.Chose(host, Accept, language, at) })
			count(wave/(2+2*i), func() { a.Keeper.Statistics.Chose(host, Refuse, language, at) })
			count(wave/(6+i), func() { a.Keeper.Statistics.Chose(host, Partial, language, at) })
		}
		count(day%3, func() { a.Keeper.Statistics.Chose(host, Withdraw, "fr", at) })
		count(wave/4, func() { a.Keeper.Statistics.Chose(host, GPC, "", at) })
		for i, service := range []string{"youtube", "google_analytics", "matomo", "", "facebook", "dailymotion", "hotjar", "linkedin", "addtoany", "disqus", "vimeo", "x"} {
			count(wave/(1+i), func() { a.Keeper.Statistics.Blocked(host, service, at) })
		}
		a.Keeper.Statistics.Shown("www.morbihan.example", true, at)
	}
	return a
}

func ask(t *testing.T, a *Admin, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

func TestAdminAnswers(t *testing.T) {
	a := filledAdmin()
	for _, test := range []struct {
		rule, method, target, accept string
		status                       int
		mediaType, part              string // of the body
	}{
		{"inventory is JSON", "GET", "inventory", "", 200, "application/json", `"name":"sessionid"`},
		{"of one site", "GET", "inventory?site=www.morbihan.example", "", 200, "application/json", `"site":"www.morbihan.example"`},
		{"nothing is a list too", "GET", "inventory?site=nowhere.example", "", 200, "application/json", `{"entries":[]}`},
		{"of no days either", "GET", "statistics?site=nowhere.example", "", 200, "application/json", `"days":[]}`},
		{"of one kind", "GET", "inventory?kind=host", "", 200, "application/json", `"kind":"host"`},
		{"CSV by format", "GET", "inventory?format=csv", "application/json", 200, "text/csv", "data.example.fr,cookie,_ga_*,script"},
		{"CSV by type", "GET", "inventory", "text/csv", 200, "text/csv", "site,kind,name"},
		{"CSV that is liked less", "GET", "inventory", "text/csv;q=0.5, application/json", 200, "application/json", ""},
		{"CSV that is refused", "GET", "inventory", "text/csv;q=0, */*", 200, "application/json", ""},
		{"JSON by format", "GET", "inventory?format=json", "text/csv", 200, "application/json", ""},
		{"unknown kind", "GET", "inventory?kind=pixel", "", 400, "application/json", `{"error":"unknown kind \"pixel\": want cookie, storage or host"}`},
		{"unknown flag", "GET", "inventory?undeclared=yes", "", 400, "application/json", `undeclared \"yes\": want 1 or 0`},
		{"unknown format", "GET", "inventory?format=xml", "", 400, "application/json", `unknown format \"xml\"`},
		{"unknown parameter", "GET", "inventory?sites=a", "", 400, "application/json", `unknown parameter \"sites\"`},
		{"a query that is none", "GET", "inventory?site=%zz", "", 400, "application/json", "reading the query"},
		{"a post", "POST", "inventory", "", 405, "text/plain", ""},
		{"statistics of 30 days", "GET", "statistics", "", 200, "application/json", `{"from":"2026-10-02","to":"2026-10-31",`},
		{"of a period", "GET", "statistics?period=7d", "", 200, "application/json", `{"from":"2026-10-25","to":"2026-10-31",`},
		{"of days", "GET", "statistics?from=2026-01-05&to=2026-01-06", "", 200, "application/json", `{"from":"2026-01-05","to":"2026-01-06","days":[{"site":"data.example.fr","day":"2026-01-05"`},
		{"as CSV", "GET", "statistics?format=csv&measure=visits", "", 200, "text/csv", "2026-10-31,data.example.fr,visits,,,,"},
		{"unknown period", "GET", "statistics?period=8d", "", 400, "application/json", `unknown period \"8d\"`},
		{"a period that is no number", "GET", "statistics?period=+7d", "", 400, "application/json", `unknown period`},
		{"no day", "GET", "statistics?from=yesterday", "", 400, "application/json", `from \"yesterday\": want a day as in 2026-10-31`},
		{"backwards", "GET", "statistics?from=2026-02-01&to=2026-01-01", "", 400, "application/json", "no day to show from 2026-02-01 to 2026-01-01"},
		{"before all that is kept", "GET", "statistics?from=0001-01-01&to=0001-02-01", "", 400, "application/json", "the last 400 are kept"},
		{"all that is kept", "GET", "statistics?from=0001-01-01&to=9999-01-01", "", 200, "application/json", `{"from":"2025-09-27","to":"2026-10-31",`},
		{"unknown measure", "GET", "statistics?measure=people", "", 400, "application/json", `unknown measure \"people\"`},
		{"the dashboard", "GET", "", "", 200, "text/html", "<!doctype html>"},
		{"of days", "GET", "?from=2026-01-05&to=2026-01-06", "", 200, "text/html", "5 Jan 2026 to 6 Jan 2026"},
		{"of no period", "GET", "?period=x", "", 400, "application/json", "unknown period"},
		{"HEAD", "HEAD", "inventory", "", 200, "application/json", ""},
		{"nothing else", "GET", "records", "", 404, "text/plain", ""},
	} {
		w := ask(t, a, test.method, AdminPath+test.target, "Accept", test.accept)
		if got := w.Header().Get("Content-Type"); w.Code != test.status || !strings.HasPrefix(got, test.mediaType) || !strings.Contains(w.Body.String(), test.part) {
			t.Errorf("%s: %s %s = %d, %s, %.200s; want %d, %s, %s", test.rule, test.method, test.target, w.Code, got, w.Body, test.status, test.mediaType, test.part)
		}
	}
}

func TestInventoryFilters(t *testing.T) {
	a := filledAdmin()
	for _, test := range []struct {
		query string
		fits  func(Entry) bool
		want  int
	}{
		{"", func(Entry) bool { return true }, 8},
		{"undeclared=1", func(e Entry) bool { return e.Service == "" }, 6},
		{"undeclared=0", func(Entry) bool { return true }, 8},
		{"kind=storage", func(e Entry) bool { return e.Kind == KindStorage }, 1},
		{"site=WWW.morbihan.example&kind=cookie", func(e Entry) bool { return e.Site == "www.morbihan.example" }, 2},
		{"site=elsewhere.example", func(Entry) bool { return false }, 0},
	} {
		var list Listing
		if err := json.Unmarshal(ask(t, a, "GET", AdminPath+"inventory?"+test.query).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Entries {
			if !test.fits(e) {
				t.Errorf("%s: has %+v", test.query, e)
			}
		}
		if len(list.Entries) != test.want {
			t.Errorf("%s: %d entries, want %d", test.query, len(list.Entries), test.want)
		}
	}
}

func TestDashboardSays(t *testing.T) {
	for _, test := range []struct {
		state string
		admin *Admin
		query string
		parts []string
		none  []string
	}{
		{"empty", emptyAdmin(), "", []string{"Nothing was seen yet", "mode observe", "caddy cookie-consent declare"}, []string{"Does everything work?", "<svg", "<dl"}},
		{"observing", observingAdmin(), "", []string{"Nobody chose anything", "No page went out with the banner", "Nothing was held back", "No answers in this period", "none in this period"}, []string{"Nothing was seen yet", "<svg"}},
		{"filled", filledAdmin(), "", []string{"All sites", "Does everything work?", "Away since 11:42", "cookie _ga_*", "And 2 more in the table", "no declaration fits it", "storage local `persist:root {v2}`"}, []string{"Nothing was seen yet", "<script", "<img"}},
		{"one site", filledAdmin(), "?site=www.morbihan.example&period=400d", []string{`<option value="www.morbihan.example" selected>`, "Nobody chose anything", "0%", "cookie _ga_*", "site=www.morbihan.example"}, []string{"persist:root"}},
		{"a site that is none", filledAdmin(), `?site="><script>`, []string{"All that was seen is declared."}, []string{"<script"}},
	} {
		w := ask(t, test.admin, "GET", AdminPath+test.query)
		body := w.Body.String()
		for _, part := range test.parts {
			if !strings.Contains(html.UnescapeString(body), part) {
				t.Errorf("%s: says nothing of %q", test.state, part)
			}
		}
		for _, part := range test.none {
			if strings.Contains(body, part) {
				t.Errorf("%s: has %q", test.state, part)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", test.state, policy)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be kept by caches", test.state)
		}
	}
}

func TestOverflowShows(t *testing.T) {
	a := emptyAdmin()
	for n := range maxEntries + 3 {
		a.Keeper.Inventory.Saw(cookie(letters(n)), noon)
	}
	if body := ask(t, a, "GET", AdminPath).Body.String(); !strings.Contains(body, "3 sightings of a cookie") || !strings.Contains(body, fmt.Sprintf("And %d more", maxEntries-maxUndeclaredRows)) {
		t.Error("the dashboard does not say what does not fit")
	}
	if body := ask(t, a, "GET", AdminPath+"inventory").Body.String(); !strings.Contains(body, `"overflow":[{"site":"data.example.fr","kind":"cookie","count":3}]`) {
		t.Error("the inventory does not say what does not fit")
	}
}

func TestSuggestions(t *testing.T) {
	a := &Admin{Suggest: func(e Entry) string {
		if e.Name == "_ga_*" {
			return "It is Google Analytics."
		}
		return ""
	}}
	for _, test := range []struct {
		entry Entry
		line  string
		part  string
	}{
		{Entry{Kind: KindCookie, Name: "_ga_*", Setter: "script"}, "cookie _ga_*", "It is Google Analytics."},
		{Entry{Kind: KindCookie, Name: "a", Setter: "response"}, "cookie a", "server sets it"},
		{Entry{Kind: KindCookie, Name: "a", Setter: "script"}, "cookie a", "script sets it"},
		{Entry{Kind: KindCookie, Name: "a", Setter: "unknown"}, "cookie a", "left over"},
		{Entry{Kind: KindStorage, Name: "a b", Area: "session"}, "storage session `a b`", "keeps it"},
		{Entry{Kind: KindStorage, Name: "a` \"b", Area: "local"}, "storage local \"a` \\\"b\"", "keeps it"},
		{Entry{Kind: KindHost, Name: "cdn.example", Setter: "markup"}, "host cdn.example", "load from it"},
		{Entry{Kind: KindHost, Name: "cdn.example", Setter: "report"}, "host cdn.example", "script asks"},
		{Entry{Kind: KindCookie, Name: "*", Setter: "response"}, "", "anew each time"},
	} {
		if got := a.suggest(test.entry); got.Line != test.line || !strings.Contains(got.Text, test.part) {
			t.Errorf("%+v: %+v, want %q and %q", test.entry, got, test.line, test.part)
		}
	}
}

var _ http.Handler = (&Admin{}).Handler()
