package vector

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"larder/column"
	"larder/schema"
	"larder/store/row"
	"larder/window"
)

// An Aggregation says how events become the states of an aggregate view, and states its
// rows. The applier of a stream, serving, training and verify share it. It is safe for
// concurrent use.
type Aggregation struct {
	View    *schema.View
	Program *window.Program
	where   *condition
	fields  []int // of the stream: those that the program reads, in its order
	keys    []int // of the stream: the join keys
	time    int   // of the stream: the event time
	layout  *row.Layout
}

// NewAggregation returns the aggregation of an aggregate view.
func NewAggregation(view *schema.View) (*Aggregation, error) {
	s := view.Stream
	a := &Aggregation{View: view, time: s.Field(s.TimestampField), layout: row.NewLayout(view.Layouts[view.Layout()])}
	for _, k := range view.Keys {
		a.keys = append(a.keys, s.Field(k.Name))
	}
	var err error
	if a.where, err = compileCondition(view); err != nil {
		return nil, err
	}
	spec := window.Spec{}
	windows := map[schema.AggregateWindow]int{}
	for _, c := range view.Aggregates.Columns {
		w, found := windows[c.Window]
		if !found {
			w = len(spec.Windows)
			windows[c.Window] = w
			spec.Windows = append(spec.Windows, windowOf(c.Window))
		}
		aggregate := a.aggregateOf(&spec, c)
		at := slices.Index(spec.Aggregates, aggregate)
		if at < 0 {
			at = len(spec.Aggregates)
			spec.Aggregates = append(spec.Aggregates, aggregate)
		}
		spec.Outputs = append(spec.Outputs, window.Output{Aggregate: at, Window: w})
	}
	a.Program, err = window.Compile(spec)
	return a, err
}

func windowOf(w schema.AggregateWindow) window.Window {
	out := window.Window{Length: w.Length.Micros(), Hop: w.Hop.Micros(), Lifetime: w.Lifetime, Previous: w.Of == schema.PreviousUnit}
	if w.Calendar != "" {
		out.Calendar = map[schema.CalendarUnit]window.Unit{
			schema.CalendarHour: window.Hour, schema.CalendarDay: window.Day, schema.CalendarWeek: window.Week,
			schema.CalendarMonth: window.Month, schema.CalendarYear: window.Year,
		}[w.Calendar]
		out.Location, _ = time.LoadLocation(w.TimeZone) // validated
	}
	return out
}

// aggregateOf returns an aggregate of the program, and adds the field that it reads.
func (a *Aggregation) aggregateOf(spec *window.Spec, c schema.AggregateColumn) window.Aggregate {
	f := c.Feature
	out := window.Aggregate{N: f.N, At: c.At, HalfLife: f.HalfLife.Micros()}
	if len(f.Range) == 2 {
		out.Range = [2]float64{f.Range[0], f.Range[1]}
	}
	out.Op = map[schema.AggregateOp]window.Op{
		schema.OpCount: window.Count, schema.OpSum: window.Sum, schema.OpMean: window.Mean, schema.OpVariance: window.Variance, schema.OpStddev: window.Stddev,
		schema.OpMin: window.Min, schema.OpMax: window.Max, schema.OpFirst: window.First, schema.OpLast: window.Last, schema.OpLastN: window.LastN,
		schema.OpDistinct: window.Distinct, schema.OpPercentiles: window.Percentile, schema.OpTopK: window.TopK, schema.OpDecayedSum: window.DecayedSum,
		schema.OpSinceLast: window.SinceLast,
	}[c.Op]
	if c.Field < 0 {
		if c.Op == schema.OpCount {
			out.Op = window.CountAll
		}
		out.Field = -1
		return out
	}
	out.Field = slices.Index(a.fields, c.Field)
	if out.Field < 0 {
		out.Field = len(a.fields)
		a.fields = append(a.fields, c.Field)
		spec.Fields = append(spec.Fields, fieldType(a.View.Stream.Fields[c.Field].Type))
	}
	return out
}

