package featurelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

// Options tune a Log.
type Options struct {
	// MaxFileBytes and MaxFileAge end a file, whichever comes first. They default
	// to 64 MiB and a minute.
	MaxFileBytes int64
	MaxFileAge   time.Duration
	// MaxBytes bounds what lies in the folder. Defaults to 10 GiB.
	MaxBytes int64
	// MaxQueued bounds the entries that wait, in bytes. Defaults to 64 MiB.
	MaxQueued int64
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_feature_log_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.MaxFileBytes = cmp.Or(o.MaxFileBytes, 64<<20)
	o.MaxFileAge = cmp.Or(o.MaxFileAge, time.Minute)
	o.MaxBytes = cmp.Or(o.MaxBytes, 10<<30)
	o.MaxQueued = cmp.Or(o.MaxQueued, 64<<20)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// maxQueuedEntries bounds the entries that wait, however small.
const maxQueuedEntries = 1 << 14

// A Log writes entries to files of a folder. It is safe for concurrent use.
type Log struct {
	dir     string
	opts    Options
	metrics *metrics
	queue   chan *Entry
	queued  atomic.Int64 // bytes

	// What follows is Run's own.
	locked  *os.File
	files   map[*schema.Plan]*file
	stored  int64     // bytes of the finished files in the folder
	full    bool      // the folder has its share
	looked  time.Time // when it was last looked at for room
	failing bool      // the last file could not be written, as was told
}

// Open opens the log of a folder, which it makes when it isn't there. The folder is
// this log's until Run ends; another process is refused meanwhile.
func Open(dir string, opts Options) (*Log, error) {
	l := &Log{dir: dir, opts: opts.withDefaults(), queue: make(chan *Entry, maxQueuedEntries), files: map[*schema.Plan]*file{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("feature log: %w", err)
	}
	var err error
	if l.locked, err = lock(dir); err != nil {
		return nil, fmt.Errorf("feature log: %w", err)
	}
	l.stored, err = sweep(dir, func(path string) {
		l.opts.Logger.Info("an unfinished file of the feature log was removed", "file", path)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("feature log: %w", err), l.locked.Close())
	}
	l.metrics = newMetrics(l.opts.Registerer, &l.queued)
	return l, nil
}

// Offer takes an entry, or drops it when too many wait. It never waits.
func (l *Log) Offer(e *Entry) {
	n := e.bytes()
	if l.queued.Add(n) > l.opts.MaxQueued {
		l.queued.Add(-n)
		l.metrics.drop(dropQueue, e.Rows)
		return
	}
	select {
	case l.queue <- e:
	default:
		l.queued.Add(-n)
		l.metrics.drop(dropQueue, e.Rows)
	}
}

// Run writes what was offered until ctx ends, and then what waits still, and
// finishes all files. Offers after that are kept for nobody.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(l.opts.MaxFileAge / 4)
	defer tick.Stop()
	for {
		select {
		case e := <-l.queue:
			l.take(e)
		case <-tick.C:
			l.finishOld()
		case <-ctx.Done():
			return l.drain()
		}
	}
}

func (l *Log) drain() error {
	for {
		select {
		case e := <-l.queue:
			l.take(e)
			continue
		default:
		}
		var errs []error
		for plan := range l.files {
			errs = append(errs, l.finish(plan))
		}
		return errors.Join(append(errs, l.locked.Close())...)
	}
}

// take writes an entry.
func (l *Log) take(e *Entry) {
	l.queued.Add(-e.bytes())
	if l.isFull() {
		l.metrics.drop(dropDisk, e.Rows)
		return
	}
	l.tell(l.write(e), e.Plan)
}

// tell logs the first of the errors in a row: when the disk is full, each entry
// has one.
func (l *Log) tell(err error, plan *schema.Plan) {
	if err != nil && !l.failing {
		l.opts.Logger.Error("the feature log can't be written", "model", plan.Model.Name, "error", err)
	}
	l.failing = l.failing || err != nil
}

func (l *Log) write(e *Entry) error {
	f := l.files[e.Plan]
	if f == nil {
		var err error
		if f, err = newFile(l.dir, e); err != nil {
			l.metrics.drop(dropWrite, e.Rows)
			return err
		}
		l.files[e.Plan] = f
	}
	if err := f.add(e); err != nil {
		delete(l.files, e.Plan)
		l.metrics.drop(dropWrite, f.rows)
		return errors.Join(err, f.abandon())
	}
	if f.size() >= l.opts.MaxFileBytes {
		return l.finish(e.Plan)
	}
	return nil
}

// lookEvery is how often a folder that has its share is looked at for room.
const lookEvery = time.Second

// isFull tells whether the folder has its share. Files that are moved away make
// room again.
func (l *Log) isFull() bool {
	open := int64(0)
	for _, f := range l.files {
		open += f.size()
	}
	if l.stored+open >= l.opts.MaxBytes && time.Since(l.looked) >= lookEvery {
		l.look()
	}
	full := l.stored+open >= l.opts.MaxBytes
	if full && !l.full {
		l.opts.Logger.Error("the feature log is full; requests are not logged until files are moved away", "dir", l.dir, "bytes", l.stored+open, "most", l.opts.MaxBytes)
	}
	l.full = full
	return full
}

// look adds up the finished files.
func (l *Log) look() {
	l.looked, l.stored = time.Now(), 0
	_ = filepath.WalkDir(l.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, unfinished) {
			if info, err := entry.Info(); err == nil {
				l.stored += info.Size()
			}
		}
		return nil // what can't be looked at now counts next time
	})
}

// finishOld finishes the files that have been open for long enough.
func (l *Log) finishOld() {
	for plan, f := range l.files {
		if time.Since(f.begun) < l.opts.MaxFileAge {
			continue
		}
		l.tell(l.finish(plan), plan)
	}
}

func (l *Log) finish(plan *schema.Plan) error {
	f := l.files[plan]
	delete(l.files, plan)
	size, err := f.finish()
	if err != nil {
		l.metrics.drop(dropWrite, f.rows)
		return errors.Join(err, f.abandon())
	}
	l.stored, l.failing = l.stored+size, false
	l.metrics.files.Inc()
	l.metrics.rows.Add(float64(f.rows))
	return nil
}
