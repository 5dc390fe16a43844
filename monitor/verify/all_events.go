package verify

import (
	"bytes"
	"context"
	"hash/maphash"
	"slices"

	"larder/store"
	"larder/store/eventlog"
	"larder/store/row"
	"larder/window"
)

// foldedKeys is how many keys of the log are compared at once.
const foldedKeys = 1024

// A folding makes the states of all keys of a log, in one pass over it.
type folding struct {
	*eventsChecker
	state *window.State
	event window.Event
	seed  maphash.Seed
	known []uint64 // hashes of the keys that the log has

	read   []byte // the key of an event
	key    []byte // whose events are folded; empty before the first
	values []any
	stuck  bool // its state must be made from all of its events at once

	keys row.Keys // that wait to be compared
	done []folded
}

// A folded is the state that the events of a key make.
type folded struct {
	key, state []byte
	values     []any
	stuck      bool
}

// all compares every key of the log, and every state of the store.
func (c *eventsChecker) all(ctx context.Context) error {
	f := &folding{eventsChecker: c, state: c.aggregation.Program.NewState(), seed: maphash.MakeSeed()}
	err := c.log.ReadAll(ctx, c.req.View.Keys, store.BatchOf(c.mark.Batch), func(events *eventlog.Events) error {
		for i := range events.Len() {
			if err := f.fold(ctx, events, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = f.end(ctx)
	}
	if err == nil {
		err = f.compare(ctx)
	}
	if err != nil {
		return err
	}
	slices.Sort(f.known)
	return c.online.EachRow(ctx, c.req.View.ID, func(key []byte, position int64, state []byte) error {
		if store.Generation(position) < store.Generation(c.mark.Batch) {
			return nil // of an earlier build, and emptied soon
		}
		if _, known := slices.BinarySearch(f.known, maphash.Bytes(f.seed, key)); known {
			return nil
		}
		return c.compare(ctx, storedState{bytes.Clone(key), bytes.Clone(state), position})
	})
}

// fold brings an event into the state of its key.
func (f *folding) fold(ctx context.Context, events *eventlog.Events, i int) error {
	selected, _ := f.aggregation.Selects(events.Fields, i)
	key, ok := f.aggregation.AppendKey(f.read[:0], events.Fields, i)
	if f.read = key; !selected || !ok {
		return nil
	}
	if !bytes.Equal(key, f.key) {
		if err := f.end(ctx); err != nil {
			return err
		}
		f.key, f.values = bytes.Clone(key), nil
		for _, field := range f.aggregation.Keys() {
			f.values = append(f.values, events.Fields[field].Value(i))
		}
	}
	f.aggregation.Event(&f.event, events.Fields, i, events.IDs[i], events.Retract[i])
	f.stuck = f.stuck || !f.state.Fold(&f.event)
	return nil
}

// end keeps the state of the key whose events were folded.
func (f *folding) end(ctx context.Context) error {
	if len(f.key) == 0 {
		return nil
	}
	f.known = append(f.known, maphash.Bytes(f.seed, f.key))
	f.keys.Append(func(dst []byte) []byte { return append(dst, f.key...) })
	f.done = append(f.done, folded{f.key, f.state.Append(nil), f.values, f.stuck})
	f.state.Reset()
	f.key, f.stuck = nil, false
	if len(f.done) < foldedKeys {
		return nil
	}
	return f.compare(ctx)
}

// compare compares the states that wait with those of the store. A state that has seen
// later batches meanwhile, or can't be folded event by event, is compared by itself.
func (f *folding) compare(ctx context.Context) error {
	stored := make([]storedState, len(f.done))
	err := f.online.Read(ctx, &f.keys, len(f.done), func(i int, position int64, state []byte) error {
		stored[i] = storedState{f.done[i].key, bytes.Clone(state), position}
		return nil
	})
	for i, want := range f.done {
		switch s := stored[i]; {
		case err != nil:
			return err
		case s.key != nil && bytes.Equal(want.state, s.state):
			f.report.add(Equal, 1)
		case s.key != nil:
			err = f.eventsChecker.compare(ctx, s)
		case want.stuck:
			if want.state, err = f.fromLog(ctx, want.values, store.BatchOf(f.mark.Batch)); err == nil {
				err = f.missing(want.values, want.state)
			}
		default:
			err = f.missing(want.values, want.state)
		}
	}
	f.keys.Reset()
	f.done = f.done[:0]
	if f.req.Progress != nil {
		f.req.Progress(f.report.Keys)
	}
	return err
}
