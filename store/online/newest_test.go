package online_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/schema"
	"larder/store/online"
)

// A fact is a row as a source has it.
type fact struct {
	id, eventTime, ingest, value int64
	deleted                      bool
}

func (f fact) row() []byte {
	if f.deleted {
		return tombstone(f.ingest)
	}
	return rowOf(f.ingest, f.value, int(f.value%5)*7)
}

// oracle is newest-wins in its plainest form.
type oracle map[int64]fact

func (o oracle) add(f fact, ties bool) {
	old, found := o[f.id]
	switch {
	case !found || f.eventTime > old.eventTime:
	case f.eventTime < old.eventTime || ties && f.ingest < old.ingest:
		return
	}
	o[f.id] = f
}

var factGen = rapid.Custom(func(t *rapid.T) fact {
	return fact{
		id: rapid.Int64Range(-3, 3).Draw(t, "id"),
		eventTime: rapid.OneOf(rapid.Int64Range(-4, 4), rapid.Int64Range(0, 60),
			rapid.SampledFrom([]int64{schema.BeginningOfTime, schema.BeginningOfTime + 1, schema.EndOfTime - 1, schema.EndOfTime})).Draw(t, "event time"),
		ingest:  rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Just(int64(schema.NoIngestTime))).Draw(t, "ingest time"),
		value:   rapid.Int64Range(0, 9).Draw(t, "value"),
		deleted: rapid.IntRange(0, 9).Draw(t, "deleted") == 0,
	}
})

func TestTheNewestRowWins(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		opts := small
		opts.CacheBytes = rapid.SampledFrom([]int64{-1, 1, 20 << 10, 1 << 20}).Draw(rt, "cache")
		dir := t.TempDir()
		s := open(t, dir, opts)
		defer func() { closed(t, s) }()
		want := map[uint32]oracle{plainView: {}, tiesView: {}, 71: {}, 72: {}}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "write", "write", "reopen", "flatten"}).Draw(rt, "step") {
			case "write":
				view := rapid.SampledFrom([]uint32{plainView, tiesView, 71, 72}).Draw(rt, "view")
				w := s.NewWriter(view, online.WriterOptions{Ties: view == tiesView})
				for _, f := range rapid.SliceOfN(factGen, 1, 30).Draw(rt, "facts") {
					add(t, w, keyOf(view, f.id), f.eventTime, f.row())
					want[view].add(f, view == tiesView)
					if rapid.IntRange(0, 7).Draw(rt, "flush") == 0 {
						flush(t, w)
					}
				}
				flush(t, w)
				w.Close()
			case "reopen":
				closed(t, s)
				s = open(t, dir, opts)
			case "flatten":
				if err := s.Flatten(); err != nil {
					t.Fatal(err)
				}
			}
			sameAs(rt, t, s, want)
		}
	})
}

// sameAs reads every key twice, so that the cache answers too, and counts. Views are
// read alone or with others, in any order.
func sameAs(rt *rapid.T, t *testing.T, s *online.Store, want map[uint32]oracle) {
	const first, last = -4, 4
	views := slices.Sorted(maps.Keys(want))
	for range 2 {
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom(views), 1, len(views), rapid.ID).Draw(rt, "asked")
		wanted, all := map[string]answer{}, [][]byte{}
		for _, view := range asked {
			for id := int64(first); id <= last; id++ {
				all = append(all, keyOf(view, id))
				if f, found := want[view][id]; found {
					wanted[string(keyOf(view, id))] = answer{f.eventTime, string(f.row())}
				}
			}
		}
		for range 2 {
			if diff := cmp.Diff(wanted, readRows(t, s, last-first+1, all...)); diff != "" {
				rt.Fatalf("views %v (-want +got):\n%s", asked, diff)
			}
		}
	}
	for view, facts := range want {
		newest := int64(online.NoEventTime)
		for _, f := range facts {
			newest = max(newest, f.eventTime)
		}
		if got, err := s.RowCount(view); err != nil || got != int64(len(facts)) {
			rt.Fatalf("view %d: %d rows counted (%v); want %d", view, got, err, len(facts))
		}
		if got, err := s.NewestEventTime(view); err != nil || got != newest {
			rt.Fatalf("view %d: newest event time %d (%v); want %d", view, got, err, newest)
		}
	}
}

// Many corrections of one event time, while tables are written and compacted:
// Badger alone would at times bring an older correction back.
func TestTheLastCorrectionStays(t *testing.T) {
	const keys, rounds = 400, 120
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	w := s.NewWriter(plainView, online.WriterOptions{})
	for round := range int64(rounds) {
		for id := range int64(keys) {
			add(t, w, keyOf(plainView, id), 7, rowOf(0, round, 2000))
		}
		flush(t, w)
		for id := range int64(keys) {
			got := read(t, s, keyOf(plainView, id))[string(keyOf(plainView, id))]
			if v := valueOf(t, got.Row); v != round || got.EventTime != 7 {
				t.Fatalf("key %d has correction %d of event time %d; want %d of 7", id, v, got.EventTime, round)
			}
		}
	}
	// The version of a much corrected row has run ahead of its event time: a row
	// that is newer by a microsecond wins all the same.
	add(t, w, keyOf(plainView, 0), 8, rowOf(0, -1, 0))
	add(t, w, keyOf(plainView, 1), 6, rowOf(0, -1, 0))
	flush(t, w)
	w.Close()
	got := read(t, s, keyOf(plainView, 0), keyOf(plainView, 1))
	if a := got[string(keyOf(plainView, 0))]; a.EventTime != 8 || valueOf(t, a.Row) != -1 {
		t.Errorf("a newer row after many corrections: event time %d, value %d", a.EventTime, valueOf(t, a.Row))
	}
	if a := got[string(keyOf(plainView, 1))]; a.EventTime != 7 || valueOf(t, a.Row) != rounds-1 {
		t.Errorf("a late row after many corrections: event time %d, value %d", a.EventTime, valueOf(t, a.Row))
	}
}

// Out of order, over many tables: chunks of a writer overlap, and rows lie in all
// levels.
func TestTheNewestRowWinsAcrossTables(t *testing.T) {
	const keys, rows = 5_000, 200_000
	dir := t.TempDir()
	s := open(t, dir, small)
	want := oracle{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2 { // the second time the view isn't empty
		w := s.NewWriter(tiesView, online.WriterOptions{Ties: true})
		for range rows / 2 {
			f := fact{id: rng.Int64N(keys), eventTime: rng.Int64N(50) - 25, ingest: rng.Int64N(10), value: rng.Int64N(1000)}
			want.add(f, true)
			add(t, w, keyOf(tiesView, f.id), f.eventTime, f.row())
		}
		flush(t, w)
		if got := w.Written() + w.Superseded(); got != rows/2 {
			t.Errorf("%d rows written or superseded; want %d", got, rows/2)
		}
		w.Close()
	}
	for _, reopen := range []bool{false, true} {
		if reopen {
			closed(t, s)
			s = open(t, dir, small)
		}
		for id := range int64(keys) {
			key := keyOf(tiesView, id)
			if diff := cmp.Diff(map[string]answer{string(key): {want[id].eventTime, string(want[id].row())}}, read(t, s, key)); diff != "" {
				t.Fatalf("key %d (-want +got):\n%s", id, diff)
			}
		}
	}
	if n, err := s.RowCount(tiesView); err != nil || n != keys {
		t.Errorf("%d rows counted (%v); want %d", n, err, keys)
	}
	closed(t, s)
}
