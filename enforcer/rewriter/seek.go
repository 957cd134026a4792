package rewriter

import "bytes"

// bodyBegins inserts before data[at], where the body begins, or learns that this
// is a fragment.
func (r *Rewriter) bodyBegins(at int) {
	r.seeking = false
	if !r.document || r.config.XML {
		return // a fragment, or a body that no tag has begun
	}
	r.insertHead(at)
	if r.config.Body != nil {
		r.insertFrom(at, r.config.Body)
	}
}

func (r *Rewriter) insertHead(at int) {
	if !r.headed {
		r.headed = true
		r.insertFrom(at, r.config.Head)
	}
}

func (r *Rewriter) insertFrom(at int, text func([]byte, Page) []byte) {
	from := len(r.arena)
	r.arena = text(r.arena, r.page)
	r.edits = append(r.edits, edit{at, from, len(r.arena)})
}

func (r *Rewriter) insertBytes(at int, text []byte) {
	from := len(r.arena)
	r.arena = append(r.arena, text...)
	r.edits = append(r.edits, edit{at, from, len(r.arena)})
}

// seekBefore looks at a start tag that begins at data[i], before anything is held
// back in it.
func (r *Rewriter) seekBefore(data []byte, i int, e *element) {
	switch {
	case r.template > 0:
	case e.kind == root:
		r.document = true
		if lang := r.first(aLang); lang != nil && r.page.Lang == "" {
			if value := r.decoded(data, lang); string(value) != r.lang {
				r.lang = string(value)
			}
			r.page.Lang = r.lang
		}
	case e.kind == head, e.kind == body:
		r.document = true
	case e.kind == frameset:
		r.seeking, r.frameset = false, true
	case e.kind == title || e.kind == meta && r.metaKind(data) == metaOther:
	case e.kind == meta && r.metaKind(data) == metaCharset:
		r.charset = true
	case !r.document:
		r.seeking = inHeadOf(e.kind)
	case r.charsetComes(data, i):
	case inHeadOf(e.kind):
		r.insertHead(i)
	}
	if r.template == 0 && r.seeking && (!inHeadOf(e.kind) || r.afterHead && e.kind == noscript) && e.kind != root && e.kind != head && e.kind != body {
		r.bodyBegins(i)
	}
}

// seekEnd looks at the end tag of e that begins at data[at].
func (r *Rewriter) seekEnd(at int, e *element) {
	switch e.kind {
	case head:
		r.afterHead = r.afterHead || r.template == 0
	case body, root, br:
		if r.template == 0 {
			r.bodyBegins(at)
		}
	}
}

// inHeadOf reports whether an element can stand in a head.
func inHeadOf(k kind) bool {
	switch k {
	case title, meta, link, style, script, noscript, template, base, inHead, noframes:
		return true
	}
	return false
}

// seekAfter looks at a start tag that ended at data[end].
func (r *Rewriter) seekAfter(data []byte, end int, e *element, selfClosing bool) {
	switch {
	case r.template > 0:
	case e.kind == base:
		if href := r.first(aHref); href != nil && r.page.Base == "" {
			r.page.Base = string(r.decoded(data, href))
		}
	case e.kind == meta && r.document && r.metaKind(data) == metaCharset:
		r.insertHead(end)
	case e.kind == body && !selfClosing:
		r.seeking = false
		r.insertHead(end)
		if r.config.Body != nil {
			r.insertFrom(end, r.config.Body)
		}
	}
}

// charsetComes reports whether an insertion before data[i] is put off, since it
// would push the document's naming of its charset beyond the first 1024 bytes,
// where browsers look for it.
func (r *Rewriter) charsetComes(data []byte, i int) bool {
	const looked = 1024
	if r.headed || r.config.Charset || r.charset || r.read+i >= looked {
		return false
	}
	within := data[i:min(len(data), looked-r.read)]
	for at := 0; ; {
		n := bytes.Index(within[at:], []byte("<meta"))
		if n < 0 {
			n = bytes.Index(within[at:], []byte("<META"))
		}
		if n < 0 {
			return false
		}
		at += n
		tag := within[at:]
		if end := bytes.IndexByte(tag, '>'); end >= 0 {
			tag = tag[:end]
		}
		if bytes.Contains(bytes.ToLower(tag), []byte("charset")) {
			return true
		}
		at += len("<meta")
	}
}

type metaSays uint8

const (
	metaOther metaSays = iota
	metaCharset
	metaPolicy
	metaRefresh
)

// metaKind says what the meta element whose attributes were read is for.
func (r *Rewriter) metaKind(data []byte) metaSays {
	if a := r.first(aHTTPEquiv); a != nil {
		switch value := bytes.TrimSpace(r.decoded(data, a)); {
		case equalFold(value, "content-type"):
			return metaCharset
		case equalFold(value, "content-security-policy"):
			return metaPolicy
		case equalFold(value, "refresh"):
			return metaRefresh
		}
	}
	if r.first(aCharset) != nil {
		return metaCharset
	}
	return metaOther
}

// namesWideCharset reports whether the charset that a meta element names, which
// nothing before it has named, is none that extends ASCII, and that browsers
// believe: UTF-16 they take for UTF-8 there.
func (r *Rewriter) namesWideCharset(data []byte) bool {
	if r.config.Charset || r.charset || r.nesting > 0 || r.metaKind(data) != metaCharset {
		return false
	}
	for i := range r.attrs {
		if a := &r.attrs[i]; a.attr == aCharset || a.attr == aContent {
			value := r.decoded(data, a)
			for i := range value {
				if hasPrefixFold(value[i:], "iso-2022") || hasPrefixFold(value[i:], "csiso2022") || hasPrefixFold(value[i:], "hz-gb") {
					return true
				}
			}
		}
	}
	return false
}
