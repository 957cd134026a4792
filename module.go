// Package cookieconsent is a Caddy module that enforces cookie consent in front
// of a site: what the site's cookie charter declares is what passes, nothing
// else does.
//
// This package only wires. The rooms below it each own one decision: policy says
// what may pass and for whom, config and caddyfile read what a site declares,
// enforcer applies it to bytes on the wire, banner asks and informs.
//
// config stands between caddyfile and policy, so that the JSON declaration is
// described once, checked once, and reported with file and line by the adapter
// and with its JSON path by Provision.
package cookieconsent

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func init() {
	caddy.RegisterModule(new(Handler))
	caddy.RegisterModule(App{})
	caddy.RegisterModule(MatchConsent{})
}

// Handler enforces what a site's cookie charter declares. Cookies that nobody
// declared, or that the visitor did not grant, are cut from requests and
// responses; a banner asks, and a charter page informs.
//
// It sets the placeholders {http.cookie_consent.state} (unanswered, answered,
// outdated or gpc) and {http.cookie_consent.granted}, and tells the site in the
// request header Cookie-Consent: categories granted as a whole, then services.
type Handler struct {
	config.Site

	app      *App
	serving  atomic.Pointer[serving]
	key      string // of the visit among the request's variables
	logger   *zap.Logger
	files    atomic.Pointer[filesState]
	read     string    // stamps of the files when the handler was provisioned
	insecure sync.Once // warns of a preference cookie that plain HTTP cannot carry
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.cookie_consent",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision checks the declaration and compiles it. It touches neither the
// network nor the data directory.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.read = h.stamps()
	site, err := h.declared()
	if err != nil {
		return err
	}
	h.logger = ctx.Logger()
	for _, warning := range site.Warnings() {
		h.logger.Warn(warning)
	}
	app, err := ctx.App("cookie_consent")
	if err != nil {
		return err
	}
	h.app = app.(*App)
	h.key = "cookie_consent." + site.PreferenceCookie.Name
	now, err := h.compile(site)
	if err != nil {
		return err
	}
	h.serving.Store(now)
	if len(h.Charter)+len(h.Catalogue) > 0 {
		h.app.watching = append(h.app.watching, h)
	}
	return nil
}

// ServeHTTP answers the module's own pages, and lets every other request and its
// answer pass under the policy.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	now := h.serving.Load()
	cookies := r.Header["Cookie"]
	path, uri := asked(r)
	own := now.pages.Owns(path)
	if own {
		cookies = append([]string(nil), cookies...) // cut in place by the visit
	}
	visit, again := h.visit(now, r, uri)
	if visit == nil {
		return next.ServeHTTP(w, r)
	}
	if own && !again {
		visit.Filter(w.Header())
		return now.pages.Serve(w, r, visit, path, cookies, func() bool { return h.mayGrant(r) })
	}
	if visit.HoldsRequest(path, r.URL.Path) {
		return h.holdRequest(w, visit)
	}
	defer visit.Release()
	if now.GlobalPrivacyControl && !now.Observe && path == gpcFile {
		return visit.Finish(h.serveGPC(visit.Writer(w), r, next))
	}
	return visit.Finish(next.ServeHTTP(visit.Writer(w), r))
}

// holdRequest answers in place of a tracker under the site's own name.
func (h *Handler) holdRequest(w http.ResponseWriter, visit *enforcer.Visit) error {
	visit.Filter(w.Header())
	visit.Expire(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusForbidden)
	_, err := w.Write([]byte("Held back until the visitor consents.\n"))
	return err
}

