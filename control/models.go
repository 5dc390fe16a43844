package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/models"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/scoring"
)

// PutModel stores a model file.
func (s *Server) PutModel(stream grpc.ClientStreamingServer[larderv1.PutModelRequest, larderv1.PutModelResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return schema.NoModel.Errorf("the request has no model file; send the file in chunks")
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
	if err := s.parts.Models.Put(stream.Context(), first.GetSha256(), first.GetSize(), next); err != nil {
		return err
	}
	return stream.SendAndClose(&larderv1.PutModelResponse{})
}

// HasModels returns which model files the registry lacks.
func (s *Server) HasModels(ctx context.Context, req *larderv1.HasModelsRequest) (*larderv1.HasModelsResponse, error) {
	missing, err := s.parts.Models.Missing(ctx, req.GetSha256())
	if err != nil {
		return nil, err
	}
	return &larderv1.HasModelsResponse{Missing: missing}, nil
}

// PushModel makes a stored model file the next version of a model.
func (s *Server) PushModel(ctx context.Context, req *larderv1.PushModelRequest) (*larderv1.PushModelResponse, error) {
	push := models.Push{
		Model: req.GetModel(), SHA256: req.GetSha256(), FeatureService: req.GetFeatureService(), Dataset: req.GetDataset(), Output: req.GetOutput(),
		Serve: req.GetServe(), Metrics: req.GetMetrics(), Tags: req.GetTags(), By: by(ctx, req.GetAppliedBy()),
	}
	if req.Column != nil {
		column := int(req.GetColumn())
		push.Column = &column
	}
	done, err := s.parts.Models.Push(ctx, push)
	if err != nil {
		return nil, err
	}
	definition, err := json.Marshal(done.Version)
	if err != nil {
		return nil, err
	}
	out := &larderv1.PushModelResponse{
		ModelVersion: done.Version.Version, Version: done.Applied.Version, Changes: changeMessages(done.Changes), Definition: string(definition),
	}
	if done.Report != nil {
		out.Report = reportMessage(*done.Report)
	}
	return out, nil
}

// ListModels returns the models of the catalog that serves and that the caller may see, or the
// one that is named.
func (s *Server) ListModels(ctx context.Context, req *larderv1.ListModelsRequest) (*larderv1.ListModelsResponse, error) {
	if name := req.GetModel(); name != "" {
		one, err := s.parts.Models.Status(ctx, name)
		if err != nil {
			return nil, err
		}
		return &larderv1.ListModelsResponse{Models: []*larderv1.ModelStatus{modelMessage(one)}}, nil
	}
	all, err := s.parts.Models.Statuses(ctx, func(model string) bool { return observes(ctx, grpcserver.Model, model) })
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListModelsResponse{}
	for _, m := range all {
		out.Models = append(out.Models, modelMessage(m))
	}
	return out, nil
}

func modelMessage(m models.Status) *larderv1.ModelStatus {
	out := &larderv1.ModelStatus{
		Model: m.Model.Name, FeatureService: m.Model.FeatureService, Serve: m.Model.Served(), Shadow: m.Model.Shadow, Traffic: splitMessage(m),
	}
	if from := m.Source; from != nil {
		out.Source = &larderv1.ModelSource{Source: from.Name, LookedAt: from.LookedAt.UnixMicro(), AliasVersion: from.AliasVersion, Fault: from.Fault}
	}
	for _, v := range m.Versions {
		out.Versions = append(out.Versions, versionMessage(v))
	}
	return out
}

func versionMessage(v models.VersionStatus) *larderv1.ModelVersionStatus {
	d := v.Plan.ModelVersion
	out := &larderv1.ModelVersionStatus{
		ModelVersion: d.Version, Sha256: d.SHA256, Size: int64(v.Size), Report: reportMessage(v.Report), Loaded: v.Loaded != nil,
		Dataset: d.Dataset, Metrics: d.Metrics, Tags: d.Tags, From: string(d.From),
	}
	if v.Loaded != nil {
		addRunning(out, v.Loaded)
	}
	for _, in := range v.Signature.Inputs {
		out.Inputs = append(out.Inputs, fmt.Sprint(in))
	}
	for _, x := range v.Signature.Outputs {
		out.Outputs = append(out.Outputs, fmt.Sprint(x))
	}
	if v.First != nil {
		out.AddedBy, out.AddedAt, out.AddedIn = v.First.AppliedBy, v.First.AppliedAt.UnixMicro(), v.First.Version.Version
	}
	return out
}

// addRunning adds how a loaded model runs.
func addRunning(out *larderv1.ModelVersionStatus, m *scoring.Model) {
	provider, skipped := m.Provider()
	out.Engine, out.Provider = m.Engine(), provider
	for _, p := range skipped {
		out.SkippedProviders = append(out.SkippedProviders, p.String())
	}
	out.Batching, out.Unbatched = m.Batching()
	out.Isolation, out.Quarantine = m.Isolation(), m.Quarantine()
}

// ReleaseModel runs a quarantined version of a model again.
func (s *Server) ReleaseModel(_ context.Context, req *larderv1.ReleaseModelRequest) (*larderv1.ReleaseModelResponse, error) {
	if err := s.parts.Models.ReleaseVersion(req.GetModel(), req.GetModelVersion()); err != nil {
		return nil, err
	}
	return &larderv1.ReleaseModelResponse{}, nil
}
