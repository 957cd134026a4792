//go:build linux

package integration_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// disk is a directory that can be full for a node.
type disk struct {
	dir        string
	fill, free func(*testing.T, *node)
}

// smallDisk returns a file system of 8 MiB, which only root may make.
func smallDisk(t *testing.T) disk {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(dir, "filler")
	return disk{
		dir: dir,
		fill: func(t *testing.T, _ *node) {
			t.Helper()
			if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("filling the disk: %v", err)
			}
		},
		free: func(t *testing.T, _ *node) {
			t.Helper()
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// limitedFiles returns a directory in which a node's files can be kept from growing,
// which anybody may do.
func limitedFiles(t *testing.T) disk {
	limit := func(size uint64) func(*testing.T, *node) {
		return func(t *testing.T, n *node) {
			t.Helper()
			var now unix.Rlimit
			err := unix.Prlimit(n.command.Process.Pid, unix.RLIMIT_FSIZE, nil, &now)
			if now.Cur = min(size, now.Max); err == nil {
				err = unix.Prlimit(n.command.Process.Pid, unix.RLIMIT_FSIZE, &now, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return disk{t.TempDir(), limit(256 << 10), limit(unix.RLIM_INFINITY)}
}

// mayMount reports whether this process may mount a file system.
func mayMount(t *testing.T) bool {
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k")
	return err == nil && syscall.Unmount(dir, 0) == nil
}

// TestFullDiskRefusesGrants: where no proof can be kept no grant is acknowledged, the
// rest goes on, and with room again all is well again.
func TestFullDiskRefusesGrants(t *testing.T) {
	disks := map[string]func(*testing.T) disk{"limited files": limitedFiles}
	if mayMount(t) {
		disks["a small disk"] = smallDisk
	}
	for name, made := range disks {
		t.Run(name+", sqlite", func(t *testing.T) {
			d := made(t)
			n := newNode(t, "sqlite "+filepath.Join(d.dir, "records.db"))
			fillUp(t, n, d).checkStored(t, 0, n.store(t))
		})
		t.Run(name+", spool", func(t *testing.T) {
			d := made(t)
			n := newNode(t, `postgres "`+unreachable+`"`)
			n.home = d.dir
			c := fillUp(t, n, d)
			n.stop(t)
			n.records = inPostgres(t, thePostgres(t))
			n.start(t)
			n.awaitDelivery(t)
			c.checkStored(t, 0, n.store(t))
		})
	}
}

// unreachable is the connection string of a server that is not there.
const unreachable = "host=127.0.0.1 port=1 user=u dbname=d connect_timeout=1"

// fillUp starts a node, fills its disk and frees it again while a crowd decides.
func fillUp(t *testing.T, n *node, d disk) *crowd {
	t.Helper()
	n.start(t)
	c := gather(t, n.site)
	early := n.post(t, acceptAll)
	c.note(early.Response, nil)
	c.more(t, 500)
	d.fill(t, n)
	c.moreRefused(t, 200)
	waitFor(t, "word of a full disk", func() bool { return n.health(t).WriteError != "" && n.metric(t, "up") == 0 })
	if h := n.health(t); h.WriteErrors == 0 || n.metric(t, "write_errors_total") == 0 {
		t.Errorf("with a full disk, the health is %+v", h)
	}
	if !strings.Contains(n.printed.String(), "a decision could not be recorded") {
		t.Errorf("the log does not tell of a full disk:\n%s", n.printed)
	}
	checkServes(t, n)
	checkWithdrawal(t, n, early.Response)

	d.free(t, n)
	c.more(t, 500)
	waitFor(t, "word of room on the disk", func() bool { return n.health(t).WriteError == "" })
	c.dismiss(t)
	c.checkReceipt(t, n.site)
	return c
}

// checkWithdrawal checks that who had granted can withdraw.
func checkWithdrawal(t *testing.T, n *node, grant *http.Response) {
	t.Helper()
	_, cookie, err := consentID(grant)
	if err != nil {
		t.Fatal(err)
	}
	a := n.post(t, refuseAll, "Cookie", cookie)
	if a.StatusCode != http.StatusSeeOther || !strings.Contains(a.setNames(), "cookies_preferences") {
		t.Errorf("a withdrawal is answered with %d and sets %q", a.StatusCode, a.setNames())
	}
}
