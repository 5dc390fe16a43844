package traffic

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	rows    *prometheus.CounterVec
	trips   *prometheus.CounterVec
	weight  *prometheus.GaugeVec
	tripped *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_traffic_rows_total", Help: "Rows sent to a version of a model with split traffic.",
		}, []string{"model", "version"}),
		trips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_traffic_trips_total", Help: "Guards that this server tripped, by guard.",
		}, []string{"model", "guard"}),
		weight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_traffic_weight_percent", Help: "Share of the split values that a version has now, in percent.",
		}, []string{"model", "version"}),
		tripped: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_traffic_tripped", Help: "1 while the control has all traffic of a ramp that a guard stopped.",
		}, []string{"model"}),
	}
	if registerer != nil {
		registerer.MustRegister(m.rows, m.trips, m.weight, m.tripped)
	}
	return m
}

func (m *metrics) rowsOf(model string, version int64) prometheus.Counter {
	return m.rows.WithLabelValues(model, strconv.FormatInt(version, 10))
}

// forget drops the metrics of splits that may be gone.
func (m *metrics) forget() {
	m.weight.Reset()
	m.tripped.Reset()
}

// show sets the metrics of a split.
func (m *metrics) show(s *Split, now time.Time) {
	for i, buckets := range s.Weights(now) {
		m.weight.WithLabelValues(s.model.Name, strconv.FormatInt(s.Arms[i].Version, 10)).Set(float64(buckets) / (Buckets / 100))
	}
	if s.ramped == 0 {
		return
	}
	tripped := 0.0
	if _, is := s.standing(now); is {
		tripped = 1
	}
	m.tripped.WithLabelValues(s.model.Name).Set(tripped)
}
