package models

import (
	"context"
	"reflect"
	"slices"

	"larder/control/definitions"
	"larder/schema"
	"larder/store/registry"
)

// serveAlone serves one version and removes any traffic split.
func serveAlone(m *schema.Model, version int64) {
	shadow := slices.DeleteFunc(m.Shadow, func(v int64) bool { return v == version })
	if len(m.Versions) == 1 {
		version = 0 // a single version serves without being named
	}
	route(m, schema.Routing{Serve: version, Shadow: shadow})
}

// route sets what serves. From then on, commands decide that.
func route(m *schema.Model, r schema.Routing) {
	m.Route(r)
	if m.Rollout != schema.FileDecides {
		m.Rollout = schema.CommandsDecide
	}
}

// Promote serves one version of a model.
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

// RetireModel removes a model with all its versions from the definitions.
func (e *Editor) RetireModel(ctx context.Context, model, by string) (*definitions.Applied, error) {
	return e.Definitions.Amend(ctx, by, func(defs *schema.Definitions) error {
		m, err := definitions.FindModel(defs, model)
		if err != nil {
			return err
		}
		defs.Models = slices.DeleteFunc(defs.Models, func(other schema.Model) bool { return other.Name == m.Name })
		return nil
	})
}

// Retire removes an unused version from the definitions. It refuses the only version of
// a model; see [Editor.RetireModel]. A model that follows an alias of MLflow may lose its
// only version: it waits for the alias to move, as before the first version came.
func (e *Editor) Retire(ctx context.Context, model string, version int64, by string) (*definitions.Applied, error) {
	return e.Definitions.Amend(ctx, by, func(defs *schema.Definitions) error {
		m, err := definitions.FindModel(defs, model)
		if err != nil {
			return err
		}
		if err := definitions.HasVersion(m, version); err != nil {
			return err
		}
		return retire(m, version)
	})
}

func retire(m *schema.Model, version int64) error {
	inUse := func(how, remedy string) error {
		return schema.VersionInUse.Errorf("version %d of model %q %s; %s, then retire it", version, m.Name, how, remedy)
	}
	inTraffic := func(w schema.VersionWeight) bool { return w.Version == version }
	switch {
	case len(m.Versions) == 1 && m.MLflow != nil:
		m.Versions = nil
		route(m, schema.Routing{})
		return nil
	case len(m.Versions) == 1:
		return schema.VersionInUse.Errorf("version %d is the only version of model %q; larder models retire %[2]s --model retires the model with it", version, m.Name)
	case slices.ContainsFunc(m.Traffic, inTraffic):
		return inUse("has a share of the traffic", "remove it from the traffic")
	case slices.Contains(m.Shadow, version):
		return inUse("is a shadow", "remove it from shadow")
	case m.Served() == version:
		return inUse("is the one that serves", "promote another")
	}
	m.Versions = slices.DeleteFunc(m.Versions, func(v schema.ModelVersion) bool { return v.Version == version })
	return nil
}

// A Rollback is the result of a rollback.
type Rollback struct {
	*definitions.Applied
	AsOf         int64 // the version of the definitions that is restored
	ModelVersion int64 // the model version that serves again; 0 when the traffic is split
}

// Rollback restores the version or the traffic that was served before.
func (e *Editor) Rollback(ctx context.Context, model, by string) (*Rollback, error) {
	history, err := e.Registry.ModelHistory(ctx)
	if err != nil {
		return nil, err
	}
	out := new(Rollback)
	out.Applied, err = e.Definitions.AmendModel(ctx, model, by, func(m *schema.Model) error {
		before := servedBefore(history, m)
		if before == nil {
			return schema.NothingBefore.Errorf("cannot roll back model %q: no version that it still has was served before version %d; choose one with larder models promote %[1]s VERSION", m.Name, m.Served())
		}
		then := before.Model(m.Name)
		out.AsOf, out.ModelVersion = before.Version.Version, then.Served()
		serveAlone(m, then.Served())
		if then.Splits() {
			route(m, schema.Routing{Traffic: then.Traffic, SplitBy: then.SplitBy, Salt: then.Salt, Ramp: then.Ramp, Shadow: m.Shadow})
		}
		return nil
	})
	return out, err
}

// servedBefore returns the newest definitions that routed the model differently than
// now, with versions that the model still has, each with the same file.
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

// answering returns the versions that a model needs to answer requests.
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
