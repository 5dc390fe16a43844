package materialize_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/materialize"
	"larder/schema"
)

// A faulty source is another that breaks down where a test says so.
type faulty struct {
	materialize.Source

	mu      sync.Mutex
	chunk   int64                     // rows of a record; 0 leaves them as they are
	fail    int                       // the record before which it breaks down, from 1; 0 never
	with    error                     // what it then returns; nil panics
	before  func(ctx context.Context) // called at the start of each window
	after   func()                    // called when all of a window has been read
	clock   int64                     // how far its clock is ahead, in microseconds
	windows []schema.Window
}

var errBroken = errors.New("the source broke down")

func (f *faulty) Read(ctx context.Context, view *schema.View, choose func(int64) (schema.Window, bool, error), visit func(arrow.Record, []schema.BadRow) error) error {
	f.mu.Lock()
	clock := f.clock
	chunk, fail, with, before, after := f.chunk, f.fail, f.with, f.before, f.after
	f.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	count := 0
	pass := func(rec arrow.Record, bad []schema.BadRow) error {
		if count++; count == fail {
			if with == nil {
				panic("the source broke down")
			}
			return with
		}
		return visit(rec, bad)
	}
	observed := func(now int64) (w schema.Window, wanted bool, err error) {
		if w, wanted, err = choose(now + clock); wanted {
			f.mu.Lock()
			f.windows = append(f.windows, w)
			f.mu.Unlock()
		}
		return w, wanted, err
	}
	err := f.Source.Read(ctx, view, observed, func(rec arrow.Record, bad []schema.BadRow) error {
		if chunk == 0 {
			return pass(rec, bad)
		}
		for from := int64(0); from < rec.NumRows(); from += chunk {
			part := rec.NewSlice(from, min(from+chunk, rec.NumRows()))
			defer part.Release()
			if err := pass(part, bad); err != nil {
				return err
			}
			bad = nil
		}
		return nil
	})
	if after != nil {
		after()
	}
	return err
}

// set changes what the source does from the next window on.
func (f *faulty) set(change func(*faulty)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// newFaultyWorld is newWorld with a faulty source between.
func newFaultyWorld(t testing.TB, sql string, defs *schema.Definitions) (*world, *faulty) {
	f := &faulty{}
	w := newWorld(t, sql, defs, func(s materialize.Source) materialize.Source {
		f.Source = s
		return f
	})
	return w, f
}
