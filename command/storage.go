package command

import (
	"context"
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
)

// storageOf loads the storage module of a configuration, or Caddy's own. Call release
// when it is no longer needed.
func storageOf(ctx context.Context, data []byte) (storage certmagic.Storage, release func(), err error) {
	var root struct {
		StorageRaw json.RawMessage `json:"storage,omitempty" caddy:"namespace=caddy.storage inline_key=module"`
	}
	if err := json.Unmarshal(data, &root); err != nil {
		return nil, nil, err
	}
	if root.StorageRaw == nil {
		return caddy.DefaultStorage, func() {}, nil
	}
	modules, release := caddy.NewContext(caddy.Context{Context: ctx})
	module, err := modules.LoadModule(&root, "StorageRaw")
	if err == nil {
		storage, err = module.(caddy.StorageConverter).CertMagicStorage()
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return storage, release, nil
}
