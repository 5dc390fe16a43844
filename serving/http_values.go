package serving

import (
	"encoding/json"
	"errors"

	"larder/column"
	"larder/schema"
)

// takeJSON reads the values of a request, as the plan's types want them. It stops at the
// first that is too many, so what is read is never larger than what may be served.
func (a *Ask) takeJSON(req *jsonRequest, maxRows int) error {
	plan := a.Plan()
	if err := takeMembers(&a.Keys, "entities", "join key", req.entities, plan.KeyType, maxRows); err != nil {
		return err
	}
	return takeMembers(&a.Request, "request", "request value", req.request, plan.RequestType, maxRows)
}

// errUnknownName ends the reading of columns: binding says what is wrong with the last.
var errUnknownName = errors.New("a name that the plan does not have")

// takeMembers reads columns, up to the first of an unknown name, which stays empty.
func takeMembers(dst *column.Columns, field, noun string, object json.RawMessage, typeOf func(string) schema.Type, maxRows int) error {
	dst.Reset()
	if object == nil {
		return nil
	}
	seen := map[string]bool{}
	err := schema.JSONMembers(object, func(name string, value json.RawMessage) error {
		if seen[name] {
			return badJSON("%q: %q comes twice", field, name)
		}
		seen[name] = true
		t := typeOf(name)
		if t == 0 {
			dst.Add(name, column.Column{})
			return errUnknownName
		}
		values, err := column.ParseJSON(t, value, maxRows, schema.ParseValue)
		switch {
		case errors.Is(err, schema.ErrNotList):
			return badJSON("%s %q is not a list; write one value for each row, in brackets", noun, name)
		case errors.Is(err, column.ErrTooManyRows):
			return schema.TooManyRows.Errorf("the request has more than %d rows; at most %d fit, split it", maxRows, maxRows)
		case err != nil:
			return schema.BadValue.Errorf("%s %q, %v", noun, name, err)
		}
		dst.Add(name, values)
		return nil
	})
	if errors.Is(err, errUnknownName) {
		return nil
	}
	return err
}
