package featurelog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"larder/internal/background"
	"larder/schema"
)

// unfinished is the suffix of a file being written.
const unfinished = ".unfinished"

// A folder writes entries to files. One goroutine runs it.
type folder struct {
	dir     string
	opts    Options
	metrics *metrics
	queue   *queue
	flushes chan chan error // asked of run

	locked  *os.File
	files   map[*schema.Plan]*file
	stored  int64     // bytes of the finished files in the folder
	full    bool      // the folder has reached its limit
	looked  time.Time // when it was last checked for room
	failing bool      // the last file could not be written, and this was logged
}

func openFolder(dir string, opts Options, m *metrics) (*folder, error) {
	d := &folder{dir: dir, opts: opts, metrics: m, flushes: make(chan chan error), files: map[*schema.Plan]*file{}}
	d.queue = newQueue(opts.MaxQueued, func(rows int) { m.drop(dropQueue, rows) })
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if d.locked, err = lock(dir); err != nil {
		return nil, err
	}
	d.stored, err = sweep(dir, func(path string) {
		opts.Logger.Info("an unfinished file of the feature log was removed", "file", path)
	})
	if err != nil {
		return nil, errors.Join(err, d.locked.Close())
	}
	return d, nil
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
			return errors.Join(d.flush(), d.locked.Close())
		}
	}
}

// flush writes the waiting entries and finishes all files.
func (d *folder) flush() error {
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
}

// take writes an entry.
func (d *folder) take(e *entry) {
	d.queue.took(e)
	if d.isFull() {
		d.metrics.drop(dropDisk, e.Rows)
		return
	}
	d.tell(d.write(e), e.Plan)
}

// tell logs only the first of successive errors: when the disk is full, each entry has
// one.
func (d *folder) tell(err error, plan *schema.Plan) {
	if err != nil && !d.failing {
		d.opts.Logger.Error("the feature log can't be written", "model", plan.Model.Name, "error", err)
	}
	d.failing = d.failing || err != nil
}

func (d *folder) write(e *entry) error {
	f := d.files[e.Plan]
	if f == nil {
		var err error
		if f, err = newFile(d.dir, e); err != nil {
			d.metrics.drop(dropWrite, e.Rows)
			return err
		}
		d.files[e.Plan] = f
	}
	if err := background.Try(func() error { return f.add(e) }); err != nil {
		delete(d.files, e.Plan)
		d.metrics.drop(dropWrite, f.rows)
		return errors.Join(err, f.abandon())
	}
	if f.size() >= d.opts.MaxFileBytes {
		return d.finish(e.Plan)
	}
	return nil
}

// lookEvery is how often a full folder is checked for room.
const lookEvery = time.Second

// isFull reports whether the folder has reached its limit. Moving files away makes
// room again.
func (d *folder) isFull() bool {
	open := int64(0)
	for _, f := range d.files {
		open += f.size()
	}
	if d.stored+open >= d.opts.MaxBytes && time.Since(d.looked) >= lookEvery {
		d.look()
	}
	full := d.stored+open >= d.opts.MaxBytes
	if full && !d.full {
		d.opts.Logger.Error("the feature log is full; move files away, or requests are not logged", "dir", d.dir, "bytes", d.stored+open, "most", d.opts.MaxBytes)
	}
	d.full = full
	return full
}

// look adds up the finished files.
func (d *folder) look() {
	d.looked, d.stored = time.Now(), 0
	_ = filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, unfinished) {
			if info, err := entry.Info(); err == nil {
				d.stored += info.Size()
			}
		}
		return nil // what can't be read now counts next time
	})
}

// finishOld finishes the files that have been open for long enough.
func (d *folder) finishOld() {
	for plan, f := range d.files {
		if time.Since(f.begun) < d.opts.MaxFileAge {
			continue
		}
		d.tell(d.finish(plan), plan)
	}
}

func (d *folder) finish(plan *schema.Plan) error {
	f := d.files[plan]
	delete(d.files, plan)
	size, err := f.finish()
	if err != nil {
		d.metrics.drop(dropWrite, f.rows)
		return errors.Join(err, f.abandon())
	}
	d.stored, d.failing = d.stored+size, false
	d.metrics.files.Inc()
	d.metrics.rows.Add(float64(f.rows))
	return nil
}
