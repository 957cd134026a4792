package banner

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// Grants from one client: this many a second, after a burst.
const (
	grantsPerSecond = 20
	grantBurst      = 200
	maxClients      = 10000
)

// Limiter bounds how fast one client may grant. Its zero value is ready. Memory
// is bounded: clients beyond maxClients that are active at once share one
// allowance.
type Limiter struct {
	mutex   sync.Mutex
	clients map[netip.Prefix]*rate.Limiter
	others  *rate.Limiter
}

// Allow takes one grant from the allowance of address, an IPv6 network of 64
// bits counting as one client, and reports whether there was one.
func (l *Limiter) Allow(address netip.Addr) bool {
	bits := 64
	if address = address.Unmap(); address.Is4() {
		bits = 32
	}
	client, err := address.WithZone("").Prefix(bits)
	if err != nil {
		client = netip.Prefix{}
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.clients == nil {
		l.clients = map[netip.Prefix]*rate.Limiter{}
		l.others = rate.NewLimiter(grantsPerSecond, grantBurst)
	}
	limiter, known := l.clients[client]
	if !known {
		if len(l.clients) >= maxClients {
			l.forgetIdle()
		}
		if len(l.clients) >= maxClients {
			return l.others.Allow()
		}
		limiter = rate.NewLimiter(grantsPerSecond, grantBurst)
		l.clients[client] = limiter
	}
	return limiter.Allow()
}

// forgetIdle drops the clients whose allowance is whole again.
func (l *Limiter) forgetIdle() {
	for client, limiter := range l.clients {
		if limiter.Tokens() >= grantBurst {
			delete(l.clients, client)
		}
	}
}
