package materialize

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
	"larder/store"
)

// A Source provides the rows of views.
type Source interface {
	// Read takes a snapshot of a view's source, calls choose with the source's clock at
	// that snapshot, in microseconds since 1970 UTC, and then visit with the rows of the
	// window that choose returned, in batches, and with the bad rows among them. When
	// choose returns false, nothing is read. The columns of a record are the join keys, the
	// event time, the ingest time (null where there is none), deleted, and the features,
	// each of its declared type. Then choose is called again: another window is read from
	// the same snapshot, until choose returns false. An error of choose or visit ends it and
	// is returned.
	Read(ctx context.Context, view *schema.View, choose func(now int64) (w schema.Window, wanted bool, err error),
		visit func(rec arrow.Record, bad []schema.BadRow) error) error
	// Estimate returns about how many rows a window has.
	Estimate(ctx context.Context, view *schema.View, w schema.Window) (int64, error)
	// HasLater reports whether a view's source has rows that become visible after a time.
	HasLater(ctx context.Context, view *schema.View, after int64) (bool, error)
}

// A Store stores the rows of views, by number of the view.
type Store interface {
	// Watermark returns the time up to which the rows of a view are stored; false when it
	// was never materialized.
	Watermark(viewID uint32) (store.Watermark, bool, error)
	// NewestEventTime returns the newest event time of the rows of a view; [store.NoEventTime]
	// without rows.
	NewestEventTime(viewID uint32) (int64, error)
	// NewWriter returns a writer of a view's rows. The caller closes it. While another
	// writer of the view is open, NewWriter waits.
	NewWriter(viewID uint32, opts store.WriterOptions) store.Writer
}

