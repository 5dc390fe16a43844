package featurelog

import "github.com/prometheus/client_golang/prometheus"

// Why rows are dropped.
const (
	dropQueue      = "queue"       // more were offered than could be written
	dropDisk       = "disk"        // the folder has reached its limit
	dropWrite      = "write"       // a file could not be written
	dropTableQueue = "table_queue" // more were offered than the table could take
	dropTable      = "table"       // the table could not be written
)

// Where rows are written to.
const (
	toFiles = "files"
	toTable = "table"
)

type metrics struct {
	rows, files, tableRows prometheus.Counter
	drops                  *prometheus.CounterVec
	dropped                map[string]prometheus.Counter // by reason
	failing                *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		rows:      prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_feature_log_rows_total", Help: "Rows in finished files of the feature log."}),
		files:     prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_feature_log_files_total", Help: "Finished files of the feature log."}),
		tableRows: prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_feature_log_table_rows_total", Help: "Rows of the feature log written to its table."}),
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_feature_log_dropped_total", Help: "Rows that were not logged, by cause: a queue or the disk's share was full, or a file or the table could not be written.",
		}, []string{"reason"}),
		dropped: map[string]prometheus.Counter{},
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_feature_log_failing", Help: "1 while the feature log is not written: it has no room, or the last write failed.",
		}, []string{"to"}),
	}
	for _, reason := range []string{dropQueue, dropDisk, dropWrite, dropTableQueue, dropTable} {
		m.dropped[reason] = m.drops.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) register(registerer prometheus.Registerer, l *Log) {
	if registerer == nil {
		return
	}
	for to, used := range map[string]bool{toFiles: l.folder != nil, toTable: l.table != nil} {
		if used {
			m.failing.WithLabelValues(to)
		}
	}
	registerer.MustRegister(m.rows, m.files, m.tableRows, m.drops, m.failing, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_feature_log_queued_bytes", Help: "Bytes waiting to be written to the feature log.",
	}, func() float64 { return float64(l.queued()) }))
}

// drop counts rows; requests call it.
func (m *metrics) drop(reason string, rows int) { m.dropped[reason].Add(float64(rows)) }

// alarm says whether what is written to files or to the table is lost now.
func (m *metrics) alarm(to string, failing bool) {
	value := 0.0
	if failing {
		value = 1
	}
	m.failing.WithLabelValues(to).Set(value)
}
