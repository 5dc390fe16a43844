package models

import (
	"context"

	"larder/control/definitions"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

// A Status is the state of a model of the catalog that serves.
type Status struct {
	Model    *schema.Model
	Source   *Source // nil when it has none
	Split    *Split  // nil when one version answers all requests
	Versions []VersionStatus
}

// A VersionStatus is the state of a version of a model.
type VersionStatus struct {
	definitions.Report
	Signature *scoring.Signature
	Size      int                  // of the file, in bytes
	Loaded    *scoring.Model       // nil when not loaded; only for describing it, not for scoring
	First     *registry.PastModels // the first definitions with it; nil when unknown
}

// Status returns a model of the catalog that serves.
func (e *Editor) Status(ctx context.Context, name string) (Status, error) {
	catalog := e.Registry.Catalog()
	m, err := definitions.FindModel(&catalog.Definitions, name)
	if err != nil {
		return Status{}, err
	}
	return e.status(ctx, catalog, m, e.history(ctx))
}

// Statuses returns those models of the catalog that serves whose names are wanted.
func (e *Editor) Statuses(ctx context.Context, wanted func(name string) bool) ([]Status, error) {
	catalog, history := e.Registry.Catalog(), e.history(ctx)
	var all []Status
	for i := range catalog.Definitions.Models {
		m := &catalog.Definitions.Models[i]
		if !wanted(m.Name) {
			continue
		}
		status, err := e.status(ctx, catalog, m, history)
		if err != nil {
			return nil, err
		}
		all = append(all, status)
	}
	return all, nil
}

// history returns the models of earlier versions, as far as Postgres tells.
func (e *Editor) history(ctx context.Context) []registry.PastModels {
	history, err := e.Registry.ModelHistory(ctx)
	if err != nil {
		e.Logger.Debug("cannot read who added the versions of models", "error", err)
	}
	return history
}

func (e *Editor) status(ctx context.Context, catalog *schema.Catalog, m *schema.Model, history []registry.PastModels) (Status, error) {
	status := Status{Model: m, Source: e.looks.source(m.Name), Split: e.split(m)}
	for i := range m.Versions {
		plan, err := catalog.ModelPlan(m.Name, m.Versions[i].Version)
		if err != nil {
			return Status{}, err
		}
		version, err := e.versionStatus(ctx, plan)
		if err != nil {
			return Status{}, err
		}
		version.First = firstWith(history, plan)
		status.Versions = append(status.Versions, version)
	}
	return status, nil
}

// firstWith returns the oldest definitions with a plan's model version.
func firstWith(history []registry.PastModels, p *schema.Plan) *registry.PastModels {
	for i := len(history) - 1; i >= 0; i-- {
		m := history[i].Model(p.Model.Name)
		if m != nil && sameFile(m, p.Model, p.ModelVersion.Version) {
			return &history[i]
		}
	}
	return nil
}

func (e *Editor) versionStatus(ctx context.Context, p *schema.Plan) (VersionStatus, error) {
	file, err := e.Registry.ModelFile(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return VersionStatus{}, err
	}
	signature, err := scoring.Inspect(file)
	if err != nil {
		return VersionStatus{}, err
	}
	binding, err := scoring.Bind(signature, p)
	if err != nil {
		return VersionStatus{}, err
	}
	checked := &scoring.Checked{Binding: binding}
	model, release := e.Model(p)
	defer release()
	if model != nil {
		checked = model.Checked()
	}
	return VersionStatus{Report: definitions.Report{Plan: p, Checked: checked}, Signature: signature, Size: len(file), Loaded: model}, nil
}

// ReleaseVersion runs a version again that is quarantined on this server.
func (e *Editor) ReleaseVersion(model string, version int64) error {
	plan, err := e.Registry.Catalog().ModelPlan(model, version)
	if err != nil {
		return err
	}
	return e.Release(plan)
}
