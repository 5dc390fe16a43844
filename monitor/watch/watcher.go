package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/background"
	"larder/monitor"
	"larder/schema"
)

// A Store keeps references and windows for all servers.
type Store interface {
	// Reference returns a part of the reference of a model's version; nil when there is none.
	Reference(ctx context.Context, model string, version int64, part string) (*Reference, error)
	// PutReference keeps a reference, unless there is one, and returns the one that is kept.
	PutReference(ctx context.Context, model string, version int64, part string, r *Reference) (*Reference, error)
	// Trained returns the columns of the training set that a plan's version names; nil when
	// it names none, or an older one without profiles.
	Trained(ctx context.Context, p *schema.Plan) ([]Column, error)
	// PutWindow keeps a window. A window that is kept already stays.
	PutWindow(ctx context.Context, w *Window) error
}

// Options configure a Watcher.
type Options struct {
	Store Store // required
	// Server returns the name of this server. Required.
	Server func() string
	// Every is how long a window is. Windows begin at multiples of it since 1970 UTC. Defaults
	// to 10 minutes.
	Every time.Duration
	// LearnRows is how many rows make a reference where no training set does. Defaults to 1,000.
	LearnRows int64
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// Registerer takes the metrics larder_watch_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

// A Watcher counts what models are fed. It is safe for concurrent use.
type Watcher struct {
	opts    Options
	queue   chan *monitor.Scored
	queued  atomic.Int64 // bytes
	gates   sync.Map     // by model: *gate
	metrics *metrics
	run     string // tells the windows of this process from those of one before, in the same span

	mu      sync.Mutex
	lanes   map[laneKey]*lane
	pending []*Window
}

type laneKey struct {
	model   string
	version int64
}

const (
	// requestsPerSecond is how many requests of a model are counted where its definition
	// doesn't say, and rowsPerSecond how many rows they may have: each is copied first.
	requestsPerSecond = 200
	rowsPerSecond     = 20_000
	// maxRows bounds the rows that are counted of one request.
	maxRows = 256
	// maxQueued and maxQueuedBytes bound the requests that wait to be counted.
	maxQueued      = 1 << 10
	maxQueuedBytes = 64 << 20
	// maxPending bounds the windows that wait for the store.
	maxPending = 4096
	// keepEvery is how often the store is asked, and rates are set.
	keepEvery = time.Second
	// storeWithin is how long the store may take, so that windows end in time.
	storeWithin = 5 * time.Second
	// drainEvery is how often the queue is looked at: waking a reader for each request would
	// cost its sender more than the rest.
	drainEvery = 10 * time.Millisecond
)

// New returns a watcher. It counts while Run runs.
func New(opts Options) *Watcher {
	opts.Every, opts.LearnRows, opts.Logger = cmp.Or(opts.Every, 10*time.Minute), cmp.Or(opts.LearnRows, 1000), cmp.Or(opts.Logger, slog.Default())
	w := &Watcher{opts: opts, run: fmt.Sprintf("%08x", rand.Uint32()), queue: make(chan *monitor.Scored, maxQueued), lanes: map[laneKey]*lane{}}
	w.metrics = newMetrics(opts.Registerer)
	return w
}

// A gate decides which requests of a model are counted.
type gate struct {
	asked atomic.Int64  // requests since the last second
	rows  atomic.Int64  // of them
	share atomic.Uint64 // bits of a float64
}

// Wants reports whether a request of a model, of some rows, is to be counted.
func (w *Watcher) Wants(m *schema.Model, rows int) bool {
	if !m.Watches() {
		return false
	}
	if rate := m.WatchedRate(); rate > 0 {
		return rate >= 1 || rand.Float64() < rate
	}
	found, known := w.gates.Load(m.Name)
	if !known {
		g := new(gate)
		g.share.Store(math.Float64bits(1))
		found, _ = w.gates.LoadOrStore(m.Name, g)
	}
	g := found.(*gate)
	g.asked.Add(1)
	g.rows.Add(int64(rows))
	share := math.Float64frombits(g.share.Load())
	return share >= 1 || rand.Float64() < share
}

// Offer queues a request to be counted, or drops it if too many wait. It never blocks.
func (w *Watcher) Offer(s *monitor.Scored) {
	n := s.MemoryBytes()
	if w.queued.Add(n) <= maxQueuedBytes {
		select {
		case w.queue <- s:
			return
		default:
		}
	}
	w.queued.Add(-n)
	w.metrics.dropped.Add(float64(s.Rows))
}

// Run counts until ctx ends. Then it hands over what was counted so far.
func (w *Watcher) Run(ctx context.Context) error {
	counting := make(chan struct{})
	go func() {
		defer close(counting)
		w.count(ctx)
	}()
	at := w.keep(ctx)
	<-counting
	w.closeWindows(at)
	w.flush(context.WithoutCancel(ctx))
	return nil
}

// count counts what is queued. A request that it fails on is reported and left out.
func (w *Watcher) count(ctx context.Context) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for more := true; more; {
			select {
			case s := <-w.queue:
				w.queued.Add(-s.MemoryBytes())
				if err := background.Try(func() error { w.add(s); return nil }); err != nil {
					w.opts.Logger.Error("a request could not be counted", "model", s.Plan.Model.Name, "error", err)
				}
			default:
				more = false
			}
		}
	}
}

