package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// python is Debian's own, the one that sees Debian's python3-django.
const python = "/usr/bin/python3"

// portal is the Django site of portal/, which sets tracking cookies on whatever
// it answers and notes what it receives.
type portal struct {
	address string
	log     string
}

// received is one request as the portal received it.
type received struct {
	Path    string
	Status  int // of its answer
	Cookie  string
	Consent string // the header Cookie-Consent
}

// thePortal starts the portal, once for all tests.
func thePortal(t *testing.T) *portal {
	t.Helper()
	p, err := startedPortal()
	if err != nil {
		t.Fatalf("starting the portal: %v", err)
	}
	return p
}

var startedPortal = sync.OnceValues(func() (*portal, error) {
	dir, err := sharedDir()
	if err != nil {
		return nil, err
	}
	p := &portal{log: filepath.Join(dir, "log")}
	var complaint bytes.Buffer
	serve := exec.Command(python, "serve.py")
	serve.Dir = "portal"
	serve.Env = append(os.Environ(),
		"PYTHONDONTWRITEBYTECODE=1", "PORTAL_DATABASE="+filepath.Join(dir, "database"), "PORTAL_LOG="+p.log)
	serve.Stderr = &complaint
	life, err := serve.StdinPipe() // the portal ends with it, whatever becomes of us
	if err != nil {
		return nil, err
	}
	out, err := serve.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := serve.Start(); err != nil {
		return nil, err
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = serve.Wait()
		return nil, fmt.Errorf("%w\n%s", err, &complaint)
	}
	p.address = "127.0.0.1:" + strings.TrimSpace(port)
	whenDone(func() {
		_ = life.Close()
		_ = serve.Wait()
	})
	return p, nil
})

// requests returns all the portal has received so far. Icons are left out: a
// browser asks for them by itself, at a time of its own.
func (p *portal) requests(t *testing.T) []received {
	t.Helper()
	data, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatalf("reading the portal's log: %v", err)
	}
	var all []received
	for line := range strings.Lines(string(data)) {
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("reading the portal's log: %v in %q", err, line)
		}
		if r.Path != "/favicon.ico" {
			all = append(all, r)
		}
	}
	return all
}

// since returns what the portal received after the first n requests.
func (p *portal) since(t *testing.T, n int) []received {
	t.Helper()
	return p.requests(t)[n:]
}

// cookieNames lists the names in a Cookie header, sorted and separated by spaces.
func cookieNames(header string) string {
	var names []string
	for pair := range strings.SplitSeq(header, ";") {
		if name, _, _ := strings.Cut(strings.TrimSpace(pair), "="); name != "" {
			names = append(names, name)
		}
	}
	return nameSet(names...)
}

// nameSet joins names, or sets of them, sorted and once each.
func nameSet(sets ...string) string {
	names := strings.Fields(strings.Join(sets, " "))
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// without lists the names of set that are not among allowed.
func without(set, allowed string) string {
	var left []string
	for _, name := range strings.Fields(set) {
		if !slices.Contains(strings.Fields(allowed), name) {
			left = append(left, name)
		}
	}
	return strings.Join(left, " ")
}
