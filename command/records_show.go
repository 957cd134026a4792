package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func showCommand() *cobra.Command {
	from, asJSON := source{}, false
	cmd := &cobra.Command{
		Use:   "show <id> [--config <file>] [--adapter <name>] [--json]",
		Short: "Shows a record, or all of one consent",
		Long: `Shows the record with this id, or all records of the consent with this id, the
oldest first. The visitor's receipt has both: record_id and pii_principal_id.
--json prints one line each, in the form of an export as JSON Lines.`,
		Args:         oneID,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := strings.ToLower(strings.TrimSpace(args[0]))
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				found, err := kept.Show(ctx, id)
				switch {
				case errors.Is(err, records.ErrNotFound):
					return noRecord(id, kept)
				case err != nil:
					return err
				case asJSON:
					_, err = records.WriteJSONL(cmd.OutOrStdout(), eachOf(found))
					return err
				}
				return describe(cmd.OutOrStdout(), found)
			})
		},
	}
	from.fileFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON Lines instead of text")
	return cmd
}

func oneID(_ *cobra.Command, args []string) error {
	if len(args) != 1 || strings.TrimSpace(args[0]) == "" {
		return errors.New("one id is needed: that of a record, or of a consent")
	}
	return nil
}

func noRecord(id string, kept *kept) error {
	hint := ""
	if kept.global.Records == "postgres" {
		hint = "; a record that its Caddy has not delivered to the database yet is in the spool of that Caddy alone"
	}
	return fmt.Errorf("there is no record and no consent with the id %q%s", id, hint)
}

// eachOf yields what was found.
func eachOf(found []records.Record) func(func(records.Record, error) bool) {
	return func(yield func(records.Record, error) bool) {
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// describe writes records for a person.
func describe(w io.Writer, found []records.Record) error {
	for i := range found {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, fact := range factsOf(&found[i]) {
			if _, err := fmt.Fprintf(table, "%s\t%s\n", fact[0], fact[1]); err != nil {
				return err
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

const timeForm = "2006-01-02 15:04:05 MST"

// factsOf are the lines about one record, each a name and a text.
func factsOf(r *records.Record) [][2]string {
	state := string(r.State)
	if !r.Expires.IsZero() {
		state += ", until " + r.Expires.Format(timeForm)
	}
	facts := [][2]string{
		{"record", r.ID}, {"consent", r.Subject}, {"time", r.Time.Format(timeForm)}, {"state", state},
		{"site", r.Site}, {"method", string(r.Method)}, {"language", r.Lang}, {"jurisdiction", r.Jurisdiction},
		{"policy", r.Notice.Policy}, {"shown", r.Notice.Manifest}, {"replaces", r.Prev},
	}
	for _, choice := range r.Choices {
		facts = append(facts, [2]string{"purpose", choice.Purpose + ": " + string(choice.Answer) + servicesOf(choice)})
	}
	facts = append(facts, [][2]string{
		{"chain", fmt.Sprintf("number %d of instance %s, key %d", r.Seq, r.Instance, r.Key)}, {"hash", r.Hash},
	}...)
	return slices.DeleteFunc(facts, func(fact [2]string) bool { return fact[1] == "" })
}

func servicesOf(c records.Choice) string {
	var services []string
	for _, service := range c.Services {
		answer := records.Denied
		if service.Granted {
			answer = records.Granted
		}
		services = append(services, service.ID+" "+string(answer))
	}
	if services == nil {
		return ""
	}
	return " (" + strings.Join(services, ", ") + ")"
}
