package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"larder/schema"
	"larder/stream/source"
)

const dialPatience = 5 * time.Second // for the handshakes

// connect dials RabbitMQ. The connection is not made again when it breaks.
func (s *Source) connect(ctx context.Context, r *schema.RabbitMQSource, opts Options) error {
	secrets := opts.Secrets
	address, err := amqp.ParseURI(r.URL)
	if err != nil {
		return s.stop("%s; correct rabbitmq.url", hide(err))
	}
	if r.TLS != nil && address.Scheme != "amqps" {
		return s.stop("rabbitmq.tls is set, but rabbitmq.url begins with %s://; write amqps://", address.Scheme)
	}
	password, err := secrets.Secret(r.PasswordEnv)
	if err != nil {
		return err
	}
	encrypted, err := secrets.TLS(r.TLS)
	if err != nil {
		return err
	}
	config := amqp.Config{
		SASL:            []amqp.Authentication{&amqp.PlainAuth{Username: cmp.Or(r.User, address.Username), Password: cmp.Or(password, address.Password)}},
		Vhost:           address.Vhost,
		TLSClientConfig: encrypted,
		Heartbeat:       10 * time.Second,
		Properties:      amqp.Table{"connection_name": "larder"},
		Dial: func(network, addr string) (net.Conn, error) {
			conn, err := opts.Hosts.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return conn, conn.SetDeadline(time.Now().Add(dialPatience)) // of the handshakes; the client takes it off
		},
	}
	if s.connection, err = amqp.DialConfig(r.URL, config); err != nil {
		return err
	}
	s.broken = s.connection.NotifyClose(make(chan *amqp.Error, 1))
	return nil
}

// hide takes the URL out of an error of its parsing: it may have a password.
func hide(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}

// explain turns an error that only a person can mend into a *source.Stopped, and names the
// queue in others.
func (s *Source) explain(err error) error {
	var lost *source.Lost
	var stopped *source.Stopped
	if errors.As(err, &lost) || errors.As(err, &stopped) {
		return err
	}
	if why := source.Refusal(err); why != "" {
		return s.stop("%s", why)
	}
	if errors.Is(err, amqp.ErrCredentials) || errors.Is(err, amqp.ErrSASL) {
		return s.stop("RabbitMQ refuses the user or the password; correct rabbitmq.user or the variable that password_env names")
	}
	var said *amqp.Error
	if errors.As(err, &said) {
		switch said.Code {
		case amqp.NotFound:
			if strings.Contains(said.Reason, "down or inaccessible") {
				break // it is there, and RabbitMQ is starting
			}
			return s.stop("RabbitMQ doesn't have it (%s); create the queue, or correct rabbitmq.queue", said.Reason)
		case amqp.AccessRefused:
			return s.stop("RabbitMQ refuses it (%s); grant the user the right to read the queue", said.Reason)
		case amqp.NotAllowed:
			return s.stop("RabbitMQ refuses it (%s); correct the virtual host in rabbitmq.url, or the user's rights", said.Reason)
		}
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return fmt.Errorf("queue %q: cannot reach RabbitMQ: %w", s.queue, err)
	}
	return fmt.Errorf("queue %q: %w", s.queue, err)
}

func (s *Source) stop(format string, args ...any) error {
	return &source.Stopped{Why: fmt.Sprintf("queue %q: ", s.queue) + fmt.Sprintf(format, args...)}
}
