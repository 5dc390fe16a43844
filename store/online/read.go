package online

import (
	"context"
	"errors"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"larder/store/row"
)

// checkEvery is how many keys are looked up in Badger between two looks at the
// deadline.
const checkEvery = 64

// Read calls visit for each key that has a row, tombstones included, with the
// key's index in keys, in any order. row aliases the store until visit returns,
// and visit must not call the store. An error of visit ends the reading and is
// returned as it is.
func (s *Store) Read(ctx context.Context, keys *row.Keys, visit func(i int, eventTime int64, row []byte) error) error {
	if err := s.Fault(); err != nil {
		return err
	}
	n := keys.Len()
	s.metrics.reads.Add(float64(n))
	missed := misses.Get().(*[]int)
	defer misses.Put(missed)
	*missed = (*missed)[:0]
	for i := range n {
		known := false
		if s.cache != nil {
			key := keys.At(i)
			var err error
			known, err = s.cache.visit(s.cache.hash(key), key, i, visit)
			if err != nil {
				return err
			}
		}
		if !known {
			*missed = append(*missed, i)
		}
	}
	s.metrics.hits.Add(float64(n - len(*missed)))
	if len(*missed) == 0 {
		return nil
	}
	return s.readMissed(ctx, keys, *missed, visit)
}

// misses keeps the indexes of keys that the cache doesn't know.
var misses = sync.Pool{New: func() any { return new([]int) }}

func (s *Store) readMissed(ctx context.Context, keys *row.Keys, missed []int, visit func(i int, eventTime int64, row []byte) error) (err error) {
	visiting := false
	defer func() {
		if visiting {
			return // a panic of the caller's own
		}
		if r := recover(); r != nil {
			err = s.panicked(r)
		}
	}()
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	for n, i := range missed {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		found, eventTime, err := s.readOne(txn, keys.At(i))
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		visiting = true
		err = visit(i, eventTime, found)
		visiting = false
		if err != nil {
			return err
		}
	}
	return nil
}

// readOne reads a key from Badger, and keeps what it finds in the cache. The row
// is nil when there is none.
func (s *Store) readOne(txn *badger.Txn, key []byte) (found []byte, eventTime int64, err error) {
	var epoch uint64
	if s.cache != nil {
		epoch = s.cache.epoch.Load()
	}
	item, err := txn.Get(key)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
	case err != nil:
		return nil, 0, s.readError(err)
	default:
		if found, eventTime, err = readItem(item); err != nil {
			return nil, 0, damaged(s.dir, err)
		}
	}
	if s.cache != nil {
		s.cache.fill(epoch, s.cache.hash(key), key, eventTime, found)
	}
	return found, eventTime, nil
}

// readItem returns the row of an item. Rows lie in Badger's tables, never in its
// value log, so their bytes are a copy that stays.
func readItem(item *badger.Item) (found []byte, eventTime int64, err error) {
	err = item.Value(func(value []byte) error {
		found, eventTime, err = parseEntry(item, value)
		return err
	})
	return found, eventTime, err
}
