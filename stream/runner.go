package stream

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"larder/internal/egress"
	"larder/schema"
	"larder/store/eventlog"
	"larder/store/forgotten"
	"larder/stream/source"
)

// Options configure a Runner. Every field is required unless its comment says otherwise.
type Options struct {
	// Catalog returns the catalog that serves now; Building the one that will serve once its
	// views are filled, or nil.
	Catalog  func() *schema.Catalog
	Building func() *schema.Catalog
	Logs     *eventlog.Store
	Store    Store
	// Open opens the source of a stream that has one.
	Open func(ctx context.Context, stream *schema.Stream, from []source.Position) (Source, error)
	// Secrets returns the value of a variable that definitions name; false when there is none.
	Secrets func(name string) (string, bool)
	// Hosts are those that schema registries may be at. Nil allows all but link-local
	// addresses.
	Hosts *egress.Hosts
	// Forgotten returns the forgotten keys, whose events don't count any more. It changes
	// while the store keeps writers out. Nil: none are forgotten.
	Forgotten func() *forgotten.List
	// Server is the name of this server, for people.
	Server string
	// Lease is how long this process may read a source without renewing its lease, and so how
	// long a source rests when a process dies. It is renewed three times as often. Defaults to
	// 3 seconds.
	Lease time.Duration
	// SweepEvery is how often states whose events no window holds any more are deleted.
	// Defaults to an hour.
	SweepEvery time.Duration
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer gets the metrics larder_stream_*. Nil keeps none.
	Registerer prometheus.Registerer
}

// A Runner brings the events of all streams in. It is safe for concurrent use.
type Runner struct {
	Options
	holder    eventlog.Holder
	metrics   *metrics
	pushes    *semaphore.Weighted
	backfills *semaphore.Weighted

	mu    sync.Mutex
	tasks map[string]*task // by stream
}

// New returns a runner. Nothing runs before Run is called, except pushes.
func New(opts Options) *Runner {
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	opts.Lease = cmp.Or(opts.Lease, leaseTime)
	opts.SweepEvery = cmp.Or(opts.SweepEvery, sweepAfter)
	return &Runner{
		Options: opts, metrics: newMetrics(opts.Registerer), pushes: semaphore.NewWeighted(maxWaiting), backfills: semaphore.NewWeighted(maxBackfills), tasks: map[string]*task{},
		holder: eventlog.Holder{ID: opts.Server + " " + rand.Text(), Server: opts.Server},
	}
}

// A task is one stream: its writer, its feed and the tails of its views.
type task struct {
	stream *schema.Stream
	views  []*schema.View
	feed   *feed
	writer *writer
	tails  []*tail
	stop   context.CancelFunc
	ended  sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a tail has applied something
}

// reconcileEvery is how often the runner looks for another catalog.
const reconcileEvery = 200 * time.Millisecond

