package featurelog

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Why rows are dropped.
const (
	dropQueue = "queue" // more were offered than could be written
	dropDisk  = "disk"  // the folder has its share
	dropWrite = "write" // a file could not be written
)

type metrics struct {
	rows, files prometheus.Counter
	dropped     map[string]prometheus.Counter // by reason
}

func newMetrics(registerer prometheus.Registerer, queued *atomic.Int64) *metrics {
	m := &metrics{
		rows:    prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_feature_log_rows_total", Help: "Rows in finished files of the feature log."}),
		files:   prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_feature_log_files_total", Help: "Files of the feature log that were finished."}),
		dropped: map[string]prometheus.Counter{},
	}
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "larder_feature_log_dropped_total", Help: "Rows that were not logged, by why: the queue or the disk's share was full, or a file could not be written.",
	}, []string{"reason"})
	for _, reason := range []string{dropQueue, dropDisk, dropWrite} {
		m.dropped[reason] = dropped.WithLabelValues(reason)
	}
	if registerer != nil {
		registerer.MustRegister(m.rows, m.files, dropped, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "larder_feature_log_queued_bytes", Help: "What waits to be written to the feature log.",
		}, func() float64 { return float64(queued.Load()) }))
	}
	return m
}

// drop counts rows; requests call it.
func (m *metrics) drop(reason string, rows int) { m.dropped[reason].Add(float64(rows)) }
