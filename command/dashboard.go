package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
)

// dashboard shows browsers what Caddy's admin endpoint answers under
// inventory.AdminPath. Since Caddy refuses requests that browsers make by
// themselves, it asks for them; it passes on nothing else.
type dashboard struct{ admin string } // address of the endpoint

func dashboardCommand() *cobra.Command {
	from, listen, admin := source{}, "", ""
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "Opens the dashboard of a running Caddy to browsers of this machine",
		Long: `Serves the dashboard of a running Caddy on a loopback address, until it is
interrupted: choices over time, what was held back, what is undeclared. Caddy's admin
endpoint itself does not answer browsers.`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := caddycmd.DetermineAdminAPIAddress(admin, nil, from.config, from.adapter)
			if err != nil {
				return err
			}
			listener, err := listenHere(listen)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			out := &printer{Writer: cmd.OutOrStdout()}
			out.line("http://" + listener.Addr().String() + inventory.AdminPath)
			return serveUntil(ctx, listener, &dashboard{address})
		},
	}
	from.flags(cmd)
	cmd.Flags().StringVar(&admin, "address", "", "Address of the admin endpoint (default: the configuration's, or localhost:2019)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "Loopback address to serve on")
	return cmd
}

// listenHere listens on a loopback address only: what is shown is for whoever may
// ask the admin endpoint.
func listenHere(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %q is no loopback address such as 127.0.0.1:8090", address)
	}
	return new(net.ListenConfig).Listen(context.Background(), "tcp", address)
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// ServeHTTP passes a question on. A name that leads here and is not ours may be
// another site's trick (DNS rebinding).
func (d *dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case host != "localhost" && (err != nil || !ip.IsLoopback()):
		http.Error(w, "ask for this machine by a loopback address", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == "/":
		http.Redirect(w, r, inventory.AdminPath, http.StatusFound)
	case !slices.Contains([]string{"", "inventory", "statistics", "health"}, strings.TrimPrefix(r.URL.Path, inventory.AdminPath)) || !strings.HasPrefix(r.URL.Path, inventory.AdminPath):
		http.NotFound(w, r) // the rest of the endpoint is not for browsers
	default:
		d.pass(w, r)
	}
}

// pass asks the admin endpoint and answers as it does.
func (d *dashboard) pass(w http.ResponseWriter, r *http.Request) {
	answer, err := caddycmd.AdminAPIRequest(d.admin, r.Method, (&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).RequestURI(), http.Header{"Accept": r.Header["Accept"]}, nil)
	if answer == nil {
		http.Error(w, fmt.Sprintf("no Caddy answers at %s: %v", d.admin, err), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}
