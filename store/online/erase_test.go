package online_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/schema"
	"larder/store"
	"larder/store/online"
	"larder/store/row"
)

const textView = 3 // its keys are texts

func textKey(id string) []byte { return row.AppendString(row.AppendView(nil, textView), id) }

// planted is in the keys and rows that must go.
const planted = "PLANTED-5f3a"

// putText writes rows of textView, each with its id in its row.
func putText(t testing.TB, s *online.Store, eventTime int64, ids ...string) {
	t.Helper()
	w := s.NewWriter(textView, store.WriterOptions{})
	defer w.Close()
	for _, id := range ids {
		add(t, w, textKey(id), eventTime, textRow(id))
	}
	flush(t, w)
}

func textRow(id string) []byte {
	b := row.NewBuilder(row.NewLayout([]schema.Column{{Name: "text", Type: schema.String}}), 0)
	b.Reset(schema.NoIngestTime, false)
	b.SetString(0, "value of "+id)
	return bytes.Clone(b.Row())
}

// traces returns the files below dir that have the planted text. Badger writes a table and
// then deletes the file that the rows were in, also while we look: after a file has gone, the
// walk begins again, so that rows which moved are not missed.
func traces(t testing.TB, dir string) []string {
	t.Helper()
	for range 100 {
		var found []string
		files := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if at := bytes.Index(raw, []byte(planted)); at >= 0 {
				found = append(found, fmt.Sprintf("%s at %d: %q", path, at, raw[max(at-20, 0):min(at+60, len(raw))]))
			}
			files++
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || files == 0 {
			t.Fatalf("%d files (%v)", files, err)
		}
		return found
	}
	t.Fatal("files went during each of 100 walks")
	return nil
}

// wantNoTrace fails if a file below dir has the planted text.
func wantNoTrace(t testing.TB, dir string) {
	t.Helper()
	for _, trace := range traces(t, dir) {
		t.Error("a trace: ", trace)
	}
}

func hasTrace(t testing.TB, dir string) bool {
	t.Helper()
	return len(traces(t, dir)) > 0
}

// of returns a judge that erases the keys of textView which have the planted text.
func ofPlanted(view uint32) online.Verdict {
	if view != textView {
		return online.Verdict{}
	}
	return online.Verdict{Until: func(key []byte) (int64, bool) { return math.MaxInt64, bytes.Contains(key, []byte(planted)) }}
}

