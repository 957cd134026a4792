// Package integration_test holds the module against real parts: a Caddy, a
// Django portal, a WordPress, a browser. Nothing is mocked and nothing is
// skipped: what is missing on the machine fails the tests that need it.
//
// One Caddy runs in the test process, so tests take turns: each loads its own
// Caddyfile on ports of its own and stops Caddy when it ends. The portal, WordPress
// and the browser are started by the first test that needs them and serve all; each
// browser test has a profile, and so a cookie jar, of its own.
package integration_test

import (
	"os"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	data, err := sharedDir() // where Caddy keeps proofs of consent
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_DATA_HOME", data)
	code := m.Run()
	stopShared()
	os.Exit(code)
}

var (
	sharedMutex sync.Mutex
	sharedStops []func()
)

// whenDone has stop called once all tests have run.
func whenDone(stop func()) {
	sharedMutex.Lock()
	defer sharedMutex.Unlock()
	sharedStops = append(sharedStops, stop)
}

// stopShared stops what the tests shared, the latest first.
func stopShared() {
	for i := len(sharedStops) - 1; i >= 0; i-- {
		sharedStops[i]()
	}
}

// sharedDir makes a directory that lasts until all tests have run.
func sharedDir() (string, error) {
	dir, err := os.MkdirTemp("", "integration_test")
	if err == nil {
		whenDone(func() { _ = os.RemoveAll(dir) })
	}
	return dir, err
}
