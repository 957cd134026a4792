package cookieconsent

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// pagesUntouched outlives a reload, as every registry it is in does not.
var pagesUntouched = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "caddy", Subsystem: "cookie_consent", Name: "pages_untouched_total",
	Help: "Pages that passed without a banner, and with what they load, because they could not be rewritten. Their headers are enforced.",
}, []string{"reason"})

// registerMetrics puts the metrics into the registry of a configuration.
func registerMetrics(ctx caddy.Context) error {
	err := ctx.GetMetricsRegistry().Register(pagesUntouched)
	if registered := new(prometheus.AlreadyRegisteredError); errors.As(err, registered) {
		return nil
	}
	return err
}

func countUntouched(why enforcer.Untouched) { pagesUntouched.WithLabelValues(string(why)).Inc() }
