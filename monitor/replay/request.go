package replay

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
	"larder/monitor/featurelog"
)

// A fileRun scores the rows of one file again, each request whole: a model may score
// rows differently in another batch.
type fileRun struct {
	*run
	*featurelog.File
	name    string
	done    int64            // rows scored
	last    featurelog.RowID // last row of a request that may continue
	waiting []arrow.Record   // its rows
}

// take takes the next rows, releases them, and scores the requests that end with them.
func (f *fileRun) take(ctx context.Context, rec arrow.Record) error {
	defer rec.Release()
	b, err := featurelog.NewBatch(rec)
	if err != nil {
		return err
	}
	last := int(rec.NumRows()) - 1 // where the last request begins
	for last > 0 && b.ID(last).Follows(b.ID(last-1)) {
		last--
	}
	if last > 0 {
		f.waiting = append(f.waiting, rec.NewSlice(0, int64(last)))
	}
	if len(f.waiting) > 0 && (last > 0 || !b.ID(0).Follows(f.last)) {
		if err := f.send(ctx); err != nil {
			return err
		}
	}
	f.last, f.waiting = b.ID(int(rec.NumRows())-1), append(f.waiting, rec.NewSlice(int64(last), rec.NumRows()))
	return nil
}

// send scores the waiting rows.
func (f *fileRun) send(ctx context.Context) error {
	defer f.release()
	parts := f.waiting
	columns, rows := make([]arrow.Array, parts[0].NumCols()), int64(0)
	for i := range columns {
		pieces := make([]arrow.Array, len(parts))
		for k, p := range parts {
			pieces[k] = p.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(pieces, memory.DefaultAllocator); err != nil {
			return err
		}
		defer columns[i].Release()
		rows = int64(columns[i].Len())
	}
	rec := array.NewRecord(parts[0].Schema(), columns, rows)
	defer rec.Release()
	return f.score(ctx, rec)
}

func (f *fileRun) release() {
	for _, rec := range f.waiting {
		rec.Release()
	}
	f.waiting = nil
}

// score scores rows of whole requests, with the definitions that served them.
func (f *fileRun) score(ctx context.Context, rec arrow.Record) error {
	b, err := featurelog.NewBatch(rec)
	if err != nil {
		return err
	}
	req := &larderv1.ScoreVectorsRequest{Model: f.Model, ModelVersion: f.ModelVersion, CatalogVersion: f.CatalogVersion}
	var names []string
	var columns []column.Column
	for feature, values := range b.Vector() {
		c, err := columnOf(feature, values)
		if err != nil {
			return err
		}
		names, columns = append(names, feature), append(columns, c)
	}
	req.Vector = wire.Write(columns, func(i int) string { return names[i] })
	outputs, err := loggedOutputs(b)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		req.Outputs = append(req.Outputs, o.name)
	}
	for i := range int(b.NumRows()) {
		if i == 0 || !b.ID(i).Follows(b.ID(i-1)) {
			req.Runs = append(req.Runs, 0)
		}
		req.Runs[len(req.Runs)-1]++
	}
	answer, err := f.run.score(ctx, req)
	if err != nil {
		return err
	}
	return f.compare(f, b, outputs, answer)
}
