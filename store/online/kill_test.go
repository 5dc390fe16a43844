package online_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"larder/store/online"
)

// killedDir names the variable that makes the test binary a writer, and where.
const killedDir = "LARDER_TEST_KILLED_DIR"

const (
	killedRows = 3_000  // written between two flushes, over those of before
	addedRows  = 40_000 // new ones of another view, more than a chunk holds
)

// writeUntilKilled writes rounds of rows, and says on its output when one is
// flushed.
func writeUntilKilled(dir string) {
	s, err := online.Open(dir, small)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	mark, _, _ := s.Watermark(plainView)
	w, adding := s.NewWriter(plainView, online.WriterOptions{}), s.NewWriter(tiesView, online.WriterOptions{})
	for round := mark.Time + 1; ; round++ {
		for id := range int64(killedRows) {
			if err == nil {
				err = w.Add(ctx(), keyOf(plainView, id), round, rowOf(0, round, 300))
			}
		}
		for id := range int64(addedRows) {
			if err == nil {
				err = adding.Add(ctx(), keyOf(tiesView, round*addedRows+id), round, rowOf(0, round, 0))
			}
		}
		if err == nil {
			err = errors.Join(w.Flush(ctx()), adding.Flush(ctx()))
		}
		if err == nil {
			err = s.SetWatermark(plainView, online.Watermark{Time: round, CatalogVersion: 1})
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(round)
	}
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	flushed := int64(0)
	for lines := range 6 {
		flushed = runAndKill(t, dir, flushed, 3*lines+1)
		s := open(t, dir, small)
		mark, found, err := s.Watermark(plainView)
		if err != nil || !found || mark.Time < flushed {
			t.Fatalf("watermark %v, %v, %v after round %d was flushed", mark, found, err, flushed)
		}
		rows := 0
		err = s.EachRow(ctx(), plainView, func(key []byte, eventTime int64, row []byte) error {
			rows++
			if eventTime < mark.Time || valueOf(t, string(row)) != eventTime {
				t.Errorf("key %x: event time %d, value %d; the watermark is %d", key, eventTime, valueOf(t, string(row)), mark.Time)
			}
			return nil
		})
		if err != nil || rows != killedRows {
			t.Fatalf("%d rows (%v); want %d", rows, err, killedRows)
		}
		if n, err := s.RowCount(plainView); err != nil || n != killedRows {
			t.Errorf("%d rows counted (%v); want %d", n, err, killedRows)
		}
		wantCounted(t, s, tiesView)
		flushed = mark.Time
		closed(t, s)
	}
}

// wantCounted checks that a view knows its rows, once a writer has looked.
func wantCounted(t *testing.T, s *online.Store, view uint32) {
	t.Helper()
	s.NewWriter(view, online.WriterOptions{}).Close()
	rows, newest := int64(0), int64(online.NoEventTime)
	err := s.EachRow(ctx(), view, func(_ []byte, eventTime int64, _ []byte) error {
		rows, newest = rows+1, max(newest, eventTime)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err1 := s.RowCount(view)
	at, err2 := s.NewestEventTime(view)
	if n != rows || at != newest || err1 != nil || err2 != nil {
		t.Errorf("view %d counts %d rows up to %d (%v, %v); it has %d up to %d", view, n, at, err1, err2, rows, newest)
	}
}

// TestRowsThatWereNotFlushedAreCounted closes a writer that was not flushed, and
// fails one on the way.
func TestRowsThatWereNotFlushedAreCounted(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	for round := range int64(3) {
		w := s.NewWriter(plainView, online.WriterOptions{})
		for id := range int64(addedRows) {
			add(t, w, keyOf(plainView, round*addedRows+id), 7+round, rowOf(0, id, 0))
		}
		if round == 1 {
			stopped, cancel := context.WithCancel(ctx())
			cancel()
			if err := w.Flush(stopped); err == nil {
				t.Error("a flush whose caller has left says that it flushed")
			}
		}
		w.Close()
		wantCounted(t, s, plainView)
	}
	if n, err := s.RowCount(plainView); n < 3*(32<<10) || err != nil {
		t.Errorf("%d rows (%v); three chunks were full", n, err)
	}
}

// runAndKill kills a writer once it has said so many lines, in the middle of the
// next round, and returns the last round that it said was flushed.
func runAndKill(t *testing.T, dir string, last int64, lines int) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for range lines {
		if !scan.Scan() {
			break
		}
		round, err := strconv.ParseInt(strings.TrimSpace(scan.Text()), 10, 64)
		if err != nil {
			t.Errorf("the writer said %q", scan.Text())
			break
		}
		last = max(last, round)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It said more until it died: that counts as flushed too.
	for scan.Scan() {
		if round, err := strconv.ParseInt(strings.TrimSpace(scan.Text()), 10, 64); err == nil {
			last = max(last, round)
		}
	}
	_ = cmd.Wait() // killed
	return last
}
