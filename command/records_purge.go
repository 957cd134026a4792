package command

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

func purgeCommand() *cobra.Command {
	from, retention := source{}, ""
	cmd := &cobra.Command{
		Use:   "purge [--config <file>] [--adapter <name>] [--retention <duration>]",
		Short: "Deletes the records that are older than they are kept",
		Long: `Deletes the records that are older than the retention, the configuration's own
where --retention names none, and the archive entries that nothing needs any
more. The chains stay verifiable. A running Caddy does so once a day by itself.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age, err := ageOf(retention)
			if err != nil {
				return err
			}
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				if age == 0 {
					age = time.Duration(kept.global.Retention)
				}
				purged, err := kept.Purge(ctx, age)
				if purged.Records > 0 || err == nil {
					_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%d records from before %s and %d archive entries were deleted\n",
						purged.Records, time.Now().Add(-age).UTC().Format(timeForm), purged.Entries)
				}
				return err
			})
		},
	}
	from.fileFlags(cmd)
	cmd.Flags().StringVar(&retention, "retention", "", "How long records are kept, as 1825d (default: as configured)")
	return cmd
}

// ageOf reads a retention. None is 0.
func ageOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	age, err := caddy.ParseDuration(text)
	if err != nil || age <= 0 {
		return 0, fmt.Errorf("--retention %q is not a positive duration, as 1825d", text)
	}
	return age, nil
}
