package models

import (
	"context"
	"reflect"
	"slices"

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

// Promote makes a version the one that answers.
func (e *Editor) Promote(ctx context.Context, model string, version int64, by string) (*definitions.Applied, error) {
	return e.Definitions.AmendModel(ctx, model, by, func(m *schema.Model) error {
		if err := definitions.HasVersion(m, version); err != nil {
			return err
		}
		if m.Splits() || m.Served() != version {
			serveAlone(m, version)
		}
		return nil
	})
}

// Retire takes a version that does nothing out of the definitions.
func (e *Editor) Retire(ctx context.Context, model string, version int64, by string) (*definitions.Applied, error) {
	return e.Definitions.Amend(ctx, by, func(defs *schema.Definitions) error {
		m, err := definitions.FindModel(defs, model)
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

// A Rollback is what brought back what answered before.
type Rollback struct {
	*definitions.Applied
	AsOf         int64 // the version of the definitions that had it
	ModelVersion int64 // that answers again; 0 where the traffic is split
}

// Rollback brings back what answered before.
func (e *Editor) Rollback(ctx context.Context, model, by string) (*Rollback, error) {
	history, err := e.Registry.ModelHistory(ctx)
	if err != nil {
		return nil, err
	}
	out := new(Rollback)
	out.Applied, err = e.Definitions.AmendModel(ctx, model, by, func(m *schema.Model) error {
		before := servedBefore(history, m)
		if before == nil {
			return schema.Errorf(schema.FailedPrecondition, "NOTHING_BEFORE", "nothing that model %q still has served before version %d; larder models promote %[1]s VERSION chooses another", m.Name, m.Served())
		}
		then := before.Model(m.Name)
		out.AsOf, out.ModelVersion = before.Version.Version, then.Served()
		serveAlone(m, then.Served())
		if then.Splits() {
			m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp = 0, then.Traffic, then.SplitBy, then.Salt, then.Ramp
		}
		return nil
	})
	return out, err
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
