package enforcer

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/coding"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
)

// responseWriter applies the policy to the header when it leaves, and puts the
// insertion into a page. It implements Flush and ReadFrom itself: what is
// promoted or reached through Unwrap would pass it by.
type responseWriter struct {
	http.ResponseWriter
	visit    *Visit
	rewriter *rewriter.Rewriter // nil: the body passes
	observer *observer          // that reads a body which passes
	sent     bool
	// The cookies of the header are let be: in observe mode, and where CONNECT has
	// opened a tunnel, both ends of which may write at once.
	free bool
	// The first bytes of a page leave in one piece: encode compresses by its length.
	began, gathers bool

	// An answer without a type waits for its first bytes, as net/http does.
	pending int // its status
	first   []byte
	kind    mediaKind

	// A page of known length waits until the length of what is inserted is known.
	measuring int // its status
	length    int
	output    *[]byte // what it became so far

	// A coded page is decoded. Its header waits until something comes out of it.
	decoder *coding.Decoder
	trying  int    // its status
	tried   []byte // what went in

	cookies []string // the Set-Cookie lines as they were sent
	buffer  [4]string
}

// sniffed is how many bytes net/http tells the type from.
const sniffed = 512

// Writer returns the writer that the site's answer goes through to w. Finish
// must be called once the site has answered.
func (v *Visit) Writer(w http.ResponseWriter) http.ResponseWriter {
	v.writer = responseWriter{ResponseWriter: w, visit: v, free: v.enforcer.Observe}
	return &v.writer
}

// Release frees what an answer holds that a panic has cut off. It does nothing
// after Finish.
func (v *Visit) Release() {
	if v.writer.decoder != nil {
		v.writer.decoder.Abort()
	}
	v.writer.observer.end()
}

// Finish ends the answer. err is what the next handler returned.
func (v *Visit) Finish(err error) error {
	w := &v.writer
	if w.pending != 0 {
		if sendErr := w.sendSniffed(); err == nil {
			err = sendErr
		}
	}
	if w.decoder != nil {
		if endErr := w.endDecoding(err == nil); err == nil {
			err = endErr
		}
	}
	if w.measuring != 0 {
		if sendErr := w.sendMeasured(0); err == nil {
			err = sendErr
		}
	}
	w.observer.end()
	if !v.enforcer.Observe {
		delete(w.Header(), http.TrailerPrefix+"Set-Cookie")
	}
	if !w.sent {
		// the server, or an error route, sends these headers by itself
		v.enforceHeader(w.Header(), err == nil)
		return err
	}
	w.keepCookies()
	if w.rewriter != nil {
		for _, name := range signed {
			delete(w.Header(), http.TrailerPrefix+name)
		}
	}
	switch {
	case w.rewriter == nil:
	case err != nil:
		_ = w.rewriter.Abort()
	default:
		w.gathers = !w.began
		err = w.rewriter.Close()
		if sendErr := w.sendOutput(); err == nil {
			err = sendErr
		}
	}
	return err
}

// A writer further out may let the header go later than it is sent here (encode
// with the first bytes, HTTP/3 with the first that leave), and trailers are put
// in the same map. So what the site does to the cookies of a sent header is
// undone before each call down; what happens to them inside such a call is the
// operator's own, by deferred header operations, and stays.

// keepCookies restores the cookies as they were sent.
func (w *responseWriter) keepCookies() {
	if w.free {
		return
	}
	h := w.Header()
	dropSpellings(h)
	switch {
	case slices.Equal(h["Set-Cookie"], w.cookies):
	case len(w.cookies) == 0:
		delete(h, "Set-Cookie")
	default:
		h["Set-Cookie"] = slices.Clone(w.cookies)
	}
}

// noteCookies remembers the cookies as they are now.
func (w *responseWriter) noteCookies() {
	if w.free {
		return
	}
	if w.cookies == nil {
		w.cookies = w.buffer[:0]
	}
	w.cookies = append(w.cookies[:0], w.Header()["Set-Cookie"]...)
}

// WriteHeader applies the policy to the header before it leaves. Every status
// passes here, informational ones too: all can carry cookies. Write and
// FlushError call it with 200 when the site did not.
func (w *responseWriter) WriteHeader(status int) {
	switch {
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.visit.enforceHeader(w.Header(), false)
		w.ResponseWriter.WriteHeader(status)
	case w.sent:
		w.ResponseWriter.WriteHeader(status)
	case w.waits(): // superfluous
	default:
		w.visit.enforceHeader(w.Header(), true)
		w.noteCookies()
		if kind := kindOf(w.Header()); kind.doubtful && w.visit.html && !w.visit.head && bodyAllowed(status) && w.uncoded() {
			w.pending = status
		} else {
			w.send(status, kind)
		}
	}
}

// uncoded reports whether the first bytes tell what a body is, as they do to
// net/http where there is no type.
func (w *responseWriter) uncoded() bool {
	h := w.Header()
	return h["Content-Encoding"] == nil && h["Transfer-Encoding"] == nil
}

