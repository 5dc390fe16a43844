package online

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

const manifestName = badger.ManifestFilename

// inspect looks for damage that Badger would not survive, or would repair by dropping
// rows: Badger ends the process over a truncated table, and uses the readable part of
// a damaged list of tables.
func inspect(dir string) error {
	if err := checkSeal(dir); err != nil {
		return err
	}
	rows := filepath.Join(dir, rowsFolder)
	f, err := os.Open(filepath.Join(rows, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return checkEmpty(rows)
	}
	if err != nil {
		return err
	}
	manifest, _, err := badger.ReplayManifestFile(f, badgerMagic, badger.DefaultOptions(rows))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	for id := range manifest.Tables {
		if err := checkTable(table.NewFilename(id, rows)); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(table.NewFilename(id, rows)), err)
		}
	}
	return nil
}

// checkEmpty accepts a folder that Badger was never opened in.
func checkEmpty(rows string) error {
	entries, err := os.ReadDir(rows)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the folder %s is missing", rowsFolder)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".sst" || ext == ".mem" || ext == ".vlog" {
			return fmt.Errorf("%s is missing", manifestName)
		}
	}
	return nil
}

// removeEmptyLogs removes empty logs and value logs, because Badger would not open
// them. Badger creates a log before it gives it a size, and truncates it before it
// removes it; a kill may come in between. Neither kind has rows: the size of a log is
// on disk before the rows that are flushed to it.
func removeEmptyLogs(rows string) error {
	entries, err := os.ReadDir(rows)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Size() == 0 {
			err = os.Remove(filepath.Join(rows, e.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// verify reads every block of every current table, and stops when ctx ends. When it
// finds damage, the store refuses reads and writes from then on.
func (s *Store) verify(ctx context.Context) error {
	for _, t := range s.db.Tables() {
		path := table.NewFilename(t.ID, filepath.Join(s.dir, rowsFolder))
		err := checkBlocks(ctx, path)
		if ctx.Err() != nil {
			return nil
		}
		// A table that was compacted meanwhile is truncated and removed.
		if info, statErr := os.Stat(path); err != nil && statErr == nil && info.Size() > 0 {
			d := damaged(s.dir, fmt.Errorf("%s: %w", filepath.Base(path), err))
			s.fault.CompareAndSwap(nil, d)
			return d
		}
	}
	return nil
}

func checkBlocks(ctx context.Context, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	index, err := readIndex(f)
	if err != nil {
		return err
	}
	root := fb.GetRootAsTableIndex(index, 0)
	var at fb.BlockOffset
	var block []byte
	for i := 0; i < root.OffsetsLength() && ctx.Err() == nil; i++ {
		root.Offsets(&at, i)
		block = slices.Grow(block[:0], int(at.Len()))[:at.Len()]
		if _, err := f.ReadAt(block, int64(at.Offset())); err != nil {
			return err
		}
		rest, sum, err := cutSized(block)
		if err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		if err := checkSum(rest, sum); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
	}
	return nil
}

func checkTable(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = readIndex(f)
	return err
}

// readIndex reads the end of a table, where Badger starts:
//
//	blocks | index | index length 4 | checksum of the index | checksum length 4
//
// A block ends with its own checksum and the length of the checksum.
func readIndex(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	end := info.Size()
	sized := func() ([]byte, error) {
		var length [4]byte
		if end -= 4; end < 0 {
			return nil, errCutShort
		}
		if _, err := f.ReadAt(length[:], end); err != nil {
			return nil, err
		}
		n := int64(binary.BigEndian.Uint32(length[:]))
		if end -= n; end < 0 {
			return nil, errCutShort
		}
		buf := make([]byte, n)
		_, err := f.ReadAt(buf, end)
		return buf, err
	}
	sum, err := sized()
	if err != nil {
		return nil, err
	}
	index, err := sized()
	if err != nil {
		return nil, err
	}
	if len(index) == 0 {
		return nil, errCutShort
	}
	return index, checkSum(index, sum)
}

var errCutShort = errors.New("it is truncated")

// cutSized cuts bytes that are followed by their length off the end of b.
func cutSized(b []byte) (rest, cut []byte, err error) {
	end := len(b) - 4
	if end < 0 {
		return nil, nil, errCutShort
	}
	n := int64(binary.BigEndian.Uint32(b[end:]))
	if n > int64(end) {
		return nil, nil, errCutShort
	}
	return b[:end-int(n)], b[end-int(n) : end], nil
}

func checkSum(b, sum []byte) error {
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil || want.GetAlgo() != pb.Checksum_CRC32C {
		return errors.New("a checksum is missing")
	}
	return y.VerifyChecksum(b, &want)
}

// The seal lists the files of a closed store with their sizes. If a table or a part of
// the list of tables is missing since then, that is damage and not the result of a
// crash.

func writeSeal(dir string) error {
	seal, err := listing(filepath.Join(dir, rowsFolder))
	if err != nil {
		return err
	}
	return replaceFile(dir, sealName, []byte(strings.Join(seal, "")))
}

func checkSeal(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, sealName))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was not closed: a crash, or a new folder
	}
	if err != nil {
		return err
	}
	now, err := listing(filepath.Join(dir, rowsFolder))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(raw)) {
		if !slices.Contains(now, line) {
			return fmt.Errorf("a file is missing or has a different size than when the store was closed: %s bytes", strings.TrimSpace(line))
		}
	}
	return nil
}

func removeSeal(dir string) error {
	err := os.Remove(filepath.Join(dir, sealName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncPath(dir))
}

// listing returns a line for each table and for the list of tables.
func listing(rows string) ([]string, error) {
	entries, err := os.ReadDir(rows)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range entries {
		if e.Name() != manifestName && filepath.Ext(e.Name()) != ".sst" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%s %d\n", e.Name(), info.Size()))
	}
	return lines, nil
}
