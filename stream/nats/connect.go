package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/source"
)

// connect dials the servers in turn. The connection is not made again when it breaks.
func (s *Source) connect(ctx context.Context, n *schema.NATSSource, opts Options) error {
	for _, server := range n.Servers { // the client says only that it found none
		if at, err := url.Parse(server); err == nil {
			if err := opts.Hosts.Allows(net.JoinHostPort(at.Hostname(), cmp.Or(at.Port(), "4222"))); err != nil {
				return err
			}
		}
	}
	secrets := opts.Secrets
	options := []nats.Option{
		nats.Name("larder"), nats.NoReconnect(), nats.Timeout(5 * time.Second),
		nats.SetCustomDialer(dialer{ctx, opts.Hosts}), nats.SkipHostLookup(), // the dialer looks names up
		nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // a gap of the consumer's numbers tells
	}
	password, err := secrets.Secret(n.PasswordEnv)
	if err != nil {
		return err
	}
	token, err := secrets.Secret(n.TokenEnv)
	if err != nil {
		return err
	}
	encrypted, err := secrets.TLS(n.TLS)
	if err != nil {
		return err
	}
	if n.User != "" {
		options = append(options, nats.UserInfo(n.User, password))
	}
	if token != "" {
		options = append(options, nats.Token(token))
	}
	if encrypted != nil {
		options = append(options, nats.Secure(encrypted))
	}
	s.connection, err = nats.Connect(strings.Join(n.Servers, ","), options...)
	return err
}

// A dialer connects to allowed hosts, for a call of connect.
type dialer struct {
	ctx   context.Context
	hosts *egress.Hosts
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.hosts.DialContext(d.ctx, network, address)
}

// explain turns an error that only a person can mend into a *source.Stopped, and names the
// stream in others.
func (s *Source) explain(err error) error {
	var lost *source.Lost
	var stopped *source.Stopped
	if errors.As(err, &lost) || errors.As(err, &stopped) {
		return err
	}
	stop := func(why string) error {
		return &source.Stopped{Why: fmt.Sprintf("stream %q of NATS: %s", s.name, why)}
	}
	if why := source.Refusal(err); why != "" {
		return stop(why)
	}
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && s.known:
		return fmt.Errorf("stream %q of NATS: the servers don't have it any more; create the stream, if they aren't just starting: %w", s.name, err)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return stop("the servers don't have it; create the stream, or correct nats.stream")
	case errors.Is(err, jetstream.ErrInvalidStreamName):
		return stop("that is not a name of a stream; correct nats.stream")
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return stop("JetStream is not enabled for this account; enable it, or correct nats.servers or the user")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired):
		return stop("the servers refuse the user, the password or the token; correct nats.user, or the variables that password_env and token_env name")
	case errors.Is(err, nats.ErrSecureConnRequired):
		return stop("the servers want encrypted connections; add nats.tls")
	case errors.Is(err, nats.ErrSecureConnWanted):
		return stop("the servers don't encrypt; leave out nats.tls")
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("stream %q of NATS: no server with JetStream answers; enable it, if it isn't just starting: %w", s.name, err)
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("stream %q of NATS: cannot reach the servers: %w", s.name, err)
	}
	return fmt.Errorf("stream %q of NATS: %w", s.name, err)
}
