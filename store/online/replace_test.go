package online_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"larder/schema"
	"larder/store"
	"larder/store/row"
)

// A writer that replaces makes its rows the only ones, whether they are older or newer than
// what is stored, and newer rows win afterwards as ever.
func TestReplace(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	r := rand.New(rand.NewPCG(1, 4))
	put(t, s, tiesView, 1, 5, 5)
	tombstone := row.NewBuilder(row.NewLayout(nil), 0)
	tombstone.Reset(schema.NoIngestTime, true)
	const keys, many = 50, 40_000 // more rows than a chunk has
	for round := range 6 {
		n := int64(keys)
		if round == 3 {
			n = many
		}
		w := s.NewWriter(plainView, store.WriterOptions{})
		for id := range n {
			if r.IntN(3) > 0 {
				add(t, w, keyOf(plainView, id), r.Int64N(100), rowOf(0, r.Int64(), 10))
			}
		}
		flush(t, w)
		w.Close()
		want := map[string]string{}
		w = s.NewWriter(plainView, store.WriterOptions{Ties: true, Replace: tombstone.Row()})
		for id := range n {
			if r.IntN(3) == 0 {
				at := r.Int64N(100)
				stored := rowOf(7, r.Int64(), 10)
				add(t, w, keyOf(plainView, id), at, stored)
				want[string(keyOf(plainView, id))] = fmt.Sprintf("%d %x", at, stored)
			}
		}
		if err := w.Commit(ctx(), store.Watermark{Time: int64(round), Rebuilding: round%2 == 0}); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if mark, _, err := s.Watermark(plainView); err != nil || mark.Rebuilding != (round%2 == 0) {
			t.Fatalf("round %d: watermark %+v, %v", round, mark, err)
		}
		got := map[string]string{}
		for id := range n { // through the cache, as requests do
			err := s.Read(ctx(), keysOf(keyOf(plainView, id)), 1, func(_ int, at int64, stored []byte) error {
				if header, err := row.ParseHeader(stored); err != nil || header.Tombstone {
					return err
				}
				got[string(keyOf(plainView, id))] = fmt.Sprintf("%d %x", at, stored)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("round %d: %d rows, want %d", round, len(got), len(want))
		}
		for key, row := range want {
			if got[key] != row {
				t.Fatalf("round %d, key %x: %s, want %s", round, key, got[key], row)
			}
		}
	}
	w := s.NewWriter(plainView, store.WriterOptions{})
	add(t, w, keyOf(plainView, 1), 99, rowOf(0, 1, 10))
	add(t, w, keyOf(plainView, 1), 1000, rowOf(0, 2, 10))
	add(t, w, keyOf(plainView, 1), 999, rowOf(0, 3, 10))
	flush(t, w)
	w.Close()
	var times []int64
	for _, view := range []uint32{plainView, tiesView} {
		err := s.Read(ctx(), keysOf(keyOf(view, 1)), 1, func(_ int, at int64, _ []byte) error {
			times = append(times, at)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(times, []int64{1000, 5}) {
		t.Errorf("afterwards rows have the times %d", times)
	}
}
