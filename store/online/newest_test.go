package online_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/store"
	"larder/store/storetest"
)

// Many corrections of one event time, while tables are written and compacted:
// Badger alone would at times bring an older correction back.
func TestTheLastCorrectionStays(t *testing.T) {
	const keys, rounds = 400, 120
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	w := s.NewWriter(plainView, store.WriterOptions{})
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
	want := storetest.Oracle{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2 { // the second time the view isn't empty
		w := s.NewWriter(tiesView, store.WriterOptions{Ties: true})
		for range rows / 2 {
			f := storetest.Fact{ID: rng.Int64N(keys), EventTime: rng.Int64N(50) - 25, Ingest: rng.Int64N(10), Value: rng.Int64N(1000)}
			want.Add(f, true)
			add(t, w, keyOf(tiesView, f.ID), f.EventTime, f.Row())
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
			if diff := cmp.Diff(map[string]answer{string(key): {want[id].EventTime, string(want[id].Row())}}, read(t, s, key)); diff != "" {
				t.Fatalf("key %d (-want +got):\n%s", id, diff)
			}
		}
	}
	if n, err := s.RowCount(tiesView); err != nil || n != keys {
		t.Errorf("%d rows counted (%v); want %d", n, err, keys)
	}
	closed(t, s)
}