func fieldType(t schema.Type) window.FieldType {
	switch {
	case t == schema.Bool:
		return window.Bool
	case t.IsFloat():
		return window.Float
	case t == schema.String, t == schema.Bytes:
		return window.Text
	}
	return window.Int
}

// CheckAggregates compiles the aggregate views of a catalog. What is wrong is Invalid and
// listed at once. sizes has the largest state that a key of each can get, in bytes.
func CheckAggregates(c *schema.Catalog) (sizes map[string]int64, err error) {
	var faults []string
	sizes = map[string]int64{}
	for _, v := range c.Views() {
		if v.Aggregates == nil {
			continue
		}
		a, err := NewAggregation(v)
		if err != nil {
			faults = append(faults, fmt.Sprintf("aggregate view %q: %v", v.Name, err))
			continue
		}
		if sizes[v.Name] = a.Program.WorstBytes(); sizes[v.Name] > schema.MaxStateBytes {
			faults = append(faults, fmt.Sprintf("aggregate view %q: the state of one key could take %d bytes (limit %d); use fewer windows or aggregates, longer hops, or a smaller n",
				v.Name, sizes[v.Name], schema.MaxStateBytes))
		}
	}
	if len(faults) == 0 {
		return sizes, nil
	}
	return nil, schema.BadExpression.Errorf("%s", strings.Join(faults, "\n"))
}

// Selects reports whether event i of a stream's fields counts in the view; failed says
// that its condition could not be decided.
func (a *Aggregation) Selects(fields []column.Column, i int) (selected, failed bool) {
	return a.where.holds(fields, i)
}

// AppendKey appends the key of event i, as the online store has it; false when a part of
// it is null or it is too large.
func (a *Aggregation) AppendKey(dst []byte, fields []column.Column, i int) (key []byte, ok bool) {
	return AppendEventKey(dst, a.View, a.keys, fields, i)
}

// Keys returns which fields of the stream the join keys are.
func (a *Aggregation) Keys() []int { return a.keys }

// AppendEventKey appends the key that event i has in a view of its stream; false when a
// part of it is null or it is too large. keys are the fields that are join keys.
func AppendEventKey(dst []byte, view *schema.View, keys []int, fields []column.Column, i int) (key []byte, ok bool) {
	start := len(dst)
	dst = row.AppendView(dst, view.ID)
	for _, f := range keys {
		if fields[f].IsNull(i) {
			return dst[:start], false
		}
		dst = appendKeyPart(dst, &fields[f], i)
	}
	if len(dst)-start > row.MaxKeyBytes {
		return dst[:start], false
	}
	return dst, true
}

// Time returns the event time of event i.
func (a *Aggregation) Time(fields []column.Column, i int) int64 { return fields[a.time].Int64s[i] }

// Event sets e to event i of a stream's fields.
func (a *Aggregation) Event(e *window.Event, fields []column.Column, i int, id string, retract bool) {
	e.Time, e.ID, e.Retract = a.Time(fields, i), id, retract
	e.Values = e.Values[:0]
	for _, f := range a.fields {
		e.Values = append(e.Values, eventValue(&fields[f], i))
	}
}

func eventValue(c *column.Column, i int) window.Value {
	if c.IsNull(i) {
		return window.Null()
	}
	switch c.Type {
	case schema.Bool:
		return window.OfBool(c.Bools[i])
	case schema.Int32:
		return window.OfInt(int64(c.Int32s[i]))
	case schema.Int64, schema.Timestamp:
		return window.OfInt(c.Int64s[i])
	case schema.Float32:
		return window.OfFloat(float64(c.Float32s[i]))
	case schema.Float64:
		return window.OfFloat(c.Float64s[i])
	case schema.String:
		return window.OfText(c.Strings[i])
	}
	return window.OfText(string(c.Bytes[i]))
}

