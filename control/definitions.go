package control

import (
	"cmp"
	"context"

	larderv1 "larder/api/larder/v1"
	"larder/column/wire"
	"larder/control/definitions"
	"larder/internal/grpcserver"
	"larder/schema"
	files "larder/schema/definitions"
	"larder/store/registry"
)

// Plan returns what applying definitions would change.
func (s *Server) Plan(ctx context.Context, req *larderv1.PlanRequest) (*larderv1.PlanResponse, error) {
	p, err := s.plan(ctx, req)
	if err != nil {
		return nil, err
	}
	return &larderv1.PlanResponse{
		BaseVersion: p.Base, Changes: changeMessages(p.Changes), MissingModels: p.MissingModels, Notes: p.Notes, Models: reportMessages(p.Reports),
	}, nil
}

func (s *Server) plan(ctx context.Context, req *larderv1.PlanRequest) (*definitions.Plan, error) {
	if to := req.GetToVersion(); to != 0 {
		return s.parts.Definitions.PlanVersion(ctx, projectOf(req), to)
	}
	defs, err := readDefinitions(req.GetDefinitions(), req.GetFiles())
	if err != nil {
		return nil, err
	}
	return s.parts.Definitions.Plan(ctx, defs)
}

// Apply makes definitions the newest version and waits until this server serves it.
func (s *Server) Apply(ctx context.Context, req *larderv1.ApplyRequest) (*larderv1.ApplyResponse, error) {
	done, err := s.apply(ctx, req)
	if err != nil {
		return nil, err
	}
	return &larderv1.ApplyResponse{Version: done.Version, Changes: changeMessages(done.Changes), Notes: done.Notes, Models: reportMessages(done.Reports)}, nil
}

func (s *Server) apply(ctx context.Context, req *larderv1.ApplyRequest) (*definitions.Applied, error) {
	if to := req.GetToVersion(); to != 0 {
		return s.parts.Definitions.Revert(ctx, projectOf(req), to, req.GetBaseVersion(), by(ctx, req.GetAppliedBy()), req.GetAllowDelete())
	}
	defs, err := readDefinitions(req.GetDefinitions(), req.GetFiles())
	if err != nil {
		return nil, err
	}
	return s.parts.Definitions.Apply(ctx, defs, req.GetBaseVersion(), by(ctx, req.GetAppliedBy()), req.GetAllowDelete())
}

// projectOf returns the project that a request for an earlier version names.
func projectOf(req interface{ GetProject() string }) string {
	return cmp.Or(req.GetProject(), schema.DefaultProject)
}

// readDefinitions reads definitions that were sent as files or as JSON.
func readDefinitions(raw []byte, sent *larderv1.DefinitionFiles) (*schema.Definitions, error) {
	if sent == nil {
		return definitions.ReadJSON(raw)
	}
	all := make([]files.File, len(sent.GetFiles()))
	for i, f := range sent.GetFiles() {
		all[i] = files.File{Name: f.GetName(), Data: f.GetContent()}
	}
	return definitions.ReadFiles(all, sent.GetModels())
}

// ListVersions returns the newest versions of the definitions. Who applied them is for those who
// may see all of the definitions.
func (s *Server) ListVersions(ctx context.Context, req *larderv1.ListVersionsRequest) (*larderv1.ListVersionsResponse, error) {
	versions, err := s.parts.Definitions.Versions(ctx, listLimit(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListVersionsResponse{}
	all := observes(ctx, grpcserver.Definitions, "")
	for _, v := range versions {
		if !all {
			v.AppliedBy = ""
		}
		out.Versions = append(out.Versions, versionOf(v))
	}
	return out, nil
}

func versionOf(v registry.Version) *larderv1.Version {
	return &larderv1.Version{
		Version: v.Version, Fingerprint: v.Fingerprint, AppliedBy: v.AppliedBy, AppliedAt: v.AppliedAt.UnixMicro(), RevertsTo: v.RevertsTo,
	}
}

func changeMessages(changes []schema.Change) []*larderv1.Change {
	out := make([]*larderv1.Change, len(changes))
	for i, c := range changes {
		out[i] = &larderv1.Change{
			Action: larderv1.Change_Action(c.Action), Noun: c.Noun, Name: c.Name, Field: c.Field,
			Before: c.Before, After: c.After, Effect: c.Effect, Destroys: c.Destroys,
		}
	}
	return out
}

func reportMessages(reports []definitions.Report) []*larderv1.ModelReport {
	out := make([]*larderv1.ModelReport, len(reports))
	for i, r := range reports {
		out[i] = reportMessage(r)
	}
	return out
}

func reportMessage(r definitions.Report) *larderv1.ModelReport {
	out := &larderv1.ModelReport{Model: r.Plan.Model.Name, ModelVersion: r.Plan.ModelVersion.Version, Engine: r.Engine, Notes: r.Notes}
	if s := r.Score; s != nil {
		out.Output, out.Column, out.Reason = s.Output, int32(s.Column), s.Reason
	}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		out.Outputs = append(out.Outputs, &larderv1.OutputShape{Name: o.Name, Type: o.Type.String(), Shape: wire.Shape(o.Shape), Classes: o.Classes})
	}
	return out
}
