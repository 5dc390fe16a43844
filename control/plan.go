package control

import (
	"context"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// GetPlan returns what a request must send and what it reads, with all types.
func (s *Server) GetPlan(_ context.Context, req *larderv1.GetPlanRequest) (*larderv1.GetPlanResponse, error) {
	catalog := s.Registry.Catalog()
	plan, err := planOf(catalog, req)
	if err != nil {
		return nil, err
	}
	out := &larderv1.GetPlanResponse{CatalogVersion: catalog.Version, Fingerprint: plan.Fingerprint()}
	if plan.ModelVersion != nil {
		out.ModelVersion = plan.ModelVersion.Version
	}
	for _, k := range plan.Keys {
		out.Keys = append(out.Keys, field(k.Name, k.Type))
	}
	for _, f := range plan.Request {
		out.Request = append(out.Request, field(f.Name, f.Type))
	}
	for _, f := range plan.Features {
		out.Features = append(out.Features, field(f.Name, f.Type))
	}
	return out, nil
}

func planOf(catalog *schema.Catalog, req *larderv1.GetPlanRequest) (*schema.Plan, error) {
	switch what := req.GetWhat().(type) {
	case *larderv1.GetPlanRequest_FeatureService:
		return catalog.ServicePlan(what.FeatureService)
	case *larderv1.GetPlanRequest_Features:
		return catalog.FeaturesPlan(what.Features.GetReferences())
	case *larderv1.GetPlanRequest_Model:
		return catalog.ModelPlan(what.Model, req.GetModelVersion())
	}
	return nil, schema.NoPlan.Errorf("name a feature service, features, or a model")
}

func field(name string, t schema.Type) *larderv1.Field {
	return &larderv1.Field{Name: name, Type: t.String()}
}
