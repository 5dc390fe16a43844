package featurelog

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// A FeatureSkew shows how a logged feature differs from the value that the training
// path rebuilds: the consistency metrics that Chronon reports for online and offline
// values.
type FeatureSkew struct {
	Feature string `json:"feature"`
	Rows    int64  `json:"rows"`    // that were compared
	Sent    int64  `json:"sent"`    // not compared: the request overrode the stored value
	Equal   int64  `json:"equal"`   // in every bit, or null in both
	Differ  int64  `json:"differ"`  // other values
	Missing int64  `json:"missing"` // null in the log only
	Extra   int64  `json:"extra"`   // null in the rebuilt vector only
	// Unlogged counts the rows of a log that lacks the feature.
	Unlogged int64 `json:"unlogged"`
	// For numbers that both have: |logged - rebuilt|, and that divided by the mean of
	// their absolute values, from 0 for equal numbers to 2. Neither includes infinities.
	MeanAbsolute float64 `json:"mean_absolute_difference"`
	MeanRelative float64 `json:"mean_relative_difference"`

	numbers            int64
	absolute, relative float64
}

// Share returns the share of the rows compared that are not equal.
func (f *FeatureSkew) Share() float64 {
	if f.Rows == 0 {
		return 0
	}
	return float64(f.Rows-f.Equal) / float64(f.Rows)
}

// A Difference is one value that differs.
type Difference struct {
	Feature   string `json:"feature"`
	RequestID string `json:"request_id"`
	Row       int32  `json:"row"`
	Logged    string `json:"logged"`
	Rebuilt   string `json:"rebuilt"`
}

// maxDifferences is how many differences of each feature are kept.
const maxDifferences = 3

// A Skew compares the vectors of a log with those of a training set that was
// built with the log as its spine.
type Skew struct {
	Features    []*FeatureSkew // in the order of the log
	Differences []Difference   // the first ones of each feature

	byName map[string]*FeatureSkew
}

// Add compares the rows of a batch of the training set: the log's columns, and
// after them a column VIEW__FEATURE for each feature.
//
// The rebuilt value is converted to the type that the model was fed, as serving does.
func (s *Skew) Add(rec arrow.Record) error {
	ids, isID := columnOf(rec, "log:request_id").(*array.String)
	numbers, isRow := columnOf(rec, "log:row").(*array.Int32)
	sent, isList := columnOf(rec, "log:overridden").(*array.List)
	if !isID || !isRow || !isList {
		return errors.New("use a file of a feature log as the spine: this one lacks log:request_id, log:row or log:overridden")
	}
	logged, last := map[string]bool{}, 0
	for i, c := range rec.Columns() {
		name, isVector := strings.CutPrefix(rec.ColumnName(i), vectorPrefix)
		if !isVector {
			if isLogColumn(rec.ColumnName(i)) {
				last = i + 1
			}
			continue
		}
		last = i + 1
		logged[strings.Replace(name, ":", "__", 1)] = true
		rebuilt := columnOf(rec, strings.Replace(name, ":", "__", 1))
		if rebuilt == nil {
			return fmt.Errorf("the log has %s, and the feature service of its definitions does not; give the folder of a feature log that larder wrote", name)
		}
		pair, err := newPair(c, rebuilt)
		if err != nil {
			return fmt.Errorf("feature %s: %w", name, err)
		}
		f := s.feature(name)
		for row := range c.Len() {
			if overrides(sent, row, name) {
				f.Sent++
				continue
			}
			equal := f.compare(pair.logged(row), pair.rebuilt(row))
			if !equal && f.Rows-f.Equal <= maxDifferences {
				s.Differences = append(s.Differences, Difference{name, ids.Value(row), numbers.Value(row), c.ValueStr(row), rebuilt.ValueStr(row)})
			}
		}
	}
	for i := last; i < int(rec.NumCols()); i++ { // the features, without those that were compared
		if name := rec.ColumnName(i); strings.Contains(name, "__") && !logged[name] {
			s.feature(strings.Replace(name, "__", ":", 1)).Unlogged += rec.NumRows()
		}
	}
	return nil
}

// isLogColumn reports whether a column is one of a log's own, and not a feature that was
// rebuilt.
func isLogColumn(name string) bool { return strings.Contains(name, ":") }

func (s *Skew) feature(name string) *FeatureSkew {
	if f := s.byName[name]; f != nil {
		return f
	}
	if s.byName == nil {
		s.byName = map[string]*FeatureSkew{}
	}
	f := &FeatureSkew{Feature: name}
	s.byName[name], s.Features = f, append(s.Features, f)
	return f
}

// columnOf returns the column with a name, or nil.
func columnOf(rec arrow.Record, name string) arrow.Array {
	if at := rec.Schema().FieldIndices(name); len(at) > 0 {
		return rec.Column(at[0])
	}
	return nil
}

// overrides reports whether a request overrode a feature.
func overrides(sent *array.List, row int, feature string) bool {
	names := sent.ListValues().(*array.String)
	for i, end := sent.ValueOffsets(row); i < end; i++ {
		if names.Value(int(i)) == feature {
			return true
		}
	}
	return false
}

// compare counts a row and reports whether it is equal.
func (f *FeatureSkew) compare(logged, rebuilt cell) bool {
	f.Rows++
	switch {
	case logged.null && rebuilt.null:
		f.Equal++
		return true
	case logged.null:
		f.Missing++
		return false
	case rebuilt.null:
		f.Extra++
		return false
	}
	f.measure(logged.number, rebuilt.number)
	if logged.bits == rebuilt.bits && logged.text == rebuilt.text {
		f.Equal++
		return true
	}
	f.Differ++
	return false
}

func (f *FeatureSkew) measure(logged, rebuilt float64) {
	apart, size := math.Abs(logged-rebuilt), (math.Abs(logged)+math.Abs(rebuilt))/2
	if math.IsInf(size, 0) || math.IsNaN(size) {
		return
	}
	f.numbers++
	f.absolute += apart
	if size > 0 {
		f.relative += apart / size
	}
	f.MeanAbsolute, f.MeanRelative = f.absolute/float64(f.numbers), f.relative/float64(f.numbers)
}
