package serving

import (
	"encoding/json"
	"fmt"

	"larder/column"
	"larder/schema"
)

// takeJSON reads the values of a request, as the plan's types want them.
func (a *Ask) takeJSON(req *jsonRequest) error {
	plan := a.Plan()
	if err := takeMembers(&a.Keys, "join key", req.entities, plan.KeyType); err != nil {
		return err
	}
	return takeMembers(&a.Request, "request value", req.request, plan.RequestType)
}

// takeMembers reads columns. One of an unknown name stays empty: binding says so.
func takeMembers(dst *column.Columns, noun string, members []member, typeOf func(string) schema.Type) error {
	dst.Reset()
	for _, m := range members {
		var values column.Column
		if t := typeOf(m.name); t != 0 {
			var items []json.RawMessage
			if err := json.Unmarshal(m.raw, &items); err != nil || items == nil {
				return badJSON("%s %q is not a list; write one value for each row, in brackets", noun, m.name)
			}
			var err error
			if values, err = parseColumn(t, items); err != nil {
				return schema.BadValue.Errorf("%s %q, %v", noun, m.name, err)
			}
		}
		dst.Add(m.name, values)
	}
	return nil
}

func parseColumn(t schema.Type, items []json.RawMessage) (column.Column, error) {
	c, valid, nulls := column.Column{Type: t}, make([]bool, len(items)), false
	c.Reserve(len(items))
	for i, item := range items {
		v, err := schema.ParseValue(t, item)
		if err != nil {
			return c, fmt.Errorf("row %d: %w", i, err)
		}
		valid[i], nulls = v != nil, nulls || v == nil
		c.AppendValue(v)
	}
	if nulls {
		c.Valid = valid
	}
	return c, nil
}
