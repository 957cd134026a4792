package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/audit"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy/catalogue"
)

// auditFlags are what an audit can be told at the command line.
type auditFlags struct {
	login, html string
	headers     []string
	json        bool
	options     audit.Options
}

func auditCommand() *cobra.Command {
	f := auditFlags{}
	cmd := &cobra.Command{
		Use:   "audit <url>",
		Short: "Visits a site with a browser, and reports what needs consent and is there without",
		Long: `Visits the pages of a site with a headless Chromium or Chrome: before any choice,
after a refusal, after an acceptance, after a withdrawal, and with Global Privacy
Control. It reports every cookie, key of web storage and third-party request, beside
what the site declares (the policy.json of one that runs this module). It works on any
site, with whatever consent manager. No value of a cookie and no query is kept.

The exit status is 1 when something that is not exempt is there without consent.`,
		Args:         cobra.ExactArgs(1),
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := f.run(cmd, args[0])
			if err != nil {
				return err
			}
			if err := f.write(cmd, report); err != nil {
				return err
			}
			if report.Failed() {
				return errors.New("the audit has failed: " + report.Verdict())
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "Print the report as JSON")
	cmd.Flags().StringVar(&f.html, "html", "", "Also write the report as one HTML page to this file")
	return cmd
}

// add adds the flags of a visit.
func (f *auditFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.options.Pages, "pages", 10, "Pages visited at most")
	cmd.Flags().StringVar(&f.login, "login", "", "File with the steps of a login: open, fill, click and wait lines")
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, `Header sent to the site's own origin, as "Name: value"; may be repeated`)
	cmd.Flags().StringVar(&f.options.Browser, "browser", "", "Chromium or Chrome to use (default: the one that is installed)")
	cmd.Flags().DurationVar(&f.options.Timeout, "timeout", 30*time.Second, "Wait for one page at most")
	cmd.Flags().BoolVar(&f.options.Insecure, "insecure", false, "Accept any certificate")
}

// run makes the audit, with its progress on standard error.
func (f *auditFlags) run(cmd *cobra.Command, url string) (*audit.Report, error) {
	o := f.options
	o.URL, o.Hint, o.Version = url, likely, config.ModuleVersion()
	var err error
	if o.Header, err = headerOf(f.headers); err != nil {
		return nil, err
	}
	if f.login != "" {
		if o.Login, err = readScript(f.login); err != nil {
			return nil, err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	show, done := terminalOf(cmd.ErrOrStderr()).Show(cmd.ErrOrStderr())
	o.Progress = show
	report, err := audit.Run(ctx, o)
	done()
	return report, err
}

// write prints a report, and keeps the page.
func (f *auditFlags) write(cmd *cobra.Command, report *audit.Report) error {
	if f.html != "" {
		page, err := os.Create(f.html)
		if err != nil {
			return err
		}
		if err := errors.Join(report.WriteHTML(page), page.Close()); err != nil {
			return err
		}
	}
	if f.json {
		return report.WriteJSON(cmd.OutOrStdout())
	}
	return report.WriteText(cmd.OutOrStdout(), terminalOf(cmd.OutOrStdout()))
}

// terminalOf tells what w is; what is no file is no terminal.
func terminalOf(w io.Writer) audit.Terminal {
	if file, is := w.(*os.File); is {
		return audit.TerminalOf(file)
	}
	return audit.Terminal{}
}

func readScript(name string) (*audit.Script, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	script, err := audit.ParseScript(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return script, nil
}

func headerOf(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, fmt.Errorf("--header %q is not \"Name: value\"", line)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

// likely names the service of the catalogue that something nobody declared may belong
// to.
func likely(kind audit.Kind, name, host string) (service, category string) {
	var found []*catalogue.Service
	switch kind {
	case audit.KindCookie:
		if found = catalogue.Suggest(name, "unknown", host); len(found) == 0 {
			found = catalogue.Suggest(name, "unknown", "")
		}
	case audit.KindLocal, audit.KindSession:
		found = catalogue.SuggestStorage(string(kind), name)
	case audit.KindHost:
		found = catalogue.SuggestHost(name, "/")
	}
	if len(found) == 0 {
		return "", ""
	}
	return found[0].Name, found[0].Category
}
