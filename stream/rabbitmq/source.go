package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/source"
)

const (
	patience        = 15 * time.Second // for what a request needs
	defaultPrefetch = 5000
	maxMessages     = 5000
	maxMessageBytes = 4 << 20 // of a batch
)

// Options configure a source.
type Options struct {
	// Secrets looks up the variables that the definition names. Required where it names one.
	Secrets source.Secrets
	// Hosts are those that may be connected to. Nil allows all but link-local addresses.
	Hosts *egress.Hosts
	// Probe is how long to wait for the first message of a stream queue that should have
	// some. Defaults to 3 seconds.
	Probe time.Duration
	// Logger gets losses that are accepted. Defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Probe = cmp.Or(o.Probe, 3*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Source reads a queue. Fetch is for one goroutine; Acknowledge and Lag may be called
// beside it.
type Source struct {
	opts       Options
	queue      string
	prefetch   int
	goesOn     bool // on_data_loss: continue
	connection *amqp.Connection
	broken     chan *amqp.Error // why the connection ended

	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery
	cancelled  chan string // the queue was deleted

	// Of Fetch.
	log    *log           // of a stream queue; nil for other queues
	aside  *amqp.Delivery // taken from deliveries, for the next batch
	failed error          // what Fetch returns from now on

	mu           sync.Mutex
	unlogged     int    // messages that were given and not acknowledged
	acknowledged uint64 // the number of the last delivery that was acknowledged
}

// Open connects to RabbitMQ and asks for the queue's messages.
func Open(ctx context.Context, stream *schema.Stream, from []source.Position, opts Options) (*Source, error) {
	definition := stream.RabbitMQ
	s := &Source{
		opts: opts.withDefaults(), queue: definition.Queue, prefetch: cmp.Or(definition.Prefetch, defaultPrefetch),
		goesOn: stream.OnDataLoss == schema.ContinueOnDataLoss,
	}
	if err := s.connect(ctx, definition, opts); err != nil {
		return nil, s.explain(err)
	}
	if err := s.within(ctx, func(ctx context.Context) error { return s.begin(ctx, definition.Start, from) }); err != nil {
		s.Close()
		return nil, s.explain(err)
	}
	return s, nil
}

// within bounds calls of the client, which know no contexts: the connection is closed when
// RabbitMQ takes too long.
func (s *Source) within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("RabbitMQ does not answer"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.connection.CloseDeadline(time.Now()) })
	err := do(ctx)
	if !stop() && err != nil {
		return context.Cause(ctx)
	}
	return err
}

// begin asks for messages: from an offset, or, when RabbitMQ says that the queue has no
// offsets, from the queue's head.
func (s *Source) begin(ctx context.Context, start schema.Start, from []source.Position) error {
	err := s.follow(ctx, start, from)
	if !noOffsets(err) {
		return err
	}
	s.log = nil
	return s.consume(nil)
}

