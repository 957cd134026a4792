package rewriter

import "bytes"

// markedUpEnd returns where the content of an element ends whose text has markup
// in it, as in XML, SVG and MathML.
func (r *Rewriter) markedUpEnd(data []byte, i int, name string) (int, bool) {
	inner := 0 // elements of SVG in it
	for {
		n := bytes.IndexByte(data[i:], '<')
		if n < 0 {
			return len(data), false
		}
		i += n
		end := r.pieceEnd(data, i)
		switch {
		case end == 0:
			return len(data), false
		case tagBegins(data[i:], "</", name) == yes:
			return i, true
		case r.config.XML || r.frameset:
		case tagBegins(data[i:], "</", "svg") == yes:
			if inner--; inner < 0 {
				return i, true
			}
		case tagBegins(data[i:], "<", "svg") == yes:
			inner++
		case r.breaksOut(data[i:end]):
			return i, true
		}
		i = end
	}
}

// breaksOut reports whether a tag leaves SVG and MathML.
func (r *Rewriter) breaksOut(piece []byte) bool {
	if len(piece) < 2 || !isLetter(piece[1]) {
		return false
	}
	p, key := nameEnd(piece, 1)
	e := elements.find(idOf(key, p-1), piece[1:p])
	return e != nil && e.breaks
}

// pieceEnd returns the end of what begins with "<" at data[i], 0 if it is not there.
func (r *Rewriter) pieceEnd(data []byte, i int) int {
	rest := data[i:]
	end, ended := i+1, true
	switch {
	case len(rest) < 2:
		return 0
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		end, ended = past(data, i+9, "]]>", true)
	case bytes.HasPrefix(rest, []byte("<!--")):
		t := text{in: commentOpen}
		if r.config.XML {
			t.in = comment
		}
		end, ended = t.skip(data, i+4, true)
	case isLetter(rest[1]), rest[1] == '/' && len(rest) > 2 && isLetter(rest[2]):
		p, _ := nameEnd(data, i+2)
		end, _, _, _ = r.attributes(data, p, 0)
	case r.config.XML && rest[1] == '?':
		end, ended = past(data, i+1, "?>", true)
	case rest[1] == '!', rest[1] == '/', rest[1] == '?':
		end, ended = past(data, i+1, ">", true)
	}
	if !ended {
		return 0
	}
	return end
}

// holdMarkedUpSheet holds back addresses in a style element whose text has markup,
// character references and CDATA sections in it.
func (r *Rewriter) holdMarkedUpSheet(data []byte, p int, c content) {
	if !c.ended {
		r.fill(r.placeholder(p), "", ` type="text/plain"`)
		r.renameAll(data, wants(aType))
		return
	}
	var sheet []byte
	offsets := make([]int32, 0, c.end-c.start)
	data = data[:c.end]
	for i := c.start; i < c.end; {
		if data[i] != '<' {
			n := bytes.IndexByte(data[i:], '<')
			if n < 0 {
				n = c.end - i
			}
			from := len(offsets)
			sheet, offsets = decode(sheet, data[i:i+n], offsets)
			for k := from; k < len(offsets); k++ {
				offsets[k] += int32(i)
			}
			i += n
			continue
		}
		end := r.pieceEnd(data, i)
		if end == 0 {
			end = c.end
		}
		if bytes.HasPrefix(data[i:], []byte("<![CDATA[")) {
			for k := i + len("<![CDATA["); k < end && !bytes.HasPrefix(data[k:], []byte("]]>")); k++ {
				sheet, offsets = append(sheet, data[k]), append(offsets, int32(k))
			}
		}
		i = end
	}
	var reader css
	reader.read(sheet, 0, true, func(at int, address []byte) {
		if service, held := r.holds(address); held {
			if at == len(offsets) {
				r.insert(c.end, Invalid, service, ";")
			} else {
				r.insert(int(offsets[at]), Invalid, service, ";")
			}
		}
	})
}
