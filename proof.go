package cookieconsent

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// proof keeps the records of one site as it stands declared. It implements
// banner.Proof.
type proof struct {
	app          *App
	logger       *zap.Logger
	policy       *policy.Policy
	jurisdiction string
	// shown makes the archive's entry, once: it is not needed to serve a page.
	shown func() (*records.Entry, error)
}

// newProof makes what keeps the proofs of a site, and tells the site's pages of it.
func (h *Handler) newProof(seen *banner.Config, preset *config.Preset) *proof {
	p := &proof{app: h.app, logger: h.logger, policy: seen.Policy, jurisdiction: preset.ID}
	seen.Proof = p
	shown := *seen
	p.shown = sync.OnceValues(func() (*records.Entry, error) { return archived(shown, preset) })
	return p
}

// archived returns all that visitors are shown, and the versions that made it.
func archived(seen banner.Config, preset *config.Preset) (*records.Entry, error) {
	artefacts, err := banner.Artefacts(seen)
	if err != nil {
		return nil, err
	}
	versions, err := json.MarshalIndent(map[string]any{"module": config.ModuleVersion(), "preset": preset}, "", "  ")
	if err != nil {
		return nil, err
	}
	all := []records.Artefact{{Name: "versions.json", Type: "application/json", Content: versions}}
	for _, a := range artefacts {
		all = append(all, records.Artefact{Name: a.Name, Type: a.Type, Content: a.Content})
	}
	return records.NewEntry(all...)
}

// Retention is how long records are kept.
func (p *proof) Retention() time.Duration { return time.Duration(p.app.settings.Retention) }

// keepTimeout is how long a visitor waits for the disk.
const keepTimeout = 10 * time.Second

// Keep records a grant or a withdrawal.
func (p *proof) Keep(ctx context.Context, a banner.Answered) error {
	log, err := p.app.books.open(p.app)
	if err != nil {
		return err
	}
	d := p.decision(a)
	if a.Previous.ID != [16]byte{} {
		d.Prev = latest(ctx, log, d.Subject)
	}
	// a visitor who goes away has decided all the same
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	shown, err := p.shown()
	if err == nil {
		_, err = log.Append(ctx, d, shown)
	}
	if err != nil {
		p.logger.Error("a decision could not be recorded: a grant is refused, a withdrawal counts without its record", zap.String("state", string(d.State)), zap.Error(err))
		return err
	}
	return nil
}

// latest returns the id of the record that another one replaces, if it is quick to
// be had.
func latest(ctx context.Context, log *records.Log, subject string) string {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	r, err := log.Latest(ctx, subject)
	if err != nil {
		return ""
	}
	return r.ID
}

// decision writes what was answered as records have it.
func (p *proof) decision(a banner.Answered) records.Decision {
	d := records.Decision{
		Subject: records.SubjectID(a.Choice.ID), State: records.Given, Method: methods[a.Asked],
		Notice: records.Notice{Policy: p.policy.Revision}, Lang: a.Lang, Site: p.app.books.chain(a.Site), Jurisdiction: p.jurisdiction,
		Expires: time.Unix(a.Choice.Time, 0).Add(p.policy.Preference.Lifetime).UTC(),
	}
	if a.Withdraws() {
		d.Subject, d.State, d.Method, d.Expires = records.SubjectID(a.Previous.ID), records.Withdrawn, records.Withdraw, time.Time{}
	}
	for i, purpose := range p.policy.Active {
		c := records.Choice{Purpose: purpose.ID, Answer: answers[a.Choice.Answers[i]]}
		switch {
		case purpose.Exempt && a.Choice.Answers[i] == policy.Withheld:
			c.Answer = records.Objected
		case purpose.Exempt:
			c.Answer = records.Exempt
		}
		for _, service := range purpose.Order {
			granted := a.Choice.Services.Has(service) || c.Answer == records.Exempt
			c.Services = append(c.Services, records.Service{ID: p.policy.Services[service].ID, Granted: granted})
		}
		d.Choices = append(d.Choices, c)
	}
	return d
}

var methods = map[string]records.Method{
	"accept_all": records.BannerAcceptAll, "refuse_all": records.BannerRefuseAll, "save": records.Preferences, "allow": records.StandIn,
}

var answers = map[policy.Answer]records.Answer{
	policy.Unasked: records.Unanswered, policy.Withheld: records.Denied, policy.Given: records.Granted, policy.Partial: records.Partial,
}

// Receipt returns a visitor's own record.
func (p *proof) Receipt(ctx context.Context, of banner.Receipt) ([]byte, error) {
	log, err := p.app.books.open(p.app)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	history, err := log.Show(ctx, records.SubjectID(of.Consent))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	about := records.About{
		Controller: p.policy.Controller, Notice: of.Charter, Withdrawal: of.Charter, Retention: p.Retention(),
		Purposes: map[string]records.AboutPurpose{},
	}
	for _, purpose := range of.Purposes {
		data := []string{}
		if len(purpose.Cookies) > 0 {
			data = append(data, "cookies: "+strings.Join(purpose.Cookies, ", "))
		}
		about.Purposes[purpose.ID] = records.AboutPurpose{Name: purpose.Name, Description: purpose.Description, Data: data, Recipients: purpose.Recipients}
	}
	receipt, err := records.NewReceipt(history, about)
	if err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(receipt, "", "  ")
	return append(data, '\n'), err
}

// Interface guard
var _ banner.Proof = (*proof)(nil)

// dataDirectory is where Caddy keeps what is its own.
func dataDirectory() string { return caddy.AppDataDir() }
