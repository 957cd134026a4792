package rewriter

import (
	"bytes"
	"strconv"
)

// Frame is content with a box of its own that is held back.
type Frame struct {
	Service string // id; empty when no service declares its host
	Address string // of the content, as the page has it
	Anchor  string // the fragment to come back to: the element's id, or one of ours
	Form    Form
}

// Form says what a stand-in is put in as.
type Form uint8

// Forms of stand-ins.
const (
	Srcdoc  Form = iota // a whole document, for the srcdoc of an iframe
	Element             // an element, behind a video or audio that plays nothing
	Address             // the address of a page, for frame, object and embed
)

// holdFrame holds back a frame, and puts a stand-in where it was.
func (r *Rewriter) holdFrame(data []byte, p int, e *element) {
	loads := aSrc
	if e.kind == object {
		loads = aData
	}
	place := r.placeholder(p)
	srcdoc := r.first(aSrcdoc)
	styled, heldStyle := "", false
	for i := range r.attrs {
		switch a := &r.attrs[i]; {
		case a == srcdoc:
			r.holdDocument(data, a)
		case a.attr == aStyle && a == r.first(aStyle):
			styled, heldStyle = r.holdStyle(data, a)
		}
	}
	address := r.first(loads)
	if address == nil {
		if heldStyle {
			r.fill(place, styled)
		}
		return
	}
	frame := Frame{Anchor: r.value(data, aID)}
	var held bool
	value := r.decoded(data, address)
	frame.Service, held = r.holdsFrame(value)
	own := frame.Anchor == ""
	if frame.Service != "" && r.nesting == 0 {
		r.frames++
		if own {
			frame.Anchor = "cookie-consent-content-" + strconv.Itoa(r.frames)
		}
	}
	if !held {
		switch {
		case own && frame.Anchor != "" && frame.Anchor == r.config.Anchor:
			r.insertAt(place, ` id="`, frame.Anchor, `"`)
		case heldStyle:
			r.fill(place, styled)
		}
		return
	}
	frame.Address = string(value)
	taken := wants(loads)
	var standIn []byte
	name := ""
	switch {
	case e.kind == iframe && srcdoc == nil:
		frame.Form, name = Srcdoc, "srcdoc"
		taken |= wants(aSandbox)
	case e.kind == iframe, e.kind == object && bytes.HasPrefix([]byte(r.value(data, aType)), []byte("image/")):
	case frame.Service != "":
		frame.Form, name = Address, "src"
		if e.kind == object {
			name = "data"
		}
		taken |= wants(aType)
	}
	if name != "" {
		standIn = r.standIn(frame)
	}
	from := len(r.arena)
	if len(standIn) > 0 {
		r.arena = append(r.arena, ' ')
		r.arena = append(r.arena, name...)
		r.arena = append(r.arena, `="`...)
		r.arena = append(escape(r.arena, standIn, '"'), '"')
	}
	r.fill(place, frame.Service)
	r.edits[place].from = from
	r.renameAll(data, taken)
}

// standIn returns what stands where a frame is held back, for the first of them.
func (r *Rewriter) standIn(f Frame) []byte {
	if r.standIns == maxStandIns {
		return nil
	}
	r.standIns++
	return r.config.Gate.StandIn(r.page, f)
}

// insertAt puts parts in a place that was kept.
func (r *Rewriter) insertAt(place int, parts ...string) {
	from := len(r.arena)
	for _, part := range parts {
		r.arena = append(r.arena, part...)
	}
	r.edits[place].from, r.edits[place].to = from, len(r.arena)
}

// holdDocument holds back what the document in a srcdoc loads.
func (r *Rewriter) holdDocument(data []byte, a *attribute) {
	if r.nesting >= maxNesting {
		r.holding = true
		r.renameAll(data, wants(aSrcdoc))
		return
	}
	raw := data[a.value:a.end]
	document, offsets := decode(nil, raw, make([]int32, 0, len(raw)))
	inner := r.nested()
	inner.scan(document, 0, true)
	r.learn(inner)
	for _, e := range inner.edits {
		if e.from == e.to {
			continue
		}
		at := len(raw)
		if e.at < len(offsets) {
			at = int(offsets[e.at])
		}
		from := len(r.arena)
		r.arena = escape(r.arena, inner.arena[e.from:e.to], a.quote)
		r.edits = append(r.edits, edit{a.value + at, from, len(r.arena)})
	}
	inner.release()
}
