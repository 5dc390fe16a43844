package traffic_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"larder/models/traffic"
	"larder/schema"
)

// A ramp is one that a router watches, with the state that a registry keeps.
type ramp struct {
	split    *traffic.Split
	rollouts atomic.Pointer[map[string]traffic.Rollout]
	metrics  *prometheus.Registry
}

func watched(t *testing.T, guards schema.Guards) *ramp {
	m := ramped()
	m.Ramp.Guards = &guards
	r := &ramp{metrics: prometheus.NewRegistry()}
	r.set(traffic.Rollout{ID: m.RolloutID(), Began: time.Now()})
	router := traffic.NewRouter(traffic.Options{
		Rollouts: func() map[string]traffic.Rollout { return *r.rollouts.Load() },
		Trip: func(model, id, reason string) {
			if model != "m" || id != m.RolloutID() {
				t.Errorf("%s %s tripped", model, id)
			}
			now := r.rollout()
			now.Trip = &traffic.Trip{At: time.Now(), Reason: reason}
			r.set(now)
		},
		Registerer: r.metrics,
	})
	splits := router.Splits(&schema.Catalog{Definitions: schema.Definitions{Models: []schema.Model{*m}}})
	router.Serve(splits)
	r.split = splits["m"]
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	time.Sleep(time.Second) // of a synctest bubble: the router has seen when the ramp began
	return r
}

func (r *ramp) rollout() traffic.Rollout { return (*r.rollouts.Load())["m"] }

func (r *ramp) set(rollout traffic.Rollout) {
	r.rollouts.Store(&map[string]traffic.Rollout{"m": rollout})
}

// observe tells of requests that each of the two answered, drawn by two functions.
func (r *ramp) observe(requests int, control, challenger func(*rand.Rand) traffic.Observation) {
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for range requests {
		for arm, draw := range []func(*rand.Rand) traffic.Observation{control, challenger} {
			o := draw(random)
			o.At = time.Now()
			r.split.Observe(arm, o)
		}
	}
}

// usual draws a request of which nothing is wrong but what is.
func usual(random *rand.Rand) traffic.Observation {
	o := traffic.Observation{Latency: time.Duration(float64(time.Millisecond) * math.Exp(random.NormFloat64()/4)), Score: random.Float64()}
	if random.IntN(10) == 0 {
		o.Missing = 0.5
	}
	o.Failed = random.IntN(100) == 0
	return o
}

func but(change func(*traffic.Observation, *rand.Rand)) func(*rand.Rand) traffic.Observation {
	return func(random *rand.Rand) traffic.Observation {
		o := usual(random)
		change(&o, random)
		return o
	}
}

var all = schema.Guards{ErrorShare: 0.01, LatencyRatio: 1.5, ScoreDistance: 0.1, MissingShare: 0.05}

// TestGuardsTrip: each guard trips on what it guards against, within a second, and
// its words and metrics say so.
func TestGuardsTrip(t *testing.T) {
	f := func(guard, says string, challenger func(*rand.Rand) traffic.Observation) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := watched(t, all)
			r.observe(1000, usual, challenger)
			time.Sleep(time.Second)
			trip := r.rollout().Trip
			if trip == nil || !strings.Contains(trip.Reason, says) || !strings.Contains(trip.Reason, guard) {
				t.Errorf("%s: %+v", guard, trip)
			}
			want := `
# HELP larder_traffic_trips_total Guards that this server tripped, by guard.
# TYPE larder_traffic_trips_total counter
larder_traffic_trips_total{guard="` + guard + `",model="m"} 1
# HELP larder_traffic_tripped 1 while the control has all traffic of a ramp that a guard stopped.
# TYPE larder_traffic_tripped gauge
larder_traffic_tripped{model="m"} 1
`
			if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(want), "larder_traffic_trips_total", "larder_traffic_tripped"); err != nil {
				t.Error(err)
			}
		})
	}
	f("error_share", "of its requests failed", but(func(o *traffic.Observation, x *rand.Rand) { o.Failed = x.IntN(10) == 0 }))
	f("latency_ratio", "99th percentile", but(func(o *traffic.Observation, _ *rand.Rand) { o.Latency *= 3 }))
	f("score_distance", "distributions of its scores", but(func(o *traffic.Observation, _ *rand.Rand) { o.Score /= 2 }))
	f("score_distance", "distributions of its scores", but(func(o *traffic.Observation, _ *rand.Rand) { o.Score = math.NaN() }))
	f("missing_share", "were missing", but(func(o *traffic.Observation, x *rand.Rand) { o.Missing = x.Float64() }))
}

// TestGuardsDontTripByChance: a version that is not worse continues for many looks.
func TestGuardsDontTripByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guards := all
		guards.ErrorShare, guards.LatencyRatio, guards.ScoreDistance, guards.MissingShare = 1e-9, 1, 1e-9, 1e-9
		r := watched(t, guards)
		for range 120 {
			r.observe(250, usual, usual)
			time.Sleep(200 * time.Millisecond)
			if trip := r.rollout().Trip; trip != nil {
				t.Fatalf("%+v", trip)
			}
		}
	})
}

// TestGuardsAwaitEnough: what few requests say trips nothing, nor what is older
// than the window.
func TestGuardsAwaitEnough(t *testing.T) {
	wrong := but(func(o *traffic.Observation, _ *rand.Rand) { o.Failed = true })
	synctest.Test(t, func(t *testing.T) {
		r := watched(t, all)
		r.observe(schema.DefaultMinRequests-1, usual, wrong)
		time.Sleep(time.Second)
		if trip := r.rollout().Trip; trip != nil {
			t.Errorf("too few: %+v", trip)
		}
		time.Sleep(schema.DefaultGuardWindow.Std())
		r.observe(schema.DefaultMinRequests-1, usual, wrong)
		time.Sleep(time.Second)
		if trip := r.rollout().Trip; trip != nil {
			t.Errorf("too old: %+v", trip)
		}
	})
}

// TestAResumedRamp: what was seen before a person resumed the ramp is forgotten.
func TestAResumedRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := watched(t, all)
		wrong := but(func(o *traffic.Observation, _ *rand.Rand) { o.Failed = true })
		r.observe(1000, usual, wrong)
		time.Sleep(time.Second)
		if r.rollout().Trip == nil {
			t.Fatal("nothing tripped")
		}
		r.set(traffic.Rollout{ID: r.rollout().ID, Began: time.Now()})
		time.Sleep(time.Second)
		if trip := r.rollout().Trip; trip != nil {
			t.Errorf("%+v", trip)
		}
		r.observe(1000, usual, wrong)
		time.Sleep(time.Second)
		if r.rollout().Trip == nil {
			t.Error("it does not trip again")
		}
	})
}
