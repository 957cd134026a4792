package cookieconsent

import (
	"context"
	"os"
	"time"

	"go.uber.org/zap"
)

// watchInterval is how often the files of a declaration are looked at. What changes
// is taken over when it stayed the same for as long: nobody wants half a file.
var watchInterval = time.Second // shorter in tests

// filesState is what the files of a declaration last gave.
type filesState struct {
	Problem string    // why they are not in force; empty when they are
	Since   time.Time // of that
}

// watch takes over what changes in the files of the declaration, until ctx ends. A
// change with a mistake in it is logged, and the last good policy stays in force.
func (h *Handler) watch(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	taken, seen := h.read, h.stamps()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := h.stamps()
		if now == seen && now != taken {
			taken = now
			h.takeOver()
		}
		seen = now
	}
}

// stamps tells whether a file has changed: when, and to which length.
func (h *Handler) stamps() (all string) {
	for _, list := range [][]string{h.Charter, h.Catalogue} {
		for _, name := range list {
			if info, err := os.Stat(name); err == nil {
				all += info.ModTime().Format(time.RFC3339Nano) + " " + time.Duration(info.Size()).String()
			}
			all += "\n"
		}
	}
	return all
}

// takeOver puts what the files declare now in force.
func (h *Handler) takeOver() {
	state := &filesState{Since: time.Now()}
	defer h.files.Store(state)
	site, err := h.declared()
	var next *serving
	if err == nil {
		next, err = h.compile(site)
	}
	if err != nil {
		state.Problem = err.Error()
		h.logger.Error("a change of the charter is not taken over, and the policy of before stays in force", zap.Error(err))
		return
	}
	for _, warning := range site.Warnings() {
		h.logger.Warn(warning)
	}
	h.serving.Store(next)
	h.logger.Info("a change of the charter is in force", zap.Strings("charter", h.Charter), zap.String("revision", next.Policy.Revision))
}
