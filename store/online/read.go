package online

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"larder/store/cache"
	"larder/store/row"
)

// checkEvery is how many keys are looked up in Badger between two checks of the
// deadline.
const checkEvery = 64

// Read calls visit for each key that has a row, tombstones included, with the key's
// index in keys, in any order. keys holds the keys of rows entities for one view after
// the other. Reads are fastest if the keys i, i+rows, i+2*rows and so on belong to one
// entity, because the cache has its rows next to each other. row aliases the store
// until visit returns, and visit must not call the store. An error of visit ends the
// reading and is returned as it is.
func (s *Store) Read(ctx context.Context, keys *row.Keys, rows int, visit func(i int, eventTime int64, row []byte) error) error {
	if err := s.Fault(); err != nil {
		return err
	}
	n := keys.Len()
	s.metrics.reads.Add(float64(n))
	m := allMisses.Get().(*misses)
	defer allMisses.Put(m)
	m.keys, m.entity = m.keys[:0], m.entity[:0]
	if err := s.readKnown(keys, rows, m, visit); err != nil {
		return err
	}
	s.metrics.hits.Add(float64(n - len(m.keys)))
	if len(m.keys) == 0 {
		return nil
	}
	return s.readMissed(ctx, keys, m, visit)
}

// misses are the keys that are not in the cache.
type misses struct {
	keys   []int       // their indexes, those of an entity together
	entity []cache.Row // rows of the current entity that were read
}

var allMisses = sync.Pool{New: func() any { return new(misses) }}

// readKnown visits the rows that the cache knows, entity by entity.
func (s *Store) readKnown(keys *row.Keys, rows int, m *misses, visit func(i int, eventTime int64, row []byte) error) error {
	n := keys.Len()
	if s.cache == nil {
		for i := range n {
			m.keys = append(m.keys, i)
		}
		return nil
	}
	l := s.cache.Look()
	defer l.End()
	for r := range rows {
		for i := r; i < n; i += rows {
			view, entity := row.CutView(keys.At(i))
			l.At(entity)
			c, known := l.Row(view)
			switch {
			case !known:
				m.keys = append(m.keys, i)
			case !c.Absent:
				if err := visit(i, c.EventTime, c.Bytes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Store) readMissed(ctx context.Context, keys *row.Keys, m *misses, visit func(i int, eventTime int64, row []byte) error) (err error) {
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
	var epoch uint64
	for n, i := range m.keys {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		view, entity := row.CutView(keys.At(i))
		if s.cache != nil && len(m.entity) == 0 {
			epoch = s.cache.Epoch()
		}
		c, err := s.readOne(txn, keys.At(i), view)
		if err != nil {
			return err
		}
		if s.cache != nil {
			if !has(m.entity, view) { // rows may repeat an entity
				m.entity = append(m.entity, c)
			}
			if n+1 == len(m.keys) || !sameEntity(keys, m.keys[n+1], entity) {
				s.cache.Fill(epoch, entity, m.entity)
				clear(m.entity)
				m.entity = m.entity[:0]
			}
		}
		if c.Absent {
			continue
		}
		visiting = true
		err = visit(i, c.EventTime, c.Bytes)
		visiting = false
		if err != nil {
			return err
		}
	}
	return nil
}

func has(rows []cache.Row, view uint32) bool {
	for i := range rows {
		if rows[i].View == view {
			return true
		}
	}
	return false
}

func sameEntity(keys *row.Keys, i int, entity []byte) bool {
	_, other := row.CutView(keys.At(i))
	return bytes.Equal(other, entity)
}

// readOne reads a key from Badger.
func (s *Store) readOne(txn *badger.Txn, key []byte, view uint32) (c cache.Row, err error) {
	item, err := txn.Get(key)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return cache.Row{View: view, Absent: true}, nil
	case err != nil:
		return c, s.readError(err)
	case item.UserMeta() == erasing:
		return cache.Row{View: view, Absent: true}, nil
	}
	c.View = view
	if c.Bytes, c.EventTime, err = readItem(item); err != nil {
		return c, damaged(s.dir, err)
	}
	return c, nil
}

// readItem returns the row of an item. Rows lie in Badger's tables, never in its value
// log, so their bytes are a stable copy.
func readItem(item *badger.Item) (found []byte, eventTime int64, err error) {
	err = item.Value(func(value []byte) error {
		found, eventTime, err = parseEntry(item, value)
		return err
	})
	return found, eventTime, err
}
