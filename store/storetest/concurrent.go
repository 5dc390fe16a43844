package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"larder/store"
)

const raceKeys, raceRounds = 200, 25

// A race runs readers and a writer of each of two views at once.
type race struct {
	*place
	seen    [2][raceKeys]atomic.Int64 // by view: the newest event time that any reader saw
	flushed [2]atomic.Int64
}

// testReadersNeverGoBack reads while rows are written and the store does its own work.
// No reader may see a row older than one that any reader saw before, nor one older
// than the rows flushed before the read began.
func testReadersNeverGoBack(p *place) {
	r := &race{place: p}
	ctx, stop := context.WithCancel(p.Context())
	defer stop()
	var writers, others sync.WaitGroup
	fail := func(err error) {
		if err != nil && ctx.Err() == nil {
			p.Error(err)
			stop()
		}
	}
	for view := range 2 {
		writers.Go(func() { fail(r.write(ctx, uint32(view))) })
	}
	for seed := range uint64(2) {
		others.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			for ctx.Err() == nil {
				fail(r.readOnce(ctx, rng))
				if seed == 0 {
					fail(p.maintain(ctx))
				}
			}
		})
	}
	writers.Wait()
	stop()
	others.Wait()
}

func (r *race) write(ctx context.Context, view uint32) error {
	w := r.NewWriter(view, store.WriterOptions{})
	defer w.Close()
	rng := rand.New(rand.NewPCG(uint64(view), 1))
	for round := int64(1); round <= raceRounds; round++ {
		for id := range int64(raceKeys) {
			// Also a late row, which must never be seen after the row of round.
			late := rng.Int64N(round + 1)
			err := errors.Join(w.Add(ctx, Key(view, id), round, Row(0, round, 50)), w.Add(ctx, Key(view, id), late, Row(0, late, 40)))
			if err != nil {
				return err
			}
		}
		var err error
		if round%2 == 0 {
			err = w.Flush(ctx)
		} else {
			err = w.Commit(ctx, store.Watermark{Time: round})
		}
		if err != nil {
			return err
		}
		r.flushed[view].Store(round)
	}
	return nil
}

func (r *race) readOnce(ctx context.Context, rng *rand.Rand) error {
	var ids [8]int
	var keys [][]byte
	var least, got [8]int64
	for i := range ids {
		ids[i] = rng.IntN(raceKeys)
		view := i % 2
		least[i] = max(r.seen[view][ids[i]].Load(), r.flushed[view].Load())
		keys = append(keys, Key(uint32(view), int64(ids[i])))
	}
	err := r.Read(ctx, keysOf(keys), len(keys), func(i int, eventTime int64, row []byte) error {
		v, err := Layout.Value(row, 0)
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
		newest := &r.seen[i%2][ids[i]]
		for old := newest.Load(); old < g && !newest.CompareAndSwap(old, g); {
			old = newest.Load()
		}
	}
	return nil
}
