package featurelog

import (
	"cmp"
	"context"
	"math"
	"time"

	"larder/internal/background"
	"larder/monitor"
)

// A Table keeps rows outside of files: in Postgres. One goroutine adds to it.
type Table interface {
	// AppendLogged adds rows, all or none.
	AppendLogged(ctx context.Context, rows []Row) error
	// ReadLogged calls visit with the rows of a model whose clock readings lie between two
	// times, both included, without the model's inputs.
	ReadLogged(ctx context.Context, model string, from, until int64, visit func(*Row) error) error
	// DropLogged deletes some of the rows that were added before a time, and reports
	// whether there are more.
	DropLogged(ctx context.Context, before time.Time) (more bool, err error)
}

// A Row is a scored row in a table.
type Row struct {
	RequestID      string
	Row            int32 // of the request
	Role           string
	Model          string
	ModelVersion   int64
	CatalogVersion int64
	At             int64 // microseconds since 1970 UTC
	Latency        time.Duration
	Score          float64 // NaN for a model without a score
	Overridden     []string
	// JSON objects, as appendJSON writes values. Statuses and Ages are by view, the
	// ages in microseconds.
	Keys, Request, Statuses, Ages []byte
	// The batches that aggregate views were answered from, as a JSON object by view; nil
	// when there are none.
	Positions []byte
	// The inputs of a model with one tensor, in the order of its feature service. For
	// other models Inputs has them, as a JSON object by feature.
	Vector []float32
	Inputs []byte
	// The outputs that were computed, as a JSON object; nil when there are none.
	Outputs []byte
}

const (
	tableRows    = 2048                   // rows that are written at once, or the rows of one request
	tableDelay   = 250 * time.Millisecond // how long rows wait for more
	tableTimeout = 5 * time.Second        // for one write; then its rows are dropped
	dropEvery    = time.Minute
)

// A table writes entries to a Table. One goroutine runs it.
type table struct {
	to      Table
	opts    Options
	metrics *metrics
	queue   *queue
	flushes chan chan error // asked of run
	waiting []Row
	failing bool // the last write failed, and this was logged
}

func newTable(opts Options, m *metrics) *table {
	return &table{to: opts.Table, opts: opts, metrics: m, flushes: make(chan chan error), queue: newQueue(opts.MaxQueued, func(rows int) { m.drop(dropTableQueue, rows) })}
}

// run writes until ctx ends, and then writes the rows that still wait, within the
// limit of one write.
func (t *table) run(ctx context.Context) error {
	dropping := make(chan struct{})
	go func() {
		defer close(dropping)
		t.dropOld(ctx)
	}()
	defer func() { <-dropping }()
	tick, look := time.NewTicker(tableDelay), time.NewTicker(drainEvery)
	defer tick.Stop()
	defer look.Stop()
	// A write that has begun is finished even when ctx ends.
	writing := context.WithoutCancel(ctx)
	for {
		select {
		case <-look.C:
			t.takeAll(writing)
		case <-tick.C:
			t.flush(writing)
		case done := <-t.flushes:
			t.drain(writing)
			done <- nil // dropped rows are counted
		case <-ctx.Done():
			last, cancel := context.WithTimeout(writing, tableTimeout)
			defer cancel()
			t.drain(last)
			return nil
		}
	}
}

// drain writes the waiting rows.
func (t *table) drain(ctx context.Context) {
	t.takeAll(ctx)
	t.flush(ctx)
}

func (t *table) takeAll(ctx context.Context) {
	for range len(t.queue.entries) {
		t.take(ctx, <-t.queue.entries)
	}
}

func (t *table) take(ctx context.Context, e *entry) {
	t.queue.took(e)
	skip, left := t.opts.forget(e)
	if left == 0 {
		return
	}
	err := background.Try(func() error {
		t.waiting = appendRows(t.waiting, e, skip)
		return nil
	})
	if err != nil {
		t.tell(err)
		t.metrics.drop(dropTable, e.Rows)
		return
	}
	if len(t.waiting) >= tableRows {
		t.flush(ctx)
	}
}

// flush writes the rows that wait, or drops them.
func (t *table) flush(ctx context.Context) {
	if len(t.waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	err := background.Try(func() error { return t.to.AppendLogged(ctx, t.waiting) })
	if err == nil {
		t.failing = false
		t.metrics.alarm(toTable, false)
		t.metrics.tableRows.Add(float64(len(t.waiting)))
	} else {
		t.tell(err)
		t.metrics.drop(dropTable, len(t.waiting))
	}
	clear(t.waiting) // to free what they point at
	t.waiting = t.waiting[:0]
}

// tell logs only the first of successive errors.
func (t *table) tell(err error) {
	if !t.failing {
		t.opts.Logger.Error("cannot write the table of the feature log; rows are dropped until it can be written", "error", err)
	}
	t.failing = true
	t.metrics.alarm(toTable, true)
}

// dropOld deletes rows past their time to be kept, until ctx ends.
func (t *table) dropOld(ctx context.Context) {
	tick := time.NewTicker(min(dropEvery, t.opts.Keep))
	defer tick.Stop()
	for {
		more, err := true, error(nil)
		for more && err == nil {
			err = background.Try(func() (err error) {
				more, err = t.to.DropLogged(ctx, time.Now().Add(-t.opts.Keep))
				return err
			})
		}
		if err != nil && ctx.Err() == nil {
			t.opts.Logger.Warn("cannot delete old rows of the feature log's table now", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// appendRows appends the rows of an entry, except those to skip. Their vectors are the
// entry's.
func appendRows(rows []Row, e *entry, skip []bool) []Row {
	p := e.Plan
	for i := range e.Rows {
		if skip != nil && skip[i] {
			continue
		}
		r := Row{
			RequestID: e.RequestID, Row: int32(e.Number(i)), Role: string(cmp.Or(e.Role, monitor.Serve)), Model: p.Model.Name, ModelVersion: p.ModelVersion.Version,
			CatalogVersion: p.Catalog.Version, At: e.At, Latency: e.Latency, Score: math.NaN(), Overridden: e.overridden,
			Keys: columnsJSON(&e.Keys, i), Request: columnsJSON(&e.Request, i), Outputs: e.outputsJSON(i),
		}
		if e.Scores != nil {
			r.Score = e.Scores[i]
		}
		r.Statuses, r.Ages, r.Positions = e.foundJSON(i)
		if e.Dense != nil {
			width := len(p.Features)
			r.Vector = e.Dense[i*width : (i+1)*width : (i+1)*width]
		} else {
			r.Inputs = e.inputsJSON(i)
		}
		rows = append(rows, r)
	}
	return rows
}
