package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"larder/schema"
	"larder/stream/source"
)

// subscribe reads a stream that keeps messages until they are acknowledged.
func (s *Source) subscribe(ctx context.Context, stream *schema.Stream, from []source.Position, info *jetstream.StreamInfo) error {
	first, _ := span(info)
	config := jetstream.ConsumerConfig{
		Durable: durable(stream.Name), FilterSubject: s.subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: redeliverAfter,
		MaxDeliver: -1, MaxAckPending: 10 * maxMessages, DeliverPolicy: jetstream.DeliverAllPolicy,
	}
	if stream.NATS.Start == schema.Latest {
		if info.Config.Retention == jetstream.WorkQueuePolicy {
			return &source.Stopped{Why: fmt.Sprintf("stream %q of NATS is a work queue, which can only be read from its first message; leave out start: latest", s.name)}
		}
		config.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	s.next = first
	if len(from) > 0 {
		if err := s.resumeDurable(ctx, from[0], config.Durable, info); err != nil {
			return err
		}
		config.DeliverPolicy = jetstream.DeliverAllPolicy
	}
	s.untold = true
	consumer, err := s.stream.Consumer(ctx, config.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = s.stream.CreateConsumer(ctx, config)
	}
	s.consumer = consumer
	return err
}

// durable returns the name of the consumer of a stream: NATS allows no slash in it.
func durable(stream string) string { return "larder_" + strings.Replace(stream, "/", "-", 1) }

// resumeDurable sees whether the stream and the consumer are those that the log knows.
func (s *Source) resumeDurable(ctx context.Context, position source.Position, durable string, info *jetstream.StreamInfo) error {
	next := uint64(max(position.Next, 1))
	if position.Incarnation != "" && position.Incarnation != s.incarnation() {
		return s.lose(fmt.Sprintf("it was deleted and made again: what it had from sequence %d on is lost", next))
	}
	s.next = next
	if info.Config.Retention != jetstream.InterestPolicy {
		return nil
	}
	_, err := s.stream.Consumer(ctx, durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return s.lose(fmt.Sprintf("its consumer %q was deleted, and the stream keeps no messages that no consumer waits for: some from sequence %d on may be lost", durable, next))
	}
	return err
}

// Acknowledge tells the server that a batch is in the log, if it keeps messages until then.
func (s *Source) Acknowledge(ctx context.Context, b source.Batch) error {
	s.mu.Lock()
	for _, position := range b.Positions {
		s.logged = max(s.logged, uint64(position.Next))
	}
	s.mu.Unlock()
	if !s.acks {
		return nil
	}
	for _, m := range b.Messages {
		message, ok := m.Token.(jetstream.Msg)
		if !ok {
			continue
		}
		if err := message.Ack(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return s.explain(fmt.Errorf("acknowledge: %w", err))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.connection.FlushWithContext(ctx); err != nil {
		return s.explain(fmt.Errorf("acknowledge: %w", err))
	}
	return nil
}

// Lag asks the server how many messages the log hasn't got.
func (s *Source) Lag(ctx context.Context) ([]source.Lag, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	consumer, err := s.consumer.Info(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	if s.acks {
		return []source.Lag{{Events: int64(consumer.NumPending) + int64(consumer.NumAckPending)}}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	undelivered := int64(consumer.NumPending)
	delivered := int64(consumer.Delivered.Stream) + 1 - int64(s.logged) // at most: others' subjects count
	return []source.Lag{{Events: undelivered + max(0, delivered)}}, nil
}
