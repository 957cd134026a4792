package cookieconsent

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI serves what operators ask at Caddy's admin endpoint:
//
//	GET /cookie_consent/health
type adminAPI struct{ app *App }

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.cookie_consent",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Provision finds the App, if there is one.
func (a *adminAPI) Provision(ctx caddy.Context) error {
	if app, err := ctx.AppIfConfigured("cookie_consent"); err == nil {
		a.app = app.(*App)
	}
	return nil
}

// Routes implements caddy.AdminRouter.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/cookie_consent/health", Handler: caddy.AdminHandlerFunc(a.serveHealth)}}
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

func (a *adminAPI) serveHealth(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(a.health())
}

func (a *adminAPI) health() health {
	h := health{Sites: []siteHealth{}}
	if a.app == nil {
		return h
	}
	for _, m := range a.app.mounts() {
		site := siteHealth{Hosts: m.hosts, Path: m.WithDefaults().Path, Revision: m.serving.Load().Policy.Revision, Charter: m.Charter}
		if state := m.files.Load(); state != nil {
			site.Problem = state.Problem
		}
		h.Sites = append(h.Sites, site)
	}
	if a.app.books != nil {
		h.Records = &recordsHealth{}
		var err error
		if h.Records.Health, err = a.app.books.health(); err != nil {
			h.Records.Problem = err.Error()
		}
	}
	return h
}

// Interface guards
var (
	_ caddy.AdminRouter = (*adminAPI)(nil)
	_ caddy.Provisioner = (*adminAPI)(nil)
)
