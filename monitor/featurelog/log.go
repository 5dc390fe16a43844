package featurelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/background"
	"larder/monitor"
	"larder/store/forgotten"
)

// Options tune a Log.
type Options struct {
	// A file ends at MaxFileBytes or MaxFileAge, whichever comes first. They default to 64
	// MiB and a minute.
	MaxFileBytes int64
	MaxFileAge   time.Duration
	// MaxBytes bounds the bytes in the folder. Defaults to 10 GiB.
	MaxBytes int64
	// MinFreeBytes of the folder's disk stay free: with less, nothing is written. Defaults
	// to 640 MiB.
	MinFreeBytes int64
	// Table also gets the rows. Nil: no table.
	Table Table
	// Keep is how long the table keeps rows. Defaults to 7 days.
	Keep time.Duration
	// MaxQueued bounds the bytes of waiting entries, for the folder and for the table
	// separately. Defaults to 64 MiB.
	MaxQueued int64
	// Forgotten returns the forgotten keys: rows of theirs with a clock reading up to their
	// time are not logged. Nil: none are forgotten.
	Forgotten func() *forgotten.List
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_feature_log_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.MaxFileBytes = cmp.Or(o.MaxFileBytes, 64<<20)
	o.MaxFileAge = cmp.Or(o.MaxFileAge, time.Minute)
	o.MaxBytes = cmp.Or(o.MaxBytes, 10<<30)
	o.MinFreeBytes = cmp.Or(o.MinFreeBytes, 640<<20)
	o.MaxQueued = cmp.Or(o.MaxQueued, 64<<20)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Log writes entries to files of a folder, to a table, or to both, each with its own
// queue: a slow one loses only its own entries. It is safe for concurrent use.
type Log struct {
	folder *folder // nil without one
	table  *table  // nil without one
	logger *slog.Logger
}

// Open opens the log of a folder, and creates the folder if necessary. The log owns
// the folder until Run ends; other processes are refused until then. Without a folder,
// only the table is written.
func Open(dir string, opts Options) (*Log, error) {
	opts = opts.withDefaults()
	l, m := &Log{logger: opts.Logger}, newMetrics()
	if dir != "" {
		var err error
		if l.folder, err = openFolder(dir, opts, m); err != nil {
			return nil, fmt.Errorf("feature log: %w", err)
		}
	}
	if opts.Table != nil {
		l.table = newTable(opts, m)
	}
	m.register(opts.Registerer, l)
	return l, nil
}

// queues returns the queues that get entries.
func (l *Log) queues() (all []*queue) {
	if l.folder != nil {
		all = append(all, l.folder.queue)
	}
	if l.table != nil {
		all = append(all, l.table.queue)
	}
	return all
}

// queued returns the bytes of waiting entries.
func (l *Log) queued() (bytes int64) {
	for _, q := range l.queues() {
		bytes += q.bytes.Load()
	}
	return bytes
}

// Offer queues a request, or drops it if too many are waiting. It never blocks.
func (l *Log) Offer(s *monitor.Scored) {
	e := newEntry(s)
	n := e.MemoryBytes()
	if l.folder != nil {
		l.folder.queue.offer(e, n)
	}
	if l.table != nil {
		l.table.queue.offer(e, n)
	}
}

// Run writes offered requests until ctx ends. Then it writes the requests that still
// wait and finishes all files. Later offers are not written.
func (l *Log) Run(ctx context.Context) error {
	var errs [2]error
	var running sync.WaitGroup
	if l.folder != nil {
		running.Go(func() { errs[0] = l.keep(ctx, "files of the feature log", l.folder.run) })
	}
	if l.table != nil {
		running.Go(func() { errs[1] = l.keep(ctx, "table of the feature log", l.table.run) })
	}
	running.Wait()
	return errors.Join(errs[:]...)
}

// keep runs a writer again if it panics: it must not end the server.
func (l *Log) keep(ctx context.Context, part string, run func(context.Context) error) error {
	return background.Keep(ctx, l.logger, part, run)
}

// Files returns the finished files of the log's folder: those of one model or, when
// model is empty, of all. A log without a folder has none.
func (l *Log) Files(model string) ([]string, error) {
	if l.folder == nil {
		return nil, nil
	}
	files, err := filesIn(l.folder.dir, model, extension)
	if errors.Is(err, fs.ErrNotExist) { // its disk has failed since the start
		return nil, nil
	}
	return files, err
}

// HasTable reports whether the log writes a table.
func (l *Log) HasTable() bool { return l.table != nil }

// Flush writes all requests offered so far and finishes all files, so that they can be
// read. It waits until Run has done so.
func (l *Log) Flush(ctx context.Context) error {
	var all []chan chan error
	if l.folder != nil {
		all = append(all, l.folder.flushes)
	}
	if l.table != nil {
		all = append(all, l.table.flushes)
	}
	for _, flushes := range all {
		done := make(chan error, 1)
		select {
		case flushes <- done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("feature log: %w", err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
