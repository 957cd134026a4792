package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

// maxSegment is the size from which a new segment is begun, in bytes.
const maxSegment = 16 << 20

// spool holds on disk what the server has not stored yet. One process at a time
// has it. What commit has returned without an error is there after a crash; what
// it has not, is taken away again.
type spool struct {
	dir    string
	key    secret
	heads  *headWriter
	logger *slog.Logger
	fault  func(string) error
	full   int64 // size of a segment from which the next is begun
	lock   *os.File

	// writing is held by whoever changes the segments' bytes.
	writing sync.Mutex
	active  *os.File // the last segment, to write to
	torn    bool     // active may have bytes behind its size

	mutex    sync.Mutex // for what follows
	instance string
	tails    map[string]tail // by site
	segments []segment       // in order; the last is active
	cursor   position        // what is before it is on the server
	backlog  int64           // records behind cursor
	oldest   time.Time       // of the first of them
	damaged  int64           // bytes that were no frames

	wake chan struct{} // something was written
}

// segment is one file, of size bytes that are on disk.
type segment struct {
	number int64
	size   int64
}

// position is a place between two frames.
type position struct {
	Segment int64 `json:"segment"`
	Offset  int64 `json:"offset"`
}

func (s *spool) path(number int64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%012d.spool", number))
}

// commit chains a batch of decisions and writes it, with one wait for the disk.
// All are on disk, or none.
func (s *spool) commit(batch []*pending) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.repair(); err != nil {
		return err
	}
	s.mutex.Lock()
	last := s.segments[len(s.segments)-1]
	s.mutex.Unlock()
	if last.size >= s.full {
		if err := s.rotate(opening{Instance: s.instance}); err != nil {
			return err
		}
	}
	frames, tails := s.link(batch)
	if err := s.write(frames); err != nil {
		s.torn = true
		return errors.Join(err, s.repair())
	}
	s.written(int64(len(frames)), tails, batch)
	return nil
}

// link chains the decisions of batch, as frames.
func (s *spool) link(batch []*pending) (frames []byte, tails map[string]tail) {
	tails = map[string]tail{}
	for _, p := range batch {
		last, known := tails[p.decision.Site]
		if !known {
			last = s.tails[p.decision.Site] // changed under writing alone
		}
		record, stored, err := link(p.decision, chain{s.instance, p.decision.Site}, last, s.key)
		if err != nil {
			p.err = err
			continue
		}
		p.record, tails[stored.site] = record, tail{stored.seq, stored.hash}
		frames = recordFrame(frames, &stored)
	}
	return frames, tails
}

func (s *spool) write(frames []byte) error {
	if err := s.present(); err != nil {
		return err
	}
	if err := s.fault("write"); err != nil {
		return err
	}
	if _, err := s.active.Write(frames); err != nil {
		return err
	}
	if err := s.fault("sync"); err != nil {
		return err
	}
	return s.active.Sync()
}

// present says whether active is still the file in its place: what is written to
// one without a name is lost with its last handle.
func (s *spool) present() error {
	opened, err := s.active.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(s.active.Name())
	if err == nil && !os.SameFile(opened, named) {
		err = fmt.Errorf("%s: another file has taken its place", s.active.Name())
	}
	return err
}

