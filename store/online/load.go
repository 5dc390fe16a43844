package online

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/ristretto/v2/z"

	"larder/schema"
	"larder/store"
	"larder/store/row"
)

const snapshotRemedy = "use another snapshot, or start with an empty folder: it refills from Postgres"

var errNoSnapshot = schema.NoSnapshot.Errorf(`the file is not a Larder snapshot; make one with "larder snapshot save FILE"`)

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return schema.SnapshotDamaged.Errorf("the snapshot is truncated; %s", snapshotRemedy)
	}
	return fmt.Errorf("read snapshot: %w", err)
}

// Load makes a store in dir, which must be missing or empty, from a snapshot. The
// store appears whole or not at all: a folder beside dir replaces it when it is
// complete. It is [Store.Restored] then.
func Load(ctx context.Context, dir string, r io.Reader) (err error) {
	dir = filepath.Clean(dir)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return schema.FolderNotEmpty.Errorf("stop the server that uses %s, move its files away, and load again: the folder isn't empty", dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("load snapshot: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("load snapshot: %w", err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".loading-")
	if err != nil {
		return fmt.Errorf("load snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }() // already gone after a success
	if err := fillFolder(ctx, part, r); err != nil {
		return fmt.Errorf("load snapshot: %w", err)
	}
	// Remove takes empty folders only.
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("load snapshot: %w", err)
	}
	if err := os.Rename(part, dir); err != nil {
		return fmt.Errorf("load snapshot: %w", err)
	}
	return syncPath(filepath.Dir(dir))
}

func fillFolder(ctx context.Context, dir string, r io.Reader) (err error) {
	s, err := Open(dir, Options{CacheBytes: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	stream := s.db.NewStreamWriter()
	if err := stream.Prepare(); err != nil {
		return err
	}
	l := loader{stream: stream, store: s, buf: z.NewBuffer(loadBytes, "snapshot")}
	defer func() { err = errors.Join(err, l.buf.Release()) }()
	err = readSnapshot(r, func(e snapshotEntry) error { return l.add(ctx, e) })
	if err == nil {
		err = l.send(ctx)
	}
	if err != nil {
		stream.Cancel()
		return err
	}
	if err := stream.Flush(); err != nil {
		return err
	}
	return s.setOwn(restoredKey, []byte{1})
}

// loadBytes is how much is passed to Badger at a time.
const loadBytes = 4 << 20

// A loader writes the sorted entries of a snapshot straight into tables.
type loader struct {
	stream *badger.StreamWriter
	store  *Store
	buf    *z.Buffer
	last   []byte
}

func (l *loader) add(ctx context.Context, e snapshotEntry) error {
	if len(e.key) > row.MaxKeyBytes || len(e.value) > store.MaxRowBytes+eventTimeBytes || string(e.key) <= string(l.last) {
		return schema.SnapshotDamaged.Errorf("the snapshot is damaged: its entries are out of order or too large; %s", snapshotRemedy)
	}
	l.last = append(l.last[:0], e.key...)
	if bytes.HasPrefix(e.key, []byte{ownPrefix, viewEntry}) {
		state, err := parseViewState(e.value)
		if err != nil {
			return schema.SnapshotDamaged.Errorf("the snapshot is damaged: %v; %s", err, snapshotRemedy)
		}
		state.uncounted = true // it may have rows that were written during the save
		e.value = appendViewState(nil, state)
	}
	badger.KVToBuffer(&pb.KV{Key: e.key, Value: e.value, Version: e.version, UserMeta: []byte{e.meta}}, l.buf)
	if l.buf.LenNoPadding() < loadBytes {
		return nil
	}
	return l.send(ctx)
}

func (l *loader) send(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := roomFor(l.store.dir, l.store.opts.MinFreeBytes); err != nil {
		return err
	}
	err := l.stream.Write(l.buf)
	l.buf.Reset()
	return err
}
