package online_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"larder/store"
	"larder/store/online"
)

// erasedDir names the variable that makes the test binary one that writes and erases.
const erasedDir = "LARDER_TEST_ERASED_DIR"

const (
	erasedRows = 20_000 // of plainView, written over each round
	plantRows  = 40     // of textView, planted and erased each round
)

// eraseUntilKilled writes rows and erases some of them, round by round, and says on its
// output when a round has ended.
func eraseUntilKilled(dir string) {
	s, err := online.Open(dir, small)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	mark, _, _ := s.Watermark(plainView)
	for round := mark.Time + 1; ; round++ {
		w, p := s.NewWriter(plainView, store.WriterOptions{}), s.NewWriter(textView, store.WriterOptions{})
		err := addRange(w, plainView, 0, erasedRows, round)
		for i := range plantRows {
			err = errors.Join(err, p.Add(ctx(), textKey(fmt.Sprint(planted, i)), round, textRow(fmt.Sprint(planted, i))), p.Add(ctx(), textKey(fmt.Sprint("other", i)), round, textRow(fmt.Sprint("other", i))))
		}
		err = errors.Join(err, p.Flush(ctx()), w.Commit(ctx(), store.Watermark{Time: round, CatalogVersion: 1}))
		w.Close()
		p.Close()
		if err == nil {
			_, err = s.Erase(ctx(), ofPlanted, nil)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(round)
	}
}

// Killed at any moment of an Erase, a store opens with all other rows, and the same Erase
// removes what is left.
func TestKillDuringErase(t *testing.T) {
	dir := t.TempDir()
	ended := int64(0)
	for n := range 8 {
		ended = runAndKill(t, erasedDir, dir, ended, n%2+1)
		s := open(t, dir, small)
		mark, found, err := s.Watermark(plainView)
		if err != nil || !found || mark.Time < ended {
			t.Fatalf("watermark %v, %v, %v after round %d had ended", mark, found, err, ended)
		}
		if _, err := s.Erase(ctx(), ofPlanted, nil); err != nil {
			t.Fatal(err)
		}
		wantNoTrace(t, dir)
		rows := iterated(t, s, plainView)
		if rows.rows != erasedRows || rows.newest < mark.Time {
			t.Fatalf("%d rows up to %d; want %d, and the watermark is %d", rows.rows, rows.newest, erasedRows, mark.Time)
		}
		if others := iterated(t, s, textView); others.rows != plantRows {
			t.Fatalf("%d other rows of the view; want %d", others.rows, plantRows)
		}
		ended = mark.Time
		closed(t, s)
	}
}
