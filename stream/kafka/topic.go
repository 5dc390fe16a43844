package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"larder/schema"
	"larder/stream/source"
)

// describe asks for the topic's id and partitions.
func (s *Source) describe(ctx context.Context) (kadm.TopicDetail, error) {
	metadata, err := s.admin.Metadata(ctx, s.topic)
	if err != nil {
		return kadm.TopicDetail{}, err
	}
	topic, ok := metadata.Topics[s.topic]
	switch {
	case !ok:
		return topic, kerr.UnknownTopicOrPartition
	case topic.Err != nil:
		return topic, topic.Err
	}
	return topic, nil
}

// find describes the topic. Brokers that have just started may not know yet what topics
// and users they have, so a topic of a stream that was never read is looked for some times.
func (s *Source) find(ctx context.Context) (kadm.TopicDetail, error) {
	for try := 1; ; try++ {
		topic, err := s.describe(ctx)
		missing := errors.Is(err, kerr.UnknownTopicOrPartition) && !s.known
		if !missing && !errors.Is(err, kerr.SaslAuthenticationFailed) || try == 5 {
			return topic, err
		}
		select {
		case <-ctx.Done():
			return topic, err
		case <-time.After(s.opts.Again):
		}
	}
}

// A span is what a broker has of a partition.
type span struct{ first, end int64 }

// ranges asks for what there is of every partition.
func (s *Source) ranges(ctx context.Context) (map[int32]span, error) {
	starts, err := s.admin.ListStartOffsets(ctx, s.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the first offsets: %w", err)
	}
	ends, err := s.admin.ListEndOffsets(ctx, s.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the last offsets: %w", err)
	}
	spans := map[int32]span{}
	for p, start := range starts[s.topic] {
		end, ok := ends.Lookup(s.topic, p)
		if !ok {
			return nil, fmt.Errorf("partition %d has a first offset and no last", p)
		}
		spans[p] = span{start.Offset, end.Offset}
	}
	return spans, nil
}

// place sets next for every partition.
func (s *Source) place(start schema.Start, from []source.Position, spans map[int32]span) error {
	for p, there := range spans {
		switch {
		case len(from) > 0:
			s.next[p] = 0 // added while nobody looked, unless from has it
		case start == schema.Latest:
			s.next[p] = there.end
		default:
			s.next[p] = there.first
		}
	}
	for _, position := range from {
		if err := s.resume(position, spans); err != nil {
			return err
		}
	}
	if len(from) > 0 {
		for p, there := range spans {
			if err := s.within(p, there); err != nil {
				return err
			}
		}
	}
	s.untold = true
	return nil
}

// resume goes on where the log ends. A topic that was made again is read from its
// beginning, once that is accepted.
func (s *Source) resume(position source.Position, spans map[int32]span) error {
	number, err := strconv.ParseInt(position.Part, 10, 32)
	if err != nil {
		return &source.Stopped{Why: fmt.Sprintf("topic %q: the position's part %q is not a partition; run larder stream seek", s.topic, position.Part)}
	}
	p := int32(number)
	there, ok := spans[p]
	again := s.incarnation() != "" && position.Incarnation != "" && position.Incarnation != s.incarnation()
	switch {
	case again:
		err := s.lose(p, fmt.Sprintf("it was deleted and made again (id %s, was %s): what partition %d had from offset %d on is lost",
			s.incarnation(), position.Incarnation, p, position.Next))
		if ok && err == nil {
			s.next[p] = there.first
		}
		return err
	case !ok:
		return s.lose(p, fmt.Sprintf("partition %d is gone, and with it what it had from offset %d on", p, position.Next))
	}
	s.next[p] = position.Next
	return nil
}

// within sees whether a partition still has what comes next, and goes on with what it has
// where loss is accepted.
func (s *Source) within(p int32, there span) error {
	next := s.next[p]
	switch {
	case next < there.first:
		err := s.lose(p, fmt.Sprintf("partition %d begins at offset %d: records from %d to %d were deleted before they were read", p, there.first, next, there.first-1))
		s.next[p] = there.first
		return err
	case next > there.end:
		err := s.lose(p, fmt.Sprintf("partition %d ends at offset %d, but was read up to %d: the brokers have lost records, and may have others in their place", p, there.end, next-1))
		s.next[p] = there.end
		return err
	}
	return nil
}

// lose returns the loss, or logs it when the definition accepts losses.
func (s *Source) lose(p int32, what string) error {
	if !s.goesOn {
		return &source.Lost{Part: part(p), Why: fmt.Sprintf("topic %q: %s; run larder stream seek, or set on_data_loss: continue", s.topic, what)}
	}
	s.opts.Logger.Warn("a stream's source has lost messages, and goes on", "topic", s.topic, "partition", p, "loss", what)
	return nil
}

// look sees whether the topic is still the same, and reads partitions that were added.
func (s *Source) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	topic, err := s.describe(ctx)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("topic %q: the brokers don't have it any more", s.topic) // opened again it stops, unless it is back
	}
	if err != nil {
		return s.explain(err)
	}
	if topic.ID != s.id {
		// The client goes on with the old id only. Opened again, the source tells the loss
		// of each partition.
		return fmt.Errorf("topic %q: %w", s.topic, errMadeAgain)
	}
	added := map[int32]int64{}
	for _, p := range topic.Partitions.Numbers() {
		if _, ok := s.next[p]; !ok {
			added[p] = 0
			s.next[p] = 0
			s.untold = true
		}
	}
	if len(added) > 0 {
		s.read(added)
	}
	s.lookAt = time.Now().Add(s.opts.Refresh)
	s.writeGroup(ctx, false)
	return nil
}

var errMadeAgain = errors.New("it was deleted and made again")

// incarnation is the topic's id; "" when brokers are too old to have one.
func (s *Source) incarnation() string {
	if s.id == (kadm.TopicID{}) {
		return ""
	}
	return s.id.String()
}

func part(p int32) string { return strconv.Itoa(int(p)) }
