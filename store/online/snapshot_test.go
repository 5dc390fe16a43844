package online_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/store"
	"larder/store/online"
	"larder/store/storetest"
)

func save(t testing.TB, s *online.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Save(ctx(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func rowsOf(t testing.TB, s *online.Store, view uint32) map[string]answer {
	t.Helper()
	rows := map[string]answer{}
	err := s.EachRow(ctx(), view, func(key []byte, eventTime int64, row []byte) error {
		rows[string(key)] = answer{eventTime, string(row)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// sampleStore holds rows of two views, corrections and tombstones among them.
func sampleStore(t testing.TB, rows int64) *online.Store {
	s := open(t, t.TempDir(), small)
	for _, view := range []uint32{plainView, tiesView} {
		w := s.NewWriter(view, store.WriterOptions{Ties: view == tiesView})
		for pass := range int64(2) {
			for id := range rows {
				f := storetest.Fact{ID: id, EventTime: id%3 - 1, Ingest: pass, Value: id + pass, Deleted: id%7 == 6}
				add(t, w, keyOf(view, id), f.EventTime, f.Row())
			}
			flush(t, w)
		}
		w.Close()
		mark(t, s, view, store.Watermark{Time: int64(view), CatalogVersion: 4})
	}
	return s
}

func TestASnapshotComesBack(t *testing.T) {
	s := sampleStore(t, 9_000)
	defer closed(t, s)
	dir := filepath.Join(t.TempDir(), "deep", "store")
	if err := online.Load(ctx(), dir, bytes.NewReader(save(t, s))); err != nil {
		t.Fatal(err)
	}
	loaded := open(t, dir, small)
	defer closed(t, loaded)
	for _, view := range []uint32{plainView, tiesView} {
		if diff := cmp.Diff(rowsOf(t, s, view), rowsOf(t, loaded, view)); diff != "" {
			t.Errorf("view %d (-saved +loaded):\n%s", view, diff)
		}
		want, _, _ := s.Watermark(view)
		if got, found, err := loaded.Watermark(view); got != want || !found || err != nil {
			t.Errorf("view %d: watermark %v, %v, %v; want %v", view, got, found, err, want)
		}
		if n, err := loaded.RowCount(view); n != 9_000 || err != nil {
			t.Errorf("view %d: %d rows counted (%v)", view, n, err)
		}
	}
	// Newest-wins goes on where it was: a correction's version has run ahead.
	put(t, loaded, plainView, 4, 0, 99)
	put(t, loaded, plainView, 4, -1, 98)
	if got := read(t, loaded, keyOf(plainView, 4))[string(keyOf(plainView, 4))]; got.EventTime != 0 || valueOf(t, got.Row) != 99 {
		t.Errorf("after the load, a correction: event time %d, value %d", got.EventTime, valueOf(t, got.Row))
	}
}

// While rows are written, a snapshot has all rows that its watermark vouches for.
func TestASnapshotWhileRowsAreWritten(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	writing, stop := contextWithStop(t)
	defer stop()
	done := make(chan error, 1)
	started := make(chan struct{})
	go func() { done <- writeAndMark(writing, s, started) }()
	<-started
	for range 5 {
		dir := filepath.Join(t.TempDir(), "store")
		if err := online.Load(ctx(), dir, bytes.NewReader(save(t, s))); err != nil {
			t.Fatal(err)
		}
		loaded := open(t, dir, small)
		mark, found, err := loaded.Watermark(plainView)
		if !found || err != nil {
			t.Fatalf("no watermark (%v)", err)
		}
		for key, a := range rowsOf(t, loaded, plainView) {
			if a.EventTime < mark.Time {
				t.Errorf("key %x: event time %d is behind the watermark %d", key, a.EventTime, mark.Time)
			}
		}
		closed(t, loaded)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// writerFunc writes by calling itself.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Rows that were written between the count of their view and the end of a
// snapshot are in it, and come to be counted where it is loaded.
func TestASnapshotOfRowsThatItHasNotCounted(t *testing.T) {
	s := sampleStore(t, 9_000)
	defer closed(t, s)
	var b bytes.Buffer
	err := s.Save(ctx(), writerFunc(func(p []byte) (int, error) {
		if b.Len() == 0 {
			put(t, s, tiesView, 1_000_000, 77, 1)
		}
		return b.Write(p)
	}))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	if err := online.Load(ctx(), dir, &b); err != nil {
		t.Fatal(err)
	}
	loaded := open(t, dir, small)
	defer closed(t, loaded)
	wantCounted(t, loaded)
	if got, want := kept(t, loaded, tiesView), (census{9_001, 77}); got != want {
		t.Errorf("%v; want %v", got, want)
	}
}

func writeAndMark(ctx context.Context, s *online.Store, started chan<- struct{}) error {
	w := s.NewWriter(plainView, store.WriterOptions{})
	defer w.Close()
	for round := int64(1); ; round++ {
		for id := range int64(2_000) {
			if err := w.Add(ctx, keyOf(plainView, id), round, rowOf(0, round, 30)); err != nil {
				return err
			}
		}
		if err := w.Commit(ctx, store.Watermark{Time: round}); err != nil {
			return err
		}
		if round == 1 {
			close(started)
		}
	}
}

func TestADamagedSnapshot(t *testing.T) {
	s := sampleStore(t, 5_000)
	whole := save(t, s)
	closed(t, s)
	f := func(name string, change func(b []byte) []byte, reason string, words ...string) {
		t.Helper()
		parent := t.TempDir()
		dir := filepath.Join(parent, "store")
		err := online.Load(ctx(), dir, bytes.NewReader(change(bytes.Clone(whole))))
		if err == nil {
			t.Errorf("%s: it was loaded", name)
			return
		}
		refused(t, err, reason, words...)
		if left, _ := os.ReadDir(parent); len(left) != 0 {
			t.Errorf("%s: %v is left behind", name, left)
		}
	}
	const damaged, remedy = "SNAPSHOT_DAMAGED", "use another snapshot, or start with an empty folder"
	f("empty", nothing, "NO_SNAPSHOT", "larder snapshot save FILE")
	f("something else", func(b []byte) []byte { return append([]byte("PK\x03\x04"), b...) }, "NO_SNAPSHOT", "not a Larder snapshot")
	f("a newer format", func(b []byte) []byte { b[11] = 2; return b }, "SNAPSHOT_FORMAT", "has format 2, and this larder reads 1")
	f("half", half, damaged, "truncated", remedy)
	f("all but a byte", func(b []byte) []byte { return b[:len(b)-1] }, damaged, "truncated", remedy)
	f("no end", func(b []byte) []byte { return b[:len(b)-9-40] }, damaged, "truncated", remedy)
	f("a byte more", func(b []byte) []byte { return append(b, 0) }, damaged, "bytes after its end", remedy)
	f("a bit in the middle", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, damaged, "a checksum differs", remedy)
	f("a part of another kind", func(b []byte) []byte { b[12] = 'x'; return b }, damaged, "unknown kind", remedy)
	f("an absurd length", func(b []byte) []byte { b[13] = 0xff; return b }, damaged, "a part of", remedy)
	f("a part left out", func(b []byte) []byte { return append(b[:12:12], b[len(b)-9-40:]...) }, damaged, "don't add up", remedy)
}

func TestLoadWantsAnEmptyFolder(t *testing.T) {
	s := sampleStore(t, 10)
	snapshot := save(t, s)
	closed(t, s)
	err := online.Load(ctx(), filled(t), bytes.NewReader(snapshot))
	refused(t, err, "FOLDER_NOT_EMPTY", "isn't empty", "load again")
	if err := online.Load(ctx(), t.TempDir(), bytes.NewReader(snapshot)); err != nil {
		t.Errorf("load into an empty folder that is there: %v", err)
	}
}

func TestSaveEndsWithItsReader(t *testing.T) {
	s := sampleStore(t, 9_000)
	defer closed(t, s)
	gone := errors.New("nobody reads on")
	r, w := io.Pipe()
	r.CloseWithError(gone)
	if err := s.Save(ctx(), w); !errors.Is(err, gone) {
		t.Errorf("error %v; want %v", err, gone)
	}
	done, cancel := context.WithCancel(ctx())
	cancel()
	if err := s.Save(done, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}

func FuzzSnapshot(f *testing.F) {
	s := sampleStore(f, 20)
	whole := save(f, s)
	closed(f, s)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(whole[:12])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := online.CheckSnapshot(bytes.NewReader(b)); err == nil && !bytes.Equal(b, whole) {
			t.Errorf("an altered snapshot passes for whole")
		}
	})
}
