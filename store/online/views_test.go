package online_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"larder/schema"
	"larder/store"
)

func TestDropView(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	const rows = 40_000 // several batches
	for _, view := range []uint32{plainView, tiesView} {
		w := s.NewWriter(view, store.WriterOptions{})
		for id := range int64(rows) {
			add(t, w, keyOf(view, id), 5, rowOf(0, id, 0))
		}
		flush(t, w)
		w.Close()
		mark(t, s, view, store.Watermark{Time: 6})
	}
	read(t, s, keyOf(plainView, 3)) // into the cache
	stopped, cancel := context.WithCancel(ctx())
	cancel()
	if err := s.DropView(stopped, plainView); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled drop: %v", err)
	}
	if ids, _ := s.ViewIDs(); len(ids) != 2 {
		t.Errorf("views %v after a drop that failed; want both", ids)
	}
	if mark, found, err := s.Watermark(plainView); found || err != nil {
		t.Errorf("a view that was about to go has watermark %v (%v)", mark, err)
	}
	wantCounted(t, s)
	if err := s.DropView(ctx(), plainView); err != nil {
		t.Fatal(err)
	}
	for _, reopen := range []bool{false, true} {
		if reopen {
			closed(t, s)
			s = open(t, dir, small)
		}
		got := read(t, s, keyOf(plainView, 3), keyOf(plainView, rows-1), keyOf(tiesView, 3))
		if _, kept := got[string(keyOf(tiesView, 3))]; len(got) != 1 || !kept {
			t.Errorf("reopened %v: %d of 3 keys have a row; want that of the other view", reopen, len(got))
		}
		if ids, _ := s.ViewIDs(); !cmp.Equal(ids, []uint32{tiesView}) {
			t.Errorf("reopened %v: views %v", reopen, ids)
		}
		if n, _ := s.RowCount(plainView); n != 0 {
			t.Errorf("reopened %v: %d rows counted in a view that was dropped", reopen, n)
		}
	}
	closed(t, s)
}

func TestAddRefusesWhatCantBeRead(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	f := func(key []byte, eventTime int64, row []byte, words string) {
		t.Helper()
		w := s.NewWriter(plainView, store.WriterOptions{})
		defer w.Close()
		err := w.Add(ctx(), key, eventTime, row)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v; want %q", err, words)
		}
		if again := w.Flush(ctx()); again == nil || again.Error() != err.Error() {
			t.Errorf("Flush after it: %v; want the same", again)
		}
	}
	good := keyOf(plainView, 1)
	f(keyOf(tiesView, 1), 0, rowOf(0, 1, 0), "does not belong to view 1")
	f(good[:5], 0, rowOf(0, 1, 0), "does not belong to view 1")
	f(append(good, make([]byte, 32<<10)...), 0, rowOf(0, 1, 0), "limit 32768")
	f(good, 0, nil, "the row has 0 bytes")
	f(good, 0, make([]byte, store.MaxRowBytes+1), "the row has 1047553 bytes")
	f(good, schema.BeginningOfTime-1, rowOf(0, 1, 0), "out of range")
	f(good, schema.EndOfTime+1, rowOf(0, 1, 0), "out of range")
}

func TestMetrics(t *testing.T) {
	opts := small
	registry := prometheus.NewPedanticRegistry()
	opts.Registerer = registry
	dir := t.TempDir()
	s := open(t, dir, opts)
	put(t, s, plainView, 1, 5, 1)
	put(t, s, plainView, 1, 4, 1)
	for range 3 {
		read(t, s, keyOf(plainView, 1), keyOf(plainView, 2))
	}
	err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP larder_online_cache_hits_total Keys found in the cache of rows.
# TYPE larder_online_cache_hits_total counter
larder_online_cache_hits_total 4
# HELP larder_online_fault 1 when the online store has stopped and serves nothing until it is opened again.
# TYPE larder_online_fault gauge
larder_online_fault 0
# HELP larder_online_keys_read_total Keys looked up.
# TYPE larder_online_keys_read_total counter
larder_online_keys_read_total 6
# HELP larder_online_rows_superseded_total Rows that were not newer than the stored row, and were not written.
# TYPE larder_online_rows_superseded_total counter
larder_online_rows_superseded_total 1
# HELP larder_online_rows_written_total Rows that were newer than the stored row, and were written.
# TYPE larder_online_rows_written_total counter
larder_online_rows_written_total 1
`), "larder_online_cache_hits_total", "larder_online_fault", "larder_online_keys_read_total", "larder_online_rows_superseded_total", "larder_online_rows_written_total")
	if err != nil {
		t.Error(err)
	}
	free, required := gauge(t, registry, "larder_online_disk_free_bytes"), gauge(t, registry, "larder_online_disk_required_bytes")
	if free < 1<<20 || required < float64(opts.MinFreeBytes) || required > free {
		t.Errorf("%v bytes are free on the disk, and %v are required", free, required)
	}
	if s.DiskBytes() < 100 {
		t.Errorf("%d bytes on the disk", s.DiskBytes())
	}
	closed(t, s)
	closed(t, open(t, dir, opts)) // the registerer is free again
}

// gauge is the value of a gauge without labels.
func gauge(t testing.TB, registry prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
