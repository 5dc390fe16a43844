package record

import (
	"cmp"
	"math"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
)

// A Counter counts in record batches of a view what the view expects of its rows. Not safe
// for concurrent use.
type Counter struct {
	encoder  *Encoder // knows the columns
	counts   Counts
	features []expected
}

// Counts are what a Counter has seen.
type Counts struct {
	Rows     int64 // deleted ones too
	Newest   int64 // the newest event time; math.MinInt64 without rows
	Features []FeatureCounts
}

// FeatureCounts are those of one feature.
type FeatureCounts struct {
	Rows    int64 // that are not deleted; of these:
	Nulls   int64
	Outside int64 // have a value that is not allowed
}

// An expected is a feature whose values are counted.
type expected struct {
	column  int // in a record
	outside func(values arrow.Array) func(k int) bool
}

// NewCounter returns a counter of what a view expects; the features of [Counts] are in the
// order of its expectations. The view has expectations, and they are valid.
func NewCounter(view *schema.View) (*Counter, error) {
	c := &Counter{encoder: NewEncoder(view), counts: Counts{Newest: math.MinInt64}}
	for i := range view.Expect.Features {
		e := &view.Expect.Features[i]
		for f := range view.Features {
			if view.Features[f].Name != e.Name {
				continue
			}
			allowed, err := e.Allowed(view.Features[f].Type)
			if err != nil {
				return nil, err
			}
			x := expected{column: len(view.Keys) + firstFeature + f}
			if e.Bounded() {
				x.outside = outside(view.Features[f].Type.Elem(), allowed)
			}
			c.features = append(c.features, x)
		}
	}
	c.counts.Features = make([]FeatureCounts, len(c.features))
	return c, nil
}

// Counts returns what was counted so far.
func (c *Counter) Counts() Counts { return c.counts }

// Add counts the rows of a record.
func (c *Counter) Add(rec arrow.Record) error {
	b, err := c.encoder.bind(rec)
	if err != nil {
		return schema.BadRecord.Errorf("feature view %q: %v", c.encoder.view.Name, err)
	}
	c.counts.Rows += rec.NumRows()
	for _, at := range b.events {
		c.counts.Newest = max(c.counts.Newest, int64(at))
	}
	for i, f := range c.features {
		f.count(&c.counts.Features[i], rec.Column(f.column), b.deleted)
	}
	return nil
}

// count counts the values of one column.
func (x *expected) count(n *FeatureCounts, column arrow.Array, deleted *array.Boolean) {
	outside := func(int) bool { return false }
	if x.outside != nil {
		outside = rowOutside(column, x.outside)
	}
	for i := range column.Len() {
		switch {
		case deleted.Value(i):
			continue
		case column.IsNull(i):
			n.Nulls++
		case outside(i):
			n.Outside++
		}
		n.Rows++
	}
}

// rowOutside returns a function that reports whether row i of a column has a value that
// is not allowed.
func rowOutside(column arrow.Array, of func(arrow.Array) func(k int) bool) func(i int) bool {
	list, isList := column.(*array.List)
	if !isList {
		return of(column)
	}
	element := of(list.ListValues())
	return func(i int) bool {
		from, to := list.ValueOffsets(i)
		for k := from; k < to; k++ {
			if element(int(k)) {
				return true
			}
		}
		return false
	}
}

// outside returns what makes a function of a column of scalars of type t: it reports
// whether value k is not allowed. The columns are of the type that bind has checked.
func outside(t schema.Type, allowed schema.Allowed) func(arrow.Array) func(k int) bool {
	switch t {
	case schema.Int32:
		return ordered(allowed, same[int32], func(a arrow.Array) []int32 { return a.(*array.Int32).Int32Values() })
	case schema.Int64:
		return ordered(allowed, same[int64], func(a arrow.Array) []int64 { return a.(*array.Int64).Int64Values() })
	case schema.Float32:
		return ordered(allowed, same[float32], func(a arrow.Array) []float32 { return a.(*array.Float32).Float32Values() })
	case schema.Float64:
		return ordered(allowed, same[float64], func(a arrow.Array) []float64 { return a.(*array.Float64).Float64Values() })
	case schema.Timestamp:
		micros := func(v any) arrow.Timestamp { return arrow.Timestamp(v.(time.Time).UnixMicro()) }
		return ordered(allowed, micros, func(a arrow.Array) []arrow.Timestamp { return a.(*array.Timestamp).TimestampValues() })
	case schema.Bool:
		in := setOf(allowed.In, same[bool])
		return func(a arrow.Array) func(k int) bool {
			values := a.(*array.Boolean)
			return func(k int) bool { return !in[values.Value(k)] }
		}
	case schema.String:
		in := setOf(allowed.In, same[string])
		return func(a arrow.Array) func(k int) bool {
			values := a.(*array.String)
			return func(k int) bool { return !in[values.Value(k)] }
		}
	}
	in := setOf(allowed.In, func(v any) string { return string(v.([]byte)) })
	return func(a arrow.Array) func(k int) bool {
		values := a.(*array.Binary)
		return func(k int) bool { return !in[string(values.Value(k))] }
	}
}

// ordered is outside for types with an order.
func ordered[T cmp.Ordered](allowed schema.Allowed, read func(any) T, values func(arrow.Array) []T) func(arrow.Array) func(k int) bool {
	if len(allowed.In) > 0 {
		in := setOf(allowed.In, read)
		return func(a arrow.Array) func(k int) bool {
			all := values(a)
			return func(k int) bool { return !in[all[k]] }
		}
	}
	var least, most T
	if allowed.Min != nil {
		least = read(allowed.Min)
	}
	if allowed.Max != nil {
		most = read(allowed.Max)
	}
	return func(a arrow.Array) func(k int) bool {
		all := values(a)
		return func(k int) bool { // a NaN fails each comparison
			return allowed.Min != nil && !(all[k] >= least) || allowed.Max != nil && !(all[k] <= most)
		}
	}
}

func same[T any](v any) T { return v.(T) }

func setOf[T comparable](values []any, read func(any) T) map[T]bool {
	set := make(map[T]bool, len(values))
	for _, v := range values {
		set[read(v)] = true
	}
	return set
}
