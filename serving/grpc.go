package serving

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/column/wire"
	"larder/schema"
)

// GetFeatures reads the newest features of one or many entities.
func (s *Server) GetFeatures(ctx context.Context, req *larderv1.GetFeaturesRequest) (*larderv1.GetFeaturesResponse, error) {
	g, ask := s.Hold(), s.ask()
	defer g.Release()
	defer s.free(ask)
	if err := g.forFeatures(ask, req); err != nil {
		return nil, err
	}
	ask.At = req.At
	if err := ask.take(req.GetEntities(), req.GetRequest()); err != nil {
		return nil, err
	}
	answer, err := g.Serve(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer answer.Release()
	return &larderv1.GetFeaturesResponse{
		Features: answer.featureMessages(), Reads: answer.readMessages(), CatalogVersion: g.catalog.Version,
	}, nil
}

// GetFeaturesAndScore reads the features of a model and scores them, row by row.
func (s *Server) GetFeaturesAndScore(ctx context.Context, req *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	g, ask := s.Hold(), s.ask()
	defer g.Release()
	defer s.free(ask)
	if err := g.ForModel(ask, req.GetModel(), req.GetModelVersion()); err != nil {
		return nil, err
	}
	ask.At, ask.Features, ask.RequestID, ask.Outputs = req.At, req.GetReturnFeatures(), req.GetRequestId(), req.GetOutputs()
	if err := ask.take(req.GetEntities(), req.GetRequest()); err != nil {
		return nil, err
	}
	answer, err := g.Serve(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer answer.Release()
	return answer.scoreMessage(), nil
}

// StreamFeaturesAndScore answers each message as GetFeaturesAndScore would, in
// order, until the caller closes its side or a message can't be answered.
func (s *Server) StreamFeaturesAndScore(stream grpc.BidiStreamingServer[larderv1.StreamFeaturesAndScoreRequest, larderv1.StreamFeaturesAndScoreResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp, err := s.GetFeaturesAndScore(stream.Context(), req.GetRequest())
		if err != nil {
			return err
		}
		if err := stream.Send(&larderv1.StreamFeaturesAndScoreResponse{Response: resp}); err != nil {
			return err
		}
	}
}

// forFeatures asks for what a request for features names.
func (g *Generation) forFeatures(ask *Ask, req *larderv1.GetFeaturesRequest) error {
	switch what := req.GetWhat().(type) {
	case *larderv1.GetFeaturesRequest_FeatureService:
		return g.ForService(ask, what.FeatureService)
	case *larderv1.GetFeaturesRequest_Features:
		return g.ForFeatures(ask, what.Features.GetReferences())
	}
	return schema.NoFeatures.Errorf("the request names neither a feature service nor features; say which to read")
}

// take takes the columns of a gRPC request, which the ask then aliases.
func (a *Ask) take(entities, request []*larderv1.Column) error {
	if err := wire.Read(&a.Keys, "join key", entities); err != nil {
		return err
	}
	return wire.Read(&a.Request, "request value", request)
}

func (a *Answer) scoreMessage() *larderv1.GetFeaturesAndScoreResponse {
	resp := &larderv1.GetFeaturesAndScoreResponse{
		Scores: append([]float64(nil), a.Scores...), Reads: a.readMessages(), RequestId: a.RequestID,
		CatalogVersion: a.Plan().Catalog.Version, ModelVersion: a.Plan().ModelVersion.Version, ModelVersions: a.Versions,
		Outputs: outputMessages(a.Outputs),
	}
	if a.Features != nil {
		resp.Features = a.featureMessages()
	}
	return resp
}

// featureMessages returns the columns of the features. They alias the values, which
// are made for each request, and nothing else of the answer.
func (a *Answer) featureMessages() []*larderv1.Column {
	return wire.Write(a.Features, func(i int) string { return a.shape.plan.Features[i].Name })
}

// readMessages says what was found in each view. All of it lies in a few pieces of
// memory, whatever the number of views.
func (a *Answer) readMessages() []*larderv1.ViewRead {
	views, rows := a.shape.plan.Views, a.Rows
	pointers, reads := make([]*larderv1.ViewRead, len(views)), make([]larderv1.ViewRead, len(views))
	statuses, ages := wire.Statuses(a.statuses), append([]int64(nil), a.ages...)
	for i := range reads {
		from, to := i*rows, (i+1)*rows
		r := &reads[i]
		r.FeatureView, r.Statuses, r.Ages = views[i].Name, statuses[from:to:to], ages[from:to:to]
		pointers[i] = r
	}
	return pointers
}
