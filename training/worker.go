package training

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column/arrows"
	"larder/schema"
	"larder/store/offline"
	"larder/store/record"
	"larder/vector"
)

// A worker builds chunks, one after the other, over its own connection.
type worker struct {
	run      *run
	session  *offline.Session // nil when no view is read
	batch    *vector.Batch
	encoders []*record.Encoder // of each view
	found    []tally           // for each view, in the current chunk
	mostRows int               // that fit in the batch
}

// A tally counts the results of the look-ups of a view.
type tally struct {
	hidden int64 // rows whose winner by event time alone had not arrived
	bad    int64 // rows of the source that don't compete
}

// built is a batch of the set and its statistics.
type built struct {
	rec      arrow.Record
	tallies  []tally
	statuses [][5]int64 // for each view: how many rows have each status
	values   [][5]int64 // the same for each feature
}

func (r *run) newWorker(ctx context.Context) (*worker, error) {
	w := &worker{run: r, batch: r.set.program.NewBatch(), mostRows: ChunkRows}
	for _, v := range r.set.views {
		w.encoders = append(w.encoders, record.NewEncoder(v))
	}
	if r.moment == nil {
		return w, nil
	}
	var err error
	w.session, err = r.moment.Session(ctx)
	return w, err
}

func (w *worker) close() {
	if w.session != nil {
		w.session.Close()
	}
}

// partBytes is the size that a batch of the set is meant to have, where ChunkRows rows
// would have more. Several wait for the consumer, so it is less than a batch of vectors
// holds.
const partBytes = 16 << 20

// build makes the vectors of a chunk and gives them to give: in one batch, or in more
// where its strings and lists are too large for one. It learns from that how many rows
// of the next chunks fit.
func (w *worker) build(ctx context.Context, c *chunk, histories []*history, give func(*built) error) error {
	for start := 0; start < len(c.times); {
		rows := min(w.mostRows, len(c.times)-start)
		x, err := w.part(ctx, c, start, start+rows, histories)
		var said *schema.Error
		if errors.As(err, &said) && said.Reason == schema.ValuesTooLarge && rows > 1 {
			w.mostRows = max(rows/8, 1)
			continue
		}
		if err != nil {
			return err
		}
		size := max(featureBytes(x.rec, int(c.rec.NumCols())), 1)
		w.mostRows = min(max(rows*partBytes/size, 1), ChunkRows)
		if err := give(x); err != nil {
			return err
		}
		start += rows
	}
	return nil
}

// part makes the vectors of some rows of a chunk.
func (w *worker) part(ctx context.Context, c *chunk, start, end int, histories []*history) (*built, error) {
	part := &chunk{first: c.first + int64(start), rec: c.rec.NewSlice(int64(start), int64(end)), times: c.times[start:end]}
	defer part.rec.Release()
	return w.vectors(ctx, part, histories)
}

// featureBytes returns the size of the columns of a set after the spine's.
func featureBytes(rec arrow.Record, first int) int {
	size := 0
	for _, column := range rec.Columns()[first:] {
		size += int(column.Data().SizeInBytes())
	}
	return size
}

func (w *worker) vectors(ctx context.Context, c *chunk, histories []*history) (*built, error) {
	set, b := w.run.set, w.batch
	if ctx.Err() != nil { // nothing else checks it when histories are in memory
		return nil, context.Cause(ctx)
	}
	if err := w.bind(c); err != nil {
		return nil, err
	}
	b.WantColumns()
	w.found = make([]tally, len(set.views))
	var order []int32
	for view := range set.views {
		var err error
		if histories[view] != nil {
			err = histories[view].visit(w, view, c)
		} else {
			if order == nil || !slices.Equal(set.req.Plan.Views[view].KeyColumns, set.req.Plan.Views[view-1].KeyColumns) {
				order = w.byKey(view, c)
			}
			err = w.lookUp(ctx, view, c, order)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := b.Finish(); err != nil {
		return nil, err
	}
	if set.req.Vectors != nil {
		if err := set.req.Vectors(c.first, b); err != nil {
			return nil, err
		}
	}
	return w.collect(c), nil
}

// bind gives the rows of a chunk to the batch: from here on it has their keys.
func (w *worker) bind(c *chunk) error {
	w.batch.Reset(len(c.times), 0)
	w.batch.SetTimes(c.times)
	if w.run.set.req.AsOf == EventTime {
		w.batch.IgnoreIngestTime()
	}
	return spineError(c.first, w.run.set.spine.bind(w.batch, c.rec))
}

// byKey returns the rows of a chunk in the order of their keys in a view, and of
// their times: one look-up finds the pages of the next in memory.
func (w *worker) byKey(view int, c *chunk) []int32 {
	order, keys := make([]int32, len(c.times)), w.batch.Keys()
	for i := range order {
		order[i] = int32(i)
	}
	first := view * len(order)
	slices.SortFunc(order, func(a, b int32) int {
		if d := bytes.Compare(keys.At(first+int(a)), keys.At(first+int(b))); d != 0 {
			return d
		}
		return cmp.Compare(c.times[a], c.times[b])
	})
	return order
}

// collect makes a batch of the set from vectors that are finished.
func (w *worker) collect(c *chunk) *built {
	set := w.run.set
	out := &built{tallies: w.found, statuses: make([][5]int64, len(set.views))}
	for view := range set.views {
		for _, s := range w.batch.Statuses(view) {
			out.statuses[view][s]++
		}
	}
	columns := slices.Clone(c.rec.Columns())
	features := w.batch.Columns()
	out.values = make([][5]int64, len(features))
	for i := range features {
		for _, s := range features[i].Statuses {
			out.values[i][s]++
		}
		a := arrows.Write(&features[i])
		defer a.Release()
		columns = append(columns, a)
	}
	out.rec = array.NewRecord(set.schema, columns, c.rec.NumRows())
	return out
}
