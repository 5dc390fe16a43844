package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"larder/internal/admission"
	"larder/internal/background"
)

// A Server is a gRPC server and an HTTP server in one shell: they share limits,
// token, certificate and metrics. Register services, then call Serve and ServeHTTP
// once each.
type Server struct {
	opts     Options
	certs    *certificates // nil without TLS
	metrics  *metrics
	grpc     *grpc.Server
	health   *health.Server
	browser  browser
	methods  map[string]*method // by full name; written by RegisterService only
	limits   limits
	budget   budget
	conns    conns
	waits    atomic.Int64       // messages that are awaited
	web      [classes]method    // of HTTP
	limiter  *admission.Limiter // of requests for features and scores
	costs    admission.Costs
	refusals refusals
	callers  callers
	inFlight atomic.Int64 // requests for features and scores, those in line included
	pushes   atomic.Int64 // those of other classes
	control  atomic.Int64
	bulk     atomic.Int64
	ready    atomic.Bool
	stopping atomic.Bool
}

var _ grpc.ServiceRegistrar = (*Server)(nil)

// Times of gRPC connections: to agree on TLS and HTTP/2, from one look at whether the
// client is still there to the next, and between two pings of a client at least.
const (
	handshakeTimeout = 10 * time.Second
	keepaliveEvery   = 2 * time.Minute
	// pingsEvery lets clients ping every 10 seconds. It is shorter, since the network delays
	// one ping more than the next, and gRPC closes a connection at the third early ping,
	// however long ago the first was, unless the server has sent something in between.
	pingsEvery = 5 * time.Second
)

// New returns a server with the health and reflection services registered.
func New(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	s := &Server{opts: opts, health: health.NewServer(), methods: map[string]*method{}}
	s.browser = newBrowser(opts)
	for c := range s.web {
		s.web[c].class = class(c)
	}
	s.limiter = admission.NewLimiter(admission.Options{Most: opts.MaxInFlight, Cores: background.Cores()})
	s.refusals = newRefusals(opts, s.share())
	s.limits = newLimits(opts.MaxInFlight)
	s.budget.most = messagesInBudget * int64(opts.MaxMessageBytes)
	s.conns = conns{most: connLimit(openFiles()), all: map[*conn]struct{}{}}
	s.metrics = newMetrics(opts.Registerer, s)
	if opts.CertFile != "" {
		var err error
		if s.certs, err = newCertificates(opts); err != nil {
			return nil, err
		}
		if opts.Registerer != nil {
			s.certs.register(opts.Registerer)
		}
	}
	s.grpc = grpc.NewServer(s.grpcOptions()...)
	healthv1.RegisterHealthServer(s, healthCheck{s.health, s})
	reflection.Register(s)
	return s, nil
}

func (s *Server) grpcOptions() []grpc.ServerOption {
	all := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(s.opts.MaxMessageBytes),
		grpc.MaxSendMsgSize(s.opts.MaxMessageBytes),
		// Above the limit in flight, so that a caller gets an error and does not wait; and
		// enough for streams that are idle.
		grpc.MaxConcurrentStreams(uint32(max(leastWaits/largestShare, 2*s.opts.MaxInFlight))),
		// A goroutine that has run a handler has the stack for the next one.
		grpc.NumStreamWorkers(uint32(4 * background.Cores())),
		grpc.InTapHandle(s.admit),
		grpc.StreamInterceptor(s.stream),
		grpc.ForceServerCodecV2(newBoundedCodec()),
		grpc.ReadBufferSize(0), // frames have their own
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		// A client that looks whether its connection still works may do so often. A client
		// that is gone without a word is noticed.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsEvery, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveEvery, Timeout: keepaliveEvery / 6}),
	}
	transport := insecure.NewCredentials()
	if s.certs != nil {
		transport = credentials.NewTLS(s.certs.config("h2"))
	}
	all = append(all, grpc.Creds(followingCredentials{transport, s}))
	if s.opts.Tracing {
		all = append(all, traceRPCs())
	}
	return all
}

// A healthCheck reports the health that the server has set, and NOT_SERVING while
// requests can't be answered.
type healthCheck struct {
	*health.Server
	shell *Server
}

func (h healthCheck) Check(ctx context.Context, req *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	answer, err := h.Server.Check(ctx, req)
	if err == nil && h.shell.opts.Ready() != nil {
		return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_NOT_SERVING}, nil
	}
	return answer, err
}

// RegisterService registers a service; generated code calls it. Register all
// services before Serve.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	s.grpc.RegisterService(s.receiving(desc), impl)
	for service, info := range s.GetServiceInfo() {
		s.health.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
		for _, m := range info.Methods {
			name := "/" + service + "/" + m.Name
			if s.methods[name] == nil {
				s.methods[name] = s.metrics.method(name, m.IsClientStream || m.IsServerStream)
			}
		}
	}
}

// GetServiceInfo returns the registered services; the reflection service requires
// this name.
func (s *Server) GetServiceInfo() map[string]grpc.ServiceInfo { return s.grpc.GetServiceInfo() }

// Serve answers RPCs on listeners until ctx ends and the running RPCs have finished. It
// closes the listeners.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	for _, method := range s.Unruled() {
		s.opts.Logger.Error("an RPC is not in the table of rights and is refused", "method", method)
	}
	swept := make(chan struct{})
	defer close(swept)
	go s.sweepUntil(swept)
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			err := s.grpc.Serve(s.conns.listen(l))
			switch {
			case errors.Is(err, grpc.ErrServerStopped): // before it had started
				err = nil
			case err != nil:
				err = fmt.Errorf("serve gRPC on %s: %w", l.Addr(), err)
			}
			served <- err
		}()
	}
	s.ready.Store(true)
	select {
	case err := <-served:
		s.grpc.Stop()
		return err
	case <-ctx.Done():
	}
	s.ready.Store(false)
	s.health.Shutdown()
	time.Sleep(s.opts.DrainDelay)
	s.stopping.Store(true)
	late := time.AfterFunc(s.opts.DrainTimeout, func() {
		s.opts.Logger.Warn("requests did not finish in time and were cut off", "in_flight", s.inFlight.Load(), "after", s.opts.DrainTimeout)
		s.opts.CutOff()
		s.grpc.Stop()
	})
	defer late.Stop()
	s.grpc.GracefulStop()
	for range listeners {
		if err := <-served; err != nil {
			return err
		}
	}
	return nil
}
