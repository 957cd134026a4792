package policy

import "math/bits"

// Set is a set of services, by position in the declaration.
type Set [MaxServices / 64]uint64

// Add puts service i in.
func (s *Set) Add(i int) { s[i>>6] |= 1 << (i & 63) }

// Has reports whether service i is in.
func (s *Set) Has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }

// Covers reports whether all of other is in s.
func (s *Set) Covers(other *Set) bool {
	return other[0]&^s[0] == 0 && other[1]&^s[1] == 0 && other[2]&^s[2] == 0 && other[3]&^s[3] == 0
}

// Union returns what is in either.
func (s Set) Union(other Set) Set {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

// Intersect returns what is in both.
func (s Set) Intersect(other Set) Set {
	for i := range s {
		s[i] &= other[i]
	}
	return s
}

// Minus returns what is in s and not in other.
func (s Set) Minus(other Set) Set {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// Len counts the services in s.
func (s Set) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}
