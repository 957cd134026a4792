package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// recordFormats are the forms that records are exported in.
var recordFormats = map[string]func(io.Writer, iter.Seq2[records.Record, error]) (int64, error){
	"csv":   records.WriteCSV,
	"jsonl": records.WriteJSONL,
}

func exportCommand() *cobra.Command {
	from := source{}
	var format, site, first, last, output string
	cmd := &cobra.Command{
		Use:   "export [--config <file>] [--adapter <name>] [--format csv|jsonl] [--site <host>] [--from <date>] [--to <date>] [--output <file>]",
		Short: "Exports the records as CSV or JSON Lines",
		Long: `Exports the records, those of each chain in their order, as CSV that no
spreadsheet takes for formulas, or as JSON Lines. --from and --to are days (UTC),
both included, or moments as 2026-05-01T12:00:00Z, of which the second is not
included. --output takes its name only when it is whole.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, known := recordFormats[format]
			if !known {
				return fmt.Errorf("--format %q is not csv or jsonl", format)
			}
			filter, err := filterOf(site, first, last)
			if err != nil {
				return err
			}
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				e := export{store: kept.Store, filter: filter, notes: cmd.ErrOrStderr(), bar: progressOn(cmd.ErrOrStderr())}
				return e.run(ctx, func(records iter.Seq2[records.Record, error]) error {
					return writeTo(output, cmd.OutOrStdout(), func(w io.Writer) error {
						_, err := write(w, records)
						return err
					})
				})
			})
		},
	}
	from.fileFlags(cmd)
	cmd.Flags().StringVarP(&format, "format", "f", "csv", "csv or jsonl")
	cmd.Flags().StringVar(&site, "site", "", "Host that the choices hold for, or the domain they are shared by (default: all)")
	cmd.Flags().StringVar(&first, "from", "", "First day, as 2026-05-01, or moment")
	cmd.Flags().StringVar(&last, "to", "", "Last day, or moment before which it ends")
	cmd.Flags().StringVarP(&output, "output", "o", "", "File to write (default: standard output)")
	return cmd
}

// filterOf reads the flags that select records.
func filterOf(site, first, last string) (f records.Filter, err error) {
	f.Site = strings.ToLower(site)
	if f.From, _, err = moment("--from", first); err != nil {
		return f, err
	}
	until, isDay, err := moment("--to", last)
	if err != nil {
		return f, err
	}
	if f.Until = until; isDay {
		f.Until = until.AddDate(0, 0, 1)
	}
	if !f.Until.IsZero() && !f.From.Before(f.Until) {
		return f, fmt.Errorf("--from %s is not before --to %s", first, last)
	}
	return f, nil
}

// moment reads a day, of which it returns the beginning, or a moment.
func moment(flag, text string) (t time.Time, isDay bool, err error) {
	if text == "" {
		return t, false, nil
	}
	if t, err = time.Parse(time.DateOnly, text); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err == nil {
		return t, false, nil
	}
	return t, false, fmt.Errorf("%s %q is not a day, as 2026-05-01, or a moment, as 2026-05-01T12:00:00Z", flag, text)
}

// export is one export.
type export struct {
	store      *records.Store
	filter     records.Filter
	notes      io.Writer
	bar        *progress
	done       int64
	unreadable int64
}

// run has write take the records, while it shows how far that is.
func (e *export) run(ctx context.Context, write func(iter.Seq2[records.Record, error]) error) (err error) {
	if e.bar != nil {
		if e.bar.total, err = e.store.Count(ctx, e.filter); err != nil {
			return err
		}
	}
	err = write(e.records(ctx))
	e.bar.clear()
	switch {
	case err != nil:
		return err
	case e.unreadable > 0:
		return fmt.Errorf("%d records cannot be read, and were left out; caddy cookie-consent records verify tells more", e.unreadable)
	case e.bar != nil:
		_, err = fmt.Fprintf(e.notes, "%d records exported\n", e.done)
	}
	return err
}

// records yields what is stored, without what cannot be read.
func (e *export) records(ctx context.Context) iter.Seq2[records.Record, error] {
	return func(yield func(records.Record, error) bool) {
		for record, err := range e.store.Export(ctx, e.filter) {
			if damaged := (*records.DamagedError)(nil); errors.As(err, &damaged) {
				e.unreadable++
				e.bar.clear()
				_, _ = fmt.Fprintln(e.notes, damaged)
				continue
			}
			if !yield(record, err) {
				return
			}
			e.done++
			e.bar.at(e.done)
		}
	}
}