// Rows in memory, in tables of several levels, replaced ones, deleted ones: no byte stays.
func TestEraseLeavesNoByte(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	for round := range int64(4) {
		putText(t, s, round, planted+"-1", "other", planted+"-\x00odd\xff", fmt.Sprint("of round ", round))
		w := s.NewWriter(plainView, store.WriterOptions{})
		for id := range int64(30_000) {
			add(t, w, keyOf(plainView, id), round, rowOf(0, round, 200))
		}
		flush(t, w)
		w.Close()
		if round == 1 {
			if err := s.Flatten(); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(t, s, textKey(planted+"-1")) // into the cache
	if !hasTrace(t, dir) {
		t.Fatal("the test plants nothing")
	}
	counts, err := s.Erase(ctx(), ofPlanted, nil)
	if err != nil || counts[textView] != 2 || len(counts) != 1 {
		t.Fatalf("erased %v (%v); want 2 rows of view %d", counts, err, textView)
	}
	wantNoTrace(t, dir)
	got := read(t, s, textKey(planted+"-1"), textKey("other"), keyOf(plainView, 7))
	if len(got) != 2 || got[string(textKey("other"))].EventTime != 3 || got[string(keyOf(plainView, 7))].EventTime != 3 {
		t.Fatalf("read %v; want the other rows only", got)
	}
	if n, err := s.RowCount(textView); err != nil || n != 5 {
		t.Errorf("the view counts %d rows (%v); want 5", n, err)
	}
	if counts, err := s.Erase(ctx(), ofPlanted, nil); err != nil || len(counts) != 0 {
		t.Errorf("erased %v (%v) once more; want nothing", counts, err)
	}
	closed(t, s)
	wantNoTrace(t, dir)
	s = open(t, dir, small)
	defer closed(t, s)
	if got := read(t, s, textKey(planted+"-1"), textKey("other")); len(got) != 1 {
		t.Errorf("after a restart: %v", got)
	}
	// A new row of the key is a row like any other.
	putText(t, s, 9, planted+"-1")
	if got := read(t, s, textKey(planted+"-1")); got[string(textKey(planted+"-1"))].EventTime != 9 {
		t.Errorf("a new row reads %v", got)
	}
}

// Rows of a view that was dropped are still in tables, below deletes.
func TestEraseOfADroppedView(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	putText(t, s, 1, planted, "other")
	closed(t, s) // into a table
	s = open(t, dir, small)
	if err := s.DropView(ctx(), textView); err != nil {
		t.Fatal(err)
	}
	if !hasTrace(t, dir) {
		t.Fatal("a dropped view leaves nothing: the test is useless")
	}
	counts, err := s.Erase(ctx(), ofPlanted, nil)
	if err != nil || len(counts) != 0 {
		t.Fatalf("erased %v (%v); want no rows", counts, err)
	}
	wantNoTrace(t, dir)
	closed(t, s)
}

func TestEraseOfAWholeView(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	defer closed(t, s)
	putText(t, s, 1, planted, "other")
	put(t, s, plainView, 1, 1, 1)
	counts, err := s.Erase(ctx(), func(view uint32) online.Verdict { return online.Verdict{Whole: view == textView} }, nil)
	if err != nil || counts[textView] != 2 {
		t.Fatalf("erased %v (%v); want 2 rows", counts, err)
	}
	wantNoTrace(t, dir)
	if ids, err := s.ViewIDs(); err != nil || len(ids) != 1 || ids[0] != plainView {
		t.Errorf("views %v (%v); want %d", ids, err, plainView)
	}
}

// Replaced and deleted rows leave no byte.
func TestCompact(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	putText(t, s, 1, planted, "other")
	closed(t, s)
	s = open(t, dir, small)
	for round := range int64(3) {
		w := s.NewWriter(textView, store.WriterOptions{})
		add(t, w, textKey("other"), 2+round, textRow(fmt.Sprint(planted, round)))
		flush(t, w)
		w.Close()
	}
	if err := s.DropView(ctx(), textView); err != nil {
		t.Fatal(err)
	}
	putText(t, s, 9, "other")
	if !hasTrace(t, dir) {
		t.Fatal("the test plants nothing")
	}
	if err := s.Compact(ctx()); err != nil {
		t.Fatal(err)
	}
	wantNoTrace(t, dir)
	if got := read(t, s, textKey("other")); got[string(textKey("other"))].EventTime != 9 {
		t.Errorf("read %v", got)
	}
	if ids, err := s.ViewIDs(); err != nil || len(ids) != 1 {
		t.Errorf("views %v (%v)", ids, err)
	}
	closed(t, s)
}

func TestEraseKeepsNewerRows(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	putText(t, s, 10, "a")
	putText(t, s, 11, "b")
	counts, err := s.Erase(ctx(), func(uint32) online.Verdict {
		return online.Verdict{Until: func([]byte) (int64, bool) { return 10, true }}
	}, nil)
	if err != nil || counts[textView] != 1 {
		t.Fatalf("erased %v (%v); want 1 row", counts, err)
	}
	if got := read(t, s, textKey("a"), textKey("b")); len(got) != 1 || got[string(textKey("b"))].EventTime != 11 {
		t.Errorf("read %v; want b", got)
	}
}

// Writers add forgotten keys all the time, views are dropped and snapshots saved: once
// Exclusively has returned and Erase has ended, there is no trace.
func TestEraseWhileWriting(t *testing.T) {
	dir := t.TempDir()
	var refusing atomic.Bool
	opts := small
	opts.Refuse = func(_ uint32, key []byte, _, _ int64) bool {
		return refusing.Load() && bytes.Contains(key, []byte(planted))
	}
	s := open(t, dir, opts)
	stop, running := make(chan struct{}), sync.WaitGroup{}
	until := func(work func(round int64) error) {
		running.Go(func() {
			for round := int64(1); ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := work(round); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var rounds atomic.Int64
	until(func(round int64) error {
		w := s.NewWriter(textView, store.WriterOptions{})
		defer w.Close()
		for i := range 500 {
			id := fmt.Sprint(i)
			if i%50 == 0 {
				id = planted + id
			}
			if err := w.Add(context.Background(), textKey(id), round, textRow(id)); err != nil {
				return err
			}
		}
		rounds.Add(1)
		return w.Commit(context.Background(), store.Watermark{Time: round})
	})
	until(func(round int64) error {
		view := uint32(100 + round)
		w := s.NewWriter(view, store.WriterOptions{})
		err := addRange(w, view, 0, 300, round)
		if err == nil {
			err = w.Flush(context.Background())
		}
		w.Close()
		if err == nil {
			err = s.DropView(context.Background(), view)
		}
		return err
	})
	until(func(int64) error {
		keys := keysOf(textKey(planted+"0"), textKey("1"))
		return s.Read(context.Background(), keys, 2, func(int, int64, []byte) error { return nil })
	})
	until(func(int64) error { return s.Save(context.Background(), new(bytes.Buffer)) })
	for rounds.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		s.Exclusively(func() { refusing.Store(true) })
		if _, err := s.Erase(ctx(), ofPlanted, nil); err != nil {
			t.Fatal(err)
		}
		wantNoTrace(t, dir)
		for at := rounds.Load(); rounds.Load() < at+5; {
			time.Sleep(time.Millisecond)
		}
		wantNoTrace(t, dir)
		if got := read(t, s, textKey(planted+"0"), textKey("1")); len(got) != 1 {
			t.Fatalf("read %v; want 1 row", got)
		}
		refusing.Store(false)
		for at := rounds.Load(); rounds.Load() < at+5; {
			time.Sleep(time.Millisecond)
		}
		if !hasTrace(t, dir) {
			t.Fatal("the writer adds no forgotten keys")
		}
	}
	close(stop)
	running.Wait()
	closed(t, s)
}

func TestForgottenIsKeptInSnapshots(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	f := func(s *online.Store, seq int64, id string) {
		t.Helper()
		if gotSeq, gotID, err := s.Forgotten(); err != nil || gotSeq != seq || gotID != id {
			t.Fatalf("forgotten up to %d %q (%v); want %d %q", gotSeq, gotID, err, seq, id)
		}
	}
	f(s, 0, "")
	if err := s.SetForgotten(7, "an id"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetNote("a note"); err != nil {
		t.Fatal(err)
	}
	f(s, 7, "an id")
	var snapshot bytes.Buffer
	if err := s.Save(ctx(), &snapshot); err != nil {
		t.Fatal(err)
	}
	if err := s.SetForgotten(9, "another"); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	s = open(t, dir, small)
	f(s, 9, "another")
	closed(t, s)
	loaded := filepath.Join(t.TempDir(), "loaded")
	if err := online.Load(ctx(), loaded, &snapshot); err != nil {
		t.Fatal(err)
	}
	s = open(t, loaded, small)
	defer closed(t, s)
	f(s, 7, "an id")
	restored := func(want bool) {
		t.Helper()
		if got, err := s.Restored(); err != nil || got != want {
			t.Errorf("restored: %t (%v), want %t", got, err, want)
		}
	}
	restored(true)
	for range 2 {
		if err := s.Checked(); err != nil {
			t.Fatal(err)
		}
	}
	restored(false)
	if note, err := s.Note(); err != nil || note != "a note" {
		t.Errorf("note %q (%v)", note, err)
	}
}
