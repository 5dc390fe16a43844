package online

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"larder/store"
	"larder/store/row"
)

// dropBatch is how many rows are deleted at a time.
const dropBatch = 16 << 10

// DropView deletes the rows and the watermark of a view that is no longer read. It
// waits for the view's writer. The number of the view must not be used again. Rows are
// deleted batch by batch, since Badger's own DropPrefix stops all reads until it is
// done. After an error it may be called again.
func (s *Store) DropView(ctx context.Context, viewID uint32) error {
	v := s.view(viewID)
	v.writer.Lock()
	defer v.writer.Unlock()
	if !v.known() {
		return nil
	}
	// The rest of a failed drop has no watermark, and isn't counted.
	err := s.updateView(viewID, func(state *viewState) {
		*state = viewState{newest: store.NoEventTime, uncounted: true}
	})
	if err == nil {
		err = s.forgetCommit(viewID)
	}
	if err == nil {
		err = s.dropRows(ctx, viewID)
	}
	if err != nil {
		return fmt.Errorf("drop view %d: %w", viewID, err)
	}
	if err := s.dropEntry(v); err != nil {
		return fmt.Errorf("drop view %d: %w", viewID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.views, viewID)
	return nil
}

// dropEntry deletes the view's own entry. It comes last, so that a failed drop can be found
// again.
func (s *Store) dropEntry(v *view) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.writing.RLock()
	defer s.writing.RUnlock()
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	if err := errors.Join(batch.DeleteAt(viewKey(v.id), v.version+1), batch.Flush(), s.sync()); err != nil {
		return s.writeError(err)
	}
	return nil
}

func (s *Store) dropRows(ctx context.Context, viewID uint32) error {
	prefix := row.AppendView(nil, viewID)
	for next := prefix; next != nil; {
		var err error
		if next, err = s.dropSome(ctx, prefix, next); err != nil {
			return err
		}
	}
	return nil
}

// dropSome deletes the next rows from a key on, and returns the key to go on with; nil
// after the last.
func (s *Store) dropSome(ctx context.Context, prefix, from []byte) (next []byte, err error) {
	s.applying.RLock()
	defer s.applying.RUnlock()
	var batch []gone
	err = s.scanFrom(ctx, prefix, from, func(item *badger.Item) error {
		if len(batch) == dropBatch {
			next = item.KeyCopy(nil)
			return errPause
		}
		batch = append(batch, gone{item.KeyCopy(nil), item.Version() + 1})
		return nil
	})
	if err != nil && !errors.Is(err, errPause) {
		return nil, err
	}
	return next, s.deleteAll(batch)
}

// gone is a key to delete, and the version above its last.
type gone struct {
	key     []byte
	version uint64
}

func (s *Store) deleteAll(keys []gone) error {
	if len(keys) == 0 {
		return nil
	}
	if err := s.room(); err != nil {
		return err
	}
	s.writing.RLock()
	defer s.writing.RUnlock()
	if s.cache != nil {
		announced := s.cache.Begin(len(keys), func(i int) (uint32, []byte) { return row.CutView(keys[i].key) })
		defer announced.End(func(int) (int64, []byte, bool) { return 0, nil, false })
	}
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	for _, g := range keys {
		if err := batch.DeleteAt(g.key, g.version); err != nil {
			return s.writeError(err)
		}
	}
	if err := batch.Flush(); err != nil {
		return s.writeError(err)
	}
	return nil
}
