package vector

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"larder/column"
	"larder/schema"
)

// A Failure is why an expression gave no value. The value is null then.
type Failure uint8

// The failures.
const (
	DivisionByZero Failure = iota // of integers; floats have infinities
	Overflow                      // of integers, or of the feature's type
	CostExceeded                  // a text or a list was too long for what is done with it
	TooLarge                      // a text or list that it reads is larger than expressions may read
	WrongLength                   // a list, for a feature that is a vector of another length
	OtherFailure                  // such as an index that isn't there, or a text that is not a number
	failures
)

var failureNames = [failures]string{"division_by_zero", "overflow", "cost", "too_large", "wrong_length", "other"}

// String returns the failure as metrics have it.
func (f Failure) String() string { return failureNames[f] }

// An evaluation is the row that is evaluated: what expressions read.
type evaluation struct {
	columns []column.Column // of features and inputs
	row     int
	owners  []string
}

// ResolveName is called by CEL. Every owner is the row: its fields know what they
// read of it.
func (e *evaluation) ResolveName(name string) (any, bool) {
	return e, slices.Contains(e.owners, name)
}

// Parent is called by CEL.
func (e *evaluation) Parent() interpreter.Activation { return nil }

// evaluate computes the on-demand features of all rows.
func (b *Batch) evaluate() error {
	defer func() { b.eval.columns = nil }()
	b.eval.columns = b.columns
	for i, x := range b.program.expressions {
		if b.given[x.feature] != nil {
			continue // the request brings it
		}
		if x.kernel != nil {
			x.kernel(b, i)
			continue
		}
		b.eval.owners = x.owners
		if x.declared.IsList() {
			if err := b.evaluateLists(i, x); err != nil {
				return err
			}
			continue
		}
		for r := range b.rows {
			b.eval.row = r
			b.putComputed(i, x, r)
		}
	}
	return nil
}

// putComputed puts the value of one expression in one row.
func (b *Batch) putComputed(i int, x *expression, r int) {
	out, _, err := x.program.Eval(&b.eval)
	null := err == nil && isNone(&out)
	switch {
	case errors.Is(err, errNull), null:
		b.putDefault(x.feature, r, schema.StatusNullValue)
	case err != nil:
		b.failed[i][failureOf(err)]++
		b.putDefault(x.feature, r, schema.StatusNullValue)
	case !hasLength(out, x.declared):
		b.failed[i][WrongLength]++
		b.putDefault(x.feature, r, schema.StatusNullValue)
	default:
		b.putFitting(i, x, r, setValue(&b.columns[x.feature], r, out))
	}
}

// putFitting takes on a result that was set in its column, if it fits there.
func (b *Batch) putFitting(i int, x *expression, r int, fits bool) {
	if !fits {
		b.failed[i][Overflow]++
		b.putDefault(x.feature, r, schema.StatusNullValue)
		return
	}
	b.columns[x.feature].Statuses[r], b.columns[x.feature].Valid[r] = schema.StatusPresent, true
	b.copyOut(x.feature, r)
}

// copyOut takes a computed value to the tensors that were asked for.
func (b *Batch) copyOut(feature, r int) {
	if feature >= b.program.width {
		return
	}
	c := &b.columns[feature]
	if b.dense != nil {
		b.dense[r*b.program.width+feature] = float32At(c, r)
	}
	if b.tensors != nil {
		putOne(&b.tensors[feature], r, c, r)
	}
}

// isNone reports whether a result is an optional without a value; one that has a
// value becomes it.
func isNone(out *ref.Val) bool {
	o, optional := (*out).(*types.Optional)
	if !optional {
		return false
	}
	if !o.HasValue() {
		return true
	}
	*out = o.GetValue()
	return false
}

// hasLength reports whether a result has the length of the vectors of type t, if t is
// one.
func hasLength(v ref.Val, t schema.Type) bool {
	list, isList := v.(traits.Lister)
	return !isList || t.CheckLen(int(list.Size().(types.Int))) == nil
}

// setValue sets row r to a result and reports whether it fits the column's type.
func setValue(c *column.Column, r int, v ref.Val) bool {
	switch v := v.(type) {
	case types.Bool:
		return setBool(c, r, bool(v))
	case types.Int:
		return setInteger(c, r, int64(v))
	case types.Double:
		return setDouble(c, r, float64(v))
	case types.String:
		return setText(c, r, string(v))
	case types.Bytes:
		c.Bytes[r] = v
		return len(v) <= schema.MaxValueBytes
	case types.Timestamp:
		return setMoment(c, r, v.UnixMicro())
	case traits.Lister:
		return appendComputed(c, v)
	}
	return true
}

// These are setValue of one type each.

func setBool(c *column.Column, r int, v bool) bool {
	c.Bools[r] = v
	return true
}

func setInteger(c *column.Column, r int, v int64) bool {
	if c.Type == schema.Int64 {
		c.Int64s[r] = v
		return true
	}
	c.Int32s[r] = int32(v)
	return fitsInt32(v)
}

func setText(c *column.Column, r int, v string) bool {
	c.Strings[r] = v
	return len(v) <= schema.MaxValueBytes
}

func setMoment(c *column.Column, r int, micros int64) bool {
	c.Int64s[r] = micros
	return micros >= schema.BeginningOfTime && micros <= schema.EndOfTime
}

func setDouble(c *column.Column, r int, v float64) bool {
	if c.Type == schema.Float64 {
		c.Float64s[r] = v
		return true
	}
	c.Float32s[r] = float32(v)
	return !math.IsInf(float64(c.Float32s[r]), 0) || math.IsInf(v, 0)
}

func timestamp(micros int64) types.Timestamp {
	return types.Timestamp{Time: time.UnixMicro(micros).UTC()}
}

// failureOf returns the kind of an error of CEL, which has no kinds, by its words.
func failureOf(err error) Failure {
	text := err.Error()
	switch {
	case errors.Is(err, errTooLarge):
		return TooLarge
	case strings.Contains(text, "by zero"):
		return DivisionByZero
	case strings.Contains(text, "overflow"), strings.Contains(text, "range error"):
		return Overflow
	case strings.Contains(text, "cost limit exceeded"):
		return CostExceeded
	}
	return OtherFailure
}

// Failures calls visit for each on-demand feature, by its view and name, that
// gave no value in some rows for one reason.
func (b *Batch) Failures(visit func(view, feature string, why Failure, rows int)) {
	for i, counts := range b.failed {
		for why, n := range counts {
			if n > 0 {
				visit(b.program.expressions[i].view, b.program.expressions[i].name, Failure(why), n)
			}
		}
	}
}
