package schema

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// AggregateOp is what an aggregate computes.
type AggregateOp string

// The aggregates, by their keys in definitions.
const (
	OpCount       AggregateOp = "count"
	OpSum         AggregateOp = "sum"
	OpMean        AggregateOp = "mean"
	OpVariance    AggregateOp = "variance"
	OpStddev      AggregateOp = "stddev"
	OpMin         AggregateOp = "min"
	OpMax         AggregateOp = "max"
	OpFirst       AggregateOp = "first"
	OpLast        AggregateOp = "last"
	OpLastN       AggregateOp = "last_n"
	OpDistinct    AggregateOp = "distinct"
	OpPercentiles AggregateOp = "percentiles"
	OpTopK        AggregateOp = "top_k"
	OpDecayedSum  AggregateOp = "decayed_sum"
	OpSinceLast   AggregateOp = "since_last"
)

// AllEvents is the field of an aggregate over events themselves.
const AllEvents = "*"

// reads returns the aggregates of a feature that are set, with their fields.
func (f *AggregateFeature) reads() (ops []AggregateOp, fields []string) {
	for _, x := range []struct {
		op    AggregateOp
		field string
	}{
		{OpCount, f.Count},
		{OpSum, f.Sum},
		{OpMean, f.Mean},
		{OpVariance, f.Variance},
		{OpStddev, f.Stddev},
		{OpMin, f.Min},
		{OpMax, f.Max},
		{OpFirst, f.First},
		{OpLast, f.Last},
		{OpLastN, f.LastN},
		{OpDistinct, f.Distinct},
		{OpPercentiles, f.Percentiles},
		{OpTopK, f.TopK},
		{OpDecayedSum, f.DecayedSum},
		{OpSinceLast, f.SinceLast},
	} {
		if x.field != "" {
			ops, fields = append(ops, x.op), append(fields, x.field)
		}
	}
	return ops, fields
}

// Aggregates are what the features of an aggregate view are.
type Aggregates struct {
	View    *AggregateView
	Columns []AggregateColumn // of each feature of the view
}

// An AggregateColumn is one aggregate in one window.
type AggregateColumn struct {
	Feature *AggregateFeature
	Op      AggregateOp
	Field   int     // of the stream; -1: events themselves
	At      float64 // of a percentile
	Window  AggregateWindow
}

// stream returns the stream of a name; nil when there is none.
func (d *Definitions) stream(name string) *Stream {
	for i := range d.Streams {
		if s := &d.Streams[i]; s.Name == name && name != "" {
			return s
		}
	}
	return nil
}

// storedViews returns all views that the store keeps something of, in the order of
// [Catalog.Views].
func (d *Definitions) storedViews() []*FeatureView {
	all := make([]*FeatureView, 0, len(d.FeatureViews)+len(d.AggregateViews))
	for i := range d.FeatureViews {
		all = append(all, &d.FeatureViews[i])
	}
	for i := range d.AggregateViews {
		all = append(all, d.expand(&d.AggregateViews[i]))
	}
	return all
}

// aggregates returns what the features of an aggregate view are; nil for another view.
func (d *Definitions) aggregates(view string) *Aggregates {
	for i := range d.AggregateViews {
		if a := &d.AggregateViews[i]; a.Name == view {
			_, columns := d.expansion(a)
			return &Aggregates{View: a, Columns: columns}
		}
	}
	return nil
}

// expand returns an aggregate view as a feature view: with one feature for each aggregate
// and window.
func (d *Definitions) expand(a *AggregateView) *FeatureView {
	features, _ := d.expansion(a)
	return &FeatureView{
		Name: a.Name, Entities: a.Entities, Stream: a.Stream, KeepOld: a.KeepOld, Features: features,
		Description: a.Description, Owner: a.Owner, Tags: a.Tags,
	}
}

// expansion returns the features of an aggregate view and what they are. It leaves out
// what can't be a feature, which validate reports.
func (d *Definitions) expansion(a *AggregateView) (features []Feature, columns []AggregateColumn) {
	s := d.stream(a.Stream)
	if s == nil {
		return nil, nil
	}
	for i := range a.Features {
		f := &a.Features[i]
		ops, fields := f.reads()
		if len(ops) != 1 {
			continue
		}
		column := AggregateColumn{Feature: f, Op: ops[0], Field: s.Field(fields[0])}
		t, why := resultType(s, column, fields[0])
		if why != "" {
			continue
		}
		windows := f.Windows
		if len(windows) == 0 {
			windows = a.Windows
		}
		for _, w := range windows {
			column.Window = a.window(w)
			for _, at := range f.parts(column.Op) {
				column.At = at
				feature := Feature{Name: f.Name + percentileDigits(column.Op, at) + "_" + w.String(), Type: t, Sensitive: f.Sensitive, Description: f.Description, Tags: f.Tags}
				if f.Default != "" {
					feature.Default, _ = ParseValue(t, json.RawMessage(f.Default)) // validate reports errors
				}
				features, columns = append(features, feature), append(columns, column)
			}
		}
	}
	return features, columns
}

// window returns the window of the view that a feature names: with its hop and zone.
func (a *AggregateView) window(named AggregateWindow) AggregateWindow {
	for _, w := range a.Windows {
		if w.String() == named.String() {
			return w
		}
	}
	return named
}

// parts returns the fractions of percentiles; for other aggregates, one part.
func (f *AggregateFeature) parts(op AggregateOp) []float64 {
	if op == OpPercentiles {
		return f.At
	}
	return []float64{0}
}

// percentileDigits returns what a name has for a percentile: 50 for 0.5, 999 for 0.999.
func percentileDigits(op AggregateOp, at float64) string {
	if op != OpPercentiles {
		return ""
	}
	digits := strings.TrimPrefix(strconv.FormatFloat(at, 'f', -1, 64), "0.")
	if len(digits) == 1 {
		digits += "0"
	}
	return digits
}

// resultType returns the type of an aggregate's values, or why there is no such aggregate.
func resultType(s *Stream, c AggregateColumn, field string) (t Type, why string) {
	if field == AllEvents {
		switch c.Op {
		case OpCount:
			return Int64, ""
		case OpSinceLast:
			return Float64, ""
		}
		return 0, fmt.Sprintf(`%s needs a field; only count and since_last take "*"`, c.Op)
	}
	if c.Field < 0 {
		return 0, fmt.Sprintf("stream %q has no field %q; %s", s.Name, field, Nearest(field, namesOf(s.Fields, func(f StreamField) string { return f.Name })))
	}
	of := s.Fields[c.Field].Type
	number := of.IsInteger() || of.IsFloat()
	wants := "a number"
	switch c.Op {
	case OpCount, OpDistinct:
		return Int64, ""
	case OpSinceLast:
		return Float64, ""
	case OpFirst, OpLast:
		return of, ""
	case OpLastN, OpTopK:
		return List(of), ""
	case OpSum:
		if of.IsInteger() {
			return Int64, ""
		}
		t = Float64
	case OpMin, OpMax:
		if of == Timestamp {
			return of, ""
		}
		t, wants = of, "a number or a timestamp"
	default:
		t = Float64
	}
	if !number {
		return 0, fmt.Sprintf("%s needs %s, and field %q is %s", c.Op, wants, field, of)
	}
	return t, ""
}
