package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"larder/control/definitions"
	"larder/models/traffic"
	"larder/schema"
)

// A Traffic is a change of how requests for a model are split among its versions.
// Zero fields stay as they are.
type Traffic struct {
	Weights       []schema.VersionWeight // the first is the control
	SplitBy, Salt string
	Ramp          *Ramp
	Shadow        *[]int64 // the versions that score beside those that answer
}

// A Ramp raises the weight of a version over time.
type Ramp struct {
	Version int64
	To      schema.Percent
	Over    time.Duration
	Guards  map[string]float64 // by name; window is in seconds
}

// SetTraffic changes how requests for a model are split among its versions.
func (e *Editor) SetTraffic(ctx context.Context, model string, t Traffic, by string) (*definitions.Applied, error) {
	return e.Definitions.AmendModel(ctx, model, by, func(m *schema.Model) error { return setTraffic(m, t) })
}

func setTraffic(m *schema.Model, t Traffic) error {
	r := m.Routing()
	if len(t.Weights) > 0 {
		r.Serve, r.Traffic, r.Ramp = 0, slices.Clone(t.Weights), nil
	}
	r.SplitBy, r.Salt = cmp.Or(t.SplitBy, r.SplitBy), cmp.Or(t.Salt, r.Salt)
	if t.Shadow != nil {
		r.Shadow = *t.Shadow
	}
	if t.Ramp != nil {
		var err error
		if r.Ramp, err = newRamp(r.Traffic, t.Ramp); err != nil {
			return err
		}
	}
	route(m, r)
	return nil
}

// newRamp returns a ramp that starts at the current weight of its version.
func newRamp(traffic []schema.VersionWeight, set *Ramp) (*schema.Ramp, error) {
	r := &schema.Ramp{Version: set.Version, To: set.To, Over: schema.Duration(set.Over)}
	if at := slices.IndexFunc(traffic, func(w schema.VersionWeight) bool { return w.Version == r.Version }); at >= 0 {
		r.From = traffic[at].Weight
	}
	if len(set.Guards) == 0 {
		return r, nil
	}
	g := &schema.Guards{}
	for name, value := range set.Guards {
		switch name {
		case "error_share":
			g.ErrorShare = value
		case "latency_ratio":
			g.LatencyRatio = schema.Ratio(value)
		case "score_distance":
			g.ScoreDistance = value
		case "missing_share":
			g.MissingShare = value
		case "window":
			g.Window = schema.Duration(value * float64(time.Second))
		case "min_requests":
			g.MinRequests = int(value)
		default:
			known := []string{"error_share", "latency_ratio", "score_distance", "missing_share", "window", "min_requests"}
			return nil, schema.UnknownGuard.Errorf("no guard %q; %s", name, schema.Nearest(name, known))
		}
	}
	r.Guards = g
	return r, nil
}

// ResumeRamp restarts a ramp that a guard stopped.
func (e *Editor) ResumeRamp(ctx context.Context, model string) error {
	return e.Registry.Resume(ctx, model)
}

// A Split is how the traffic of a model is split now.
type Split struct {
	Percents []float64        // one per version of the traffic
	Rollout  *traffic.Rollout // of its ramp; nil when there is none or it is unknown
}

// split returns nil when one version answers all requests.
func (e *Editor) split(m *schema.Model) *Split {
	if !m.Splits() {
		return nil
	}
	percents, rollout := traffic.Standing(m, e.Registry.Rollouts(), time.Now())
	return &Split{percents, rollout}
}