// An Evaluator turns states of one aggregate view into rows. It belongs to one goroutine.
type Evaluator struct {
	*Aggregation
	state   *window.State
	answer  window.Answer
	wanted  []int
	builder *row.Builder
}

// NewEvaluator returns an evaluator of some features of the view; nil means all.
func (a *Aggregation) NewEvaluator(features []int) *Evaluator {
	e := &Evaluator{Aggregation: a, state: a.Program.NewState(), wanted: features, builder: row.NewBuilder(a.layout, a.View.Layout())}
	if features == nil {
		for i := range a.View.Features {
			e.wanted = append(e.wanted, i)
		}
	}
	return e
}

// Row returns the row that a stored state has at time t, and the event time of the newest
// event in it: false when there is none. Unless t is exact, a state that has settled later
// than t, since clocks differ, is evaluated at the time that it has settled. The row is
// valid until the next call.
func (e *Evaluator) Row(t int64, exact bool, stored []byte) (eventTime int64, found []byte, ok bool, err error) {
	if err := e.state.Decode(stored); err != nil {
		return 0, nil, false, err
	}
	return e.RowOf(e.state, t, exact)
}

// RowOf is Row for a state that is decoded.
func (e *Evaluator) RowOf(state *window.State, t int64, exact bool) (eventTime int64, found []byte, ok bool, err error) {
	if settled, any := state.Settled(); any && !exact {
		t = max(t, settled)
	}
	if !state.Evaluate(t, e.wanted, &e.answer) {
		return 0, nil, false, nil
	}
	e.builder.Reset(schema.NoIngestTime, false)
	for i, feature := range e.wanted {
		if err := e.set(feature, i); err != nil {
			return 0, nil, false, err
		}
	}
	return min(state.Newest(), t), e.builder.Row(), true, nil
}

var errWidth = errors.New("an aggregate does not fit the type of its feature")

// set sets one column of the row to value i of the answer.
func (e *Evaluator) set(feature, i int) error {
	v := e.answer.Values[i]
	if v.IsNull() {
		return nil
	}
	b := e.builder
	switch t := e.View.Features[feature].Type; t {
	case schema.Bool:
		b.SetBool(feature, v.Bool())
	case schema.Int32:
		n := v.Int()
		if n < math.MinInt32 || n > math.MaxInt32 {
			return errWidth
		}
		b.SetInt32(feature, int32(n))
	case schema.Int64:
		b.SetInt64(feature, v.Int())
	case schema.Timestamp:
		b.SetTimestamp(feature, v.Int())
	case schema.Float32:
		b.SetFloat32(feature, float32(v.Float()))
	case schema.Float64:
		b.SetFloat64(feature, v.Float())
	case schema.String:
		b.SetString(feature, v.Text())
	case schema.Bytes:
		b.SetBytes(feature, []byte(v.Text()))
	default:
		e.setList(feature, t.Elem(), e.answer.List(i))
	}
	return nil
}

func (e *Evaluator) setList(feature int, elem schema.Type, list []window.Value) {
	b := e.builder
	switch elem {
	case schema.Bool:
		b.SetBools(feature, each(list, window.Value.Bool))
	case schema.Int32:
		b.SetInt32s(feature, each(list, func(v window.Value) int32 { return int32(v.Int()) }))
	case schema.Int64, schema.Timestamp:
		b.SetInt64s(feature, each(list, window.Value.Int))
	case schema.Float32:
		b.SetFloat32s(feature, each(list, func(v window.Value) float32 { return float32(v.Float()) }))
	case schema.Float64:
		b.SetFloat64s(feature, each(list, window.Value.Float))
	default:
		b.SetTexts(feature, len(list), func(k int) []byte { return []byte(list[k].Text()) })
	}
}

func each[T any](list []window.Value, of func(window.Value) T) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = of(v)
	}
	return out
}
