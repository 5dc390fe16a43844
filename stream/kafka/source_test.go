package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"larder/schema"
	"larder/stream/source"
)

func asError[E error](err error) (E, bool) {
	var want E
	ok := errors.As(err, &want)
	return want, ok
}

// numbers returns the texts of first to last-1.
func numbers(first, last int) []string {
	var texts []string
	for i := first; i < last; i++ {
		texts = append(texts, fmt.Sprint(i))
	}
	return texts
}

func (r *reader) holds(part string, want []string) {
	r.b.t.Helper()
	if diff := cmp.Diff(want, r.values[part]); diff != "" {
		r.b.t.Fatalf("partition %s (-want +got):\n%s", part, diff)
	}
}

func TestEachPartitionComesInOrder(t *testing.T) {
	b := newBench(t, newCluster(t), 3)
	before := time.Now().Add(-time.Second).UnixMicro()
	b.produce(0, 0, 6000)
	b.produce(2, 0, 10)
	r := b.mustOpen(nil)
	first, err := r.Fetch(b.ctx)
	if err != nil || len(first.Messages) != 0 || len(first.Positions) != 3 {
		t.Fatalf("the first batch has %d messages, %d positions, error %v; want the three positions only", len(first.Messages), len(first.Positions), err)
	}
	second, err := r.Fetch(b.ctx)
	if err != nil || len(second.Messages) == 0 || len(second.Messages) > 5000 {
		t.Fatalf("%d messages, error %v", len(second.Messages), err)
	}
	m := second.Messages[1]
	if want := m.Part + ":1"; m.ID != want || m.Offset != 1 || m.Time < before || m.Deleted {
		t.Errorf("message %+v, want the id %s", m, want)
	}
	r = b.mustOpen(nil)
	r.until(func() bool { return r.count() == 6010 })
	r.holds("0", numbers(0, 6000))
	r.holds("2", numbers(0, 10))
	if p := r.positions["0"]; p.Next != 6000 || p.Incarnation == "" {
		t.Errorf("position %+v, want 6000 and the topic's id", p)
	}
	if p, ok := r.positions["1"]; !ok || p.Next != 0 {
		t.Errorf("the empty partition's position is %+v", p)
	}
}

func TestTombstonesAndEmptyValuesDiffer(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	for _, value := range [][]byte{nil, {}, []byte("x")} {
		record := &kgo.Record{Topic: b.topic, Key: []byte("k"), Value: value}
		if err := b.client.ProduceSync(b.ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := b.mustOpen(nil)
	r.until(func() bool { return r.count() == 3 })
	r.holds("0", []string{"-", "", "x"})
}

func TestLatestHoldsFromTheFirstLook(t *testing.T) {
	b := newBench(t, newCluster(t), 2)
	b.stream.Kafka.Start = schema.Latest
	b.produce(0, 0, 50)
	r := b.mustOpen(nil)
	if err := r.step(); err != nil {
		t.Fatal(err)
	}
	log := r.log()
	r.Close()
	b.produce(0, 50, 60) // while nobody reads
	b.produce(1, 0, 5)
	r = b.mustOpen(log)
	r.until(func() bool { return r.count() == 15 })
	r.holds("0", numbers(50, 60))
	r.holds("1", numbers(0, 5))
}

func TestOpenedAgainItGoesOn(t *testing.T) {
	b := newBench(t, newCluster(t), 2)
	var log []source.Position
	ids := map[string]int{}
	all := map[string][]string{}
	for round := range 5 {
		b.produce(0, round*100, round*100+100)
		b.produce(1, round*100, round*100+100)
		r := b.mustOpen(log)
		r.until(func() bool { return r.count() == 200 })
		for part, values := range r.values {
			all[part] = append(all[part], values...)
		}
		for id, n := range r.ids {
			ids[id] += n
		}
		log = r.log()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"0", "1"} {
		if diff := cmp.Diff(numbers(0, 500), all[part]); diff != "" {
			t.Fatalf("partition %s: %s", part, diff)
		}
	}
	if len(ids) != 1000 {
		t.Fatalf("%d ids, want 1000", len(ids))
	}
}

func TestABatchIsBounded(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	large := strings.Repeat("x", 900_000)
	for range 12 {
		if err := b.client.ProduceSync(b.ctx, &kgo.Record{Topic: b.topic, Value: []byte(large)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := b.mustOpen(nil)
	for n := 0; n < 12; {
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

func TestLagIsWhatTheLogHasNot(t *testing.T) {
	b := newBench(t, newCluster(t), 2)
	b.produce(0, 0, 30)
	r := b.mustOpen(nil)
	lag := func(want ...int64) {
		t.Helper()
		lags, err := r.Lag(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, l := range lags {
			got = append(got, l.Events)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("lag %v, want %v", got, want)
		}
	}
	lag(30, 0)
	r.until(func() bool { return r.count() == 30 })
	lag(0, 0)
	b.produce(1, 0, 7)
	lag(0, 7)
}

func TestTheGroupIsToldForTools(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	b.produce(0, 0, 30)
	r := b.mustOpen(nil)
	r.until(func() bool { return r.count() == 30 })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	offsets, err := b.admin.FetchOffsets(b.ctx, "larder-payments")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup(b.topic, 0); !ok || o.At != 30 {
		t.Fatalf("the group's offset is %+v, want 30", o)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	b := newBench(t, newCluster(t), 1)
	r := b.mustOpen(nil)
	if err := r.step(); err != nil { // the positions
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := r.Fetch(ctx); !errors.Is(err, ctx.Err()) {
		t.Fatalf("got %v, want the context's error", err)
	}
	b.produce(0, 0, 5) // it can be used further
	r.until(func() bool { return r.count() == 5 })
}
