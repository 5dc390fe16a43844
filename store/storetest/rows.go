package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"larder/schema"
	"larder/store"
)

// testNotFound: only keys that have a row are visited.
func testNotFound(p *place) {
	never := p.read(1, Key(plainView, 1), Key(tiesView, 1))
	p.write(plainView, Fact{ID: 1, Value: 1}, Fact{ID: -1, Deleted: true})
	for range 2 {
		got := p.read(3, Key(plainView, 0), Key(plainView, 1), Key(plainView, -1), Key(tiesView, 0), Key(tiesView, 1), Key(tiesView, -1))
		want := map[string]answer{
			string(Key(plainView, 1)):  {0, string(Row(0, 1, 7))},
			string(Key(plainView, -1)): {0, string(Tombstone(0))},
		}
		if len(never) != 0 || !maps.Equal(got, want) {
			p.Errorf("%v, before the write %v; want %v and nothing", got, never, want)
		}
	}
}

// testRead: an error of the visitor ends the read, and so does a cancelled context.
func testRead(p *place) {
	p.write(plainView, Fact{ID: 1}, Fact{ID: 2})
	keys, stop := keysOf([][]byte{Key(plainView, 1), Key(plainView, 2)}), errors.New("enough")
	for range 2 { // the second time perhaps from a cache
		visits := 0
		err := p.Read(p.Context(), keys, 2, func(int, int64, []byte) error { visits++; return stop })
		if !errors.Is(err, stop) || visits != 1 {
			p.Errorf("%d visits and error %v; want 1 and %v", visits, err, stop)
		}
		p.read(2, Key(plainView, 1), Key(plainView, 2))
	}
	done, cancel := context.WithCancel(p.Context())
	cancel()
	unread := keysOf([][]byte{Key(plainView, 3)})
	if err := p.Read(done, unread, 1, func(int, int64, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		p.Errorf("error %v; want %v", err, context.Canceled)
	}
}

// testEachRow visits all rows of one view, tombstones included, in the order of keys.
func testEachRow(p *place) {
	p.write(plainView, Fact{ID: 3, Value: 3}, Fact{ID: -7, Deleted: true}, Fact{ID: 5, EventTime: -2}, Fact{ID: 5, EventTime: -3})
	p.write(tiesView, Fact{ID: 4})
	var keys [][]byte
	stop := errors.New("enough")
	visit := func(key []byte, _ int64, _ []byte) error { keys = append(keys, bytes.Clone(key)); return nil }
	p.must(p.EachRow(p.Context(), plainView, visit))
	if want := [][]byte{Key(plainView, -7), Key(plainView, 3), Key(plainView, 5)}; !slices.EqualFunc(keys, want, bytes.Equal) {
		p.Errorf("keys %x; want %x", keys, want)
	}
	if err := p.EachRow(p.Context(), plainView, func([]byte, int64, []byte) error { return stop }); !errors.Is(err, stop) {
		p.Errorf("error %v; want %v", err, stop)
	}
}

func testLargestRow(p *place) {
	big := Row(0, 1, store.MaxRowBytes-len(Row(0, 1, 0)))
	w := p.NewWriter(plainView, store.WriterOptions{})
	defer w.Close()
	for id := range int64(20) {
		p.must(w.Add(p.Context(), Key(plainView, id), 1, big))
	}
	p.must(w.Flush(p.Context()))
	for range 2 {
		if got := p.read(1, Key(plainView, 7))[string(Key(plainView, 7))]; got.row != string(big) {
			p.Errorf("a row of %d bytes came back as %d", len(big), len(got.row))
		}
	}
}

// testRefused: a row that couldn't be read again is refused, and the writer keeps its
// error.
func testRefused(p *place) {
	f := func(key []byte, eventTime int64, row []byte) {
		p.Helper()
		w := p.NewWriter(plainView, store.WriterOptions{})
		defer w.Close()
		p.must(w.Add(p.Context(), Key(plainView, 1), 0, Row(0, 1, 0)))
		err := w.Add(p.Context(), key, eventTime, row)
		if err == nil {
			p.Errorf("key %x, event time %d, %d bytes: it was taken", key, eventTime, len(row))
			return
		}
		for _, again := range []error{w.Flush(p.Context()), w.Commit(p.Context(), store.Watermark{Time: 1})} {
			if again == nil || again.Error() != err.Error() {
				p.Errorf("%v after %v; want the same", again, err)
			}
		}
	}
	f(Key(tiesView, 1), 0, Row(0, 1, 0))
	f(Key(plainView, 1)[:4], 0, Row(0, 1, 0))
	f(Key(plainView, 2), 0, nil)
	f(Key(plainView, 2), 0, make([]byte, store.MaxRowBytes+1))
	f(Key(plainView, 2), schema.BeginningOfTime-1, Row(0, 1, 0))
	f(Key(plainView, 2), schema.EndOfTime+1, Row(0, 1, 0))
	if got := p.read(1, Key(plainView, 2)); len(got) != 0 {
		p.Errorf("a row that was refused is there: %v", got)
	}
	if _, found, err := p.Watermark(plainView); found || err != nil {
		p.Errorf("a commit that was refused moved the watermark (%v)", err)
	}
}
