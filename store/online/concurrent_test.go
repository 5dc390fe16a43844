package online_test

import (
	"testing"

	"larder/store"
)

func TestReadAllocatesNothingWhenTheCacheKnows(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	var keys [][]byte
	for id := range int64(500) {
		keys = append(keys, keyOf(plainView, id))
	}
	w := s.NewWriter(plainView, store.WriterOptions{})
	for id, key := range keys[:400] {
		add(t, w, key, int64(id), rowOf(0, int64(id), 20))
	}
	flush(t, w)
	w.Close()
	list, visits := keysOf(keys...), 0
	visit := func(int, int64, []byte) error { visits++; return nil }
	allocs := testing.AllocsPerRun(20, func() {
		if err := s.Read(ctx(), list, list.Len(), visit); err != nil {
			t.Error(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for %d cached keys; want none", allocs, len(keys))
	}
	if visits%400 != 0 {
		t.Errorf("%d visits; want 400 each time", visits)
	}
}
