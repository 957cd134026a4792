package inventory

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a name, in bytes. Of a longer one the beginning is kept, with *.
const maxName = 128

// Fold returns the name under which a cookie-name or storage key is kept: itself,
// or a pattern in which * stands for what was minted for one visitor, session or
// customer. The pattern fits the name, as a declared one would.
//
// A name is read in runs of letters and digits. Minted are
//
//   - four or more digits (12345), of which a word before them stays (id12345);
//   - hexadecimal digits of one case: four or more with a letter and a digit in them
//     (1fff), six or more letters (abcdef), or eight or more after letters that are
//     none (SESS0a1b2c3d);
//   - six or more letters and digits that are mixed as no word is (w5W7x28NAIs), or
//     are capitals and digits (ABC123);
//   - an e-mail address.
//
// A number beside a minted run, one separator apart, goes with it: _pk_id.1.1fff is
// kept as _pk_id.*. The first run of a name has to be longer to count, since nothing
// would be left. Everything else stays as it is: __cf_bm, csrftoken, euconsent-v2.
// What was minted of letters alone looks like a word: see maxAlike for those.
func Fold(name string) string { return string(appendFold(nil, name)) }

// appendFold appends the folded name to dst. It allocates when dst is too short.
func appendFold(dst []byte, name string) []byte {
	limit, cut := len(name), len(name) > maxName
	if cut {
		limit = maxName - utf8.UTFMax // a last character may pass it, and * comes
	}
	f := folding{loose: -1}
	for at := 0; at < limit; {
		end := at
		for end < limit && alphanumeric(name[end]) {
			end++
		}
		if address := addressEnd(name, at, end); address > end {
			f.run(name[at:address], 0, true)
			at = address
			continue
		}
		if end > at {
			kept, minted := mintedTail(name[at:end], !f.words)
			f.run(name[at:end], kept, minted)
			at = end
			continue
		}
		at += f.separator(name[at:])
	}
	if cut {
		f.star()
	}
	return append(dst, f.folded[:f.length]...)
}

// folding is a name that is being folded. It never gets longer by that.
type folding struct {
	folded [maxName]byte
	length int
	loose  int  // where numbers begin that a minted run after them takes along, or -1
	words  bool // there is a run already
}

func (f *folding) append(text string) { f.length += copy(f.folded[f.length:], text) }

// run appends a run of which kept bytes stay if it was minted.
func (f *folding) run(run string, kept int, minted bool) {
	switch {
	case minted:
		if kept == 0 && f.loose >= 0 {
			f.length = f.loose
		}
		f.append(run[:kept])
		f.star()
	case strings.Trim(run, "0123456789") == "":
		if f.afterStar() {
			f.length--
			break
		}
		if f.loose < 0 {
			f.loose = f.length
		}
		f.append(run)
	default:
		f.loose = -1
		f.append(run)
	}
	f.words = true
}

// star appends *, once: what stands one separator after a star joins it.
func (f *folding) star() {
	f.loose = -1
	if f.afterStar() {
		f.length--
	}
	if f.length == 0 || f.folded[f.length-1] != '*' {
		f.append("*")
	}
}

// afterStar reports whether a star and one separator end what there is.
func (f *folding) afterStar() bool {
	if f.length < 2 {
		return false
	}
	star, c := f.folded[f.length-2], f.folded[f.length-1]
	return star == '*' && c != '*' && !alphanumeric(c) && c < utf8.RuneSelf
}

// separator appends the first character of text and returns its length. What
// cannot be shown becomes a question mark: names come from the wire.
func (f *folding) separator(text string) int {
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size <= 1 || !unicode.IsPrint(r) {
		f.append("?")
		return size
	}
	if r >= utf8.RuneSelf {
		f.loose, f.words = -1, true // a letter of another script
	}
	f.append(text[:size])
	return size
}

