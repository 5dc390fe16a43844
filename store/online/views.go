package online

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"larder/store"
	"larder/store/row"
)

// A view is what the store keeps about a view besides its rows.
type view struct {
	id     uint32
	writer sync.Mutex // held while the view has a Writer

	mu      sync.Mutex
	version uint64 // the version of the stored entry; 0 when there is none
	state   viewState
	batch   atomic.Int64 // of the watermark, for readers that must not wait
}

type viewState struct {
	marked    bool // watermark is set
	watermark store.Watermark
	newest    int64 // event time of the newest row; store.NoEventTime when there is none
	rows      int64 // number of keys, tombstones included
	// uncounted says that newest and rows don't cover all written rows: a writer is at
	// work, or the last one was killed or failed.
	uncounted bool
}

// known reports whether the store has an entry for a view.
func (v *view) known() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.version != 0
}

// uncounted reports whether the view has rows that newest and rows don't cover.
func (v *view) uncounted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state.uncounted
}

// Watermark returns the watermark of a view; false when there is none.
func (s *Store) Watermark(viewID uint32) (store.Watermark, bool, error) {
	v := s.view(viewID)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state.watermark, v.state.marked, nil
}

// Batch returns the position of the last batch up to which a view has the events of its
// stream; see [store.Position]. It doesn't wait. What is read after it has that batch, or
// later ones.
func (s *Store) Batch(viewID uint32) int64 { return s.view(viewID).batch.Load() }

// NewestEventTime returns the newest event time among the flushed rows of a view;
// [store.NoEventTime] when it has none.
func (s *Store) NewestEventTime(viewID uint32) (int64, error) {
	v := s.view(viewID)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state.newest, nil
}

// RowCount returns how many keys of a view have a row, tombstones included, as of the
// last Flush. [Store.Run] counts the rows of a killed or failed writer, or the next
// writer does before it writes.
func (s *Store) RowCount(viewID uint32) (int64, error) {
	v := s.view(viewID)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state.rows, nil
}

// ViewIDs returns the views that the store knows, sorted.
func (s *Store) ViewIDs() ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []uint32
	for id, v := range s.views {
		if v.known() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// EachRow calls visit for each row of a view, tombstones included, in the order of
// their keys. key and row alias the store until visit returns. Rows that are written
// meanwhile may be included.
func (s *Store) EachRow(ctx context.Context, viewID uint32, visit func(key []byte, eventTime int64, row []byte) error) error {
	return s.scan(ctx, row.AppendView(nil, viewID), func(item *badger.Item) error {
		found, eventTime, err := readItem(item)
		if err != nil {
			return damaged(s.dir, err)
		}
		return visit(item.Key(), eventTime, found)
	})
}

// scan calls visit for the newest entry of each key with prefix.
func (s *Store) scan(ctx context.Context, prefix []byte, visit func(item *badger.Item) error) error {
	return s.scanFrom(ctx, prefix, prefix, visit)
}

// scanFrom is scan for keys from first on.
func (s *Store) scanFrom(ctx context.Context, prefix, first []byte, visit func(item *badger.Item) error) (err error) {
	if err := s.Fault(); err != nil {
		return err
	}
	visiting := false
	defer func() {
		if visiting {
			return // the caller's own panic
		}
		if r := recover(); r != nil {
			err = s.panicked(r)
		}
	}()
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: false})
	defer it.Close()
	n := 0
	for it.Seek(first); it.Valid(); it.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if it.Item().UserMeta() == erasing {
			continue
		}
		visiting = true
		err := visit(it.Item())
		visiting = false
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// isEmpty reports whether no key has the prefix.
func (s *Store) isEmpty(ctx context.Context, prefix []byte) (bool, error) {
	found := errors.New("found")
	err := s.scan(ctx, prefix, func(*badger.Item) error { return found })
	if errors.Is(err, found) {
		return false, nil
	}
	return err == nil, err
}

