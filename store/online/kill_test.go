package online_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/store"
	"larder/store/online"
)

// killedDir names the variable that makes the test binary a writer, and where.
const killedDir = "LARDER_TEST_KILLED_DIR"

const (
	killedRows = 3_000  // written between two flushes, over those of before
	addedRows  = 40_000 // of new keys, more than a chunk holds
	firstFresh = 1_000  // the number of the first view that one round fills
	roundTakes = 300 * time.Millisecond
)

// writeUntilKilled writes rounds of rows, and says on its output when one is
// flushed. A round writes over the rows of one view, adds keys to another, and
// fills a third, which is never flushed.
func writeUntilKilled(dir string) {
	s, err := online.Open(dir, small)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	mark, _, _ := s.Watermark(plainView)
	over, adding := s.NewWriter(plainView, store.WriterOptions{}), s.NewWriter(tiesView, store.WriterOptions{})
	for round := mark.Time + 1; ; round++ {
		fill := s.NewWriter(uint32(firstFresh+round), store.WriterOptions{})
		err := errors.Join(
			addRange(over, plainView, 0, killedRows, round),
			addRange(adding, tiesView, round*addedRows, addedRows, round),
			addRange(fill, uint32(firstFresh+round), 0, addedRows, round),
			adding.Flush(ctx()), over.Commit(ctx(), store.Watermark{Time: round, CatalogVersion: 1}))
		fill.Close()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(round)
	}
}

// addRange adds n rows, the round being their event time and value.
func addRange(w store.Writer, view uint32, first, n, round int64) error {
	for id := first; id < first+n; id++ {
		if err := w.Add(ctx(), keyOf(view, id), round, rowOf(0, round, 100)); err != nil {
			return err
		}
	}
	return nil
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	flushed := int64(0)
	for lines := range 6 {
		flushed = runAndKill(t, killedDir, dir, flushed, lines%3+1)
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
		flushed = mark.Time
		if lines%2 == 0 { // else nobody counts before the next writer, which is killed too
			wantCounted(t, s)
		}
		closed(t, s)
	}
}

// wantCounted checks that a store comes to know the rows of all its views while
// it runs.
func wantCounted(t *testing.T, s *online.Store) {
	t.Helper()
	running, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	ids, err := s.ViewIDs()
	if err != nil || len(ids) == 0 {
		t.Fatalf("views %v (%v)", ids, err)
	}
	for _, view := range ids {
		want, got := iterated(t, s, view), kept(t, s, view)
		for got != want && running.Err() == nil {
			got = kept(t, s, view)
		}
		if got != want {
			t.Errorf("view %d counts %d rows up to %d; it has %d up to %d", view, got.rows, got.newest, want.rows, want.newest)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A census is what there is of a view.
type census struct{ rows, newest int64 }

func iterated(t *testing.T, s *online.Store, view uint32) census {
	t.Helper()
	c := census{0, store.NoEventTime}
	err := s.EachRow(ctx(), view, func(_ []byte, eventTime int64, _ []byte) error {
		c.rows, c.newest = c.rows+1, max(c.newest, eventTime)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func kept(t *testing.T, s *online.Store, view uint32) census {
	t.Helper()
	rows, err1 := s.RowCount(view)
	newest, err2 := s.NewestEventTime(view)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return census{rows, newest}
}

// Writers that are closed before they flush, that fail, and that nobody closes:
// the rows that they stored are counted, by the next writer or while the store
// runs.
func TestRowsThatWereNotFlushedAreCounted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	begin := func(round int64) store.Writer {
		w := s.NewWriter(plainView, store.WriterOptions{})
		if err := addRange(w, plainView, round*addedRows, addedRows, round); err != nil {
			t.Fatal(err)
		}
		return w
	}
	begin(0).Close()
	if got, want := kept(t, s, plainView), iterated(t, s, plainView); got != want || got.rows == 0 {
		t.Errorf("closed: %v counted; it has %v", got, want)
	}

	w := begin(1)
	stopped, cancel := context.WithCancel(ctx())
	cancel()
	if err := w.Flush(stopped); err == nil {
		t.Error("a flush whose caller has left says that it flushed")
	}
	w.Close()
	w = s.NewWriter(plainView, store.WriterOptions{})
	flush(t, w)
	w.Close()
	if got, want := kept(t, s, plainView), iterated(t, s, plainView); got != want {
		t.Errorf("failed, then another writer: %v counted; it has %v", got, want)
	}

	w = begin(2)
	for w.Written() == 0 { // until its chunk is stored
		runtime.Gosched()
	}
	closed(t, s)
	s = open(t, dir, small)
	wantCounted(t, s)
	closed(t, s)
	s = open(t, dir, small)
	defer closed(t, s)
	if got, want := kept(t, s, plainView), iterated(t, s, plainView); got != want || got.newest != 2 {
		t.Errorf("opened once more: %v counted; it has %v", got, want)
	}
}

// runAndKill kills a writer at some moment after it has said so many lines, and
// returns the last round that it said was flushed.
func runAndKill(t *testing.T, variable, dir string, last int64, lines int) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+dir)
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
	kill := time.AfterFunc(time.Duration(rand.Int64N(int64(roundTakes))), func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	// It said more until it died: that counts as flushed too.
	for scan.Scan() {
		if round, err := strconv.ParseInt(strings.TrimSpace(scan.Text()), 10, 64); err == nil {
			last = max(last, round)
		}
	}
	_ = cmd.Wait() // killed
	return last
}
