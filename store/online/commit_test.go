package online_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"larder/store"
	"larder/store/online"
)

// committedDir names the variable that makes the test binary a writer that
// commits, and where.
const committedDir = "LARDER_TEST_COMMITTED_DIR"

// committedRows is how many rows a commit writes over.
const committedRows = 25_000

// commitUntilKilled commits rounds of rows over those of before, of which each
// adds one, and says on its output when one is committed.
func commitUntilKilled(dir string) {
	s, err := online.Open(dir, small)
	if err == nil {
		mark, _, _ := s.Watermark(plainView)
		w := s.NewWriter(plainView, store.WriterOptions{})
		for round := mark.Time + 1; err == nil; round++ {
			if err = commitRound(w, round); err == nil {
				fmt.Println(round)
			}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func commitRound(w store.Writer, round int64) error {
	return errors.Join(addRange(w, plainView, 0, committedRows+round, round), w.Commit(ctx(), store.Watermark{Time: round}))
}

// wantRound checks that a store has all that was committed in a round, and nothing
// of the next.
func wantRound(t *testing.T, s *online.Store, round int64) {
	t.Helper()
	if mark, found, err := s.Watermark(plainView); err != nil || !found || mark.Time != round {
		t.Errorf("watermark %v, %v, %v; want %d", mark, found, err, round)
	}
	want := census{committedRows + round, round}
	if got := iterated(t, s, plainView); got != want {
		t.Errorf("it has %v; want %v", got, want)
	}
	if got := kept(t, s, plainView); got != want {
		t.Errorf("it counts %v; want %v", got, want)
	}
	err := s.EachRow(ctx(), plainView, func(key []byte, eventTime int64, row []byte) error {
		if eventTime != round || valueOf(t, string(row)) != round {
			return fmt.Errorf("key %x: event time %d, value %d in round %d", key, eventTime, valueOf(t, string(row)), round)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(s.Dir(), "COMMIT*")); len(files) > 0 {
		t.Errorf("%v are left", files)
	}
}

// A writer that is killed while it commits leaves the rows and the watermark of a
// commit, or neither.
func TestKillDuringCommit(t *testing.T) {
	dir := t.TempDir()
	committed := int64(0)
	for n := range 10 {
		committed = runAndKill(t, committedDir, dir, committed, n%3+1)
		s := open(t, dir, small)
		mark, _, err := s.Watermark(plainView)
		if err != nil || mark.Time < committed {
			t.Fatalf("watermark %v (%v) after round %d was committed", mark, err, committed)
		}
		committed = mark.Time
		wantRound(t, s, committed)
		closed(t, s)
	}
}

// The moments of a crash, one by one. A commit's file is laid out as a snapshot
// is, so a snapshot of the store after a commit serves as one.
func TestOpenFinishesACommit(t *testing.T) {
	dir := t.TempDir()
	rounds := map[int64][]byte{}
	s := open(t, dir, small)
	w := s.NewWriter(plainView, store.WriterOptions{})
	for round := range int64(3) {
		if err := commitRound(w, round); err != nil {
			t.Fatal(err)
		}
		wantRound(t, s, round)
		rounds[round] = save(t, s)
	}
	w.Close()
	closed(t, s)
	f := func(name, file string, content []byte, want int64) {
		t.Helper()
		crashed := t.TempDir()
		if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := online.Open(crashed, small)
		if want < 0 {
			refused(t, err, "STORE_DAMAGED", file)
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, reopen := range []bool{false, true} {
			if reopen {
				closed(t, s)
				s = open(t, crashed, small)
			}
			wantRound(t, s, want)
		}
		closed(t, s)
	}
	next := open(t, dir, small)
	w = next.NewWriter(plainView, store.WriterOptions{})
	before := t.TempDir()
	if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := commitRound(w, 3); err != nil {
		t.Fatal(err)
	}
	w.Close()
	rounds[3] = save(t, next)
	closed(t, next)
	dir = before

	f("before the file has its name", "COMMIT-1.part", half(rounds[3]), 2)
	f("before the rows", "COMMIT-1", rounds[3], 3)
	f("after the rows", "COMMIT-1", rounds[2], 2)
	f("a file that came back", "COMMIT-1", rounds[1], 2)
	f("a damaged file", "COMMIT-1", half(rounds[3]), -1)
}
