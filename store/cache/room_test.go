package cache_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"larder/store/cache"
)

// keep makes a row of a key known, as a reader that has read it does.
func keep(c *cache.Cache, key uint64, row []byte) {
	c.Fill(c.Epoch(), binary.BigEndian.AppendUint64(nil, key), []cache.Row{{View: 1, Bytes: row}})
}

// sameMemory checks the counts of a cache, and returns what it takes.
func sameMemory(t *testing.T, c *cache.Cache) (taken int) {
	t.Helper()
	taken, live, known := c.Memory()
	if live != known || live > taken {
		t.Fatalf("%d bytes of pages are counted, and %d are known, of %d", live, known, taken)
	}
	return taken
}

// TestRowsThatGrowTakeTheirRoomOnly: rows that are written again and again, as the states of
// windows are, take little more memory than one of each, and none is evicted.
func TestRowsThatGrowTakeTheirRoomOnly(t *testing.T) {
	const size, keys = 64 << 20, 4000
	c := cache.New(size)
	r := rand.New(rand.NewPCG(1, 2))
	newest := make([][]byte, keys)
	written, live := 0, 0
	for range 400_000 {
		key := r.IntN(keys)
		live -= len(newest[key])
		newest[key] = bytes.Repeat([]byte{byte(r.Uint32())}, 200+r.IntN(1800))
		keep(c, uint64(key), newest[key])
		written, live = written+len(newest[key]), live+len(newest[key])
	}
	if taken := sameMemory(t, c); taken > 4*live || written < 5*size {
		t.Errorf("%d bytes are taken by %d, of which %d were written", taken, live, written)
	}
	for key, want := range newest {
		if got, known := c.Peek(1, binary.BigEndian.AppendUint64(nil, uint64(key))); !known || !bytes.Equal(got.Bytes, want) {
			t.Fatalf("key %d: known %v", key, known)
		}
	}
}

// TestRoomIsUsedToItsEnd: what is known is what was kept last, in a cache that is too small,
// whatever its rows are and whether they are read.
func TestRoomIsUsedToItsEnd(t *testing.T) {
	const size = 1 << 20
	c := cache.New(size)
	r := rand.New(rand.NewPCG(3, 4))
	newest := map[uint64][]byte{}
	most, known := 0, 0
	for turn := range 200_000 {
		keys := uint64(100 + turn/50) // from few to many
		key := r.Uint64N(keys)
		if r.IntN(3) > 0 {
			newest[key] = bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(2000))
			keep(c, key, newest[key])
		}
		if got, found := c.Peek(1, binary.BigEndian.AppendUint64(nil, key)); found {
			if known++; !bytes.Equal(got.Bytes, newest[key]) {
				t.Fatalf("turn %d: key %d has another row", turn, key)
			}
		}
		if turn%1000 == 0 {
			most = max(most, sameMemory(t, c))
		}
	}
	if most < size*9/10 || most > size || known < 50_000 {
		t.Errorf("at most %d bytes of %d were taken, and %d rows were known", most, size, known)
	}
}