// visit begins the enforcement of a request, once in each pass: nil means that a
// handler further out does it already. An error route comes again: its request
// has lost its cookies, so the verdict is that of the first pass.
func (h *Handler) visit(now *serving, r *http.Request, uri string) (visit *enforcer.Visit, again bool) {
	ctx, key := r.Context(), h.key
	earlier, _ := caddyhttp.GetVar(ctx, key).(*enforcer.Visit)
	if ctx.Value(caddyhttp.ErrorCtxKey) != nil {
		key += ".error"
		if caddyhttp.GetVar(ctx, key) != nil {
			return nil, true
		}
		again = earlier != nil
	} else if earlier != nil {
		return nil, false
	}
	if again {
		visit = earlier.Again()
	} else {
		https := secure(r)
		visit = now.Begin(r, uri, https)
		if !https && !now.Observe && strings.HasPrefix(strings.ToLower(now.Policy.Preference.Name), "__") {
			h.insecure.Do(func() { h.warnInsecure(now.Policy.Preference.Name) })
		}
	}
	caddyhttp.SetVar(ctx, key, visit)
	caddyhttp.SetVar(ctx, visitVar, visit)
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.cookie_consent.state", stateValues[visit.Standing.State])
		repl.Set("http.cookie_consent.granted", visit.Granted())
	}
	return visit, again
}

// warnInsecure tells that the preference cookie's name keeps it from plain HTTP.
func (h *Handler) warnInsecure(cookie string) {
	h.logger.Warn("this visit is plain HTTP, where browsers refuse the preference cookie for its name: no choice is kept; behind a proxy that ends TLS, declare it with trusted_proxies",
		zap.String("preference_cookie", cookie))
}

// visitVar names the latest visit among the request's variables.
const visitVar = "cookie_consent.visit"

// stateValues spares an allocation for each request.
var stateValues = map[policy.State]any{
	policy.Unanswered: string(policy.Unanswered), policy.Answered: string(policy.Answered),
	policy.Outdated: string(policy.Outdated), policy.GPC: string(policy.GPC),
}

// asked returns what the visitor asked for, before any rewriting.
func asked(r *http.Request) (path, uri string) {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		path, uri = original.URL.Path, original.RequestURI
		if !strings.HasPrefix(uri, "/") { // absolute, or of a request made here
			uri = original.URL.RequestURI()
		}
		return path, uri
	}
	return r.URL.Path, r.URL.RequestURI()
}

// secure reports whether the browser's connection is encrypted: here, or before
// a proxy that is declared trusted.
func secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.TrimSpace(proto) == "https" && fromTrustedProxy(r)
}

func fromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// mayGrant applies the limit of grants to the client. A private peer that is not
// declared trusted is most likely a proxy with everybody behind it: no limit.
func (h *Handler) mayGrant(r *http.Request) bool {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	client, err := netip.ParseAddr(address)
	if err != nil {
		return true
	}
	if !fromTrustedProxy(r) && (client.IsPrivate() || client.IsLoopback() || client.IsLinkLocalUnicast()) {
		return true
	}
	if h.app.shared.limiter.Allow(client) {
		return true
	}
	h.app.logger.Debug("too many grants from one client", zap.String("path", r.URL.Path))
	return false
}

// MatchConsent matches requests of visitors who granted every category or
// service it names. It matches nothing where no cookie_consent handler ran
// before it.
//
//	@name cookie_consent <id...>
type MatchConsent []string

// CaddyModule returns the Caddy module information.
func (MatchConsent) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.cookie_consent",
		New: func() caddy.Module { return new(MatchConsent) },
	}
}

// Validate refuses a matcher that names nothing.
func (m MatchConsent) Validate() error {
	if len(m) == 0 {
		return fmt.Errorf("cookie_consent: no category or service is named")
	}
	return nil
}

// MatchWithError reports whether r matches.
func (m MatchConsent) MatchWithError(r *http.Request) (bool, error) {
	visit, ok := caddyhttp.GetVar(r.Context(), visitVar).(*enforcer.Visit)
	if !ok {
		return false, nil
	}
	for _, id := range m {
		if !visit.Allows(id) {
			return false, nil
		}
	}
	return true, nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler       = (*Handler)(nil)
	_ caddy.Validator                   = (*MatchConsent)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchConsent)(nil)
)
