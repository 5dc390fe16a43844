package scoring

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

// A batcher scores rows of several requests in one run of a model. While fewer runs
// than the limit go on, a request runs at once and alone. Otherwise it waits until a
// run ends, at most for delay. A run that ends hands the waiting requests, in order of
// arrival, to the first of them, which scores them all. After delay a request starts a
// run in any case. Safe for concurrent use.
type batcher struct {
	model   *Model
	maxRows int
	delay   time.Duration // the longest that a request is held
	most    int           // runs that go on before requests are held

	batches, requests prometheus.Counter

	mu      sync.Mutex
	running int
	queue   []*held     // the first came first
	timer   *time.Timer // calls overdue; nil before the first is held
	armed   bool
}

// A held request waits for a run. It is reused with its Run: its channels are empty
// once it has been scored.
type held struct {
	run    *Run
	leads  chan []*held // gets the batch that this request must score, itself included
	scored chan error   // the result of the batch that another request scored
	since  time.Time
}

// unshared says why requests don't share runs although the definition asks for it:
// because that would not make them faster, or would change scores. "" when they do, or
// when it doesn't ask.
func (m *Model) unshared(ctx context.Context, asked *schema.Batching) (string, error) {
	switch {
	case asked == nil:
		return "", nil
	case m.facts.together():
		return "its score is computed with all of its outputs, and such runs are not shared", nil
	case m.trees != nil:
		return "Larder walks the trees of the model itself, which is not faster for several requests at a time", nil
	case m.chunk == 1:
		return "it gets one row at a time, because " + m.oneRow(), nil
	}
	same, err := m.sameInBatches(ctx, asked.MaxBatch)
	if err == nil && !same {
		return "the last bits of a score depend on how many rows are scored at a time", nil
	}
	return "", err
}

func newBatcher(m *Model, b *schema.Batching, most int) *batcher {
	return &batcher{
		model: m, maxRows: b.MaxBatch, delay: b.MaxDelay.Std(), most: most,
		batches: m.metrics.batches.WithLabelValues(m.name), requests: m.metrics.batched.WithLabelValues(m.name),
	}
}

// score scores a run, alone or with others.
func (b *batcher) score(ctx context.Context, r *Run) error {
	h, alone := b.enter(ctx, r)
	if alone {
		defer b.leave()
		return r.scoreAlone(ctx)
	}
	select {
	case batch := <-h.leads:
		defer b.leave()
		return b.lead(ctx, batch)
	case err := <-h.scored:
		return r.orAlone(ctx, err)
	case <-ctx.Done():
	}
	if b.withdraw(h) {
		defer b.leave()
		return r.scoreAlone(ctx) // returns ctx's error if ctx has ended
	}
	select { // the request is in a batch already, and the batch reads and writes its run
	case batch := <-h.leads:
		defer b.leave()
		return b.lead(ctx, batch)
	case err := <-h.scored:
		return r.orAlone(ctx, err)
	}
}

// enter begins a run, or holds the request. A request is not held if it is too large
// to share a run, or if its deadline may pass while it waits.
func (b *batcher) enter(ctx context.Context, r *Run) (h *held, alone bool) {
	patient := r.rows < b.maxRows
	if deadline, has := ctx.Deadline(); has && patient {
		patient = time.Until(deadline) > 2*(b.delay+time.Duration(b.maxRows)*b.model.RowCost)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running < b.most || !patient {
		b.running++
		return nil, true
	}
	if r.held == nil {
		r.held = &held{run: r, leads: make(chan []*held, 1), scored: make(chan error, 1)}
	}
	r.held.since = time.Now()
	b.queue = append(b.queue, r.held)
	b.arm(b.delay)
	return r.held, false
}

// arm starts the timer unless it is running. When the timer fires, it looks at
// whichever request is then first in the queue.
func (b *batcher) arm(after time.Duration) {
	switch {
	case b.armed:
		return
	case b.timer == nil:
		b.timer = time.AfterFunc(after, b.overdue)
	default:
		b.timer.Reset(after)
	}
	b.armed = true
}

// overdue begins a run for the requests that were held for delay, no matter how many
// runs go on.
func (b *batcher) overdue() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	for len(b.queue) > 0 {
		if left := b.delay - time.Since(b.queue[0].since); left > 0 {
			b.arm(left)
			return
		}
		b.running++
		b.begin()
	}
}

// withdraw takes a request out of the queue and counts it as running. It returns false
// when the request is in a batch already.
func (b *batcher) withdraw(h *held) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.queue, h)
	if at < 0 {
		return false
	}
	b.queue = slices.Delete(b.queue, at, at+1)
	b.running++
	return true
}

// leave ends a run, and begins the next one with the waiting requests.
func (b *batcher) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 || b.running > b.most {
		b.running--
		return
	}
	b.begin()
}

// begin hands the next batch to the first request in it.
func (b *batcher) begin() {
	n, rows := 1, b.queue[0].run.rows
	for n < len(b.queue) && rows+b.queue[n].run.rows <= b.maxRows {
		rows += b.queue[n].run.rows
		n++
	}
	batch := slices.Clone(b.queue[:n])
	b.queue = slices.Delete(b.queue, 0, n)
	batch[0].leads <- batch
}

// lead scores a batch. The first request in it is the caller's.
func (b *batcher) lead(ctx context.Context, batch []*held) error {
	if len(batch) == 1 {
		return batch[0].run.scoreAlone(ctx)
	}
	return batch[0].run.orAlone(ctx, b.answer(batch))
}

// errPanicked is the error of the other requests of a batch when its leader panics.
var errPanicked = errors.New("the request that scored the batch panicked")

// answer scores a batch and sends the result to every request in it except the first,
// which is the caller's. It also does so when it panics, so that no request waits
// forever.
func (b *batcher) answer(batch []*held) (err error) {
	err = errPanicked
	defer func() {
		for _, h := range batch[1:] {
			h.scored <- err
		}
	}()
	return b.together(batch)
}

// together scores the rows of a batch in one run. Several requests share the run, so
// no deadline stops it, only the model's time limit.
func (b *batcher) together(batch []*held) error {
	rows := 0
	for _, h := range batch {
		rows += h.run.rows
	}
	r, err := b.model.Acquire(rows)
	if err != nil {
		return err
	}
	defer r.Release()
	first := 0
	for _, h := range batch {
		for i := range h.run.inputs {
			r.inputs[i].copyRows(first, &h.run.inputs[i], h.run.rows)
		}
		first += h.run.rows
	}
	if err := r.scoreAlone(context.Background()); err != nil {
		return err
	}
	b.batches.Inc()
	b.requests.Add(float64(len(batch)))
	first = 0
	for _, h := range batch {
		first += copy(h.run.scores[:h.run.rows], r.scores[first:])
	}
	return nil
}

// orAlone scores the run by itself when the batch that it was in could not be scored:
// the inputs of another request must not fail this one.
func (r *Run) orAlone(ctx context.Context, batchErr error) error {
	if batchErr == nil {
		return nil
	}
	return r.scoreAlone(ctx)
}

// copyRows copies the first rows of another buffer to row first on.
func (b *buffer) copyRows(first int, from *buffer, rows int) {
	if b.elem == String {
		copy(b.strings[first*b.width:], from.rowStrings(0, rows))
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Add(b.start, b.bytes(first))), b.bytes(rows)), unsafe.Slice((*byte)(from.start), b.bytes(rows)))
}