// Run follows the catalog until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	defer r.stopAll()
	var listening sync.WaitGroup
	listening.Go(func() { r.listen(ctx) })
	defer listening.Wait()
	var serving, building *schema.Catalog
	for {
		if c, b := r.Catalog(), r.Building(); c != serving || b != building {
			r.reconcile(ctx, c, b)
			serving, building = c, b
		}
		r.measure()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// listen hears of new batches that other servers commit.
func (r *Runner) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.Logs.Listen(ctx, func(stream string) {
			if t := r.task(stream); t != nil {
				t.feed.poke()
			}
		})
		if err != nil && ctx.Err() == nil {
			r.Logger.Debug("streams are polled, since Postgres can't be listened to", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (r *Runner) task(stream string) *task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tasks[stream]
}

// reconcile starts and stops tasks, so that they are those of the catalogs.
func (r *Runner) reconcile(ctx context.Context, catalogs ...*schema.Catalog) {
	wanted := map[string]*task{}
	for _, c := range catalogs {
		if c == nil {
			continue
		}
		for i := range c.Definitions.Streams {
			s := &c.Definitions.Streams[i]
			t := wanted[s.Name]
			if t == nil {
				t = &task{stream: s}
				wanted[s.Name] = t
			}
			for _, v := range c.StreamViews(s.Name) {
				if !slices.ContainsFunc(t.views, func(x *schema.View) bool { return x.ID == v.ID }) {
					t.views = append(t.views, v)
				}
			}
		}
	}
	r.mu.Lock()
	old := r.tasks
	r.mu.Unlock()
	next := map[string]*task{}
	for name, t := range wanted {
		if was := old[name]; was != nil && was.same(t) {
			next[name] = was
			continue
		}
		if was := old[name]; was != nil {
			was.end()
		}
		r.start(ctx, t)
		next[name] = t
	}
	for name, was := range old {
		if wanted[name] == nil {
			was.end()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks = next
	r.metrics.forget(old, next)
}

// same reports whether a task does what another one would.
func (t *task) same(other *task) bool {
	if !reflect.DeepEqual(t.stream, other.stream) || len(t.views) != len(other.views) {
		return false
	}
	for i, v := range t.views {
		if o := other.views[i]; v.ID != o.ID || v.Layout() != o.Layout() || !reflect.DeepEqual(v.Aggregates, o.Aggregates) || !reflect.DeepEqual(v.Features, o.Features) {
			return false
		}
	}
	return true
}

func (r *Runner) start(ctx context.Context, t *task) {
	ctx, t.stop = context.WithCancel(ctx)
	log := r.Logs.Log(t.stream)
	t.feed, t.changed = newFeed(log), make(chan struct{})
	t.writer = &writer{Runner: r, stream: t.stream, log: log, feed: t.feed, logger: r.Logger}
	for _, v := range t.views {
		tl := &tail{view: v, feed: t.feed, store: r.Store, log: r.Logger, onApplied: t.tell, newest: math.MinInt64, sweepEvery: r.SweepEvery, forgotten: r.Forgotten, metrics: r.metrics}
		tl.building.Store(-1)
		t.tails = append(t.tails, tl)
	}
	t.ended.Go(func() { t.feed.run(ctx, func(err error) { r.told(t, &t.feed.problem, "", err) }) })
	t.ended.Go(func() { t.writer.run(ctx) })
	for _, tl := range t.tails {
		of := fmt.Sprintf("view %q: ", tl.view.Name)
		t.ended.Go(func() { tl.run(ctx, func(err error) { r.told(t, &tl.problem, of, err) }) })
	}
}

// told keeps the newest problem of a feed or a tail, and logs each once.
func (r *Runner) told(t *task, problem *atomic.Pointer[string], of string, err error) {
	if err == nil {
		problem.Store(nil)
		return
	}
	text := of + shown(err)
	if before := problem.Swap(&text); before == nil || *before != text {
		r.Logger.Warn("a stream can't be followed now; what is in the store is served", "stream", t.stream.Name, "error", err)
	}
}

// problem returns why the stream can't be followed; empty when it can.
func (t *task) problem() string {
	if p := t.feed.problem.Load(); p != nil {
		return *p
	}
	for _, tl := range t.tails {
		if p := tl.problem.Load(); p != nil {
			return *p
		}
	}
	return ""
}

// shown returns an error as people may see it.
func shown(err error) string {
	var said *schema.Error
	if errors.As(err, &said) {
		return said.Message
	}
	return err.Error()
}

func (t *task) end() {
	t.stop()
	t.ended.Wait()
}

func (r *Runner) stopAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tasks {
		t.end()
	}
}

// tell wakes those who wait for applied.
func (t *task) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

// applied returns the last batch that all views have, and a channel that is closed when
// that may have changed.
func (t *task) applied() (int64, <-chan struct{}) { return t.appliedBut(false) }

// appliedBut is applied, maybe without the views that are being built.
func (t *task) appliedBut(building bool) (int64, <-chan struct{}) {
	t.mu.Lock()
	changed := t.changed
	t.mu.Unlock()
	least := int64(math.MaxInt64)
	for _, tl := range t.tails {
		if !building || tl.building.Load() < 0 {
			least = min(least, tl.applied.Load())
		}
	}
	return least, changed
}

// measure sets the gauges.
func (r *Runner) measure() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixMicro()
	for _, t := range r.tasks {
		if seq, _, known := t.feed.position(); known {
			r.metrics.position.WithLabelValues(t.stream.Name).Set(float64(seq))
		}
		for _, tl := range t.tails {
			r.metrics.fresh.WithLabelValues(tl.view.Name).Set(max(0, float64(now-tl.at.Load())/1e6))
		}
	}
}

// committed counts what an addition to a log did.
func (r *Runner) committed(stream string, a *eventlog.Added, dead int, took time.Duration) {
	r.metrics.commit.WithLabelValues(stream).Observe(took.Seconds())
	if a.Repeated {
		return
	}
	for result, n := range map[string]int64{
		"appended": a.Appended, "duplicate": a.Duplicate, "corrected": a.Corrected, "retracted": a.Retracted, "unknown": a.Unknown, "dead": int64(dead),
	} {
		r.metrics.events.WithLabelValues(stream, result).Add(float64(n))
	}
}

// newID returns an id for an event that has none.
func newID() string { return strings.ToLower(rand.Text()) }

func (r *Runner) pushID() string { return newID() }

// Position returns the last batch of its stream that this server serves in a view, and
// up to which stamp, in microseconds since 1970 UTC; false when it does not follow it.
func (r *Runner) Position(view *schema.View) (seq, at int64, known bool) {
	t := r.task(view.Stream.Name)
	if t == nil {
		return 0, 0, false
	}
	for _, tl := range t.tails {
		if tl.view.ID == view.ID {
			return tl.applied.Load(), tl.at.Load(), true
		}
	}
	return 0, 0, false
}

// Rebuild builds a view again from the log of its stream, on this server.
func (r *Runner) Rebuild(view *schema.View) error {
	t := r.task(view.Stream.Name)
	if t != nil {
		for _, tl := range t.tails {
			if tl.view.ID == view.ID {
				tl.rebuild.Store(true)
				tl.feed.nudge()
				return nil
			}
		}
	}
	return fmt.Errorf("this server does not follow stream %q yet", view.Stream.Name)
}

// A Progress is how far a view of a stream is on this server.
type Progress struct {
	Batch    int64 // the last one that it serves
	At       int64 // it serves everything that was committed up to then
	Building bool  // it is being built from the log
	Events   int64 // read so far by the build
}

// Progress returns how far a view is; false when this server does not follow its stream.
func (r *Runner) Progress(view *schema.View) (Progress, bool) {
	t := r.task(view.Stream.Name)
	if t == nil {
		return Progress{}, false
	}
	for _, tl := range t.tails {
		if tl.view.ID == view.ID {
			read := tl.building.Load()
			return Progress{Batch: tl.applied.Load(), At: tl.at.Load(), Building: read >= 0, Events: max(read, 0)}, true
		}
	}
	return Progress{}, false
}

// State returns what this server does with the source of a stream, and why it can't.
func (r *Runner) State(stream string) (state, problem string) {
	t := r.task(stream)
	if t == nil {
		return stateStandby, ""
	}
	if now := t.writer.state.Load(); now != nil {
		state, problem = now.State, now.Error
	}
	return cmp.Or(state, stateStandby), cmp.Or(problem, t.problem())
}

// Problem returns why this server can't bring the batches of a stream's log into its
// store; empty when it can.
func (r *Runner) Problem(stream string) string {
	if t := r.task(stream); t != nil {
		return t.problem()
	}
	return ""
}
