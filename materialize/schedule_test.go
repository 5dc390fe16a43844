package materialize_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"larder/materialize"
	"larder/schema"
)

// An empty source has no rows, takes its time, and breaks down when told to.
type empty struct {
	mu      sync.Mutex
	takes   time.Duration
	fails   error
	started []time.Time
	windows []schema.Window
}

func (e *empty) Read(ctx context.Context, _ *schema.View, choose func(int64) (schema.Window, bool, error), _ func(arrow.Record, []schema.BadRow) error) error {
	w, wanted, err := choose(time.Now().UnixMicro())
	if err != nil || !wanted {
		return err
	}
	e.mu.Lock()
	e.started, e.windows = append(e.started, time.Now()), append(e.windows, w)
	takes, fails := e.takes, e.fails
	e.mu.Unlock()
	select {
	case <-time.After(takes):
		return fails
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *empty) Estimate(context.Context, *schema.View, schema.Window) (int64, error) {
	return 0, errors.New("no estimate")
}

func (e *empty) HasLater(context.Context, *schema.View, int64) (bool, error) { return false, nil }

// starts returns when windows were opened since the last call, as seconds since then.
func (e *empty) starts(since time.Time) (seconds []float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.started {
		seconds = append(seconds, t.Sub(since).Seconds())
	}
	e.started = nil
	return seconds
}

func (e *empty) set(takes time.Duration, fails error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.takes, e.fails = takes, fails
}

func scheduled(every time.Duration) *schema.Definitions {
	defs := spend()
	defs.FeatureViews[0].Schedule = schema.Duration(every)
	return defs
}

// inBubble runs a runner of an empty source on a clock that jumps. fails, when it is
// not nil, is what the source returns at first.
func inBubble(t *testing.T, defs *schema.Definitions, fails error, fn func(t *testing.T, w *world, source *empty)) {
	synctest.Test(t, func(t *testing.T) {
		w, source := &world{t: t, metrics: prometheus.NewRegistry()}, &empty{fails: fails}
		w.apply(defs)
		w.start(source)
		fn(t, w, source)
	})
}

func within(t *testing.T, got []float64, want ...[2]float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("runs began after %v seconds, want %v", got, want)
	}
	for i := range got {
		if got[i] < want[i][0] || got[i] > want[i][1] {
			t.Fatalf("runs began after %v seconds, want %v", got, want)
		}
	}
}

// TestSchedule counts from the start of a run, and never starts one while
// another goes on.
func TestSchedule(t *testing.T) {
	inBubble(t, scheduled(time.Minute), nil, func(t *testing.T, w *world, source *empty) {
		begin := time.Now()
		time.Sleep(150 * time.Second)
		within(t, source.starts(begin), [2]float64{0, 0.1}, [2]float64{60, 61.1}, [2]float64{120, 122.1})
		if source.windows[0].From != schema.BeginningOfTime || source.windows[1].From != source.windows[0].To || source.windows[2].From != source.windows[1].To {
			t.Fatalf("windows %+v", source.windows)
		}
		if next := time.UnixMicro(w.runner.NextRun("spend")).Sub(begin).Seconds(); next < 180 || next > 183 {
			t.Fatalf("the next run is after %v seconds", next)
		}

		source.set(100*time.Second, nil)
		begin = time.Now()
		time.Sleep(150 * time.Second)
		within(t, source.starts(begin), [2]float64{29, 34}, [2]float64{129, 135})

		// A run on request is a run: the schedule counts from it.
		time.Sleep(200 * time.Second)
		source.set(0, nil)
		time.Sleep(200 * time.Second)
		source.starts(begin)
		begin = time.Now()
		w.run(materialize.Request{View: "spend"})
		time.Sleep(50 * time.Second)
		if n := len(source.starts(begin)); n > 2 {
			t.Fatalf("%d runs in 50 seconds", n)
		}
	})
}

// TestScheduleGoesOnAfterARestart: the watermark says when the last run was.
func TestScheduleGoesOnAfterARestart(t *testing.T) {
	inBubble(t, spend(), nil, func(t *testing.T, w *world, source *empty) {
		w.run(materialize.Request{View: "spend"})
		begin := time.Now()
		source.starts(begin)
		time.Sleep(40 * time.Second)
		w.apply(scheduled(time.Minute))
		time.Sleep(40 * time.Second)
		within(t, source.starts(begin), [2]float64{60, 61.1})
	})
}

