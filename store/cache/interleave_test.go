package cache_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"larder/store/cache"
)

// A key is a row's: of an entity in a view.
type key struct {
	view   uint32
	entity string
}

// A world is a cache in front of the plainest store there is: the number of the
// commit that each row is of, 0 when there is none.
type world struct {
	t      *testing.T
	stage  stage
	cache  *cache.Cache
	store  map[key]int64
	known  int // rows that the cache knew after steps, all in all
	broken string
}

// newWorld has a store with rows of commit 1 under stored, of which the cache
// knows some.
func newWorld(t *testing.T, stored, known []key) *world {
	w := &world{t: t, cache: cache.New(0), store: map[key]int64{}}
	for _, k := range stored {
		w.store[k] = 1
	}
	for _, k := range known {
		w.cache.Fill(w.cache.Epoch(), []byte(k.entity), []cache.Row{w.row(k)})
	}
	w.stage.after = w.check
	w.cache.Pause(w.stage.pause)
	return w
}

// row returns what the store has, in as many bytes as its commit has it.
func (w *world) row(k key) cache.Row {
	n := w.store[k]
	if n == 0 {
		return cache.Row{View: k.view, Absent: true}
	}
	return cache.Row{View: k.view, EventTime: n, Bytes: rowOf(n)}
}

func rowOf(commit int64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8*(commit%3)), uint64(commit))
}

// check holds the cache to its promise: what it knows is what the store has.
func (w *world) check() {
	for _, k := range []key{a1, a2, b1} {
		if r, known := w.cache.Peek(k.view, []byte(k.entity)); known {
			w.known++
			w.same(k, r)
		}
	}
}

func (w *world) same(k key, got cache.Row) {
	want := w.row(k)
	if got.EventTime != want.EventTime || got.Absent != want.Absent || string(got.Bytes) != string(want.Bytes) {
		w.broken = fmt.Sprintf("%v: the cache has commit %d, the store %d", k, got.EventTime, want.EventTime)
	}
}

// read is a request for rows of one entity, that fills what it had to read.
func (w *world) read(entity string, views ...uint32) func() {
	return func() {
		w.stage.pause(w.cache.LockOf([]byte(entity)))
		look := w.cache.Look()
		look.At([]byte(entity))
		var missed []uint32
		for _, view := range views {
			if r, known := look.Row(view); known {
				w.same(key{view, entity}, r)
			} else {
				missed = append(missed, view)
			}
		}
		look.End()
		if len(missed) > 0 {
			w.fill(entity, missed...)()
		}
	}
}

// fill is the part of a request for rows that the cache doesn't know.
func (w *world) fill(entity string, views ...uint32) func() {
	return func() {
		epoch, rows := w.fetch(entity, views)
		w.cache.Fill(epoch, []byte(entity), rows)
	}
}

func (w *world) fetch(entity string, views []uint32) (epoch uint64, rows []cache.Row) {
	w.stage.pause(nil)
	epoch = w.cache.Epoch()
	for _, view := range views {
		w.stage.pause(nil)
		rows = append(rows, w.row(key{view, entity}))
	}
	return epoch, rows
}

// warm is the warmer at one entity.
func (w *world) warm(entity string, views ...uint32) func() {
	return func() {
		epoch, rows := w.fetch(entity, views)
		w.cache.Warm(epoch, []byte(entity), rows)
	}
}

// write commits rows one after the other. When it fails, it fails before the last.
func (w *world) write(commit int64, fails bool, keys ...key) func() {
	return func() {
		a := w.cache.Begin(len(keys), func(i int) (uint32, []byte) { return keys[i].view, []byte(keys[i].entity) })
		for i, k := range keys {
			w.stage.pause(nil)
			if !fails || i < len(keys)-1 {
				w.store[k] = commit
			}
		}
		a.End(func(int) (int64, []byte, bool) { return commit, rowOf(commit), !fails })
	}
}

