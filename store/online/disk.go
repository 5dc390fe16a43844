//go:build unix

package online

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"larder/internal/diskspace"
	"larder/schema"
)

// room refuses to write when the disk may be too full. A write needs room for tables
// of the rows in memory, and for a copy of each table, since compaction may rewrite
// all tables before it removes any.
func (s *Store) room() error {
	if err := s.Fault(); err != nil {
		return err
	}
	if s.frozen {
		return schema.DiskFull.Errorf("free some space and restart the server: the disk was full when the online store in %s was opened, so it is read-only", s.dir)
	}
	return roomFor(s.dir, s.leastFree())
}

// leastFree is how many bytes must be free on the disk for a write.
func (s *Store) leastFree() int64 { return s.opts.MinFreeBytes + tableBytes(s.db) }

// freeBytes is how many bytes are free on the disk, as a metric: NaN if unknown.
func (s *Store) freeBytes() float64 {
	free, err := diskspace.Free(s.dir)
	if err != nil {
		return math.NaN()
	}
	return float64(free)
}

func tableBytes(db *badger.DB) int64 {
	var total int64
	for _, level := range db.Levels() {
		total += level.Size
	}
	return total
}

// roomFor refuses when the disk of dir has less than least bytes left.
func roomFor(dir string, least int64) error {
	free, err := diskspace.Free(dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free < least {
		return schema.DiskFull.Errorf("free some space on the disk of %s: %s are free, and %s are required; no stored rows are lost, reads continue, and writes resume once there is space", dir, diskspace.Text(free), diskspace.Text(least))
	}
	return nil
}

// allocatedBytes is the space that a file takes on the disk: Badger's logs are mostly
// holes.
func allocatedBytes(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// lockFile takes the lock of an open file, which the system releases when the process
// ends in any way.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
