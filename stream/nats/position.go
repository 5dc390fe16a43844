package nats

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"larder/stream/source"
)

// span returns the sequences that a stream has: from first to end-1.
func span(info *jetstream.StreamInfo) (first, end uint64) {
	end = info.State.LastSeq + 1
	if info.State.Msgs == 0 {
		return end, end
	}
	return info.State.FirstSeq, end
}

// incarnation tells a stream from a later one of the same name.
func (s *Source) incarnation() string { return strconv.FormatInt(s.made.UnixNano(), 10) }

func (s *Source) position() source.Position {
	return source.Position{Incarnation: s.incarnation(), Next: int64(s.next)}
}

// resume goes on where the log ends, if the stream still has what comes then.
func (s *Source) resume(position source.Position, first, end uint64) error {
	s.next = uint64(max(position.Next, 1))
	switch {
	case position.Incarnation != "" && position.Incarnation != s.incarnation():
		next := s.next
		s.next = first
		return s.lose(fmt.Sprintf("it was deleted and made again: what it had from sequence %d on is lost", next))
	case s.next < first:
		return s.skip(first)
	case s.next > end:
		next := s.next
		s.next = end
		return s.lose(fmt.Sprintf("it ends at sequence %d, but was read up to %d: the servers have lost messages, and may have others in their place", end-1, next-1))
	}
	return nil
}

// skip moves the position over messages that are gone.
func (s *Source) skip(first uint64) error {
	next := s.next
	s.next = first
	return s.lose(fmt.Sprintf("it begins at sequence %d: messages from %d to %d were removed before they were read", first, next, first-1))
}

// lose returns the loss, or logs it when the definition accepts losses.
func (s *Source) lose(what string) error {
	if !s.goesOn {
		return &source.Lost{Why: fmt.Sprintf("stream %q of NATS: %s; run larder stream seek, or set on_data_loss: continue", s.name, what)}
	}
	s.opts.Logger.Warn("a stream's source has lost messages, and goes on", "nats", s.name, "loss", what)
	return nil
}

// A gap is sequences that a batch hasn't got: from from to to-1.
type gap struct{ from, to uint64 }

// fill sees whether gaps are there because messages were removed before they were read.
func (s *Source) fill(ctx context.Context, gaps []gap) error {
	if len(gaps) == 0 || s.sparse {
		return nil
	}
	info, err := s.info(ctx)
	if err != nil {
		return err
	}
	first, _ := span(info)
	for _, g := range gaps {
		if g.from < first && g.from > 0 {
			if err := s.lose(fmt.Sprintf("it begins at sequence %d: messages from %d to %d were removed before they were read", first, g.from, min(g.to, first)-1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// info asks for what the stream has now.
func (s *Source) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	info, err := s.stream.Info(ctx)
	if err == nil && !info.Created.Equal(s.made) {
		err = fmt.Errorf("it was deleted and made again") // opened again, the source tells the loss
	}
	return info, err
}

// catchUp moves the position to the end of a stream whose messages are all read: there may
// be others, of other subjects.
func (s *Source) catchUp(ctx context.Context) error {
	info, err := s.info(ctx)
	if err != nil || s.acks {
		return err
	}
	_, end := span(info)
	if end < s.next {
		return fmt.Errorf("it ends at sequence %d, but was read up to %d", end-1, s.next-1)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	consumer, err := s.consumer.Info(ctx)
	if err != nil {
		return err
	}
	if consumer.NumPending == 0 && consumer.Delivered.Consumer == s.ordinal && end > s.next {
		s.next, s.untold = end, true
	}
	return nil
}
