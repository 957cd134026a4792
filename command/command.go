// Package command adds `caddy cookie-consent` to a Caddy: what operators do with a
// site's declaration, and with the proof of consent that is kept for it, at the
// command line. It reads a configuration as `caddy run` does, and changes none.
package command

import (
	"errors"
	"io"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "cookie-consent",
		Usage: "<command>",
		Short: "Shows and checks what cookie_consent declares and keeps",
		Long: `Shows and checks what the sites of a configuration declare with cookie_consent,
and the proof of consent that is kept for them.`,
		CobraFunc: func(parent *cobra.Command) {
			parent.AddCommand(charterCommand(), declareCommand(), recordsCommand(), auditCommand(), dashboardCommand())
			parent.RunE = func(cmd *cobra.Command, _ []string) error {
				_ = cmd.Help()
				return errors.New("a command is missing")
			}
		},
	})
}

// source says which configuration a command is about.
type source struct{ config, adapter, site string }

// flags adds the flags by which a command finds its configuration, and one site in it.
func (s *source) flags(cmd *cobra.Command) {
	s.fileFlags(cmd)
	cmd.Flags().StringVar(&s.site, "site", "", "Host of the site, where several have a declaration")
}

// fileFlags adds the flags by which a command finds its configuration.
func (s *source) fileFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.config, "config", "c", "", "Configuration file (default: Caddyfile in this folder)")
	cmd.Flags().StringVarP(&s.adapter, "adapter", "a", "", "Name of the config adapter to apply")
}

// printer writes lines and keeps the first error.
type printer struct {
	io.Writer
	err error
}

func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p, text+"\n")
	}
}
