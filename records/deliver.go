package records

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	maxDelivery = 1000    // records in one transaction
	maxRead     = 2 << 20 // bytes of the spool at once; more than one frame

	deliveryTimeout = 30 * time.Second
	firstRetry      = 100 * time.Millisecond
	lastRetry       = 5 * time.Second
)

// spooled is a record in the spool and the position behind it.
type spooled struct {
	row
	end position
}

// read returns records from at on, some of those that are there, and the position
// behind them. Without any, the position is the end.
func (s *spool) read(at position) ([]spooled, position, error) {
	s.mutex.Lock()
	segments := append([]segment(nil), s.segments...)
	s.mutex.Unlock()
	for _, segment := range segments {
		if segment.number < at.Segment {
			continue
		}
		if segment.number > at.Segment {
			at = position{Segment: segment.number}
		}
		for at.Offset < segment.size {
			found, next, err := s.readSegment(segment, at)
			if err != nil || len(found) > 0 {
				return found, next, err
			}
			at = next
		}
	}
	return nil, at, nil
}

// readSegment reads on in one segment.
func (s *spool) readSegment(segment segment, at position) ([]spooled, position, error) {
	at.Offset = max(at.Offset, int64(len(segmentMagic)))
	size := min(segment.size-at.Offset, maxRead)
	whole := at.Offset+size == segment.size
	file, err := os.Open(s.path(segment.number))
	if err != nil {
		return nil, at, err
	}
	defer func() { _ = file.Close() }()
	data := make([]byte, max(size, 0))
	if _, err := io.ReadFull(io.NewSectionReader(file, at.Offset, size), data); err != nil {
		return nil, at, err
	}
	var found []spooled
	end, _, err := scan(data, func(payload []byte, end int) error {
		if payload[0] != frameRecord {
			return nil
		}
		r, err := rowOf(payload)
		if err != nil {
			return err
		}
		found = append(found, spooled{r, position{at.Segment, at.Offset + int64(end)}})
		return nil
	})
	next := position{at.Segment, at.Offset + int64(end)}
	switch {
	case err != nil:
	case whole:
		next.Offset = segment.size // what is behind the last frame is damage
	case end == 0:
		next.Offset += size - maxPayload - frameHeader // all of it is damage; a frame may begin near the end
	}
	return found, next, err
}

// undelivered calls f with every record that the server does not have.
func (s *spool) undelivered(f func(row) error) error {
	s.mutex.Lock()
	at := s.cursor
	s.mutex.Unlock()
	for {
		found, next, err := s.read(at)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, r := range found {
			if err := f(r.row); err != nil {
				return err
			}
		}
		at = next
	}
}

// delivery brings a spool to the server, until its context ends.
type delivery struct {
	spool    *spool
	entries  *entrySpool
	database *database
	retry    time.Duration

	mutex sync.Mutex
	err   error         // of the last turn
	idle  bool          // there was nothing left after it
	turn  chan struct{} // closed after the next one

	// Of the delivering goroutine alone.
	ahead  []spooled // read, not delivered yet
	behind position  // behind ahead
}

func newDelivery(s *spool, entries *entrySpool, d *database, retry time.Duration) *delivery {
	return &delivery{spool: s, entries: entries, database: d, retry: retry, turn: make(chan struct{})}
}

func (d *delivery) run(ctx context.Context) {
	retry := min(firstRetry, d.retry)
	for ctx.Err() == nil {
		more, err := d.step(ctx)
		if ctx.Err() != nil {
			return
		}
		d.report(err, more)
		switch {
		case err != nil:
			pause(ctx, retry)
			retry = min(2*retry, d.retry)
		case more:
			retry = min(firstRetry, d.retry)
		default:
			retry = min(firstRetry, d.retry)
			select {
			case <-ctx.Done():
			case <-d.spool.wake:
			}
		}
	}
}

// pause waits, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// step delivers one batch, and returns whether there may be more.
func (d *delivery) step(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if err := d.database.open(ctx); err != nil {
		return false, err
	}
	if err := d.entries.deliver(ctx, d.database); err != nil {
		return false, err
	}
	if len(d.ahead) == 0 {
		if d.ahead, d.behind, err = d.spool.read(d.spool.position()); err != nil || len(d.ahead) == 0 {
			return false, err
		}
		d.spool.first(d.ahead[0].row)
	}
	batch := d.ahead[:min(len(d.ahead), maxDelivery)]
	rows := make([]row, len(batch))
	for i := range batch {
		rows[i] = batch[i].row
	}
	stored, err := deliver(ctx, d.database, rows)
	if err != nil {
		return false, err
	}
	d.delivered(batch[:stored])
	if stored < len(batch) {
		d.ahead = nil
		return true, d.spool.fork("the server has another record in the place of one that was to be delivered")
	}
	return true, nil
}

// delivered notes that the server has batch.
func (d *delivery) delivered(batch []spooled) {
	if len(batch) == 0 {
		return
	}
	tails := map[chain]tail{}
	for i := range batch {
		tails[batch[i].chain] = tail{batch[i].seq, batch[i].hash}
	}
	for c, end := range tails {
		d.spool.heads.stored(c, end)
	}
	end := batch[len(batch)-1].end
	d.ahead = d.ahead[len(batch):]
	if len(d.ahead) > 0 {
		d.spool.first(d.ahead[0].row)
	} else {
		end = d.behind
	}
	d.spool.advance(end, int64(len(batch)))
}

// first says which record is the first that is not delivered.
func (s *spool) first(r row) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.oldest = time.UnixMilli(r.time).UTC()
}

func (s *spool) position() position {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.cursor
}

// report notes how a step went, logs when that has changed, and wakes who waits
// for all to be delivered.
func (d *delivery) report(err error, more bool) {
	d.mutex.Lock()
	before := d.err
	d.err = err
	d.idle = err == nil && !more && d.spool.left() == 0
	close(d.turn)
	d.turn = make(chan struct{})
	d.mutex.Unlock()
	logger := d.spool.logger
	switch {
	case err != nil && before == nil:
		logger.Error("proofs of consent could not be delivered to the database; they are kept on this disk until they are", "error", err)
	case err != nil && before.Error() != err.Error():
		logger.Warn("proofs of consent are still not delivered to the database", "error", err)
	case err == nil && before != nil:
		logger.Info("proofs of consent are delivered to the database again")
	}
}

// left returns how many records are not delivered.
func (s *spool) left() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.backlog
}

// failure returns why the last try failed, if it did.
func (d *delivery) failure() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.err
}

// flush returns when all that was appended before is delivered; if it is not
// patient, also when that has failed.
func (d *delivery) flush(ctx context.Context, patient bool) error {
	for {
		d.mutex.Lock()
		turn := d.turn
		d.mutex.Unlock()
		select { // a turn that began after this
		case d.spool.wake <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), d.failure())
		case <-turn:
		}
		d.mutex.Lock()
		idle, err := d.idle, d.err
		d.mutex.Unlock()
		if idle || err != nil && !patient {
			return err
		}
	}
}
