package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/internal/arrowfile"
)

// A loggedRow names a row of a request in a feature log.
type loggedRow struct {
	id  string
	row int32
}

// follows tells whether a row is of the same request as the one logged before it. A
// caller may give several requests one id; the rows of each are in order.
func (r loggedRow) follows(before loggedRow) bool { return r.id == before.id && r.row > before.row }

// loggedRows returns the names of a record's rows.
func loggedRows(rec arrow.Record) ([]loggedRow, error) {
	ids, isID := columnOf(rec, "log:request_id").(*array.String)
	numbers, isRow := columnOf(rec, "log:row").(*array.Int32)
	if !isID || !isRow {
		return nil, errors.New("it has no log:request_id or log:row; it is no file of a feature log")
	}
	rows := make([]loggedRow, ids.Len())
	for i := range rows {
		rows[i] = loggedRow{strings.Clone(ids.Value(i)), numbers.Value(i)}
	}
	return rows, nil
}

// loggedVectors are vectors that a model saw.
type loggedVectors struct {
	columns []*larderv1.Column          // of each feature
	ids     []loggedRow                 // of each row
	asked   *larderv1.JoinLabelsRequest // what labels find the rows by
	rows    int
	most    int // rows that are read
}

// readVectors reads at most so many rows of a model's log that were answered: a
// shadow saw the same vectors.
func readVectors(ctx context.Context, dir, model string, most int) (*loggedVectors, error) {
	files, err := logFiles(dir, model)
	if err != nil {
		return nil, err
	}
	v := &loggedVectors{most: most, asked: &larderv1.JoinLabelsRequest{Model: model}}
	for _, f := range files {
		if v.rows >= v.most {
			break
		}
		if err := v.file(ctx, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	if v.rows == 0 {
		return nil, fmt.Errorf("the log of model %q has no row that was answered", model)
	}
	return v, nil
}

func (v *loggedVectors) file(ctx context.Context, path string) error {
	in, err := arrowfile.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	v.most = max(1, min(v.most, maxSent/len(in.Schema().Fields())))
	for v.rows < v.most && in.Next() {
		if err := v.record(in.Record()); err != nil {
			return err
		}
	}
	return in.Err()
}

// record takes the rows of a record that were answered, which come together.
func (v *loggedVectors) record(rec arrow.Record) error {
	rows, err := loggedRows(rec)
	if err != nil {
		return err
	}
	role, isText := columnOf(rec, "log:role").(*array.String)
	if !isText {
		return errors.New("it has no log:role; it is no file of a feature log")
	}
	for first := 0; first < role.Len() && v.rows < v.most; {
		last := first
		for last < role.Len() && role.Value(last) == "serve" && v.rows+last-first < v.most {
			v.ids = append(v.ids, rows[last])
			v.ask(rec, last, rows[last])
			last++
		}
		if last > first {
			if err := v.vectors(rec, first, last); err != nil {
				return err
			}
		}
		v.rows += last - first
		first = last + 1
	}
	return nil
}

// ask adds what labels may find a row by: what the request sent, as integers or texts.
func (v *loggedVectors) ask(rec arrow.Record, at int, id loggedRow) {
	row := &larderv1.LoggedRow{RequestId: id.id, Row: id.row}
	if times, isTime := columnOf(rec, "log:time").(*array.Timestamp); isTime {
		row.At = int64(times.Value(at))
	}
	var names []string
	for i, c := range rec.Columns() {
		switch c.(type) {
		case *array.Int32, *array.Int64, *array.String:
			if name := rec.ColumnName(i); !strings.Contains(name, ":") {
				names, row.Sent = append(names, name), append(row.Sent, c.ValueStr(at))
			}
		}
	}
	v.asked.SentNames, v.asked.Rows = names, append(v.asked.Rows, row)
}

func columnOf(rec arrow.Record, name string) arrow.Array {
	if at := rec.Schema().FieldIndices(name); len(at) == 1 {
		return rec.Column(at[0])
	}
	return nil
}

func (v *loggedVectors) vectors(rec arrow.Record, first, last int) error {
	part := rec.NewSlice(int64(first), int64(last))
	defer part.Release()
	at := 0
	for i, c := range part.Columns() {
		feature, isVector := strings.CutPrefix(part.ColumnName(i), "vector:")
		if !isVector {
			continue
		}
		column, err := vectorColumn(feature, c)
		if err != nil {
			return err
		}
		if v.rows == 0 {
			v.columns = append(v.columns, &larderv1.Column{Name: feature})
		}
		if at >= len(v.columns) || v.columns[at].GetName() != feature || !appendColumn(v.columns[at], column) {
			return errors.New("its vector has other features than that of the files before; name a log of one feature service")
		}
		at++
	}
	return nil
}

// request asks for the scores of the first rows, in runs of so many.
func (v *loggedVectors) request(m modelRef, rows, rowsOfRun int) *larderv1.ScoreVectorsRequest {
	req := &larderv1.ScoreVectorsRequest{Model: m.Model, ModelVersion: m.Version, Vector: v.columns}
	for first := 0; first < rows; first += rowsOfRun {
		req.Runs = append(req.Runs, int32(min(rowsOfRun, rows-first)))
	}
	return req
}

// readLabels reads what turned out to be true.
func readLabels(ctx context.Context, path string) (map[loggedRow]float64, error) {
	in, err := arrowfile.Open(ctx, path, map[string]arrow.DataType{"log:request_id": arrow.BinaryTypes.String, "log:row": arrow.PrimitiveTypes.Int32})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	labels := map[loggedRow]float64{}
	for in.Next() {
		rec := in.Record()
		ids, isID := columnOf(rec, "log:request_id").(*array.String)
		label := columnOf(rec, "label")
		if !isID || label == nil {
			return nil, errors.New("it has no column log:request_id of texts, or no column label")
		}
		rows, _ := columnOf(rec, "log:row").(*array.Int32)
		for i := range ids.Len() {
			if ids.IsNull(i) || label.IsNull(i) {
				continue
			}
			at := loggedRow{id: strings.Clone(ids.Value(i))}
			if rows != nil {
				at.row = rows.Value(i)
			}
			if labels[at], err = truth(label, i); err != nil {
				return nil, err
			}
		}
	}
	return labels, in.Err()
}

// truth returns a label, which is a bool or a number: 1 for true, 0 for false.
func truth(label arrow.Array, i int) (float64, error) {
	switch label.ValueStr(i) {
	case "true", "1", "1.0":
		return 1, nil
	case "false", "0", "0.0":
		return 0, nil
	}
	return 0, fmt.Errorf("label %q is neither true nor false, 1 nor 0", label.ValueStr(i))
}

// appendColumn appends the values of one column to those of another, which has none
// yet or some of the same type.
func appendColumn(to, from *larderv1.Column) bool {
	if to.Values == nil {
		proto.Merge(to, from) // whose memory goes with its record
		return true
	}
	switch values := to.GetValues().(type) {
	case *larderv1.Column_Floats:
		values.Floats.Values = append(values.Floats.Values, from.GetFloats().GetValues()...)
		return from.GetFloats() != nil
	case *larderv1.Column_Doubles:
		values.Doubles.Values = append(values.Doubles.Values, from.GetDoubles().GetValues()...)
		return from.GetDoubles() != nil
	case *larderv1.Column_Int32S:
		values.Int32S.Values = append(values.Int32S.Values, from.GetInt32S().GetValues()...)
		return from.GetInt32S() != nil
	case *larderv1.Column_Int64S:
		values.Int64S.Values = append(values.Int64S.Values, from.GetInt64S().GetValues()...)
		return from.GetInt64S() != nil
	case *larderv1.Column_Bools:
		values.Bools.Values = append(values.Bools.Values, from.GetBools().GetValues()...)
		return from.GetBools() != nil
	case *larderv1.Column_Strings:
		values.Strings.Values = append(values.Strings.Values, from.GetStrings().GetValues()...)
		return from.GetStrings() != nil
	}
	return false
}
