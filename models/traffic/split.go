package traffic

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

// A Split sends the rows of one model to its versions. It is safe for concurrent
// use.
type Split struct {
	By   string // the join key or request value
	Salt string
	Arms []Arm // the first is the control

	model    *schema.Model
	rollouts func() map[string]Rollout
	id       string // of the ramp
	ramped   int    // the arm of the ramp; 0, the control, without a ramp
	watch    *watch // nil without guards
}

// An Arm is one version of a split.
type Arm struct {
	Version int64
	Rows    prometheus.Counter // rows that were sent to it
	weight  int                // in buckets; not set for the ramp's arm and the control
}

func newSplit(m *schema.Model, rollouts func() map[string]Rollout) *Split {
	s := &Split{By: m.SplitBy, Salt: m.SplitSalt(), model: m, rollouts: rollouts, id: m.RolloutID()}
	for i, w := range m.Traffic {
		s.Arms = append(s.Arms, Arm{Version: w.Version, weight: w.Weight.Buckets()})
		if m.Ramp != nil && m.Ramp.Version == w.Version {
			s.ramped = i
		}
	}
	return s
}

// Standing returns the percent of the split values that each version of a model has at
// a time, and the state of its ramp; nil without a known ramp.
func Standing(m *schema.Model, rollouts map[string]Rollout, now time.Time) (percents []float64, ramp *Rollout) {
	s := newSplit(m, func() map[string]Rollout { return rollouts })
	for _, buckets := range s.Weights(now) {
		percents = append(percents, float64(buckets)/(Buckets/100))
	}
	if r, known := s.rollout(); known {
		ramp = &r
	}
	return percents, ramp
}

// Arm returns the number of the arm that a bucket goes to at a time.
func (s *Split) Arm(bucket int, now time.Time) int {
	raised, tripped := s.standing(now)
	below, above := 0, Buckets
	for i := 1; i < len(s.Arms); i++ {
		weight := s.Arms[i].weight
		if i == s.ramped {
			weight = raised
		}
		var hit bool
		if i%2 == 1 {
			below += weight
			hit = bucket < below
		} else {
			above -= weight
			hit = bucket >= above
		}
		if hit {
			if tripped && i == s.ramped {
				return 0
			}
			return i
		}
	}
	return 0
}

// standing returns the weight that the ramp has reached, and whether it tripped.
func (s *Split) standing(now time.Time) (weight int, tripped bool) {
	if s.ramped == 0 {
		return 0, false
	}
	r, known := s.rollout()
	if !known {
		return s.Arms[s.ramped].weight, false
	}
	return rampWeight(s.model.Ramp, r.Began, now), r.Trip != nil
}

// rollout returns the state of the ramp. A ramp that isn't known yet is at its start.
func (s *Split) rollout() (Rollout, bool) {
	if s.rollouts == nil {
		return Rollout{}, false
	}
	r, known := s.rollouts()[s.model.Name]
	return r, known && r.ID == s.id
}

// Weights returns the buckets that each arm has at a time.
func (s *Split) Weights(now time.Time) []int {
	raised, tripped := s.standing(now)
	weights := make([]int, len(s.Arms))
	weights[0] = Buckets
	for i := 1; i < len(s.Arms); i++ {
		switch {
		case i != s.ramped:
			weights[i] = s.Arms[i].weight
		case !tripped:
			weights[i] = raised
		}
		weights[0] -= weights[i]
	}
	return weights
}

// Watched reports whether guards need the requests that an arm scored.
func (s *Split) Watched(arm int) bool {
	return s.watch != nil && (arm == 0 || arm == s.ramped)
}

// Observe reports one request that a watched arm scored to the guards.
func (s *Split) Observe(arm int, o Observation) {
	if arm == 0 {
		s.watch.control.add(o)
	} else {
		s.watch.challenger.add(o)
	}
}
