package cookieconsent

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
)

// pagesUntouched outlives a reload, as every registry it is in does not.
var pagesUntouched = counter("pages_untouched_total", "Pages that passed without a banner, and with what they load, because they could not be rewritten. Their headers are enforced.", "reason")

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "caddy", Subsystem: "cookie_consent", Name: name, Help: help}, labels)
}

// These outlive reloads too.
var (
	undeclared    = counter("undeclared_total", "Cookies, keys and hosts that no charter declares, each counted when it was first seen.", "kind")
	heldBack      = counter("blocked_total", "Cookies and loads that were held back, of declared services and of none.", "of")
	choices       = counter("choices_total", "What visitors answered.", "outcome")
	eventsDropped = counter("events_dropped_total", "Events that were not emitted, since too many waited.").WithLabelValues()
)

// registerMetrics puts the metrics into the registry of a configuration.
func registerMetrics(ctx caddy.Context) error {
	for _, c := range []prometheus.Collector{pagesUntouched, undeclared, heldBack, choices, eventsDropped, bookMetrics{}} {
		err := ctx.GetMetricsRegistry().Register(c)
		if registered := new(prometheus.AlreadyRegisteredError); err != nil && !errors.As(err, registered) {
			return err
		}
	}
	return nil
}

// bookMetrics tells how the records of all open stores stand.
type bookMetrics struct{}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_cookie_consent_records_"+name, help, []string{"store"}, nil)
}

var (
	recordsAppended = describe("appended_total", "Records of consent that are on this machine's disk, since the start.")
	recordsFailed   = describe("write_errors_total", "Decisions that could not be recorded.")
	recordsBacklog  = describe("backlog", "Records that the database has not taken yet.")
	recordsOldest   = describe("oldest_unsent_seconds", "Age of the oldest of them.")
	recordsUp       = describe("up", "1 if the records are open and nothing is wrong.")
)

// Describe implements prometheus.Collector.
func (bookMetrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordsAppended, recordsFailed, recordsBacklog, recordsOldest, recordsUp} {
		all <- d
	}
}

// Collect implements prometheus.Collector. Stores of one kind are added up.
func (bookMetrics) Collect(all chan<- prometheus.Metric) {
	sums := map[string]*[5]float64{}
	bookPool.Range(func(_, value any) bool {
		b := value.(*books)
		h, err := b.health()
		sum := sums[b.kind]
		if sum == nil {
			sum = &[5]float64{4: 1}
			sums[b.kind] = sum
		}
		sum[0], sum[1], sum[2] = sum[0]+float64(h.Appended), sum[1]+float64(h.WriteErrors), sum[2]+float64(h.Backlog)
		if !h.Oldest.IsZero() {
			sum[3] = max(sum[3], time.Since(h.Oldest).Seconds())
		}
		if err != nil || h.Store != "" && !h.Good() {
			sum[4] = 0
		}
		return true
	})
	for store, sum := range sums {
		for i, d := range []*prometheus.Desc{recordsAppended, recordsFailed, recordsBacklog, recordsOldest, recordsUp} {
			kind := prometheus.GaugeValue
			if i < 2 {
				kind = prometheus.CounterValue
			}
			all <- prometheus.MustNewConstMetric(d, kind, sum[i], store)
		}
	}
}

func countUntouched(why enforcer.Untouched) { pagesUntouched.WithLabelValues(string(why)).Inc() }
