package kafka

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"larder/stream/source"
)

const (
	groupEvery   = 5 * time.Second // at most so often is the group written
	grumbleEvery = 10 * time.Minute
)

// committed is what the group was told.
type committed struct {
	dirty    bool
	at       time.Time // of the last try
	grumbled time.Time // when a failure was logged last
}

// Acknowledge notes that a batch is in the log. The group's offsets follow within seconds:
// tools that show lag read them, and nothing else does.
func (s *Source) Acknowledge(ctx context.Context, b source.Batch) error {
	s.mu.Lock()
	for _, position := range b.Positions {
		if p, err := strconv.ParseInt(position.Part, 10, 32); err == nil {
			s.logged[int32(p)] = position.Next
			s.commit.dirty = true
		}
	}
	s.mu.Unlock()
	s.writeGroup(ctx, false)
	return nil
}

// writeGroup tells the group how far the log is; at once, or when it is time.
func (s *Source) writeGroup(ctx context.Context, now bool) {
	s.mu.Lock()
	if !s.commit.dirty || (!now && time.Since(s.commit.at) < groupEvery) {
		s.mu.Unlock()
		return
	}
	s.commit.dirty, s.commit.at = false, time.Now()
	offsets := kadm.Offsets{}
	for p, next := range s.logged {
		offsets.AddOffset(s.topic, p, next, -1)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	answers, err := s.admin.CommitOffsets(ctx, s.group, offsets)
	if err == nil {
		err = answers.Error()
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commit.dirty = true
	if time.Since(s.commit.grumbled) > grumbleEvery {
		s.commit.grumbled = time.Now()
		s.opts.Logger.Warn("the group's offsets can't be written; tools that show lag are out of date, and nothing else is", "topic", s.topic, "group", s.group, "error", err)
	}
}

// Lag asks the brokers for their last stable offsets. Records of open transactions don't
// count, markers and aborted records do until they are passed.
func (s *Source) Lag(ctx context.Context) ([]source.Lag, error) {
	ends, err := s.admin.ListCommittedOffsets(ctx, s.topic)
	if err != nil {
		return nil, s.explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var lags []source.Lag
	for _, p := range slices.Sorted(maps.Keys(ends[s.topic])) {
		end := ends[s.topic][p]
		lag := source.Lag{Part: part(p), Events: -1}
		if end.Err == nil {
			lag.Events = max(0, end.Offset-s.logged[p])
		}
		lags = append(lags, lag)
	}
	return lags, nil
}
