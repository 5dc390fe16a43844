package serving

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"larder/internal/grpcserver"
	"larder/schema"
)

// A member is a name and a value of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}

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
	members, err := readObject(body)
	if errors.Is(err, errNotObject) {
		return badJSON(`the body is not a JSON object; write {"model": "NAME", "entities": {"KEY": [VALUE]}}`)
	}
	if err != nil {
		return badJSON("the body: %v", err)
	}
	for _, m := range members {
		f, known := fields[m.name]
		if !known {
			return schema.UnknownField.Errorf("the request has no field %q; %s", m.name, schema.Nearest(m.name, slices.Collect(maps.Keys(fields))))
		}
		if string(m.raw) == "null" {
			return badJSON("%q is null; leave it out, or give %s", m.name, f.want)
		}
		if err := f.read(m.raw); err != nil {
			var twice *twiceError
			if errors.As(err, &twice) {
				return badJSON("%q: %v", m.name, err)
			}
			return badJSON("%q is not %s", m.name, f.want)
		}
	}
	return nil
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

// errNotObject says that a value is JSON, but not an object.
var errNotObject = errors.New("not an object")

// A twiceError says that an object has a name twice.
type twiceError struct{ name string }

func (e *twiceError) Error() string { return fmt.Sprintf("%q comes twice", e.name) }

// readObject reads an object, of valid JSON, and keeps the order of its members.
func readObject(raw []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, errNotObject
	}
	var members []member
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: token.(string)} // of an object it is one
		if seen[m.name] {
			return nil, &twiceError{m.name}
		}
		seen[m.name] = true
		if err := d.Decode(&m.raw); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

func parseTime(raw json.RawMessage) (int64, error) {
	v, err := schema.ParseValue(schema.Timestamp, raw)
	if err != nil {
		return 0, err
	}
	return v.(time.Time).UnixMicro(), nil
}
