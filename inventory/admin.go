package inventory

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AdminPath is where an Admin answers.
const AdminPath = "/cookie_consent/"

// Admin answers operators:
//
//	GET /cookie_consent/            the dashboard; ?site= and period=
//	GET /cookie_consent/inventory   Listing; ?site=, kind=, undeclared=1
//	GET /cookie_consent/statistics  Report; ?site=, period= or from= and to=, measure= for CSV
//
// The last two are JSON, or CSV with ?format=csv or Accept: text/csv. A period is 7d,
// 30d, 90d or 400d. Who may ask is for others to say: it belongs on Caddy's admin
// endpoint, and nowhere that visitors reach.
type Admin struct {
	Keeper *Keeper
	Health func() []Health // rows of the dashboard's health section, in order; nil for none
	// Declares names the service that declares something now, which nobody did when it
	// was seen; nil or "" if none does.
	Declares func(Entry) string
	Suggest  func(Entry) string // what to do about something undeclared, in one sentence; nil or "" for the usual
	Now      func() time.Time
}

// Health is how well one part works.
type Health struct {
	Name   string
	Status string // "ok", "warning" or "error"
	Text   string // what is so, and what to do about it
}

// Listing is the inventory as JSON.
type Listing struct {
	Entries    []Entry    `json:"entries"`
	Overflow   []Overflow `json:"overflow,omitempty"`   // seen and not kept
	Incomplete string     `json:"incomplete,omitempty"` // why other Caddys' are missing
}

// Report is the statistics as JSON.
type Report struct {
	From       string `json:"from"` // first day, 2026-10-31
	To         string `json:"to"`   // last day
	Days       []Day  `json:"days"`
	Incomplete string `json:"incomplete,omitempty"` // why other Caddys' are missing
}

// Handler returns what answers under AdminPath.
func (a *Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+AdminPath+"{$}", answering(a.dashboard))
	mux.Handle("GET "+AdminPath+"inventory", answering(a.inventory))
	mux.Handle("GET "+AdminPath+"statistics", answering(a.statistics))
	return mux
}

// answering turns what a question is wrong about into an answer.
func answering(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := serve(w, r); err != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // to a client that may be gone
		}
	})
}

func (a *Admin) inventory(w http.ResponseWriter, r *http.Request) error {
	query, err := allowed(r.URL, "site", "kind", "undeclared", "format")
	if err != nil {
		return err
	}
	kind := Kind(query.Get("kind"))
	if kind != "" && !slices.Contains(Kinds, kind) {
		return fmt.Errorf("unknown kind %q: want cookie, storage or host", kind)
	}
	undeclared, err := yes(query, "undeclared")
	if err != nil {
		return err
	}
	table, err := wantsCSV(w, r, query)
	if err != nil {
		return err
	}
	site := hostName(query.Get("site"))
	list := a.list(r, site)
	list.Entries = slices.DeleteFunc(list.Entries, func(e Entry) bool {
		return kind != "" && e.Kind != kind || undeclared && e.Service != ""
	})
	list.Overflow = slices.DeleteFunc(list.Overflow, func(o Overflow) bool { return kind != "" && o.Kind != kind })
	if table {
		return sendCSV(w, "cookie-consent-inventory", entriesCSV(list.Entries))
	}
	return sendJSON(w, list)
}

// list returns what was seen on a site, or on all.
func (a *Admin) list(r *http.Request, site string) Listing {
	entries, overflow, err := a.Keeper.Seen(r.Context())
	list := Listing{Entries: entries, Overflow: overflow, Incomplete: text(err)}
	for i := range list.Entries {
		if e := &list.Entries[i]; e.Service == "" && a.Declares != nil {
			e.Service = a.Declares(*e)
		}
	}
	if site != "" {
		list.Entries = slices.DeleteFunc(list.Entries, func(e Entry) bool { return e.Site != site })
		list.Overflow = slices.DeleteFunc(list.Overflow, func(o Overflow) bool { return o.Site != site })
	}
	return list
}

