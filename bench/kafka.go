package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

const (
	sentName    = "sent"
	sentView    = sentName + "_view"
	sentKeys    = 100_000
	sentEvents  = 500_000
	repeatEvery = 100 // every hundredth message has an event that was sent before
)

const eventRate = "events/s"

// The bars of events from Kafka, without figures.
var (
	sustainedBar = Bar{Name: "Kafka to answerable, duplicates removed, 4 windows × 5 aggregates", Unit: eventRate, Bar: 25_000, AtLeast: true}
	visibleP50   = Bar{Name: "acknowledged by Kafka to visible, 10,000 events/s, 100,000 keys: p50", Unit: milliseconds, Bar: 50}
	visibleP99   = Bar{Name: "acknowledged by Kafka to visible, 10,000 events/s, 100,000 keys: p99", Unit: milliseconds, Bar: 250}
)

// fromKafka measures events that come from a broker: how many, and how soon.
func (s *streams) fromKafka(ctx context.Context) (err error) {
	if s.opts.Kafka == "" {
		for _, b := range []Bar{sustainedBar, visibleP50, visibleP99} {
			b.Skipped = "no --kafka given"
			s.add(b)
		}
		return nil
	}
	t, err := makeTopic(ctx, s.opts.Kafka)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove(ctx)) }()
	sent, err := s.sustained(ctx, t)
	if err != nil {
		return err
	}
	return s.visible(ctx, t, sent)
}

// sustained measures a topic that has events until all of them are answerable, beside a
// bare consumer of it, and a COPY of its rows. It returns how many messages the topic has.
func (s *streams) sustained(ctx context.Context, t *topic) (int, error) {
	n := min(sentEvents, cmp.Or(s.opts.Events, DefaultEvents))
	s.opts.Progress(fmt.Sprintf("sending %d events to Kafka", n))
	random, now := rand.New(rand.NewPCG(5, 6)), time.Now()
	var before [repeatEvery / 2][]byte
	repeated := 0
	err := t.fill(ctx, n, func(i int) []byte {
		if i%repeatEvery == repeatEvery-1 {
			repeated++
			return before[i%len(before)]
		}
		m := event(nil, i, random.Int64N(sentKeys), float64(random.IntN(10_000))/100, now.Add(-time.Duration(random.Int64N(int64(time.Hour)))))
		before[i%len(before)] = m
		return m
	})
	if err != nil {
		return n, err
	}
	s.opts.Progress("reading them with a bare consumer")
	began, left := time.Now(), n
	if err := t.consume(ctx, nil, func(*kgo.Record) bool { left--; return left > 0 }); err != nil {
		return n, err
	}
	bare := time.Since(began)
	s.opts.Progress("reading them with Larder")
	stream := pushStream(sentName)
	stream.Push, stream.Kafka = nil, &schema.KafkaSource{Brokers: []string{s.opts.Kafka}, Topic: t.name, Group: t.name}
	began = time.Now()
	if err := s.apply(ctx, definitionsOf([]schema.Stream{stream}, fourByFive(sentView, sentName))); err != nil {
		return n, err
	}
	if err := s.untilRead(ctx, n); err != nil {
		return n, err
	}
	took := time.Since(began)
	var logged int
	if err := s.db.QueryRow(ctx, "SELECT count(*) FROM bench."+sentName).Scan(&logged); err != nil {
		return n, err
	}
	if logged != n-repeated {
		return n, fmt.Errorf("the log has %d events; want %d, for %d messages of which %d have an event that was there", logged, n-repeated, n, repeated)
	}
	copied, err := copyRows(ctx, s.db, n)
	if err != nil {
		return n, err
	}
	rate := func(d time.Duration) float64 { return float64(n) / d.Seconds() }
	b := sustainedBar
	b.Figure, b.Beside = rate(took), []Beside{{Figure: rate(bare), Of: "a bare consumer of the topic"}, {Figure: rate(copied), Of: "a bare COPY of the rows"}}
	s.add(b.compare())
	return n, nil
}

// untilRead waits until the view has the first n messages of the topic.
func (s *streams) untilRead(ctx context.Context, n int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for told := time.Now(); ; {
		var read int
		if err := s.db.QueryRow(ctx, "SELECT coalesce(sum(next), 0)::bigint FROM larder.stream_offsets WHERE stream = $1", sentName).Scan(&read); err != nil {
			return err
		}
		answer, err := s.service().GetStreams(ctx, &larderv1.GetStreamsRequest{Stream: sentName})
		if err != nil {
			return err
		}
		switch state := answer.GetStreams()[0]; {
		case state.GetState() == "failed":
			return fmt.Errorf("stream %s: %s", sentName, state.GetError())
		case read >= n && state.GetViews()[0].GetBatch() >= state.GetBatch():
			return nil
		}
		if time.Since(told) > tellEvery {
			s.opts.Progress(fmt.Sprintf("%d of %d events", read, n))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
