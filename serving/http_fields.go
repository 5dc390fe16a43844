package serving

import (
	"encoding/json"
	"errors"

	"larder/internal/openapi"
	"larder/schema"
)

// A field is a field of a body: what its value must be, in words and for the
// documentation, and where it goes.
type field struct {
	want   string
	schema *openapi.Schema
	read   func(json.RawMessage) error
}

func (req *jsonRequest) featureFields() map[string]field {
	fields := req.commonFields()
	fields["feature_service"] = into("a feature service's name, in quotes", &req.service,
		openapi.Of("string", "The feature service to read; either this or features."))
	fields["features"] = field{`a list of features; write ["VIEW:FEATURE"]`, featuresSchema, req.readFeatures}
	return fields
}

func (req *jsonRequest) scoreFields() map[string]field {
	fields := req.commonFields()
	fields["model"] = into("a model's name, in quotes", &req.model, openapi.Of("string", "The model to score with."))
	fields["model_version"] = field{"a whole number", versionSchema, func(raw json.RawMessage) (err error) {
		req.version, err = schema.ParseWhole(string(raw), 64)
		return err
	}}
	fields["return_features"] = into("true or false", &req.returnFeatures, openapi.Of("boolean", "Answer the features too."))
	fields["outputs"] = field{`a list of outputs; write ["NAME"], or ["*"] for all`, outputsSchema, func(raw json.RawMessage) (err error) {
		req.outputs, err = readNames(raw)
		return err
	}}
	fields["request_id"] = into("a text, in quotes", &req.requestID, requestIDSchema)
	return fields
}

func (req *jsonRequest) commonFields() map[string]field {
	return map[string]field{
		"entities": objectInto(`an object of lists; write {"customer_id": [7]}`, &req.entities, entitiesSchema),
		"request":  objectInto(`an object of lists; write {"amount": [12.5]}`, &req.request, requestSchema),
		"at": {`a time; write "2026-01-31T10:00:00Z"`, atSchema, func(raw json.RawMessage) error {
			at, err := parseTime(raw)
			req.at = &at
			return err
		}},
	}
}

func into[T any](want string, to *T, s *openapi.Schema) field {
	return field{want, s, func(raw json.RawMessage) error { return json.Unmarshal(raw, to) }}
}

// objectInto keeps an object, whose values are read when it is known of which types they
// are.
func objectInto(want string, to *json.RawMessage, s *openapi.Schema) field {
	return field{want, s, func(raw json.RawMessage) error {
		if raw[0] != '{' {
			return schema.ErrNotObject
		}
		*to = raw
		return nil
	}}
}

func (req *jsonRequest) readFeatures(raw json.RawMessage) (err error) {
	req.features, err = readNames(raw)
	return err
}

// readNames reads a list of names, up to one more than there may be of features: the plan
// refuses it then.
func readNames(raw json.RawMessage) ([]string, error) {
	names := []string{}
	err := schema.JSONItems(raw, func(item json.RawMessage) error {
		if len(names) > schema.MaxFeatures {
			return nil
		}
		var name string
		if err := json.Unmarshal(item, &name); err != nil || item[0] != '"' {
			return errors.New("not a text")
		}
		names = append(names, name)
		return nil
	})
	return names, err
}
