package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"larder/store/eventlog"
)

// A feed follows the log of one stream and keeps its newest batches in memory, so that
// the tails of all views read the log once. It is safe for concurrent use.
type feed struct {
	log  *eventlog.Log
	wake chan struct{} // holds one token when there may be a new batch

	problem atomic.Pointer[string] // why the log can't be read; nil when it can
	breaks  atomic.Int64           // how often it could not

	mu      sync.Mutex
	batches []*eventlog.Events // each has some whole batches, in their order
	bytes   int
	first   int64 // the number of the first batch that is kept; seq+1 when none is
	seq     int64 // of the last batch that was read
	at      int64 // all batches with a stamp up to at were read
	known   bool  // seq was read from the log
	changed chan struct{}
}

// keptBytes bounds the batches that a feed keeps.
const keptBytes = 32 << 20

// pollEvery is how often a feed looks whether the log has a new batch, if it is not told.
const pollEvery = 250 * time.Millisecond

func newFeed(log *eventlog.Log) *feed {
	return &feed{log: log, wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// poke makes the feed look for new batches.
func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run follows the log until ctx ends. fail is told each outcome.
func (f *feed) run(ctx context.Context, told func(error)) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		told(err)
		if err != nil { // Postgres may have another log when it is back
			f.mu.Lock()
			f.known = false
			f.mu.Unlock()
			f.breaks.Add(1)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-tick.C:
		}
	}
}

// follow reads the batches that came since the last call.
func (f *feed) follow(ctx context.Context) error {
	f.mu.Lock()
	known, seq := f.known, f.seq
	f.mu.Unlock()
	if !known {
		state, err := f.log.State(ctx)
		if err != nil {
			return err
		}
		f.advance(nil, state.Seq, state.At)
		return nil
	}
	last, at, err := f.log.Read(ctx, seq, func(events *eventlog.Events) error {
		n := events.Len()
		f.advance(events, events.Seqs[n-1], events.Ats[n-1])
		return nil
	})
	if err != nil {
		return err
	}
	if last < seq { // an older log was restored; the tails notice it too
		f.mu.Lock()
		f.known = false
		f.mu.Unlock()
		return nil
	}
	f.advance(nil, last, at)
	return nil
}

// offer takes batches that this process has just committed. It is read from the log
// otherwise.
func (f *feed) offer(rows *eventlog.Events, seq, at int64) {
	f.mu.Lock()
	next := f.known && rows.Len() > 0 && f.seq+1 == rows.Seqs[0]
	f.mu.Unlock()
	if next {
		f.advance(rows, seq, at)
		return
	}
	f.poke()
}

// advance adds batches up to a number.
func (f *feed) advance(events *eventlog.Events, seq, at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known && seq < f.seq || events != nil && f.seq >= events.Seqs[0] {
		return // another caller was faster
	}
	if !f.known {
		f.batches, f.bytes, f.first, f.at = nil, 0, seq+1, at
	}
	if events == nil && seq > f.seq { // batches that were not read
		f.batches, f.bytes, f.first = nil, 0, seq+1
	}
	if events != nil {
		f.batches, f.bytes = append(f.batches, events), f.bytes+events.Bytes()
	}
	for f.bytes > keptBytes && len(f.batches) > 1 {
		f.bytes -= f.batches[0].Bytes()
		f.first = f.batches[1].Seqs[0]
		f.batches[0] = nil
		f.batches = f.batches[1:]
	}
	if f.known && f.seq == seq && f.at >= at {
		return
	}
	f.known, f.seq, f.at = true, seq, max(at, f.at)
	close(f.changed)
	f.changed = make(chan struct{})
}

// position returns the last batch that was read, and the stamp up to which all were.
func (f *feed) position() (seq, at int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq, f.at, f.known
}

// next waits until the log has something after a batch and a stamp, and returns what is in
// memory: batches of which the caller skips those that it has. It returns false when the
// caller must read the log.
func (f *feed) next(ctx context.Context, after, at int64) (batches []*eventlog.Events, seq, stamp int64, ok bool) {
	for {
		f.mu.Lock()
		if f.known && (f.seq != after || f.at > at) {
			defer f.mu.Unlock()
			if after+1 < f.first || f.seq < after {
				return nil, f.seq, f.at, false
			}
			for _, b := range f.batches {
				if b.Seqs[b.Len()-1] > after {
					batches = append(batches, b)
				}
			}
			return batches, f.seq, f.at, true
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, 0, 0, true
		case <-changed:
		}
	}
}

// nudge wakes those who wait for a batch, although there is none.
func (f *feed) nudge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at++
	close(f.changed)
	f.changed = make(chan struct{})
}
