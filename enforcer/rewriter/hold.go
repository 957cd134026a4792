package rewriter

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// player is a video or audio element the scanner is in.
type player struct {
	kind  kind // plain: none
	held  bool
	frame Frame
}

// hold holds back what the element loads whose name ends at data[p].
func (r *Rewriter) hold(data []byte, p int, e *element, c content) {
	switch e.kind {
	case script:
		r.holdScript(data, p, c)
		return
	case noscript:
		return
	case style:
		if r.config.XML || r.isForeign() {
			r.holdForeignSheet(data, p, c)
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
	case href == nil || r.isForeign():
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
		address := RefreshAddress(r.decoded(data, content))
		if len(address) == 0 {
			return
		}
		if service, held := r.holds(address); held {
			r.fill(r.placeholder(p), service)
			r.renameAll(data, wants(aContent))
		}
	}
}

// RefreshAddress returns where a Refresh header, or a meta element like it, leads
// to (WHATWG 4.2.5.3, shared declarative refresh steps), nil for the page itself.
func RefreshAddress(value []byte) []byte {
	value = bytes.TrimLeft(value, " \t\n\f\r")
	n := 0
	for n < len(value) && (value[n] >= '0' && value[n] <= '9' || value[n] == '.') {
		n++
	}
	if n == 0 {
		return nil
	}
	separated := bytes.TrimLeft(value[n:], " \t\n\f\r")
	if len(separated) > 0 && (separated[0] == ';' || separated[0] == ',') {
		separated = separated[1:]
	} else if len(separated) == len(value[n:]) {
		return nil
	}
	value = bytes.TrimLeft(separated, " \t\n\f\r")
	if hasPrefixFold(value, "url") {
		if after := bytes.TrimLeft(value[3:], " \t\n\f\r"); len(after) > 0 && after[0] == '=' {
			value = bytes.TrimLeft(after[1:], " \t\n\f\r")
		}
	}
	if len(value) > 0 && (value[0] == '"' || value[0] == '\'') {
		quote := value[0]
		value = value[1:]
		if end := bytes.IndexByte(value, quote); end >= 0 {
			value = value[:end]
		}
	}
	return value
}

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
	frame.Service, held = r.holds(value)
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
		standIn = r.config.Gate.StandIn(r.page, frame)
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
	r.renameSorted(data, place, taken)
}

// insertAt puts parts in a place that was kept.
func (r *Rewriter) insertAt(place int, parts ...string) {
	from := len(r.arena)
	for _, part := range parts {
		r.arena = append(r.arena, part...)
	}
	r.edits[place].from, r.edits[place].to = from, len(r.arena)
}

// renameSorted renames attributes among edits that were made to others, from
// place on.
func (r *Rewriter) renameSorted(data []byte, place int, attrs uint32) {
	r.renameAll(data, attrs)
	for i := place + 1; i < len(r.edits); i++ {
		for k := i; k > place && r.edits[k].at < r.edits[k-1].at; k-- {
			r.edits[k], r.edits[k-1] = r.edits[k-1], r.edits[k]
		}
	}
}

// holdDocument holds back what the document in a srcdoc loads.
func (r *Rewriter) holdDocument(data []byte, a *attribute) {
	if r.nesting >= maxNesting {
		r.renameAll(data, wants(aSrcdoc))
		return
	}
	raw := data[a.value:a.end]
	document, offsets := decode(nil, raw, make([]int32, 0, len(raw)))
	inner := r.nested()
	inner.scan(document, 0, true)
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
		r.insertBytes(end, r.config.Gate.StandIn(r.page, ended.frame))
	}
}

// scriptKind is what becomes of a script element.
type scriptKind uint8

const (
	dataBlock scriptKind = iota // nothing
	executable
	importMap
	speculationRules
)

// scriptKind follows WHATWG 4.12.1.1, prepare the script element.
func (r *Rewriter) scriptKind(data []byte) scriptKind {
	declared := r.first(aType)
	if declared == nil {
		language := r.first(aLanguage)
		if language == nil || language.value == language.end {
			return executable
		}
		return kindOfScript(append([]byte("text/"), r.decoded(data, language)...))
	}
	if declared.value == declared.end {
		return executable
	}
	return kindOfScript(bytes.Trim(r.decoded(data, declared), " \t\n\f\r"))
}