// mintedTail reports whether a run was minted, and how much of its beginning stays.
// first says that no run stands before it.
func mintedTail(run string, first bool) (kept int, minted bool) {
	s := shapeOf(run)
	switch {
	case s.letters == 0:
		return 0, s.digits >= 4
	case s.hex && (s.digits > 0 && len(run) >= 4 || len(run) >= 6):
		return 0, !first || s.digits > 0 && len(run) >= 8
	case s.changes == 1 && s.digits >= 4 && !digit(run[0]):
		return s.letters, true
	}
	if tail := hexTail(run); tail > 0 {
		return tail, true
	}
	if first && len(run) < 12 || len(run) < 6 || s.digits < 2 {
		return 0, false
	}
	capitals := s.capitals == s.letters && !first
	mixed := s.changes >= 3 && s.digits*6 >= len(run)
	return 0, capitals || mixed
}

// shape is what a run is made of.
type shape struct {
	letters, capitals, digits int
	changes                   int  // between letters and digits
	hex                       bool // hexadecimal digits of one case
}

func shapeOf(run string) shape {
	var s shape
	lower, upper := 0, 0 // hexadecimal letters
	for i := range len(run) {
		c := run[i]
		switch {
		case digit(c):
			s.digits++
		case c >= 'a':
			s.letters++
		default:
			s.letters++
			s.capitals++
		}
		switch {
		case 'a' <= c && c <= 'f':
			lower++
		case 'A' <= c && c <= 'F':
			upper++
		}
		if i > 0 && digit(c) != digit(run[i-1]) {
			s.changes++
		}
	}
	s.hex = s.letters == lower || s.letters == upper
	return s
}

// hexTail returns where eight or more hexadecimal digits begin that end the run, two
// decimal ones or more among them, if only letters stand before; or 0.
func hexTail(run string) int {
	at, digits := len(run), 0
	for at > 0 && (digit(run[at-1]) || 'a' <= run[at-1] && run[at-1] <= 'f') {
		at--
		if digit(run[at]) {
			digits++
		}
	}
	if len(run)-at < 8 || digits < 2 || strings.ContainsAny(run[:at], "0123456789") {
		return 0
	}
	return at
}

// addressEnd returns where the e-mail address ends that begins at at, or end.
func addressEnd(name string, at, end int) int {
	if end == at || strings.IndexByte(name[at:], '@') < 0 {
		return end
	}
	local := at
	for local < len(name) && (alphanumeric(name[local]) || strings.IndexByte(".+-", name[local]) >= 0) {
		local++
	}
	if local == len(name) || name[local] != '@' {
		return end
	}
	host, dot := local+1, 0
	for host < len(name) && (alphanumeric(name[host]) || name[host] == '-' || name[host] == '.') {
		if name[host] == '.' && host > local+1 {
			dot = host
		}
		host++
	}
	if dot == 0 || dot == host-1 {
		return end
	}
	return host
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func alphanumeric(c byte) bool {
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// head returns where in a name stands what the names that are alike begin with: all
// up to and with the last separator or, of a long name without one, its first eight
// bytes. It is empty when nothing says which names are alike. Of a host it is the
// domain above, which ends the name.
func head(kind Kind, name []byte) []byte {
	if kind == KindHost {
		_, parent, _ := bytes.Cut(name, []byte("."))
		if bytes.IndexByte(parent, '.') < 0 || len(bytes.Trim(name, "0123456789.:[]")) == 0 {
			return nil
		}
		return parent
	}
	for at := len(name) - 1; at > 0; at-- {
		if c := name[at]; c != '*' && c < utf8.RuneSelf && !alphanumeric(c) {
			return name[:at+1]
		}
	}
	if len(name) > 16 && bytes.IndexByte(name, '*') < 0 {
		return name[:8]
	}
	return nil
}

// appendAlike appends the pattern for the names with one head.
func appendAlike(dst []byte, kind Kind, head []byte) []byte {
	if kind == KindHost {
		dst = append(dst, "*."...)
		return append(dst, head...)
	}
	dst = append(dst, head...)
	return append(dst, '*')
}
