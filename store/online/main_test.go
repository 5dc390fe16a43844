package online_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"larder/schema"
	"larder/store"
	"larder/store/online"
	"larder/store/row"
	"larder/store/storetest"
)

// TestMain also runs the writers of TestKill, TestKillDuringCommit, TestKillDuringErase,
// TestALimitOnFiles and TestADiskThatSomebodyFills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		writeUntilKilled(dir)
	}
	if dir := os.Getenv(committedDir); dir != "" {
		commitUntilKilled(dir)
	}
	if dir := os.Getenv(erasedDir); dir != "" {
		eraseUntilKilled(dir)
	}
	if dir := os.Getenv(limitedDir); dir != "" {
		writeUntilStopped(dir)
	}
	if dir := os.Getenv(fullDir); dir != "" {
		writeUntilFull(dir)
	}
	os.Exit(m.Run())
}

// The views of these tests.
const (
	plainView = 1 // its source has no ingest time
	tiesView  = 2 // its source has one
)

// small makes the write buffer, and so the tables, as small as may be.
var small = online.Options{WriteBufferBytes: 8 << 20, MinFreeBytes: 1 << 20}

func open(t testing.TB, dir string, opts online.Options) *online.Store {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	s, err := online.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *online.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Keys and rows are those of the contract's tests.
var (
	keyOf, rowOf = storetest.Key, storetest.Row
	layout       = storetest.Layout
)

// answer is what a read gives for a key.
type answer struct {
	EventTime int64
	Row       string
}

func read(t testing.TB, s *online.Store, keys ...[]byte) map[string]answer {
	t.Helper()
	return readRows(t, s, len(keys), keys...)
}

// readRows reads the keys of so many rows, for one view after the other.
func readRows(t testing.TB, s *online.Store, rows int, keys ...[]byte) map[string]answer {
	t.Helper()
	got := map[string]answer{}
	list := keysOf(keys...)
	err := s.Read(t.Context(), list, rows, func(i int, eventTime int64, row []byte) error {
		if _, twice := got[string(list.At(i))]; twice {
			t.Errorf("key %x was visited twice", list.At(i))
		}
		got[string(list.At(i))] = answer{eventTime, string(row)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func keysOf(keys ...[]byte) *row.Keys {
	list := new(row.Keys)
	for _, k := range keys {
		list.Append(func(dst []byte) []byte { return append(dst, k...) })
	}
	return list
}

func add(t testing.TB, w store.Writer, key []byte, eventTime int64, row []byte) {
	t.Helper()
	if err := w.Add(t.Context(), key, eventTime, row); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, w store.Writer) {
	t.Helper()
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// put writes one row for good.
func put(t testing.TB, s *online.Store, view uint32, id, eventTime, value int64) {
	t.Helper()
	w := s.NewWriter(view, store.WriterOptions{Ties: view == tiesView})
	defer w.Close()
	add(t, w, keyOf(view, id), eventTime, rowOf(0, value, 0))
	flush(t, w)
}

// mark moves a view's watermark.
func mark(t testing.TB, s *online.Store, view uint32, at store.Watermark) {
	t.Helper()
	if err := tryMark(s, view, at); err != nil {
		t.Fatal(err)
	}
}

func tryMark(s *online.Store, view uint32, at store.Watermark) error {
	w := s.NewWriter(view, store.WriterOptions{})
	defer w.Close()
	return w.Commit(ctx(), at)
}

func valueOf(t testing.TB, rowBytes string) int64 {
	t.Helper()
	v, err := layout.Value([]byte(rowBytes), 0)
	if err != nil {
		t.Fatal(err)
	}
	return v.(int64)
}

// refused checks an error's reason and that its message says each of words.
func refused(t testing.TB, err error, reason string, words ...string) {
	t.Helper()
	var e *schema.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v has no kind; want reason %s", err, reason)
	}
	if string(e.Reason) != reason {
		t.Errorf("reason %s of %v; want %s", e.Reason, err, reason)
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("error %q doesn't say %q", e.Message, w)
		}
	}
}

func ctx() context.Context { return context.Background() }

func contextWithStop(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
