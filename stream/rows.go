package stream

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"larder/schema"
	"larder/store"
	"larder/store/eventlog"
	"larder/store/row"
	"larder/vector"
)

// rows is the target of a feature view of a stream's events: the newest event of a key is
// its row.
type rows struct {
	*tail
	writer  store.Writer // open between two marks
	keys    []int        // the fields of the stream that are the join keys
	columns []int        // and the features
	time    int
	builder *row.Builder
	key     []byte
}

func newRows(t *tail) *rows {
	r := &rows{tail: t, time: t.view.Stream.Field(t.view.Stream.TimestampField)}
	for _, k := range t.view.Keys {
		r.keys = append(r.keys, t.view.Stream.Field(k.Name))
	}
	for _, f := range t.view.Features {
		r.columns = append(r.columns, t.view.Stream.Field(f.Name))
	}
	r.builder = row.NewBuilder(r.layout(), t.view.Layout())
	return r
}

func (r *rows) layout() *row.Layout { return row.NewLayout(r.view.Layouts[r.view.Layout()]) }

func (r *rows) open() store.Writer {
	if r.writer == nil {
		r.writer = r.store.NewWriter(r.view.ID, store.WriterOptions{Ties: true})
	}
	return r.writer
}

// apply adds the rows of events.
func (r *rows) apply(ctx context.Context, events *eventlog.Events, _ int64) error {
	writer := r.open()
	for _, i := range inTies(events) {
		if events.Retract[i] && !events.Deleted[i] {
			continue // a correction follows it
		}
		key, ok := r.keyOf(events, i)
		if !ok {
			r.metrics.skipped.WithLabelValues(r.view.Name, "null_key").Inc()
			continue
		}
		if err := r.put(ctx, key, events, i); err != nil {
			r.shut()
			return err
		}
	}
	// Rows are visible once they are flushed; a mark does it too.
	if err := writer.Flush(ctx); err != nil {
		r.shut()
		return err
	}
	return nil
}

// keyOf returns the key of an event, until the next call; false when it is null.
func (r *rows) keyOf(events *eventlog.Events, i int) (key []byte, ok bool) {
	r.key, ok = vector.AppendEventKey(r.key[:0], r.view, r.keys, events.Fields, i)
	return r.key, ok
}

// put adds the row that an event makes.
func (r *rows) put(ctx context.Context, key []byte, events *eventlog.Events, i int) error {
	at := events.Fields[r.time].Int64s[i]
	r.newest = max(r.newest, at)
	r.builder.Reset(events.Ats[i], events.Retract[i])
	if !events.Retract[i] {
		for c, f := range r.columns {
			setColumn(r.builder, c, r.view.Features[c].Type, events, f, i)
		}
	}
	return r.writer.Add(ctx, key, at, r.builder.Row())
}

// inTies returns the events in the order in which the last of those that have one event
// time wins: by batch, and those of a batch by id.
func inTies(events *eventlog.Events) []int {
	order := make([]int, events.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(events.Seqs[a], events.Seqs[b]), cmp.Compare(events.IDs[a], events.IDs[b]))
	})
	return order
}

// setColumn sets column c of a row to field f of event i.
func setColumn(b *row.Builder, c int, t schema.Type, events *eventlog.Events, f, i int) {
	from := &events.Fields[f]
	if from.IsNull(i) {
		return
	}
	switch t {
	case schema.Bool:
		b.SetBool(c, from.Bools[i])
	case schema.Int32:
		b.SetInt32(c, from.Int32s[i])
	case schema.Int64:
		b.SetInt64(c, from.Int64s[i])
	case schema.Timestamp:
		b.SetTimestamp(c, from.Int64s[i])
	case schema.Float32:
		b.SetFloat32(c, from.Float32s[i])
	case schema.Float64:
		b.SetFloat64(c, from.Float64s[i])
	case schema.String:
		b.SetString(c, from.Strings[i])
	case schema.Bytes:
		b.SetBytes(c, from.Bytes[i])
	}
}

// build makes the rows of the log the only ones of the view. Rows of a log that is gone
// are newer than those of a restored one, maybe, and yet they go.
func (r *rows) build(ctx context.Context, until int64) error {
	r.shut()
	tombstone := row.NewBuilder(r.layout(), r.view.Layout())
	tombstone.Reset(schema.NoIngestTime, true)
	r.writer = r.store.NewWriter(r.view.ID, store.WriterOptions{Ties: true, Replace: tombstone.Row()})
	b := &rowsBuilder{rows: r}
	err := r.feed.log.ReadAll(ctx, r.view.Keys, until, func(events *eventlog.Events) error {
		r.building.Add(int64(events.Len()))
		return b.add(ctx, events)
	})
	if err == nil {
		err = b.endKey(ctx)
	}
	if err != nil {
		r.shut()
	}
	return err
}

// A rowsBuilder finds the row of each key in events that come key by key.
type rowsBuilder struct {
	*rows
	last []byte // the key of the events that are looked at now; empty before the first
	best *eventlog.Events
	i    int // in best
}

func (b *rowsBuilder) add(ctx context.Context, events *eventlog.Events) error {
	for i := range events.Len() {
		if events.Retract[i] && !events.Deleted[i] {
			continue // a correction follows it
		}
		key, ok := b.keyOf(events, i)
		if !ok {
			continue
		}
		if !bytes.Equal(key, b.last) {
			if err := b.endKey(ctx); err != nil {
				return err
			}
			b.last = append(b.last[:0], key...)
			b.best, b.i = events, i
		} else if b.compare(events, i, b.best, b.i) > 0 {
			b.best, b.i = events, i
		}
	}
	return nil
}

// compare orders the events of one key: the last is the row.
func (r *rows) compare(a *eventlog.Events, i int, b *eventlog.Events, j int) int {
	return cmp.Or(cmp.Compare(a.Fields[r.time].Int64s[i], b.Fields[r.time].Int64s[j]), cmp.Compare(a.Ats[i], b.Ats[j]), cmp.Compare(a.IDs[i], b.IDs[j]))
}

func (b *rowsBuilder) endKey(ctx context.Context) error {
	if len(b.last) == 0 {
		return nil
	}
	return b.put(ctx, b.last, b.best, b.i)
}

func (r *rows) mark(ctx context.Context, at store.Watermark) error {
	err := r.open().Commit(ctx, at)
	r.shut()
	return err
}

// shut closes the writer, so that other writers of the view can come in between.
func (r *rows) shut() {
	if r.writer != nil {
		r.writer.Close()
		r.writer = nil
	}
}
