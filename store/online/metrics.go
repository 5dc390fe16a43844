package online

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	registerer                       prometheus.Registerer
	reads, hits, written, superseded prometheus.Counter
	all                              []prometheus.Collector
}

func newMetrics(r prometheus.Registerer, s *Store) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_online_" + name, Help: help})
	}
	m := &metrics{
		registerer: r,
		reads:      counter("keys_read_total", "Keys looked up."),
		hits:       counter("cache_hits_total", "Keys found in the cache of rows."),
		written:    counter("rows_written_total", "Rows that were newer than the stored row, and were written."),
		superseded: counter("rows_superseded_total", "Rows that were not newer than the stored row, and were not written."),
	}
	disk := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_online_disk_bytes", Help: "Bytes of the online store on disk.",
	}, func() float64 { return float64(s.DiskBytes()) })
	free := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_online_disk_free_bytes", Help: "Bytes that are free on the disk of the online store.",
	}, s.freeBytes)
	least := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_online_disk_required_bytes", Help: "Bytes that must be free on the disk of the online store; with fewer, nothing is written.",
	}, func() float64 { return float64(s.leastFree()) })
	fault := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_online_fault", Help: "1 when the online store has stopped and serves nothing until it is opened again.",
	}, func() float64 {
		if s.Fault() != nil {
			return 1
		}
		return 0
	})
	warm := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_online_cache_warm", Help: "1 once the cache has loaded all rows that it has room for, after a start.",
	}, func() float64 {
		if s.warmed.Load() {
			return 1
		}
		return 0
	})
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.reads, m.hits, m.written, m.superseded, disk, free, least, fault, warm} {
		if err := r.Register(c); err != nil {
			m.unregister()
			return nil, err
		}
		m.all = append(m.all, c)
	}
	return m, nil
}

// unregister lets another store use the same registerer.
func (m *metrics) unregister() {
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}