func kindOfScript(mediaType []byte) scriptKind {
	var lower [32]byte
	if len(mediaType) > len(lower) {
		return dataBlock
	}
	for i, c := range mediaType {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	switch string(lower[:len(mediaType)]) {
	case "module", "text/javascript", "application/javascript", "application/ecmascript", "application/x-ecmascript",
		"application/x-javascript", "text/ecmascript", "text/javascript1.0", "text/javascript1.1", "text/javascript1.2",
		"text/javascript1.3", "text/javascript1.4", "text/javascript1.5", "text/jscript", "text/livescript",
		"text/x-ecmascript", "text/x-javascript":
		return executable
	case "importmap":
		return importMap
	case "speculationrules":
		return speculationRules
	}
	return dataBlock
}

// needsText reports whether the text of an inline script decides on it.
func (r *Rewriter) needsText(data []byte) bool {
	switch r.scriptKind(data) {
	case executable:
		return r.config.Gate.Marks()
	case importMap, speculationRules:
		return true
	}
	return false
}

// holdScript holds back a script that comes from elsewhere, or whose text tells
// whose it is.
func (r *Rewriter) holdScript(data []byte, p int, c content) {
	is := r.scriptKind(data)
	place := r.placeholder(p)
	reporting, reports := "", false
	if a := r.first(aAttributionSrc); a != nil {
		if reporting, reports = r.holdsAttribute(data, a); reports {
			r.fill(place, reporting)
			r.renameAll(data, wants(aAttributionSrc))
		}
	}
	if is == dataBlock {
		return
	}
	address := r.first(aSrc)
	if address == nil { // in SVG, which an end tag may or may not have left
		if address = r.first(aHref); address == nil {
			address = r.first(aXlinkHref)
		}
	}
	service, held := "", false
	switch {
	case address != nil:
		service, held = r.holds(r.decoded(data, address))
	case is == executable && !r.config.Gate.Marks():
	default:
		service, held = r.holdText(data, c, is)
	}
	if !held {
		return
	}
	r.fill(place, service, ` type="text/plain"`)
	r.renameSorted(data, place, wants(aSrc, aHref, aXlinkHref, aType))
}

// holdText holds back an inline script, or addresses in its text.
func (r *Rewriter) holdText(data []byte, c content, is scriptKind) (service string, held bool) {
	text := data[c.start:c.end]
	switch {
	case is == executable:
		return r.config.Gate.HoldsScript(text)
	case !c.ended:
		return "", true // it cannot be known
	case is == speculationRules:
		if service, held = r.speculates(text); held {
			return service, held
		}
	}
	r.holdStrings(text, c.start)
	return "", false
}

// holdStrings holds back the addresses in a JSON text, which are its strings, but
// for the names of members.
func (r *Rewriter) holdStrings(content []byte, start int) {
	for i := 0; i < len(content); i++ {
		if content[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(content) && content[end] != '"' {
			if content[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(content) {
			return
		}
		after := bytes.TrimLeft(content[end+1:], " \t\n\r")
		if len(after) == 0 || after[0] != ':' {
			var address string
			if json.Unmarshal(content[i:end+1], &address) == nil {
				if service, held := r.holds([]byte(address)); held {
					r.insert(start+i+1, Invalid, service, ";")
				}
			}
		}
		i = end
	}
}

// speculates reports whether speculation rules may follow links to places that
// are held back: rules that choose links by anything but addresses that are not.
func (r *Rewriter) speculates(content []byte) (service string, held bool) {
	var rules map[string]json.RawMessage
	if json.Unmarshal(content, &rules) != nil {
		return "", false // browsers ignore it too
	}
	for _, raw := range rules {
		var list []struct {
			Source string          `json:"source"`
			Where  json.RawMessage `json:"where"`
		}
		if json.Unmarshal(raw, &list) != nil {
			continue
		}
		for _, rule := range list {
			if (rule.Where != nil || rule.Source == "document") && !r.bounded(rule.Where, 0) {
				return "", true
			}
		}
	}
	return "", false
}

// bounded reports whether a condition on links admits only addresses that are not
// held back.
func (r *Rewriter) bounded(raw json.RawMessage, depth int) bool {
	var where struct {
		And     []json.RawMessage `json:"and"`
		Or      []json.RawMessage `json:"or"`
		Matches any               `json:"href_matches"`
	}
	if depth > maxNesting || json.Unmarshal(raw, &where) != nil {
		return false
	}
	for _, condition := range where.And {
		if r.bounded(condition, depth+1) {
			return true
		}
	}
	for _, condition := range where.Or {
		if !r.bounded(condition, depth+1) {
			return false
		}
	}
	if where.Matches == nil {
		return len(where.Or) > 0
	}
	patterns, ok := where.Matches.([]any)
	if !ok {
		patterns = []any{where.Matches}
	}
	for _, pattern := range patterns {
		text, ok := pattern.(string)
		if !ok {
			return false
		}
		if _, held := r.holds([]byte(text)); held {
			return false
		}
	}
	return true
}
