package online

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/dgraph-io/badger/v4"

	"larder/schema"
	"larder/store/row"
)

// erasing marks an entry that stands for no row: Erase is about to remove its key, whose
// newest version is a delete. Only a crash leaves such entries behind, and the same Erase
// removes them then.
const erasing byte = 2

// A Verdict says which rows of a view are erased.
type Verdict struct {
	// Whole erases all rows, and what the store knows about the view.
	Whole bool
	// Until returns up to which event or ingest time the row of a key is erased; false when
	// it stays. Nil erases nothing.
	Until func(key []byte) (micros int64, erase bool)
	// Found is called with the key of each row that is erased, before anything is; may be
	// nil.
	Found func(key []byte)
	// States says that the view has states, which are erased whatever their time.
	States bool
}

// eraseBatch is how many keys are removed at once. Each may lie in a table of its own, and
// uncached reads wait while these are written anew.
const eraseBatch = 16

// Exclusively calls change while no writer and no folder is writing: what it changes is
// seen by all that they write from then on.
func (s *Store) Exclusively(change func()) {
	s.applying.Lock()
	defer s.applying.Unlock()
	change()
}

// Erase removes rows so that no file of the store has a byte of them or of their keys any
// more, also none of older rows of these keys, and of deletes. judge is called once for each view
// that has any, and before, if it is not nil, once it is known what is erased. It returns how many rows
// of each view were erased. The caller keeps these rows from being written meanwhile, by
// Options.Refuse.
//
// It reads all keys of the views that judge doesn't leave out, at about two million a
// second. Then tables that have an erased key are written anew, and the rows in memory go
// to disk; writes wait meanwhile, and so do reads of rows that are not in the cache. Readers of
// all rows, such as [Store.Save], delay the end: they keep old files.
func (s *Store) Erase(ctx context.Context, judge func(viewID uint32) Verdict, before func() error) (map[uint32]int64, error) {
	s.erase.Lock()
	defer s.erase.Unlock()
	counts := map[uint32]int64{}
	found, err := s.findErased(ctx, judge)
	if err == nil && len(found) > 0 {
		err = s.room()
	}
	if err == nil && before != nil {
		err = before()
	}
	if err != nil {
		return nil, fmt.Errorf("erase: %w", err)
	}
	for len(found) > 0 {
		n := min(len(found), eraseBatch)
		if err := s.eraseSome(ctx, found[:n], counts); err != nil {
			return counts, fmt.Errorf("erase: %w", err)
		}
		found = found[n:]
	}
	if err := s.awaitRewritten(ctx); err != nil {
		return counts, fmt.Errorf("erase: %w", err)
	}
	return counts, nil
}

// Compact removes the bytes of all rows that were replaced or deleted. It writes the whole
// store anew, in the background, while reads and writes go on.
func (s *Store) Compact(ctx context.Context) error {
	s.erase.Lock()
	defer s.erase.Unlock()
	if err := s.room(); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	// This has Badger write what is in memory to disk. No view has the number 0.
	if err := s.drop([]erased{{key: row.AppendView(nil, 0), whole: true}}); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	if err := s.db.Flatten(1); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	if err := s.awaitRewritten(ctx); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// An erased is a key to erase, or the prefix of a whole view.
type erased struct {
	key     []byte
	whole   bool
	version uint64 // of the newest entry
	deleted bool   // that entry is a delete: the key has no row
}

// findErased finds the keys to erase, with those that were deleted and whose bytes are
// still there.
func (s *Store) findErased(ctx context.Context, judge func(viewID uint32) Verdict) (found []erased, err error) {
	if err := s.Fault(); err != nil {
		return nil, err
	}
	judging := false
	defer func() {
		if judging {
			return // the caller's own panic
		}
		if r := recover(); r != nil {
			err = s.panicked(r)
		}
	}()
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{row.KeyFormat}, AllVersions: true})
	defer it.Close()
	var last []byte
	var prefix []byte
	var verdict Verdict
	n := 0
	for it.Rewind(); it.Valid(); {
		if n++; n%checkEvery == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			runtime.Gosched()
		}
		item := it.Item()
		key := item.Key()
		if len(key) < row.PrefixBytes {
			return nil, damaged(s.dir, fmt.Errorf("key %x is not the key of a row", key))
		}
		if !bytes.HasPrefix(key, prefix) || prefix == nil {
			view, _ := row.CutView(key)
			prefix = row.AppendView(nil, view)
			judging = true
			verdict = judge(view)
			judging = false
		}
		if verdict.Whole || verdict.Until == nil {
			if verdict.Whole {
				found = append(found, erased{key: prefix, whole: true})
			}
			view, _ := row.CutView(key)
			if view == 1<<32-1 {
				return found, nil
			}
			it.Seek(row.AppendView(nil, view+1))
			continue
		}
		if !bytes.Equal(key, last) {
			last = append(last[:0], key...)
			judging = true
			until, erase := verdict.Until(key)
			judging = false
			if erase {
				if erase, err = s.dueBy(item, until, verdict.States); err != nil {
					return nil, err
				}
			}
			if erase {
				e := erased{key: bytes.Clone(key), version: item.Version(), deleted: item.IsDeletedOrExpired() || item.UserMeta() == erasing}
				found = append(found, e)
				if verdict.Found != nil && !e.deleted {
					verdict.Found(e.key)
				}
			}
		}
		it.Next()
	}
	return found, nil
}

