package serving

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"larder/internal/grpcserver"
	"larder/schema"
)

// readJSON reads a body: an object that has these fields, or some of them.
func readJSON(r *http.Request, fields map[string]field) error {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return badJSON("the body is not UTF-8")
	}
	if !json.Valid(body) {
		return notJSON(body)
	}
	seen := map[string]bool{}
	err = schema.JSONMembers(body, func(name string, value json.RawMessage) error {
		f, known := fields[name]
		switch {
		case !known:
			return schema.UnknownField.Errorf("the request has no field %q; %s", name, schema.Nearest(name, slices.Collect(maps.Keys(fields))))
		case seen[name]:
			return badJSON("the body: %q comes twice", name)
		case string(value) == "null":
			return badJSON("%q is null; leave it out, or give %s", name, f.want)
		}
		seen[name] = true
		if f.read(value) != nil {
			return badJSON("%q is not %s", name, f.want)
		}
		return nil
	})
	if errors.Is(err, schema.ErrNotObject) {
		return badJSON(`the body is not a JSON object; write {"model": "NAME", "entities": {"KEY": [VALUE]}}`)
	}
	return err
}

// notJSON says where a body stops being JSON.
func notJSON(body []byte) error {
	err := json.Unmarshal(body, new(json.RawMessage))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return badJSON("the body is not JSON: %v, at byte %d", err, syntax.Offset)
	}
	return badJSON("the body is not JSON: %v", err)
}

func badJSON(format string, args ...any) error {
	return schema.BadJSON.Errorf(format, args...)
}

func parseTime(raw json.RawMessage) (int64, error) {
	v, err := schema.ParseValue(schema.Timestamp, raw)
	if err != nil {
		return 0, err
	}
	return v.(time.Time).UnixMicro(), nil
}
