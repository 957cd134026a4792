package banner

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	Receipt(ctx context.Context, of Receipt) ([]byte, error)
	// Retention is how long records are kept.
	Retention() time.Duration
}

// Receipt is a request for a visitor's own record.
type Receipt struct {
	Consent  [16]byte // the consent id in the visitor's cookie
	Charter  string   // address of the charter, where consent is withdrawn too
	Purposes []ReceiptPurpose
}

// ReceiptPurpose is what a receipt says of a purpose, in the visitor's language.
type ReceiptPurpose struct {
	ID, Name, Description string
	Cookies, Recipients   []string
}

// Answered is what a visitor answered.
type Answered struct {
	Choice   policy.Choice // what is in force from now on
	Previous policy.Choice // what it replaces; zero when there was nothing
	Asked    string        // accept_all, refuse_all, save or allow
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
	return Answered{Choice: *c, Previous: v.Standing.Choice, Asked: f.Choice, Lang: p.language(v, f.Lang), Site: v.Site()}
}

// prove keeps the proof of what was answered. A first refusal leaves none.
func (p *Pages) prove(ctx context.Context, a Answered) error {
	if p.config.Proof == nil || !a.Choice.Grants() && !a.Withdraws() {
		return nil
	}
	return p.config.Proof.Keep(ctx, a)
}

// receipt answers with the visitor's own consent record.
func (p *Pages) receipt(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, lang string) error {
	none := refusal{status: http.StatusNotFound}
	if p.config.Proof == nil || v.Standing.Choice.ID == [16]byte{} {
		return p.fail(w, r, v, lang, none)
	}
	data, err := p.config.Proof.Receipt(r.Context(), Receipt{
		Consent: v.Standing.Choice.ID, Charter: address(v) + p.config.Path + "/", Purposes: p.purposes(p.language(v, lang)),
	})
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

// address is the origin that the visitor asked.
func address(v *enforcer.Visit) string {
	if v.HTTPS {
		return "https://" + v.Address
	}
	return "http://" + v.Address
}

// purposes tells of every purpose that is in use.
func (p *Pages) purposes(lang string) []ReceiptPurpose {
	said := p.config.voice(lang)
	var all []ReceiptPurpose
	for _, purpose := range p.config.Policy.Active {
		told := ReceiptPurpose{ID: purpose.ID, Name: said.Name(purpose.Category), Description: said.Description(purpose.Category)}
		for _, i := range purpose.Order {
			s := &p.config.Policy.Services[i]
			for _, c := range s.Cookies {
				told.Cookies = append(told.Cookies, c.Name)
			}
			if name := providerOf(s); !slices.Contains(told.Recipients, name) {
				told.Recipients = append(told.Recipients, name)
			}
		}
		all = append(all, told)
	}
	return all
}
