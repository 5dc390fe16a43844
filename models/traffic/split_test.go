package traffic_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/models/traffic"
	"larder/schema"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// model returns a model with weights in buckets, from version 1 on.
func model(weights ...int) *schema.Model {
	m := &schema.Model{Name: "m", SplitBy: "user_id"}
	for i, w := range weights {
		m.Versions = append(m.Versions, schema.ModelVersion{Version: int64(i + 1)})
		m.Traffic = append(m.Traffic, schema.VersionWeight{Version: int64(i + 1), Weight: schema.Percent(w) / 100})
	}
	return m
}

func split(m *schema.Model, opts traffic.Options) *traffic.Split {
	c := &schema.Catalog{Definitions: schema.Definitions{Models: []schema.Model{*m}}}
	return traffic.NewRouter(opts).Splits(c)[m.Name]
}

func armsOf(s *traffic.Split, at time.Time) []int {
	arms := make([]int, traffic.Buckets)
	for b := range arms {
		arms[b] = s.Arm(b, at)
	}
	return arms
}

func weights(t *rapid.T, versions int) []int {
	w := make([]int, versions)
	left := traffic.Buckets
	for i := 1; i < versions; i++ {
		w[i] = rapid.IntRange(0, left).Draw(t, "weight")
		left -= w[i]
	}
	w[0] = left
	return w
}

func TestVersionsGetTheirWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := weights(t, rapid.IntRange(1, schema.MaxVersionsInTraffic).Draw(t, "versions"))
		s := split(model(want...), traffic.Options{})
		got := make([]int, len(want))
		for _, arm := range armsOf(s, epoch) {
			got[arm]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, s.Weights(epoch)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// moved returns how many buckets go elsewhere, and how many must.
func moved(before, after []int) (moved, must int) {
	a, b := armsOf(split(model(before...), traffic.Options{}), epoch), armsOf(split(model(after...), traffic.Options{}), epoch)
	for i := range a {
		if a[i] != b[i] {
			moved++
		}
	}
	for i := range before {
		must += max(after[i]-before[i], 0)
	}
	return moved, must
}

// TestAWeightMovesOnlyWhatItMust: among two or three versions, what one gains or
// gives comes from and goes to the control; among more, at most twice that moves.
func TestAWeightMovesOnlyWhatItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := weights(t, rapid.IntRange(2, 6).Draw(t, "versions"))
		after := append([]int(nil), before...)
		which := rapid.IntRange(1, len(before)-1).Draw(t, "which")
		change := rapid.IntRange(-before[which], before[0]).Draw(t, "change")
		after[which] += change
		after[0] -= change
		got, must := moved(before, after)
		switch {
		case len(before) <= 3 && got != must:
			t.Fatalf("%v to %v: %d buckets move; %d must", before, after, got, must)
		case got > must*len(before):
			t.Fatalf("%v to %v: %d buckets move; %d must", before, after, got, must)
		}
	})
}

// ramped returns a model whose version 2 goes from 5 to 50 percent in two days.
func ramped() *schema.Model {
	m := model(9000, 500, 500)
	m.Ramp = &schema.Ramp{Version: 2, From: 5, To: 50, Over: schema.Duration(48 * time.Hour)}
	return m
}

// TestRamp: a ramp's weight follows its time, and no unit leaves the version while it
// rises.
func TestRamp(t *testing.T) {
	m := ramped()
	s := split(m, traffic.Options{Rollouts: func() map[string]traffic.Rollout {
		return map[string]traffic.Rollout{"m": {ID: m.RolloutID(), Began: epoch}}
	}})
	f := func(after time.Duration, want int) {
		t.Helper()
		if got := s.Weights(epoch.Add(after))[1]; got != want {
			t.Errorf("after %v: %d buckets; want %d", after, got, want)
		}
	}
	f(-time.Hour, 500)
	f(0, 500)
	f(24*time.Hour, 2750)
	f(48*time.Hour, 5000)
	f(100*time.Hour, 5000)
	last := armsOf(s, epoch)
	for after := time.Hour; after <= 50*time.Hour; after += time.Hour {
		now := armsOf(s, epoch.Add(after))
		for b := range now {
			if last[b] != now[b] && (last[b] != 0 || now[b] != 1) {
				t.Fatalf("after %v bucket %d goes from arm %d to %d", after, b, last[b], now[b])
			}
		}
		last = now
	}
}

// TestARampThatIsNotKnown: without news of it a ramp stays where it begins; so does
// one whose news are of another ramp.
func TestARampThatIsNotKnown(t *testing.T) {
	for _, rollouts := range []map[string]traffic.Rollout{nil, {"m": {ID: "other", Began: epoch.Add(-time.Hour), Trip: &traffic.Trip{}}}} {
		s := split(ramped(), traffic.Options{Rollouts: func() map[string]traffic.Rollout { return rollouts }})
		if got := s.Weights(epoch.Add(time.Hour))[1]; got != 500 {
			t.Errorf("%d buckets; want 500", got)
		}
	}
}

// TestATrippedRamp: its buckets go to the control, and no others move.
func TestATrippedRamp(t *testing.T) {
	m := ramped()
	rollout := traffic.Rollout{ID: m.RolloutID(), Began: epoch}
	s := split(m, traffic.Options{Rollouts: func() map[string]traffic.Rollout { return map[string]traffic.Rollout{"m": rollout} }})
	at := epoch.Add(time.Hour)
	before := armsOf(s, at)
	rollout.Trip = &traffic.Trip{At: at}
	for b, arm := range armsOf(s, at) {
		if want := map[int]int{0: 0, 1: 0, 2: 2}[before[b]]; arm != want {
			t.Fatalf("bucket %d of arm %d goes to %d; want %d", b, before[b], arm, want)
		}
	}
	if diff := cmp.Diff([]int{9500, 0, 500}, s.Weights(at)); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkChoose is what splitting adds to a request of one row.
func BenchmarkChoose(b *testing.B) {
	m := ramped()
	rollouts := map[string]traffic.Rollout{"m": {ID: m.RolloutID(), Began: time.Now()}}
	s := split(m, traffic.Options{Rollouts: func() map[string]traffic.Rollout { return rollouts }})
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		s.Arm(traffic.BucketInt(s.Salt, n), time.Now())
		n++
	}
}
