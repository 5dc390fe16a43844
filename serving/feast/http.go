package feast

import (
	"encoding/json"
	"errors"
	"net/http"

	"larder/internal/grpcserver"
	"larder/schema"
)

// HTTPHandler answers the paths of Feast's Python server. It must be served by
// grpcserver, which answers GET /health itself.
func (s *Server) HTTPHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Handle(featuresOperation, grpcserver.Answering(s.postFeatures))
	mux.Handle(pushOperation, grpcserver.Answering(s.postPush))
	mux.Handle(writeOperation, grpcserver.Answering(s.postWrite))
	mux.Handle(materializeOperation, s.postMaterialize)
	mux.Handle(incrementalOperation, s.postIncremental)
	return mux
}

func (s *Server) postFeatures(r *http.Request) ([]byte, error) {
	q, err := readQuestion(r)
	if err != nil {
		return nil, err
	}
	if err := grpcserver.Permit(r.Context(), grpcserver.Features(q.service, q.features)...); err != nil {
		return nil, err
	}
	a, err := s.serve(r.Context(), q)
	if err != nil {
		return nil, err
	}
	defer a.released()
	const perColumn, perValue = 64, 48
	return a.appendJSON(make([]byte, 0, len(a.columns)*(perColumn+perValue*a.rows)), q.versions), nil
}

// readQuestion reads the body of a request for features. Members that nobody knows are
// ignored, as in Feast.
func readQuestion(r *http.Request) (*question, error) {
	q, hasEntities := new(question), false
	err := readMembers(r, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "feature_service":
			return readOptional(name, "a text, in quotes", value, &q.service)
		case "features":
			q.features, err = readNames(name, value)
			return err
		case "full_feature_names":
			return readInto(name, "true or false", value, &q.fullNames)
		case "include_feature_view_version_metadata":
			return readInto(name, "true or false", value, &q.versions)
		case "entities":
			hasEntities = true
			return q.readEntities(value)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !hasEntities {
		return nil, schema.BadJSON.Errorf(`the body has no "entities"; write "entities": {"KEY": [VALUE]}`)
	}
	return q, nil
}

func (q *question) readEntities(object json.RawMessage) error {
	seen := map[string]bool{}
	err := schema.JSONMembers(object, func(name string, value json.RawMessage) error {
		switch {
		case seen[name]:
			return schema.BadJSON.Errorf(`"entities": %q comes twice`, name)
		case value[0] != '[':
			return schema.BadJSON.Errorf(`"entities": %q is not a list; write one value for each row, in brackets`, name)
		case len(seen) == maxColumns:
			return schema.BadJSON.Errorf(`"entities" has more than %d members`, maxColumns)
		}
		seen[name] = true
		q.given = append(q.given, given{name, jsonValues(value)})
		return nil
	})
	if errors.Is(err, schema.ErrNotObject) {
		return schema.BadJSON.Errorf(`"entities" is not an object of lists; write {"KEY": [VALUE]}`)
	}
	return err
}

// maxColumns is how many columns a request may bring: those of the largest table, and
// some that nobody needs.
const maxColumns = 2 * schema.MaxFeatures

// readMembers reads the body of a request: an object.
func readMembers(r *http.Request, read func(name string, value json.RawMessage) error) error {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return err
	}
	if err := schema.CheckJSON(body); err != nil {
		return schema.BadJSON.Errorf("the body is %v", err)
	}
	if err := schema.JSONMembers(body, read); !errors.Is(err, schema.ErrNotObject) {
		return err
	}
	return schema.BadJSON.Errorf("the body is not a JSON object")
}

func readInto[T any](name, want string, value json.RawMessage, to *T) error {
	if string(value) == "null" || json.Unmarshal(value, to) != nil {
		return schema.BadJSON.Errorf("%q is not %s", name, want)
	}
	return nil
}

// readOptional is readInto for a member that may be null.
func readOptional[T any](name, want string, value json.RawMessage, to *T) error {
	if string(value) == "null" {
		return nil
	}
	return readInto(name, want, value, to)
}

// readNames reads a list of names, up to one more than there may be: whoever takes them
// refuses that.
func readNames(name string, list json.RawMessage) ([]string, error) {
	names := []string{}
	err := schema.JSONItems(list, func(item json.RawMessage) error {
		if len(names) > schema.MaxFeatures {
			return nil
		}
		var one string
		if item[0] != '"' || json.Unmarshal(item, &one) != nil {
			return schema.BadJSON.Errorf("%q is not a list of texts", name)
		}
		names = append(names, one)
		return nil
	})
	if errors.Is(err, schema.ErrNotList) {
		return nil, schema.BadJSON.Errorf("%q is not a list of texts", name)
	}
	return names, err
}