// TestRetries tries a scheduled run again, ever less often, shows its error, and
// is back to the schedule once it succeeds.
func TestRetries(t *testing.T) {
	inBubble(t, scheduled(time.Hour), schema.Reason("DOWN").ErrorfAs(schema.Unavailable, "it is down"), func(t *testing.T, w *world, source *empty) {
		begin := time.Now()
		time.Sleep(19500 * time.Millisecond)
		// The waits are 1, 2, 4, 8 and 16 seconds, each less up to half; then the
		// runner looks up to a second late.
		starts := source.starts(begin)
		within(t, starts[:min(5, len(starts))], [2]float64{0, 0.1}, [2]float64{0.5, 2}, [2]float64{1.5, 5}, [2]float64{3.5, 10}, [2]float64{7.5, 19})
		run, _ := w.runner.Last("spend")
		if run.State != materialize.Failed || run.Error != "it is down" || run.Attempt != len(starts) || !run.Scheduled {
			t.Fatalf("%+v", run)
		}

		time.Sleep(time.Hour)
		source.starts(begin)
		begin = time.Now()
		time.Sleep(time.Hour)
		if n := len(source.starts(begin)); n < 11 || n > 25 {
			t.Fatalf("%d tries an hour in the end, want one every 2.5 to 5 minutes", n)
		}

		source.set(0, nil)
		time.Sleep(5*time.Minute + time.Second)
		run, _ = w.runner.Last("spend")
		if run.State != materialize.Succeeded || run.Attempt < 20 {
			t.Fatalf("%+v", run)
		}
		source.starts(begin)
		time.Sleep(50 * time.Minute)
		if n := len(source.starts(begin)); n > 1 {
			t.Fatalf("%d runs in 50 minutes of a schedule of an hour", n)
		}
	})
}

// TestManualRunsAreNotRetried fails once and stays so.
func TestManualRunsAreNotRetried(t *testing.T) {
	inBubble(t, spend(), nil, func(t *testing.T, w *world, source *empty) {
		source.set(0, errBroken)
		if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Failed {
			t.Fatalf("%+v", run)
		}
		source.starts(time.Now())
		time.Sleep(time.Hour)
		within(t, source.starts(time.Now()))
		if w.runner.NextRun("spend") != 0 {
			t.Fatal("a view without a schedule has a next run")
		}
	})
}

// TestWorkers runs two views at once and no more.
func TestWorkers(t *testing.T) {
	defs := spend()
	for _, name := range []string{"second", "third", "fourth"} {
		v := defs.FeatureViews[0]
		v.Name = name
		defs.FeatureViews = append(defs.FeatureViews, v)
	}
	inBubble(t, defs, nil, func(t *testing.T, w *world, source *empty) {
		source.set(10*time.Second, nil)
		begin := time.Now()
		for _, v := range defs.FeatureViews {
			if _, err := w.runner.Start(materialize.Request{View: v.Name}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		within(t, source.starts(begin), [2]float64{0, 0.1}, [2]float64{0, 0.1}, [2]float64{10, 10.1}, [2]float64{10, 10.1})
	})
}

// TestStop cancels what runs and what waits; nothing starts afterwards.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, source := &world{t: t, metrics: prometheus.NewRegistry()}, &empty{takes: time.Hour}
		w.apply(spend())
		w.openStore()
		runner := w.newRunner(source)
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- runner.Run(ctx) }()
		goesOn, err := runner.Start(materialize.Request{View: "spend"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		waits, err := runner.Start(materialize.Request{View: "spend", Mode: schema.Full})
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{goesOn.ID, waits.ID} {
			if run, _ := runner.Get(id); run.State != materialize.Cancelled || run.Error != "the server stopped during the run; the next one reads its window again" {
				t.Fatalf("%+v", run)
			}
		}
		var said *schema.Error
		if _, err := runner.Start(materialize.Request{View: "spend"}); !errors.As(err, &said) || said.Kind != schema.Unavailable {
			t.Fatal(err)
		}
	})
}