func (s *spool) written(size int64, tails map[string]tail, batch []*pending) {
	s.mutex.Lock()
	s.segments[len(s.segments)-1].size += size
	for site, end := range tails {
		s.tails[site] = end
	}
	for _, p := range batch {
		if p.err != nil {
			continue
		}
		if s.backlog == 0 {
			s.oldest = p.record.Time
		}
		s.backlog++
	}
	s.mutex.Unlock()
	for site, end := range tails {
		s.heads.accepted(chain{s.instance, site}, end.seq)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// repair takes away what a write that failed has left, before the next one. After
// a failed sync it is unknown what of it is on disk; what came before it is.
func (s *spool) repair() error {
	if !s.torn {
		return nil
	}
	if err := s.fault("truncate"); err != nil {
		return err
	}
	s.mutex.Lock()
	size := s.segments[len(s.segments)-1].size
	s.mutex.Unlock()
	if err := s.active.Truncate(size); err != nil {
		return err
	}
	if _, err := s.active.Seek(size, 0); err != nil {
		return err
	}
	if err := s.active.Sync(); err != nil {
		return err
	}
	s.torn = false
	return nil
}

// rotate begins a new segment. The old one stays until it is delivered.
func (s *spool) rotate(first opening) error {
	s.mutex.Lock()
	number := int64(1)
	if n := len(s.segments); n > 0 {
		number = s.segments[n-1].number + 1
	}
	tails := s.tails
	s.mutex.Unlock()
	frames, err := openingFrame([]byte(segmentMagic), first)
	if err != nil {
		return err
	}
	for site, t := range tails {
		frames = tailFrame(frames, site, t)
	}
	return s.begin(number, frames)
}

// newFile makes a file that has either no name or all of data, and is on disk.
func newFile(path string, data []byte, fault func(string) error) (err error) {
	if err := fault("rotate"); err != nil {
		return err
	}
	made := path + unfinished
	file, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil { // Windows renames no open file
		err = os.Rename(made, path)
	}
	if err != nil {
		_ = os.Remove(made)
		return err
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// unfinished ends the name of a file that is being made.
const unfinished = ".new"

// openEnd opens a file to write behind what it has.
func openEnd(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, 2); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// begin makes a new segment, of frames, the one that is written to.
func (s *spool) begin(number int64, frames []byte) error {
	if err := newFile(s.path(number), frames, s.fault); err != nil {
		return err
	}
	file, err := openEnd(s.path(number))
	if err != nil {
		return errors.Join(err, os.Remove(s.path(number)))
	}
	if s.active != nil {
		_ = s.active.Close() // all in it is on disk
	}
	s.active, s.torn = file, false
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.segments = append(s.segments, segment{number, int64(len(frames))})
	if len(s.segments) == 1 {
		s.cursor = position{Segment: number}
	}
	return nil
}

// advance says that the server has n more records, up to end, and removes what is
// delivered. The note of it needs not be on disk: to deliver twice does no harm.
func (s *spool) advance(end position, n int64) {
	s.mutex.Lock()
	s.cursor = end
	if s.backlog -= n; s.backlog == 0 {
		s.oldest = time.Time{}
	}
	var old []segment
	for len(s.segments) > 1 && s.segments[0].number < end.Segment {
		old = append(old, s.segments[0])
		s.segments = s.segments[1:]
	}
	s.mutex.Unlock()
	s.noteCursor(end)
	for _, segment := range old {
		if err := os.Remove(s.path(segment.number)); err != nil {
			s.logger.Warn("a delivered part of the spool of proofs could not be removed", "error", err)
		}
	}
}

const cursorName = "sent.json"

func (s *spool) noteCursor(at position) {
	data, err := json.Marshal(at)
	if err != nil {
		return
	}
	path := filepath.Join(s.dir, cursorName)
	if os.WriteFile(path+unfinished, data, 0o600) == nil {
		_ = os.Rename(path+unfinished, path)
	}
}

// tidy begins a new segment when all in the old one is delivered, so that records
// do not stay here for longer than they are kept.
func (s *spool) tidy() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.repair(); err != nil {
		return err
	}
	s.mutex.Lock()
	last := s.segments[len(s.segments)-1]
	delivered := s.backlog == 0
	s.mutex.Unlock()
	if !delivered {
		return nil
	}
	if err := s.rotate(opening{Instance: s.instance}); err != nil {
		return err
	}
	s.advance(position{Segment: last.number + 1}, 0)
	return nil
}

// fork goes on under a new instance, and takes what is not delivered into it. That
// is the way out when the old one cannot be continued: its end was lost here, or
// another spool has written under its name, as a copied disk does.
func (s *spool) fork(reason string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.repair(); err != nil {
		return err
	}
	fresh := opening{Instance: uuid.NewString(), Replaces: true}
	frames, err := openingFrame([]byte(segmentMagic), fresh)
	if err != nil {
		return err
	}
	tails, n := map[string]tail{}, int64(0)
	err = s.undelivered(func(r row) error {
		record, err := r.record()
		if err != nil {
			return err
		}
		_, stored, err := link(record.Decision, chain{fresh.Instance, r.site}, tails[r.site], s.key)
		if err != nil {
			return err
		}
		tails[r.site] = tail{stored.seq, stored.hash}
		frames, n = recordFrame(frames, &stored), n+1
		return nil
	})
	if err != nil {
		return err
	}
	s.mutex.Lock()
	last := s.segments[len(s.segments)-1].number + 1
	old := s.instance
	s.mutex.Unlock()
	if err := s.begin(last, frames); err != nil {
		return err
	}
	s.mutex.Lock()
	s.instance, s.tails = fresh.Instance, tails
	s.mutex.Unlock()
	s.advance(position{Segment: last}, 0)
	for site, end := range tails {
		s.heads.accepted(chain{fresh.Instance, site}, end.seq)
	}
	s.logger.Error("the chains of proof go on under a new instance: "+reason, "instance", old, "new", fresh.Instance, "records", n)
	return nil
}

func (s *spool) close() error {
	return errors.Join(s.active.Close(), s.lock.Close())
}

// isSegment says whether data is one of ours.
func isSegment(data []byte) bool { return bytes.HasPrefix(data, []byte(segmentMagic)) }