// Options configure a Runner.
type Options struct {
	// Catalog returns the catalog that serves now. Required.
	Catalog func() *schema.Catalog
	// Building returns the catalog that will serve once the views are filled that it stores
	// anew; nil when there is none. Nil is always none.
	Building func() *schema.Catalog
	// Unfilled returns the views of next that are to be filled. Required with Building.
	Unfilled func(serving, next *schema.Catalog) ([]string, error)
	// Source is where rows come from. Required.
	Source Source
	// Store is where rows go. Required.
	Store Store
	// LastRows returns how many good rows the last run of a view from the beginning that
	// succeeded has read, of runs before this process; false without one. Nil is always none.
	LastRows func(ctx context.Context, view string) (rows int64, found bool, err error)
	// Workers is how many runs, of different views, run at once. As many again may wait
	// for the first row of a slow source. Defaults to 2.
	Workers int
	// Logger gets a line for every window. Defaults to slog.Default().
	Logger *slog.Logger
	// Registerer gets the metrics larder_materialize_*. Nil keeps none.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(o.Workers, 2)
	if o.Building == nil {
		o.Building = func() *schema.Catalog { return nil }
	}
	if o.LastRows == nil {
		o.LastRows = func(context.Context, string) (int64, bool, error) { return 0, false, nil }
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// The bounds on the runs that a runner remembers.
const (
	maxQueued = 64   // runs of one view that wait
	maxKept   = 1000 // runs that have ended
)

// A Runner materializes views: on request, and by their schedules. It is safe
// for concurrent use. Nothing runs before Run is called.
type Runner struct {
	Options
	metrics *metrics
	wake    chan struct{} // holds one token when there may be something to start

	mu       sync.Mutex
	stopped  bool
	queue    []*task // in order of start, except that runs of one view don't overlap
	running  map[slot]*task
	tasks    map[string]*task // by id
	ended    []*task          // oldest first
	last     map[slot]*task   // the newest run that was requested
	pace     map[slot]*pace
	watchers map[*watcher]struct{}
}

// A task is a run and the state to execute it.
type task struct {
	run    Run // guarded by Runner.mu
	done   chan struct{}
	cancel context.CancelCauseFunc // of a run in progress; guarded by Runner.mu
}

// New returns a runner.
func New(opts Options) (*Runner, error) {
	r := &Runner{
		Options: opts.withDefaults(), wake: make(chan struct{}, 1),
		running: map[slot]*task{}, tasks: map[string]*task{}, last: map[slot]*task{}, pace: map[slot]*pace{},
		watchers: map[*watcher]struct{}{},
	}
	var err error
	r.metrics, err = newMetrics(r, opts.Registerer)
	return r, err
}

// Start queues a run and returns it. If an equal request is already waiting, Start
// returns that run.
func (r *Runner) Start(req Request) (Run, error) {
	req.Mode = cmp.Or(req.Mode, schema.Incremental)
	view, err := r.Catalog().View(req.View)
	if err != nil {
		return Run{}, err
	}
	if view.Stream != nil {
		return Run{}, schema.BadRequest.Errorf("feature view %q is made of the events of stream %q, which are stored as they come; larder stream rebuild %[1]s builds it again from the log", view.Name, view.Stream.Name)
	}
	if req.Mode == schema.Range && req.To != 0 && req.From > req.To {
		return Run{}, schema.BadWindow.Errorf("the window ends before it begins; swap from and to")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return Run{}, schema.Stopping.Errorf("the server is stopping; try again when it is back")
	}
	waiting := 0
	for _, t := range r.queue {
		if t.run.slot() != (slot{view: req.View}) {
			continue
		}
		if t.run.Mode == req.Mode && t.run.From == req.From && t.run.To == req.To {
			return t.run.clone(), nil
		}
		waiting++
	}
	if waiting >= maxQueued {
		return Run{}, schema.TooManyRuns.Errorf("feature view %q: %d runs are waiting already; wait for some to end, or cancel some with `larder materialize --cancel RUN`", req.View, waiting)
	}
	t := r.enqueue(Run{View: req.View, Mode: req.Mode, From: req.From, To: req.To, Attempt: 1})
	return t.run.clone(), nil
}

// enqueue adds a run to the queue. The caller holds mu.
func (r *Runner) enqueue(run Run) *task {
	run.ID, run.State, run.QueuedAt = strings.ToLower(rand.Text()[:16]), Queued, time.Now().UnixMicro()
	t := &task{run: run, done: make(chan struct{})}
	r.queue = append(r.queue, t)
	r.tasks[run.ID] = t
	r.publish(t)
	r.poke()
	return t
}

// poke makes Run check again for runs to start.
func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Get returns a run. Finished runs are forgotten after a thousand others, except the
// last of each view.
func (r *Runner) Get(id string) (Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tasks[id]
	if t == nil {
		return Run{}, false
	}
	return t.run.clone(), true
}

// Last returns the newest requested run of a view.
func (r *Runner) Last(view string) (Run, bool) { return r.newest(slot{view: view}) }

// LastBuilding returns the newest run that stored a view's rows for the next catalog.
func (r *Runner) LastBuilding(view string) (Run, bool) { return r.newest(slot{view, true}) }

func (r *Runner) newest(s slot) (Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.last[s]
	if t == nil {
		return Run{}, false
	}
	return t.run.clone(), true
}

// Wait returns a run once it has ended.
func (r *Runner) Wait(ctx context.Context, id string) (Run, error) {
	r.mu.Lock()
	t := r.tasks[id]
	r.mu.Unlock()
	if t == nil {
		return Run{}, unknownRun(id)
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		return Run{}, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.run.clone(), nil
}

// Cancel stops a run, or keeps it from starting. The rows that it has written stay;
// the watermark does not move.
func (r *Runner) Cancel(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tasks[id]
	switch {
	case t == nil:
		return unknownRun(id)
	case t.run.Ended():
		return schema.RunEnded.Errorf("run %s has already ended (%s)", id, t.run.State)
	case t.cancel != nil:
		t.cancel(errCancelled)
	default:
		r.queue = slices.DeleteFunc(r.queue, func(x *task) bool { return x == t })
		r.end(t, errCancelled)
	}
	return nil
}

func unknownRun(id string) error {
	return schema.UnknownRun.Errorf("no run %q; `larder status` shows the newest of each view", id)
}

// forget drops the oldest runs that ended. The caller holds mu.
func (r *Runner) forget() {
	for len(r.ended) > maxKept {
		t := r.ended[0]
		r.ended = r.ended[1:]
		if r.last[t.run.slot()] != t {
			delete(r.tasks, t.run.ID)
		}
	}
}
