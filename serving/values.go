package serving

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"larder/schema"
	"larder/vector"
)

// takeJSON reads the values of a request, as the plan's types want them.
func (c *call) takeJSON(req *jsonRequest) error {
	plan := c.shape.plan
	keyType := func(name string) schema.Type {
		at := slices.IndexFunc(plan.Keys, func(k schema.JoinKey) bool { return k.Name == name })
		if at < 0 {
			return 0
		}
		return plan.Keys[at].Type
	}
	if err := takeMembers(&c.entities, "join key", req.entities, keyType); err != nil {
		return err
	}
	return takeMembers(&c.request, "request value", req.request, func(name string) schema.Type { return requestType(plan, name) })
}

// requestType returns the type of a value that a request may bring: one that is
// declared, or a feature that is asked for or that an expression reads; 0 when it
// may not.
func requestType(plan *schema.Plan, name string) schema.Type {
	for i := range plan.Request {
		if plan.Request[i].Name == name {
			return plan.Request[i].Type
		}
	}
	for i := range len(plan.Features) + len(plan.Inputs) {
		if f := plan.Feature(i); f.Name == name {
			return f.Type
		}
	}
	return 0
}

// takeMembers reads columns. One of an unknown name stays empty: binding says so.
func takeMembers(dst *vector.Columns, noun string, members []member, typeOf func(string) schema.Type) error {
	dst.Names, dst.Values = dst.Names[:0], dst.Values[:0]
	for _, m := range members {
		var column vector.Column
		if t := typeOf(m.name); t != 0 {
			var items []json.RawMessage
			if err := json.Unmarshal(m.raw, &items); err != nil || items == nil {
				return badJSON("%s %q is not a list; write one value for each row, in brackets", noun, m.name)
			}
			var err error
			if column, err = parseColumn(t, items); err != nil {
				return schema.Errorf(schema.Invalid, "BAD_VALUE", "%s %q, %v", noun, m.name, err)
			}
		}
		dst.Names, dst.Values = append(dst.Names, m.name), append(dst.Values, column)
	}
	return nil
}

func parseColumn(t schema.Type, items []json.RawMessage) (vector.Column, error) {
	c, valid, nulls := vector.Column{Type: t}, make([]bool, len(items)), false
	for i, item := range items {
		v, err := schema.ParseValue(t, item)
		if err != nil {
			return c, fmt.Errorf("row %d: %w", i, err)
		}
		valid[i], nulls = v != nil, nulls || v == nil
		if !t.IsList() {
			appendScalar(&c, v)
			continue
		}
		list, _ := v.([]any)
		for _, element := range list {
			appendScalar(&c, element)
		}
		end := uint32(len(list))
		if i > 0 {
			end += c.Ends[i-1]
		}
		c.Ends = append(c.Ends, end)
	}
	if nulls {
		c.Valid = valid
	}
	return c, nil
}

// appendScalar appends a value, in the Go form of schema.ParseValue; of nil, a zero.
func appendScalar(c *vector.Column, v any) {
	switch c.Type.Elem() {
	case schema.Bool:
		x, _ := v.(bool)
		c.Bools = append(c.Bools, x)
	case schema.Int32:
		x, _ := v.(int32)
		c.Int32s = append(c.Int32s, x)
	case schema.Int64:
		x, _ := v.(int64)
		c.Int64s = append(c.Int64s, x)
	case schema.Float32:
		x, _ := v.(float32)
		c.Float32s = append(c.Float32s, x)
	case schema.Float64:
		x, _ := v.(float64)
		c.Float64s = append(c.Float64s, x)
	case schema.String:
		x, _ := v.(string)
		c.Strings = append(c.Strings, x)
	case schema.Bytes:
		x, _ := v.([]byte)
		c.Bytes = append(c.Bytes, x)
	case schema.Timestamp:
		var micros int64
		if x, ok := v.(time.Time); ok {
			micros = x.UnixMicro()
		}
		c.Int64s = append(c.Int64s, micros)
	}
}
