//go:build unix

package online

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"larder/schema"
)

const reasonDiskFull = "DISK_FULL"

// room refuses to write when the disk may be too full for what writing brings
// with it: tables of the rows that are in memory, and a copy of each table, since
// compaction may rewrite them all before it removes any.
func (s *Store) room() error {
	if err := s.Fault(); err != nil {
		return err
	}
	if s.frozen {
		return schema.Errorf(schema.Unavailable, reasonDiskFull,
			"the online store in %s was opened when its disk was full, and only answers; free some space and start it again", s.dir)
	}
	return roomFor(s.dir, s.opts.MinFreeBytes+tableBytes(s.db))
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
	free, err := freeBytes(dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free < least {
		return schema.Errorf(schema.Unavailable, reasonDiskFull,
			"the disk of %s is full: %s are free and %s must be; nothing that was stored is lost and reads go on, free some space and writes go on too", dir, inBytes(free), inBytes(least))
	}
	return nil
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// allocatedBytes is what a file takes on the disk: Badger's logs are mostly
// holes.
func allocatedBytes(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// lockFile takes the lock of an open file, which the system releases when the
// process ends, however it ends.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func inBytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
