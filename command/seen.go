package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// seenBy returns what Caddys of a configuration have seen: what the running one says
// or, if none does, what their storage has.
func seenBy(ctx context.Context, data []byte, notes *printer) ([]inventory.Entry, error) {
	list, asked := listingOf(data)
	if asked != nil {
		var err error
		if list, err = storedListing(ctx, data); err != nil {
			return nil, errors.Join(asked, fmt.Errorf("what was seen, in the storage of the configuration: %w", err))
		}
		notes.line(fmt.Sprintf("%v; this is what the storage of the configuration has", asked))
	}
	if list.Incomplete != "" {
		notes.line("warning: what other Caddys have seen is missing: " + list.Incomplete)
	}
	if n := len(list.Overflow); n > 0 {
		notes.line(fmt.Sprintf("warning: sites have used more than is kept (%s of %s); declare what there is, and look again", list.Overflow[0].Kind, list.Overflow[0].Site))
	}
	return list.Entries, notes.err
}

// largestListing bounds what is read of an answer, in bytes.
const largestListing = 64 << 20

// listingOf asks the running Caddy what it has seen.
func listingOf(data []byte) (list inventory.Listing, err error) {
	var root struct {
		Admin caddy.AdminConfig `json:"admin"`
	}
	if err := json.Unmarshal(data, &root); err != nil {
		return list, err
	}
	if root.Admin.Disabled {
		return list, errors.New("the configuration has no admin endpoint")
	}
	address := cmp.Or(root.Admin.Listen, caddy.DefaultAdminListen)
	answer, err := caddycmd.AdminAPIRequest(address, http.MethodGet, inventory.AdminPath+"inventory?undeclared=1", nil, nil)
	if err != nil {
		return list, fmt.Errorf("no Caddy with cookie_consent answers at %s: %w", address, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(answer.Body, largestListing)).Decode(&list); err != nil {
		return list, fmt.Errorf("the answer of the Caddy at %s: %w", address, err)
	}
	return list, nil
}

// reader is the name under which a command reads what Caddys share. It keeps nothing
// under it.
const reader = "command"

// storedListing returns what Caddys with the storage of a configuration have saved.
func storedListing(ctx context.Context, data []byte) (inventory.Listing, error) {
	storage, release, err := storageOf(ctx, data)
	if err != nil {
		return inventory.Listing{}, err
	}
	defer release()
	share, err := inventory.ShareIn(storage, reader)
	if err != nil {
		return inventory.Listing{}, err
	}
	entries, overflow, err := inventory.NewKeeper(share, time.Now).Seen(ctx)
	return inventory.Listing{Entries: entries, Overflow: overflow}, err
}
