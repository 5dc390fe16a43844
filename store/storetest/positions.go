package storetest

import (
	"errors"
	"slices"

	"larder/store"
)

// wantMark checks a view's watermark; nil stands for none.
func (p *place) wantMark(view uint32, want *store.Watermark) {
	p.Helper()
	got, found, err := p.Watermark(view)
	if err != nil || found != (want != nil) || found && got != *want {
		p.Errorf("view %d: watermark %v, %v, %v; want %v", view, got, found, err, want)
	}
}

// testWatermarks: each view has its own watermark, which can move both ways and
// persists.
func testWatermarks(p *place) {
	p.wantMark(plainView, nil)
	w := p.NewWriter(plainView, store.WriterOptions{})
	last := store.Watermark{Time: -5, CatalogVersion: 3}
	for _, at := range []store.Watermark{{Time: 9, CatalogVersion: 1}, last} {
		p.must(w.Commit(p.Context(), at))
		p.wantMark(plainView, &at)
	}
	w.Close()
	p.write(tiesView, Fact{ID: 1, EventTime: 77})
	for range 2 {
		p.wantMark(plainView, &last)
		p.wantMark(tiesView, nil)
		if ids, err := p.ViewIDs(); err != nil || !slices.Equal(ids, []uint32{plainView, tiesView}) {
			p.Errorf("views %v (%v)", ids, err)
		}
		if n, err := p.NewestEventTime(tiesView); n != 77 || err != nil {
			p.Errorf("newest event time %d (%v); want 77", n, err)
		}
		if n, err := p.NewestEventTime(plainView); n != store.NoEventTime || err != nil {
			p.Errorf("newest event time %d (%v) of a view without rows", n, err)
		}
		p.reopen()
	}
}

// testCommits commits no rows, and fewer and more rows than are atomic, each over the
// earlier rows, with late rows and a flush in between.
func testCommits(p *place) {
	w := p.NewWriter(plainView, store.WriterOptions{})
	most := int64(0)
	for i, rows := range []int64{0, 1, store.CommitRows - 1, store.CommitRows, 2*store.CommitRows + 5, 0} {
		round := int64(i)
		for id := range rows {
			if id == rows/2 {
				p.must(w.Flush(p.Context()))
			}
			p.must(errors.Join(w.Add(p.Context(), Key(plainView, id), round, Row(0, round, 0)),
				w.Add(p.Context(), Key(plainView, id), round-1, Row(0, round-1, 0))))
		}
		at := store.Watermark{Time: round, CatalogVersion: 7}
		p.must(w.Commit(p.Context(), at))
		p.wantMark(plainView, &at)
		most = max(most, rows)
		p.wantCount(plainView, most)
		if rows > 0 {
			key := Key(plainView, rows-1)
			if got := p.read(1, key)[string(key)]; got != (answer{round, string(Row(0, round, 0))}) {
				p.Errorf("%d rows: event time %d, row %x in round %d", rows, got.eventTime, got.row, round)
			}
		}
	}
	w.Close()
	p.reopen()
	p.wantMark(plainView, &store.Watermark{Time: 5, CatalogVersion: 7})
	p.wantCount(plainView, most)
}

// wantCount checks how many rows a view has, by reading and by RowCount.
func (p *place) wantCount(view uint32, want int64) {
	p.Helper()
	there := int64(0)
	p.must(p.EachRow(p.Context(), view, func([]byte, int64, []byte) error { there++; return nil }))
	if n, err := p.RowCount(view); err != nil || n != want || there != want {
		p.Errorf("view %d: %d rows are there and %d counted (%v); want %d", view, there, n, err, want)
	}
}

// testDropView: a dropped view leaves nothing, and other views don't change.
func testDropView(p *place) {
	const rows = 20_000
	at := store.Watermark{Time: 6}
	for _, view := range []uint32{plainView, tiesView} {
		w := p.NewWriter(view, store.WriterOptions{})
		for id := range int64(rows) {
			p.must(w.Add(p.Context(), Key(view, id), 5, Row(0, id, 0)))
		}
		p.must(w.Commit(p.Context(), at))
		w.Close()
	}
	p.read(1, Key(plainView, 3)) // into a cache
	p.must(p.DropView(p.Context(), plainView))
	p.must(p.DropView(p.Context(), 77)) // that never was
	for range 2 {
		got := p.read(2, Key(plainView, 3), Key(plainView, rows-1), Key(tiesView, 3), Key(tiesView, rows-1))
		if _, kept := got[string(Key(tiesView, 3))]; len(got) != 2 || !kept {
			p.Errorf("%d of 4 keys have a row; want the two of the other view", len(got))
		}
		if ids, err := p.ViewIDs(); err != nil || !slices.Equal(ids, []uint32{tiesView}) {
			p.Errorf("views %v (%v)", ids, err)
		}
		p.wantMark(plainView, nil)
		p.wantMark(tiesView, &at)
		p.wantCount(plainView, 0)
		p.wantCount(tiesView, rows)
		p.reopen()
	}
}
