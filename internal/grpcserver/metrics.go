package grpcserver

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	shed     *prometheus.CounterVec
	refusal  prometheus.Histogram
	reads    *prometheus.CounterVec
	panics   prometheus.Counter
}

// latencyBuckets range from the time of one row to the time of a long command. They
// are finest around a millisecond.
var latencyBuckets = []float64{
	50e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 5, 30,
}

// refusalBuckets are finest below the millisecond within which a request is to be refused.
var refusalBuckets = []float64{5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 20e-3, 100e-3}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
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
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_grpcserver_shed_total", Help: "Requests that were refused because there are too many, by limit, priority and caller.",
		}, []string{"limit", "priority", "caller"}),
		refusal: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "larder_grpcserver_refusal_seconds", Help: "Time from when an RPC was read to when it was refused because there are too many.", Buckets: refusalBuckets,
		}),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_grpcserver_reads_total", Help: "Requests for features and scores that were answered, and messages of streams of scores, by caller and by what they were for: a model, a feature service, or view for a list of features.",
		}, []string{"caller", "resource"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "larder_grpcserver_panics_total", Help: "Handlers that panicked.",
		}),
	}
	if registerer != nil {
		registerer.MustRegister(m.requests, m.seconds, m.refused, m.shed, m.refusal, m.reads, m.panics)
		gauge := func(name, help string, value func() int64) {
			registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
		}
		gauge("larder_grpcserver_in_flight", "Requests that are running now; of a stream, only while one of its messages is answered.",
			func() int64 {
				return int64(s.limiter.State().Running) + s.pushes.Load() + s.control.Load() + s.bulk.Load()
			})
		gauge("larder_grpcserver_in_line", "Requests for features and scores that wait for others to end.", func() int64 { return int64(s.limiter.State().Waiting) })
		gauge("larder_grpcserver_limit", "Requests for features and scores that may run at once now.", func() int64 { return int64(s.limiter.State().Limit) })
		gauge("larder_grpcserver_overloaded", "1 while requests for features and scores are refused because more come than can be answered.",
			func() int64 { return boolToInt(s.limiter.State().Overloaded) })
		gauge("larder_grpcserver_ready", "1 while /readyz says that requests can be answered.", func() int64 { return boolToInt(s.readiness() == nil) })
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
	streams bool         // of messages
	rule    *rule        // nil: the RPC is refused
	least   atomic.Int64 // nanoseconds that its quickest requests take
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
