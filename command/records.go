package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func recordsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "records <command>",
		Short: "Shows, checks and exports the proof of consent",
		Long: `Shows, checks, exports and purges the proof of consent that a configuration
keeps, while its Caddy runs or when it does not. Run it as the user who runs
Caddy: the records and their key are in the places that its configuration and
its data directory say.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return errors.New("a command is missing")
		},
	}
	cmd.AddCommand(exportCommand(), showCommand(), verifyCommand(), purgeCommand(), archiveCommand())
	return cmd
}

// kept is the proof of consent that a configuration keeps.
type kept struct {
	*records.Store
	global config.Global // whole
}

// withRecords opens the records of a configuration, and closes them after work. An
// interrupt ends the context that work gets.
func (s *source) withRecords(cmd *cobra.Command, work func(context.Context, *kept) error) (err error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	data, err := s.read()
	if err != nil {
		return err
	}
	global, err := globalOf(data)
	if err != nil {
		return err
	}
	storage, release, err := storageOf(ctx, data)
	if err != nil {
		return fmt.Errorf("storage of the configuration: %w", err)
	}
	defer release()
	store, err := openStore(ctx, global, storage)
	if err == nil {
		err = work(ctx, &kept{store, global})
		err = errors.Join(err, store.Close())
	}
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// globalOf returns what a configuration says of the records.
func globalOf(data []byte) (config.Global, error) {
	var root struct {
		Apps struct {
			Global *config.Global `json:"cookie_consent"`
		}
	}
	if err := json.Unmarshal(data, &root); err != nil {
		return config.Global{}, err
	}
	if root.Apps.Global == nil {
		if len(sitesOf(data)) == 0 {
			return config.Global{}, errors.New("the configuration has no cookie_consent")
		}
		root.Apps.Global = &config.Global{}
	}
	if err := root.Apps.Global.Check(); err != nil {
		return config.Global{}, err
	}
	return root.Apps.Global.WithDefaults(caddy.AppDataDir()), nil
}

// keyless is a storage without writing: a key that a command makes is the key of
// no record.
type keyless struct{ records.Storage }

var errNoKey = errors.New("there is none in the storage of the configuration")

func (keyless) Lock(context.Context, string) error          { return errNoKey }
func (keyless) Store(context.Context, string, []byte) error { return errNoKey }

func openStore(ctx context.Context, global config.Global, storage records.Storage) (*records.Store, error) {
	options := records.Options{Storage: keyless{storage}}
	switch global.Records {
	case "off":
		return nil, errors.New("the configuration says records off: no proof of consent is kept")
	case "postgres":
		options.Postgres = global.RecordsTo
	default:
		options.SQLite = global.RecordsTo
	}
	store, err := records.OpenStore(ctx, options)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("there are no records yet: %w", err)
		if options.SQLite == (config.Global{}).WithDefaults(caddy.AppDataDir()).RecordsTo {
			err = fmt.Errorf("%w; %s", err, asCaddy)
		}
	case errors.Is(err, errNoKey) && storage == records.Storage(caddy.DefaultStorage):
		err = fmt.Errorf("%w; %s", err, asCaddy)
	}
	return store, err
}

// asCaddy helps whoever works as root while Caddy has a user of its own.
const asCaddy = "that is in the data directory of the user who runs this command: run it as the user who runs Caddy, or with its HOME and XDG_DATA_HOME"
