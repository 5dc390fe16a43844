package grpcserver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	panics   prometheus.Counter
}

// latencyBuckets range from the time of one row to the time of a long command. They
// are finest around a millisecond.
var latencyBuckets = []float64{
	50e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 5, 30,
}

func newMetrics(registerer prometheus.Registerer, s *Server) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_grpcserver_requests_total", Help: "Requests that ended, by method and code: a gRPC code or an HTTP status.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larder_grpcserver_request_seconds", Help: "Time that handlers took; for a stream, the time it was open.", Buckets: latencyBuckets,
		}, []string{"method"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_grpcserver_refused_total", Help: "Requests that were refused before they started, by reason.",
		}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "larder_grpcserver_panics_total", Help: "Handlers that panicked.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.requests, m.seconds, m.refused, m.panics)
		gauge := func(name, help string, value func() int64) {
			registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
		}
		gauge("larder_grpcserver_in_flight", "Requests that are running now; of a stream, only while one of its messages is answered.",
			func() int64 { return s.inFlight.Load() + s.control.Load() })
		gauge("larder_grpcserver_waiting", "Streams and requests whose next message has not arrived in full.", s.waits.Load)
		gauge("larder_grpcserver_connections", "Connections of both ports.", func() int64 { return int64(len(s.conns.list())) })
		gauge("larder_grpcserver_message_bytes", "Memory that the messages of all requests take.",
			func() int64 { return s.budget.used.Load() + s.budget.receiving.Load() })
	}
	return m
}

// A method holds the metrics of one RPC, so that they are looked up once.
type method struct {
	name    string
	ok      prometheus.Counter
	seconds prometheus.Observer
	class   class
	streams bool  // of messages
	rule    *rule // nil: the RPC is refused
}

func (m *metrics) method(name string, streams bool) *method {
	return &method{name: name, ok: m.requests.WithLabelValues(name, "OK"), seconds: m.seconds.WithLabelValues(name), class: classOf(name), streams: streams, rule: rpcRules[name]}
}

// ended counts a request.
func (m *metrics) ended(x *method, took time.Duration, f *failure) {
	x.seconds.Observe(took.Seconds())
	if f == nil {
		x.ok.Inc()
		return
	}
	m.requests.WithLabelValues(x.name, f.code.String()).Inc()
}
