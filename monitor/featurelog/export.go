package featurelog

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column"
	"larder/monitor"
	"larder/schema"
)

// An Export turns rows of a table, which one version of a model scored with one version
// of the definitions, into records with the columns of a log's file.
type Export struct {
	plan    *schema.Plan
	inputs  []schema.Type    // of each feature, 0 where the model has no such input; nil for one tensor
	outputs []monitor.Output // of the model, without values
	columns []field
	builder *array.RecordBuilder
	rows    int
}

// NewExport returns an Export of the rows of a plan. inputs has the type of each feature
// as the model takes it, 0 where it has no such input; nil says that it takes one tensor.
// outputs are those of the model, without values. The caller closes it.
func NewExport(plan *schema.Plan, inputs []schema.Type, outputs []monitor.Output) *Export {
	x := &Export{plan: plan, inputs: inputs, outputs: outputs}
	like := &monitor.Scored{Plan: plan, Dense: []float32{}, Outputs: outputs}
	if inputs != nil {
		like.Dense, like.Tensors = nil, make([]column.Column, len(inputs))
		for i, t := range inputs {
			like.Tensors[i].Type = t
		}
	}
	x.columns = columnsOf(newEntry(like))
	fields := make([]arrow.Field, len(x.columns))
	for i, c := range x.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	origin := originOf(plan)
	x.builder = array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, &origin))
	return x
}

// Schema returns the columns.
func (x *Export) Schema() *arrow.Schema { return x.builder.Schema() }

// Add adds a row, and reports whether there are enough for a record.
func (x *Export) Add(r *Row) (full bool, err error) {
	scored, err := x.scored(r)
	if err != nil {
		return false, fmt.Errorf("row %d of request %q of the feature log's table: %w", r.Row, r.RequestID, err)
	}
	e := newEntry(scored)
	e.overridden = r.Overridden
	for i, c := range x.columns {
		c.put(x.builder.Field(i), e, 0)
	}
	x.rows++
	return x.rows >= batchRows, nil
}

// Take returns the rows added so far. The caller releases the record.
func (x *Export) Take() arrow.Record {
	x.rows = 0
	return x.builder.NewRecord()
}

// Close frees the rows that were not taken.
func (x *Export) Close() { x.builder.Release() }

