package cookieconsent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI serves what operators ask at Caddy's admin endpoint:
//
//	GET /cookie_consent/health      how declarations and records stand
//	GET /cookie_consent/inventory   what sites were seen to use
//	GET /cookie_consent/statistics  what was answered and held back
//	GET /cookie_consent/            all of it, as a page
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.cookie_consent",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// runningApp returns the App of the configuration in force, nil if there is none. It
// is asked for with each request: the admin endpoint stands before any app does.
func runningApp() *App {
	app, err := caddy.ActiveContext().AppIfConfigured("cookie_consent")
	if err != nil {
		return nil
	}
	return app.(*App)
}

// Routes implements caddy.AdminRouter.
func (a adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "/cookie_consent/health", Handler: caddy.AdminHandlerFunc(a.serveHealth)},
		{Pattern: inventory.AdminPath, Handler: caddy.AdminHandlerFunc(a.serveSeen)},
	}
}

// serveSeen answers with what was seen, once there is an App that has started.
func (a adminAPI) serveSeen(w http.ResponseWriter, r *http.Request) error {
	var keeper *inventory.Keeper
	app := runningApp()
	if app != nil {
		keeper = app.keeper()
	}
	if keeper == nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("no site has cookie_consent")}
	}
	shown := inventory.Admin{Keeper: keeper, Health: a.rows, Declares: declaredBy(app.mounts()), Suggest: suggest, Now: time.Now}
	shown.Handler().ServeHTTP(w, r)
	return nil
}

// rows tells of health as the dashboard shows it.
func (a adminAPI) rows() []inventory.Health {
	h := a.health()
	var rows []inventory.Health
	for _, site := range h.Sites {
		name := strings.Join(site.Hosts, ", ")
		if name == "" {
			name = "any host"
		}
		row := inventory.Health{Name: "Charter of " + name, Status: "ok", Text: "Revision " + site.Revision + " is in force."}
		if site.Problem != "" {
			row.Status, row.Text = "error", "A change is not in force: "+site.Problem
		}
		rows = append(rows, row)
	}
	if h.Records == nil {
		return append(rows, inventory.Health{Name: "Proof of consent", Status: "warning", Text: "Off: nothing proves what visitors agreed to."})
	}
	row := inventory.Health{Name: "Proof of consent", Status: "ok", Text: fmt.Sprintf("%d records since the start, kept in %s.", h.Records.Appended, h.Records.Store)}
	switch {
	case h.Records.Problem != "":
		row.Status, row.Text = "error", "Grants are refused: "+h.Records.Problem
	case h.Records.WriteError != "":
		row.Status, row.Text = "error", "Grants are refused: "+h.Records.WriteError
	case h.Records.DeliveryError != "":
		row.Status, row.Text = "warning", fmt.Sprintf("%d records wait on this machine: %s", h.Records.Backlog, h.Records.DeliveryError)
	case h.Records.Damaged > 0:
		row.Status, row.Text = "warning", fmt.Sprintf("%d bytes of the spool could not be read at the start.", h.Records.Damaged)
	}
	return append(rows, row)
}

// suggest says what the catalogue knows of something undeclared.
func suggest(e inventory.Entry) string {
	var found []*catalogue.Service
	switch e.Kind {
	case inventory.KindCookie:
		found = catalogue.Suggest(e.Name, e.Setter, "")
	case inventory.KindStorage:
		found = catalogue.SuggestStorage(e.Area, e.Name)
	case inventory.KindHost:
		found = catalogue.SuggestHost(e.Name, "/")
	}
	if len(found) == 0 {
		return ""
	}
	var names []string
	for _, s := range found[:min(3, len(found))] {
		names = append(names, s.Name+" (service "+s.ID+")")
	}
	return "Looks like " + strings.Join(names, " or ") + "."
}

// health is what GET /cookie_consent/health answers.
type health struct {
	Sites   []siteHealth   `json:"sites"`
	Records *recordsHealth `json:"records,omitempty"` // none when they are off
}

// recordsHealth is how the records of consent stand.
type recordsHealth struct {
	records.Health
	// Problem is why they could not be opened.
	Problem string `json:"problem,omitempty"`
}

// siteHealth is how one site's declaration stands.
type siteHealth struct {
	Hosts    []string `json:"hosts"`
	Path     string   `json:"path"`
	Revision string   `json:"revision"`          // of the policy in force
	Charter  []string `json:"charter,omitempty"` // files
	// Problem is why a change of the charter's files is not in force.
	Problem string `json:"problem,omitempty"`
}

func (a adminAPI) serveHealth(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(a.health())
}

func (a adminAPI) health() health {
	h := health{Sites: []siteHealth{}}
	app := runningApp()
	if app == nil {
		return h
	}
	for _, m := range app.mounts() {
		site := siteHealth{Hosts: m.hosts, Path: m.WithDefaults().Path, Revision: m.serving.Load().Policy.Revision, Charter: m.Charter}
		if state := m.files.Load(); state != nil {
			site.Problem = state.Problem
		}
		h.Sites = append(h.Sites, site)
	}
	if app.books != nil {
		h.Records = &recordsHealth{}
		var err error
		if h.Records.Health, err = app.books.health(); err != nil {
			h.Records.Problem = err.Error()
		}
	}
	return h
}

// Interface guard
var _ caddy.AdminRouter = adminAPI{}
