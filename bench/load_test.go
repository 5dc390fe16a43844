package bench

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestRateChargesAStallToWhatItDelayed stalls one call of an arrival rate: every
// call that fell due meanwhile must count the wait.
func TestRateChargesAStallToWhatItDelayed(t *testing.T) {
	const stall = 100 * time.Millisecond
	s := Scenario{Concurrency: 1, Rate: 1000}
	x := &target{rec: newRecording(), do: func(_ context.Context, n int) error {
		if n == 10 {
			<-time.After(stall)
		}
		return nil
	}}
	if err := interleave(t.Context(), s, slice, x); err != nil {
		t.Fatal(err)
	}
	h := x.rec.latencies
	if got, want := h.TotalCount(), int64(slice/time.Millisecond); got != want {
		t.Errorf("%d calls, want %d: those that were late too", got, want)
	}
	var waited int64
	for _, bar := range h.Distribution() {
		if bar.From >= int64(stall/2) {
			waited += bar.Count
		}
	}
	if waited < 50 {
		t.Errorf("%d calls waited for half of the stall; 50 fell due in that half", waited)
	}
}

func TestNoRateSendsTheNextWhenOneHasReturned(t *testing.T) {
	s := Scenario{Concurrency: 4}
	inFlight := make(chan struct{}, 4)
	var over bool
	x := &target{rec: newRecording(), do: func(context.Context, int) error {
		select {
		case inFlight <- struct{}{}:
			<-time.After(time.Millisecond)
			<-inFlight
		default:
			over = true
		}
		return nil
	}}
	if err := interleave(t.Context(), s, 50*time.Millisecond, x); err != nil {
		t.Fatal(err)
	}
	if n := x.rec.latencies.TotalCount(); over || n == 0 || int64(x.n) != n {
		t.Errorf("%d calls recorded of %d; more than 4 at once: %v", n, x.n, over)
	}
	if min := x.rec.latencies.Min(); min < int64(time.Millisecond)*999/1000 {
		t.Errorf("a call of a millisecond took %d ns", min)
	}
}

func TestACallThatFailsEndsTheRun(t *testing.T) {
	broken := errors.New("broken")
	x := &target{rec: newRecording(), do: func(_ context.Context, n int) error {
		if n == 3 {
			return broken
		}
		return nil
	}}
	if err := interleave(t.Context(), Scenario{Concurrency: 2}, time.Minute, x); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultScenario().Validate(); err != nil {
		t.Error(err)
	}
	s := DefaultScenario()
	s.Views, s.Model, s.Rate = 0, "forest", -1
	const want = "--views is 0; it must be 1 to 100\n--model must be trees, mlp or none, not \"forest\"\n--rate is -1; it must be 0 to 1,000,000"
	if err := s.Validate(); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	s = DefaultScenario()
	s.Views, s.Features = 100, 1000
	if err := s.Validate(); err == nil {
		t.Error("100,000 features fit a model")
	}
}
