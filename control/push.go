package control

import (
	"context"
	"encoding/json"
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

// PushModel makes a stored model file the next version of a model, in the newest
// definitions. What others apply meanwhile stays: the push begins again on top of
// it.
func (s *Server) PushModel(ctx context.Context, req *larderv1.PushModelRequest) (*larderv1.PushModelResponse, error) {
	missing, err := s.Registry.MissingModels(ctx, []string{req.GetSha256()})
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, schema.Errorf(schema.FailedPrecondition, "MODEL_FILE_MISSING", "the registry has no model file %q; PutModel stores it", req.GetSha256())
	}
	file, err := s.Registry.ModelFile(ctx, req.GetSha256())
	if err != nil {
		return nil, err
	}
	stamp, err := scoring.ReadStamp(file)
	if err != nil {
		return nil, err
	}
	history, err := s.Registry.ModelHistory(ctx)
	if err != nil {
		return nil, err
	}
	var pushed schema.ModelVersion
	done, err := s.definitions.Amend(ctx, req.GetAppliedBy(), func(defs *schema.Definitions) error {
		model, err := pushedModel(defs, req, stamp.Service)
		if err != nil {
			return err
		}
		if err := s.checkDataset(ctx, req.GetDataset(), model.FeatureService); err != nil {
			return err
		}
		pushed = addVersion(model, req, lastVersion(history, model.Name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	definition, err := json.Marshal(pushed)
	if err != nil {
		return nil, err
	}
	out := &larderv1.PushModelResponse{ModelVersion: pushed.Version, Version: done.Version, Changes: changeMessages(done.Changes), Definition: string(definition)}
	for _, r := range done.Reports {
		if r.Plan.Model.Name == req.GetModel() && r.Plan.ModelVersion.Version == pushed.Version {
			out.Report = reportMessage(r)
		}
	}
	return out, nil
}

// pushedModel returns the model that a version is pushed to, among the
// definitions; a new one when there is none of that name.
func pushedModel(defs *schema.Definitions, req *larderv1.PushModelRequest, stampedService string) (*schema.Model, error) {
	service := req.GetFeatureService()
	if m := defs.Model(req.GetModel()); m != nil {
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
		return nil, schema.Errorf(schema.Invalid, "NO_FEATURE_SERVICE", "there is no model %q yet, and its file is not stamped with a feature service: name the one that it reads", req.GetModel())
	}
	defs.Models = append(defs.Models, schema.Model{Name: req.GetModel(), FeatureService: service})
	return &defs.Models[len(defs.Models)-1], nil
}

func (s *Server) checkDataset(ctx context.Context, id, service string) error {
	if id == "" {
		return nil
	}
	d, err := s.Registry.Dataset(ctx, id)
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
func addVersion(m *schema.Model, req *larderv1.PushModelRequest, last int64) schema.ModelVersion {
	at := slices.IndexFunc(m.Versions, func(v schema.ModelVersion) bool { return v.SHA256 == req.GetSha256() })
	if at < 0 {
		v := schema.ModelVersion{
			Version: last + 1, SHA256: req.GetSha256(), Output: req.GetOutput(), Dataset: req.GetDataset(), From: schema.FromPush,
			Metrics: req.GetMetrics(), Tags: req.GetTags(),
		}
		for _, other := range m.Versions {
			v.Version = max(v.Version, other.Version+1)
		}
		if req.Column != nil {
			column := int(req.GetColumn())
			v.Column = &column
		}
		at = len(m.Versions)
		insertVersion(m, v)
	}
	if pushed := m.Versions[at].Version; req.GetServe() && (m.Splits() || m.Served() != pushed) {
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
