package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// builtCaddy builds cmd/caddy, once for all tests.
var builtCaddy = sync.OnceValues(func() (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "caddy")
	build := exec.Command("go", "build", "-o", binary, "../cmd/caddy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// caddyCommand is the built Caddy with args, at home in an empty directory.
func caddyCommand(t *testing.T, home string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := builtCaddy()
	if err != nil {
		t.Fatalf("building cmd/caddy: %v", err)
	}
	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	return command
}

// startBinary runs a Caddyfile in a process of its own, in directory dir, until
// the test ends. It returns once Caddy listens at port, with what it printed.
func startBinary(t *testing.T, dir, text string, port int) *output {
	t.Helper()
	return startCommand(t, caddyCommand(t, t.TempDir(), "run", "--adapter", "caddyfile", "--config", writeFile(t, text)), dir, port)
}

// startCommand runs a Caddy in directory dir until the test ends, and returns once it
// listens at port.
func startCommand(t *testing.T, command *exec.Cmd, dir string, port int) *output {
	t.Helper()
	printed := &output{}
	command.Dir, command.Stdout, command.Stderr = dir, printed, printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	for deadline := time.Now().Add(patience); !listens(port); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Caddy does not listen at port %d:\n%s", port, printed)
		}
	}
	return printed
}

func listens(port int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var d net.Dialer
	connection, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// writeFile writes a Caddyfile into a directory of its own.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// output collects what a process prints.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

func TestCaddysWithOneStorageShareChoices(t *testing.T) {
	storage := t.TempDir()
	here, there := enforced(t, "portal.localhost"), enforced(t, "portal.localhost")
	startBinary(t, "", caddyfile(options(storage), there), there.port)
	loadCaddyfile(t, caddyfile(options(storage), here))
	for _, c := range []struct {
		name          string
		made, counted site
	}{
		{"made in this process", here, there},
		{"made in the other process", there, here},
	} {
		t.Run(c.name, func(t *testing.T) {
			choice, _ := choose(t, c.made.url("/cookie-consent"), onlyStatistics)
			get(t, c.counted.url("/second"), "Cookie", choice)
			checkTold(t, "necessary, statistics")
		})
	}
}

func TestCaddysWithTwoStoragesDoNotShareChoices(t *testing.T) {
	here, there := enforced(t, "portal.localhost"), enforced(t, "portal.localhost")
	startBinary(t, "", caddyfile(options(t.TempDir()), there), there.port)
	loadCaddyfile(t, caddyfile(options(t.TempDir()), here))
	choice, _ := choose(t, there.url("/cookie-consent"), acceptAll)
	get(t, here.url("/second"), "Cookie", choice)
	checkTold(t, "necessary")
}

func TestValidateLeavesNothingBehind(t *testing.T) {
	home := t.TempDir()
	s := enforced(t, "portal.localhost")
	for name, file := range map[string]string{
		"the seed charter":  writeFile(t, s.String()),
		"Caddyfile.example": filepath.Join("..", "Caddyfile.example"),
	} {
		if out, err := caddyCommand(t, home, "validate", "--adapter", "caddyfile", "--config", file).CombinedOutput(); err != nil {
			t.Errorf("validating %s: %v\n%s", name, err, out)
		}
	}
	err := filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if path != home {
			t.Errorf("caddy validate left %s behind", strings.TrimPrefix(path, home))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestModulesAreRegistered(t *testing.T) {
	out, err := caddyCommand(t, t.TempDir(), "list-modules").Output()
	if err != nil {
		t.Fatal(err)
	}
	checkModules(t, string(out))
}

// checkModules looks for this module's in what caddy list-modules prints.
func checkModules(t *testing.T, listed string) {
	t.Helper()
	for _, id := range []string{"cookie_consent", "http.handlers.cookie_consent", "http.matchers.cookie_consent"} {
		if !strings.Contains("\n"+listed, "\n"+id+"\n") {
			t.Errorf("caddy list-modules does not name %s", id)
		}
	}
}
