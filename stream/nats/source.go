package nats

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/source"
)

const (
	patience        = 10 * time.Second // for what a request needs
	maxMessages     = 5000
	maxPullBytes    = 8 << 20
	maxMessageBytes = 4 << 20          // of a batch
	redeliverAfter  = 30 * time.Second // what wasn't acknowledged
)

// Options configure a source.
type Options struct {
	// Secrets looks up the variables that the definition names. Required where it names one.
	Secrets source.Secrets
	// Hosts are those that may be connected to. Nil allows all but link-local addresses.
	Hosts *egress.Hosts
	// Refresh is how long Fetch waits for messages before it looks at the stream, and moves
	// the position past what it has no messages for. Defaults to 5 seconds.
	Refresh time.Duration
	// Logger gets losses that are accepted. Defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Refresh = cmp.Or(o.Refresh, 5*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Source reads a stream. Fetch is for one goroutine; Acknowledge and Lag may be called
// beside it.
type Source struct {
	opts       Options
	name       string // of the stream of NATS
	subject    string // "" for all
	goesOn     bool   // on_data_loss: continue
	connection *nats.Conn
	closed     chan struct{} // the connection is closed
	stream     jetstream.Stream
	consumer   jetstream.Consumer
	acks       bool // the stream keeps messages until they are acknowledged
	known      bool // the stream was read before
	sparse     bool // sequences that are missing in the middle are no loss
	made       time.Time

	// Of Fetch.
	next     uint64                 // the sequence after what Fetch has returned
	pull     jetstream.MessageBatch // the request in flight; nil when there is none
	pulledAt time.Time
	pulled   int           // messages of pull
	aside    jetstream.Msg // taken from pull, for the next batch
	ordinal  uint64        // the consumer's own number of the last message
	untold   bool          // next is a position that no batch has told
	failed   error         // what Fetch returns from now on

	mu     sync.Mutex
	logged uint64 // the sequence after what is in the log
}

// Open connects to the servers and finds where the stream is read from: behind the
// position of the log, or at the definition's start when there is none.
func Open(ctx context.Context, stream *schema.Stream, from []source.Position, opts Options) (*Source, error) {
	definition := stream.NATS
	s := &Source{
		opts: opts.withDefaults(), name: definition.Stream, subject: definition.Subject,
		goesOn: stream.OnDataLoss == schema.ContinueOnDataLoss, closed: make(chan struct{}), known: len(from) > 0,
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.connect(ctx, definition, opts); err != nil {
		return nil, s.explain(err)
	}
	if err := s.begin(ctx, stream, from); err != nil {
		s.Close()
		return nil, s.explain(err)
	}
	return s, nil
}

// begin finds the position and starts to read there.
func (s *Source) begin(ctx context.Context, stream *schema.Stream, from []source.Position) error {
	js, err := jetstream.New(s.connection)
	if err != nil {
		return err
	}
	if s.stream, err = js.Stream(ctx, s.name); err != nil {
		return err
	}
	info := s.stream.CachedInfo()
	s.made = info.Created
	s.acks = info.Config.Retention != jetstream.LimitsPolicy
	s.sparse = info.Config.MaxMsgsPerSubject > 0
	if s.acks {
		return s.subscribe(ctx, stream, from, info)
	}
	return s.follow(ctx, stream.NATS.Start, from, info)
}

// follow reads from a position.
func (s *Source) follow(ctx context.Context, start schema.Start, from []source.Position, info *jetstream.StreamInfo) error {
	first, end := span(info)
	switch {
	case len(from) > 0:
		if err := s.resume(from[0], first, end); err != nil {
			return err
		}
	case start == schema.Latest:
		s.next = end
	default:
		s.next = first
	}
	s.logged, s.untold = s.next, true
	var err error
	s.consumer, err = s.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(s.next, 1), FilterSubject: s.subject,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: 5 * time.Minute,
	})
	return err
}

// Close ends the connection.
func (s *Source) Close() error {
	if s.connection == nil {
		return nil
	}
	if s.consumer != nil && !s.acks && s.connection.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.stream.DeleteConsumer(ctx, s.consumer.CachedInfo().Name) // the server does it after a while
	}
	s.connection.Close()
	<-s.closed
	return nil
}
