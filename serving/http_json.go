package serving

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"larder/internal/grpcserver"
	"larder/schema"
)

// readJSON reads a body: an object that has these fields, or some of them.
func readJSON(r *http.Request, fields map[string]field) error {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return err
	}
	if err := schema.CheckJSON(body); err != nil {
		return badJSON("the body is %v", err)
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
