package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func archiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive <command>",
		Short: "Shows what visitors were shown",
		Long: `Shows the archive: each version of banner, charter and policy that was in force,
under the hash that records name.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return errors.New("a command is missing")
		},
	}
	cmd.AddCommand(archiveListCommand(), archiveShowCommand())
	return cmd
}

func archiveListCommand() *cobra.Command {
	from := source{}
	cmd := &cobra.Command{
		Use:          "list [--config <file>] [--adapter <name>]",
		Short:        "Lists the versions in the archive, the oldest first",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				entries, err := kept.Entries(ctx)
				if err != nil {
					return err
				}
				rows := [][]string{{"HASH", "FIRST", "LAST IN USE", "RECORDS"}}
				for _, e := range entries {
					rows = append(rows, []string{e.Hash, e.First.Format(timeForm), e.Seen.Format(timeForm), fmt.Sprint(e.Records)})
				}
				return writeRows(cmd.OutOrStdout(), rows)
			})
		},
	}
	from.fileFlags(cmd)
	return cmd
}

func archiveShowCommand() *cobra.Command {
	from := source{}
	var output, artefact string
	cmd := &cobra.Command{
		Use:   "show <hash> [--config <file>] [--adapter <name>] [--output <folder> | --artefact <name>]",
		Short: "Shows one version, as it was",
		Long: `Lists what one version in the archive consists of. --output writes all of it into
a new folder, with an index.html that shows the banner as it was, in each language:
scripts don't run there, and nothing is loaded from anywhere. --artefact prints
one piece, byte for byte.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("one hash is needed; caddy cookie-consent records archive list names them, and each record names its own")
			}
			return nil
		},
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			hash := strings.ToLower(strings.TrimSpace(args[0]))
			return from.withRecords(cmd, func(ctx context.Context, kept *kept) error {
				entry, err := kept.Entry(ctx, hash)
				switch {
				case errors.Is(err, records.ErrNotFound):
					return fmt.Errorf("the archive has no %q; caddy cookie-consent records archive list names what it has", hash)
				case err != nil:
					return err
				case output != "":
					return writeEntry(output, entry)
				case artefact != "":
					return writeArtefact(cmd.OutOrStdout(), entry, artefact)
				}
				return listArtefacts(cmd.OutOrStdout(), entry)
			})
		},
	}
	from.fileFlags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "Folder to make")
	cmd.Flags().StringVar(&artefact, "artefact", "", "Name of the piece to print")
	cmd.MarkFlagsMutuallyExclusive("output", "artefact")
	return cmd
}

func writeArtefact(w io.Writer, e *records.Entry, name string) error {
	a, ok := e.Artefact(name)
	if !ok {
		var names []string
		for _, a := range e.Artefacts() {
			names = append(names, a.Name)
		}
		return fmt.Errorf("this version has no %q; it has %s", name, strings.Join(names, ", "))
	}
	_, err := w.Write(a.Content)
	return err
}

func listArtefacts(w io.Writer, e *records.Entry) error {
	rows := [][]string{{"NAME", "TYPE", "BYTES", "SHA-256"}}
	for _, a := range e.Artefacts() {
		rows = append(rows, []string{a.Name, a.Type, fmt.Sprint(len(a.Content)), sha(a.Content)})
	}
	return writeRows(w, rows)
}

// writeRows writes a table.
func writeRows(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(table, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}
