package grpcserver

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Server. The zero value is ready to use.
type Options struct {
	// Logger gets one debug line per request, and one error line per request that
	// failed through a fault of the server. Defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_grpcserver_*. Nil: none are registered.
	Registerer prometheus.Registerer
	// Gatherer is the source of GET /metrics. Nil: there is no such page.
	Gatherer prometheus.Gatherer

	// Version is the server's, for GET / and the OpenAPI document. Defaults to "dev".
	Version string

	// Access identifies callers and decides what they may do. Health checks need no
	// credentials. Nil: every caller may do everything.
	Access Access
	// Audit keeps the audit trail. Nil: there is none.
	Audit Auditor
	// CertFile and KeyFile are the PEM files of the certificate of both servers.
	// Empty: no TLS.
	CertFile, KeyFile string
	// ClientCAFile is the PEM file of the authorities of client certificates. Access gets
	// the certificates that they have signed. Empty: clients have none. The files of
	// certificates are read again when they have changed.
	ClientCAFile string

	// HTTPHosts are host names by which HTTP requests may call the server, as [ParseHosts]
	// reads them, beside addresses, the machine's name, and names that nobody can register.
	// They count where there is neither a token nor a certificate. [AnyHost] allows every name. Pages of these hosts may send
	// requests too.
	HTTPHosts []string

	// MaxMessageBytes bounds each request and each response. Defaults to 16 MiB.
	MaxMessageBytes int
	// MaxInFlight bounds the requests that run at once. A stream counts as one
	// request while it is open. Defaults to 1024.
	MaxInFlight int
	// DefaultTimeout is the deadline of unary calls and HTTP requests that come
	// without one. Defaults to 1m.
	DefaultTimeout time.Duration

	// Ready returns why the server can't answer requests, for health checks, or nil
	// when it can. Defaults to always nil.
	Ready func() error
	// DrainDelay is how long the server still accepts requests after its health checks
	// report that it is stopping, so that load balancers notice. 0: no delay.
	DrainDelay time.Duration
	// DrainTimeout is how long running requests may take after that.
	// Defaults to 10s.
	DrainTimeout time.Duration
	// CutOff is called when requests have not finished by then. It ends what they wait
	// for. Defaults to nothing.
	CutOff func()

	// Tracing creates an OpenTelemetry span per request, with the global provider.
	Tracing bool
}

func (o Options) withDefaults() Options {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Version = cmp.Or(o.Version, "dev")
	o.MaxMessageBytes = cmp.Or(o.MaxMessageBytes, 16<<20)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.DefaultTimeout = cmp.Or(o.DefaultTimeout, time.Minute)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 10*time.Second)
	if o.CutOff == nil {
		o.CutOff = func() {}
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	if (o.CertFile == "") != (o.KeyFile == "") {
		errs = append(errs, errors.New("TLS needs both a certificate file and a key file"))
	}
	if o.ClientCAFile != "" && o.CertFile == "" {
		errs = append(errs, errClientCANeedsTLS)
	}
	const leastMessage, mostMessage = 64 << 10, 1 << 30
	if o.MaxMessageBytes < leastMessage || o.MaxMessageBytes > mostMessage {
		errs = append(errs, fmt.Errorf("a message limit of %d bytes; it must be 64 KiB to 1 GiB", o.MaxMessageBytes))
	}
	if o.MaxInFlight < 1 {
		errs = append(errs, fmt.Errorf("a limit of %d requests in flight; it must be 1 or more", o.MaxInFlight))
	}
	if o.DefaultTimeout < 0 || o.DrainDelay < 0 || o.DrainTimeout < 0 {
		errs = append(errs, errors.New("a timeout is negative; use 0 or more"))
	}
	return errors.Join(errs...)
}
