package online_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"larder/store/online"
)

// Readers during writes, while the cache is warmed too: nobody sees a row that is older than one seen before,
// by anybody, nor one older than what was flushed before the read began.
func TestReadersNeverGoBack(t *testing.T) {
	for _, cache := range []int64{-1, 20 << 10, 4 << 20} {
		t.Run(fmt.Sprint("cache=", cache), func(t *testing.T) {
			opts := small
			opts.CacheBytes = cache
			s := open(t, t.TempDir(), opts)
			defer closed(t, s)
			neverBack(t, s)
		})
	}
}

const raceKeys, raceRounds = 200, 60

func neverBack(t *testing.T, s *online.Store) {
	var seen [2][raceKeys]atomic.Int64 // by view: the newest event time that anybody saw
	var flushed [2]atomic.Int64
	g, ctx := errgroup.WithContext(t.Context())
	writing, stop := context.WithCancel(ctx)
	defer stop()
	var writers errgroup.Group
	for view := range 2 {
		writers.Go(func() error { return writeRounds(ctx, s, uint32(view), &flushed[view]) })
	}
	g.Go(func() error { defer stop(); return writers.Wait() })
	g.Go(func() error {
		for writing.Err() == nil {
			if err := s.Warm(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	for seed := range uint64(3) {
		g.Go(func() error {
			rng := rand.New(rand.NewPCG(seed, 0))
			for writing.Err() == nil {
				if err := readOnce(ctx, s, rng, &seen, &flushed); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func writeRounds(ctx context.Context, s *online.Store, view uint32, flushed *atomic.Int64) error {
	w := s.NewWriter(view, online.WriterOptions{})
	defer w.Close()
	rng := rand.New(rand.NewPCG(uint64(view), 1))
	for round := int64(1); round <= raceRounds; round++ {
		for id := range int64(raceKeys) {
			// A late row too, which must never be seen again once round was.
			late := rng.Int64N(round + 1)
			err := errors.Join(w.Add(ctx, keyOf(view, id), round, rowOf(0, round, 50)), w.Add(ctx, keyOf(view, id), late, rowOf(0, late, 40)))
			if err != nil {
				return err
			}
		}
		if err := w.Flush(ctx); err != nil {
			return err
		}
		flushed.Store(round)
	}
	return nil
}

func readOnce(ctx context.Context, s *online.Store, rng *rand.Rand, seen *[2][raceKeys]atomic.Int64, flushed *[2]atomic.Int64) error {
	var ids [8]int
	var keys [][]byte
	var least [8]int64
	for i := range ids {
		ids[i] = rng.IntN(raceKeys)
		view := i % 2
		least[i] = max(seen[view][ids[i]].Load(), flushed[view].Load())
		keys = append(keys, keyOf(uint32(view), int64(ids[i])))
	}
	var got [8]int64
	err := s.Read(ctx, keysOf(keys...), len(keys), func(i int, eventTime int64, row []byte) error {
		v, err := layout.Value(row, 0)
		if err == nil && v != eventTime {
			err = fmt.Errorf("key %x: value %d with event time %d", keys[i], v, eventTime)
		}
		got[i] = eventTime
		return err
	})
	if err != nil {
		return err
	}
	for i, g := range got {
		if g < least[i] {
			return fmt.Errorf("key %x: event time %d; %d was seen or flushed before", keys[i], g, least[i])
		}
		newest := &seen[i%2][ids[i]]
		for old := newest.Load(); old < g && !newest.CompareAndSwap(old, g); {
			old = newest.Load()
		}
	}
	return nil
}

func TestAnErrorOfTheVisitorEndsTheReading(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	put(t, s, plainView, 1, 1, 1)
	put(t, s, plainView, 2, 1, 1)
	stop := errors.New("enough")
	for range 2 { // from Badger, then from the cache
		visits := 0
		err := s.Read(ctx(), keysOf(keyOf(plainView, 1), keyOf(plainView, 2)), 2, func(int, int64, []byte) error {
			visits++
			return stop
		})
		if !errors.Is(err, stop) || visits != 1 {
			t.Errorf("%d visits and error %v; want 1 and %v", visits, err, stop)
		}
		read(t, s, keyOf(plainView, 1), keyOf(plainView, 2))
	}
}

func TestReadOfACancelledRequest(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	done, cancel := context.WithCancel(ctx())
	cancel()
	err := s.Read(done, keysOf(keyOf(plainView, 1)), 1, func(int, int64, []byte) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}

func TestReadAllocatesNothingWhenTheCacheKnows(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	var keys [][]byte
	for id := range int64(500) {
		keys = append(keys, keyOf(plainView, id))
	}
	w := s.NewWriter(plainView, online.WriterOptions{})
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
