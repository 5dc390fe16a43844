package online_test

import (
	"fmt"
	"testing"

	"larder/store"
)

// TestSweep: what was swept is absent, also in the cache and after a restart, takes later
// batches, and isn't counted.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	var keys [][]byte
	for id := range int64(100) {
		keys = append(keys, keyOf(plainView, id))
	}
	fold := func(batch int64, want string, which ...[]byte) {
		t.Helper()
		f, err := s.NewFolder(ctx(), plainView)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		err = f.Fold(ctx(), batch, keysOf(which...), func(_ int, seen int64, state []byte) ([]byte, error) {
			if got := fmt.Sprintf("%d %s", seen, state); got != want {
				t.Fatalf("fold of batch %d found %q, want %q", batch, got, want)
			}
			return fmt.Appendf(nil, "s%d", batch), nil
		})
		if err == nil {
			err = f.Mark(store.Watermark{Batch: batch}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	present := func() (n int) {
		t.Helper()
		for range 2 { // the second time from the cache
			n = 0
			if err := s.Read(ctx(), keysOf(keys...), len(keys), func(int, int64, []byte) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if rows, err := s.RowCount(plainView); err != nil || rows != int64(n) {
			t.Fatalf("%d rows are counted (%v), and %d there", rows, err, n)
		}
		return n
	}
	sweep := func(batch int64, from []byte, most int) (next []byte, swept int) {
		t.Helper()
		f, err := s.NewFolder(ctx(), plainView)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		next, swept, err = f.Sweep(ctx(), batch, from, most, func(state []byte) (bool, error) { return string(state) == "s1", nil })
		if err == nil {
			err = f.Mark(store.Watermark{Batch: batch}, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		return next, swept
	}
	fold(1, "-1 ", keys...)
	fold(2, "1 s1", keys[:10]...)
	if _, swept := sweep(1, nil, 1000); swept != 0 {
		t.Fatalf("%d states were swept that have seen the last batch", swept)
	}
	next, swept := sweep(2, nil, 50)
	if swept != 40 || string(next) != string(keys[50]) || present() != 60 {
		t.Fatalf("%d of 40 states were swept, up to %x, and %d are left", swept, next, present())
	}
	fold(3, "-1 ", keys[20])
	closed(t, s)
	s = open(t, dir, small)
	if n := present(); n != 61 {
		t.Fatalf("after a restart there are %d states, not 61", n)
	}
	if next, swept := sweep(3, next, 50); swept != 50 || next != nil || present() != 11 {
		t.Fatalf("%d of 50 states were swept, up to %x, and %d are left", swept, next, present())
	}
	fold(4, "3 s3", keys[20])
	closed(t, s)
}