// view returns the state of a view, known or not.
func (s *Store) view(id uint32) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[id]
	if v == nil {
		v = &view{id: id, state: viewState{newest: store.NoEventTime}}
		s.views[id] = v
	}
	return v
}

// updateView changes the stored entry of a view.
func (s *Store) updateView(id uint32, change func(*viewState)) error {
	v := s.view(id)
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.state
	change(&next)
	if v.version != 0 && next == v.state {
		return nil
	}
	if err := s.room(); err != nil {
		return err
	}
	s.writing.RLock()
	defer s.writing.RUnlock()
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	err := batch.SetEntryAt(badger.NewEntry(viewKey(id), appendViewState(nil, next)), v.version+1)
	if err == nil {
		err = batch.Flush()
	}
	if err != nil {
		return s.writeError(err)
	}
	v.state, v.version = next, v.version+1
	v.batch.Store(next.watermark.Batch)
	return nil
}

// The entry of a view, big-endian:
//
//	format 1 | flags 1 | watermark 8 | catalog version 8 | newest event time 8 | rows 8 | batch 8 | stamp 8
//
// Flag 1 says that there is a watermark, flag 2 that rows are uncounted, and flag 4 that
// the view is being made again from its log. Format 1 ends before the batch.
const (
	ownPrefix         = 0x00
	viewEntry         = 'v'
	viewFormat        = 2
	viewStateBytes    = 2 + 6*8
	viewFormat1       = 1
	viewState1Bytes   = 2 + 4*8
	viewFlagMarked    = 1
	viewFlagUncounted = 2
	viewFlagAgain     = 4
	ownKeyViewBytes   = 2 + 4
)

func viewKey(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{ownPrefix, viewEntry}, id)
}

func appendViewState(dst []byte, s viewState) []byte {
	flags := byte(0)
	if s.marked {
		flags |= viewFlagMarked
	}
	if s.uncounted {
		flags |= viewFlagUncounted
	}
	if s.watermark.Rebuilding {
		flags |= viewFlagAgain
	}
	dst = append(dst, viewFormat, flags)
	for _, n := range []int64{s.watermark.Time, s.watermark.CatalogVersion, s.newest, s.rows, s.watermark.Batch, s.watermark.Stamp} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return dst
}

func parseViewState(src []byte) (viewState, error) {
	if len(src) == viewState1Bytes && src[0] == viewFormat1 {
		src = append(append([]byte{viewFormat}, src[1:]...), make([]byte, viewStateBytes-viewState1Bytes)...)
	}
	if len(src) != viewStateBytes || src[0] != viewFormat {
		return viewState{}, fmt.Errorf("a view's entry has %d bytes and no format that this larder reads", len(src))
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(src[2+8*i:])) }
	return viewState{
		marked: src[1]&viewFlagMarked != 0, uncounted: src[1]&viewFlagUncounted != 0,
		watermark: store.Watermark{Time: n(0), CatalogVersion: n(1), Batch: n(4), Stamp: n(5), Rebuilding: src[1]&viewFlagAgain != 0},
		newest:    n(2), rows: n(3),
	}, nil
}

// readViews reads the entries of all views.
func readViews(db *badger.DB) (map[uint32]*view, error) {
	views := map[uint32]*view{}
	txn := db.NewTransactionAt(newest, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{ownPrefix, viewEntry}})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if len(item.Key()) != ownKeyViewBytes {
			return nil, fmt.Errorf("key %x is not the key of a view", item.Key())
		}
		v := &view{id: binary.BigEndian.Uint32(item.Key()[2:]), version: item.Version()}
		err := item.Value(func(value []byte) (err error) {
			v.state, err = parseViewState(value)
			v.batch.Store(v.state.watermark.Batch)
			return err
		})
		if err != nil {
			return nil, err
		}
		views[v.id] = v
	}
	return views, nil
}
