//go:build linux

package command_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a terminal.
func terminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return screen, program
}

func TestProgressOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	d := newDesk(t)
	log := d.open(t)
	d.fill(t, log, "portal.example", 1, 2)
	closed(t, log)
	for _, c := range []struct{ command, want string }{
		{"export", "\r\x1b[K" + strings.Repeat("█", 30) + " 100 %  2 of 2 records\r\x1b[K2 records exported"},
		{"verify", "\r\x1b[K"},
	} {
		t.Run(c.command, func(t *testing.T) {
			screen, program := terminal(t)
			cmd := &cobra.Command{Use: "cookie-consent", SilenceErrors: true, SilenceUsage: true}
			caddycmd.Commands()["cookie-consent"].CobraFunc(cmd)
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetErr(program)
			cmd.SetArgs([]string{"records", c.command, "--config", d.config})
			if err := cmd.Execute(); err != nil {
				t.Fatal(err)
			}
			_ = program.Close()
			seen, _ := io.ReadAll(screen) // ends with an error when nobody has the other end
			if !strings.HasPrefix(string(seen), c.want) {
				t.Errorf("the terminal shows %q, want %q", seen, c.want)
			}
			if out.Len() == 0 || strings.ContainsAny(out.String(), "\x1b█") {
				t.Errorf("standard output is %q", out.String())
			}
		})
	}
}
