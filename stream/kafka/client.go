package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/source"
)

const (
	patience        = 10 * time.Second // for what a request needs: dialing, tries, the answer
	dialPatience    = 5 * time.Second
	maxFetchBytes   = 8 << 20 // of one answer, packed
	maxFetches      = 2       // answers in flight or waiting to be polled
	maxUnpacked     = 32 << 20
	maxAnswerBytes  = 64 << 20 // refuses a broker's word on how long its answer is
	maxMessages     = 5000
	maxMessageBytes = 4 << 20 // of a batch
)

// clientOptions are the client's settings for a topic.
func clientOptions(k *schema.KafkaSource, opts Options) ([]kgo.Opt, error) {
	encrypted, err := opts.Secrets.TLS(k.TLS)
	if err != nil {
		return nil, err
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(k.Brokers...),
		kgo.ClientID("larder"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they move positions
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(maxFetchBytes),
		kgo.FetchMaxPartitionBytes(maxFetchBytes / 4),
		kgo.FetchMaxWait(time.Second),
		kgo.MaxConcurrentFetches(maxFetches),
		kgo.MaxDecompressBatchBytes(maxUnpacked),
		kgo.BrokerMaxReadBytes(maxAnswerBytes),
		kgo.Dialer(dialer(opts.Hosts, encrypted)), // also for the brokers that a broker names
		kgo.RetryTimeout(patience),
		kgo.RequestRetries(3),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.DisableClientMetrics(),
	}
	if k.SASL == nil {
		return options, nil
	}
	mechanism, err := mechanism(k.SASL, opts.Secrets)
	if err != nil {
		return nil, err
	}
	return append(options, kgo.SASL(mechanism)), nil
}

// dialer connects to brokers on allowed hosts, encrypted if there is a config.
func dialer(hosts *egress.Hosts, encrypted *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	if encrypted == nil {
		return hosts.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialPatience)
		defer cancel()
		raw, err := hosts.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := encrypted.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address) // it was dialled
		}
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		return conn, nil
	}
}

func mechanism(s *schema.SASL, secrets source.Secrets) (sasl.Mechanism, error) {
	password, err := secrets.Secret(s.PasswordEnv)
	if err != nil {
		return nil, err
	}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.User, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.User, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, &source.Stopped{Why: fmt.Sprintf("unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)}
}

// explain turns an error that only a person can mend into a *source.Stopped, and names the
// topic in others.
func (s *Source) explain(err error) error {
	var lost *source.Lost
	var stopped *source.Stopped
	if errors.As(err, &lost) || errors.As(err, &stopped) {
		return err
	}
	stop := func(format string, args ...any) error {
		return &source.Stopped{Why: fmt.Sprintf("topic %q: ", s.topic) + fmt.Sprintf(format, args...)}
	}
	if why := source.Refusal(err); why != "" {
		return stop("%s", why)
	}
	var unpacked *kgo.ErrDecompressTooLarge
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition) && s.known:
		return fmt.Errorf("topic %q: the brokers don't have it any more; create the topic, if they aren't just starting: %w", s.topic, err)
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return stop("the brokers don't have it; create the topic, or correct kafka.topic")
	case errors.Is(err, kerr.InvalidTopicException):
		return stop("the brokers refuse the name; correct kafka.topic")
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return stop("the user may not read it; grant Read and Describe on the topic")
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return stop("the brokers refuse the user or the password; correct kafka.sasl or the variable that password_env names")
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return stop("the brokers don't take this SASL mechanism; correct kafka.sasl.mechanism")
	case errors.As(err, &unpacked):
		return stop("the batch at offset %d unpacks to more than %d MiB; skip it with larder stream seek", unpacked.Offset, maxUnpacked>>20)
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return fmt.Errorf("topic %q: cannot reach the brokers: %w", s.topic, err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("topic %q: the brokers hang up; see whether kafka.tls and kafka.sasl are as their port wants: %w", s.topic, err)
	}
	return fmt.Errorf("topic %q: %w", s.topic, err)
}
