package online

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"larder/store"
	"larder/store/row"
)

// countAll counts the rows that killed or failed writers left uncounted. It leaves a
// view that has a writer to that writer.
func (s *Store) countAll(ctx context.Context) error {
	ids, err := s.ViewIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		v := s.view(id)
		if !v.writer.TryLock() {
			continue
		}
		err := s.countView(ctx, v)
		v.writer.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// countView counts the rows of a view, if some are uncounted. The caller holds
// the view's writer lock.
func (s *Store) countView(ctx context.Context, v *view) error {
	if !v.uncounted() {
		return nil
	}
	var rows int64
	latest := int64(store.NoEventTime)
	err := s.scan(ctx, row.AppendView(nil, v.id), func(item *badger.Item) error {
		eventTime, err := eventTimeOf(item)
		if err != nil {
			return damaged(s.dir, err)
		}
		rows, latest = rows+1, max(latest, eventTime)
		return nil
	})
	if err == nil {
		err = s.keepCount(v, func(state *viewState) { state.newest, state.rows = latest, rows })
	}
	if err != nil {
		return fmt.Errorf("count rows of view %d: %w", v.id, err)
	}
	return nil
}

// keepCount stores that all rows of a view are counted, with the counts of set. The
// rows are made durable first: a power cut must not lose a counted row.
func (s *Store) keepCount(v *view, set func(*viewState)) error {
	if err := s.sync(); err != nil {
		return err
	}
	return s.updateView(v.id, func(state *viewState) {
		set(state)
		state.uncounted = false
	})
}
