package check

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
)

// A Set is a training set in memory.
type Set struct {
	rows    int
	columns map[string]*column.Column
	names   []string
}

// maxSetRows bounds the rows of a set that is compared, which is held in memory.
const maxSetRows = 1_000_000

// ReadSet reads a training set. Times without a zone are UTC, as Feast's are.
func ReadSet(in array.RecordReader) (*Set, error) {
	s := &Set{columns: map[string]*column.Column{}}
	for in.Next() {
		rec := in.Record()
		if s.rows += int(rec.NumRows()); s.rows > maxSetRows {
			return nil, fmt.Errorf("the training set has more than %d rows; compare a part of the spine", maxSetRows)
		}
		for i, f := range rec.Schema().Fields() {
			if err := s.add(f.Name, rec.Column(i).Len(), func(want schema.Type) (column.Column, error) { return arrows.Read(inUTC(rec.Column(i)), want) }); err != nil {
				return nil, fmt.Errorf("column %q: %w", f.Name, err)
			}
		}
	}
	return s, in.Err()
}

// inUTC gives times without a zone theirs.
func inUTC(a arrow.Array) arrow.Array {
	t, is := a.DataType().(*arrow.TimestampType)
	if !is || t.TimeZone != "" {
		return a
	}
	data := a.Data()
	return array.MakeFromData(array.NewData(&arrow.TimestampType{Unit: t.Unit, TimeZone: "UTC"}, data.Len(), data.Buffers(), nil, data.NullN(), data.Offset()))
}

// Columns returns the columns of the set.
func (s *Set) Columns() (all column.Columns) {
	for _, name := range s.names {
		all.Add(name, *s.columns[name])
	}
	return all
}

// add appends a batch of a column.
func (s *Set) add(name string, rows int, read func(schema.Type) (column.Column, error)) error {
	to := s.columns[name]
	want := schema.Type(0)
	if to != nil {
		want = to.Type
	}
	from, err := read(want)
	if err != nil {
		return err
	}
	if to == nil {
		to = &column.Column{Type: from.Type}
		s.columns[name], s.names = to, append(s.names, name)
	}
	if from.Type != to.Type {
		if to.Type.Valid() && from.Type.Valid() {
			return fmt.Errorf("it is %s, then %s", to.Type, from.Type)
		}
		from.Type = to.Type
	}
	for r := range rows {
		to.Valid = append(to.Valid, !from.IsNull(r))
		to.AppendValue(from.Value(r))
	}
	return nil
}

// Training compares two training sets of one spine: Larder's, as serving would have known it
// (ingest) and by event times alone (event), and Feast's. Rows are found by their keys and
// times, whatever their order. plan is the plan of the feature service.
func Training(plan *schema.Plan, eventTime string, feast, ingest, event *Set) (*Report, error) {
	report := new(Report)
	part := &Part{Name: "training set of " + plan.Name()}
	report.Parts = append(report.Parts, part)
	by := []string{}
	for _, k := range plan.Keys {
		by = append(by, k.Name)
	}
	for _, f := range plan.Request {
		by = append(by, f.Name)
	}
	theirTime := eventTime
	if feast.columns[theirTime] == nil {
		theirTime = "event_timestamp" // Feast's name for it
	}
	theirKeys, err := feast.keys(by, theirTime)
	if err != nil {
		return nil, fmt.Errorf("Feast's training set: %w", err)
	}
	ours, err := ingest.keys(by, eventTime)
	if err != nil {
		return nil, fmt.Errorf("Larder's training set: %w", err)
	}
	// The n-th row of a key in one set is the n-th in the other.
	theirs, pairs := map[string][]int{}, make([]int, len(ours))
	for row, key := range theirKeys {
		theirs[key] = append(theirs[key], row)
	}
	lost := 0
	for row, key := range ours {
		if pairs[row] = -1; len(theirs[key]) == 0 {
			lost++
			continue
		}
		pairs[row], theirs[key] = theirs[key][0], theirs[key][1:]
	}
	if lost > 0 || feast.rows != ingest.rows {
		report.Notes = append(report.Notes, fmt.Sprintf("Feast's training set has %d rows and the spine %d; %d rows of the spine are not in it", feast.rows, ingest.rows, lost))
	}
	for i := range plan.Features {
		f := &plan.Features[i]
		if f.Request >= 0 {
			continue
		}
		a, b, c := feast.feature(f.Name), ingest.feature(f.Name), event.feature(f.Name)
		if a == nil || b == nil || c == nil {
			report.Notes = append(report.Notes, fmt.Sprintf("%s is in one of the sets only", ColumnName(f.Name)))
			continue
		}
		for row, pair := range pairs {
			if pair >= 0 {
				part.Values++
				report.compareCell(part, f, ours[row], a, pair, b, c, row)
			}
		}
	}
	part.Rows = ingest.rows
	report.sort()
	return report, nil
}

// compareCell compares a value of Feast's set with those of both of Larder's.
func (r *Report) compareCell(part *Part, f *schema.PlanFeature, key string, feast *column.Column, theirs int, ingest, event *column.Column, ours int) {
	a, b, c := as(f.Type, feast.Value(theirs)), ingest.Value(ours), event.Value(ours)
	if same(a, b) {
		part.Equal++
		return
	}
	kind := Unexplained
	switch {
	case same(a, c):
		kind = Leaked
	case f.View < 0:
		kind = Computed
	case a == nil && f.Default != nil && same(b, f.Default):
		kind = Default
	case !sameType(a, b):
		kind = Type
	}
	r.add(part.Name, f.Name, kind, func() (string, string, string) {
		return key, string(schema.AppendValue(nil, a)), string(schema.AppendValue(nil, b))
	})
}

// as returns a value of Feast's set as a type of the definitions, where that loses nothing:
// pandas makes floats of integers among which there is a null, and doubles of floats.
func as(t schema.Type, v any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = as(t.Elem(), x[i])
		}
		return list
	case float64, float32, int64, int32:
		if converted, err := schema.ParseValue(t, schema.AppendValue(nil, x)); err == nil {
			return converted
		}
	}
	return v
}

func sameType(a, b any) bool {
	return a == nil || b == nil || fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b)
}

// feature returns the column of a feature, VIEW__FEATURE or its bare name; nil where there
// is none.
func (s *Set) feature(reference string) *column.Column {
	if c := s.columns[ColumnName(reference)]; c != nil {
		return c
	}
	_, bare, _ := strings.Cut(reference, ":")
	return s.columns[bare]
}

// keys returns what tells the rows apart: the values of some columns and their time.
func (s *Set) keys(by []string, time string) ([]string, error) {
	columns := make([]*column.Column, len(by)+1)
	for i, name := range append(by, time) {
		if columns[i] = s.columns[name]; columns[i] == nil {
			return nil, fmt.Errorf("it has no column %q; it has %s", name, schema.OneOf(s.names))
		}
	}
	keys := make([]string, s.rows)
	for r := range s.rows {
		var key []byte
		for i, name := range by {
			key = append(append(key, name...), '=')
			key = append(schema.AppendValue(key, wide(columns[i].Value(r))), ' ')
		}
		key = schema.AppendValue(append(key, "at="...), columns[len(by)].Value(r))
		keys[r] = string(key)
	}
	return keys, nil
}

// wide returns an integer of any width as one.
func wide(v any) any {
	if x, is := v.(int32); is {
		return int64(x)
	}
	return v
}
