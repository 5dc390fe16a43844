package online

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dgraph-io/badger/v4/pb"
)

// commitPrefix begins the name of a view's commit file. The file has the entries of
// one commit, in the layout of a snapshot. Once the file has its name the commit has
// happened: after a crash, Open writes the entries that did not reach Badger. The
// entries carry their versions, so writing them twice changes nothing.
const commitPrefix = "COMMIT-"

func (s *Store) commitPath(viewID uint32) string {
	return filepath.Join(s.dir, commitPrefix+strconv.FormatUint(uint64(viewID), 10))
}

// commit writes the rows of a chunk, one for each key, and then the view's entry: a
// crash leaves all or nothing.
func (w *writer) commit(c *chunk) error {
	s := w.store
	if err := s.room(); err != nil {
		return err
	}
	// Rows of earlier chunks must not be lost once the view counts them.
	if w.view.uncounted() {
		if err := s.sync(); err != nil {
			return err
		}
	}
	if err := w.commitState(c); err != nil {
		return err
	}
	s.add(w.inserted)
	w.inserted = 0
	return nil
}

// commitState commits a chunk together with the view's new entry.
func (w *writer) commitState(c *chunk) error {
	v := w.view
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.state
	next.watermark, next.marked, next.uncounted = *c.mark, true, false
	next.newest, next.rows = max(next.newest, w.newest), next.rows+w.inserted
	state := &pb.KV{Key: viewKey(v.id), Value: appendViewState(nil, next), Version: v.version + 1}
	if err := w.store.commitWhole(v.id, c, state); err != nil {
		return err
	}
	v.state, v.version = next, v.version+1
	return nil
}

// commitWhole makes a commit happen and then writes it to Badger. The view's entry is
// the last, as a snapshot that is saved meanwhile needs it. When it fails, the store
// stops: only Open can find out whether the commit happened.
func (s *Store) commitWhole(viewID uint32, c *chunk, state *pb.KV) error {
	if len(c.rows) > 0 {
		if err := s.writeCommit(viewID, c, state); err != nil {
			return s.writeError(err)
		}
	}
	err := s.announce(c, func(set func(*pb.KV) error) error {
		if err := c.eachEntry(set); err != nil {
			return err
		}
		return set(state)
	})
	if err != nil {
		return err
	}
	if err = s.sync(); err == nil && len(c.rows) > 0 {
		err = os.Remove(s.commitPath(viewID))
	}
	if err != nil {
		return s.writeError(err)
	}
	return nil
}

// writeCommit makes a commit durable in a file of its own.
func (s *Store) writeCommit(viewID uint32, c *chunk, state *pb.KV) error {
	var file bytes.Buffer
	out := newSnapshotWriter(&file)
	add := func(kv *pb.KV) error {
		meta := byte(0)
		if len(kv.UserMeta) > 0 {
			meta = kv.UserMeta[0]
		}
		return out.add(kv.Key, kv.Version, meta, kv.Value)
	}
	if err := errors.Join(add(state), c.eachEntry(add), out.end()); err != nil {
		return err
	}
	return replaceFile(s.dir, filepath.Base(s.commitPath(viewID)), file.Bytes())
}

// redo writes the commits that did not reach Badger before a crash.
func (s *Store) redo() error {
	paths, err := filepath.Glob(filepath.Join(s.dir, commitPrefix+"*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if filepath.Ext(path) == partSuffix {
			err = os.Remove(path) // it has not happened
		} else {
			err = s.redoOne(path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

func (s *Store) redoOne(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all []*pb.KV
	err = readSnapshot(bytes.NewReader(raw), func(e snapshotEntry) error {
		all = append(all, &pb.KV{Key: bytes.Clone(e.key), Value: bytes.Clone(e.value), Version: e.version, UserMeta: []byte{e.meta}})
		return nil
	})
	if err == nil {
		err = s.load(func(set func(*pb.KV) error) error {
			for _, kv := range all {
				if err := set(kv); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = s.sync()
	}
	if err == nil {
		err = os.Remove(path)
	}
	return err
}

// forgetCommit removes a view's commit file, so that the commit isn't written again.
func (s *Store) forgetCommit(viewID uint32) error {
	if err := os.Remove(s.commitPath(viewID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncPath(s.dir)
}
