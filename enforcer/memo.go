package enforcer

import (
	"maps"
	"sync/atomic"
)

// maxMemo bounds how many texts a memo keeps.
const maxMemo = 1024

// memo keeps texts that are the same for many visits. Reading it takes no lock.
type memo[K comparable] struct {
	known atomic.Pointer[map[K]string]
}

// get returns the text for key, which make makes once or, when many ask at the
// same time, a few times.
func (m *memo[K]) get(key K, make func() string) string {
	known := m.known.Load()
	if known != nil {
		if text, ok := (*known)[key]; ok {
			return text
		}
	}
	text := make()
	switch {
	case known == nil:
		m.known.CompareAndSwap(nil, &map[K]string{key: text})
	case len(*known) < maxMemo:
		more := maps.Clone(*known)
		more[key] = text
		m.known.CompareAndSwap(known, &more)
	}
	return text
}
