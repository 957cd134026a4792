package banner

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Proof keeps proof of consent (GDPR article 7(1)). Both methods with a context wait
// for the disk.
type Proof interface {
	// Keep records a grant, or a withdrawal. It returns after the record is safe; an
	// error means that it is not, and that the grant does not count.
	Keep(ctx context.Context, a Answered) error
	// Receipt returns a visitor's own record as JSON, nil where there is none.
	Receipt(ctx context.Context, consent [16]byte, lang string) ([]byte, error)
	// Retention is how long records are kept.
	Retention() time.Duration
}

// Answered is what a visitor answered.
type Answered struct {
	Choice   policy.Choice // what is in force from now on
	Previous policy.Choice // what it replaces; zero when there was nothing
	Asked    string        // accept_all, refuse_all, save or allow
	Script   bool          // a script asked, not a form
	Lang     string        // of what was shown
	Site     string        // what the choice is valid for
}

// Withdraws reports whether an earlier consent ends with it, of which nothing is left.
func (a *Answered) Withdraws() bool {
	return !a.Choice.Grants() && a.Previous.ID != [16]byte{}
}

// answer describes a choice, which gets its consent id.
func (p *Pages) answer(v *enforcer.Visit, f form, c *policy.Choice) Answered {
	v.Identify(c)
	return Answered{Choice: *c, Previous: v.Standing.Choice, Asked: f.Choice, Script: f.json, Lang: p.language(v, f.Lang), Site: v.Site()}
}

// prove keeps the proof of what was answered. A first refusal leaves none. A
// withdrawal counts whether or not its record could be kept; a grant does not.
func (p *Pages) prove(ctx context.Context, a Answered) error {
	if p.config.Proof == nil || !a.Choice.Grants() && !a.Withdraws() {
		return nil
	}
	if err := p.config.Proof.Keep(ctx, a); err != nil && a.Choice.Grants() {
		return err
	}
	return nil
}

// receipt answers with the visitor's own consent record.
func (p *Pages) receipt(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, lang string) error {
	none := refusal{status: http.StatusNotFound}
	if p.config.Proof == nil || v.Standing.Choice.ID == [16]byte{} {
		return p.fail(w, r, v, lang, none)
	}
	data, err := p.config.Proof.Receipt(r.Context(), v.Standing.Choice.ID, p.language(v, lang))
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return p.fail(w, r, v, lang, refusal{status: http.StatusServiceUnavailable})
	case data == nil:
		return p.fail(w, r, v, lang, none)
	}
	w.Header().Set("Content-Disposition", `inline; filename="consent-receipt.json"`)
	return send(w, r, http.StatusOK, "application/json", data)
}
