package models

import (
	"context"
	"slices"

	"larder/control/definitions"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

// A Push makes a stored model file a version of a model.
type Push struct {
	Model          string
	SHA256         string // of the file
	FeatureService string // empty: the model's or, of a new model, that of the file's stamp
	Dataset        string // that it was trained on; may be empty
	Output         string // empty: the one that fits
	Column         *int   // of the output; nil: the one that fits
	Serve          bool   // at once
	Metrics        map[string]float64
	Tags           map[string]string
	By             string
}

// A Pushed is what a push came to.
type Pushed struct {
	*definitions.Applied
	Version schema.ModelVersion
	Report  *definitions.Report // of that version
}

// Push makes a stored model file the next version of a model, in the newest
// definitions. What others apply meanwhile stays: the push begins again on top of
// it.
func (e *Editor) Push(ctx context.Context, p Push) (*Pushed, error) {
	missing, err := e.Registry.MissingModels(ctx, []string{p.SHA256})
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, schema.Errorf(schema.FailedPrecondition, "MODEL_FILE_MISSING", "the registry has no model file %q; PutModel stores it", p.SHA256)
	}
	file, err := e.Registry.ModelFile(ctx, p.SHA256)
	if err != nil {
		return nil, err
	}
	stamp, err := scoring.ReadStamp(file)
	if err != nil {
		return nil, err
	}
	history, err := e.Registry.ModelHistory(ctx)
	if err != nil {
		return nil, err
	}
	out := new(Pushed)
	out.Applied, err = e.Definitions.Amend(ctx, p.By, func(defs *schema.Definitions) error {
		model, err := pushedModel(defs, p.Model, p.FeatureService, stamp.Service)
		if err != nil {
			return err
		}
		if err := e.checkDataset(ctx, p.Dataset, model.FeatureService); err != nil {
			return err
		}
		out.Version = addVersion(model, p, lastVersion(history, model.Name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, r := range out.Reports {
		if r.Plan.Model.Name == p.Model && r.Plan.ModelVersion.Version == out.Version.Version {
			out.Report = &out.Reports[i]
		}
	}
	return out, nil
}

// pushedModel returns the model that a version is pushed to, among the
// definitions; a new one when there is none of that name.
func pushedModel(defs *schema.Definitions, name, service, stampedService string) (*schema.Model, error) {
	if m := defs.Model(name); m != nil {
		if service != "" && service != m.FeatureService {
			return nil, schema.Errorf(schema.Invalid, "OTHER_FEATURE_SERVICE", "model %q reads feature service %q, not %q; push the file as another model, or leave the feature service out",
				m.Name, m.FeatureService, service)
		}
		return m, nil
	}
	if service == "" {
		service = stampedService
	}
	if service == "" {
		return nil, schema.Errorf(schema.Invalid, "NO_FEATURE_SERVICE", "there is no model %q yet, and its file is not stamped with a feature service: name the one that it reads", name)
	}
	defs.Models = append(defs.Models, schema.Model{Name: name, FeatureService: service})
	return &defs.Models[len(defs.Models)-1], nil
}

func (e *Editor) checkDataset(ctx context.Context, id, service string) error {
	if id == "" {
		return nil
	}
	d, err := e.Registry.Dataset(ctx, id)
	if err != nil {
		return err
	}
	if d.FeatureService != service {
		return schema.Errorf(schema.Invalid, "OTHER_FEATURE_SERVICE", "training set %s is of feature service %q, but the model reads %q; name a set of that service", id, d.FeatureService, service)
	}
	return nil
}

// addVersion adds the file to a model's versions, unless it is one, and returns
// its version: its number is over last, which was given before.
func addVersion(m *schema.Model, p Push, last int64) schema.ModelVersion {
	at := slices.IndexFunc(m.Versions, func(v schema.ModelVersion) bool { return v.SHA256 == p.SHA256 })
	if at < 0 {
		v := schema.ModelVersion{
			Version: last + 1, SHA256: p.SHA256, Output: p.Output, Dataset: p.Dataset, From: schema.FromPush,
			Metrics: p.Metrics, Tags: p.Tags, Column: p.Column,
		}
		for _, other := range m.Versions {
			v.Version = max(v.Version, other.Version+1)
		}
		at = len(m.Versions)
		insertVersion(m, v)
	}
	if pushed := m.Versions[at].Version; p.Serve && (m.Splits() || m.Served() != pushed) {
		serveAlone(m, pushed)
	}
	return m.Versions[at]
}

// lastVersion returns the largest number that a version of a model ever had: that
// of one that was retired names nothing else later.
func lastVersion(history []registry.PastModels, model string) (last int64) {
	for i := range history {
		if m := history[i].Model(model); m != nil {
			for _, v := range m.Versions {
				last = max(last, v.Version)
			}
		}
	}
	return last
}

// insertVersion adds a version that answers only if it is the first.
func insertVersion(m *schema.Model, v schema.ModelVersion) {
	if len(m.Versions) == 1 && !m.Splits() { // the only one serves without being named
		m.Serve = m.Versions[0].Version
	}
	m.Versions = append(m.Versions, v)
}
