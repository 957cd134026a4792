package cookieconsent

import (
	"os"
	"testing"
)

// TestMain gives Caddy a data directory of its own, where proofs of consent are kept.
func TestMain(m *testing.M) {
	data, err := os.MkdirTemp("", "cookie_consent")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_DATA_HOME", data)
	code := m.Run()
	os.RemoveAll(data)
	os.Exit(code)
}
