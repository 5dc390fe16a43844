package serving

import (
	"encoding/json"
	"net/http"

	"larder/internal/grpcserver"
	"larder/schema"
)

// HTTPHandler answers POST /v1/features and POST /v1/score. It must be served by
// grpcserver.
func (s *Server) HTTPHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Handle(featuresOperation, grpcserver.Answering(s.postFeatures))
	mux.Handle(scoreOperation, grpcserver.Answering(s.postScore))
	return mux
}

// A jsonRequest is the body of either route, its values yet to be read: the plan
// says of which types they are.
type jsonRequest struct {
	service, model    string
	features          []string
	version           int64
	entities, request json.RawMessage // objects of lists
	at                *int64
	returnFeatures    bool
	requestID         string
	outputs           []string
}

func (s *Server) postFeatures(r *http.Request) ([]byte, error) {
	req := new(jsonRequest)
	if err := readJSON(r, req.featureFields()); err != nil {
		return nil, err
	}
	if err := grpcserver.Permit(r.Context(), grpcserver.Features(req.service, req.features)...); err != nil {
		return nil, err
	}
	g, ask := s.Hold(), s.ask()
	defer g.Release()
	defer s.free(ask)
	if err := g.forJSON(ask, req); err != nil {
		return nil, err
	}
	answer, err := g.serveJSON(r, ask, req)
	if err != nil {
		return nil, err
	}
	defer answer.Release()
	return answer.appendFeatures(answer.room()), nil
}

func (s *Server) postScore(r *http.Request) ([]byte, error) {
	req := new(jsonRequest)
	if err := readJSON(r, req.scoreFields()); err != nil {
		return nil, err
	}
	if err := grpcserver.Permit(r.Context(), grpcserver.Resource{Kind: grpcserver.Model, Name: req.model}); err != nil {
		return nil, err
	}
	g, ask := s.Hold(), s.ask()
	defer g.Release()
	defer s.free(ask)
	if err := g.ForModel(ask, req.model, req.version); err != nil {
		return nil, err
	}
	answer, err := g.serveJSON(r, ask, req)
	if err != nil {
		return nil, err
	}
	defer answer.Release()
	return answer.appendScores(answer.room()), nil
}

// forJSON asks for what a request for features names.
func (g *Generation) forJSON(ask *Ask, req *jsonRequest) error {
	switch {
	case req.service != "" && req.features != nil:
		return schema.NoFeatures.Errorf("the request names both a feature_service and features; say one of them")
	case req.service != "":
		return g.ForService(ask, req.service)
	case req.features != nil:
		return g.ForFeatures(ask, req.features)
	}
	return schema.NoFeatures.Errorf(`the request names neither a feature_service nor features; write "feature_service": "NAME"`)
}

// serveJSON reads the values of a request and answers it.
func (g *Generation) serveJSON(r *http.Request, ask *Ask, req *jsonRequest) (*Answer, error) {
	ask.At, ask.Features, ask.RequestID, ask.Outputs = req.at, req.returnFeatures, req.requestID, req.outputs
	if err := ask.takeJSON(req, g.server.opts.MaxRows); err != nil {
		return nil, err
	}
	return g.Serve(r.Context(), ask)
}
