package cookieconsent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/banner"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// What sites use and what visitors answer goes to an inventory and to statistics,
// which outlive reloads with the storage they are kept in, and to Caddy's events.

// ledger is the Keeper of one storage, from the first Start on.
type ledger struct {
	keeper *inventory.Keeper
	place  any // where it is kept
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// beginSeeing keeps what is seen from now on, and tells of what is new.
func (a *App) beginSeeing() error {
	a.openLedger()
	a.hearUndeclared()
	found, err := a.ctx.App("events")
	if err != nil {
		return err
	}
	go a.emitEvents(a.ctx, found.(*caddyevents.App))
	return nil
}

// hearUndeclared has what is new and undeclared told to this App.
func (a *App) hearUndeclared() {
	if k := a.keeper(); k != nil {
		k.Inventory.OnUndeclared(a.newUndeclared)
	}
}

// seeAgain takes what is seen back from a configuration that began and could not go
// on.
func (a *App) seeAgain() {
	a.shared.opening.Lock()
	defer a.shared.opening.Unlock()
	a.openLedger()
	a.hearUndeclared()
}

// openLedger opens what keeps it, if nobody has. Where a configuration keeps it
// elsewhere, what was seen before is saved where it was.
func (a *App) openLedger() {
	place := a.pooled
	if a.keepsInBooks() {
		place = a.shelf
	}
	before := a.shared.ledger.Load()
	if before != nil && before.place == place {
		return
	}
	share, err := a.share()
	if err != nil {
		a.logger.Error("what sites use is not kept", zap.Error(err))
		return
	}
	before.close()
	l := &ledger{keeper: inventory.NewKeeper(share, time.Now), place: place}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	logger := a.logger
	l.ended.Go(func() {
		l.keeper.Run(ctx, func(err error) { logger.Warn("what sites use could not be saved", zap.Error(err)) })
	})
	a.shared.ledger.Store(l)
}

// share is where it is kept, together with what other Caddys see: the database of the
// records, where they have one, or else the storage.
func (a *App) share() (inventory.Share, error) {
	if a.keepsInBooks() {
		return &bookShare{a.books, a.instance()}, nil
	}
	return inventory.ShareIn(a.storage, a.instance())
}

// keepsInBooks reports whether it is kept in the database of the records.
func (a *App) keepsInBooks() bool { return a.books != nil && a.settings.Records == "postgres" }

// bookShare is the database of the records, while they are open.
type bookShare struct {
	books    *books
	instance string
}

func (s *bookShare) shared() (*records.Shared, error) {
	s.books.mutex.Lock()
	defer s.books.mutex.Unlock()
	if s.books.log == nil {
		return nil, errors.New("the records are not open")
	}
	return s.books.log.Shared(s.instance), nil
}

// Own implements inventory.Share.
func (s *bookShare) Own(ctx context.Context, part string) ([]byte, error) {
	shared, err := s.shared()
	if err != nil {
		return nil, err
	}
	return shared.Own(ctx, part)
}

// Others implements inventory.Share.
func (s *bookShare) Others(ctx context.Context, part string) ([][]byte, error) {
	shared, err := s.shared()
	if err != nil {
		return nil, err
	}
	return shared.Others(ctx, part)
}

// Push implements inventory.Share.
func (s *bookShare) Push(ctx context.Context, part string, data []byte) error {
	shared, err := s.shared()
	if err != nil {
		return err
	}
	return shared.Push(ctx, part, data)
}

// close saves what was seen, and ends.
func (l *ledger) close() {
	if l != nil {
		l.stop()
		l.ended.Wait()
	}
}

// instance names this Caddy among those that share a storage. It is made once.
func (a *App) instance() string {
	file := filepath.Join(dataDirectory(), "cookie_consent", "instance")
	name, err := os.ReadFile(file)
	if name = bytes.TrimSpace(name); len(name) == 0 {
		id := make([]byte, 8)
		_, _ = rand.Read(id) // never fails
		name = []byte(hex.EncodeToString(id))
		if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
			err = os.WriteFile(file, slices.Concat(name, []byte("\n")), 0o600)
		}
	}
	if err != nil {
		a.logger.Warn("the name of this Caddy cannot be kept: after a restart, what it has seen counts as another's", zap.Error(err))
	}
	return string(name)
}