// scored is the inverse of the table's rows.
func (x *Export) scored(r *Row) (*monitor.Scored, error) {
	out := &monitor.Scored{
		Plan: x.plan, Role: monitor.Role(r.Role), RequestID: r.RequestID, Numbers: []int{int(r.Row)}, At: r.At, Rows: 1, Latency: r.Latency,
		Scores: []float64{r.Score},
	}
	var err error
	if out.Keys, err = readNamed(r.Keys, x.plan.Keys, func(k schema.JoinKey) (string, schema.Type) { return k.Name, k.Type }); err != nil {
		return nil, err
	}
	if out.Request, err = readNamed(r.Request, x.plan.Request, func(f schema.Feature) (string, schema.Type) { return f.Name, f.Type }); err != nil {
		return nil, err
	}
	if err := x.readFound(out, r); err != nil {
		return nil, err
	}
	if err := x.readOutputs(out, r); err != nil {
		return nil, err
	}
	if x.inputs == nil {
		if out.Dense = r.Vector; len(r.Vector) != len(x.plan.Features) {
			return nil, fmt.Errorf("it has %d values, and the feature service %d features", len(r.Vector), len(x.plan.Features))
		}
		return out, nil
	}
	var inputs map[string]json.RawMessage
	if err := json.Unmarshal(r.Inputs, &inputs); err != nil {
		return nil, err
	}
	out.Tensors = make([]column.Column, len(x.inputs))
	for i, t := range x.inputs {
		if t == 0 {
			continue
		}
		name := x.plan.Features[i].Name
		if out.Tensors[i], err = readValue(t, inputs[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

// readOutputs reads the outputs that were computed.
func (x *Export) readOutputs(out *monitor.Scored, r *Row) error {
	out.Outputs = slices.Clone(x.outputs)
	if r.Outputs == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Outputs, &members); err != nil {
		return err
	}
	for i := range out.Outputs {
		o := &out.Outputs[i]
		raw, found := members[o.Name]
		if !found {
			continue
		}
		c, err := readValue(o.ColumnType(), raw)
		if err != nil {
			return fmt.Errorf("output %s: %w", o.Name, err)
		}
		if c.Elements() != o.Width {
			return fmt.Errorf("output %s has %d values, and the model gives %d", o.Name, c.Elements(), o.Width)
		}
		c.Type, c.Ends = o.Type, nil
		o.Values = c
	}
	return nil
}

// readFound reads what was found of each view.
func (x *Export) readFound(out *monitor.Scored, r *Row) error {
	var statuses map[string]string
	var ages, positions map[string]int64
	if err := json.Unmarshal(r.Statuses, &statuses); err != nil {
		return err
	}
	if err := json.Unmarshal(r.Ages, &ages); err != nil {
		return err
	}
	if r.Positions != nil {
		if err := json.Unmarshal(r.Positions, &positions); err != nil {
			return err
		}
	}
	for i := range x.plan.Views {
		name := x.plan.Views[i].Name
		status := slices.IndexFunc(everyStatus, func(s schema.Status) bool { return s.String() == statuses[name] })
		if status < 0 {
			return fmt.Errorf("feature view %s has the status %q, which this larder doesn't know", name, statuses[name])
		}
		out.Statuses, out.Ages = append(out.Statuses, everyStatus[status]), append(out.Ages, ages[name])
		out.Positions = append(out.Positions, positions[name])
	}
	return nil
}

var everyStatus = []schema.Status{schema.StatusPresent, schema.StatusNullValue, schema.StatusNotFound, schema.StatusOutsideMaxAge}

// readNamed reads the members of an object that have a name and a type. Those that it
// lacks are left out.
func readNamed[T any](raw []byte, wanted []T, of func(T) (string, schema.Type)) (column.Columns, error) {
	var out column.Columns
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return out, err
	}
	for _, w := range wanted {
		name, t := of(w)
		member, found := members[name]
		if !found {
			continue
		}
		c, err := readValue(t, member)
		if err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
		out.Names, out.Values = append(out.Names, name), append(out.Values, c)
	}
	return out, nil
}

// readValue reads what appendJSON wrote, as a column of one row.
func readValue(t schema.Type, raw json.RawMessage) (column.Column, error) {
	c := column.Column{Type: t}
	if t.Elem().IsFloat() && strings.Contains(string(raw), `"NaN:`) {
		return readUnusual(t, raw)
	}
	v, err := schema.ParseValue(t, raw)
	if err != nil {
		return c, err
	}
	c.AppendValue(v)
	if v == nil {
		c.Valid = []bool{false}
	}
	return c, nil
}

// readUnusual reads floats among which there are NaNs of unusual bits.
func readUnusual(t schema.Type, raw json.RawMessage) (column.Column, error) {
	c := column.Column{Type: t}
	items := []json.RawMessage{raw}
	if t.IsList() {
		if err := json.Unmarshal(raw, &items); err != nil {
			return c, err
		}
	}
	values := make([]any, len(items))
	for i, item := range items {
		bits, unusual := strings.CutPrefix(strings.Trim(string(item), `"`), "NaN:")
		var err error
		if unusual {
			values[i], err = floatOf(t.Elem(), bits)
		} else {
			values[i], err = schema.ParseValue(t.Elem(), item)
		}
		if err != nil {
			return c, err
		}
	}
	if t.IsList() {
		c.AppendValue(values)
	} else {
		c.AppendValue(values[0])
	}
	return c, nil
}

func floatOf(t schema.Type, bits string) (any, error) {
	if t == schema.Float32 {
		v, err := strconv.ParseUint(bits, 16, 32)
		return math.Float32frombits(uint32(v)), err
	}
	v, err := strconv.ParseUint(bits, 16, 64)
	return math.Float64frombits(v), err
}
