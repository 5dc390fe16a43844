package online

import (
	"bytes"
	"errors"
	"hash/maphash"
	"runtime"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"golang.org/x/sync/errgroup"

	"larder/internal/background"
	"larder/store/row"
)

// apply writes the rows of a chunk that are newer than the stored rows.
func (w *writer) apply(c *chunk) error {
	if len(c.rows) == 0 && c.mark == nil {
		return nil
	}
	all := len(c.rows)
	w.store.applying.RLock()
	defer w.store.applying.RUnlock()
	w.refuse(c)
	c.winners()
	if len(w.opts.Replace) > 0 {
		if err := w.replaceOthers(c); err != nil {
			return err
		}
	}
	if err := w.compare(c); err != nil {
		return err
	}
	c.rows = kept(c.rows)
	for i := range c.rows {
		w.newest = max(w.newest, c.rows[i].eventTime)
		if c.rows[i].isNew {
			w.inserted++
		}
	}
	switch {
	case c.mark != nil:
		if err := w.commit(c); err != nil {
			return err
		}
	case len(c.rows) > 0:
		// The view's entry is stored before its rows, marked as uncounted, so that no rows are
		// ever overlooked.
		if err := w.store.updateView(w.view.id, func(state *viewState) { state.uncounted = true }); err != nil {
			return err
		}
		if err := w.store.write(c); err != nil {
			return err
		}
	}
	written, superseded := len(c.rows), all-len(c.rows)
	w.written.Add(int64(written))
	w.superseded.Add(int64(superseded))
	w.store.metrics.written.Add(float64(written))
	w.store.metrics.superseded.Add(float64(superseded))
	return nil
}

// kept returns the rows that are written, in the same memory.
func kept(rows []chunkRow) []chunkRow {
	kept := rows[:0]
	for _, r := range rows {
		if r.version != 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// yieldEvery is how many rows are compared before the goroutine yields its processor,
// about a tenth of a millisecond.
const yieldEvery = 32

// leastPart is the least number of rows that are worth their own goroutine.
const leastPart = 4 << 10

// compare decides for each row of a chunk, sorted by key, whether it is written, and
// with which version.
func (w *writer) compare(c *chunk) error {
	w.pickNew(c)
	parts := min(background.Cores(), len(c.rows)/leastPart+1)
	if parts == 1 {
		return w.comparePart(c, c.rows)
	}
	var g errgroup.Group
	for p := range parts {
		g.Go(func() error {
			background.Thread()
			return w.comparePart(c, c.rows[p*len(c.rows)/parts:(p+1)*len(c.rows)/parts])
		})
	}
	return g.Wait()
}

func (w *writer) comparePart(c *chunk, part []chunkRow) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = w.store.panicked(r)
		}
	}()
	txn := w.store.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	for i := range part {
		if i%yieldEvery == 0 {
			runtime.Gosched()
		}
		if part[i].isNew {
			continue
		}
		if err := w.compareOne(txn, c, &part[i]); err != nil {
			return err
		}
	}
	return nil
}

// pickNew finds rows with keys that the view can't have: the view was empty when the
// writer was made, and the writer hasn't seen the keys. This halves the work of
// filling a view.
func (w *writer) pickNew(c *chunk) {
	if w.seen == nil {
		return
	}
	for i := range c.rows {
		r := &c.rows[i]
		if !w.seen.add(maphash.Bytes(w.seed, c.keyOf(r))) {
			r.version, r.isNew = version(r.eventTime), true
		}
	}
}

func (w *writer) compareOne(txn *badger.Txn, c *chunk, r *chunkRow) error {
	item, err := txn.Get(c.keyOf(r))
	if errors.Is(err, badger.ErrKeyNotFound) {
		r.version, r.isNew = version(r.eventTime), true
		return nil
	}
	if err != nil {
		return w.store.readError(err)
	}
	if item.UserMeta() == erasing {
		r.version, r.isNew = max(version(r.eventTime), item.Version()+1), true
		if r.version != version(r.eventTime) {
			r.value = appendRaised(nil, c.rowOf(r), r.eventTime)
		}
		return nil
	}
	if len(w.opts.Replace) == 0 && item.UserMeta() == 0 && item.Version() != version(r.eventTime) {
		if item.Version() < version(r.eventTime) {
			r.version = version(r.eventTime)
		}
		return nil
	}
	stored, eventTime, err := readItem(item)
	if err != nil {
		return damaged(w.store.dir, err)
	}
	wins, err := w.wins(c.rowOf(r), r, stored, eventTime)
	if err != nil || !wins {
		return err
	}
	r.version = max(version(r.eventTime), item.Version()+1)
	if r.version != version(r.eventTime) {
		r.value = appendRaised(nil, c.rowOf(r), r.eventTime)
	}
	return nil
}

// wins reports whether a row replaces the stored one.
func (w *writer) wins(rowBytes []byte, r *chunkRow, stored []byte, eventTime int64) (bool, error) {
	if r.eventTime == eventTime && bytes.Equal(rowBytes, stored) {
		return false, nil
	}
	if len(w.opts.Replace) > 0 {
		return true, nil
	}
	if r.eventTime != eventTime {
		return r.eventTime > eventTime, nil
	}
	ingest, err := ingestOf(w.opts.Ties, stored)
	if err != nil {
		return false, damaged(w.store.dir, err)
	}
	return r.ingest >= ingest, nil
}

// write writes the rows of a chunk. Each key has one row.
func (s *Store) write(c *chunk) error {
	if err := s.room(); err != nil {
		return err
	}
	return s.announce(c, c.eachEntry)
}

// announce writes entries while the rows of a chunk are announced to the cache.
func (s *Store) announce(c *chunk, fill func(set func(*pb.KV) error) error) (err error) {
	if s.cache != nil {
		announced := s.cache.Begin(len(c.rows), func(i int) (uint32, []byte) { return row.CutView(c.keyOf(&c.rows[i])) })
		defer func() {
			announced.End(func(i int) (int64, []byte, bool) {
				r := &c.rows[i]
				return r.eventTime, c.rowOf(r), err == nil
			})
		}()
	}
	return s.load(fill)
}

// pendingLoads is how many batches of a load may be pending in Badger.
const pendingLoads = 4

// load writes the entries that fill passes to set. Badger's loader keeps their order,
// which its transactions don't, and takes half the time. The bytes of values must stay
// as they are until load returns.
func (s *Store) load(fill func(set func(*pb.KV) error) error) error {
	s.writing.RLock()
	defer s.writing.RUnlock()
	loader := s.db.NewKVLoader(pendingLoads)
	err := fill(loader.Set)
	if finishErr := loader.Finish(); err == nil {
		err = finishErr
	}
	if err != nil {
		return s.writeError(err)
	}
	return nil
}