func (a *Admin) statistics(w http.ResponseWriter, r *http.Request) error {
	query, err := allowed(r.URL, "site", "period", "from", "to", "measure", "format")
	if err != nil {
		return err
	}
	from, to, err := a.period(query)
	if err != nil {
		return err
	}
	measure := query.Get("measure")
	if measure != "" && !slices.Contains(measures, measure) {
		return fmt.Errorf("unknown measure %q: want one of %s", measure, strings.Join(measures, ", "))
	}
	table, err := wantsCSV(w, r, query)
	if err != nil {
		return err
	}
	report := a.report(r, hostName(query.Get("site")), from, to)
	if table {
		return sendCSV(w, "cookie-consent-statistics", daysCSV(report.Days, measure))
	}
	return sendJSON(w, report)
}

// report returns what was counted on a site, or on all.
func (a *Admin) report(r *http.Request, site, from, to string) Report {
	days, err := a.Keeper.Days(r.Context(), from, to)
	if site != "" {
		days = slices.DeleteFunc(days, func(d Day) bool { return d.Site != site })
	}
	return Report{From: from, To: to, Days: days, Incomplete: text(err)}
}

// periods are those that can be asked for, in days.
var periods = []int{7, 30, 90, KeptDays}

const usualPeriod = 30

// period returns the first and the last day that a query asks for, among those that
// are kept.
func (a *Admin) period(query url.Values) (from, to string, err error) {
	today := dayOf(a.Now())
	days := usualPeriod
	if asked := query.Get("period"); asked != "" {
		days, err = strconv.Atoi(strings.TrimSuffix(asked, "d"))
		if err != nil || asked != fmt.Sprintf("%dd", days) || !slices.Contains(periods, days) {
			return "", "", fmt.Errorf("unknown period %q: want 7d, 30d, 90d or %dd", asked, KeptDays)
		}
	}
	from, to = dayName(today-int64(days)+1), dayName(today)
	for name, day := range map[string]*string{"from": &from, "to": &to} {
		asked := query.Get(name)
		if asked == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, asked); err != nil {
			return "", "", fmt.Errorf("%s %q: want a day as in 2026-10-31", name, asked)
		}
		*day = asked
	}
	from, to = max(from, dayName(today-KeptDays+1)), min(to, dayName(today))
	if from > to {
		return "", "", fmt.Errorf("no day to show from %s to %s: the last %d are kept", from, to, KeptDays)
	}
	return from, to, nil
}

// allowed returns the query of an address. A name that is none of known is an error,
// so that a misspelt filter does not show everything.
func allowed(address *url.URL, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("reading the query: %w", err)
	}
	for name := range query {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown parameter %q: want %s", name, strings.Join(known, ", "))
		}
	}
	return query, nil
}

func yes(query url.Values, name string) (bool, error) {
	switch value := query.Get(name); value {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	default:
		return false, fmt.Errorf("%s %q: want 1 or 0", name, value)
	}
}

// wantsCSV reports whether a client asks for a table: in the query or, without a
// format there, as the type it would rather have.
func wantsCSV(w http.ResponseWriter, r *http.Request, query url.Values) (bool, error) {
	switch format := query.Get("format"); format {
	case "csv":
		return true, nil
	case "json":
		return false, nil
	case "":
		w.Header().Add("Vary", "Accept")
		return prefersCSV(r.Header.Values("Accept")), nil
	default:
		return false, fmt.Errorf("unknown format %q: want json or csv", format)
	}
}

// prefersCSV reports whether text/csv has a weight, and a greater one than JSON.
func prefersCSV(accept []string) bool {
	table, object := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, ok := params["q"]; ok {
			weight, _ = strconv.ParseFloat(q, 64) // what is no number has no weight
		}
		switch mediaType {
		case "text/csv":
			table = weight
		case "application/json":
			object = weight
		}
	}
	return table > object
}

func sendJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // to a client that may be gone
	return nil
}

func sendCSV(w http.ResponseWriter, name string, data []byte) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	_, _ = w.Write(data) // to a client that may be gone
	return nil
}

// text returns what an error says; nothing of none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
