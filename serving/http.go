package serving

import (
	"encoding/json"
	"errors"
	"net/http"

	"larder/internal/grpcserver"
	"larder/schema"
)

// HTTPHandler answers POST /v1/features and POST /v1/score. It must be served by
// grpcserver.
func (s *Server) HTTPHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.HandleFunc("POST /v1/features", answering(s.postFeatures))
	mux.HandleFunc("POST /v1/score", answering(s.postScore))
	mux.HandleFunc("/", answering(func(r *http.Request) ([]byte, error) {
		return nil, schema.UnknownPath.Errorf("there is no %s %s; there are POST /v1/features and POST /v1/score", r.Method, r.URL.Path)
	}))
	return mux
}

func answering(answer func(*http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := answer(r)
		if err != nil {
			grpcserver.WriteError(w, err)
			return
		}
		grpcserver.WriteJSON(w, body)
	}
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
	ask.At, ask.Features, ask.RequestID = req.at, req.returnFeatures, req.requestID
	if err := ask.takeJSON(req, g.server.opts.MaxRows); err != nil {
		return nil, err
	}
	return g.Serve(r.Context(), ask)
}

// A field is a field of a body: what its value must be, and where it goes.
type field struct {
	want string
	read func(json.RawMessage) error
}

func (req *jsonRequest) featureFields() map[string]field {
	fields := req.commonFields()
	fields["feature_service"] = into("a feature service's name, in quotes", &req.service)
	fields["features"] = field{`a list of features: ["VIEW:FEATURE"]`, req.readFeatures}
	return fields
}

func (req *jsonRequest) scoreFields() map[string]field {
	fields := req.commonFields()
	fields["model"] = into("a model's name, in quotes", &req.model)
	fields["model_version"] = field{"a whole number", func(raw json.RawMessage) (err error) {
		req.version, err = schema.ParseWhole(string(raw), 64)
		return err
	}}
	fields["return_features"] = into("true or false", &req.returnFeatures)
	fields["request_id"] = into("a text, in quotes", &req.requestID)
	return fields
}

func (req *jsonRequest) commonFields() map[string]field {
	return map[string]field{
		"entities": objectInto(`an object of lists: {"customer_id": [7]}`, &req.entities),
		"request":  objectInto(`an object of lists: {"amount": [12.5]}`, &req.request),
		"at": {`a time: "2026-01-31T10:00:00Z"`, func(raw json.RawMessage) error {
			at, err := parseTime(raw)
			req.at = &at
			return err
		}},
	}
}

func into[T any](want string, to *T) field {
	return field{want, func(raw json.RawMessage) error { return json.Unmarshal(raw, to) }}
}

// objectInto keeps an object, whose values are read when it is known of which types they
// are.
func objectInto(want string, to *json.RawMessage) field {
	return field{want, func(raw json.RawMessage) error {
		if raw[0] != '{' {
			return schema.ErrNotObject
		}
		*to = raw
		return nil
	}}
}

// readFeatures reads a list of features, up to one more than there may be: the plan
// refuses it then.
func (req *jsonRequest) readFeatures(raw json.RawMessage) error {
	req.features = []string{}
	return schema.JSONItems(raw, func(item json.RawMessage) error {
		if len(req.features) > schema.MaxFeatures {
			return nil
		}
		var name string
		req.features = append(req.features, "")
		if err := json.Unmarshal(item, &name); err != nil || item[0] != '"' {
			return errors.New("not a text")
		}
		req.features[len(req.features)-1] = name
		return nil
	})
}
