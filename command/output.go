package command

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// writeTo has write fill the file called path, or w where that is empty or "-". The
// file takes its name when it is whole: what was there before stays until then.
func writeTo(path string, w io.Writer, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(w)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a device or a pipe
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(file), file.Close())
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // there is none once it has its name
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
