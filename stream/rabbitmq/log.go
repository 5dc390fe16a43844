package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"larder/schema"
	"larder/stream/source"
)

// A log is how far a stream queue was read.
type log struct {
	next    int64 // the offset after what Fetch has returned; -1 before the first of a queue that was never read
	untold  bool  // next is a position that no batch has told
	checked bool  // the queue has what comes before next, or told its loss
}

func (l *log) position() source.Position { return source.Position{Next: l.next} }

// tell returns a position that no batch has told.
func (l *log) tell() (source.Batch, bool) {
	if !l.untold {
		return source.Batch{}, false
	}
	l.untold = false
	return source.Batch{Positions: []source.Position{l.position()}}, true
}

func offsetOf(d *amqp.Delivery) (int64, bool) {
	offset, ok := d.Headers["x-stream-offset"].(int64)
	return offset, ok
}

// noOffsets reports whether RabbitMQ refused an offset, since the queue is no stream.
func noOffsets(err error) bool {
	var said *amqp.Error
	return errors.As(err, &said) && said.Code == amqp.PreconditionFailed && strings.Contains(said.Reason, "x-stream-offset")
}

// follow asks a stream queue for messages: behind the position, or from the definition's
// start.
func (s *Source) follow(ctx context.Context, start schema.Start, from []source.Position) error {
	s.log = &log{next: -1, checked: true}
	switch {
	case len(from) > 0:
		// The message before the position comes first: it shows that the queue has it.
		s.log.next, s.log.checked = from[0].Next, false
		return s.consume(amqp.Table{"x-stream-offset": max(from[0].Next-1, 0)})
	case start != schema.Latest:
		return s.consume(amqp.Table{"x-stream-offset": "first"})
	}
	end, err := s.end(ctx)
	if err != nil {
		return err
	}
	s.log.next, s.log.untold = end, true
	return s.consume(amqp.Table{"x-stream-offset": end})
}

// end reads the last messages of the queue, to know where it ends now.
func (s *Source) end(ctx context.Context) (int64, error) {
	channel, deliveries, err := s.probe("last", 100)
	if err != nil {
		return 0, err
	}
	defer channel.Close()
	end, quiet := int64(0), s.opts.Probe
	over := time.After(2 * s.opts.Probe) // what is published meanwhile may go on for ever
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return 0, s.why()
			}
			if offset, ok := offsetOf(&d); ok {
				end, quiet = offset+1, s.opts.Probe/5
			}
			if err := d.Ack(false); err != nil {
				return 0, err
			}
		case <-time.After(quiet):
			return end, nil
		case <-over:
			return end, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// probe reads beside the consumer.
func (s *Source) probe(offset any, prefetch int) (*amqp.Channel, <-chan amqp.Delivery, error) {
	channel, err := s.connection.Channel()
	if err != nil {
		return nil, nil, err
	}
	if err := channel.Qos(prefetch, 0, false); err != nil {
		return nil, nil, err
	}
	deliveries, err := channel.Consume(s.queue, "", false, false, false, false, amqp.Table{"x-stream-offset": offset})
	return channel, deliveries, err
}

// first returns the offset of the first message of the queue; -1 when it has none.
func (s *Source) first(ctx context.Context) (offset int64, err error) {
	err = s.within(context.WithoutCancel(ctx), func(context.Context) error {
		offset, err = s.readFirst(ctx)
		return err
	})
	return offset, err
}

func (s *Source) readFirst(ctx context.Context) (int64, error) {
	channel, deliveries, err := s.probe("first", 1)
	if err != nil {
		return -1, err
	}
	defer channel.Close()
	select {
	case d, ok := <-deliveries:
		if !ok {
			return -1, s.why()
		}
		offset, ok := offsetOf(&d)
		if !ok {
			return -1, errors.New("a message of a stream queue came without its offset")
		}
		return offset, nil
	case <-time.After(s.opts.Probe):
		return -1, nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// ensureBegin sees, before the first batch, whether the queue goes on where the log ends.
// It is called until it knows.
func (s *Source) ensureBegin(ctx context.Context) error {
	patience, cancel := context.WithTimeout(ctx, s.opts.Probe)
	defer cancel()
	delivery, err := s.wait(patience)
	switch {
	case err == nil:
		s.log.checked = true
		return s.meet(delivery)
	case patience.Err() == nil || ctx.Err() != nil:
		return err
	}
	// Nothing is at the position, nor before it: the queue is empty, ends earlier, or just
	// lost what was there.
	first, err := s.first(ctx)
	if err != nil || first < 0 {
		return err
	}
	if first < s.log.next-1 {
		what := fmt.Sprintf("it ends before offset %d, up to which it was read: it was made again, or RabbitMQ has lost messages", s.log.next-1)
		if err := s.lose(what); err != nil {
			return err
		}
		s.log.next = first
	}
	if err := s.channel.Close(); err != nil {
		return err
	}
	return s.within(context.WithoutCancel(ctx), func(context.Context) error { return s.consume(amqp.Table{"x-stream-offset": first}) })
}

// meet takes the first delivery of a consumer that begins with the message before the
// position.
func (s *Source) meet(d *amqp.Delivery) error {
	offset, ok := offsetOf(d)
	switch {
	case !ok:
		return errors.New("a message of a stream queue came without its offset")
	case offset < s.log.next: // it is in the log
		s.mu.Lock()
		defer s.mu.Unlock()
		s.acknowledged = d.DeliveryTag
		return d.Ack(false)
	}
	s.aside = d
	return nil
}

// passed moves over an offset. RabbitMQ uses offsets for itself too: what is missing is
// lost only when the queue begins behind it.
func (s *Source) passed(offset int64) error {
	next := s.log.next
	s.log.next = offset + 1
	if next < 0 || offset <= next {
		return nil
	}
	first, err := s.first(context.Background()) // bounded by Probe; a batch must not be lost with its context
	if err != nil || first <= next {
		return err
	}
	return s.lose(fmt.Sprintf("it begins at offset %d: messages from %d to %d were removed before they were read", first, next, min(first, offset)-1))
}

// lose returns the loss, or logs it when the definition accepts losses.
func (s *Source) lose(what string) error {
	if !s.goesOn {
		return &source.Lost{Why: fmt.Sprintf("queue %q: %s; run larder stream seek, or set on_data_loss: continue", s.queue, what)}
	}
	s.opts.Logger.Warn("a stream's source has lost messages, and goes on", "queue", s.queue, "loss", what)
	return nil
}
