package traffic

import (
	"time"

	"larder/schema"
)

// A Rollout is the state of a ramp: when it began, and whether a guard stopped it.
type Rollout struct {
	ID    string    `json:"id"` // schema.Model.RolloutID
	Began time.Time `json:"began"`
	Trip  *Trip     `json:"trip,omitempty"` // nil while no guard has tripped
}

// A Trip records that a guard stopped a ramp. It stays until someone resumes the ramp.
type Trip struct {
	At     time.Time `json:"at"`
	Server string    `json:"server"`
	Reason string    `json:"reason"`
}

// rampWeight returns the weight in buckets of a ramp's version at a time.
func rampWeight(r *schema.Ramp, began, now time.Time) int {
	from, to := r.From.Buckets(), r.To.Buckets()
	since := now.Sub(began)
	switch {
	case since <= 0:
		return from
	case since >= r.Over.Std():
		return to
	}
	return from + int(float64(to-from)*(float64(since)/float64(r.Over.Std())))
}
