package control

import (
	"context"
	"slices"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/models/traffic"
	"larder/schema"
)

// SetTraffic shares what is asked of a model among its versions.
func (s *Server) SetTraffic(ctx context.Context, req *larderv1.SetTrafficRequest) (*larderv1.SetTrafficResponse, error) {
	done, err := s.definitions.AmendModel(ctx, req.GetModel(), req.GetAppliedBy(), func(m *schema.Model) error { return setTraffic(m, req) })
	if err != nil {
		return nil, err
	}
	return &larderv1.SetTrafficResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

func setTraffic(m *schema.Model, req *larderv1.SetTrafficRequest) error {
	if len(req.GetWeights()) > 0 {
		m.Serve, m.Traffic, m.Ramp = 0, nil, nil
		for _, w := range req.GetWeights() {
			m.Traffic = append(m.Traffic, schema.VersionWeight{Version: w.GetModelVersion(), Weight: schema.Percent(w.GetWeight())})
		}
	}
	if by := req.GetSplitBy(); by != "" {
		m.SplitBy = by
	}
	if salt := req.GetSalt(); salt != "" {
		m.Salt = salt
	}
	if req.Shadow != nil {
		m.Shadow = req.GetShadow().GetModelVersions()
	}
	if req.Ramp == nil {
		return nil
	}
	var err error
	m.Ramp, err = newRamp(m, req.GetRamp())
	return err
}

// newRamp returns a ramp that begins at the weight that its version has.
func newRamp(m *schema.Model, set *larderv1.RampSettings) (*schema.Ramp, error) {
	r := &schema.Ramp{
		Version: set.GetModelVersion(), To: schema.Percent(set.GetTo()), Over: schema.Duration(time.Duration(set.GetOver()) * time.Microsecond),
	}
	if at := slices.IndexFunc(m.Traffic, func(w schema.VersionWeight) bool { return w.Version == r.Version }); at >= 0 {
		r.From = m.Traffic[at].Weight
	}
	if len(set.GetGuards()) == 0 {
		return r, nil
	}
	g := &schema.Guards{}
	for name, value := range set.GetGuards() {
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
			return nil, schema.Errorf(schema.Invalid, "UNKNOWN_GUARD", "no guard %q; %s", name, schema.Nearest(name, known))
		}
	}
	r.Guards = g
	return r, nil
}

// ResumeRamp begins a ramp anew that a guard had ended.
func (s *Server) ResumeRamp(ctx context.Context, req *larderv1.ResumeRampRequest) (*larderv1.ResumeRampResponse, error) {
	if err := s.Registry.Resume(ctx, req.GetModel()); err != nil {
		return nil, err
	}
	return &larderv1.ResumeRampResponse{}, nil
}

// trafficStatus returns how the traffic of a model is split now; nil when one
// version answers.
func (s *Server) trafficStatus(m *schema.Model) *larderv1.TrafficStatus {
	if !m.Splits() {
		return nil
	}
	percents, rollout := traffic.Standing(m, s.Registry.Rollouts(), time.Now())
	out := &larderv1.TrafficStatus{SplitBy: m.SplitBy, Salt: m.SplitSalt()}
	for i, w := range m.Traffic {
		out.Weights = append(out.Weights, &larderv1.VersionWeight{ModelVersion: w.Version, Weight: percents[i]})
	}
	if r := m.Ramp; r != nil {
		out.Ramp = &larderv1.RampStatus{ModelVersion: r.Version, From: float64(r.From), To: float64(r.To), Over: r.Over.Micros()}
		if rollout != nil {
			out.Ramp.Began = rollout.Began.UnixMicro()
		}
		if rollout != nil && rollout.Trip != nil {
			out.Ramp.TrippedAt, out.Ramp.TrippedBy, out.Ramp.Reason = rollout.Trip.At.UnixMicro(), rollout.Trip.Server, rollout.Trip.Reason
		}
	}
	return out
}
