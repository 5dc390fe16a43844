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
	v.mu.Lock()
	defer v.mu.Unlock()
	// The view's own entry is deleted last, so that a failed drop can be found again.
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	if err := errors.Join(batch.DeleteAt(viewKey(viewID), v.version+1), batch.Flush(), s.sync()); err != nil {
		return fmt.Errorf("drop view %d: %w", viewID, s.writeError(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.views, viewID)
	return nil
}

func (s *Store) dropRows(ctx context.Context, viewID uint32) error {
	var batch []gone
	flush := func() error {
		err := s.deleteAll(batch)
		batch = batch[:0]
		return err
	}
	err := s.scan(ctx, row.AppendView(nil, viewID), func(item *badger.Item) error {
		batch = append(batch, gone{item.KeyCopy(nil), item.Version() + 1})
		if len(batch) < dropBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
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
