package vector

import (
	"math"
	"slices"
	"unicode/utf8"

	"larder/schema"
	"larder/store/row"
)

// Columns of a request, by name. Names and columns have one length.
type Columns struct {
	Names  []string
	Values []Column
}

// BindKeys takes the request's entity columns, one per join key of the plan,
// and makes the keys to read. The columns may be let go afterwards.
func (b *Batch) BindKeys(entities Columns) error {
	plan := b.program.plan
	ordered := make([]*Column, len(plan.Keys))
	for i, name := range entities.Names {
		at := slices.IndexFunc(plan.Keys, func(k schema.JoinKey) bool { return k.Name == name })
		if at < 0 {
			return schema.Errorf(schema.Invalid, "UNKNOWN_JOIN_KEY", "%s takes no join key %q; %s", plan.Name(), name, schema.Nearest(name, keyNames(plan.Keys)))
		}
		if ordered[at] != nil {
			return schema.Errorf(schema.Invalid, "DUPLICATE_COLUMN", "join key %q comes twice", name)
		}
		if n := entities.Values[i].Len(); n != b.rows {
			return schema.Errorf(schema.Invalid, "ROW_COUNT", "join key %q has %d values; the request has %d rows", name, n, b.rows)
		}
		ordered[at] = &entities.Values[i]
	}
	for i, c := range ordered {
		if c == nil {
			return schema.Errorf(schema.Invalid, "MISSING_JOIN_KEY", "join key %q (%s) is missing; %s needs it", plan.Keys[i].Name, plan.Keys[i].Type, plan.Name())
		}
		if err := checkKey(plan.Keys[i], c); err != nil {
			return err
		}
	}
	for v := range plan.Views {
		for r := range b.rows {
			b.appendKey(&plan.Views[v], ordered, r)
		}
	}
	return b.checkKeySizes()
}

