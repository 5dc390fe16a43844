package stream

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"larder/store"
	"larder/store/eventlog"
	"larder/store/row"
	"larder/vector"
	"larder/window"
)

// A Folder changes the states of one aggregate view: that of package store/online.
type Folder interface {
	Fold(ctx context.Context, batch int64, keys *row.Keys, fold func(i int, seen int64, state []byte) ([]byte, error)) error
	Mark(at store.Watermark, newestEvent int64) error
	EachOlder(ctx context.Context, batch int64, visit func(key []byte) error) error
	Sweep(ctx context.Context, batch int64, from []byte, most int, unneeded func(state []byte) (bool, error)) (next []byte, swept int, err error)
	Close()
}

// states is the target of an aggregate view. It belongs to one goroutine.
type states struct {
	*tail
	*vector.Aggregation
	folder  Folder
	forgets forgetter
	state   *window.State
	event   window.Event

	keyBytes []byte // of all events of a call, end to end
	places   []place
	keys     row.Keys
	groups   []int // of each key: where its events begin in places
	encoded  []byte
}

// A place is one event of a call, and where its key is.
type place struct{ event, start, end int }

func newStates(t *tail, a *vector.Aggregation, f Folder) *states {
	return &states{tail: t, Aggregation: a, folder: f, forgets: forgetter{list: t.forgotten}, state: a.Program.NewState()}
}

// apply folds events into the states of their keys.
func (s *states) apply(ctx context.Context, events *eventlog.Events, last int64) error {
	if err := s.group(events); err != nil {
		return err
	}
	return s.folder.Fold(ctx, s.position(last), &s.keys, func(k int, seen int64, stored []byte) ([]byte, error) {
		if writable, err := s.writable(s.keys.At(k)); err != nil || !writable {
			return nil, err
		}
		if err := s.open(stored, seen); err != nil {
			return nil, err
		}
		first := s.groups[k]
		for _, p := range s.places[first:s.groups[k+1]] {
			if s.position(events.Seqs[p.event]) <= seen {
				continue
			}
			s.newest = max(s.newest, s.Time(events.Fields, p.event))
			if !s.fold(events, p.event) {
				if err := s.again(ctx, events, s.places[first].event, last); err != nil {
					return nil, err
				}
				break
			}
		}
		s.encoded = s.state.Append(s.encoded[:0])
		return s.encoded, nil
	})
}

func (s *states) position(seq int64) int64 { return store.Position(s.generation, seq) }

// open decodes a stored state. One of an earlier generation counts for nothing.
func (s *states) open(stored []byte, seen int64) error {
	if stored == nil || store.Generation(seen) < s.generation {
		s.state.Reset()
		return nil
	}
	if err := s.state.Decode(stored); err != nil {
		return fmt.Errorf("a state of view %q can't be read: %w", s.View.Name, err)
	}
	return nil
}

func (s *states) fold(events *eventlog.Events, i int) (ok bool) {
	s.Event(&s.event, events.Fields, i, events.IDs[i], events.Retract[i])
	return s.state.Fold(&s.event)
}

// again makes the state of the key of an event from the log, up to a batch: a retraction
// can't be taken out of the state that is there.
func (s *states) again(ctx context.Context, events *eventlog.Events, i int, until int64) error {
	s.metrics.rebuilt.WithLabelValues(s.View.Name).Inc()
	var values []any
	for _, f := range s.Keys() {
		values = append(values, events.Fields[f].Value(i))
	}
	var failed error
	s.state.Rebuild(func(yield func(*window.Event) bool) {
		err := s.feed.log.ReadKey(ctx, s.View.Keys, values, until, func(all *eventlog.Events) error {
			for i := range all.Len() {
				if selected, _ := s.Selects(all.Fields, i); !selected {
					continue
				}
				if s.Event(&s.event, all.Fields, i, all.IDs[i], all.Retract[i]); !yield(&s.event) {
					return context.Canceled
				}
			}
			return nil
		})
		failed = cmp.Or(failed, err)
	})
	return failed
}

// group finds the keys of events that count in the view, and the events of each.
func (s *states) group(events *eventlog.Events) error {
	s.look()
	s.keyBytes, s.places, s.groups = s.keyBytes[:0], s.places[:0], s.groups[:0]
	s.keys.Reset()
	for i := range events.Len() {
		start := len(s.keyBytes)
		key, ok := s.AppendKey(s.keyBytes, events.Fields, i)
		if !ok {
			s.metrics.skipped.WithLabelValues(s.View.Name, "null_key").Inc()
			continue
		}
		selected, failed := s.Selects(events.Fields, i)
		if failed {
			s.metrics.skipped.WithLabelValues(s.View.Name, "condition_failed").Inc()
		}
		if !selected || s.forgotten(events, i, key[start:]) {
			continue
		}
		s.keyBytes = key
		s.places = append(s.places, place{i, start, len(key)})
	}
	slices.SortStableFunc(s.places, func(a, b place) int { return bytes.Compare(s.keyOf(a), s.keyOf(b)) })
	for i, p := range s.places {
		if i == 0 || !bytes.Equal(s.keyOf(p), s.keyOf(s.places[i-1])) {
			s.groups = append(s.groups, i)
			s.keys.Append(func(dst []byte) []byte { return append(dst, s.keyOf(p)...) })
		}
	}
	s.groups = append(s.groups, len(s.places))
	return nil
}