// keeper returns what keeps what is seen, nil before the first Start.
func (a *App) keeper() *inventory.Keeper {
	if l := a.shared.ledger.Load(); l != nil {
		return l.keeper
	}
	return nil
}

// saw takes note of what a site uses.
func (a *App) saw(site string, s *enforcer.Sighting) {
	if k := a.keeper(); k != nil {
		k.Inventory.Saw(inventory.Entry{
			Site: site, Kind: inventory.Kind(s.Kind), Name: s.Name, Setter: string(s.Setter), Area: s.Area,
			Domain: s.Domain, Path: s.Path, Lifetime: s.Lifetime, Secure: s.Secure, HTTPOnly: s.HTTPOnly, SameSite: s.SameSite, Partitioned: s.Partitioned,
			Service: s.Service, Blocked: s.Blocked, Example: s.Example,
		}, time.Now())
	}
}

// reported takes note of what a browser reports.
func (h *Handler) reported(site string, r *banner.Report) {
	if entry := h.logger.Check(zap.DebugLevel, "a browser reports what a page's policy blocked"); entry != nil {
		entry.Write(zap.String("directive", r.Directive), zap.String("name", r.Name))
	}
	if r.Kind != "" && (h.Mode == "observe" || r.Service == "") {
		h.app.saw(site, &r.Sighting)
	}
}

// blocked counts what was held back.
func (a *App) blocked(site, service string) {
	declared := "declared"
	if service == "" {
		declared = "undeclared"
	}
	heldBack.WithLabelValues(declared).Inc()
	if k := a.keeper(); k != nil {
		k.Statistics.Blocked(site, service, time.Now())
	}
}

// shown counts a page that asks, or does not since a browser objects.
func (a *App) shown(v *enforcer.Visit, lang string) {
	k := a.keeper()
	switch {
	case k == nil:
	case v.Objects():
		if v.Arrives() {
			k.Statistics.Chose(v.Host, inventory.GPC, lang, time.Now())
			choices.WithLabelValues(string(inventory.GPC)).Inc()
		}
	default:
		k.Statistics.Shown(v.Host, v.Arrives(), time.Now())
	}
}

// counted counts what a visitor answered.
func (a *App) counted(answered banner.Answered) {
	outcome := inventory.Refuse
	switch {
	case answered.Withdraws():
		outcome = inventory.Withdraw
	case answered.Asked == "accept_all":
		outcome = inventory.Accept
	case answered.Choice.Grants():
		outcome = inventory.Partial
	}
	choices.WithLabelValues(string(outcome)).Inc()
	if k := a.keeper(); k != nil {
		k.Statistics.Chose(answered.Site, outcome, answered.Lang, time.Now())
	}
	a.tell(event{"choice", map[string]any{"site": answered.Site, "outcome": string(outcome), "language": answered.Lang}})
}

// event is one of ours for Caddy's events.
type event struct {
	name string
	data map[string]any
}

// tell has an event emitted. Requests do not wait for it: when too many are waiting,
// it is dropped.
func (a *App) tell(e event) {
	select {
	case a.events <- e:
	default:
		eventsDropped.Inc()
	}
}

// newUndeclared tells of something undeclared that nobody had seen.
func (a *App) newUndeclared(e inventory.Entry) {
	undeclared.WithLabelValues(string(e.Kind)).Inc()
	a.logger.Warn("a site uses something that its charter does not declare; see caddy cookie-consent declare",
		zap.String("site", e.Site), zap.String("kind", string(e.Kind)), zap.String("name", e.Name), zap.String("setter", e.Setter), zap.String("example", e.Example))
	a.tell(event{"undeclared", map[string]any{"site": e.Site, "kind": string(e.Kind), "name": e.Name, "setter": e.Setter, "example": e.Example}})
}

// emitEvents hands events to Caddy's, until ctx ends.
func (a *App) emitEvents(ctx caddy.Context, to *caddyevents.App) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-a.events:
			to.Emit(ctx, "cookie_consent."+e.name, e.data)
		}
	}
}