// consume opens a channel that gets messages.
func (s *Source) consume(arguments amqp.Table) error {
	channel, err := s.connection.Channel()
	if err != nil {
		return err
	}
	if err := channel.Qos(s.prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(s.queue, "", false, false, false, false, arguments)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channel, s.deliveries, s.acknowledged = channel, deliveries, 0
	s.cancelled = channel.NotifyCancel(make(chan string, 1))
	return nil
}

// Fetch returns the next messages.
func (s *Source) Fetch(ctx context.Context) (source.Batch, error) {
	if s.failed != nil {
		return source.Batch{}, s.failed
	}
	batch, err := s.fetch(ctx)
	if err == nil {
		return batch, nil
	}
	if ctx.Err() != nil {
		return source.Batch{}, ctx.Err()
	}
	s.failed = s.explain(err)
	return source.Batch{}, s.failed
}

func (s *Source) fetch(ctx context.Context) (source.Batch, error) {
	if s.log != nil {
		if batch, ok := s.log.tell(); ok {
			return batch, nil
		}
		for !s.log.checked {
			if err := s.ensureBegin(ctx); err != nil {
				return source.Batch{}, err
			}
		}
	}
	batch := source.Batch{}
	delivery, err := s.wait(ctx)
	if err != nil {
		return batch, err
	}
	for bytes := 0; delivery != nil; delivery = s.more() {
		bytes += len(delivery.Body)
		if len(batch.Messages) == maxMessages || (len(batch.Messages) > 0 && bytes > maxMessageBytes) {
			s.aside = delivery
			break
		}
		message, err := s.message(delivery)
		if err != nil {
			return source.Batch{}, err
		}
		batch.Messages = append(batch.Messages, message)
	}
	if s.log != nil {
		batch.Positions = []source.Position{s.log.position()}
	}
	s.mu.Lock()
	s.unlogged += len(batch.Messages)
	s.mu.Unlock()
	return batch, nil
}

// wait returns the next delivery.
func (s *Source) wait(ctx context.Context) (*amqp.Delivery, error) {
	if s.aside != nil {
		delivery := s.aside
		s.aside = nil
		return delivery, nil
	}
	select {
	case delivery, ok := <-s.deliveries:
		if ok {
			return &delivery, nil
		}
		return nil, s.why()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// more returns a delivery that has come; nil when none has.
func (s *Source) more() *amqp.Delivery {
	select {
	case delivery, ok := <-s.deliveries:
		if ok {
			return &delivery
		}
	default:
	}
	return nil
}

// why says why no more deliveries come.
func (s *Source) why() error {
	select {
	case err := <-s.broken:
		if err != nil {
			return err
		}
	case <-s.cancelled:
		return errors.New("RabbitMQ ended the consumer: the queue was deleted, or moved")
	default:
	}
	return errors.New("the channel was closed")
}

func (s *Source) message(d *amqp.Delivery) (source.Message, error) {
	message := source.Message{Value: d.Body, Token: d.DeliveryTag}
	if message.Value == nil {
		message.Value = []byte{} // RabbitMQ has no tombstones
	}
	if !d.Timestamp.IsZero() {
		message.Time = d.Timestamp.UnixMicro() // the publisher's, to the second
	}
	if s.log == nil {
		return message, nil
	}
	offset, ok := offsetOf(d)
	if !ok {
		return message, errors.New("a message of a stream queue came without its offset")
	}
	message.Offset, message.ID = offset, fmt.Sprint(offset)
	return message, s.passed(offset)
}

// Acknowledge tells RabbitMQ that a batch is in the log.
func (s *Source) Acknowledge(_ context.Context, b source.Batch) error {
	var tags []uint64
	for _, m := range b.Messages {
		if tag, ok := m.Token.(uint64); ok {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlogged -= len(tags)
	last := tags[len(tags)-1]
	if tags[0] == s.acknowledged+1 && last == s.acknowledged+uint64(len(tags)) {
		// They follow what was acknowledged last: one frame says it of all.
		tags = tags[len(tags)-1:]
	}
	for _, tag := range tags {
		if err := s.channel.Ack(tag, len(tags) == 1); err != nil {
			return s.explain(fmt.Errorf("acknowledge: %w", err))
		}
	}
	s.acknowledged = last
	return nil
}

// Lag asks RabbitMQ how many messages wait. Of stream queues it doesn't know.
func (s *Source) Lag(ctx context.Context) ([]source.Lag, error) {
	if s.log != nil {
		return []source.Lag{{Events: -1}}, nil
	}
	var queue amqp.Queue
	err := s.within(context.WithoutCancel(ctx), func(context.Context) error { // a short ctx must not end the connection
		channel, err := s.connection.Channel()
		if err != nil {
			return err
		}
		defer channel.Close()
		queue, err = channel.QueueDeclarePassive(s.queue, true, false, false, false, nil)
		return err
	})
	if err != nil {
		return nil, s.explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if queue.Messages > 0 {
		return []source.Lag{{Events: int64(queue.Messages + s.prefetch)}}, nil // those that wait don't fit into the prefetch
	}
	return []source.Lag{{Events: int64(s.unlogged)}}, nil
}

// Close ends the connection. What was not acknowledged goes back to the queue.
func (s *Source) Close() error {
	err := s.connection.CloseDeadline(time.Now().Add(time.Second))
	if errors.Is(err, amqp.ErrClosed) {
		return nil
	}
	return err
}
