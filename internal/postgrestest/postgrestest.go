//go:build unix

// Package postgrestest runs a private PostgreSQL for tests: Debian's programs, its
// own data directory, a free port of the loopback address, and a user of its own
// when the tests are run by root. It can be stopped, killed and cut off as a
// server in a rack can. A machine without PostgreSQL fails the test.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is one PostgreSQL. Its methods are not for several goroutines at once.
type Server struct {
	programs string
	dir      string
	port     int
	owner    *syscall.Credential

	process *exec.Cmd
	exited  chan struct{}
	log     *os.File

	databases atomic.Int64
}

// New makes a cluster in a temporary directory and starts it. Close removes it.
func New() (*Server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs}
	if s.dir, err = os.MkdirTemp("", "postgrestest-*"); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// findPrograms returns the directory of the newest version that Debian has
// installed. Programs elsewhere in PATH are other machines' habits.
func findPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	newest, version := "", -1
	for _, path := range found {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && n > version {
			newest, version = dir, n
		}
	}
	if newest == "" {
		return "", errors.New("no PostgreSQL in /usr/lib/postgresql: integration_test/setup.sh installs it")
	}
	return newest, nil
}

// prepare makes the cluster and chooses its port.
func (s *Server) prepare() error {
	if err := s.chooseOwner(); err != nil {
		return err
	}
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o644); err != nil {
		return err
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", User, "-A", "scram-sha-256", "--pwfile", password,
		"-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	return listener.Close()
}

// User and Password of the cluster's only role, a superuser.
const (
	User     = "tester"
	Password = "not a secret"
)

// chooseOwner finds whom the server runs as: PostgreSQL refuses to be root.
func (s *Server) chooseOwner() error {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres") // made by Debian's package
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.programs, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true}
	return cmd
}

// Start starts the server, and returns when it takes connections.
func (s *Server) Start() (err error) {
	if s.log == nil {
		if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
			return err
		}
	}
	s.process = s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60", "-c", "shared_buffers=32MB",
		"-c", "fsync=off") // a crash of the server is tested, not one of the machine
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	s.exited = make(chan struct{})
	go func(process *exec.Cmd, exited chan struct{}) {
		_ = process.Wait()
		close(exited)
	}(s.process, s.exited)
	return s.await()
}

// await returns when the server answers, or has ended.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			text, _ := os.ReadFile(s.log.Name())
			return fmt.Errorf("postgres has ended:\n%s", lastLines(text))
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func lastLines(text []byte) []byte { return text[max(0, len(text)-2000):] }

// Stop shuts the server down as an operator does, without waiting for clients.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill ends all of the server's processes at once, as a crash does.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	workers := childrenOf(s.process.Process.Pid) // they outlive their parent for a while
	err := s.end(syscall.SIGKILL)
	for _, pid := range workers {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return err
}

func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.exited
	s.process = nil
	return nil
}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) (children []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		data, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …: the name may hold anything.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			children = append(children, child)
		}
	}
	return children
}

// Cut ends every connection to the server.
func (s *Server) Cut() error {
	return s.Exec("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
}

// Exec runs SQL in a database.
func (s *Server) Exec(database, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql, args...)
	return errors.Join(err, conn.Close(ctx))
}

// DSN is the connection string of a database.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=%s sslmode=disable", s.port, User, Password, database)
}

// Database makes an empty database and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if err := s.Exec("postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Close stops the server and removes its data.
func (s *Server) Close() error {
	err := s.end(syscall.SIGQUIT)
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
