package storetest

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"larder/schema"
	"larder/store"
)

// testWinners writes facts of one key in the given order: in one batch, each in its
// own batch, and with the store opened again before the last.
func testWinners(p *place) {
	id := int64(0)
	f := func(name string, view uint32, want int, facts ...Fact) {
		p.Helper()
		for _, how := range []string{"one batch", "a batch each", "reopened"} {
			id++
			for i := range facts {
				facts[i].ID = id
			}
			if how == "one batch" {
				p.write(view, facts...)
			} else {
				for i, fact := range facts {
					if how == "reopened" && i == len(facts)-1 {
						p.reopen()
					}
					p.write(view, fact)
				}
			}
			for range 2 { // the second time perhaps from a cache
				wanted := answer{facts[want].EventTime, string(facts[want].Row())}
				if got := p.read(1, Key(view, id))[string(Key(view, id))]; got != wanted {
					p.Errorf("%s, %s: event time %d, row %x; want %d, %x", name, how, got.eventTime, got.row, wanted.eventTime, wanted.row)
				}
			}
		}
	}
	at := func(eventTime, ingest, value int64) Fact {
		return Fact{EventTime: eventTime, Ingest: ingest, Value: value}
	}
	gone := func(eventTime, ingest int64) Fact { return Fact{EventTime: eventTime, Ingest: ingest, Deleted: true} }
	f("in order", plainView, 1, at(1, 0, 1), at(2, 0, 2))
	f("a late row", plainView, 0, at(2, 0, 2), at(1, 0, 1))
	f("a late row with a later ingest time", tiesView, 0, at(2, 5, 2), at(1, 9, 1))
	f("before 1970", plainView, 1, at(-9, 0, 1), at(-2, 0, 2), at(-5, 0, 3))
	f("around 1970", plainView, 2, at(-1, 0, 1), at(0, 0, 2), at(1, 0, 3), at(-2, 0, 4))
	f("the ends of time", plainView, 1, at(schema.BeginningOfTime, 0, 1), at(schema.EndOfTime, 0, 2), at(0, 0, 3))
	f("a correction", plainView, 1, at(1, 0, 1), at(1, 0, 2))
	f("many corrections, and a late row", plainView, 3, at(1, 0, 1), at(1, 0, 2), at(1, 0, 3), at(1, 0, 4), at(0, 0, 5))
	f("a newer row after corrections", plainView, 3, at(1, 0, 1), at(1, 0, 2), at(1, 0, 3), at(2, 0, 4))
	f("ties by ingest time", tiesView, 1, at(1, 3, 1), at(1, 7, 2), at(1, 5, 3))
	f("ties of the ingest time too", tiesView, 1, at(1, 3, 1), at(1, 3, 2))
	f("no ingest time is the oldest", tiesView, 1, at(1, schema.NoIngestTime, 1), at(1, -5, 2), at(1, schema.NoIngestTime, 3))
	f("ingest times that don't count", plainView, 1, at(1, 9, 1), at(1, 3, 2))
	f("a tombstone", tiesView, 1, at(1, 1, 1), gone(2, 2))
	f("a late tombstone", tiesView, 0, at(2, 1, 1), gone(1, 9))
	f("a late row after a tombstone", tiesView, 0, gone(2, 2), at(1, 3, 1))
	f("a row after a tombstone", tiesView, 1, gone(1, 1), at(2, 2, 1))
	f("the same row again", plainView, 0, at(1, 0, 1), at(1, 0, 1), at(1, 0, 1))
}

var factGen = rapid.Custom(func(t *rapid.T) Fact {
	return Fact{
		ID: rapid.Int64Range(-3, 3).Draw(t, "id"),
		EventTime: rapid.OneOf(rapid.Int64Range(-4, 4), rapid.Int64Range(0, 60),
			rapid.SampledFrom([]int64{schema.BeginningOfTime, schema.BeginningOfTime + 1, schema.EndOfTime - 1, schema.EndOfTime})).Draw(t, "event time"),
		Ingest:  rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Just(int64(schema.NoIngestTime))).Draw(t, "ingest time"),
		Value:   rapid.Int64Range(0, 9).Draw(t, "value"),
		Deleted: rapid.IntRange(0, 9).Draw(t, "deleted") == 0,
	}
})

// testRandomHistories compares a store with the oracle after random steps.
func testRandomHistories(p *place) {
	first := uint32(100)
	rapid.Check(p.T, func(rt *rapid.T) {
		// Each history has its own views.
		ties, want := first, map[uint32]Oracle{first: {}, first + 1: {}, first + 2: {}}
		first += 3
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "write", "write", "reopen", "maintain"}).Draw(rt, "step") {
			case "write":
				view := ties + rapid.Uint32Range(0, 2).Draw(rt, "view")
				p.writeHistory(rt, view, view == ties, want[view])
			case "reopen":
				p.reopen()
			case "maintain":
				p.must(p.maintain(p.Context()))
			}
			p.same(rt, want)
		}
	})
}

func (p *place) writeHistory(rt *rapid.T, view uint32, ties bool, want Oracle) {
	w := p.NewWriter(view, store.WriterOptions{Ties: ties})
	defer w.Close()
	facts := rapid.SliceOfN(factGen, 1, 30).Draw(rt, "facts")
	for _, f := range facts {
		p.add(w, view, f)
		want.Add(f, ties)
		if rapid.IntRange(0, 7).Draw(rt, "flush") == 0 {
			p.must(w.Flush(p.Context()))
		}
	}
	p.must(w.Flush(p.Context()))
	if n := w.Written() + w.Superseded(); n != int64(len(facts)) {
		rt.Fatalf("%d rows written or superseded; want %d", n, len(facts))
	}
}

// same reads every key twice, so that a cache is tested too, and checks the counts.
// Views are read alone or with others, in any order.
func (p *place) same(rt *rapid.T, want map[uint32]Oracle) {
	const first, last = -4, 4
	views := slices.Sorted(maps.Keys(want))
	for range 2 {
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom(views), 1, len(views), rapid.ID).Draw(rt, "asked")
		wanted, all := map[string]answer{}, [][]byte{}
		for _, view := range asked {
			for id := int64(first); id <= last; id++ {
				all = append(all, Key(view, id))
				if f, found := want[view][id]; found {
					wanted[string(Key(view, id))] = answer{f.EventTime, string(f.Row())}
				}
			}
		}
		for range 2 {
			if got := p.read(last-first+1, all...); !maps.Equal(got, wanted) {
				rt.Fatalf("views %v: %v; want %v", asked, got, wanted)
			}
		}
	}
	for view, facts := range want {
		newest := int64(store.NoEventTime)
		for _, f := range facts {
			newest = max(newest, f.EventTime)
		}
		if got, err := p.RowCount(view); err != nil || got != int64(len(facts)) {
			rt.Fatalf("view %d: %d rows counted (%v); want %d", view, got, err, len(facts))
		}
		if got, err := p.NewestEventTime(view); err != nil || got != newest {
			rt.Fatalf("view %d: newest event time %d (%v); want %d", view, got, err, newest)
		}
	}
}