func keyNames(keys []schema.JoinKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

// checkKey tells whether every value of a column is a key of the declared type.
func checkKey(k schema.JoinKey, c *Column) error {
	if c.Type != k.Type && !(c.Type.IsInteger() && k.Type.IsInteger()) {
		return schema.Errorf(schema.Invalid, "JOIN_KEY_TYPE", "join key %q is %s; the request sends %s", k.Name, k.Type, c.Type)
	}
	for r, valid := range c.Valid {
		if !valid {
			return schema.Errorf(schema.Invalid, "NULL_JOIN_KEY", "join key %q is null in row %d; every row needs its key", k.Name, r)
		}
	}
	if k.Type == schema.Int32 && c.Type == schema.Int64 {
		for r, v := range c.Int64s {
			if v != int64(int32(v)) {
				return schema.Errorf(schema.Invalid, "JOIN_KEY_RANGE", "join key %q is int32; %d in row %d does not fit", k.Name, v, r)
			}
		}
	}
	if k.Type == schema.String {
		for r, v := range c.Strings {
			if !utf8.ValidString(v) {
				return schema.Errorf(schema.Invalid, "BAD_UTF8", "join key %q is not UTF-8 in row %d", k.Name, r)
			}
		}
	}
	return nil
}

func (b *Batch) appendKey(v *schema.PlanView, ordered []*Column, r int) {
	buf := row.AppendView(b.keys.Buffer(), v.ID)
	for i, k := range v.Keys {
		c := ordered[v.KeyColumns[i]]
		switch k.Type {
		case schema.Bool:
			buf = row.AppendBool(buf, c.Bools[r])
		case schema.Int32:
			if c.Type == schema.Int64 {
				buf = row.AppendInt32(buf, int32(c.Int64s[r]))
			} else {
				buf = row.AppendInt32(buf, c.Int32s[r])
			}
		case schema.Int64:
			if c.Type == schema.Int32 {
				buf = row.AppendInt64(buf, int64(c.Int32s[r]))
			} else {
				buf = row.AppendInt64(buf, c.Int64s[r])
			}
		case schema.Timestamp:
			buf = row.AppendTimestamp(buf, c.Int64s[r])
		case schema.String:
			buf = row.AppendString(buf, c.Strings[r])
		case schema.Bytes:
			buf = row.AppendBytes(buf, c.Bytes[r])
		}
	}
	b.keys.Take(buf)
}

func (b *Batch) checkKeySizes() error {
	for i := range b.keys.Len() {
		if n := len(b.keys.At(i)); n > row.MaxKeyBytes {
			return schema.Errorf(schema.Invalid, "KEY_TOO_LARGE", "the key of row %d takes %d bytes; at most %d fit", i%b.rows, n, row.MaxKeyBytes)
		}
	}
	return nil
}

// BindRequest takes the values that come with the request: those that the plan
// declares, by name, and values for stored features, as VIEW:FEATURE. The batch
// keeps the columns until it is reset.
func (b *Batch) BindRequest(values Columns) error {
	plan := b.program.plan
	for i, name := range values.Names {
		c := &values.Values[i]
		feature := slices.IndexFunc(plan.Features, func(f schema.PlanFeature) bool {
			return f.Name == name || f.Request >= 0 && plan.Request[f.Request].Name == name
		})
		if feature < 0 {
			return schema.Errorf(schema.Invalid, "UNKNOWN_REQUEST_VALUE", "%s takes no value %q; %s", plan.Name(), name, schema.Nearest(name, b.program.requestNames()))
		}
		if b.given[feature] != nil {
			return schema.Errorf(schema.Invalid, "DUPLICATE_COLUMN", "request value %q comes twice", name)
		}
		if n := c.Len(); n != b.rows {
			return schema.Errorf(schema.Invalid, "ROW_COUNT", "request value %q has %d values; the request has %d rows", name, n, b.rows)
		}
		converted, err := convert(name, c, plan.Features[feature].Type)
		if err != nil {
			return err
		}
		b.given[feature] = converted
	}
	for i, f := range plan.Features {
		if f.Request >= 0 && b.given[i] == nil {
			return schema.Errorf(schema.Invalid, "MISSING_REQUEST_VALUE", "request value %q (%s) is missing; %s needs it", plan.Request[f.Request].Name, f.Type, plan.Name())
		}
	}
	return nil
}

func (p *Program) requestNames() []string {
	var names []string
	for _, f := range p.plan.Features {
		if f.Request >= 0 {
			names = append(names, p.plan.Request[f.Request].Name)
		} else {
			names = append(names, f.Name)
		}
	}
	return names
}

// convert returns c as a column of type want: itself, or with each number
// converted if it fits. An integer becomes a float when it stays exact; a
// float64 becomes the nearest float32.
func convert(name string, c *Column, want schema.Type) (*Column, error) {
	if c.Type == want {
		return c, checkText(name, c)
	}
	wrong := schema.Errorf(schema.Invalid, "VALUE_TYPE", "%q is %s; the request sends %s", name, want, c.Type)
	if c.Type.IsList() || want.IsList() || !isNumeric(c.Type) || !isNumeric(want) || c.Type.IsFloat() && want.IsInteger() {
		return nil, wrong
	}
	out := newColumn(want, c.Len())
	out.Valid = c.Valid
	for i := range c.Len() {
		if !c.IsNull(i) && !convertNumber(&out, c, i) {
			return nil, schema.Errorf(schema.Invalid, "VALUE_RANGE", "%q is %s; the value in row %d does not fit", name, want, i)
		}
	}
	return &out, nil
}

func isNumeric(t schema.Type) bool { return t.IsInteger() || t.IsFloat() }

// convertNumber converts row i and tells whether it fits.
func convertNumber(out, c *Column, i int) bool {
	if c.Type.IsFloat() {
		if out.Type == schema.Float32 {
			out.Float32s[i] = float32(c.Float64s[i])
			return !math.IsInf(float64(out.Float32s[i]), 0) || math.IsInf(c.Float64s[i], 0)
		}
		out.Float64s[i] = float64(c.Float32s[i])
		return true
	}
	v := int64(0)
	if c.Type == schema.Int32 {
		v = int64(c.Int32s[i])
	} else {
		v = c.Int64s[i]
	}
	switch out.Type {
	case schema.Int32:
		out.Int32s[i] = int32(v)
		return int64(out.Int32s[i]) == v
	case schema.Int64:
		out.Int64s[i] = v
		return true
	case schema.Float32:
		out.Float32s[i] = float32(v)
		return v >= -1<<24 && v <= 1<<24
	}
	out.Float64s[i] = float64(v)
	return v >= -1<<53 && v <= 1<<53
}

func checkText(name string, c *Column) error {
	if c.Type.Elem() != schema.String {
		return nil
	}
	for i, s := range c.Strings {
		if !utf8.ValidString(s) {
			return schema.Errorf(schema.Invalid, "BAD_UTF8", "%q is not UTF-8 in value %d", name, i)
		}
	}
	return nil
}
