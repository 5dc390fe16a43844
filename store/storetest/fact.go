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

// A Fact is a row as a source has it.
type Fact struct {
	ID, EventTime, Ingest, Value int64
	Deleted                      bool
}

// Row returns the bytes of a fact's row, of which facts have several lengths.
func (f Fact) Row() []byte {
	if f.Deleted {
		return Tombstone(f.Ingest)
	}
	return Row(f.Ingest, f.Value, int(f.Value%5)*7)
}

// An Oracle is newest-wins in its plainest form: the fact of each id that won.
type Oracle map[int64]Fact

// Add adds a fact that arrives. ties says whether ingest times decide ties.
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

// Layout is that of the suite's rows: one value, of any width.
var Layout = row.NewLayout([]schema.Column{{Name: "value", Type: schema.Int64}, {Name: "filler", Type: schema.Bytes}})

// Row is a row with a value and so many bytes behind it.
func Row(ingest, value int64, filler int) []byte {
	b := row.NewBuilder(Layout, 0)
	b.Reset(ingest, false)
	b.SetInt64(0, value)
	b.SetBytes(1, make([]byte, filler))
	return b.Row()
}

// Tombstone is a row that says that there is none.
func Tombstone(ingest int64) []byte {
	b := row.NewBuilder(Layout, 0)
	b.Reset(ingest, true)
	return b.Row()
}
