package training

import (
	"cmp"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/monitor/profile"
	"larder/schema"
)

// quantileError is how far a quantile may be off, as a share of its value.
const quantileError = 0.01

// quantiles are the quantiles in a manifest.
var quantiles = []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

// FeatureStatistics summarize the values of a feature in a set.
type FeatureStatistics struct {
	Name  string `json:"name"` // of the column: VIEW__FEATURE
	Type  string `json:"type"`
	Count int64  `json:"count"` // rows
	Nulls int64  `json:"nulls"` // of them
	// How many rows have each status, before defaults replaced values.
	Present       int64 `json:"present"`
	NullValue     int64 `json:"null_value"`
	NotFound      int64 `json:"not_found"`
	OutsideMaxAge int64 `json:"outside_max_age"`
	// For finite numbers. Quantiles are for 0.01, 0.05, 0.25, 0.5, 0.75, 0.95 and 0.99,
	// each within 1 % of its value.
	NotFinite int64     `json:"not_finite,omitempty"`
	Mean      *float64  `json:"mean,omitempty"`
	Min       *float64  `json:"min,omitempty"`
	Max       *float64  `json:"max,omitempty"`
	Quantiles []float64 `json:"quantiles,omitempty"`
	// TopValues are the most common bools, integers and strings. Where there are more than
	// 1024 different ones, counts may be too low by up to TopValuesError.
	TopValues      []TopValue `json:"top_values,omitempty"`
	TopValuesError int64      `json:"top_values_error,omitempty"`
	// Profile is how the values are distributed, for comparing with what models get later.
	Profile *profile.Profile `json:"profile,omitempty"`
}

// A TopValue is a value and how many rows have it.
type TopValue struct {
	Value any   `json:"value"`
	Count int64 `json:"count"`
}

const maxTopValues = 10

func topValues[T cmp.Ordered](c *profile.Counter[T], value func(T) any) (top []TopValue, lost int64) {
	counted, lost := c.Top(maxTopValues)
	for _, v := range counted {
		top = append(top, TopValue{value(v.Value), v.Count})
	}
	return top, lost
}

// A statistic summarizes the values of a feature.
type statistic struct {
	kind                          profile.Kind
	rows, nulls, notFinite, count int64
	statuses                      [5]int64
	sum, min, max                 float64
	sketch                        *ddsketch.DDSketch      // of numbers
	ints                          *profile.Counter[int64] // of integers and bools
	texts                         *profile.Counter[string]
	sizes                         *profile.Builder // of lists, by their lengths, and of vectors, by their norms
}

func newStatistic(t schema.Type) (*statistic, error) {
	s := &statistic{kind: profile.Of(t), min: math.Inf(1), max: math.Inf(-1)}
	switch {
	case s.kind == profile.Norms || s.kind == profile.Lengths:
		s.sizes = profile.NewBuilder(s.kind)
	case t.IsInteger() || t == schema.Bool:
		s.ints = profile.NewCounter[int64]()
	case t == schema.String:
		s.texts = profile.NewCounter[string]()
	}
	if t.IsInteger() || t.IsFloat() {
		var err error
		if s.sketch, err = ddsketch.NewDefaultDDSketch(quantileError); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// profile returns how the values are distributed.
func (s *statistic) profile(t schema.Type) *profile.Profile {
	switch {
	case s.sizes != nil:
		return s.sizes.Profile()
	case s.sketch != nil:
		return profile.OfSketch(s.sketch, s.rows, s.nulls, s.notFinite, s.min, s.max)
	case t == schema.Bool:
		var trues int64
		for counted, _ := s.ints.Top(2); len(counted) > 0; counted = counted[1:] {
			trues += counted[0].Value * counted[0].Count
		}
		return profile.OfBools(trues, s.rows, s.nulls)
	case s.texts != nil:
		return profile.OfTexts(s.texts, s.rows, s.nulls)
	}
	return &profile.Profile{Counts: []int64{s.rows - s.nulls}, Rows: s.rows, Nulls: s.nulls}
}

// add adds a column of values.
func (s *statistic) add(a arrow.Array) {
	s.rows += int64(a.Len())
	s.nulls += int64(a.NullN())
	each := func(add func(i int)) {
		for i := range a.Len() {
			if a.NullN() == 0 || a.IsValid(i) {
				add(i)
			}
		}
	}
	switch a := a.(type) {
	case *array.Boolean:
		each(func(i int) {
			if a.Value(i) {
				s.ints.Add(1)
			} else {
				s.ints.Add(0)
			}
		})
	case *array.Int32:
		each(func(i int) { s.addInt(int64(a.Value(i))) })
	case *array.Int64:
		each(func(i int) { s.addInt(a.Value(i)) })
	case *array.Float32:
		each(func(i int) { s.addNumber(float64(a.Value(i))) })
	case *array.Float64:
		each(func(i int) { s.addNumber(a.Value(i)) })
	case *array.String:
		each(func(i int) { s.texts.AddText(a.Value(i)) })
	case *array.List:
		for range a.NullN() {
			s.sizes.AddNull()
		}
		each(func(i int) {
			start, end := a.ValueOffsets(i)
			s.sizes.AddNumber(s.size(a.ListValues(), int(start), int(end)))
		})
	}
}

// size returns the length of a list, or the norm of a vector.
func (s *statistic) size(values arrow.Array, start, end int) float64 {
	if s.kind != profile.Norms {
		return float64(end - start)
	}
	sum := 0.0
	for i := start; i < end; i++ {
		v := 0.0
		switch values := values.(type) {
		case *array.Float32:
			v = float64(values.Value(i))
		case *array.Float64:
			v = values.Value(i)
		case *array.Int32:
			v = float64(values.Value(i))
		case *array.Int64:
			v = float64(values.Value(i))
		}
		sum += v * v
	}
	return math.Sqrt(sum)
}

func (s *statistic) addInt(v int64) {
	s.ints.Add(v)
	s.addNumber(float64(v))
}

func (s *statistic) addNumber(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) || s.sketch.Add(v) != nil { // the sketch takes numbers up to 1e308 or so
		s.notFinite++
		return
	}
	s.count++
	s.sum += v
	s.min, s.max = min(s.min, v), max(s.max, v)
}

// result returns the statistics of a column.
func (s *statistic) result(name string, t schema.Type) FeatureStatistics {
	f := FeatureStatistics{
		Name: name, Type: t.String(), Count: s.rows, Nulls: s.nulls, NotFinite: s.notFinite,
		Present: s.statuses[schema.StatusPresent], NullValue: s.statuses[schema.StatusNullValue],
		NotFound: s.statuses[schema.StatusNotFound], OutsideMaxAge: s.statuses[schema.StatusOutsideMaxAge],
	}
	if s.count > 0 {
		if mean := s.sum / float64(s.count); !math.IsInf(mean, 0) {
			f.Mean = &mean
		}
		f.Min, f.Max = &s.min, &s.max
		if values, err := s.sketch.GetValuesAtQuantiles(quantiles); err == nil {
			for _, v := range values { // a sketch's quantile may lie outside of the range
				f.Quantiles = append(f.Quantiles, min(max(v, s.min), s.max))
			}
		}
	}
	switch {
	case t == schema.Bool:
		f.TopValues, f.TopValuesError = topValues(s.ints, func(v int64) any { return v == 1 })
	case s.ints != nil:
		f.TopValues, f.TopValuesError = topValues(s.ints, func(v int64) any { return v })
	case s.texts != nil:
		f.TopValues, f.TopValuesError = topValues(s.texts, func(v string) any { return v })
	}
	f.Profile = s.profile(t)
	return f
}
