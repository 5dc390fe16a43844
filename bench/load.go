package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
)

// A call is one request; n counts up through a run, so that calls may differ.
type call func(ctx context.Context, n int) error

// A recording holds the measurements of one target.
type recording struct {
	latencies *hdrhistogram.Histogram // nanoseconds
	took      time.Duration           // loaded, all slices together
}

// highest is the longest latency that a histogram distinguishes from longer ones.
const highest = int64(time.Minute)

func newRecording() *recording {
	return &recording{latencies: hdrhistogram.New(1, highest, 3)}
}

func (r *recording) requestsPerSecond() float64 {
	return float64(r.latencies.TotalCount()) / r.took.Seconds()
}

// slice is how long one target is loaded before the next one's turn.
const slice = 250 * time.Millisecond

// A target is a system under load and its measurements.
type target struct {
	do  call
	rec *recording
	n   int // calls so far
}

// interleave loads the targets in turns until each was loaded for duration.
func interleave(ctx context.Context, s Scenario, duration time.Duration, targets ...*target) error {
	for elapsed := time.Duration(0); elapsed < duration; elapsed += slice {
		for _, t := range targets {
			if err := t.load(ctx, s, min(slice, duration-elapsed)); err != nil {
				return err
			}
		}
	}
	return nil
}

// load calls the target for a time: with a rate, each call when it is due;
// without, the next when one has returned.
func (t *target) load(ctx context.Context, s Scenario, span time.Duration) error {
	due := schedule{start: time.Now(), span: span, next: t.n}
	if s.Rate > 0 {
		due.gap = time.Duration(float64(time.Second) / s.Rate)
	}
	g, ctx := errgroup.WithContext(ctx)
	workers := make([]*hdrhistogram.Histogram, s.Concurrency)
	for w := range workers {
		workers[w] = hdrhistogram.New(1, highest, 3)
		g.Go(func() error {
			for {
				n, at, open := due.take()
				if !open {
					return nil
				}
				if err := waitUntil(ctx, at); err != nil {
					return err
				}
				if err := t.do(ctx, n); err != nil {
					return err
				}
				if err := workers[w].RecordValue(min(int64(time.Since(at)), highest)); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	t.n = due.next
	t.rec.took += time.Since(due.start)
	for _, w := range workers {
		t.rec.latencies.Merge(w)
	}
	return nil
}

// A schedule hands out calls and when each is due.
type schedule struct {
	start time.Time
	span  time.Duration
	gap   time.Duration // between arrivals; 0: due when taken

	mu    sync.Mutex
	next  int
	taken int
}

// take returns the next call. With a rate, every call that falls due within the
// span is handed out, also when the span has passed: it is late, and counts so.
func (d *schedule) take() (n int, at time.Time, open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at = time.Now()
	if d.gap > 0 {
		at = d.start.Add(time.Duration(d.taken) * d.gap)
	}
	if at.Sub(d.start) >= d.span {
		return 0, at, false
	}
	n = d.next
	d.next++
	d.taken++
	return n, at, true
}

// spinBelow is the wait below which load spins: a timer would be late by more.
const spinBelow = 100 * time.Microsecond

func waitUntil(ctx context.Context, at time.Time) error {
	if wait := time.Until(at) - spinBelow; wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), context.Cause(ctx))
		case <-timer.C:
		}
	}
	for time.Now().Before(at) {
	}
	return nil
}
