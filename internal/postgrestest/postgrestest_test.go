//go:build unix

package postgrestest

import "testing"

func TestServerComesBack(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	name := s.Database(t)
	if err := s.Exec(name, "CREATE TABLE kept AS SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		end  func() error
	}{
		{"after a stop", s.Stop},
		{"after a crash", s.Kill},
	} {
		if err := tt.end(); err != nil {
			t.Fatal(tt.name, err)
		}
		if err := s.Exec(name, "SELECT 1"); err == nil {
			t.Errorf("%s: a server that is away answers", tt.name)
		}
		if err := s.Start(); err != nil {
			t.Fatal(tt.name, err)
		}
		if err := s.Exec(name, "INSERT INTO kept SELECT n FROM kept"); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := s.Cut(); err != nil {
		t.Error(err)
	}
}
