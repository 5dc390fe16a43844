package materialize

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the Prometheus metrics of a runner.
type metrics struct {
	runs    *prometheus.CounterVec
	rows    *prometheus.CounterVec
	failed  *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(r *Runner, registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_materialize_runs_total", Help: "Runs that ended, by view and state.",
		}, []string{"view", "state"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_materialize_rows_total", Help: "Source rows of runs that ended, by view and outcome.",
		}, []string{"view", "result"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_materialize_expectations_failed_total", Help: "Expectations that rows of runs did not meet, by view and expectation.",
		}, []string{"view", "expectation"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "larder_materialize_run_seconds", Help: "How long runs took.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.runs), registerer.Register(m.rows), registerer.Register(m.failed), registerer.Register(m.seconds), registerer.Register(state{r}))
}

// ended counts a finished run.
func (m *metrics) ended(run *Run) {
	m.runs.WithLabelValues(run.View, string(run.State)).Inc()
	m.rows.WithLabelValues(run.View, "written").Add(float64(run.RowsWritten))
	m.rows.WithLabelValues(run.View, "superseded").Add(float64(run.RowsSuperseded))
	m.rows.WithLabelValues(run.View, "bad").Add(float64(run.RowsBad))
	for _, e := range run.Expectations {
		if e.Failed {
			m.failed.WithLabelValues(run.View, e.Name).Inc()
		}
	}
	if run.StartedAt != 0 {
		m.seconds.Observe(float64(run.EndedAt-run.StartedAt) / 1e6)
	}
}

// state collects the metrics that are computed at a scrape.
type state struct{ runner *Runner }

var (
	runningDesc   = prometheus.NewDesc("larder_materialize_running", "Runs in progress.", nil, nil)
	queuedDesc    = prometheus.NewDesc("larder_materialize_queued", "Runs waiting to start.", nil, nil)
	watermarkDesc = prometheus.NewDesc("larder_materialize_watermark_seconds",
		"Watermark: all source rows up to this time are in the online store, in seconds since 1970, by view.", []string{"view"}, nil)
	scheduleDesc  = prometheus.NewDesc("larder_materialize_schedule_seconds", "How often a view is to be materialized, by view; absent for a view without a schedule.", []string{"view"}, nil)
	freshnessDesc = prometheus.NewDesc("larder_materialize_freshness_seconds", "How far the watermark is behind the clock, by view.", []string{"view"}, nil)
)

func (s state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runningDesc, queuedDesc, watermarkDesc, scheduleDesc, freshnessDesc} {
		out <- d
	}
}

func (s state) Collect(out chan<- prometheus.Metric) {
	r := s.runner
	r.mu.Lock()
	running, queued := len(r.running), len(r.queue)
	r.mu.Unlock()
	out <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(running))
	out <- prometheus.MustNewConstMetric(queuedDesc, prometheus.GaugeValue, float64(queued))
	now := time.Now().UnixMicro()
	for _, view := range r.Catalog().Views() {
		if view.Schedule != 0 {
			out <- prometheus.MustNewConstMetric(scheduleDesc, prometheus.GaugeValue, time.Duration(view.Schedule).Seconds(), view.Name)
		}
		mark, found, err := r.Store.Watermark(view.ID)
		if err != nil || !found {
			continue // a view that was never materialized has no freshness
		}
		out <- prometheus.MustNewConstMetric(watermarkDesc, prometheus.GaugeValue, float64(mark.Time)/1e6, view.Name)
		out <- prometheus.MustNewConstMetric(freshnessDesc, prometheus.GaugeValue, float64(now-mark.Time)/1e6, view.Name)
	}
}
