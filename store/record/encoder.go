package record

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/schema"
	"larder/store/row"
)

// MaxRowBytes bounds the bytes of a row, as the online store does.
const MaxRowBytes = 1<<20 - 1<<10

// An Encoder turns record batches of a view into keys and rows. It works on the
// columns in memory and allocates no object for a value. Not safe for concurrent use.
type Encoder struct {
	view    *schema.View
	builder *row.Builder
	prefix  []byte
	key     []byte // the key of the current row
}

// The columns of a record after the join keys; the features follow.
const (
	eventColumn = iota
	ingestColumn
	deletedColumn
	firstFeature
)

// NewEncoder returns an encoder of a view's rows, in the view's last layout.
func NewEncoder(view *schema.View) *Encoder {
	layout := row.NewLayout(view.Layouts[view.Layout()])
	return &Encoder{view: view, builder: row.NewBuilder(layout, view.Layout()), prefix: row.AppendView(nil, view.ID)}
}

// bound is a record with its columns identified.
type bound struct {
	keys     []func(dst []byte, i int) []byte
	events   []arrow.Timestamp
	ingests  *array.Timestamp
	deleted  *array.Boolean
	features []feature
}

// A feature is one column and the function that sets its values in the builder.
type feature struct {
	column arrow.Array
	nulls  bool // whether there are any
	set    func(i int)
}

// Encode calls add with the key, the event time and the bytes of each row of a record,
// and with its index there. Key and bytes are valid until add returns. Rows that are
// too large to store are returned and not added. An error of add ends the encoding and
// is returned as it is.
func (e *Encoder) Encode(rec arrow.Record, add func(i int, key []byte, eventTime int64, row []byte) error) (bad []schema.BadRow, err error) {
	b, err := e.bind(rec)
	if err != nil {
		return nil, schema.BadRecord.Errorf("feature view %q: %v", e.view.Name, err)
	}
	for i := range int(rec.NumRows()) {
		e.key = append(e.key[:0], e.prefix...)
		for _, appendKey := range b.keys {
			e.key = appendKey(e.key, i)
		}
		bytes := e.row(b, i)
		if len(e.key) > row.MaxKeyBytes || len(bytes) > MaxRowBytes {
			bad = append(bad, schema.BadRow{Reason: schema.TooLarge, Sample: e.sample(rec, i, len(bytes))})
			continue
		}
		if err := add(i, e.key, int64(b.events[i]), bytes); err != nil {
			return bad, err
		}
	}
	return bad, nil
}

// row returns the bytes of row i. They alias the builder.
func (e *Encoder) row(b *bound, i int) []byte {
	ingest := int64(schema.NoIngestTime)
	if b.ingests.IsValid(i) {
		ingest = int64(b.ingests.Value(i))
	}
	deleted := b.deleted.Value(i)
	e.builder.Reset(ingest, deleted)
	if deleted {
		return e.builder.Row()
	}
	for f := range b.features {
		if x := &b.features[f]; !x.nulls || x.column.IsValid(i) {
			x.set(i)
		}
	}
	return e.builder.Row()
}

// bind checks that a record has the columns that a source promises.
func (e *Encoder) bind(rec arrow.Record) (*bound, error) {
	keys := len(e.view.Keys)
	if want := keys + firstFeature + len(e.view.Features); int(rec.NumCols()) != want {
		return nil, fmt.Errorf("the record has %d columns, not %d", rec.NumCols(), want)
	}
	b := &bound{keys: make([]func([]byte, int) []byte, keys), features: make([]feature, len(e.view.Features))}
	for i := range keys {
		column := rec.Column(i)
		if b.keys[i] = keyAppender(column, e.view.Keys[i].Type); b.keys[i] == nil || column.NullN() > 0 {
			return nil, fmt.Errorf("join key %q: the column has type %s and %d nulls", e.view.Keys[i].Name, column.DataType(), column.NullN())
		}
	}
	events, isTime := rec.Column(keys + eventColumn).(*array.Timestamp)
	if !isTime || events.NullN() > 0 {
		return nil, fmt.Errorf("the event time is not a column of times without nulls")
	}
	b.events = events.TimestampValues()
	var isBool bool
	b.ingests, isTime = rec.Column(keys + ingestColumn).(*array.Timestamp)
	b.deleted, isBool = rec.Column(keys + deletedColumn).(*array.Boolean)
	if !isTime || !isBool {
		return nil, fmt.Errorf("the ingest time and deleted are not columns of times and bools")
	}
	for i := range b.features {
		column := rec.Column(keys + firstFeature + i)
		set := e.setter(i, e.view.Features[i].Type, column)
		if set == nil {
			return nil, fmt.Errorf("feature %q: the column has type %s", e.view.Features[i].Name, column.DataType())
		}
		if err := checkLengths(e.view.Features[i].Type, column); err != nil {
			return nil, fmt.Errorf("feature %q: %w", e.view.Features[i].Name, err)
		}
		b.features[i] = feature{column: column, nulls: column.NullN() > 0, set: set}
	}
	return b, nil
}

// sample shows the key of a row that is too large, and its size.
func (e *Encoder) sample(rec arrow.Record, i, rowBytes int) string {
	const most, mostOfKey = 200, 60
	s := ""
	for k := range e.view.Keys {
		text := rec.Column(k).ValueStr(i)
		s += fmt.Sprintf("%s=%.*s ", e.view.Keys[k].Name, mostOfKey, text)
	}
	s += fmt.Sprintf("key of %d bytes, row of %d", len(e.key), rowBytes)
	return s[max(0, len(s)-most):]
}
