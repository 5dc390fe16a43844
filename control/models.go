package control

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/definitions"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

// PutModel stores a model file.
func (s *Server) PutModel(stream grpc.ClientStreamingServer[larderv1.PutModelRequest, larderv1.PutModelResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return schema.Errorf(schema.Invalid, "NO_MODEL", "no model file was sent")
	}
	if err != nil {
		return err
	}
	chunk := first.GetChunk()
	next := func() ([]byte, error) {
		for len(chunk) == 0 {
			msg, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			chunk = msg.GetChunk()
		}
		out := chunk
		chunk = nil
		return out, nil
	}
	if err := s.Registry.PutModel(stream.Context(), first.GetSha256(), first.GetSize(), next); err != nil {
		return err
	}
	return stream.SendAndClose(&larderv1.PutModelResponse{})
}

// HasModels answers which model files the registry lacks.
func (s *Server) HasModels(ctx context.Context, req *larderv1.HasModelsRequest) (*larderv1.HasModelsResponse, error) {
	missing, err := s.Registry.MissingModels(ctx, req.GetSha256())
	if err != nil {
		return nil, err
	}
	return &larderv1.HasModelsResponse{Missing: missing}, nil
}

// ListModels answers the models of the catalog that serves.
func (s *Server) ListModels(ctx context.Context, req *larderv1.ListModelsRequest) (*larderv1.ListModelsResponse, error) {
	catalog := s.Registry.Catalog()
	if name := req.GetModel(); name != "" {
		if _, err := definitions.FindModel(&catalog.Definitions, name); err != nil {
			return nil, err
		}
	}
	history, err := s.Registry.ModelHistory(ctx)
	if err != nil {
		s.Logger.Debug("who brought the versions of models is not known now", "error", err)
	}
	out := &larderv1.ListModelsResponse{}
	for i := range catalog.Definitions.Models {
		m := &catalog.Definitions.Models[i]
		if req.GetModel() != "" && req.GetModel() != m.Name {
			continue
		}
		status, err := s.modelStatus(ctx, catalog, m, history)
		if err != nil {
			return nil, err
		}
		out.Models = append(out.Models, status)
	}
	return out, nil
}

func (s *Server) modelStatus(ctx context.Context, catalog *schema.Catalog, m *schema.Model, history []registry.PastModels) (*larderv1.ModelStatus, error) {
	status := &larderv1.ModelStatus{Model: m.Name, FeatureService: m.FeatureService, Serve: m.Served(), Source: s.looks.message(m.Name)}
	status.Traffic, status.Shadow = s.trafficStatus(m), m.Shadow
	for i := range m.Versions {
		plan, err := catalog.ModelPlan(m.Name, m.Versions[i].Version)
		if err != nil {
			return nil, err
		}
		version, err := s.versionStatus(ctx, plan)
		if err != nil {
			return nil, err
		}
		if first := firstWith(history, plan); first != nil {
			version.AddedBy, version.AddedAt, version.AddedIn = first.AppliedBy, first.AppliedAt.UnixMicro(), first.Version.Version
		}
		status.Versions = append(status.Versions, version)
	}
	return status, nil
}

// firstWith returns the oldest definitions that have a plan's model version.
func firstWith(history []registry.PastModels, p *schema.Plan) *registry.PastModels {
	for i := len(history) - 1; i >= 0; i-- {
		m := history[i].Model(p.Model.Name)
		if m != nil && sameFile(m, p.Model, p.ModelVersion.Version) {
			return &history[i]
		}
	}
	return nil
}

func (s *Server) versionStatus(ctx context.Context, p *schema.Plan) (*larderv1.ModelVersionStatus, error) {
	file, err := s.Registry.ModelFile(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, err
	}
	signature, err := scoring.Inspect(file)
	if err != nil {
		return nil, err
	}
	binding, err := scoring.Bind(signature, p)
	if err != nil {
		return nil, err
	}
	model, notLoaded := s.Models.Model(p)
	out := &larderv1.ModelVersionStatus{
		ModelVersion: p.ModelVersion.Version, Sha256: p.ModelVersion.SHA256, Size: int64(len(file)),
		Report: reportMessage(definitions.Report{Plan: p, Binding: binding}), Loaded: notLoaded == nil,
		Dataset: p.ModelVersion.Dataset, Metrics: p.ModelVersion.Metrics, Tags: p.ModelVersion.Tags, From: string(p.ModelVersion.From),
	}
	if notLoaded == nil {
		addRunning(out, model)
	}
	for _, in := range signature.Inputs {
		out.Inputs = append(out.Inputs, fmt.Sprint(in))
	}
	for _, x := range signature.Outputs {
		out.Outputs = append(out.Outputs, fmt.Sprint(x))
	}
	return out, nil
}

// addRunning says what scores a model that is loaded.
func addRunning(out *larderv1.ModelVersionStatus, m *scoring.Model) {
	provider, skipped := m.Provider()
	out.Engine, out.Provider = m.Engine(), provider
	for _, p := range skipped {
		out.SkippedProviders = append(out.SkippedProviders, p.String())
	}
	out.Batching, out.Unbatched = m.Batching()
}
