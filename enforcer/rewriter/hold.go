package rewriter

import "bytes"

// player is a video or audio element the scanner is in.
type player struct {
	kind  kind // plain: none
	held  bool
	frame Frame
}

// hold holds back what the element loads whose name ends at data[p].
func (r *Rewriter) hold(data []byte, p int, e *element, c content) {
	if r.ahead && !loadsAhead(e.kind) {
		return
	}
	switch e.kind {
	case script:
		r.holdScript(data, p, c)
		return
	case noscript:
		return
	case style:
		if r.textIsMarkup() {
			r.holdMarkedUpSheet(data, p, c)
		}
		return
	case iframe, frame, object, embed:
		r.holdFrame(data, p, e)
		return
	case meta:
		r.holdMeta(data, p)
		return
	case base:
		r.holdBase(data, p)
		return
	case link:
		if !r.loads(data) {
			return
		}
	case input:
		if t := r.first(aType); t == nil || !equalFold(bytes.TrimSpace(r.decoded(data, t)), "image") {
			r.drop(aSrc)
		}
	case video, audio:
		if !r.isForeign() {
			r.player = player{kind: e.kind, frame: Frame{Form: Element}}
		}
	}
	if len(r.attrs) == 0 {
		return
	}
	mark := r.placeholder(p)
	service, held := r.holdEach(data, &mark)
	if held {
		r.fill(mark, service)
	}
	switch e.kind {
	case video, audio:
		if r.player.kind != plain {
			r.playerBegins(data, service, held)
		}
	case source:
		if r.player.kind != plain && held && !r.player.held {
			r.player.held = true
			r.player.frame.Service, r.player.frame.Address = service, r.value(data, aSrc)
		}
	}
}

// holdBase tells the gate what addresses are relative to. In a document inside of
// this one, which has the same gate, they stay relative to this one's.
func (r *Rewriter) holdBase(data []byte, p int) {
	href := r.first(aHref)
	switch {
	case href == nil || r.isForeign() || r.template > 0:
	case r.nesting == 0:
		r.config.Gate.Base(string(r.decoded(data, href)))
	default:
		if service, held := r.holds(r.decoded(data, href)); held {
			r.fill(r.placeholder(p), service)
			r.renameAll(data, wants(aHref))
		}
	}
}

// drop forgets the attributes that are a.
func (r *Rewriter) drop(a attr) {
	kept := r.attrs[:0]
	for _, other := range r.attrs {
		if other.attr != a {
			kept = append(kept, other)
		}
	}
	r.attrs = kept
}

func (r *Rewriter) value(data []byte, a attr) string {
	if found := r.first(a); found != nil {
		return string(r.decoded(data, found))
	}
	return ""
}

// placeholder keeps a place at data[at] for what is known later.
func (r *Rewriter) placeholder(at int) int {
	r.edits = append(r.edits, edit{at, 0, 0})
	return len(r.edits) - 1
}

// fill puts the mark of service, and more attributes, in a place that was kept.
func (r *Rewriter) fill(place int, service string, more ...string) {
	from := len(r.arena)
	for _, part := range more {
		r.arena = append(r.arena, part...)
	}
	r.arena = append(r.arena, " "+Mark+`="`...)
	r.arena = append(r.arena, service...)
	r.arena = append(r.arena, '"')
	e := &r.edits[place]
	e.from, e.to = from, len(r.arena)
}

// rename gives a longer name to an attribute, which then loads nothing.
func (r *Rewriter) rename(data []byte, a *attribute) {
	if n := bytes.IndexByte(data[a.name:a.nameEnd], ':'); n >= 0 && r.config.XML {
		r.insert(a.name+n+1, Prefix) // the namespace stays
		return
	}
	r.insert(a.name, Prefix)
}

// renameAll does so to every attribute of the tag that is one of attrs: the
// second would count where the first is gone.
func (r *Rewriter) renameAll(data []byte, attrs uint32) {
	for i := range r.attrs {
		if a := &r.attrs[i]; attrs>>a.attr&1 != 0 {
			r.rename(data, a)
		}
	}
}

// holdEach holds back each attribute by itself. mark is the place for the mark,
// nil in the rest of a long tag, where it stands before the first attribute held.
func (r *Rewriter) holdEach(data []byte, mark *int) (service string, held bool) {
	var seen, gone uint32
	if mark == nil {
		seen, gone = r.rest.seen, r.rest.held
	}
	for i := range r.attrs {
		a := &r.attrs[i]
		bit := uint32(1) << a.attr
		if mark == nil && r.rest.taken&bit != 0 {
			r.rename(data, a)
			continue
		}
		if a.attr != aPaint && seen&bit != 0 {
			if gone&bit != 0 {
				r.rename(data, a)
			}
			continue
		}
		seen |= bit
		if a.attr == aStyle || a.attr == aPaint {
			place := 0
			if mark == nil && !r.rest.marked {
				place = r.placeholder(a.name)
			}
			if id, ok := r.holdStyle(data, a); ok {
				if mark == nil && !r.rest.marked {
					r.insertMark(place, id)
				}
				if !held {
					service, held = id, true
				}
			}
			continue
		}
		id, ok := r.holdsAttribute(data, a)
		if !ok {
			continue
		}
		gone |= bit
		if mark == nil {
			r.holdRest(data, a, id)
		} else {
			r.rename(data, a)
		}
		if !held {
			service, held = id, true
		}
	}
	if mark == nil {
		r.rest.seen, r.rest.held = seen, gone
	}
	return service, held
}

