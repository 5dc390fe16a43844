package online

import (
	"bytes"
	"context"
	"errors"

	"github.com/dgraph-io/badger/v4"

	"larder/schema"
)

// errPassed ends a scan.
var errPassed = errors.New("passed")

// replaceOthers puts the tombstone of a replacing writer in the place of the rows whose
// keys are between those of a chunk; of all after them, if the chunk is the last.
func (w *writer) replaceOthers(c *chunk) error {
	var others chunk
	flush := func() error {
		if len(others.rows) == 0 {
			return nil
		}
		if err := w.compare(&others); err != nil {
			return err
		}
		others.rows = kept(others.rows)
		if err := w.store.write(&others); err != nil {
			return err
		}
		others.reset()
		return nil
	}
	next := 0
	err := w.store.scanFrom(context.Background(), w.prefix, w.passed, func(item *badger.Item) error {
		for next < len(c.rows) && bytes.Compare(c.keyOf(&c.rows[next]), item.Key()) < 0 {
			next++
		}
		switch {
		case next == len(c.rows) && c.mark == nil:
			return errPassed
		case next < len(c.rows) && bytes.Equal(c.keyOf(&c.rows[next]), item.Key()), bytes.Equal(item.Key(), w.passed):
			return nil
		}
		others.add(item.Key(), schema.BeginningOfTime, w.opts.Replace, schema.NoIngestTime)
		if !others.full() {
			return nil
		}
		return flush()
	})
	if err != nil && !errors.Is(err, errPassed) {
		return err
	}
	if n := len(c.rows); n > 0 {
		w.passed = bytes.Clone(c.keyOf(&c.rows[n-1]))
	}
	return flush()
}
