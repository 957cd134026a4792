//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package records

import (
	"errors"
	"os"
)

func lockFile(*os.File) error {
	return errors.New("this system has no file locks, which a spool needs; keep records in SQLite")
}

func syncDirectory(string) error { return nil }