// inTurn is actors one after the other.
func inTurn(actors ...func()) func() {
	return func() {
		for _, act := range actors {
			act()
		}
	}
}

// The rows of these tests: two views of one entity, and another entity.
var a1, a2, b1 = key{1, "a"}, key{2, "a"}, key{1, "b"}

func TestTheCacheIsNeverStaler(t *testing.T) {
	all := []key{a1, a2, b1}
	f := func(name string, most int, stored, known []key, actors func(w *world) []func()) {
		t.Run(name, func(t *testing.T) {
			kept := 0
			play := func(choose func(n int) int) {
				w := newWorld(t, stored, known)
				var path []int
				w.stage.play(func(n int) int {
					path = append(path, choose(n))
					return path[len(path)-1]
				}, actors(w))
				if n := w.cache.Announced(); n > 0 {
					t.Fatalf("order %v: %d commits are announced at the end", path, n)
				}
				if w.broken != "" {
					t.Fatalf("order %v: %s", path, w.broken)
				}
				kept += w.known
			}
			orders := everyOrder(most, play)
			if orders == most {
				someOrders(1, most, play)
			}
			if kept == 0 {
				t.Error("the cache never knew anything")
			}
			t.Logf("%d orders, all of them: %v", orders, orders < most)
		})
	}
	f("a reader, a writer", 1e6, all, nil, func(w *world) []func() {
		return []func(){w.read("a", 1), w.write(2, false, a1)}
	})
	f("a reader, a writer, the row is known", 1e6, all, all, func(w *world) []func() {
		return []func(){w.read("a", 1), w.write(2, false, a1)}
	})
	f("a reader, a writer, there was no row", 1e6, nil, nil, func(w *world) []func() {
		return []func(){w.read("a", 1), w.write(2, false, a1)}
	})
	f("a reader of two views, a writer of two", 1e5, all, []key{a2}, func(w *world) []func() {
		return []func(){w.fill("a", 1, 2), w.write(2, false, a1, a2)}
	})
	f("a reader, a writer that fails", 1e5, all, []key{a1}, func(w *world) []func() {
		return []func(){w.fill("a", 1, 2), w.write(2, true, a1, a2)}
	})
	f("a reader, two commits of its row", 2e5, all, nil, func(w *world) []func() {
		return []func(){w.fill("a", 1), inTurn(w.write(2, false, a1), w.write(3, false, a1))}
	})
	f("the warmer, a writer", 1e6, all, []key{b1}, func(w *world) []func() {
		return []func(){w.warm("a", 1, 2), w.write(2, false, a1)}
	})
	f("two writers of one page", 1e5, all, all, func(w *world) []func() {
		return []func(){w.write(2, false, a1), w.write(3, false, a2)}
	})
	f("two readers, the warmer, two writers", 1e4, all, []key{a2}, func(w *world) []func() {
		return []func(){
			inTurn(w.read("a", 2, 1), w.read("b", 1)), w.read("a", 1), inTurn(w.warm("a", 1, 2), w.warm("b", 1)),
			inTurn(w.write(2, false, a1, b1), w.write(4, true, b1, a1)), inTurn(w.write(3, false, a2), w.write(5, false, a2)),
		}
	})
}

// A row that the cache knew before a commit is known after it, as it is then.
func TestACommitKeepsKnownRows(t *testing.T) {
	everyOrder(1e5, func(choose func(n int) int) {
		w := newWorld(t, []key{a1, a2}, []key{a1, a2})
		w.stage.play(choose, []func(){w.write(2, false, a1), w.read("a", 2)})
		for _, k := range []key{a1, a2} {
			r, known := w.cache.Peek(k.view, []byte(k.entity))
			if !known {
				t.Fatalf("%v is unknown after a commit", k)
			}
			w.same(k, r)
		}
		if w.broken != "" {
			t.Fatal(w.broken)
		}
	})
}
