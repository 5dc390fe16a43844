package control

import (
	"context"
	"reflect"
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/control/definitions"
	"larder/schema"
	"larder/store/registry"
)

// serveAlone makes a version the one that answers; what split the traffic ends.
func serveAlone(m *schema.Model, version int64) {
	m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp = 0, nil, "", "", nil
	m.Shadow = slices.DeleteFunc(m.Shadow, func(v int64) bool { return v == version })
	if len(m.Versions) > 1 { // the only one serves without being named
		m.Serve = version
	}
}

// PromoteModel makes a version the one that answers.
func (s *Server) PromoteModel(ctx context.Context, req *larderv1.PromoteModelRequest) (*larderv1.PromoteModelResponse, error) {
	done, err := s.definitions.AmendModel(ctx, req.GetModel(), req.GetAppliedBy(), func(m *schema.Model) error {
		if err := definitions.HasVersion(m, req.GetModelVersion()); err != nil {
			return err
		}
		if m.Splits() || m.Served() != req.GetModelVersion() {
			serveAlone(m, req.GetModelVersion())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &larderv1.PromoteModelResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

// RetireModel takes a version that does nothing out of the definitions.
func (s *Server) RetireModel(ctx context.Context, req *larderv1.RetireModelRequest) (*larderv1.RetireModelResponse, error) {
	version := req.GetModelVersion()
	done, err := s.definitions.Amend(ctx, req.GetAppliedBy(), func(defs *schema.Definitions) error {
		m, err := definitions.FindModel(defs, req.GetModel())
		if err != nil {
			return err
		}
		if err := definitions.HasVersion(m, version); err != nil {
			return err
		}
		if len(m.Versions) == 1 && m.MLflow == nil && len(m.Shadow) == 0 { // a model goes with its last version
			defs.Models = slices.DeleteFunc(defs.Models, func(other schema.Model) bool { return other.Name == m.Name })
			return nil
		}
		return retire(m, version)
	})
	if err != nil {
		return nil, err
	}
	return &larderv1.RetireModelResponse{Version: done.Version, Changes: changeMessages(done.Changes)}, nil
}

func retire(m *schema.Model, version int64) error {
	inUse := func(how, remedy string) error {
		return schema.Errorf(schema.FailedPrecondition, "VERSION_IN_USE", "version %d of model %q %s; %s, then retire it", version, m.Name, how, remedy)
	}
	inTraffic := func(w schema.VersionWeight) bool { return w.Version == version }
	switch {
	case slices.ContainsFunc(m.Traffic, inTraffic):
		return inUse("has a share of the traffic", "take it out of the traffic")
	case slices.Contains(m.Shadow, version):
		return inUse("scores as a shadow", "take it out of shadow")
	case m.Served() == version:
		return inUse("serves", "promote another")
	}
	m.Versions = slices.DeleteFunc(m.Versions, func(v schema.ModelVersion) bool { return v.Version == version })
	return nil
}

// RollbackModel brings back what answered before.
func (s *Server) RollbackModel(ctx context.Context, req *larderv1.RollbackModelRequest) (*larderv1.RollbackModelResponse, error) {
	history, err := s.Registry.ModelHistory(ctx)
	if err != nil {
		return nil, err
	}
	out := &larderv1.RollbackModelResponse{}
	done, err := s.definitions.AmendModel(ctx, req.GetModel(), req.GetAppliedBy(), func(m *schema.Model) error {
		before := servedBefore(history, m)
		if before == nil {
			return schema.Errorf(schema.FailedPrecondition, "NOTHING_BEFORE", "nothing that model %q still has served before version %d; larder models promote %[1]s VERSION chooses another", m.Name, m.Served())
		}
		then := before.Model(m.Name)
		out.AsOfVersion, out.ModelVersion = before.Version.Version, then.Served()
		serveAlone(m, then.Served())
		if then.Splits() {
			m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp = 0, then.Traffic, then.SplitBy, then.Salt, then.Ramp
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Version, out.Changes = done.Version, changeMessages(done.Changes)
	return out, nil
}

// servedBefore returns the newest definitions in which a model was answered by
// other versions than now, or with other weights, all of which it still has.
func servedBefore(history []registry.PastModels, m *schema.Model) *registry.PastModels {
	for i := range history {
		then := history[i].Model(m.Name)
		if then == nil || len(then.Versions) == 0 || sameTraffic(then, m) {
			continue
		}
		if !slices.ContainsFunc(answering(then), func(version int64) bool { return !sameFile(then, m, version) }) {
			return &history[i]
		}
	}
	return nil
}

// answering returns the versions that a model needs to answer.
func answering(m *schema.Model) []int64 {
	if !m.Splits() {
		return []int64{m.Served()}
	}
	versions := make([]int64, len(m.Traffic))
	for i, w := range m.Traffic {
		versions[i] = w.Version
	}
	return versions
}

func sameTraffic(a, b *schema.Model) bool {
	if !a.Splits() && !b.Splits() {
		return a.Served() == b.Served()
	}
	return reflect.DeepEqual(a.Traffic, b.Traffic) && reflect.DeepEqual(a.Ramp, b.Ramp)
}

func sameFile(a, b *schema.Model, version int64) bool {
	before, now := a.Version(version), b.Version(version)
	return before != nil && now != nil && before.SHA256 == now.SHA256
}
