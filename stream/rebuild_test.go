package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"larder/store"
	"larder/store/row"
	"larder/stream"
)

// A cutStore cuts builds after the first of the writes that they make, once it is on.
type cutStore struct {
	stream.Store
	on   *atomic.Bool
	cuts *atomic.Int64
}

var errCut = errors.New("cut")

func (s cutStore) Folder(ctx context.Context, viewID uint32) (stream.Folder, error) {
	f, err := s.Store.Folder(ctx, viewID)
	return &cutFolder{Folder: f, cuts: s.cuts}, err
}

func (s cutStore) NewWriter(viewID uint32, opts store.WriterOptions) store.Writer {
	w := s.Store.NewWriter(viewID, opts)
	if len(opts.Replace) == 0 || !s.on.Load() {
		return w
	}
	return &cutWriter{Writer: w, cuts: s.cuts}
}

type cutFolder struct {
	stream.Folder
	cuts  *atomic.Int64
	folds int
}

func (f *cutFolder) Fold(ctx context.Context, batch int64, keys *row.Keys, fold func(i int, seen int64, state []byte) ([]byte, error)) error {
	if store.Generation(batch) > 0 {
		if f.folds++; f.folds > 1 {
			f.cuts.Add(1)
			return errCut
		}
	}
	return f.Folder.Fold(ctx, batch, keys, fold)
}

type cutWriter struct {
	store.Writer
	cuts *atomic.Int64
	rows int
}

func (w *cutWriter) Add(ctx context.Context, key []byte, at int64, stored []byte) error {
	if w.rows++; w.rows > 3 {
		w.cuts.Add(1)
		return errors.Join(w.Flush(ctx), errCut)
	}
	return w.Writer.Add(ctx, key, at, stored)
}

// A rebuild that is cut short, by an error and then by the end of the process, is begun
// again; what has happened meanwhile is there.
func TestCutShortRebuildIsBegunAgain(t *testing.T) {
	w := newWorld(t, cards)
	dir := t.TempDir()
	var cuts atomic.Int64
	var on atomic.Bool // the first build may have the events already, and is not cut
	w.wrap = func(s stream.Store) stream.Store { return cutStore{s, &on, &cuts} }
	s := w.start(dir, nil)
	batch := func(first, n int, amount float64) (events []string) {
		for i := range n {
			events = append(events, fmt.Sprintf(`{"id": "%d", "card_id": %d, "amount": %g, "happened": %d}`, first+i, i, amount, time.Now().UnixMicro()))
		}
		return events
	}
	const keys = 4500 // more than a build writes at once
	s.push("payments", batch(0, keys, 1)...)
	on.Store(true)
	for _, name := range []string{"card_activity", "card_newest"} {
		view, err := w.catalog.Load().View(name)
		if err != nil {
			t.Fatal(err)
		}
		before := cuts.Load()
		if err := s.runner.Rebuild(view); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); cuts.Load() < before+2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the build of %s was not begun again", name)
			}
		}
	}
	s.close()
	w.wrap = nil
	other := w.start(t.TempDir(), nil)
	other.push("payments", batch(keys, 100, 2)...)
	s = w.start(dir, nil)
	agree(t, "payments", other, s)
	sameRows(t, other, s)
	s.push("payments", batch(2*keys, 100, 3)...)
	agree(t, "payments", other, s)
	sameRows(t, other, s)
}
