package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
	"larder/internal/arrowfile"
	"larder/monitor"
	"larder/monitor/featurelog"
)

// Vectors are logged vectors of a model. Rows that a shadow scored are left out,
// because they repeat the same vectors.
type Vectors struct {
	names   []string                    // of the features
	columns []column.Column             // of each feature
	rows    []featurelog.RowID          // of each row
	asked   *larderv1.JoinLabelsRequest // the keys or ids that labels find the rows by
	most    int                         // the most rows to read
	// Damaged are files of the log that could not be read to their end.
	Damaged []featurelog.Damage
}

// ReadVectors reads at most a number of rows of a model's log; fewer when their
// vectors are too wide for one message.
func ReadVectors(ctx context.Context, dir, model string, most int) (*Vectors, error) {
	files, err := featurelog.Files(dir, model)
	if err != nil {
		return nil, err
	}
	v := &Vectors{most: most, asked: &larderv1.JoinLabelsRequest{Model: model}}
	for _, path := range files {
		if len(v.rows) >= v.most {
			break
		}
		if err := v.file(ctx, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(v.rows) == 0 {
		if err := featurelog.Damaged(v.Damaged); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the log of model %q has no successfully scored rows", model)
	}
	return v, nil
}

func (v *Vectors) file(ctx context.Context, path string) error {
	in, damage := featurelog.OpenFile(ctx, path)
	if damage != nil {
		v.Damaged = append(v.Damaged, *damage)
		return ctx.Err()
	}
	defer in.Close()
	v.most = max(1, min(v.most, maxSent/len(in.Schema().Fields())))
	for len(v.rows) < v.most && in.Next() {
		b, err := featurelog.NewBatch(in.Record())
		if err != nil {
			return err
		}
		if err := v.batch(b); err != nil {
			return err
		}
	}
	if damage := in.Damage(); damage != nil {
		v.Damaged = append(v.Damaged, *damage)
	}
	return in.Err()
}

// batch takes the rows of a batch that were returned to callers, in contiguous runs.
func (v *Vectors) batch(b *featurelog.Batch) error {
	for first := 0; first < int(b.NumRows()) && len(v.rows) < v.most; {
		end := first
		for end < int(b.NumRows()) && b.Role.Value(end) == string(monitor.Serve) && len(v.rows)+end-first < v.most {
			end++
		}
		if end > first {
			if err := v.take(b, first, end); err != nil {
				return err
			}
		}
		first = end + 1
	}
	return nil
}

// take takes the rows from first to before end.
func (v *Vectors) take(b *featurelog.Batch, first, end int) error {
	part := b.NewSlice(int64(first), int64(end))
	defer part.Release()
	rows, err := featurelog.NewBatch(part)
	if err != nil {
		return err
	}
	at := 0
	for feature, values := range rows.Vector() {
		c, err := columnOf(feature, values)
		if err != nil {
			return err
		}
		if len(v.rows) == 0 {
			v.names, v.columns = append(v.names, feature), append(v.columns, column.Column{})
		}
		if at >= len(v.columns) || v.names[at] != feature || !appendRows(&v.columns[at], &c) {
			return errors.New("give a log of a single feature service: its vectors have other features than those of the earlier files")
		}
		at++
	}
	for i := range int(rows.NumRows()) {
		id := rows.ID(i)
		names, sent := rows.Sent(i)
		v.rows, v.asked.SentNames = append(v.rows, id), names
		v.asked.Rows = append(v.asked.Rows, &larderv1.LoggedRow{RequestId: id.RequestID, Row: id.Row, At: int64(rows.At.Value(i)), Sent: sent})
	}
	return nil
}

// request asks for the scores of the first rows, in runs of a given size.
func (v *Vectors) request(m Ref, rows, rowsOfRun int) *larderv1.ScoreVectorsRequest {
	req := &larderv1.ScoreVectorsRequest{Model: m.Model, ModelVersion: m.Version}
	req.Vector = wire.Write(v.columns, func(i int) string { return v.names[i] })
	for first := 0; first < rows; first += rowsOfRun {
		req.Runs = append(req.Runs, int32(min(rowsOfRun, rows-first)))
	}
	return req
}

// Labels returns the outcome of each row, 1 for true and 0 for false, NaN where it
// isn't known. They come from a file or, when path is empty, from the labels of the
// model's definition; nil when it has none.
func (v *Vectors) Labels(ctx context.Context, control larderv1.ControlServiceClient, path string) ([]float64, error) {
	if path == "" {
		answer, err := control.JoinLabels(ctx, v.asked)
		return answer.GetLabels(), err
	}
	found, err := readLabels(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	outcomes, matched := make([]float64, len(v.rows)), false
	for i, id := range v.rows {
		label, has := found[id]
		if outcomes[i] = label; !has {
			outcomes[i] = math.NaN()
		}
		matched = matched || has
	}
	if !matched {
		return nil, fmt.Errorf("%s: none of its %d labels matches a compared row; log:request_id must hold the ids of the feature log", path, len(found))
	}
	return outcomes, nil
}

// readLabels reads a file of labels.
func readLabels(ctx context.Context, path string) (map[featurelog.RowID]float64, error) {
	in, err := arrowfile.Open(ctx, path, map[string]arrow.DataType{"log:request_id": arrow.BinaryTypes.String, "log:row": arrow.PrimitiveTypes.Int32})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	labels := map[featurelog.RowID]float64{}
	for in.Next() {
		rec := in.Record()
		ids, isID := field(rec, "log:request_id").(*array.String)
		label := field(rec, "label")
		if !isID || label == nil {
			return nil, errors.New("add a column log:request_id of strings and a column label")
		}
		rows, _ := field(rec, "log:row").(*array.Int32)
		for i := range ids.Len() {
			if ids.IsNull(i) || label.IsNull(i) {
				continue
			}
			id := featurelog.RowID{RequestID: strings.Clone(ids.Value(i))}
			if rows != nil {
				id.Row = rows.Value(i)
			}
			if labels[id], err = outcome(label, i); err != nil {
				return nil, err
			}
		}
	}
	return labels, in.Err()
}

// field returns a column by its name; nil when there is none or several.
func field(rec arrow.Record, name string) arrow.Array {
	if at := rec.Schema().FieldIndices(name); len(at) == 1 {
		return rec.Column(at[0])
	}
	return nil
}

// outcome returns a label, a bool or a number: 1 for true, 0 for false.
func outcome(label arrow.Array, i int) (float64, error) {
	switch label.ValueStr(i) {
	case "true", "1", "1.0":
		return 1, nil
	case "false", "0", "0.0":
		return 0, nil
	}
	return 0, fmt.Errorf("label %q is neither true nor false, 1 nor 0", label.ValueStr(i))
}
