package command

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

//go:embed charter.html
var charterPage string

var charterTemplate = template.Must(template.New("charter").Parse(charterPage))

// formats are the forms a charter is written in.
var formats = map[string]func(io.Writer, *config.Site) error{
	"csv": func(w io.Writer, s *config.Site) error { return charter.WriteCSV(w, s.Rows(), s.Languages[0]) },
	"markdown": func(w io.Writer, s *config.Site) error {
		return charter.WriteMarkdown(w, s.Rows(), s.Languages[0])
	},
	"json": writeJSON,
	"html": writeHTML,
}

func charterCommand() *cobra.Command {
	from, format := source{}, ""
	cmd := &cobra.Command{
		Use:   "charter [--config <file>] [--adapter <name>] [--site <host>] [--format csv|markdown|html|json]",
		Short: "Prints the charter that a site enforces",
		Long: `Prints the effective charter of a site: what its Caddyfile and its charter files
declare, with what the catalogue fills in. CSV and Markdown can be edited and
used as a charter file; they declare the same policy. What is below the floor
of the site's preset is told on standard error, with its rule, and in the HTML.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, known := formats[format]
			if !known {
				return fmt.Errorf("--format %q is not csv, markdown, html or json", format)
			}
			site, err := from.load()
			if err != nil {
				return err
			}
			notes := &printer{Writer: cmd.ErrOrStderr()}
			for _, warning := range site.declared.Warnings() {
				notes.line("warning: " + warning)
			}
			return write(cmd.OutOrStdout(), site.declared)
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVarP(&format, "format", "f", "markdown", "csv, markdown, html or json")
	return cmd
}

// writeJSON writes the services as Caddy's JSON takes them, and what is said of them.
func writeJSON(w io.Writer, s *config.Site) error {
	preset := config.PresetOf(s.Preset)
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(map[string]any{
		"preset":     map[string]string{"id": preset.ID, "version": preset.Version, "name": preset.Name},
		"warnings":   append([]string{}, s.Warnings()...),
		"categories": s.Categories,
		"services":   s.Services,
	})
}

// writeHTML writes a page for whoever edits the charter.
func writeHTML(w io.Writer, s *config.Site) error {
	table := charter.Table(s.Rows(), s.Languages[0])
	var out bytes.Buffer
	err := charterTemplate.Execute(&out, map[string]any{
		"Site": s.Name, "Preset": config.PresetOf(s.Preset), "Warnings": s.Warnings(), "French": strings.HasPrefix(s.Languages[0], "fr"),
		"Headings": table[0], "Rows": table[1:], "Lang": s.Languages[0],
	})
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}
