package online_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"larder/store"
	"larder/store/online"
)

// fillViews writes rows of three views, of which not every entity has each, and
// returns their keys and what is stored of them.
func fillViews(t *testing.T, s *online.Store) (keys [][]byte, want map[string]answer) {
	t.Helper()
	want = map[string]answer{}
	for view := range uint32(3) {
		w := s.NewWriter(view, store.WriterOptions{})
		for id := int64(view); id < 3000; id += int64(view + 1) {
			key, row := keyOf(view, id), rowOf(0, id, int(id%7)*int(view+1))
			add(t, w, key, id, row)
			keys, want[string(key)] = append(keys, key), answer{id, string(row)}
		}
		flush(t, w)
		w.Close()
	}
	return keys, want
}

// TestWarm: a warm cache answers for every row, and a small one for as many as fit.
func TestWarm(t *testing.T) {
	for _, bytes := range []int64{1, 64 << 10, 16 << 20} {
		t.Run(fmt.Sprint("cache=", bytes), func(t *testing.T) {
			opts, dir := small, t.TempDir()
			opts.CacheBytes = bytes
			s := open(t, dir, opts)
			keys, want := fillViews(t, s)
			closed(t, s)
			registry := prometheus.NewPedanticRegistry()
			opts.Registerer = registry
			s = open(t, dir, opts)
			defer closed(t, s)
			if err := s.Warm(ctx()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, read(t, s, keys...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			hits := value(t, registry, "larder_online_cache_hits_total")
			if whole := hits == float64(len(keys)); whole != (bytes == 16<<20) || hits == 0 && bytes > 1 {
				t.Errorf("%v of %d rows came from a cache of %d bytes", hits, len(keys), bytes)
			}
		})
	}
}

// TestWarmThatIsStopped: nobody says that the cache is warm, nor of a store without rows.
func TestWarmThatIsStopped(t *testing.T) {
	var log bytes.Buffer
	opts := small
	opts.CacheBytes, opts.Logger = 16<<20, slog.New(slog.NewTextHandler(&log, nil))
	s, err := online.Open(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	if err := s.Warm(ctx()); err != nil {
		t.Fatal(err)
	}
	fillViews(t, s)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Warm(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if strings.Contains(log.String(), "is warm") {
		t.Errorf("the log says\n%s", log.String())
	}
	if err := s.Warm(ctx()); err != nil || !strings.Contains(log.String(), "the cache of rows is warm") {
		t.Errorf("%v; the log says\n%s", err, log.String())
	}
}

// TestRunWarms: the store warms its cache when it is run, and again when many rows
// have come.
func TestRunWarms(t *testing.T) {
	opts, registry := small, prometheus.NewPedanticRegistry()
	opts.CacheBytes, opts.Registerer = 16<<20, registry
	s := open(t, t.TempDir(), opts)
	defer closed(t, s)
	run, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(run) }()
	until(t, func() bool { return value(t, registry, "larder_online_cache_warm") == 1 })
	keys, _ := fillViews(t, s)
	next := 0 // a key that was not read before
	until(t, func() bool {
		read(t, s, keys[next])
		next++
		return value(t, registry, "larder_online_cache_hits_total") > 0
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// until calls done until it returns true, or the test's time is up.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("it did not come about")
		}
		runtime.Gosched()
	}
}

func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
