package inference

import (
	"context"
	"errors"
	"strconv"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
)

// stateReady is the state of every version of a catalog that serves: it does so only
// after all of its models are loaded.
const stateReady = "READY"

// RepositoryIndex lists every version of those models of the catalog that serves that the
// caller may see.
func (s *Server) RepositoryIndex(ctx context.Context, req *inferencev2.RepositoryIndexRequest) (*inferencev2.RepositoryIndexResponse, error) {
	if err := checkRepository(req.GetRepositoryName()); err != nil {
		return nil, err
	}
	resp := &inferencev2.RepositoryIndexResponse{}
	g := s.opts.Serving.Hold()
	defer g.Release()
	for _, plan := range g.Catalog().ModelPlans() {
		version := strconv.FormatInt(plan.ModelVersion.Version, 10)
		for _, name := range []string{plan.Model.Name, plan.Model.Name + featuresSuffix} {
			if !observes(ctx, name) {
				continue
			}
			resp.Models = append(resp.Models, &inferencev2.RepositoryIndexResponse_ModelIndex{Name: name, Version: version, State: stateReady})
		}
	}
	return resp, nil
}

// observes reports whether the caller may observe a model.
func observes(ctx context.Context, model string) bool {
	return grpcserver.May(ctx, grpcserver.Observe, grpcserver.Resource{Kind: grpcserver.Model, Name: model})
}

// checkRepository refuses the name of a repository: there is one, without a name.
func checkRepository(name string) error {
	if name == "" {
		return nil
	}
	return schema.UnknownRepository.Errorf("no repository %q; leave the name empty, since there is one repository, without a name", clip(name))
}

// RepositoryModelLoad does nothing for a model that there is: it is loaded, for a
// catalog serves only after all of its models are.
func (s *Server) RepositoryModelLoad(_ context.Context, req *inferencev2.RepositoryModelLoadRequest) (*inferencev2.RepositoryModelLoadResponse, error) {
	if err := checkRepository(req.GetRepositoryName()); err != nil {
		return nil, err
	}
	if len(req.GetParameters()) > 0 {
		return nil, schema.LoadParameters.Errorf("a model is loaded as its definition says; send no parameters, and bring another file by larder models push")
	}
	if err := s.inRepository(req.GetModelName()); err != nil {
		return nil, err
	}
	return &inferencev2.RepositoryModelLoadResponse{}, nil
}

// RepositoryModelUnload refuses: definitions say which models there are.
func (s *Server) RepositoryModelUnload(_ context.Context, req *inferencev2.RepositoryModelUnloadRequest) (*inferencev2.RepositoryModelUnloadResponse, error) {
	if err := checkRepository(req.GetRepositoryName()); err != nil {
		return nil, err
	}
	if err := s.inRepository(req.GetModelName()); err != nil {
		return nil, err
	}
	return nil, schema.ModelDefined.Errorf("%q is loaded for as long as the definitions have it; "+
		"take a version out by larder models retire, or the model out of the definitions and larder apply", clip(req.GetModelName()))
}

// inRepository returns why a model is not in the repository.
func (s *Server) inRepository(model string) error {
	g := s.opts.Serving.Hold()
	defer g.Release()
	_, _, err := planOf(g, model, "")
	var said *schema.Error
	if errors.As(err, &said) && said.Kind == schema.NotFound {
		return said.Reason.Errorf("%s. Models come from definitions only: larder apply, or larder models push", said.Message)
	}
	return err
}
