package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

type metrics struct {
	events   *prometheus.CounterVec   // stream, result
	dead     *prometheus.CounterVec   // stream, reason
	commit   *prometheus.HistogramVec // stream
	apply    *prometheus.HistogramVec // view
	skipped  *prometheus.CounterVec   // view, reason
	rebuilt  *prometheus.CounterVec   // view
	folded   *prometheus.CounterVec   // view
	swept    *prometheus.CounterVec   // view
	position *prometheus.GaugeVec     // stream
	fresh    *prometheus.GaugeVec     // view
	lag      *prometheus.GaugeVec     // stream
	kept     *prometheus.GaugeVec     // stream
	behind   *prometheus.GaugeVec     // stream
	state    *prometheus.GaugeVec     // stream, state
}

// seconds are the buckets of durations: 100 microseconds to 26 seconds.
var seconds = prometheus.ExponentialBuckets(1e-4, 2, 18)

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_stream_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "larder_stream_" + name, Help: help, Buckets: seconds}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "larder_stream_" + name, Help: help}, labels)
	}
	m := &metrics{
		events:   counter("events_total", "Events by what became of them: appended, duplicate, corrected, retracted, unknown, dead.", "stream", "result"),
		dead:     counter("dead_letters_total", "Messages that could not become events.", "stream", "reason"),
		commit:   histogram("commit_seconds", "Time to append one batch to the log.", "stream"),
		apply:    histogram("apply_seconds", "Time to bring one batch of the log into a view.", "view"),
		skipped:  counter("skipped_events_total", "Events of a stream that a view does not count: null_key, condition_failed.", "view", "reason"),
		rebuilt:  counter("rebuilt_keys_total", "Keys whose state was made from the log again, because of a retraction.", "view"),
		folded:   counter("applied_events_total", "Events that were brought into a view.", "view"),
		swept:    counter("swept_keys_total", "Keys whose state was deleted, since no window holds their events any more.", "view"),
		position: gauge("position", "The number of the last batch in the log.", "stream"),
		fresh:    gauge("freshness_seconds", "How long ago everything that a view serves was committed, at most.", "view"),
		lag:      gauge("lag_events", "Messages of the source that are not in the log, as its reader knows.", "stream"),
		kept:     gauge("lag_bytes", "What Postgres keeps of its write-ahead log for the stream.", "stream"),
		behind:   gauge("broker_lag_seconds", "How long before its commit the source had taken the newest message of the last batch.", "stream"),
		state:    gauge("state", "1 for the state that the stream's source has on this server: reading, standby (of one that is paused too), failed, retrying, push.", "stream", "state"),
	}
	if r != nil {
		r.MustRegister(m.events, m.dead, m.commit, m.apply, m.skipped, m.rebuilt, m.folded, m.swept, m.position, m.fresh, m.lag, m.kept, m.behind, m.state)
	}
	return m
}

// forget drops the gauges of streams and views that are gone: an alert on one would last
// as long as the server.
func (m *metrics) forget(before, now map[string]*task) {
	views := map[string]bool{}
	for _, t := range now {
		for _, v := range t.views {
			views[v.Name] = true
		}
	}
	for name, t := range before {
		if now[name] == nil {
			for _, gauge := range []*prometheus.GaugeVec{m.position, m.lag, m.kept, m.behind, m.state} {
				gauge.DeletePartialMatch(prometheus.Labels{"stream": name})
			}
		}
		for _, v := range t.views {
			if !views[v.Name] {
				m.fresh.DeleteLabelValues(v.Name)
			}
		}
	}
}

// applied counts events that were brought into a view.
func (m *metrics) applied(view *schema.View, events int, took time.Duration) {
	m.folded.WithLabelValues(view.Name).Add(float64(events))
	m.apply.WithLabelValues(view.Name).Observe(took.Seconds())
}
