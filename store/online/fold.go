package online

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"larder/store"
	"larder/store/row"
)

// noBatch is before all batches.
const noBatch = -1

// A Folder changes the states of one aggregate view, batch by batch of events. Not safe
// for concurrent use.
//
// What Fold has written is visible at once and durable after the next Mark. A crash may
// lose any of it, and never the part of a state: so whoever folds begins again with the
// batch after the watermark, and states that have seen a batch skip it.
type Folder struct {
	store    *Store
	view     *view
	chunk    chunk
	inserted int64
}

// NewFolder returns a folder of a view's states. The caller closes it. While another
// folder or writer of the view is open, NewFolder waits.
func (s *Store) NewFolder(ctx context.Context, viewID uint32) (*Folder, error) {
	f := &Folder{store: s, view: s.view(viewID)}
	f.view.writer.Lock()
	if err := s.countView(ctx, f.view); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Fold calls fold for each key whose state has not seen a batch, and stores the state that
// it returns, which need only stay as it is until the next call. fold gets the key's index,
// its state, which is nil when there is none, and the last batch that this state has seen;
// a key for which it returns nil stays as it is. keys are different from each other. An error of fold ends it, and nothing is stored.
func (f *Folder) Fold(ctx context.Context, batch int64, keys *row.Keys, fold func(i int, seen int64, state []byte) ([]byte, error)) error {
	if err := f.store.Fault(); err != nil {
		return err
	}
	f.store.applying.RLock()
	defer f.store.applying.RUnlock()
	f.chunk.reset()
	if err := f.gather(ctx, batch, keys, fold); err != nil {
		return err
	}
	if len(f.chunk.rows) == 0 {
		return nil
	}
	if err := f.store.updateView(f.view.id, func(state *viewState) { state.uncounted = true }); err != nil {
		return err
	}
	if err := f.store.write(&f.chunk); err != nil {
		return fmt.Errorf("write states of view %d: %w", f.view.id, err)
	}
	for i := range f.chunk.rows {
		if f.chunk.rows[i].isNew {
			f.inserted++
		}
	}
	f.store.metrics.written.Add(float64(len(f.chunk.rows)))
	return nil
}

// gather fills the chunk with the new states.
func (f *Folder) gather(ctx context.Context, batch int64, keys *row.Keys, fold func(i int, seen int64, state []byte) ([]byte, error)) (err error) {
	folding := false
	defer func() {
		if folding {
			return // the caller's own panic
		}
		if r := recover(); r != nil {
			err = f.store.panicked(r)
		}
	}()
	txn := f.store.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	for i := range keys.Len() {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		state, at, known, err := f.read(txn, keys.At(i))
		if err != nil {
			return err
		}
		if known && at >= batch {
			continue
		}
		folding = true
		state, err = fold(i, at, state)
		folding = false
		if err != nil {
			return err
		}
		if state == nil {
			continue
		}
		if len(state) > store.MaxRowBytes {
			return fmt.Errorf("key %x: the state has %d bytes (limit %d)", keys.At(i), len(state), store.MaxRowBytes)
		}
		f.chunk.add(keys.At(i), batch, state, 0)
		r := &f.chunk.rows[len(f.chunk.rows)-1]
		r.version, r.isNew = version(batch), !known
	}
	return nil
}

// read returns the state of a key and the batch that it has seen last.
func (f *Folder) read(txn *badger.Txn, key []byte) (state []byte, batch int64, known bool, err error) {
	c, err := f.store.readOne(txn, key, f.view.id)
	if err != nil || c.Absent {
		return nil, noBatch, false, err
	}
	return c.Bytes, c.EventTime, true, nil
}

// EachOlder calls visit with the key of each state that has not seen a batch. The key
// aliases the store until visit returns. visit may fold.
func (f *Folder) EachOlder(ctx context.Context, batch int64, visit func(key []byte) error) error {
	return f.store.scan(ctx, row.AppendView(nil, f.view.id), func(item *badger.Item) error {
		_, seen, err := readItem(item)
		if err != nil {
			return damaged(f.store.dir, err)
		}
		if seen >= batch {
			return nil
		}
		return visit(item.Key())
	})
}

// Mark makes what was folded durable, and then the watermark. newest is the newest event
// time in the view.
func (f *Folder) Mark(at store.Watermark, newestEvent int64) error {
	if err := f.store.sync(); err != nil {
		return f.store.writeError(err)
	}
	err := f.store.updateView(f.view.id, func(state *viewState) {
		state.watermark, state.marked, state.uncounted = at, true, false
		state.newest, state.rows = max(state.newest, newestEvent), state.rows+f.inserted
	})
	if err == nil {
		f.store.add(f.inserted)
		f.inserted = 0
	}
	return err
}

// Close ends the work of a folder. What was not marked may be folded again.
func (f *Folder) Close() { f.view.writer.Unlock() }
