package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/stream/source"
)

// Fetch returns the next records, or positions that moved without any.
func (s *Source) Fetch(ctx context.Context) (source.Batch, error) {
	if s.failed != nil {
		return source.Batch{}, s.failed
	}
	batch, err := s.fetch(ctx)
	if err != nil && ctx.Err() != nil {
		return source.Batch{}, ctx.Err()
	}
	s.failed = err
	return batch, err
}

func (s *Source) fetch(ctx context.Context) (source.Batch, error) {
	for {
		if s.untold {
			return s.tell(), nil
		}
		if len(s.pending) > 0 {
			// The client learned the topic's id on its own. That it is the one of our positions
			// is certain when the topic still has it after records came.
			if !s.checked {
				if err := s.look(ctx); err != nil {
					return source.Batch{}, err
				}
				s.checked = true
				continue
			}
			if batch := s.take(); len(batch.Positions) > 0 {
				return batch, nil
			}
		}
		if len(s.faults) > 0 {
			if err := s.mend(ctx, s.faults[0]); err != nil {
				return source.Batch{}, err
			}
			s.faults = s.faults[1:]
			continue
		}
		if ctx.Err() != nil { // the client would say so at once, again and again
			return source.Batch{}, ctx.Err()
		}
		if time.Now().After(s.lookAt) {
			if err := s.look(ctx); err != nil {
				return source.Batch{}, err
			}
			continue
		}
		if err := s.poll(ctx); err != nil {
			return source.Batch{}, err
		}
	}
}

// tell returns every partition's position, without messages.
func (s *Source) tell() source.Batch {
	s.untold = false
	batch := source.Batch{}
	for p, next := range s.next {
		batch.Positions = append(batch.Positions, s.position(p, next))
	}
	return batch
}

func (s *Source) position(p int32, next int64) source.Position {
	return source.Position{Part: part(p), Incarnation: s.incarnation(), Next: next}
}

// take moves a batch out of what is pending.
func (s *Source) take() source.Batch {
	batch := source.Batch{}
	moved := map[int32]bool{}
	n, bytes := 0, 0
	for _, r := range s.pending {
		bytes += len(r.Value)
		if len(batch.Messages) == maxMessages || (len(batch.Messages) > 0 && bytes > maxMessageBytes) {
			break
		}
		n++
		s.next[r.Partition] = r.Offset + 1
		moved[r.Partition] = true
		if !r.Attrs.IsControl() {
			batch.Messages = append(batch.Messages, message(r))
		}
	}
	clear(s.pending[:n]) // their values are the batch's now
	s.pending = s.pending[n:]
	for p := range moved {
		batch.Positions = append(batch.Positions, s.position(p, s.next[p]))
	}
	return batch
}

func message(r *kgo.Record) source.Message {
	p := part(r.Partition)
	return source.Message{
		Part: p, Offset: r.Offset, ID: p + ":" + strconv.FormatInt(r.Offset, 10),
		Value: r.Value, Time: r.Timestamp.UnixMicro(),
	}
}

// poll waits for records until the topic has to be looked at.
func (s *Source) poll(ctx context.Context) error {
	wait, cancel := context.WithDeadline(ctx, s.lookAt)
	defer cancel()
	fetches := s.client.PollRecords(wait, maxMessages)
	s.pending = fetches.Records()
	seen := map[int32]bool{}
	for _, fault := range fetches.Errors() {
		waited := wait.Err() != nil && errors.Is(fault.Err, wait.Err())
		if !waited && !seen[fault.Partition] { // the client repeats itself
			seen[fault.Partition] = true
			s.faults = append(s.faults, fault)
		}
	}
	return nil
}

// mend handles what the client says of a partition, after the records before it. A nil
// error means that it goes on.
func (s *Source) mend(ctx context.Context, fault kgo.FetchError) error {
	var cut *kgo.ErrDataLoss
	switch {
	case errors.As(fault.Err, &cut):
		return s.lose(fault.Partition, fmt.Sprintf("partition %d was read up to %d, and the brokers have it only up to %d now: they have lost records, and may have others in their place",
			fault.Partition, cut.ConsumedTo-1, cut.ResetTo-1))
	case errors.Is(fault.Err, kerr.OffsetOutOfRange):
		return s.outOfRange(ctx, fault.Partition)
	case errors.Is(fault.Err, kerr.UnknownTopicID), errors.Is(fault.Err, kerr.UnknownTopicOrPartition):
		if err := s.look(ctx); err != nil {
			return err
		}
		return fmt.Errorf("topic %q: partition %d: %w", s.topic, fault.Partition, fault.Err)
	case fault.Partition >= 0 && fault.Topic != "":
		return s.explain(fmt.Errorf("partition %d: %w", fault.Partition, fault.Err))
	}
	return s.explain(fault.Err)
}

// outOfRange compares the position with what there is: the client says that a fetch was
// out of range for each try, without a word on where the range is.
func (s *Source) outOfRange(ctx context.Context, p int32) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	spans, err := s.ranges(ctx)
	if err != nil {
		return s.explain(err)
	}
	there, ok := spans[p]
	if !ok {
		return fmt.Errorf("topic %q: partition %d is gone", s.topic, p)
	}
	if err := s.within(p, there); err != nil {
		return err
	}
	if err := pause(ctx); err != nil {
		return err
	}
	s.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.topic: {p: {Epoch: -1, Offset: s.next[p]}}})
	s.untold = true
	return nil
}

// pause keeps from asking the brokers without a rest.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
