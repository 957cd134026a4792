// Package coding decodes HTTP content codings as a stream: what is written to a
// Decoder leaves decoded in the same call, as far as the coding lets it.
//
// It knows gzip, deflate (with and without its zlib wrapper), br and zstd, and
// lists of them. Memory is bounded by the codings' windows, and what grows out
// of all proportion ends in ErrTooLarge. It sees no header.
package coding

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What a document may become: beyond maxFree bytes no more than maxRatio times
// what came in, nor more than maxSize. DEFLATE cannot grow beyond 1032 times.
const (
	maxFree  = 16 << 20
	maxRatio = 1100
	maxSize  = 1 << 30
)

// maxWindow is the largest window of zstd that is decoded (RFC 9659).
const maxWindow = 8 << 20

// maxChain bounds a list of codings.
const maxChain = 4

// ErrTooLarge is what a Decoder ends with when its output grows out of proportion.
var ErrTooLarge = errors.New("the decoded body is out of proportion")

// Parse reads the values of Content-Encoding. ok is false when one of the
// codings is none that is known here. Identity, and no coding, is an empty list.
func Parse(lines []string) (codings []string, ok bool) {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.ToLower(strings.Trim(name, " \t")); name {
			case "", "identity":
			case "gzip", "x-gzip", "deflate", "br", "zstd":
				codings = append(codings, name)
			default:
				return nil, false
			}
		}
	}
	return codings, len(codings) <= maxChain
}

// Decoder decodes a stream. Write to it, and close it at the end.
type Decoder struct {
	out     io.Writer
	codings []string
	source  source
	next    func() (struct{}, bool)
	stop    func()
	ended   bool
	err     error
	read    int64
	written int64
}

// source hands what was written to the decoding side, which runs in turn with
// the writing one and never beside it.
type source struct {
	data []byte
	last bool
	wait func(struct{}) bool // for more
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	for len(s.data) == 0 {
		if s.last {
			return 0, io.EOF
		}
		if !s.wait(struct{}{}) {
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

// ReadByte implements io.ByteReader, so that no decoder reads ahead.
func (s *source) ReadByte() (byte, error) {
	var b [1]byte
	_, err := s.Read(b[:])
	return b[0], err
}

// New returns a Decoder of codings, in the order they were applied, to out.
func New(out io.Writer, codings []string) *Decoder {
	d := &Decoder{out: out, codings: codings}
	d.next, d.stop = iter.Pull(d.decode)
	return d
}

// Write decodes p, and writes what it becomes.
func (d *Decoder) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	d.read += int64(len(p))
	d.source.data = p
	d.turn()
	d.source.data = nil // what follows the end is no part of it
	return len(p), d.err
}

// Close decodes what the end brings out. A body that breaks off is no error: what
// it held has been written.
func (d *Decoder) Close() error {
	d.source.last = true
	d.turn()
	d.stop()
	if errors.Is(d.err, io.ErrUnexpectedEOF) {
		return nil
	}
	return d.err
}

// Abort ends a body that is not to be decoded any further.
func (d *Decoder) Abort() { d.stop() }

// turn lets the decoding side run until it needs more.
func (d *Decoder) turn() {
	if !d.ended {
		_, more := d.next()
		d.ended = !more
	}
}

// decode is the decoding side.
func (d *Decoder) decode(wait func(struct{}) bool) {
	d.source.wait = wait
	var r io.Reader = &d.source
	for i := len(d.codings) - 1; i >= 0; i-- {
		inner, release, err := reader(d.codings[i], r)
		if err != nil {
			d.err = err
			return
		}
		defer release()
		r = inner
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for {
		n, err := r.Read(*buffer)
		if n > 0 {
			d.written += int64(n)
			if d.written > maxSize || d.written > maxFree && d.written > maxRatio*d.read {
				d.err = ErrTooLarge
				return
			}
			if _, d.err = d.out.Write((*buffer)[:n]); d.err != nil {
				return
			}
		}
		switch {
		case err == io.EOF, errors.Is(err, gzip.ErrHeader) && d.written > 0: // what follows a whole gzip is ignored
			return
		case err != nil:
			d.err = err
			return
		}
	}
}

var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}
	gzips   = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotlis = sync.Pool{New: func() any { return brotli.NewReader(nil) }}
	zstds   = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxSize))
		if err != nil {
			panic(err) // the options are constant
		}
		return d
	}}
)

// reader returns what decodes one coding from r, and what gives it back.
func reader(coding string, r io.Reader) (io.Reader, func(), error) {
	switch coding {
	case "gzip", "x-gzip":
		z := gzips.Get().(*gzip.Reader)
		return z, func() { gzips.Put(z) }, z.Reset(r)
	case "br":
		z := brotlis.Get().(*brotli.Reader)
		return z, func() { brotlis.Put(z) }, z.Reset(r)
	case "zstd":
		z := zstds.Get().(*zstd.Decoder)
		return z, func() {
			if z.Reset(nil) == nil {
				zstds.Put(z)
			}
		}, z.Reset(r)
	case "deflate":
		z, err := inflate(r)
		return z, func() {}, err
	}
	return nil, nil, fmt.Errorf("unknown coding %q", coding)
}

// inflate tells the zlib format, which the name stands for, from bare DEFLATE,
// which some servers send (RFC 9110 section 8.4.1.2).
func inflate(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 512)
	head, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}
