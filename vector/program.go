package vector

import (
	"math"
	"slices"
	"time"

	"larder/schema"
	"larder/store/row"
)

// A Program says how the rows of a plan's views become vectors. It is immutable
// and safe for concurrent use.
type Program struct {
	plan     *schema.Plan
	views    []viewProgram
	defaults []Column  // of each feature: one row, its default or null
	floats   []float32 // of each feature: its default as a float tensor holds it; NaN for null
	strict   bool      // the model asks to fail when a value is missing
}

type viewProgram struct {
	ttl      int64
	features []int // plan features that come from this view
	layouts  []layoutProgram
}

// A layoutProgram reads rows of one layout.
type layoutProgram struct {
	layout *row.Layout
	moves  []move
}

// A move takes one stored value to one place of the vector.
type move struct {
	feature int // in the plan
	column  int // in the layout; absent when rows of this layout lack it
	offset  int // in the row
	kind    schema.Type
}

const absent = -1

// Compile returns the program of a plan.
func Compile(plan *schema.Plan) *Program {
	p := &Program{plan: plan, strict: plan.Model != nil && plan.Model.OnMissing == schema.FailOnMissing}
	for i := range plan.Views {
		p.views = append(p.views, compileView(&plan.Views[i]))
	}
	for i := range plan.Features {
		f := &plan.Features[i]
		c := valueColumn(f.Type, f.Default)
		float := float32(math.NaN())
		if f.Default != nil && IsNumber(f.Type) {
			float = c.float32At(0)
		}
		p.defaults, p.floats = append(p.defaults, c), append(p.floats, float)
	}
	return p
}

// IsNumber tells whether a float tensor can hold values of type t: bools and
// numbers.
func IsNumber(t schema.Type) bool {
	return t == schema.Bool || t.IsInteger() || t.IsFloat()
}

func compileView(v *schema.PlanView) viewProgram {
	out := viewProgram{ttl: v.TTLMicros()}
	for _, slot := range v.Slots {
		out.features = append(out.features, slot.Feature)
	}
	for _, columns := range v.Layouts {
		layout := row.NewLayout(columns)
		moves := make([]move, len(v.Slots))
		for i, slot := range v.Slots {
			f := v.Features[slot.Column]
			m := move{feature: slot.Feature, kind: f.Type, column: absent}
			if at := slices.Index(columns, schema.Column{Name: f.Name, Type: f.Type}); at >= 0 {
				m.column, m.offset = at, layout.Offsets[at]
			}
			moves[i] = m
		}
		out.layouts = append(out.layouts, layoutProgram{layout, moves})
	}
	return out
}

// valueColumn returns a column of one row that holds v, in the Go form of
// schema.ParseValue.
func valueColumn(t schema.Type, v any) Column {
	c := newColumn(t, 1)
	if v == nil {
		return c
	}
	c.Valid[0] = true
	if list, isList := v.([]any); isList {
		for _, element := range list {
			one := valueColumn(t.Elem(), element)
			one.Type, one.Ends = t, []uint32{1}
			c.appendList(&one, 0)
		}
		c.Ends[0] = uint32(len(list))
		return c
	}
	switch v := v.(type) {
	case bool:
		c.Bools[0] = v
	case int32:
		c.Int32s[0] = v
	case int64:
		c.Int64s[0] = v
	case time.Time:
		c.Int64s[0] = v.UnixMicro()
	case float32:
		c.Float32s[0] = v
	case float64:
		c.Float64s[0] = v
	case string:
		c.Strings[0] = v
	case []byte:
		c.Bytes[0] = v
	}
	return c
}
