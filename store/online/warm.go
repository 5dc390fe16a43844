package online

import (
	"bytes"
	"context"
	"runtime"
	"time"

	"github.com/dgraph-io/badger/v4"

	"larder/store/cache"
	"larder/store/row"
)

// warmStep is how many entities are read from one state of Badger. A commit makes that
// state stale, and rows read from it after the commit can't be kept.
const warmStep = 4 << 10

// newShare is the share of new rows at which the cache is warmed again.
const newShare = 10

// keepWarm warms the cache, and again after many new rows, until ctx ends.
func (s *Store) keepWarm(ctx context.Context) {
	for ctx.Err() == nil {
		s.added.Store(0)
		if err := s.warm(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the cache of rows was not warmed", "dir", s.dir, "error", err)
		}
		s.warmed.Store(true)
		select {
		case <-s.filled:
		case <-ctx.Done():
		}
	}
}

// add counts new keys, and has the cache warmed when there are many.
func (s *Store) add(keys int64) {
	if s.added.Add(keys) <= s.rows()/newShare || keys == 0 {
		return
	}
	select {
	case s.filled <- struct{}{}:
	default:
	}
}

// rows returns how many counted keys have a row.
func (s *Store) rows() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.views {
		v.mu.Lock()
		n += v.state.rows
		v.mu.Unlock()
	}
	return n
}

// warm fills the cache with the rows of the store, entity by entity in the order of
// their keys, until it has all of them or no unused room is left. It doesn't change
// what requests have filled.
func (s *Store) warm(ctx context.Context) error {
	if s.cache == nil {
		return nil
	}
	began, w := time.Now(), warming{store: s}
	for !w.done && ctx.Err() == nil {
		if err := w.step(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() == nil && (w.rows > 0 || w.full) {
		s.log.Info("the cache of rows is warm", "rows", w.rows, "whole", !w.full, "took", time.Since(began))
	}
	return ctx.Err()
}

// A warming is the progress of warm.
type warming struct {
	store *Store
	next  []byte // the entity to continue with
	rows  int64
	done  bool
	full  bool
}

// step reads the next entities. It stops where a commit has made its state stale.
func (w *warming) step(ctx context.Context) (err error) {
	s := w.store
	defer func() {
		if r := recover(); r != nil {
			err = s.panicked(r)
		}
	}()
	views, err := s.ViewIDs()
	if err != nil {
		return err
	}
	epoch := s.cache.Epoch()
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	readers := make([]*viewReader, len(views))
	for i, view := range views {
		readers[i] = newViewReader(txn, view, w.next)
		defer readers[i].Close()
	}
	var rows []cache.Row
	for range warmStep {
		if w.rows%yieldEvery == 0 {
			runtime.Gosched()
		}
		entity := least(readers)
		if entity == nil || ctx.Err() != nil {
			w.done = true
			return nil
		}
		w.next = append(w.next[:0], entity...)
		if rows, err = s.readEntity(readers, w.next, rows[:0]); err != nil {
			return err
		}
		switch s.cache.Warm(epoch, w.next, rows) {
		case cache.IsStale:
			return nil
		case cache.IsFull:
			w.done, w.full = true, true
			return nil
		}
		w.rows += int64(len(rows))
		for _, r := range readers {
			r.skip(w.next)
		}
	}
	return nil
}

// readEntity appends the rows of an entity from the readers that are at it.
func (s *Store) readEntity(readers []*viewReader, entity []byte, rows []cache.Row) ([]cache.Row, error) {
	for _, r := range readers {
		if !bytes.Equal(r.entity(), entity) {
			continue
		}
		c := cache.Row{View: r.view}
		if r.Item().UserMeta() == erasing {
			c.Absent = true
			rows = append(rows, c)
			continue
		}
		var err error
		if c.Bytes, c.EventTime, err = readItem(r.Item()); err != nil {
			return nil, damaged(s.dir, err)
		}
		rows = append(rows, c)
	}
	return rows, nil
}

// least returns the smallest entity that a reader is at; nil at the end of all.
func least(readers []*viewReader) (entity []byte) {
	for _, r := range readers {
		if e := r.entity(); e != nil && (entity == nil || bytes.Compare(e, entity) < 0) {
			entity = e
		}
	}
	return entity
}

// A viewReader iterates over the newest rows of a view.
type viewReader struct {
	*badger.Iterator
	view   uint32
	prefix []byte
}

// newViewReader returns a reader that is at the first row from an entity on.
func newViewReader(txn *badger.Txn, view uint32, from []byte) *viewReader {
	opts := badger.DefaultIteratorOptions
	opts.PrefetchValues = false // rows are stored with their keys
	opts.Prefix = row.AppendView(nil, view)
	r := &viewReader{txn.NewIterator(opts), view, opts.Prefix}
	r.Seek(append(opts.Prefix[:len(opts.Prefix):len(opts.Prefix)], from...))
	return r
}

// entity returns the entity that the reader is at; nil at the end.
func (r *viewReader) entity() []byte {
	if !r.ValidForPrefix(r.prefix) {
		return nil
	}
	_, entity := row.CutView(r.Item().Key())
	return entity
}

// skip moves to the next row if the reader is at an entity.
func (r *viewReader) skip(entity []byte) {
	if bytes.Equal(r.entity(), entity) {
		r.Next()
	}
}
