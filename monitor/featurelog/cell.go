package featurelog

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// A cell is a value that a model is fed, ready to be compared. NaN is null: a model
// with float inputs can't distinguish them.
type cell struct {
	null   bool
	bits   uint64
	number float64 // 0 of texts
	text   string
}

func float(v float64) cell   { return cell{math.IsNaN(v), math.Float64bits(v), v, ""} }
func integer(v int64) cell   { return cell{false, uint64(v), float64(v), ""} }
func words(text string) cell { return cell{text: text} }

func boolean(v bool) cell {
	if v {
		return integer(1)
	}
	return integer(0)
}

// A pair reads the values of a logged column and of the rebuilt one, both as fed to
// the model.
type pair struct{ logged, rebuilt func(row int) cell }

func newPair(logged, rebuilt arrow.Array) (pair, error) {
	var p pair
	switch a := logged.(type) {
	case *array.Float32:
		p = pair{func(i int) cell { return float(float64(a.Value(i))) }, float32s(rebuilt)}
	case *array.Float64:
		p = pair{func(i int) cell { return float(a.Value(i)) }, float64s(rebuilt)}
	case *array.Int32:
		p = pair{func(i int) cell { return integer(int64(a.Value(i))) }, integers(rebuilt)}
	case *array.Int64:
		p = pair{func(i int) cell { return integer(a.Value(i)) }, integers(rebuilt)}
	case *array.Boolean:
		p = pair{func(i int) cell { return boolean(a.Value(i)) }, integers(rebuilt)}
	case *array.String:
		p.logged = func(i int) cell { return words(a.Value(i)) }
		if b, isText := rebuilt.(*array.String); isText {
			p.rebuilt = func(i int) cell { return words(b.Value(i)) }
		}
	}
	if p.rebuilt == nil {
		return pair{}, fmt.Errorf("the log has type %s, and the training set has %s, which does not feed a model as that type", logged.DataType(), rebuilt.DataType())
	}
	return pair{orNull(logged, p.logged), orNull(rebuilt, p.rebuilt)}, nil
}

func orNull(a arrow.Array, value func(int) cell) func(int) cell {
	return func(i int) cell {
		if a.IsNull(i) {
			return cell{null: true}
		}
		return value(i)
	}
}

// float32s returns values as the nearest float32, each rounded once.
func float32s(a arrow.Array) func(int) cell {
	switch a := a.(type) {
	case *array.Float32:
		return func(i int) cell { return float(float64(a.Value(i))) }
	case *array.Float64:
		return func(i int) cell { return float(float64(float32(a.Value(i)))) }
	}
	whole := wholes(a)
	if whole == nil {
		return nil
	}
	return func(i int) cell { return float(float64(float32(whole(i)))) }
}

func float64s(a arrow.Array) func(int) cell {
	switch a := a.(type) {
	case *array.Float32:
		return func(i int) cell { return float(float64(a.Value(i))) }
	case *array.Float64:
		return func(i int) cell { return float(a.Value(i)) }
	}
	whole := wholes(a)
	if whole == nil {
		return nil
	}
	return func(i int) cell { return float(float64(whole(i))) }
}

func integers(a arrow.Array) func(int) cell {
	whole := wholes(a)
	if whole == nil {
		return nil
	}
	return func(i int) cell { return integer(whole(i)) }
}

// wholes returns the values of integers, bools and times; nil of other types.
func wholes(a arrow.Array) func(int) int64 {
	switch a := a.(type) {
	case *array.Int32:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int64:
		return a.Value
	case *array.Timestamp:
		return func(i int) int64 { return int64(a.Value(i)) } // microseconds
	case *array.Boolean:
		return func(i int) int64 {
			if a.Value(i) {
				return 1
			}
			return 0
		}
	}
	return nil
}
