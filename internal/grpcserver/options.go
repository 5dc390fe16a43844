package grpcserver

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Server. The zero value is fit for use.
type Options struct {
	// Logger gets a line at debug for each request and one at error for each that
	// failed by a fault of ours. Defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_grpcserver_*. Nil: none are registered.
	Registerer prometheus.Registerer
	// Gatherer is what GET /metrics answers with. Nil: there is no such page.
	Gatherer prometheus.Gatherer

	// Token is asked of every caller, as `authorization: Bearer TOKEN`, but for
	// health checks. Empty: nobody is asked.
	Token string
	// Access decides who a caller is and what it may do, instead of Token. Nil, and
	// no token: nobody is asked, and everybody may do everything.
	Access Access
	// CertFile and KeyFile are the PEM files of the certificate of both servers.
	// Empty: no TLS.
	CertFile, KeyFile string

	// MaxMessageBytes bounds a request, and an answer. Defaults to 16 MiB.
	MaxMessageBytes int
	// MaxInFlight bounds the requests that run at once. A stream counts as one
	// for as long as it is open. Defaults to 1024.
	MaxInFlight int
	// DefaultTimeout is the time for a unary call or an HTTP request whose caller
	// sets no deadline. Defaults to 1m.
	DefaultTimeout time.Duration

	// Ready tells why requests can't be answered, for health checks; nil says
	// that they can. Defaults to nil always.
	Ready func() error
	// DrainDelay is how long requests are still taken after health says that the
	// server stops, for load balancers to look. 0 is not at all.
	DrainDelay time.Duration
	// DrainTimeout is how long requests that have begun may take after that.
	// Defaults to 10s.
	DrainTimeout time.Duration

	// Tracing makes an OpenTelemetry span of each request, by the global provider.
	Tracing bool
}

func (o Options) withDefaults() Options {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.MaxMessageBytes = cmp.Or(o.MaxMessageBytes, 16<<20)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.DefaultTimeout = cmp.Or(o.DefaultTimeout, time.Minute)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 10*time.Second)
	if o.Access == nil && o.Token != "" {
		o.Access, o.Token = newTokenAccess(o.Token), ""
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.Access != nil && o.Token != "" {
		errs = append(errs, errors.New("both a token and an Access; give one of them"))
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		errs = append(errs, errors.New("TLS needs both a certificate file and a key file"))
	}
	const leastMessage, mostMessage = 64 << 10, 1 << 30
	if o.MaxMessageBytes < leastMessage || o.MaxMessageBytes > mostMessage {
		errs = append(errs, fmt.Errorf("a message limit of %d bytes; it must be 64 KiB to 1 GiB", o.MaxMessageBytes))
	}
	if o.MaxInFlight < 1 {
		errs = append(errs, fmt.Errorf("a limit of %d requests in flight; it must be 1 or more", o.MaxInFlight))
	}
	if o.DefaultTimeout < 0 || o.DrainDelay < 0 || o.DrainTimeout < 0 {
		errs = append(errs, errors.New("a negative timeout"))
	}
	return errors.Join(errs...)
}
