package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
)

// Share keeps what each of several Caddys has counted, in parts that have a name of
// letters, digits and -. Each Caddy writes its own copy of a part, and reads those of
// the others.
type Share interface {
	// Own returns what this Caddy pushed last; nil if nothing.
	Own(ctx context.Context, part string) ([]byte, error)
	// Others returns what the other Caddys pushed last, in no order.
	Others(ctx context.Context, part string) ([][]byte, error)
	// Push keeps data as this Caddy's copy; empty data takes it away.
	Push(ctx context.Context, part string, data []byte) error
}

// Storage is where files are kept under names with slashes, such as Caddy's storage.
// What is not there is an fs.ErrNotExist.
type Storage interface {
	Load(ctx context.Context, name string) ([]byte, error)
	Store(ctx context.Context, name string, data []byte) error
	Delete(ctx context.Context, name string) error
	List(ctx context.Context, folder string, recursive bool) ([]string, error)
}

// folder is where a storage has the parts.
const folder = "cookie_consent/seen"

// maxOthers bounds how many Caddys' copies of a part are read.
const maxOthers = 100

// instanceName is what tells one Caddy from the others.
var instanceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// stored is the Share that needs nothing but a storage.
type stored struct {
	storage  Storage
	instance string
}

// ShareIn returns a Share that keeps parts as files in a storage:
// cookie_consent/seen/<part>/<instance>.json. instance names this Caddy, and must be
// the same after a restart, or what it counted before counts as another's.
func ShareIn(storage Storage, instance string) (Share, error) {
	if !instanceName.MatchString(instance) {
		return nil, fmt.Errorf("instance %q: want letters, digits, dots, - and _, at most 100", instance)
	}
	return stored{storage, instance}, nil
}

func (s stored) own(part string) string { return path.Join(folder, part, s.instance+".json") }

// Own implements Share.
func (s stored) Own(ctx context.Context, part string) ([]byte, error) {
	data, err := s.storage.Load(ctx, s.own(part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Others implements Share.
func (s stored) Others(ctx context.Context, part string) ([][]byte, error) {
	names, err := s.storage.List(ctx, path.Join(folder, part), false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var others [][]byte
	for _, name := range names {
		if name == s.own(part) || path.Ext(name) != ".json" || len(others) >= maxOthers {
			continue
		}
		data, err := s.storage.Load(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away since
		}
		if err != nil {
			return nil, err
		}
		others = append(others, data)
	}
	return others, nil
}

// Push implements Share.
func (s stored) Push(ctx context.Context, part string, data []byte) error {
	if len(data) == 0 {
		return s.storage.Delete(ctx, s.own(part))
	}
	return s.storage.Store(ctx, s.own(part), data)
}
