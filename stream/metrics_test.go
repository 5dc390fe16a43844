package stream_test

import (
	"strings"
	"testing"
	"time"

	"larder/stream/source"
)

// gauges is how many gauges of streams a server has.
func (s *server) gauges() (n int) {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetType().String() == "GAUGE" && strings.HasPrefix(f.GetName(), "larder_stream_") {
			n += len(f.GetMetric())
		}
	}
	return n
}

// The gauges of a stream and of its view go with them.
func TestGaugesOfADroppedStreamAreGone(t *testing.T) {
	w := newWorld(t, orders("nowhere:1", ""))
	src := &script{steps: []func() (source.Batch, error){batch(0, order(1))}}
	s := w.startWith(t.TempDir(), src.open, 500*time.Millisecond)
	w.awaitEvents(s, "orders", 1)
	const position, states, freshness = 1, 5, 1
	for deadline := time.Now().Add(20 * time.Second); s.gauges() < position+states+freshness; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d gauges of a stream", s.gauges())
		}
	}
	w.apply("entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]")
	for deadline := time.Now().Add(20 * time.Second); s.gauges() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d gauges of a stream that was dropped", s.gauges())
		}
	}
}