// send sends the header, unless that waits for what becomes of the body.
func (w *responseWriter) send(status int, kind mediaKind) {
	w.pending, w.kind = 0, kind
	h := w.Header()
	rewritten := w.visit.rewrites(status, h, kind)
	if !rewritten && w.visit.enforcer.Observe {
		w.observer = w.visit.observer(status, h, kind)
	}
	if codings, _ := coding.Parse(h["Content-Encoding"]); rewritten && len(codings) > 0 && !w.visit.head {
		w.decoder, w.trying = coding.New((*decodedBody)(w), codings), status
		return
	}
	w.sendAs(status, rewritten)
}

// sendAs describes a body that is rewritten, or one that passes, and sends the
// header.
func (w *responseWriter) sendAs(status int, rewritten bool) {
	h, v := w.Header(), w.visit
	v.describe(status, h, w.kind, rewritten)
	switch {
	case rewritten:
		coded := w.decoder != nil || len(h["Content-Encoding"]) > 0
		length, err := strconv.Atoi(h.Get("Content-Length"))
		delete(h, "Content-Length")
		delete(h, "Content-Encoding")
		if v.head {
			break
		}
		config := v.rewriting(w.kind)
		w.rewriter = rewriter.New((*rewrittenBody)(w), config)
		if err == nil && length > 0 && config.Gate == nil && !coded {
			w.measuring, w.length = status, length
			return
		}
	case status == http.StatusNotModified && v.matched != "":
		v.confirm(status, h)
	}
	w.sendHeader(status)
}

// maxTried is how much of a coded body is kept until something comes out of it.
const maxTried = 1 << 20

// decodedBody takes what the decoder writes.
type decodedBody responseWriter

func (b *decodedBody) Write(p []byte) (int, error) {
	w := (*responseWriter)(b)
	if status := w.trying; status != 0 {
		w.trying, w.tried = 0, nil
		w.keepCookies()
		w.sendAs(status, true)
	}
	return w.writeDecoded(p)
}

// decode writes to the decoder. A body that nothing comes out of passes as it is.
func (w *responseWriter) decode(p []byte) (int, error) {
	if w.trying != 0 {
		w.tried = append(w.tried, p...)
	}
	n, err := w.decoder.Write(p)
	if w.trying != 0 && (err != nil || len(w.tried) > maxTried) {
		return len(p), w.passCoded()
	}
	return n, err
}

// passCoded sends a coded body as it came.
func (w *responseWriter) passCoded() error {
	status, tried := w.trying, w.tried
	w.trying, w.tried = 0, nil
	w.decoder.Abort()
	w.decoder = nil
	w.keepCookies()
	w.visit.untouched(BrokenCoding)
	w.sendAs(status, false)
	if len(tried) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(tried)
	return err
}

// endDecoding ends a coded body.
func (w *responseWriter) endDecoding(whole bool) (err error) {
	if whole {
		err = w.decoder.Close()
	}
	if w.trying != 0 {
		return w.passCoded()
	}
	w.decoder.Abort()
	return err
}

func (w *responseWriter) sendHeader(status int) {
	w.sent = true
	w.free = w.free || w.visit.connects && status < 300
	w.ResponseWriter.WriteHeader(status)
	w.noteCookies()
}

// sendMeasured sends a header that waited for what the first n bytes of the body
// became. When the rest passes as it comes, the length is known.
func (w *responseWriter) sendMeasured(n int) error {
	if n > 0 && w.output != nil && w.rewriter.Unseen() {
		w.Header()["Content-Length"] = []string{strconv.Itoa(w.length - n + len(*w.output))}
	}
	status := w.measuring
	w.measuring, w.began = 0, w.output != nil
	w.keepCookies()
	w.sendHeader(status)
	return w.sendOutput()
}

// outputs are kept for the next page, but for very long ones.
var outputs = sync.Pool{New: func() any { return new([]byte) }}

const maxKept = 256 << 10

// sendOutput writes what was gathered.
func (w *responseWriter) sendOutput() error {
	if w.output == nil {
		return nil
	}
	output := w.output
	w.output = nil
	_, err := w.ResponseWriter.Write(*output)
	if cap(*output) <= maxKept {
		*output = (*output)[:0]
		outputs.Put(output)
	}
	return err
}

// rewrittenBody takes what the rewriter writes.
type rewrittenBody responseWriter

func (b *rewrittenBody) Write(p []byte) (int, error) {
	if b.measuring != 0 || b.gathers {
		if b.output == nil {
			b.output = outputs.Get().(*[]byte)
		}
		*b.output = append(*b.output, p...)
		return len(p), nil
	}
	return b.ResponseWriter.Write(p)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if !w.sent {
		if !w.waits() {
			w.WriteHeader(http.StatusOK)
		}
		if w.pending != 0 {
			w.first = append(w.first, p...)
			if len(w.first) < sniffed {
				return len(p), nil
			}
			return len(p), w.sendSniffed()
		}
	}
	return w.write(p)
}

