package control

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/control/definitions"
	"larder/control/models"
	"larder/schema"
)

// PromoteModel serves one version of a model.
func (s *Server) PromoteModel(ctx context.Context, req *larderv1.PromoteModelRequest) (*larderv1.PromoteModelResponse, error) {
	done, err := s.parts.Models.Promote(ctx, req.GetModel(), req.GetModelVersion(), by(ctx, req.GetAppliedBy()))
	if err != nil {
		return nil, err
	}
	return &larderv1.PromoteModelResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

// RetireModel removes an unused version, or a whole model, from the definitions.
func (s *Server) RetireModel(ctx context.Context, req *larderv1.RetireModelRequest) (*larderv1.RetireModelResponse, error) {
	done, err := s.retire(ctx, req)
	if err != nil {
		return nil, err
	}
	return &larderv1.RetireModelResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

func (s *Server) retire(ctx context.Context, req *larderv1.RetireModelRequest) (*definitions.Applied, error) {
	switch {
	case !req.GetWholeModel():
		return s.parts.Models.Retire(ctx, req.GetModel(), req.GetModelVersion(), by(ctx, req.GetAppliedBy()))
	case req.GetModelVersion() != 0:
		return nil, schema.BadRequest.Errorf("the whole model is to be retired, and version %d of it; leave out the version", req.GetModelVersion())
	}
	return s.parts.Models.RetireModel(ctx, req.GetModel(), by(ctx, req.GetAppliedBy()))
}

// RollbackModel restores the version or the traffic that was served before.
func (s *Server) RollbackModel(ctx context.Context, req *larderv1.RollbackModelRequest) (*larderv1.RollbackModelResponse, error) {
	done, err := s.parts.Models.Rollback(ctx, req.GetModel(), by(ctx, req.GetAppliedBy()))
	if err != nil {
		return nil, err
	}
	return &larderv1.RollbackModelResponse{
		Version: done.Version, Changes: changeMessages(done.Changes), AsOfVersion: done.AsOf, ModelVersion: done.ModelVersion,
	}, nil
}

// SetTraffic splits the requests for a model among its versions.
func (s *Server) SetTraffic(ctx context.Context, req *larderv1.SetTrafficRequest) (*larderv1.SetTrafficResponse, error) {
	t := models.Traffic{SplitBy: req.GetSplitBy(), Salt: req.GetSalt()}
	for _, w := range req.GetWeights() {
		t.Weights = append(t.Weights, schema.VersionWeight{Version: w.GetModelVersion(), Weight: schema.Percent(w.GetWeight())})
	}
	if req.Shadow != nil {
		versions := req.GetShadow().GetModelVersions()
		t.Shadow = &versions
	}
	if r := req.GetRamp(); r != nil {
		t.Ramp = &models.Ramp{
			Version: r.GetModelVersion(), To: schema.Percent(r.GetTo()), Over: time.Duration(r.GetOver()) * time.Microsecond, Guards: r.GetGuards(),
		}
	}
	done, err := s.parts.Models.SetTraffic(ctx, req.GetModel(), t, by(ctx, req.GetAppliedBy()))
	if err != nil {
		return nil, err
	}
	return &larderv1.SetTrafficResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

// ResumeRamp restarts a ramp that a guard stopped.
func (s *Server) ResumeRamp(ctx context.Context, req *larderv1.ResumeRampRequest) (*larderv1.ResumeRampResponse, error) {
	if err := s.parts.Models.ResumeRamp(ctx, req.GetModel()); err != nil {
		return nil, err
	}
	return &larderv1.ResumeRampResponse{}, nil
}

// splitMessage returns nil when one version answers all requests.
func splitMessage(status models.Status) *larderv1.TrafficStatus {
	m, split := status.Model, status.Split
	if split == nil {
		return nil
	}
	out := &larderv1.TrafficStatus{SplitBy: m.SplitBy, Salt: m.SplitSalt()}
	for i, w := range m.Traffic {
		out.Weights = append(out.Weights, &larderv1.VersionWeight{ModelVersion: w.Version, Weight: split.Percents[i]})
	}
	if r := m.Ramp; r != nil {
		out.Ramp = &larderv1.RampStatus{ModelVersion: r.Version, From: float64(r.From), To: float64(r.To), Over: r.Over.Micros()}
		if split.Rollout != nil {
			out.Ramp.Began = split.Rollout.Began.UnixMicro()
		}
		if split.Rollout != nil && split.Rollout.Trip != nil {
			trip := split.Rollout.Trip
			out.Ramp.TrippedAt, out.Ramp.TrippedBy, out.Ramp.Reason = trip.At.UnixMicro(), trip.Server, trip.Reason
		}
	}
	return out
}
