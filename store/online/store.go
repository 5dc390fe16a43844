package online

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"

	"larder/internal/background"
	"larder/schema"
	"larder/store"
	"larder/store/cache"
	"larder/store/row"
)

// A Store holds the newest row of every key. It is safe for concurrent use.
type Store struct {
	dir     string
	opts    Options
	log     *slog.Logger
	lock    *folderLock
	db      *badger.DB
	frozen  bool         // opened on a full disk: no writes and no compaction
	cache   *cache.Cache // nil without one
	metrics *metrics
	fault   atomic.Pointer[schema.Error] // why reads and writes are refused until the next Open

	warmed atomic.Bool
	added  atomic.Int64  // keys since the cache was warmed
	filled chan struct{} // many were added

	// Erase keeps writers out with these. They are taken in this order; the lock of a view is
	// taken before writing and after applying.
	erase    sync.Mutex
	oldLogs  []string     // that Erase has replaced; guarded by erase
	applying sync.RWMutex // read: rows are compared with the stored ones and written
	writing  sync.RWMutex // read: Badger is written

	mu    sync.Mutex // guards views and their entries
	views map[uint32]*view
}

// The cache accepts every row and key that the store accepts.
const (
	_ = uint(cache.MaxRowBytes - store.MaxRowBytes)
	_ = uint(cache.MaxEntityBytes - row.MaxKeyBytes)
)

// openShare is the part of MinFreeBytes that is needed to open a store at all.
const openShare = 4

// newest reads the entry with the largest version of every key.
const newest = math.MaxUint64

// Open opens the store in dir, and creates dir if necessary. The caller closes it.
// Errors that the user can fix are *[schema.Error].
func Open(dir string, opts Options) (s *Store, err error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("open online store %s: %w", dir, err)
	}
	lock, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.release())
		}
	}()
	// The logs of a killed process are converted to tables now.
	if err := roomFor(dir, opts.MinFreeBytes/openShare); err != nil {
		return nil, err
	}
	frozen := roomFor(dir, opts.MinFreeBytes+dirBytes(filepath.Join(dir, rowsFolder))) != nil
	db, err := openRows(dir, opts, frozen)
	if err != nil {
		return nil, err
	}
	if frozen {
		opts.Logger.Warn("the disk is full; the online store is read-only until it is opened again", "dir", dir)
	}
	s = &Store{dir: dir, opts: opts, log: opts.Logger, lock: lock, db: db, frozen: frozen, cache: cache.New(opts.CacheBytes), filled: make(chan struct{}, 1)}
	if err = s.redo(); err == nil {
		s.views, err = readViews(db)
	}
	if err != nil {
		return nil, errors.Join(damaged(dir, err), db.Close())
	}
	if s.metrics, err = newMetrics(opts.Registerer, s); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openRows opens Badger after the folder was found intact: Badger ends the process on
// many kinds of damage.
func openRows(dir string, opts Options, frozen bool) (db *badger.DB, err error) {
	rows := filepath.Join(dir, rowsFolder)
	if err := errors.Join(inspect(dir), removeEmptyLogs(rows)); err != nil {
		return nil, damaged(dir, err)
	}
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged(dir, fmt.Errorf("%v", r))
		}
	}()
	settings := badgerOptions(rows, opts)
	if frozen {
		settings = settings.WithNumCompactors(0) // compaction would need room
	}
	if db, err = badger.OpenManaged(settings); err != nil {
		return nil, damaged(dir, err)
	}
	// All versions of a key except the newest may be dropped.
	db.SetDiscardTs(newest)
	if err := removeSeal(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func badgerOptions(rows string, opts Options) badger.Options {
	return badger.DefaultOptions(rows).
		WithLogger(badgerLogger{opts.Logger}).
		WithMetricsEnabled(false).
		WithDetectConflicts(false).
		WithExternalMagic(badgerMagic).
		WithMemTableSize(opts.WriteBufferBytes).
		WithNumMemtables(3).
		WithNumLevelZeroTables(4).
		WithNumLevelZeroTablesStall(12).
		WithNumCompactors(2).
		// Rows are read through the page cache: a second cache of their
		// uncompressed blocks would hold the same bytes twice.
		WithCompression(badgeroptions.None).
		WithBlockCacheSize(0).
		// A block that was damaged on the disk reads as missing rows rather than
		// as wrong ones; Run looks for such blocks.
		WithChecksumVerificationMode(badgeroptions.OnBlockRead).
		// Rows never go to the value log, because reads from it are slow; it stays empty and
		// small.
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(1 << 20)
}

// Close prepares all flushed rows for the next Open and releases the folder. Writers
// must be closed first.
func (s *Store) Close() error {
	s.metrics.unregister()
	err := s.db.Close()
	if err == nil {
		err = writeSeal(s.dir)
	}
	if err = errors.Join(err, s.lock.release()); err != nil {
		return fmt.Errorf("close online store %s: %w", s.dir, err)
	}
	return nil
}

// Run does the background work of the store until ctx ends. It checks once for rows
// damaged on disk, counts the uncounted rows, and fills the cache, now and again after
// many new rows. When it finds damage, the store refuses reads and writes from then on: a
// row that can't be read would look like a missing one.
func (s *Store) Run(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		background.Thread()
		if s.check(ctx) {
			s.keepWarm(ctx)
		}
	}()
	<-ended
	<-ctx.Done()
	return nil
}

// check reports whether the rows are intact.
func (s *Store) check(ctx context.Context) bool {
	if err := s.verify(ctx); err != nil {
		s.log.Error("the online store is damaged; reads are refused", "dir", s.dir, "error", err)
		return false
	}
	if err := s.countAll(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the row count may be too low: rows of a killed or failed writer were not counted", "dir", s.dir, "error", err)
	}
	return true
}

// DiskBytes returns how much space the store takes on disk.
func (s *Store) DiskBytes() int64 {
	return dirBytes(s.dir) + dirBytes(filepath.Join(s.dir, rowsFolder))
}

// dirBytes returns the size of the files of a folder. Files that are removed meanwhile
// count 0.
func dirBytes(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += allocatedBytes(info)
		}
	}
	return total
}

// badgerLogger passes on Badger's warnings. Its information lines are only useful to
// its own developers.
type badgerLogger struct{ log *slog.Logger }

func (l badgerLogger) Errorf(format string, args ...any) {
	l.log.Error("badger", "message", fmt.Sprintf(format, args...))
}

func (l badgerLogger) Warningf(format string, args ...any) {
	l.log.Warn("badger", "message", fmt.Sprintf(format, args...))
}

func (badgerLogger) Infof(string, ...any) {}

func (badgerLogger) Debugf(string, ...any) {}
