package storetest

import (
	"larder/schema"
	"larder/store/row"
)

// The views of the suite.
const (
	plainView = 1 // its source has no ingest time
	tiesView  = 2 // its source has one
)

// A Fact is a row of a source.
type Fact struct {
	ID, EventTime, Ingest, Value int64
	Deleted                      bool
}

// Row returns the bytes of a fact's row. Facts have rows of several lengths.
func (f Fact) Row() []byte {
	if f.Deleted {
		return Tombstone(f.Ingest)
	}
	return Row(f.Ingest, f.Value, int(f.Value%5)*7)
}

// An Oracle is the plainest form of newest-wins: the winning fact of each id.
type Oracle map[int64]Fact

// Add adds an arriving fact. ties says whether ingest times decide ties.
func (o Oracle) Add(f Fact, ties bool) {
	old, found := o[f.ID]
	switch {
	case !found || f.EventTime > old.EventTime:
	case f.EventTime < old.EventTime || ties && f.Ingest < old.Ingest:
		return
	}
	o[f.ID] = f
}

// Key is the key of an entity in a view.
func Key(view uint32, id int64) []byte {
	return row.AppendInt64(row.AppendView(nil, view), id)
}

// Layout is the layout of the suite's rows: one value, of any width.
var Layout = row.NewLayout([]schema.Column{{Name: "value", Type: schema.Int64}, {Name: "filler", Type: schema.Bytes}})

// Row is a row with a value and extra bytes after it.
func Row(ingest, value int64, filler int) []byte {
	b := row.NewBuilder(Layout, 0)
	b.Reset(ingest, false)
	b.SetInt64(0, value)
	b.SetBytes(1, make([]byte, filler))
	return b.Row()
}

// Tombstone is a row that marks its key as deleted.
func Tombstone(ingest int64) []byte {
	b := row.NewBuilder(Layout, 0)
	b.Reset(ingest, true)
	return b.Row()
}
