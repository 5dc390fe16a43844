package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
)

// maxPushes is how often a push begins again when others apply at the same time.
const maxPushes = 5

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
	for range maxPushes - 1 {
		answer, err := s.push(ctx, req, stamp.Service)
		var said *schema.Error
		if !errors.As(err, &said) || said.Reason != "VERSION_MOVED" {
			return answer, err
		}
	}
	return s.push(ctx, req, stamp.Service)
}

func (s *Server) push(ctx context.Context, req *larderv1.PushModelRequest, stampedService string) (*larderv1.PushModelResponse, error) {
	base, defs, err := s.Registry.Newest(ctx)
	if err != nil {
		return nil, err
	}
	model, err := pushedModel(defs, req, stampedService)
	if err != nil {
		return nil, err
	}
	if err := s.checkDataset(ctx, req.GetDataset(), model.FeatureService); err != nil {
		return nil, err
	}
	pushed := addVersion(model, req)
	p, err := s.propose(ctx, defs)
	if err != nil {
		return nil, err
	}
	version, reports, err := s.commit(ctx, p, base, req.GetAppliedBy())
	if err != nil {
		return nil, err
	}
	definition, err := json.Marshal(pushed)
	if err != nil {
		return nil, err
	}
	out := &larderv1.PushModelResponse{ModelVersion: pushed.Version, Version: version, Changes: changeMessages(p.Changes), Definition: string(definition)}
	for _, r := range reports {
		if r.GetModel() == model.Name && r.GetModelVersion() == pushed.Version {
			out.Report = r
		}
	}
	return out, nil
}

// pushedModel returns the model that a version is pushed to, among the
// definitions; a new one when there is none of that name.
func pushedModel(defs *schema.Definitions, req *larderv1.PushModelRequest, stampedService string) (*schema.Model, error) {
	service := req.GetFeatureService()
	at := slices.IndexFunc(defs.Models, func(m schema.Model) bool { return m.Name == req.GetModel() })
	if at >= 0 {
		m := &defs.Models[at]
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
// its version.
func addVersion(m *schema.Model, req *larderv1.PushModelRequest) schema.ModelVersion {
	at := slices.IndexFunc(m.Versions, func(v schema.ModelVersion) bool { return v.SHA256 == req.GetSha256() })
	if at < 0 {
		at = len(m.Versions)
		v := schema.ModelVersion{Version: 1, SHA256: req.GetSha256(), Output: req.GetOutput(), Dataset: req.GetDataset()}
		for _, other := range m.Versions {
			v.Version = max(v.Version, other.Version+1)
		}
		v.ONNX = fmt.Sprintf("models/%s-%d.onnx", m.Name, v.Version)
		if req.Column != nil {
			column := int(req.GetColumn())
			v.Column = &column
		}
		if at == 1 && m.Serve == 0 { // the only one serves without being named
			m.Serve = m.Versions[0].Version
		}
		m.Versions = append(m.Versions, v)
	}
	if pushed := m.Versions[at].Version; req.GetServe() && len(m.Versions) > 1 {
		m.Serve = pushed
	}
	return m.Versions[at]
}
