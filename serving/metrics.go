package serving

import (
	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
	"larder/vector"
)

type metrics struct {
	read, score prometheus.Observer
	rows        *prometheus.CounterVec
	onDemand    *prometheus.CounterVec
}

// stageBuckets go from what one row takes to what ten thousand take.
var stageBuckets = []float64{5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 500e-3, 2}

func newMetrics(registerer prometheus.Registerer) *metrics {
	stages := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "larder_serving_stage_seconds", Help: "Time of a request in a stage: read, of features into vectors, and score.", Buckets: stageBuckets,
	}, []string{"stage"})
	m := &metrics{
		read: stages.WithLabelValues("read"), score: stages.WithLabelValues("score"),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_serving_rows_total", Help: "Rows that were looked for in a feature view, by what was found.",
		}, []string{"view", "status"}),
		onDemand: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_on_demand_errors_total", Help: "Values that an expression failed to compute and that are null, by reason.",
		}, []string{"view", "feature", "reason"}),
	}
	if registerer != nil {
		registerer.MustRegister(stages, m.rows, m.onDemand)
	}
	return m
}

// failures counts what expressions of a request failed to compute.
func (m *metrics) failures(batch *vector.Batch) {
	batch.Failures(func(view, feature string, why vector.Failure, rows int) {
		m.onDemand.WithLabelValues(view, feature, why.String()).Add(float64(rows))
	})
}

// viewCounters counts the rows of a view by status.
type viewCounters [schema.StatusOutsideMaxAge + 1]prometheus.Counter

func (m *metrics) view(name string) viewCounters {
	var v viewCounters
	for _, s := range []schema.Status{schema.StatusPresent, schema.StatusNotFound, schema.StatusOutsideMaxAge} {
		v[s] = m.rows.WithLabelValues(name, s.String())
	}
	return v
}

// add counts the rows of a request.
func (v *viewCounters) add(statuses []schema.Status) {
	var counts [len(v)]int
	for _, s := range statuses {
		counts[s]++
	}
	for s, n := range counts {
		if n > 0 {
			v[s].Add(float64(n))
		}
	}
}
