package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"larder/schema"
	"larder/store"
	"larder/store/forgotten"
	"larder/store/online"
	"larder/store/row"
	"larder/stream"
)

const visits = `
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
streams:
  - name: visits
    push: {}
    log: {table: shop.visits, create: true}
    timestamp_field: at
    fields: [{name: user_id, type: int64}, {name: one, type: float64}, {name: at, type: timestamp, format: epoch_us}]
aggregate_views:
  - {name: visited, entities: [user], stream: visits, windows: [lifetime], features: [{name: n, sum: one, default: 0}]}
`

// A forgetting world has one view, and a list with user 7 or without.
type forgettingWorld struct {
	*world
	list atomic.Pointer[forgotten.List]
	view *schema.View
}

var forgettingSalt = []byte(strings.Repeat("s", 32))

func newForgettingWorld(t *testing.T) *forgettingWorld {
	t.Helper()
	w := &forgettingWorld{world: newWorld(t, visits)}
	w.list.Store(forgotten.NewList(forgettingSalt, nil))
	w.forgotten = w.list.Load
	var err error
	if w.view, err = w.catalog.Load().View("visited"); err != nil {
		t.Fatal(err)
	}
	return w
}

// forget puts user 7 on the list of a server, and removes the state.
func (w *forgettingWorld) forget(s *server, until int64) {
	w.t.Helper()
	hash, err := forgotten.HashOf(forgettingSalt, []forgotten.Part{{Name: "user_id", Value: int64(7)}})
	if err != nil {
		w.t.Fatal(err)
	}
	list := forgotten.NewList(forgettingSalt, []forgotten.Record{{Seq: 1, Names: []string{"user_id"}, Hash: hash, Until: until}})
	s.online.Exclusively(func() { w.list.Store(list) })
	if until != forgotten.Pending {
		return
	}
	seven := row.AppendInt64(row.AppendView(nil, w.view.ID), 7)
	_, err = s.online.Erase(w.t.Context(), func(uint32) online.Verdict {
		return online.Verdict{States: true, Until: func(key []byte) (int64, bool) { return math.MaxInt64, bytes.Equal(key, seven) }}
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
}

// has reports whether a user has a state.
func (w *forgettingWorld) has(s *server, user int64) bool {
	w.t.Helper()
	found := false
	key := row.AppendInt64(row.AppendView(nil, w.view.ID), user)
	err := s.online.EachRow(w.t.Context(), w.view.ID, func(k []byte, _ int64, _ []byte) error {
		found = found || bytes.Equal(k, key)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func visitOf(user int64, at time.Time) string {
	return fmt.Sprintf(`{"user_id": %d, "one": 1, "at": %d}`, user, at.UnixMicro())
}

// The logs of this test let all events in. So whatever keeps those of a forgotten user out
// of the states is the tail.
func TestForgottenEventsAreNotFolded(t *testing.T) {
	w := newForgettingWorld(t)
	s := w.start(t.TempDir(), nil)
	began := time.Now()
	s.push("visits", visitOf(7, began), visitOf(8, began))
	if !w.has(s, 7) {
		t.Fatal("the user has no state before")
	}
	w.forget(s, forgotten.Pending)
	s.push("visits", visitOf(7, time.Now()), visitOf(8, time.Now()))
	if w.has(s, 7) || !w.has(s, 8) {
		t.Errorf("while user 7 is forgotten: state of 7 %t, of 8 %t", w.has(s, 7), w.has(s, 8))
	}
	until := time.Now()
	w.forget(s, until.UnixMicro())
	s.push("visits", visitOf(7, began))
	if w.has(s, 7) {
		t.Error("an old event made a state")
	}
	// A build from the whole log, in which the old events still are, leaves them out too.
	rebuilt := func() {
		t.Helper()
		before, _, err := s.online.Watermark(w.view.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.runner.Rebuild(w.view); err != nil {
			t.Fatal(err)
		}
		for {
			mark, _, err := s.online.Watermark(w.view.ID)
			if err != nil {
				t.Fatal(err)
			}
			if store.Generation(mark.Batch) > store.Generation(before.Batch) && !mark.Rebuilding {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	rebuilt()
	if w.has(s, 7) || !w.has(s, 8) {
		t.Errorf("after a build: state of 7 %t, of 8 %t", w.has(s, 7), w.has(s, 8))
	}
	s.push("visits", visitOf(7, time.Now()))
	if !w.has(s, 7) {
		t.Error("a new event made no state")
	}
	rebuilt()
	if !w.has(s, 7) {
		t.Error("after another build the new event is gone")
	}
}

// A lateFolder calls before once, between the choice of events and the write of states.
type lateFolder struct {
	stream.Folder
	before *atomic.Pointer[func()]
}

func (f lateFolder) Fold(ctx context.Context, batch int64, keys *row.Keys, fold func(i int, seen int64, state []byte) ([]byte, error)) error {
	if before := f.before.Swap(nil); before != nil {
		(*before)()
	}
	return f.Folder.Fold(ctx, batch, keys, fold)
}

type lateStore struct {
	stream.Store
	before *atomic.Pointer[func()]
}

func (s lateStore) Folder(ctx context.Context, viewID uint32) (stream.Folder, error) {
	f, err := s.Store.Folder(ctx, viewID)
	return lateFolder{f, s.before}, err
}

// A user is forgotten after the events of a batch were chosen, and before their states are
// written: the state does not come back, also not by a build.
func TestForgottenWhileEventsAreFolded(t *testing.T) {
	w := newForgettingWorld(t)
	var before atomic.Pointer[func()]
	w.wrap = func(s stream.Store) stream.Store { return lateStore{s, &before} }
	s := w.start(t.TempDir(), nil)
	began := time.Now()
	s.push("visits", visitOf(7, began), visitOf(8, began))
	forget := func() { w.forget(s, forgotten.Pending) }
	before.Store(&forget)
	s.push("visits", visitOf(7, time.Now()), visitOf(8, time.Now()))
	if before.Load() != nil || w.has(s, 7) || !w.has(s, 8) {
		t.Errorf("after a batch: state of 7 %t, of 8 %t", w.has(s, 7), w.has(s, 8))
	}
	s.online.Exclusively(func() { w.list.Store(forgotten.NewList(forgettingSalt, nil)) })
	before.Store(&forget)
	if err := s.runner.Rebuild(w.view); err != nil {
		t.Fatal(err)
	}
	for before.Load() != nil {
		time.Sleep(time.Millisecond)
	}
	s.push("visits", visitOf(8, time.Now())) // waits for the build
	if w.has(s, 7) || !w.has(s, 8) {
		t.Errorf("after a build: state of 7 %t, of 8 %t", w.has(s, 7), w.has(s, 8))
	}
}
