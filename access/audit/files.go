package audit

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// dayForm is the name of a day's file.
const dayForm = "2006-01-02"

// putFile writes what the file lacks.
func (l *Log) putFile() error {
	if l.opts.Dir == "" {
		l.unfiled = nil
		return nil
	}
	if day := time.Now().UTC().Format(dayForm); day != l.day || l.file == nil {
		file, err := os.OpenFile(filepath.Join(l.opts.Dir, day+".jsonl"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if l.file != nil {
			_ = l.file.Close() // it is synced
		}
		l.file, l.day = file, day
	}
	n, err := l.file.Write(l.unfiled)
	l.unfiled = l.unfiled[n:] // a line that is cut is completed by the next write
	if err != nil {
		return err
	}
	l.unfiled, l.fileFails = nil, false
	return l.file.Sync()
}

// sweep deletes what is older than it is kept.
func (l *Log) sweep(ctx context.Context) {
	before := time.Now().Add(-l.opts.Keep)
	if l.pool != nil {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := l.pool.Exec(ctx, "DELETE FROM larder.audit WHERE at < $1", before); err != nil {
			l.opts.Logger.Warn("old records of the audit trail can't be deleted", "error", err)
		}
	}
	if l.opts.Dir == "" {
		return
	}
	files, err := os.ReadDir(l.opts.Dir)
	if err != nil {
		l.opts.Logger.Warn("old files of the audit trail can't be listed", "error", err)
	}
	for _, f := range files {
		day, err := time.Parse(dayForm+".jsonl", f.Name())
		if err != nil || !day.Add(24*time.Hour).Before(before) {
			continue
		}
		if err := os.Remove(filepath.Join(l.opts.Dir, f.Name())); err != nil {
			l.opts.Logger.Warn("an old file of the audit trail can't be deleted", "error", err)
		}
	}
}
