package checks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/monitor/verify"
)

type metrics struct {
	verifiedKeys *prometheus.CounterVec // by view and result
	verifiedAt   *prometheus.GaugeVec   // by view
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		verifiedKeys: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_verify_keys_total", Help: "Keys that were read by both the serving path and the training path, by the result of comparing them.",
		}, []string{"view", "result"}),
		verifiedAt: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_verify_last_timestamp_seconds", Help: "When a verification of the view last completed.",
		}, []string{"view"}),
	}
	registerer.MustRegister(m.verifiedKeys, m.verifiedAt)
	return m
}

func (m *metrics) verified(r *verify.Report) {
	for _, kind := range []verify.Kind{verify.Equal, verify.Mismatched, verify.Missing, verify.Extra, verify.Stale} {
		m.verifiedKeys.WithLabelValues(r.View, string(kind)).Add(float64(r.Counts[kind]))
	}
	m.verifiedAt.WithLabelValues(r.View).Set(float64(time.Now().UnixMicro()) / 1e6)
}
