package records

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// keysName is where Storage keeps the keys of the chains. They are not those of
// cookies: a record is verified for years, a cookie for months.
//
// To rotate, put a new key with a new id first, and keep the old ones as long as
// records are kept.
const keysName = "cookie_consent/records/keys.json"

// secret is one key. The first one signs, all verify.
type secret struct {
	ID     int    `json:"id"`
	Secret []byte `json:"secret"` // base64, at least 32 bytes
}

// keyring is never empty.
type keyring []secret

// openKeys reads the keys, and makes the first one if there is none.
func openKeys(ctx context.Context, storage Storage) (keyring, error) {
	data, err := storage.Load(ctx, keysName)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = makeKeys(ctx, storage)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the records: %w", err)
	}
	var ring keyring
	if err := json.Unmarshal(data, &ring); err != nil {
		return nil, fmt.Errorf("%s in the storage: %w", keysName, err)
	}
	if len(ring) == 0 {
		return nil, fmt.Errorf("%s in the storage: no key", keysName)
	}
	for _, k := range ring {
		if len(k.Secret) < sha256.Size {
			return nil, fmt.Errorf("%s in the storage: key %d has fewer than 32 bytes", keysName, k.ID)
		}
	}
	return ring, nil
}

func makeKeys(ctx context.Context, storage Storage) (data []byte, err error) {
	if err := storage.Lock(ctx, keysName); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, storage.Unlock(context.WithoutCancel(ctx), keysName)) }()
	data, err = storage.Load(ctx, keysName) // somebody else's, made meanwhile
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	random := make([]byte, sha256.Size)
	_, _ = rand.Read(random) // never fails
	if data, err = json.Marshal(keyring{{ID: 1, Secret: random}}); err != nil {
		return nil, err
	}
	return data, storage.Store(ctx, keysName, data)
}

// find returns the key called id.
func (k keyring) find(id int) (secret, bool) {
	for _, key := range k {
		if key.ID == id {
			return key, true
		}
	}
	return secret{}, false
}
