package nats_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"larder/schema"
	"larder/stream/source"
)

func TestMessagesComeInOrderWithTheirPositions(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	before := time.Now().Add(-time.Second).UnixMicro()
	b.publish("ev.a", 0, 12000)
	r := b.mustOpen(nil)
	first, err := r.fetch()
	if err != nil || len(first.Messages) != 0 || len(first.Positions) != 1 || first.Positions[0].Next != 1 {
		t.Fatalf("the first batch is %+v, error %v; want the position only", first, err)
	}
	second, err := r.fetch()
	if err != nil || len(second.Messages) == 0 || len(second.Messages) > 5000 {
		t.Fatalf("%d messages, error %v", len(second.Messages), err)
	}
	if m := second.Messages[0]; m.ID != "1" || m.Offset != 1 || m.Part != "" || m.Time < before || m.Deleted {
		t.Errorf("message %+v", m)
	}
	r.reads(12000)
	r.holds(numbers(0, 12000))
	if p := r.position[0]; p.Next != 12001 || p.Incarnation == "" {
		t.Errorf("position %+v", p)
	}
}

func TestOpenedAgainItGoesOn(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	r := b.mustOpen(nil)
	for round := range 4 {
		b.publish("ev.a", round*100, round*100+100)
		r.reads(round*100 + 100)
		r = r.reopen()
	}
	r.holds(numbers(0, 400))
	if r.again != 0 {
		t.Errorf("%d messages came again", r.again)
	}
}

func TestLatestHoldsFromTheFirstLook(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	b.stream.NATS.Start = schema.Latest
	b.publish("ev.a", 0, 50)
	r := b.mustOpen(nil)
	if err := r.step(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	b.publish("ev.a", 50, 60) // while nobody reads
	r = r.reopen()
	r.reads(10)
	r.holds(numbers(50, 60))
}

func TestABatchIsBounded(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	for range 30 {
		if _, err := b.js.Publish(b.ctx, "ev.a", []byte(strings.Repeat("x", 900_000))); err != nil {
			t.Fatal(err)
		}
	}
	r := b.mustOpen(nil)
	for n := 0; n < 30; {
		batch, err := r.Fetch(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if batch.Bytes() > 4<<20 {
			t.Fatalf("a batch of %d bytes", batch.Bytes())
		}
		n += len(batch.Messages)
	}
}

// Messages of other subjects move the position, also once they are removed.
func TestASubjectsPositionMovesWithTheStream(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{MaxMsgs: 1000})
	b.stream.NATS.Subject = "ev.mine.*"
	b.publish("ev.mine.a", 0, 5)
	b.publish("ev.others", 0, 500)
	b.publish("ev.mine.b", 5, 10)
	r := b.mustOpen(nil)
	r.reads(10)
	r.holds(numbers(0, 10))
	b.publish("ev.others", 0, 300)
	r.until(func() bool { return r.position[0].Next == 811 })
	b.publish("ev.others", 0, 900)
	r.until(func() bool { return r.position[0].Next == 1711 })
	r = r.reopen()
	b.publish("ev.mine.a", 10, 15)
	r.reads(15)
	r.holds(numbers(0, 15))
}

func TestLagIsWhatTheLogHasNot(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	b.publish("ev.a", 0, 30)
	r := b.mustOpen(nil)
	lag := func(want int64) {
		t.Helper()
		lags, err := r.Lag(b.ctx)
		if err != nil || len(lags) != 1 || lags[0].Events != want {
			t.Fatalf("lag %v, error %v; want %d", lags, err, want)
		}
	}
	lag(30)
	r.reads(30)
	lag(0)
	b.publish("ev.a", 30, 37)
	var batch source.Batch
	for len(r.values) < 37 {
		var err error
		if batch, err = r.fetch(); err != nil {
			t.Fatal(err)
		}
		if len(r.values) < 37 {
			if err := r.Acknowledge(b.ctx, batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	lags, err := r.Lag(b.ctx)
	if err != nil || lags[0].Events != int64(len(batch.Messages)) {
		t.Fatalf("lag %v, error %v; want the %d that are fetched and not in the log", lags, err, len(batch.Messages))
	}
	if err := r.Acknowledge(b.ctx, batch); err != nil {
		t.Fatal(err)
	}
	lag(0)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	r := b.mustOpen(nil)
	if err := r.step(); err != nil { // the position
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 250*time.Millisecond)
	defer cancel()
	if _, err := r.Fetch(ctx); !errors.Is(err, ctx.Err()) {
		t.Fatalf("got %v, want the context's error", err)
	}
	b.publish("ev.a", 0, 5) // it can be used further
	r.reads(5)
}

// What was not acknowledged comes again, with the same ids, and what was is gone.
func TestAWorkQueueIsAcknowledged(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy})
	b.publish("ev.a", 0, 300)
	r := b.mustOpen(nil)
	r.reads(300)
	b.drained()
	b.redeliverSoon()
	b.publish("ev.a", 300, 400)
	lost := b.mustOpen(r.position) // another server takes over from one that died before its commit
	r.Close()
	for len(lost.values) < 100 {
		if _, err := lost.fetch(); err != nil {
			t.Fatal(err)
		}
	}
	lost.Close()
	r = r.reopen()
	r.reads(400)
	slices.SortFunc(r.values, byNumber)
	r.holds(numbers(0, 400))
	b.drained()
}

// redeliverSoon gives what was not acknowledged to the next reader without the wait of 30
// seconds.
func (b *bench) redeliverSoon() {
	b.t.Helper()
	s, err := b.js.Stream(b.ctx, "EV")
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := s.Consumer(b.ctx, "larder_payments")
	if err != nil {
		b.t.Fatal(err)
	}
	config := c.CachedInfo().Config
	config.AckWait = 200 * time.Millisecond
	if _, err := s.UpdateConsumer(b.ctx, config); err != nil {
		b.t.Fatal(err)
	}
}

// drained returns when the stream keeps nothing.
func (b *bench) drained() {
	b.t.Helper()
	s, err := b.js.Stream(b.ctx, "EV")
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		info, err := s.Info(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		if info.State.Msgs == 0 {
			return
		}
	}
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func TestAWorkQueueCannotBeginWithTheLatest(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy})
	b.stream.NATS.Start = schema.Latest
	_, err := b.open(nil)
	mustStop(t, err, "work queue")
}

func TestADeletedConsumerOfInterestIsALoss(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{Retention: jetstream.InterestPolicy})
	r := b.mustOpen(nil)
	b.publish("ev.a", 0, 20)
	r.reads(20)
	r.Close()
	b.publish("ev.a", 20, 25) // the consumer waits for them
	r = r.reopen()
	r.reads(25)
	r.Close()
	if err := b.js.DeleteConsumer(b.ctx, "EV", "larder_payments"); err != nil {
		t.Fatal(err)
	}
	b.publish("ev.a", 25, 30)
	_, err := b.open(r.position)
	b.lost(err, "was deleted")
}
