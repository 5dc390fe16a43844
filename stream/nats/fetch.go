package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"larder/stream/source"
)

// Fetch returns the next messages, or a position that moved without any.
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
	for {
		if s.untold {
			s.untold = false
			return source.Batch{Positions: []source.Position{s.position()}}, nil
		}
		if s.pull == nil {
			if err := s.ask(); err != nil {
				return source.Batch{}, err
			}
		}
		message, err := s.wait(ctx)
		if err != nil {
			return source.Batch{}, err
		}
		if message != nil {
			return s.take(ctx, message)
		}
	}
}

// ask sends a request for messages; they come when there are any, until it expires.
func (s *Source) ask() error {
	pull, err := s.consumer.Fetch(maxMessages, jetstream.FetchMaxBytes(maxPullBytes), jetstream.FetchMaxWait(s.opts.Refresh))
	s.pull, s.pulledAt, s.pulled = pull, time.Now(), 0
	return err
}

var errClosed = errors.New("the connection broke")

// wait returns the next message; nil when the request has ended, for another to be sent.
func (s *Source) wait(ctx context.Context) (jetstream.Msg, error) {
	if s.aside != nil {
		message := s.aside
		s.aside = nil
		return message, nil
	}
	select {
	case message, ok := <-s.pull.Messages():
		if ok {
			s.pulled++
			return message, nil
		}
	case <-s.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err := s.pull.Error()
	s.pull = nil
	if err != nil || s.pulled > 0 {
		return nil, err
	}
	if time.Since(s.pulledAt) < s.opts.Refresh/2 { // before it expired
		return nil, &source.Stopped{Why: fmt.Sprintf("stream %q of NATS: the message at sequence %d or after has more than %d MiB; skip it with larder stream seek", s.name, s.next, maxPullBytes>>20)}
	}
	return nil, s.catchUp(ctx)
}

// take returns a batch of a message and of those that have come already.
func (s *Source) take(ctx context.Context, message jetstream.Msg) (source.Batch, error) {
	batch := source.Batch{}
	var gaps []gap
	for bytes := 0; message != nil; message = s.more() {
		bytes += len(message.Data())
		if len(batch.Messages) == maxMessages || (len(batch.Messages) > 0 && bytes > maxMessageBytes) {
			s.aside = message
			break
		}
		metadata, err := message.Metadata()
		if err != nil {
			return source.Batch{}, err
		}
		if s.ordinal++; !s.acks && metadata.Sequence.Consumer != s.ordinal {
			return source.Batch{}, fmt.Errorf("the connection lost messages: number %d came after %d", metadata.Sequence.Consumer, s.ordinal-1)
		}
		sequence := metadata.Sequence.Stream
		if sequence > s.next && !s.acks {
			gaps = append(gaps, gap{s.next, sequence})
		}
		s.next = max(s.next, sequence+1)
		batch.Messages = append(batch.Messages, s.message(message, metadata))
	}
	batch.Positions = []source.Position{s.position()}
	return batch, s.fill(context.WithoutCancel(ctx), gaps) // or the batch were lost with the context
}

// more returns a message that has come; nil when none has.
func (s *Source) more() jetstream.Msg {
	select {
	case message, ok := <-s.pull.Messages():
		if ok {
			s.pulled++
			return message
		}
	default:
	}
	return nil
}

func (s *Source) message(m jetstream.Msg, metadata *jetstream.MsgMetadata) source.Message {
	message := source.Message{
		Offset: int64(metadata.Sequence.Stream), ID: strconv.FormatUint(metadata.Sequence.Stream, 10),
		Value: m.Data(), Time: metadata.Timestamp.UnixMicro(),
	}
	if message.Value == nil {
		message.Value = []byte{} // NATS has no tombstones
	}
	if s.acks {
		message.Token = m
	}
	return message
}
