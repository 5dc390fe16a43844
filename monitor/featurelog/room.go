package featurelog

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"larder/internal/diskspace"
)

// lookEvery is how often the disk is checked for room.
const lookEvery = time.Second

// room returns why nothing may be written now: the folder has reached its limit, or the
// disk has too little space left. Moving files away makes room again.
func (d *folder) room() error {
	d.stored -= d.shrunk.Swap(0)
	open := int64(0)
	for _, f := range d.files {
		open += f.size()
	}
	most := d.opts.MaxBytes
	checks := time.Since(d.looked) >= lookEvery
	if checks && d.stored+open >= most {
		d.stored = finished(d.dir)
	}
	full := d.full
	switch {
	case d.stored+open >= most:
		full = fmt.Errorf("it takes %s, and may take %s (--feature-log-bytes); move files away", diskspace.Text(d.stored+open), diskspace.Text(most))
	case checks || d.full == nil:
		full = nil
		if checks {
			full = scarce(d.dir, d.opts.MinFreeBytes)
		}
	}
	if checks {
		d.looked = time.Now()
	}
	d.setFull(full)
	return full
}

// setFull notes whether there is room, and logs when that changes.
func (d *folder) setFull(full error) {
	switch {
	case full != nil && d.full == nil:
		d.opts.Logger.Error("the feature log has no room; requests are not logged until it has", "dir", d.dir, "error", full)
	case full == nil && d.full != nil:
		d.opts.Logger.Info("the feature log has room again", "dir", d.dir)
	}
	if (full == nil) != (d.full == nil) {
		d.metrics.alarm(toFiles, full != nil || d.fault != nil)
	}
	d.full = full
}

// scarce returns an error when the disk of a folder has less than least bytes left. A
// folder that can't be asked shows its fault when it is written.
func scarce(dir string, least int64) error {
	free, err := diskspace.Free(dir)
	if err == nil && free < least {
		return fmt.Errorf("its disk has %s left, and %s are to stay free (--min-free-bytes); free some space", diskspace.Text(free), diskspace.Text(least))
	}
	return nil
}

// finished adds up the finished files of a folder.
func finished(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, unfinished) {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil // what can't be read now counts next time
	})
	return bytes
}
