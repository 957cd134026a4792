package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/declare"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/charter"
)

// declaring is what declare is told at the command line.
type declaring struct {
	source
	format string
	audit  auditFlags
}

// proposals are the forms in which services are proposed, for a site of a language.
var proposals = map[string]func(w io.Writer, p *declare.Proposal, language string) error{
	"caddyfile": func(w io.Writer, p *declare.Proposal, _ string) error { return p.WriteCaddyfile(w) },
	"csv": func(w io.Writer, p *declare.Proposal, language string) error {
		return charter.WriteCSV(w, p.Rows(), language)
	},
	"markdown": func(w io.Writer, p *declare.Proposal, language string) error {
		return charter.WriteMarkdown(w, p.Rows(), language)
	},
}

func declareCommand() *cobra.Command {
	d := declaring{}
	cmd := &cobra.Command{
		Use:   "declare [<url>] [--config <file>] [--adapter <name>] [--site <host>] [--format caddyfile|csv|markdown]",
		Short: "Prints the services that would declare what was seen on a site",
		Long: `Prints the services that would declare what was seen on a site and is undeclared, as
blocks for its cookie_consent or as rows of a charter. What was seen comes from the
running Caddy or, when none answers, from the storage of the configuration. With a URL
it comes from an audit of that site, which need not run this module.

They load as they are. Look at each # TODO first: what needs no consent on the word of
the catalogue is to be confirmed; what nobody knows is marketing, the strictest, until
its purpose is written. Run the site in mode observe for a while before.`,
		Args:         cobra.MaximumNArgs(1),
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if proposals[d.format] == nil {
				return fmt.Errorf("--format %q is not caddyfile, csv or markdown", d.format)
			}
			if len(args) == 0 {
				return d.run(cmd)
			}
			report, err := d.audit.run(cmd, args[0])
			if err != nil {
				return err
			}
			host, entries := audited(report, time.Now())
			return d.propose(cmd, &site{hosts: []string{host}}, entries)
		},
	}
	d.flags(cmd)
	d.audit.add(cmd)
	cmd.Flags().StringVarP(&d.format, "format", "f", "caddyfile", "caddyfile, csv or markdown")
	return cmd
}

func (d *declaring) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	data, err := d.read()
	if err != nil {
		return err
	}
	sites := sitesOf(data)
	if len(sites) == 0 {
		return errors.New("the configuration has no cookie_consent")
	}
	seen, err := seenBy(ctx, data, &printer{Writer: cmd.ErrOrStderr()})
	if err != nil {
		return err
	}
	s, entries, err := d.pick(sites, seen)
	if err != nil {
		return err
	}
	return d.propose(cmd, s, entries)
}

// propose prints the services that would declare the undeclared ones of entries,
// which were seen on s, and tells of it on standard error.
func (d *declaring) propose(cmd *cobra.Command, s *site, entries []inventory.Entry) error {
	about, language := declare.Site{}, (&config.Site{}).WithDefaults().Languages[0]
	if s.raw != nil {
		if err := s.complete(); err != nil {
			return err
		}
		declared, err := policy.New(s.declared.Declaration())
		if err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		about, language = declare.Site{Hints: s.declared.Hints(), Declared: declared}, s.declared.Languages[0]
	}
	p := declare.Propose(entries, about)
	notes := &printer{Writer: cmd.ErrOrStderr()}
	if p.Things == 0 {
		notes.line(fmt.Sprintf("nothing undeclared was seen on %s; in mode observe a site shows all that it uses, once its pages were visited", s.name()))
		return notes.err
	}
	notes.line(summary(p, s.name()))
	if d.format != "caddyfile" { // which has them as comments
		for _, l := range p.Left {
			notes.line(l.String())
		}
	}
	return errors.Join(proposals[d.format](cmd.OutOrStdout(), p, language), notes.err)
}

// summary says how much a proposal is about.
func summary(p *declare.Proposal, site string) string {
	known, confirm := 0, 0
	for i := range p.Services {
		if s := &p.Services[i]; !s.Open {
			known++
			if s.Category == policy.Necessary {
				confirm++
			}
		}
	}
	text := fmt.Sprintf("%s seen on %s; %s would declare them: %d of the catalogue (%d to confirm), %d to be described",
		count(p.Things, "undeclared thing"), site, count(len(p.Services), "service"), known, confirm, len(p.Services)-known)
	if len(p.Left) > 0 {
		text += fmt.Sprintf("; %d left out", len(p.Left))
	}
	return text
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// pick returns the site that is meant, and what was seen there: the one that is
// named, or the only one on which something undeclared was seen. What was seen on a
// host that no site is mounted on is a site of its own.
func (d *declaring) pick(sites []site, seen []inventory.Entry) (*site, []inventory.Entry, error) {
	of := map[string]*site{}
	entries := map[*site][]inventory.Entry{}
	at := func(host string) *site {
		host = strings.ToLower(host)
		if of[host] == nil {
			if of[host] = mounted(sites, host); of[host] == nil {
				of[host] = &site{hosts: []string{host}}
			}
		}
		return of[host]
	}
	for _, e := range seen {
		if e.Service == "" {
			entries[at(e.Site)] = append(entries[at(e.Site)], e)
		}
	}
	if d.site != "" {
		s := at(d.site)
		if s.raw == nil && len(entries[s]) == 0 {
			return nil, nil, fmt.Errorf("no site %q has a cookie_consent, and nothing undeclared was seen there", d.site)
		}
		return s, entries[s], nil
	}
	some := slices.SortedFunc(maps.Keys(entries), func(a, b *site) int { return strings.Compare(a.name(), b.name()) })
	switch {
	case len(some) > 1:
		var names []string
		for _, s := range some {
			names = append(names, s.name())
		}
		return nil, nil, fmt.Errorf("something undeclared was seen on several sites; name one with --site: %s", strings.Join(names, "; "))
	case len(some) == 1:
		return some[0], entries[some[0]], nil
	case len(sites) == 1:
		return &sites[0], nil, nil
	}
	return &site{hosts: []string{"any site"}}, nil, nil
}

// mounted returns the site that answers for a host: by its name, by a wildcard, or
// because it answers for any; nil if none does.
func mounted(sites []site, host string) *site {
	_, parent, _ := strings.Cut(host, ".")
	for _, name := range []string{host, "*." + parent} {
		for i := range sites {
			if slices.ContainsFunc(sites[i].hosts, func(own string) bool { return strings.EqualFold(own, name) }) {
				return &sites[i]
			}
		}
	}
	if i := slices.IndexFunc(sites, func(s site) bool { return len(s.hosts) == 0 }); i >= 0 {
		return &sites[i]
	}
	return nil
}
