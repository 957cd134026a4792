package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// entrySpool holds archive entries on disk until the server has them, one file
// each. An entry is there before any record that names it.
type entrySpool struct {
	dir   string
	fault func(string) error
	some  atomic.Bool // there may be files
}

// spooledEntry is the content of such a file.
type spooledEntry struct {
	Seen      time.Time
	Artefacts []Artefact
}

func openEntrySpool(dir string, fault func(string) error) (*entrySpool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool of the archive: %w", err)
	}
	s := &entrySpool{dir: dir, fault: fault}
	s.some.Store(true)
	return s, nil
}

func (s *entrySpool) path(hash string) string { return filepath.Join(s.dir, hash+".json") }

// keep puts e on disk, as in use now.
func (s *entrySpool) keep(e *Entry, now time.Time) error {
	data, err := json.Marshal(spooledEntry{now, e.artefacts})
	if err != nil {
		return err
	}
	if err := newFile(s.path(e.hash), data, s.fault); err != nil {
		return err
	}
	s.some.Store(true)
	return nil
}

// find returns an entry that is not delivered yet.
func (s *entrySpool) find(hash string) (e *Entry, seen time.Time, err error) {
	if filepath.Base(hash) != hash {
		return nil, seen, fmt.Errorf("archive entry %q: %w", hash, ErrNotFound)
	}
	data, err := os.ReadFile(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, seen, fmt.Errorf("archive entry %s: %w", hash, ErrNotFound)
	}
	if err != nil {
		return nil, seen, err
	}
	var stored spooledEntry
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, seen, fmt.Errorf("archive entry %s: %w", hash, err)
	}
	e, err = NewEntry(stored.Artefacts...)
	return e, stored.Seen, err
}

// deliver brings what is there to the server.
func (s *entrySpool) deliver(ctx context.Context, d *database) error {
	if !s.some.Swap(false) {
		return nil
	}
	err := s.deliverAll(ctx, d)
	if err != nil {
		s.some.Store(true)
	}
	return err
}

func (s *entrySpool) deliverAll(ctx context.Context, d *database) error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		hash, ok := strings.CutSuffix(file.Name(), ".json")
		if !ok {
			continue
		}
		e, seen, err := s.find(hash)
		if err != nil {
			return err
		}
		if err := d.keep(ctx, e, seen); err != nil {
			return err
		}
		if err := os.Remove(s.path(hash)); err != nil {
			return err
		}
	}
	return nil
}
