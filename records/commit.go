package records

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// pending is a decision on its way to the disk.
type pending struct {
	decision Decision
	taken    atomic.Bool // by the committer, or by a caller who gave up
	done     chan struct{}

	// Valid once done is closed.
	record Record
	err    error
}

const (
	maxQueue = 4096
	maxBatch = 1024
)

// committer gathers the decisions of many callers, so that they share one wait
// for the disk. What arrives during a wait makes the next batch.
type committer struct {
	commit func([]*pending) error // all of a batch, or none
	queue  chan *pending
	ended  chan struct{}

	closing sync.RWMutex // held to read while something is put into queue
	closed  bool
}

func newCommitter(commit func([]*pending) error) *committer {
	c := &committer{commit: commit, queue: make(chan *pending, maxQueue), ended: make(chan struct{})}
	go c.run()
	return c
}

// append has d written, and returns when it is on disk. When ctx ends first, d is
// dropped if nobody had begun to write it; otherwise it may still be stored.
func (c *committer) append(ctx context.Context, d Decision) (Record, error) {
	p := &pending{decision: d, done: make(chan struct{})}
	if err := c.put(ctx, p); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	select {
	case <-p.done:
		return p.record, p.err
	case <-ctx.Done():
		p.taken.Store(true)
		return Record{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

var errClosed = errors.New("the log is closed")

func (c *committer) put(ctx context.Context, p *pending) error {
	c.closing.RLock()
	defer c.closing.RUnlock()
	if c.closed {
		return errClosed
	}
	select {
	case c.queue <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets what was put be written, and ends.
func (c *committer) close() {
	c.closing.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.closing.Unlock()
	<-c.ended
}

func (c *committer) run() {
	defer close(c.ended)
	batch := make([]*pending, 0, maxBatch)
	for first := range c.queue {
		batch = c.gather(append(batch[:0], first))
		c.write(batch)
	}
}

// gather adds to batch what else is waiting, and leaves out what was given up.
func (c *committer) gather(batch []*pending) []*pending {
	for more := true; more && len(batch) < maxBatch; {
		select {
		case p, ok := <-c.queue:
			if more = ok; ok {
				batch = append(batch, p)
			}
		default:
			more = false
		}
	}
	wanted := batch[:0]
	for _, p := range batch {
		if p.taken.CompareAndSwap(false, true) {
			wanted = append(wanted, p)
		}
	}
	return wanted
}

func (c *committer) write(batch []*pending) {
	if len(batch) == 0 {
		return
	}
	err := c.commit(batch)
	for _, p := range batch {
		if err != nil {
			p.record, p.err = Record{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		close(p.done)
	}
}
