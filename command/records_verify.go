package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func verifyCommand() *cobra.Command {
	from := source{}
	cmd := &cobra.Command{
		Use:   "verify [--config <file>] [--adapter <name>]",
		Short: "Finds records that were changed, taken out, moved or cut off",
		Long: `Checks each record against its key, each chain against its head in Caddy's
storage, and the whole archive. Prints a line for each thing that is wrong, with
site, instance and number of the record, and then ends with status 1. It can't
find what was done by someone who holds the records, the storage and with it the
key.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				return verify(ctx, kept.Store, &printer{Writer: cmd.OutOrStdout()}, progressOn(cmd.ErrOrStderr()))
			})
		},
	}
	from.fileFlags(cmd)
	return cmd
}

// verify prints what is wrong, and what was looked at.
func verify(ctx context.Context, store *records.Store, out *printer, bar *progress) (err error) {
	if bar != nil {
		if bar.total, err = store.Count(ctx, records.Filter{}); err != nil {
			return err
		}
	}
	found := func(f records.Finding) {
		bar.clear()
		out.line(f.String())
	}
	verified, err := store.Verify(ctx, found, bar.at)
	bar.clear()
	if err != nil {
		return err
	}
	out.line(fmt.Sprintf("%d records in %d chains and %d archive entries were checked", verified.Records, verified.Chains, verified.Entries))
	if verified.Waiting > 0 {
		out.line(fmt.Sprintf("%d more records wait in the spool of a Caddy", verified.Waiting))
	}
	switch {
	case out.err != nil:
		return out.err
	case verified.Findings > 0:
		return fmt.Errorf("%d things are wrong", verified.Findings)
	}
	out.line("nothing is wrong")
	return out.err
}
