package watch

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	rows, dropped, windows, lost prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_watch_" + name, Help: help})
		if r != nil {
			r.MustRegister(c)
		}
		return c
	}
	return &metrics{
		rows:    counter("rows_total", "Scored rows whose values were counted."),
		dropped: counter("dropped_rows_total", "Rows that were to be counted and were not, since too many waited."),
		windows: counter("windows_total", "Windows of counts that were handed to the store."),
		lost:    counter("lost_windows_total", "Windows of counts that were lost, since the store was away for too long or refused them."),
	}
}
