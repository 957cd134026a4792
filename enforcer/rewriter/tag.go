package rewriter

import "bytes"

// attribute is one that was asked for, by its places in the data.
type attribute struct {
	attr          attr
	quote         byte // that encloses the value, 0 none
	name, nameEnd int
	value, end    int
}

// attributes reads data[i:] behind a tag's name or within the tag, up to and
// with its ">", and collects those in wanted (WHATWG 13.2.5.32 and on). It
// returns where the tag ends and whether it closes itself. When the end is not
// there, end is 0 and at the place where the last attribute begins; inValue is
// where its value begins, 0 if it does not.
func (r *Rewriter) attributes(data []byte, i int, wanted uint32) (end int, selfClosing bool, at, inValue int) {
	for {
		selfClosing = false
		for {
			if i >= len(data) {
				return 0, false, i, 0
			}
			c := data[i]
			if foldAttribute[c] != 0 || c == '=' {
				break
			}
			if c == '>' {
				return i + 1, selfClosing, 0, 0
			}
			selfClosing = c == '/'
			i++
		}
		selfClosing = false
		start := i
		key := uint64(foldAttribute[data[i]])
		if key == 0 {
			key = '=' // in first place it belongs to the name
		}
		for i++; i < len(data); i++ {
			c := foldAttribute[data[i]]
			if c == 0 {
				break
			}
			key = key<<8 | uint64(c)
		}
		nameEnd := i
		for i < len(data) && isSpace(data[i]) {
			i++
		}
		if i >= len(data) {
			return 0, false, start, 0
		}
		a := attribute{name: start, nameEnd: nameEnd, value: nameEnd, end: nameEnd}
		if data[i] == '=' {
			for i++; i < len(data) && isSpace(data[i]); i++ {
			}
			if i >= len(data) {
				return 0, false, start, 0
			}
			if c := data[i]; c == '"' || c == '\'' {
				a.quote, a.value = c, i+1
				n := bytes.IndexByte(data[i+1:], c)
				if n < 0 {
					return 0, false, start, i + 1
				}
				a.end = i + 1 + n
				i = a.end + 1
			} else {
				a.value = i
				for i < len(data) && data[i] != '>' && !isSpace(data[i]) {
					i++
				}
				if i >= len(data) {
					return 0, false, start, a.value
				}
				a.end = i
			}
		}
		name := data[start:nameEnd]
		if r.config.XML {
			name, key = qualifiedName(name, key)
		}
		id := idOf(key, len(name))
		if !attributeNames.may(id) {
			continue
		}
		if found := attributeNames.find(id, name); found != nil && wanted>>*found&1 != 0 {
			a.attr = *found
			r.attrs = append(r.attrs, a)
		}
	}
}

// text returns the value of a, with its character references decoded. What it
// returns is overwritten by the next call.
func (r *Rewriter) decoded(data []byte, a *attribute) []byte {
	raw := data[a.value:a.end]
	if bytes.IndexByte(raw, '&') < 0 {
		return raw
	}
	r.scratch, _ = decode(r.scratch[:0], raw, nil)
	return r.scratch
}

// first returns the first attribute of the tag that is a, which alone counts.
func (r *Rewriter) first(a attr) *attribute {
	for i := range r.attrs {
		if r.attrs[i].attr == a {
			return &r.attrs[i]
		}
	}
	return nil
}
