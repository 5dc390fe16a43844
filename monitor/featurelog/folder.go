package featurelog

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"larder/internal/background"
	"larder/internal/diskspace"
	"larder/schema"
)

// unfinished is the suffix of a file being written, after the extension that it keeps.
const (
	extension  = ".parquet"
	unfinished = ".unfinished"
)

// A folder writes entries to files. One goroutine runs it.
type folder struct {
	dir     string
	opts    Options
	metrics *metrics
	queue   *queue
	flushes chan chan error // asked of run

	locked *os.File // nil while the disk keeps the folder from being opened
	files  map[*schema.Plan]*file
	stored int64 // bytes of the finished files in the folder, without what they have shrunk by since
	shrunk atomic.Int64
	full   error     // why there was no room when it was last checked; nil when there was
	looked time.Time // when the disk was last checked for room
	fault  error     // why the last file could not be written; nil once one is
	retry  time.Time // when to begin a file again after a fault of the disk
}

// retryEvery is how long entries are dropped after a file could not be begun.
const retryEvery = time.Second

// openFolder opens a folder. A fault of the disk doesn't keep the server from serving:
// the folder is opened once it has passed.
func openFolder(dir string, opts Options, m *metrics) (*folder, error) {
	d := &folder{dir: dir, opts: opts, metrics: m, flushes: make(chan chan error), files: map[*schema.Plan]*file{}}
	d.queue = newQueue(opts.MaxQueued, func(rows int) { m.drop(dropQueue, rows) })
	err := d.open()
	if diskspace.IsFault(err) {
		d.failed(err)
		return d, nil
	}
	return d, err
}

// open creates the folder if necessary, locks it, and removes what a killed process left.
func (d *folder) open() error {
	d.retry = time.Now().Add(retryEvery)
	if err := os.MkdirAll(d.dir, 0o750); err != nil {
		return err
	}
	locked, err := lock(d.dir)
	if err != nil {
		return err
	}
	d.stored, err = sweep(d.dir, func(path string) {
		d.opts.Logger.Info("an unfinished file of the feature log was removed", "file", path)
	})
	if err != nil {
		return errors.Join(err, locked.Close())
	}
	d.locked, d.retry = locked, time.Time{}
	return nil
}

func (d *folder) run(ctx context.Context) error {
	tick, look := time.NewTicker(d.opts.MaxFileAge/4), time.NewTicker(drainEvery)
	defer tick.Stop()
	defer look.Stop()
	for {
		select {
		case <-look.C:
			d.takeAll()
		case <-tick.C:
			d.finishOld()
		case done := <-d.flushes:
			done <- d.flush()
		case <-ctx.Done():
			_ = d.flush() // dropped rows are logged and counted; the server has stopped all the same
			return d.close()
		}
	}
}

func (d *folder) close() error {
	if d.locked == nil {
		return nil
	}
	return d.locked.Close()
}

// flush writes the waiting entries and finishes all files.
func (d *folder) flush() error {
	d.retry = time.Time{} // somebody waits for it: try now
	d.takeAll()
	var errs []error
	for plan := range d.files {
		errs = append(errs, d.finish(plan))
	}
	return errors.Join(errs...)
}

func (d *folder) takeAll() {
	for range len(d.queue.entries) {
		d.take(<-d.queue.entries)
	}
	if d.full != nil {
		_ = d.room() // the alarm ends once there is room, also without requests
	}
}

// take writes an entry, or drops it.
func (d *folder) take(e *entry) {
	d.queue.took(e)
	skip, left := d.opts.forget(e)
	if left == 0 {
		return
	}
	if d.room() != nil {
		d.metrics.drop(dropDisk, left)
		return
	}
	f := d.files[e.Plan]
	if f == nil {
		if f = d.begin(e); f == nil {
			d.metrics.drop(dropWrite, left)
			return
		}
	}
	if err := background.Try(func() error { return f.add(e, skip, left) }); err != nil {
		delete(d.files, e.Plan)
		d.metrics.drop(dropWrite, f.rows)
		d.failed(errors.Join(err, f.abandon()))
		return
	}
	if f.size() >= d.opts.MaxFileBytes {
		_ = d.finish(e.Plan) // logged and counted
	}
}

// begin begins a file for entries like e. It returns nil if that can't be done now.
func (d *folder) begin(e *entry) *file {
	if time.Now().Before(d.retry) {
		return nil
	}
	var f *file
	err := background.Try(func() (err error) {
		if d.locked == nil {
			if err := d.open(); err != nil {
				return err
			}
		}
		f, err = newFile(d.dir, e)
		return err
	})
	if err != nil {
		d.retry = time.Now().Add(retryEvery)
		d.failed(err)
		return nil
	}
	d.files[e.Plan] = f
	return f
}

// failed notes why a file could not be written. It logs only the first of successive
// errors: when the disk is full, each entry has one.
func (d *folder) failed(err error) {
	if d.fault == nil {
		d.opts.Logger.Error("the feature log can't be written; rows are dropped and counted until it can be", "dir", d.dir, "error", err)
	}
	d.fault = err
	d.metrics.alarm(toFiles, true)
}

// finishOld finishes the files that have been open for long enough.
func (d *folder) finishOld() {
	for plan, f := range d.files {
		if time.Since(f.begun) >= d.opts.MaxFileAge {
			_ = d.finish(plan) // logged and counted
		}
	}
}

func (d *folder) finish(plan *schema.Plan) error {
	f := d.files[plan]
	delete(d.files, plan)
	var size int64
	err := background.Try(func() (err error) {
		size, err = f.finish()
		return err
	})
	if err != nil {
		d.metrics.drop(dropWrite, f.rows)
		err = errors.Join(err, f.abandon())
		d.failed(err)
		return err
	}
	if d.fault != nil {
		d.opts.Logger.Info("the feature log is written again", "dir", d.dir)
	}
	d.stored, d.fault = d.stored+size, nil
	d.metrics.alarm(toFiles, d.full != nil)
	d.metrics.files.Inc()
	d.metrics.rows.Add(float64(f.rows))
	return nil
}
