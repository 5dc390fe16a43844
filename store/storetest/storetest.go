package storetest

import (
	"context"
	"testing"

	"larder/store"
	"larder/store/row"
)

// A Store is an online store, with all methods that its consumers need.
type Store interface {
	Read(ctx context.Context, keys *row.Keys, rows int, visit func(i int, eventTime int64, row []byte) error) error
	EachRow(ctx context.Context, viewID uint32, visit func(key []byte, eventTime int64, row []byte) error) error
	NewWriter(viewID uint32, opts store.WriterOptions) store.Writer
	Watermark(viewID uint32) (store.Watermark, bool, error)
	RowCount(viewID uint32) (int64, error)
	NewestEventTime(viewID uint32) (int64, error)
	ViewIDs() ([]uint32, error)
	DropView(ctx context.Context, viewID uint32) error
	Close() error
}

// A Maintainer is a store with background work, such as warming a cache or compacting
// files. The suite calls it at any time.
type Maintainer interface {
	Maintain(ctx context.Context) error
}

// Run runs the suite. open opens the store of test t: an empty one at first, and the
// same one again after it was closed.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, x := range []struct {
		name string
		test func(p *place)
	}{
		{"Winners", testWinners},
		{"RandomHistories", testRandomHistories},
		{"ReadersNeverGoBack", testReadersNeverGoBack},
		{"NotFound", testNotFound},
		{"Read", testRead},
		{"EachRow", testEachRow},
		{"LargestRow", testLargestRow},
		{"Refused", testRefused},
		{"Watermarks", testWatermarks},
		{"Commits", testCommits},
		{"DropView", testDropView},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := &place{T: t, open: func() Store { return open(t) }}
			p.Store = p.open()
			defer p.close()
			x.test(p)
		})
	}
}

// A place is the open store of a test.
type place struct {
	*testing.T
	Store
	open func() Store
}

func (p *place) close() {
	p.Helper()
	if err := p.Store.Close(); err != nil {
		p.Error(err)
	}
}

func (p *place) reopen() {
	p.Helper()
	p.close()
	p.Store = p.open()
}

// maintain makes the store do its background work, if it has any.
func (p *place) maintain(ctx context.Context) error {
	if m, has := p.Store.(Maintainer); has {
		return m.Maintain(ctx)
	}
	return nil
}

// An answer is the result of a read for a key.
type answer struct {
	eventTime int64
	row       string
}

// read reads keys of rows entities, for one view after the other.
func (p *place) read(rows int, keys ...[]byte) map[string]answer {
	p.Helper()
	list, got := keysOf(keys), map[string]answer{}
	err := p.Read(p.Context(), list, rows, func(i int, eventTime int64, row []byte) error {
		if _, twice := got[string(list.At(i))]; twice {
			p.Errorf("key %x was visited twice", list.At(i))
		}
		got[string(list.At(i))] = answer{eventTime, string(row)}
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return got
}

func keysOf(keys [][]byte) *row.Keys {
	list := new(row.Keys)
	for _, k := range keys {
		list.Append(func(dst []byte) []byte { return append(dst, k...) })
	}
	return list
}

// write flushes facts as one batch.
func (p *place) write(view uint32, facts ...Fact) {
	p.Helper()
	w := p.NewWriter(view, store.WriterOptions{Ties: view == tiesView})
	defer w.Close()
	for _, f := range facts {
		p.add(w, view, f)
	}
	p.must(w.Flush(p.Context()))
}

func (p *place) add(w store.Writer, view uint32, f Fact) {
	p.Helper()
	p.must(w.Add(p.Context(), Key(view, f.ID), f.EventTime, f.Row()))
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}
