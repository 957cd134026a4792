package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/audit"
)

// TestAudit audits the portal as it is, and behind the module.
func TestAudit(t *testing.T) {
	s := enforced(t, "audited.localhost")
	startCaddy(t, s)
	run := func(address string) *audit.Report {
		t.Helper()
		r, err := audit.Run(context.Background(), audit.Options{URL: address, Pages: 3, Quiet: 300 * time.Millisecond, Patience: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("as it is", func(t *testing.T) {
		r := run("http://" + thePortal(t).address + "/")
		if !r.Failed() || r.Declared {
			t.Errorf("failed %v, declared %v; the portal tracks everyone and declares nothing", r.Failed(), r.Declared)
		}
	})
	t.Run("behind the module", func(t *testing.T) {
		r := run(s.url("/"))
		if r.Failed() {
			t.Errorf("%s", r.Verdict())
		}
		for _, f := range r.Findings {
			t.Errorf("%s %s: %s", f.Severity, f.Rule, f.Text)
		}
		if !r.Declared || r.Manager != "caddy-cookie-consent" || r.Layer.RefuseClicks != 1 || r.Layer.Withdraw == "" {
			t.Errorf("declared %v, manager %q, layer %+v", r.Declared, r.Manager, r.Layer)
		}
		for _, pass := range r.Passes {
			if !pass.Done() || len(pass.Pages) == 0 {
				t.Errorf("%s: %s", pass.Pass, pass.Problem)
			}
		}
		for _, thing := range r.Things {
			if accepted := thing.Seen[audit.Accepted]; thing.Name == "ads_id" && accepted != nil {
				return
			}
		}
		t.Error("nothing that was accepted is seen")
	})
}
