package enforcer

import (
	"maps"
	"sync/atomic"
)

// maxMemo bounds how many texts a Memo keeps.
const maxMemo = 1024

// Memo keeps texts that are the same for many visits. Reading it takes no lock.
type Memo[K comparable] struct {
	known atomic.Pointer[map[K]string]
}

// Get returns the text for key, which make makes once or, when many ask at the
// same time, a few times.
func (m *Memo[K]) Get(key K, make func() string) string {
	known := m.known.Load()
	if known != nil {
		if text, ok := (*known)[key]; ok {
			return text
		}
	}
	text := make()
	more := map[K]string{key: text} // anew when it is full: what is asked for comes again
	if known != nil && len(*known) < maxMemo {
		more = maps.Clone(*known)
		more[key] = text
	}
	m.known.CompareAndSwap(known, &more)
	return text
}
