package integration_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startPHP starts php-fpm until the test ends, and returns its socket.
func startPHP(t *testing.T) string {
	t.Helper()
	socket, stop, err := runPHP(t.TempDir(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return socket
}

// runPHP starts php-fpm with so many processes, its files in dir, and further
// lines for its pool. It returns the socket once php-fpm listens there.
func runPHP(dir string, processes int, lines ...string) (socket string, stop func(), err error) {
	binaries, err := filepath.Glob("/usr/sbin/php-fpm*")
	if err != nil || len(binaries) == 0 {
		return "", nil, fmt.Errorf("php-fpm is not installed: %v", err)
	}
	socket = filepath.Join(dir, "php")
	lines = append([]string{
		"[global]", "daemonize = no", "error_log = " + dir + "/php.log", "pid = " + dir + "/php.pid",
		"[www]", "listen = " + socket, "pm = static", fmt.Sprintf("pm.max_children = %d", processes), "clear_env = no",
		"php_value[session.save_path] = " + dir,
	}, lines...)
	settings := filepath.Join(dir, "php.conf")
	arguments := []string{"--fpm-config", settings, "--nodaemonize"}
	if os.Getuid() == 0 {
		lines = append(lines, "user = root", "group = root")
		arguments = append(arguments, "--allow-to-run-as-root")
	}
	if err := os.WriteFile(settings, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return "", nil, err
	}
	stop, err = runAt(socket, binaries[0], arguments...)
	return socket, stop, err
}

// runAt starts a program and returns once it listens at socket. It is stopped by
// stop, or when this process ends, however that comes: its end is the end of what
// a shell reads.
func runAt(socket, program string, arguments ...string) (stop func(), err error) {
	printed := &output{}
	shell := exec.Command("sh", append([]string{"-c", `"$@" & read -r _; kill $!; wait $!`, program, program}, arguments...)...)
	shell.Stdout, shell.Stderr = printed, printed
	life, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := shell.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = life.Close()
		_ = shell.Wait()
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if connection, err := net.Dial("unix", socket); err == nil {
			_ = connection.Close()
			return stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return nil, fmt.Errorf("%s does not listen at %s:\n%s", program, socket, printed)
		}
	}
}