// dueBy reports whether the newest entry of a key is of a time up to which it is erased.
func (s *Store) dueBy(item *badger.Item, until int64, states bool) (bool, error) {
	if states || item.IsDeletedOrExpired() || item.UserMeta() == erasing {
		return true, nil
	}
	found, eventTime, err := readItem(item)
	if err != nil {
		return false, damaged(s.dir, err)
	}
	if eventTime <= until {
		return true, nil
	}
	header, err := row.ParseHeader(found)
	if err != nil {
		return false, damaged(s.dir, err)
	}
	return header.Ingest != schema.NoIngestTime && header.Ingest <= until, nil
}

// eraseSome erases keys, and adds to the counts of their views.
func (s *Store) eraseSome(ctx context.Context, keys []erased, counts map[uint32]int64) error {
	batch := map[uint32]int64{}
	for _, k := range keys {
		view, _ := row.CutView(k.key)
		switch {
		case k.whole:
			rows, err := s.forgetView(ctx, view)
			if err != nil {
				return err
			}
			counts[view] += rows
		case !k.deleted:
			batch[view]++
		}
	}
	if err := s.drop(keys); err != nil {
		return err
	}
	for view, n := range batch {
		if err := s.updateView(view, func(state *viewState) { state.rows -= n }); err != nil {
			return err
		}
		counts[view] += n
	}
	return nil
}

// forgetView drops what the store knows of a view, and returns how many rows it had.
func (s *Store) forgetView(ctx context.Context, viewID uint32) (int64, error) {
	if !s.view(viewID).known() {
		return 0, nil
	}
	rows, err := s.RowCount(viewID)
	if err != nil {
		return 0, err
	}
	return rows, s.DropView(ctx, viewID)
}

// drop has Badger write the tables with some keys anew, without them.
func (s *Store) drop(keys []erased) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.panicked(r)
		}
	}()
	// Whoever has found a key must not write a delete or a tombstone of it afterwards.
	s.applying.Lock()
	defer s.applying.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	logs, err := s.files("*.mem")
	if err != nil {
		return err
	}
	s.oldLogs = append(s.oldLogs, logs...)
	if s.cache != nil {
		single := make([][]byte, 0, len(keys))
		for _, k := range keys {
			if !k.whole { // DropView has told the cache of the others
				single = append(single, k.key)
			}
		}
		announced := s.cache.Begin(len(single), func(i int) (uint32, []byte) { return row.CutView(single[i]) })
		defer announced.End(func(int) (int64, []byte, bool) { return 0, nil, false })
	}
	// Badger skips prefixes under which it finds no row.
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	prefixes := make([][]byte, len(keys))
	for i, k := range keys {
		prefixes[i] = k.key
		if !k.whole && !k.deleted {
			continue
		}
		key := k.key
		if k.whole {
			key = append(bytes.Clone(key), 0)
		}
		entry := badger.NewEntry(key, []byte{erasing}).WithMeta(erasing)
		if err := batch.SetEntryAt(entry, k.version+1); err != nil {
			return s.writeError(err)
		}
	}
	if err := batch.Flush(); err != nil {
		return s.writeError(err)
	}
	if err := s.db.DropPrefix(prefixes...); err != nil {
		return s.writeError(err)
	}
	return s.wantErased(prefixes)
}

