package online

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

const manifestName = badger.ManifestFilename

// inspect looks for damage that Badger would not survive, or would mend by
// forgetting rows: it ends the process over a short table, and takes the list of
// tables as far as it can be read.
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

// checkTable reads the end of a table, from which Badger finds all else:
//
//	blocks | index | index length 4 | checksum of the index | checksum length 4
func checkTable(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	before := func(n int64) ([]byte, error) {
		if end -= n; n < 0 || end < 0 {
			return nil, errors.New("it is cut short")
		}
		buf := make([]byte, n)
		_, err := f.ReadAt(buf, end)
		return buf, err
	}
	sized := func() ([]byte, error) {
		n, err := before(4)
		if err != nil {
			return nil, err
		}
		return before(int64(binary.BigEndian.Uint32(n)))
	}
	sum, err := sized()
	if err != nil {
		return err
	}
	index, err := sized()
	if err != nil {
		return err
	}
	var checksum pb.Checksum
	if err := proto.Unmarshal(sum, &checksum); err != nil || len(index) == 0 || checksum.Algo != pb.Checksum_CRC32C {
		return errors.New("its end is no end of a table")
	}
	return y.VerifyChecksum(index, &checksum)
}

// The seal lists the files of a store that was closed, with their sizes: a
// table or a part of the list of tables that is gone since then is damage, and
// not what a crash leaves.

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
			return fmt.Errorf("a file is gone or has another size than when the store was closed: %s bytes", strings.TrimSpace(line))
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