func (s *states) keyOf(p place) []byte { return s.keyBytes[p.start:p.end] }

// buildKeys is how many states a build writes at once.
const buildKeys = 4 << 10

// build makes all states from the log.
func (s *states) build(ctx context.Context, until int64) error {
	s.look()
	b := &builder{states: s, until: until}
	err := s.feed.log.ReadAll(ctx, s.View.Keys, until, func(events *eventlog.Events) error {
		s.building.Add(int64(events.Len()))
		return b.add(ctx, events)
	})
	if err == nil {
		err = b.endKey(ctx)
	}
	if err == nil {
		err = b.write(ctx)
	}
	if err == nil {
		err = s.forget(ctx, until)
	}
	return err
}

// forget empties the states of earlier generations that the log has no events of.
func (s *states) forget(ctx context.Context, until int64) error {
	if s.generation == 0 {
		return nil
	}
	s.state.Reset()
	empty := s.state.Append(nil)
	var keys row.Keys
	write := func() error {
		err := s.folder.Fold(ctx, s.position(until), &keys, func(k int, _ int64, _ []byte) ([]byte, error) {
			if writable, err := s.writable(keys.At(k)); err != nil || !writable {
				return nil, err
			}
			return empty, nil
		})
		keys.Reset()
		return err
	}
	err := s.folder.EachOlder(ctx, s.position(0), func(key []byte) error {
		keys.Append(func(dst []byte) []byte { return append(dst, key...) })
		if keys.Len() < buildKeys {
			return nil
		}
		return write()
	})
	if err != nil {
		return err
	}
	return write()
}

// A builder makes states of events that come key by key.
type builder struct {
	*states
	until int64
	key   []byte // of the events that are folded now; nil before the first
	next  []byte
	made  row.Keys // the keys whose states are to be written
	raw   []byte   // these states, end to end
	ends  []int
	last  *eventlog.Events // an event of the key
	at    int
	spoil bool // the state could not take an event back
}

func (b *builder) add(ctx context.Context, events *eventlog.Events) error {
	for i := range events.Len() {
		key, ok := b.AppendKey(b.next[:0], events.Fields, i)
		b.next = key
		if !ok || b.forgotten(events, i, key) {
			continue
		}
		if !bytes.Equal(key, b.key) {
			if err := b.endKey(ctx); err != nil {
				return err
			}
			b.key = append(b.key[:0], key...)
			b.state.Reset()
			b.spoil = false
		}
		b.last, b.at = events, i
		if b.spoil {
			continue
		}
		if selected, _ := b.Selects(events.Fields, i); selected {
			b.newest = max(b.newest, b.Time(events.Fields, i))
			b.spoil = !b.fold(events, i)
		}
	}
	return nil
}

// endKey keeps the state of the key that has come to its end.
func (b *builder) endKey(ctx context.Context) error {
	if len(b.key) == 0 {
		return nil
	}
	if b.spoil {
		if err := b.again(ctx, b.last, b.at, b.until); err != nil {
			return err
		}
	}
	b.made.Append(func(dst []byte) []byte { return append(dst, b.key...) })
	b.raw = b.state.Append(b.raw)
	b.ends = append(b.ends, len(b.raw))
	b.key = b.key[:0]
	if b.made.Len() < buildKeys && len(b.raw) < store.CommitBytes {
		return nil
	}
	return b.write(ctx)
}

// write stores the states that were kept.
func (b *builder) write(ctx context.Context) error {
	err := b.folder.Fold(ctx, b.position(b.until), &b.made, func(k int, _ int64, _ []byte) ([]byte, error) {
		if writable, err := b.writable(b.made.At(k)); err != nil || !writable {
			return nil, err
		}
		start := 0
		if k > 0 {
			start = b.ends[k-1]
		}
		return b.raw[start:b.ends[k]], nil
	})
	b.made.Reset()
	b.raw, b.ends = b.raw[:0], b.ends[:0]
	return err
}

func (s *states) mark(_ context.Context, at store.Watermark) error {
	return s.folder.Mark(at, s.newest)
}
