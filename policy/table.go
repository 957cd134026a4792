package policy

import (
	"math/bits"
	"strings"
)

// table maps exact cookie-names to rules. It is a hash table of our own because
// finding the name and looking it up is most of what filtering a cookie costs:
// the search for "=" reads eight bytes at a time, and what it has read is the
// key. It is filled once, from the declaration, so that nobody can choose names
// that collide.
type table struct {
	slots []slot // as many as a power of two, at least half of them empty
	mask  uint64
	long  map[string]*Rule // names of more than maxShort bytes
}

// slot holds a name, filled up with zeros, and its length.
type slot struct {
	a, b, c uint64
	length  int
	rule    *Rule
}

// maxShort is the longest name the slots hold.
const maxShort = 23

func newTable(rules map[string]*Rule) table {
	size := 1 << bits.Len(uint(2*len(rules)+1))
	t := table{slots: make([]slot, size), mask: uint64(size - 1), long: map[string]*Rule{}}
	for _, name := range sortedKeys(rules) {
		if len(name) > maxShort {
			t.long[name] = rules[name]
			continue
		}
		text := padded(name, 0)
		a, b, c := load8(text, 0), load8(text, 8), load8(text, 16)
		i := hash(a, b, c) & t.mask
		for t.slots[i].rule != nil {
			i = (i + 1) & t.mask
		}
		t.slots[i] = slot{a, b, c, len(name), rules[name]}
	}
	return t
}

// find returns the rule of a name.
func (t *table) find(name string) *Rule {
	if len(name) > maxShort {
		return t.long[name]
	}
	if strings.IndexByte(name, '=') >= 0 {
		return nil
	}
	return t.findBefore(padded(name, '='))
}

// padded returns a short name with end behind it, filled up with zeros.
func padded(name string, end byte) string {
	var text [maxShort + 1]byte
	text[copy(text[:], name)] = end
	return string(text[:])
}

// findBefore returns the rule of the name that text begins with, up to the first
// "=". It may miss long names, and those near the end of text.
func (t *table) findBefore(text string) *Rule {
	if len(text) < maxShort+1 {
		return nil
	}
	a, b, c := load8(text, 0), uint64(0), uint64(0)
	n := equalsAt(a)
	if n < 8 {
		a &= 1<<(8*n) - 1
	} else if b = load8(text, 8); equalsAt(b) < 8 {
		n = equalsAt(b)
		b &= 1<<(8*n) - 1
		n += 8
	} else {
		c = load8(text, 16)
		n = equalsAt(c)
		c &= 1<<(8*n) - 1
		n += 16
	}
	for i := hash(a, b, c); ; i++ {
		s := &t.slots[i&t.mask]
		if s.a == a && s.b == b && s.c == c && s.length == n || s.rule == nil {
			return s.rule
		}
	}
}

// equalsAt returns the place of the first "=" among eight bytes, or 8.
func equalsAt(word uint64) int {
	const ones = 0x0101010101010101
	word ^= '=' * ones
	return bits.TrailingZeros64((word-ones)&^word&(0x80*ones)) / 8
}

func hash(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a^bits.RotateLeft64(c, 29)^0x9e3779b97f4a7c15, b^0xc2b2ae3d27d4eb4f)
	return high ^ low
}

// load8 reads eight bytes; the compiler makes it one load.
func load8(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
