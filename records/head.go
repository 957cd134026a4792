package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// headsPath is where Storage keeps the heads of the chains, one value each.
const headsPath = "cookie_consent/records/heads"

// head is how far a chain has come, as Storage knows it.
type head struct {
	Instance string `json:"instance"`
	Site     string `json:"site"`
	// Count and Hash are of the last record in the store.
	Count int64  `json:"count"`
	Hash  string `json:"hash"`
	// Accepted is the number of the last record that was acknowledged: Count, or
	// more while records wait in a spool.
	Accepted int64 `json:"accepted"`
}

// headName is where the head of c stands. Whatever a site is called, it is one
// name of letters, digits, dots, hyphens and underscores.
func headName(c chain) string {
	var b strings.Builder
	for i := range len(c.site) {
		switch ch := c.site[i]; {
		case 'a' <= ch && ch <= 'z', '0' <= ch && ch <= '9', ch == '.', ch == '-':
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "_%02x", ch)
		}
	}
	return headsPath + "/" + c.instance + "/" + b.String() + ".json"
}

// readHeads returns the heads under path: headsPath, or one instance in it.
func readHeads(ctx context.Context, storage Storage, path string) (map[chain]head, error) {
	heads := map[chain]head{}
	names, err := storage.List(ctx, path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return heads, nil
	}
	if err != nil {
		return nil, fmt.Errorf("heads of the chains: %w", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".json") {
			continue // a directory
		}
		data, err := storage.Load(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("head of a chain: %w", err)
		}
		var h head
		if err := json.Unmarshal(data, &h); err != nil {
			return nil, fmt.Errorf("%s in the storage: %w", name, err)
		}
		heads[chain{h.Instance, h.Site}] = h
	}
	return heads, nil
}

// headInterval is how often a chain's head is written at most. The Storage may be
// a network away, and no visitor waits for it.
const headInterval = time.Second

// headWriter brings the heads of one Log to Storage, behind the records.
type headWriter struct {
	storage Storage
	logger  *slog.Logger

	mutex   sync.Mutex
	heads   map[chain]head
	behind  map[chain]bool // not written yet
	failing bool

	wake    chan struct{}
	writing sync.Mutex
}

func newHeadWriter(o Options, known map[chain]head) *headWriter {
	return &headWriter{
		storage: o.Storage, logger: o.Logger,
		heads: known, behind: map[chain]bool{}, wake: make(chan struct{}, 1),
	}
}

// stored says that the chain has come to end in the store.
func (w *headWriter) stored(c chain, end tail) {
	w.update(c, func(h *head) {
		if end.seq > h.Count {
			h.Count, h.Hash = end.seq, end.hash.String()
		}
		h.Accepted = max(h.Accepted, h.Count)
	})
}

// accepted says that the chain's record number seq is on disk here.
func (w *headWriter) accepted(c chain, seq int64) {
	w.update(c, func(h *head) { h.Accepted = max(h.Accepted, seq) })
}

func (w *headWriter) update(c chain, change func(*head)) {
	w.mutex.Lock()
	h := w.heads[c]
	h.Instance, h.Site = c.instance, c.site
	change(&h)
	w.heads[c], w.behind[c] = h, true
	w.mutex.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (w *headWriter) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		if w.write(ctx) != nil {
			select {
			case w.wake <- struct{}{}: // again
			default:
			}
		}
		pause.Reset(headInterval)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// write brings what is behind to Storage.
func (w *headWriter) write(ctx context.Context) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mutex.Lock()
	var due []head
	for c := range w.behind {
		due = append(due, w.heads[c])
	}
	clear(w.behind)
	w.mutex.Unlock()
	var failed error
	for _, h := range due {
		if err := w.writeOne(ctx, h); err != nil {
			failed = err
			w.mutex.Lock()
			w.behind[chain{h.Instance, h.Site}] = true
			w.mutex.Unlock()
		}
	}
	w.report(failed)
	return failed
}

func (w *headWriter) writeOne(ctx context.Context, h head) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return w.storage.Store(ctx, headName(chain{h.Instance, h.Site}), data)
}

// report logs when the storage fails, and when it no longer does.
func (w *headWriter) report(err error) {
	w.mutex.Lock()
	changed := w.failing != (err != nil)
	w.failing = err != nil
	w.mutex.Unlock()
	switch {
	case changed && err != nil:
		w.logger.Warn("the heads of the chains of proof could not be written to the storage", "error", err)
	case changed:
		w.logger.Info("the heads of the chains of proof are written again")
	}
}
