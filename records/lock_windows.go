package records

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile locks f until it is closed, also by the end of the process.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
}

// syncDirectory does nothing: Windows keeps names durable by itself, and cannot
// flush a directory.
func syncDirectory(string) error { return nil }
