package scoring

import "github.com/prometheus/client_golang/prometheus"

// metrics are of the models of a set, by name.
type metrics struct {
	ended            *prometheus.CounterVec
	batches, batched *prometheus.CounterVec
	deaths           *prometheus.CounterVec
	quarantined      *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_scoring_" + name, Help: help}, append([]string{"model"}, labels...))
	}
	m := &metrics{
		ended:   counter("runs_ended_total", "Runs of models that were stopped because they exceeded a limit, by limit: time or memory.", "limit"),
		batches: counter("batches_total", "Runs of models that scored several requests."),
		deaths:  counter("process_deaths_total", "Processes of models that ended by themselves, or were killed because a run could not be stopped."),
		quarantined: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_scoring_quarantined", Help: "1 for a model of which a version is not run any more because it ended its process too often.",
		}, []string{"model"}),
		batched: counter("batched_requests_total", "Requests that were scored in a run with others."),
	}
	if registerer != nil {
		registerer.MustRegister(m.ended, m.batches, m.batched, m.deaths, m.quarantined)
	}
	return m
}
