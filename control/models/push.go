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
	FeatureService string // empty: the model's; for a new model, the one in the file's stamp
	Dataset        string // id or name of the training set; may be empty
	Output         string // empty: chosen automatically
	Column         *int   // of the output; nil: chosen automatically
	Serve          bool   // serve the version at once
	Metrics        map[string]float64
	Tags           map[string]string
	By             string
}

// A Pushed is the result of a push.
type Pushed struct {
	*definitions.Applied
	Version schema.ModelVersion
	Report  *definitions.Report // of that version
}

// Push makes a stored model file the next version of a model, in the newest
// definitions. If others apply a version meanwhile, Push tries again on top of theirs.
func (e *Editor) Push(ctx context.Context, p Push) (*Pushed, error) {
	missing, err := e.Registry.MissingModels(ctx, []string{p.SHA256})
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, schema.ModelFileMissing.Errorf("the registry has no model file %q; store it with PutModel first", p.SHA256)
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
		if service := model.FeatureService; schema.ProjectOf(service) != schema.ProjectOf(p.Model) {
			if err := e.Definitions.MayRead(ctx, []schema.Reference{{Kind: schema.KindFeatureService, Name: service}}); err != nil {
				return err
			}
		}
		if p.Dataset, err = e.datasetID(ctx, p.Dataset, model.FeatureService); err != nil {
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

// pushedModel returns the model to push a version to. If the definitions have no model
// of that name, it adds one.
func pushedModel(defs *schema.Definitions, name, service, stampedService string) (*schema.Model, error) {
	if m := defs.Model(name); m != nil {
		if service != "" && service != m.FeatureService {
			return nil, schema.OtherFeatureService.Errorf("model %q reads feature service %q, not %q; push the file as another model, or leave out the feature service",
				m.Name, m.FeatureService, service)
		}
		return m, nil
	}
	if service == "" {
		service = stampedService
	}
	if service == "" {
		return nil, schema.NoFeatureService.Errorf("name the feature service that new model %q reads; its file has no stamp that names one", name)
	}
	defs.Models = append(defs.Models, schema.Model{Name: name, FeatureService: service})
	return &defs.Models[len(defs.Models)-1], nil
}

// datasetID returns the id of the training set with an id or a name, which may be empty.
func (e *Editor) datasetID(ctx context.Context, name, service string) (string, error) {
	if name == "" {
		return "", nil
	}
	d, err := e.Registry.Dataset(ctx, name)
	if err != nil {
		return "", err
	}
	if d.FeatureService != service {
		return "", schema.OtherFeatureService.Errorf("training set %s was built for feature service %q, but the model reads %q; name a training set of that service", name, d.FeatureService, service)
	}
	return d.ID, nil
}

// addVersion adds the file to a model's versions and returns its version. The new
// number is above last. If the file is already a version, addVersion returns that one.
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

// lastVersion returns the largest number that a version of a model ever had. The
// number of a retired version is never used again.
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

// insertVersion adds a version. It serves only if it is the model's first.
func insertVersion(m *schema.Model, v schema.ModelVersion) {
	if len(m.Versions) == 1 && !m.Splits() { // a single version serves without being named
		m.Serve = m.Versions[0].Version
	}
	m.Versions = append(m.Versions, v)
}
