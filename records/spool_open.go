package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// openSpool opens the spool in dir, or makes one. A directory that another process
// has, that cannot be written, or that has foreign segments is an error.
func openSpool(ctx context.Context, o Options, key secret) (*spool, error) {
	s := &spool{
		dir: o.Spool, key: key, logger: o.Logger, fault: o.fault, full: o.maxSegment,
		tails: map[string]tail{}, wake: make(chan struct{}, 1),
	}
	if err := prepareDirectory(s.dir); err != nil {
		return nil, fmt.Errorf("spool of the records: %w", err)
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("spool of the records: %w", err), s.lock.Close())
	}
	heads, err := readHeads(ctx, o.Storage, headsPath+"/"+s.instance)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.heads = newHeadWriter(o, heads)
	if err := s.settle(heads); err != nil {
		return nil, errors.Join(fmt.Errorf("spool of the records: %w", err), s.close())
	}
	return s, nil
}

// lockRetry is how often a spool is asked for that another Log of this process has.
const lockRetry = 10 * time.Millisecond

// take makes the spool this process's own, until it ends. Another Log of this process
// is waited for until ctx ends: when a new configuration starts, the old one has not
// closed its own yet.
func (s *spool) take(ctx context.Context) (err error) {
	path := filepath.Join(s.dir, "lock")
	if s.lock, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("spool of the records: %w", err)
	}
	own := strconv.Itoa(os.Getpid())
	for err := lockFile(s.lock); err != nil; err = lockFile(s.lock) {
		text, _ := os.ReadFile(path)
		owner := strings.TrimSpace(string(text))
		if owner != own || ctx.Err() != nil {
			err = fmt.Errorf("spool of the records: %s is in use by process %s: each Caddy needs one of its own: %w", s.dir, owner, err)
			return errors.Join(err, s.lock.Close())
		}
		pause(ctx, lockRetry)
	}
	if err := s.lock.Truncate(0); err == nil {
		_, _ = s.lock.WriteAt([]byte(own+"\n"), 0)
	}
	return nil
}

// load reads what the segments hold.
func (s *spool) load() error {
	files, err := os.ReadDir(s.dir) // sorted: their numbers have one length
	if err != nil {
		return err
	}
	for _, file := range files {
		name, isSegment := strings.CutSuffix(file.Name(), ".spool")
		number, err := strconv.ParseInt(name, 10, 64)
		switch {
		case strings.HasSuffix(name, unfinished):
			_ = os.Remove(filepath.Join(s.dir, name)) // of a process that ended
		case isSegment && err != nil:
			return fmt.Errorf("%s in %s is not part of a spool", file.Name(), s.dir)
		case isSegment:
			s.segments = append(s.segments, segment{number: number})
		}
	}
	s.readCursor()
	for i := 0; i < len(s.segments); i++ {
		replaces, err := s.loadSegment(i, i == len(s.segments)-1)
		if err != nil {
			return err
		}
		if replaces && i > 0 {
			s.dropBefore(i)
			i = 0
		}
	}
	if s.instance == "" {
		s.instance = uuid.NewString()
	}
	if len(s.segments) == 0 {
		return s.rotate(opening{Instance: s.instance})
	}
	s.active, err = openEnd(s.path(s.segments[len(s.segments)-1].number))
	return err
}

// readCursor reads how far the spool was delivered. Without that, all is delivered
// again.
func (s *spool) readCursor() {
	var at position
	data, err := os.ReadFile(filepath.Join(s.dir, cursorName))
	if err == nil && json.Unmarshal(data, &at) == nil {
		s.cursor = at
	}
	if len(s.segments) > 0 && s.cursor.Segment < s.segments[0].number {
		s.cursor = position{Segment: s.segments[0].number}
	}
}

// dropBefore forgets the segments before number i, which has taken them over.
func (s *spool) dropBefore(i int) {
	for _, old := range s.segments[:i] {
		_ = os.Remove(s.path(old.number)) // again at the next start
	}
	s.segments = s.segments[i:]
	if first := s.segments[0].number; s.cursor.Segment < first {
		s.cursor = position{Segment: first}
	}
}

// loadSegment reads segment i. Behind the last frame of the last segment stands
// what a crash has torn, and nobody was told of: it is cut off. Anything else that
// is no frame is damage; what stands behind it is kept.
func (s *spool) loadSegment(i int, last bool) (replaces bool, err error) {
	segment := &s.segments[i]
	path := s.path(segment.number)
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if !isSegment(data) {
		return false, fmt.Errorf("%s is not part of a spool", path)
	}
	magic := len(segmentMagic)
	end, damaged, err := scan(data[magic:], func(payload []byte, end int) error {
		first, err := s.loadFrame(payload, position{segment.number, int64(magic + end)})
		replaces = replaces || first.Replaces
		return err
	})
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	segment.size = int64(magic + end)
	rest := len(data) - magic - end
	switch {
	case rest > 0 && last:
		s.logger.Warn("the spool of proofs ended within a record that no visitor was told of; it was cut off", "bytes", rest)
		err = cut(path, segment.size)
	case rest > 0:
		damaged += rest
	}
	if damaged > 0 {
		s.damaged += int64(damaged)
		s.logger.Error("the spool of proofs is damaged; records in it are lost", "file", path, "bytes", damaged)
	}
	return replaces, err
}

// cut shortens a file, for good.
func cut(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}

// loadFrame takes in one frame, which ends at end.
func (s *spool) loadFrame(payload []byte, end position) (first opening, err error) {
	switch payload[0] {
	case frameOpening:
		if err := json.Unmarshal(payload[1:], &first); err != nil {
			return first, errFrame
		}
		if first.Instance != s.instance {
			s.instance, s.tails = first.Instance, map[string]tail{}
		}
		if first.Replaces { // what came before is in this segment again
			s.backlog, s.oldest = 0, time.Time{}
		}
	case frameTail:
		t, site, err := tailOf(payload)
		if err != nil {
			return first, err
		}
		s.tails[string(site)] = t
	case frameRecord:
		return first, s.loadRecord(payload, end)
	default:
		return first, errFrame
	}
	return first, nil
}

func (s *spool) loadRecord(payload []byte, end position) error {
	site, t, _, err := recordOf(payload)
	if err != nil {
		return err
	}
	s.tails[site] = t
	if end.Segment < s.cursor.Segment || end.Segment == s.cursor.Segment && end.Offset <= s.cursor.Offset {
		return nil
	}
	if s.backlog == 0 {
		r, err := rowOf(payload)
		if err != nil {
			return err
		}
		s.oldest = time.UnixMilli(r.time).UTC()
	}
	s.backlog++
	return nil
}

// settle makes sure that the chains can be continued. If Storage knows of records
// that are not here any more, their numbers must not be given again.
func (s *spool) settle(heads map[chain]head) error {
	for c, h := range heads {
		if lost := h.Accepted - s.tails[c.site].seq; lost > 0 {
			s.logger.Error("the spool of proofs has lost records", "site", c.site, "instance", c.instance, "records", lost)
			return s.fork("records were lost from the spool")
		}
	}
	if s.backlog > 0 || s.segments[len(s.segments)-1].size < s.full/16 {
		return nil
	}
	return s.tidy()
}
