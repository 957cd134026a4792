// Package command adds `caddy cookie-consent` to a Caddy: what operators do with a
// site's declaration at the command line. It reads a configuration as `caddy run`
// does, and changes none.
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
		Short: "Shows and checks what cookie_consent declares",
		Long:  "Shows and checks what the sites of a configuration declare with cookie_consent.",
		CobraFunc: func(parent *cobra.Command) {
			parent.AddCommand(charterCommand(), auditCommand(), dashboardCommand())
			parent.RunE = func(cmd *cobra.Command, _ []string) error {
				_ = cmd.Help()
				return errors.New("a command is missing")
			}
		},
	})
}

// source says which configuration a command is about.
type source struct{ config, adapter, site string }

// flags adds the flags by which a command finds its configuration.
func (s *source) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.config, "config", "c", "", "Configuration file (default: Caddyfile in this folder)")
	cmd.Flags().StringVarP(&s.adapter, "adapter", "a", "", "Name of the config adapter to apply")
	cmd.Flags().StringVar(&s.site, "site", "", "Host of the site, where several have a declaration")
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
