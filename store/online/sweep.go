package online

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"larder/store/row"
)

// errPause ends a part of a sweep.
var errPause = errors.New("the part ends")

// Sweep deletes states that nobody needs: those of which unneeded says so, among the next most
// keys from a key on (nil is the first). It returns the key to go on with, nil after the
// last, and how many were deleted. batch is the last that was folded. A state that has
// just seen it stays until the next sweep.
//
// A delete is an entry with the version of batch, which no state of the key has: later
// batches are above it. What a crash takes back is deleted again some time.
func (f *Folder) Sweep(ctx context.Context, batch int64, from []byte, most int, unneeded func(state []byte) (bool, error)) (next []byte, swept int, err error) {
	f.store.applying.RLock()
	defer f.store.applying.RUnlock()
	prefix := row.AppendView(nil, f.view.id)
	first := prefix
	if len(from) > 0 {
		first = from
	}
	var keys []gone
	seen := 0
	err = f.store.scanFrom(ctx, prefix, first, func(item *badger.Item) error {
		if seen++; seen > most {
			next = item.KeyCopy(nil)
			return errPause
		}
		state, at, err := readItem(item)
		if err != nil {
			return damaged(f.store.dir, err)
		}
		if at >= batch {
			return nil
		}
		old, err := unneeded(state)
		if old {
			keys = append(keys, gone{item.KeyCopy(nil), version(batch)})
		}
		return err
	})
	if err != nil && !errors.Is(err, errPause) {
		return nil, 0, err
	}
	if len(keys) == 0 {
		return next, 0, nil
	}
	if err := f.store.updateView(f.view.id, func(state *viewState) { state.uncounted = true }); err != nil {
		return nil, 0, err
	}
	if err := f.store.deleteAll(keys); err != nil {
		return nil, 0, fmt.Errorf("sweep states of view %d: %w", f.view.id, err)
	}
	f.inserted -= int64(len(keys))
	return next, len(keys), nil
}
