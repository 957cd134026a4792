package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestXcaddyBuild builds Caddy with this module as its users do. The version,
// which =. would do without, spares the question to the module proxy which
// versions have been published.
func TestXcaddyBuild(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	install := exec.Command("go", "install", "github.com/caddyserver/xcaddy/cmd/xcaddy@v0.4.5")
	install.Env = append(os.Environ(), "GOBIN="+tools, "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing xcaddy: %v\n%s", err, out)
	}
	binary := filepath.Join(tools, "caddy")
	build := exec.Command(filepath.Join(tools, "xcaddy"), "build", "v2.11.9",
		"--with", "github.com/caddy-cookie-consent/caddy-cookie-consent@v0.0.0="+root, "--output", binary)
	build.Dir = tools
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "XCADDY_SETCAP=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building with xcaddy: %v\n%s", err, out)
	}
	listed, err := exec.Command(binary, "list-modules").Output()
	if err != nil {
		t.Fatal(err)
	}
	checkModules(t, string(listed))
}