// sendSniffed sends a header that waited, and the bytes it waited for.
func (w *responseWriter) sendSniffed() error {
	h, kind := w.Header(), mediaKind{}
	if len(w.first) > 0 {
		told := []string{http.DetectContentType(w.first)}
		kind = kindOf(http.Header{"Content-Type": told})
		if _, typed := h["Content-Type"]; !typed {
			h["Content-Type"] = told
		}
	}
	w.keepCookies()
	w.send(w.pending, kind)
	if len(w.first) == 0 {
		return nil
	}
	_, err := w.write(w.first)
	w.first = nil
	return err
}

// waits reports whether a final header is there, and has not left.
func (w *responseWriter) waits() bool { return w.pending+w.measuring+w.trying != 0 }

// write writes behind the header.
func (w *responseWriter) write(p []byte) (int, error) {
	if w.observer != nil {
		w.observer.read(p)
	}
	if w.decoder != nil {
		return w.decode(p)
	}
	return w.writeDecoded(p)
}

func (w *responseWriter) writeDecoded(p []byte) (int, error) {
	if w.measuring != 0 {
		n, err := w.rewriter.Write(p)
		if sendErr := w.sendMeasured(n); err == nil {
			err = sendErr
		}
		return n, err
	}
	w.keepCookies()
	defer w.noteCookies()
	switch {
	case w.rewriter == nil:
		return w.ResponseWriter.Write(p)
	case w.began:
		return w.rewriter.Write(p)
	}
	w.gathers = true
	n, err := w.rewriter.Write(p)
	w.gathers = false
	if w.output != nil && err == nil {
		w.began = true
		err = w.sendOutput()
	}
	return n, err
}

// ReadFrom keeps the fast path of the writer below for bodies that pass.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.sent && w.rewriter == nil && w.decoder == nil && w.observer == nil {
		w.keepCookies()
		defer w.noteCookies()
		return io.Copy(w.ResponseWriter, r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError sends the header, if it has not left, and what was written. The
// header of what may be a page goes on waiting for its first bytes.
func (w *responseWriter) FlushError() error {
	if !w.sent && !w.waits() {
		w.WriteHeader(http.StatusOK)
	}
	if w.measuring+w.trying != 0 {
		return nil // a page: its first bytes are under way
	}
	if w.pending != 0 {
		if len(w.first) == 0 && w.visit.shown {
			return nil
		}
		if err := w.sendSniffed(); err != nil {
			return err
		}
	}
	w.keepCookies()
	defer w.noteCookies()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach what else the writer below can do.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// enforceHeader filters every Set-Cookie of a header. A final one also expires
// the refused cookies that the request brought.
func (v *Visit) enforceHeader(h http.Header, final bool) {
	if v.enforcer.Observe {
		v.observeHeader(h)
		return
	}
	dropSpellings(h)
	if lines := h["Set-Cookie"]; len(lines) > 0 {
		v.filterLines(h, lines)
	}
	if announced := h["Trailer"]; len(announced) > 0 {
		h["Trailer"] = withoutNames(announced, "Set-Cookie")
	}
	if g := v.gate(); g != nil {
		closeSideDoors(h, g.held)
	}
	if !final {
		return
	}
	if v.personal || variesByChoice(h) {
		keepPrivate(h)
		v.varies(h)
	}
	if len(v.dropped) > 0 {
		v.Expire(h)
		keepPrivate(h)
	}
}

// dropSpellings removes other spellings of Set-Cookie, which net/http writes as
// they are, and the dead Set-Cookie2.
func dropSpellings(h http.Header) {
	for name := range h {
		if hasPrefixFold(name, "Set-Cookie") && name != "Set-Cookie" && len(name) <= len("Set-Cookie2") {
			delete(h, name)
		}
	}
}

// Filter applies the policy to the cookies that stand in a header before the
// site, or a page of our own, has answered.
func (v *Visit) Filter(h http.Header) { v.enforceHeader(h, false) }

// filterLines keeps the Set-Cookie lines that may leave.
func (v *Visit) filterLines(h http.Header, lines []string) {
	now := v.enforcer.Now()
	kept := lines[:0]
	for _, line := range lines {
		if line, ok := v.filterSetCookie(line, now); ok {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	clear(lines[len(kept):])
	h["Set-Cookie"] = kept
}

// Expire adds lines that expire the refused and undeclared cookies of the
// request. An answer that carries them must not be shared.
func (v *Visit) Expire(h http.Header) {
	lines, more := v.expiring(uint(v.enforcer.turn.Load()))
	if more {
		v.enforcer.turn.Add(uint32(max(1, len(lines))))
	}
	if len(lines) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], lines...)
	}
	v.dropped = v.dropped[:0]
}

// withoutNames leaves names out of a Trailer announcement, without which a
// trailer is not sent.
func withoutNames(lines []string, names ...string) []string {
	var kept []string
	for _, line := range lines {
		for _, announced := range splitList(line) {
			if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(announced, name) }) {
				kept = append(kept, announced)
			}
		}
	}
	return kept
}

// Interface guards
var (
	_ http.ResponseWriter                       = (*responseWriter)(nil)
	_ io.ReaderFrom                             = (*responseWriter)(nil)
	_ interface{ FlushError() error }           = (*responseWriter)(nil)
	_ interface{ Unwrap() http.ResponseWriter } = (*responseWriter)(nil)
)