// wantErased returns an error if a table still has an entry under one of the prefixes.
func (s *Store) wantErased(prefixes [][]byte) error {
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	for _, prefix := range prefixes {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, AllVersions: true})
		it.Rewind()
		left := it.Valid()
		it.Close()
		if left {
			return errors.New("some tables could not be written anew; try again")
		}
	}
	return nil
}

// rewrittenEvery is how often Erase looks whether old files are gone.
const rewrittenEvery = 20 * time.Millisecond

// awaitRewritten waits until the files that were replaced are gone: whoever iterates over
// them keeps them.
func (s *Store) awaitRewritten(ctx context.Context) error {
	tick := time.NewTicker(rewrittenEvery)
	defer tick.Stop()
	for {
		old, err := s.oldFiles()
		if err != nil || len(old) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("files that were replaced are still read, by a snapshot or a scan of the rows: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// oldFiles returns the files that Badger does not use any more and that are still there.
func (s *Store) oldFiles() (old []string, err error) {
	left := s.oldLogs[:0]
	for _, log := range s.oldLogs {
		if _, err := os.Stat(log); err == nil {
			left = append(left, log)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	s.oldLogs = left
	tables, err := s.oldTables()
	return append(tables, left...), err
}

// files returns the paths of Badger's files of a pattern, oldest first.
func (s *Store) files(pattern string) ([]string, error) {
	return filepath.Glob(filepath.Join(s.dir, rowsFolder, pattern))
}

// oldTables returns the files of tables that Badger does not use any more.
func (s *Store) oldTables() (old []string, err error) {
	files, err := s.files("*.sst")
	if err != nil {
		return nil, err
	}
	// A table that is made meanwhile is not among the files.
	live := map[string]bool{}
	for _, t := range s.db.Tables() {
		live[fmt.Sprintf("%06d.sst", t.ID)] = true
	}
	for _, file := range files {
		if !live[filepath.Base(file)] {
			old = append(old, file)
		}
	}
	return old, nil
}

// refuse removes the rows that Options.Refuse doesn't let in from a chunk.
func (w *writer) refuse(c *chunk) {
	refuse := w.store.opts.Refuse
	if refuse == nil {
		return
	}
	kept := c.rows[:0]
	for _, r := range c.rows {
		ingest := r.ingest
		if !w.opts.Ties {
			ingest = schema.NoIngestTime
		}
		if !refuse(w.view.id, c.keyOf(&r), r.eventTime, ingest) {
			kept = append(kept, r)
		}
	}
	c.rows = kept
}

// The entry of the store that says up to which forgotten key all are erased:
//
//	00 'f'   number (8 bytes) | id
var forgottenKey = []byte{ownPrefix, 'f'}

// RebuildLater has a view of a stream made again by whoever brings its events in next. No folder or
// writer of the view may be open.
func (s *Store) RebuildLater(viewID uint32) error {
	return s.updateView(viewID, func(state *viewState) { state.watermark.Rebuilding = state.marked })
}

// The entry of the store that says that a snapshot was loaded: 1 until Checked was called.
//
//	00 'r'   1 or 0
var restoredKey = []byte{ownPrefix, 'r'}

// Restored reports whether the rows are those of a snapshot, and may have keys that were
// forgotten since it was saved.
func (s *Store) Restored() (bool, error) {
	value, err := s.own(restoredKey)
	return len(value) == 1 && value[0] == 1, err
}

// Checked says that the store has no forgotten keys.
func (s *Store) Checked() error {
	if restored, err := s.Restored(); err != nil || !restored {
		return err
	}
	return s.setOwn(restoredKey, []byte{0})
}

// Forgotten returns what SetForgotten stored in this folder, or in the folder of the
// loaded snapshot; 0 and "" when there is nothing.
func (s *Store) Forgotten() (seq int64, id string, err error) {
	value, err := s.own(forgottenKey)
	if err == nil && value != nil && len(value) < 8 {
		err = damaged(s.dir, fmt.Errorf("the number of the last forgotten key has %d bytes", len(value)))
	}
	if err != nil || value == nil {
		return 0, "", err
	}
	return int64(binary.BigEndian.Uint64(value)), string(value[8:]), nil
}

// SetForgotten stores the number of the last forgotten key that is erased, and an id that
// tells it from another of the same number. When it returns, both are durable.
func (s *Store) SetForgotten(seq int64, id string) error {
	return s.setOwn(forgottenKey, append(binary.BigEndian.AppendUint64(nil, uint64(seq)), id...))
}