// holdRest renames an attribute in the rest of a long tag.
func (r *Rewriter) holdRest(data []byte, a *attribute, service string) {
	r.rest.held |= 1 << a.attr
	if !r.rest.marked {
		r.insertMark(r.placeholder(a.name), service)
	}
	r.rename(data, a)
}

// insertMark puts a mark in a place before an attribute.
func (r *Rewriter) insertMark(place int, service string) {
	r.rest.marked = true
	from := len(r.arena)
	r.arena = append(r.arena, Mark+`="`...)
	r.arena = append(r.arena, service...)
	r.arena = append(r.arena, `" `...)
	r.edits[place].from, r.edits[place].to = from, len(r.arena)
}

// holdsAttribute reports whether an attribute that names addresses is held back.
func (r *Rewriter) holdsAttribute(data []byte, a *attribute) (service string, held bool) {
	value := r.decoded(data, a)
	switch a.attr {
	case aSrc, aHref, aXlinkHref, aData, aPoster, aBackground:
		return r.holds(value)
	case aSrcset, aImageSrcset:
		Candidates(value, func(address []byte) bool {
			service, held = r.holds(address)
			return !held
		})
	case aPing, aAttributionSrc:
		for _, address := range bytes.Fields(value) {
			if service, held = r.holds(address); held {
				return service, held
			}
		}
	}
	return service, held
}

// Candidates calls each with the addresses of a srcset (WHATWG 4.8.4.2), until it
// returns false.
func Candidates(value []byte, each func(address []byte) bool) {
	for i := 0; i < len(value); {
		for i < len(value) && (isSpace(value[i]) || value[i] == ',') {
			i++
		}
		start := i
		for i < len(value) && !isSpace(value[i]) {
			i++
		}
		address := bytes.TrimRight(value[start:i], ",")
		if len(address) > 0 && !each(address) {
			return
		}
		if len(address) < i-start {
			continue // a comma ended the candidate
		}
		for within := false; i < len(value) && (within || value[i] != ','); i++ {
			within = value[i] == '(' || within && value[i] != ')'
		}
	}
}

// holdStyle holds back addresses in a style sheet that is an attribute's value.
func (r *Rewriter) holdStyle(data []byte, a *attribute) (service string, held bool) {
	raw := data[a.value:a.end]
	references := bytes.IndexByte(raw, '&') >= 0
	if !references && bytes.IndexByte(raw, '(') < 0 {
		return "", false
	}
	sheet, offsets := raw, []int32(nil)
	if references {
		sheet, offsets = decode(nil, raw, make([]int32, 0, len(raw)))
	}
	var c css
	c.read(sheet, 0, true, func(at int, address []byte) {
		id, ok := r.holds(address)
		if !ok {
			return
		}
		if offsets != nil {
			if at == len(offsets) {
				at = len(raw)
			} else {
				at = int(offsets[at])
			}
		}
		r.insert(a.value+at, Invalid, id, ";")
		if !held {
			service, held = id, true
		}
	})
	return service, held
}

// loading are the keywords of rel that make a browser load or connect.
var loading = []string{
	"stylesheet", "preload", "modulepreload", "prefetch", "prerender", "preconnect", "dns-prefetch", "icon",
	"apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image", "mask-icon", "manifest",
	"compression-dictionary", "search",
}

// Loads reports whether a link of this rel makes a browser load its address, or
// connect to it.
func Loads(rel []byte) bool {
	for len(rel) > 0 {
		if isSpace(rel[0]) {
			rel = rel[1:]
			continue
		}
		n := 0
		for n < len(rel) && !isSpace(rel[n]) {
			n++
		}
		for _, keyword := range loading {
			if equalFold(rel[:n], keyword) {
				return true
			}
		}
		rel = rel[n:]
	}
	return false
}

func (r *Rewriter) loads(data []byte) bool {
	rel := r.first(aRel)
	return rel != nil && Loads(r.decoded(data, rel))
}

// holdMeta holds back what a meta element makes a browser load, and has its
// policy admit what is inserted.
func (r *Rewriter) holdMeta(data []byte, p int) {
	content := r.first(aContent)
	switch r.metaKind(data) {
	case metaPolicy:
		if content == nil {
			return
		}
		policy := string(r.decoded(data, content))
		if admitted := r.config.Gate.Admit(policy); admitted != policy {
			from := len(r.arena)
			r.arena = append(r.arena, ` content="`...)
			r.arena = append(escape(r.arena, []byte(admitted), '"'), '"')
			r.edits = append(r.edits, edit{p, from, len(r.arena)})
			r.renameAll(data, wants(aContent))
		}
	case metaRefresh:
		if content == nil {
			return
		}
		service, held := "", false
		Refreshes(r.decoded(data, content), func(address []byte) bool {
			service, held = r.holds(address)
			return !held
		})
		if held {
			r.fill(r.placeholder(p), service)
			r.renameAll(data, wants(aContent))
		}
	}
}

// playerBegins notes what a video or audio element holds back by itself.
func (r *Rewriter) playerBegins(data []byte, service string, held bool) {
	r.player.frame = Frame{Service: service, Anchor: r.value(data, aID), Form: Element}
	if src := r.first(aSrc); held && src != nil {
		r.player.frame.Address = string(r.decoded(data, src))
		_, r.player.held = r.holds([]byte(r.player.frame.Address))
	}
}

// playerEnds puts a stand-in behind a video or audio element that plays nothing.
func (r *Rewriter) playerEnds(end int) {
	ended := r.player
	r.player = player{}
	if ended.held && r.nesting == 0 {
		r.insertBytes(end, r.standIn(ended.frame))
	}
}