// add counts a request.
func (w *Watcher) add(s *monitor.Scored) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := laneKey{s.Plan.Model.Name, s.Plan.ModelVersion.Version}
	l := w.lanes[key]
	if l == nil {
		l = newLane()
		w.lanes[key] = l
	}
	l.follow(s.Plan)
	w.metrics.rows.Add(float64(l.add(s)))
}

// keep asks the store for references, hands windows over and sets rates, until ctx ends. It
// returns when the window that goes on began.
func (w *Watcher) keep(ctx context.Context) (at int64) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	at = w.windowOf(time.Now())
	for {
		select {
		case <-ctx.Done():
			return at
		case <-tick.C:
		}
		w.gates.Range(func(_, g any) bool {
			g.(*gate).set()
			return true
		})
		w.learn(ctx)
		if now := w.windowOf(time.Now()); now != at {
			w.closeWindows(at)
			at = now
		}
		w.flush(ctx)
	}
}

// set sets the share of the next second by the requests of the last.
func (g *gate) set() {
	asked, rows := float64(g.asked.Swap(0)), float64(g.rows.Swap(0))
	share := min(1, requestsPerSecond/max(1, asked), rowsPerSecond/max(1, rows))
	g.share.Store(math.Float64bits(share))
}

// windowOf returns when the window of a time begins, in microseconds since 1970 UTC.
func (w *Watcher) windowOf(t time.Time) int64 {
	every := w.opts.Every.Microseconds()
	return t.UnixMicro() / every * every
}

// learn finds or makes the references that are missing.
func (w *Watcher) learn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	w.mu.Lock()
	var open []*part
	for _, l := range w.lanes {
		for _, p := range l.parts {
			if p.reference == nil {
				open = append(open, p)
			}
		}
	}
	w.mu.Unlock()
	for _, p := range open {
		if err := w.settle(ctx, p); err != nil {
			if ctx.Err() == nil {
				w.opts.Logger.Debug("a reference can't be read or kept now", "error", err)
			}
			return // the store is probably away
		}
	}
}

// settle gives a part its reference, if there is one, or if it has learned enough.
func (w *Watcher) settle(ctx context.Context, p *part) error {
	w.mu.Lock()
	plan, learned := p.lane.plan, p.learned(w.opts.LearnRows)
	w.mu.Unlock()
	model, version := plan.Model, plan.ModelVersion.Version
	found, err := w.opts.Store.Reference(ctx, model.Name, version, p.name)
	if err != nil {
		return err
	}
	if found == nil && p.name == Features && (model.Monitor == nil || model.Monitor.Reference != schema.FromServing) && plan.ModelVersion.Dataset != "" {
		columns, err := w.opts.Store.Trained(ctx, plan)
		if err != nil {
			return err
		}
		if columns != nil {
			learned = &Reference{Dataset: plan.ModelVersion.Dataset, Columns: columns}
		}
	}
	if found == nil && learned != nil {
		if found, err = w.opts.Store.PutReference(ctx, model.Name, version, p.name, learned); err != nil {
			return err
		}
	}
	if found != nil {
		w.mu.Lock()
		p.compare(found)
		w.mu.Unlock()
	}
	return nil
}

// closeWindows takes what was counted in the window that began at a time.
func (w *Watcher) closeWindows(begins int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, l := range w.lanes {
		for _, p := range l.parts {
			if tallies := p.take(); tallies != nil {
				w.pending = append(w.pending, &Window{
					Model: key.model, Version: key.version, Part: p.name, Reference: p.id, Server: w.opts.Server() + "#" + w.run,
					Begins: begins, Ends: begins + w.opts.Every.Microseconds(), Tallies: tallies,
				})
			}
		}
	}
	if more := len(w.pending) - maxPending; more > 0 {
		w.metrics.lost.Add(float64(more))
		w.pending = w.pending[more:]
	}
}

// flush hands over windows until one fails.
func (w *Watcher) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	for {
		w.mu.Lock()
		if len(w.pending) == 0 {
			w.mu.Unlock()
			return
		}
		next := w.pending[0]
		w.mu.Unlock()
		err := w.opts.Store.PutWindow(ctx, next)
		var said *schema.Error
		switch {
		case err == nil:
			w.metrics.windows.Inc()
		case errors.As(err, &said) && said.Kind == schema.Unavailable || ctx.Err() != nil:
			return // it waits until the store is back
		default:
			w.metrics.lost.Inc()
			w.opts.Logger.Error("a window can't be kept", "model", next.Model, "error", err)
		}
		w.mu.Lock()
		if len(w.pending) > 0 && w.pending[0] == next {
			w.pending = w.pending[1:]
		}
		w.mu.Unlock()
	}
}
