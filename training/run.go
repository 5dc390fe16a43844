package training

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

	"larder/internal/background"
	"larder/schema"
	"larder/store/offline"
)

// maxWorkers is how many connections a set uses at most. More than two gain
// little where Postgres has no cores to spare, and leave fewer for others.
const maxWorkers = 2

// A run is one building of a set.
type run struct {
	set     *Set
	moment  *offline.Moment
	workers []*worker
	report  *report
	costs   []offline.Cost // of each view
	tooWide []bool         // of each view: the winners of a block don't fit in memory, and there is an index
	rows    int64          // given out
	// mostRows is how many rows a block may have, so that the histories fit in memory.
	mostRows int
}

// Run reads a spine to its end and calls visit with the batches of the set, in
// order. A batch is released after visit returns; a visitor that keeps it retains
// it. An error of visit ends the run and is returned as it is. The manifest says
// what was built.
func (s *Set) Run(ctx context.Context, spine array.RecordReader, visit func(arrow.Record) error) (*Manifest, error) {
	in, err := s.newReader(spine)
	if err != nil {
		return nil, err
	}
	defer in.close()
	r := &run{set: s}
	if r.report, err = newReport(s); err != nil {
		return nil, err
	}
	if len(s.views) > 0 {
		if r.moment, err = s.store.Moment(ctx, s.sources()); err != nil {
			return nil, err
		}
		defer r.moment.Close()
	}
	r.workers = make([]*worker, min(maxWorkers, runtime.GOMAXPROCS(0)))
	defer r.closeWorkers()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	r.mostRows = r.blockRows()
	for {
		in.blockRows = r.mostRows
		b, err := in.block()
		if err != nil {
			return nil, err
		}
		if len(b.chunks) == 0 {
			break
		}
		err = r.block(ctx, b, in.read, visit)
		b.release()
		if err != nil {
			return nil, err
		}
	}
	return r.report.manifest(in.close(), r.rows, time.Now()), nil
}

// sources returns the views whose rows are read: of an aggregate view, its events.
func (s *Set) sources() []*schema.View {
	views := make([]*schema.View, len(s.views))
	for i, v := range s.views {
		if views[i] = v; v.Aggregates != nil {
			views[i] = v.Events()
		}
	}
	return views
}

// prepare opens the first worker and asks Postgres about each view.
func (r *run) prepare(ctx context.Context) error {
	var err error
	if r.workers[0], err = r.newWorker(ctx); err != nil || r.moment == nil {
		return err
	}
	r.costs, r.tooWide = make([]offline.Cost, len(r.set.views)), make([]bool, len(r.set.views))
	for i, v := range r.set.views {
		if r.costs[i], err = r.workers[0].session.Cost(ctx, i); err != nil {
			return err
		}
		statement, err := r.workers[0].session.MissingIndex(ctx, i)
		if err != nil {
			return err
		}
		if statement != "" {
			r.report.missingIndex(v.Name, statement)
		}
	}
	return nil
}

func (r *run) closeWorkers() {
	for _, w := range r.workers {
		if w != nil {
			w.close()
		}
	}
}

// block builds the rows of a block and gives them out in order.
func (r *run) block(ctx context.Context, b *block, read int64, visit func(arrow.Record) error) error {
	histories, fit, err := r.readHistories(ctx, b)
	if err != nil {
		return err
	}
	if !fit && len(b.chunks) > 1 {
		return r.halves(ctx, b, read, visit)
	}
	slots := make([]chan *built, len(b.chunks))
	for i := range slots {
		slots[i] = make(chan *built, 1)
	}
	// A chunk is begun when all but a few of the earlier chunks were returned.
	tokens := make(chan struct{}, len(r.workers)+2)
	for range cap(tokens) {
		tokens <- struct{}{}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- r.parallel(ctx, len(b.chunks), func(ctx context.Context, w *worker, i int) error {
			err := w.build(ctx, b.chunks[i], histories, func(x *built) error {
				select {
				case slots[i] <- x:
					return nil
				case <-ctx.Done():
					x.rec.Release()
					return context.Cause(ctx)
				}
			})
			if err == nil {
				close(slots[i])
			}
			return err
		}, tokens)
	}()
	if err = r.giveOut(slots, tokens, done, read, visit); err != nil {
		stop() // when everything was returned, the workers end by themselves
	}
	if workErr := <-done; err == nil {
		err = workErr
	}
	for _, slot := range slots {
		select {
		case x, any := <-slot:
			if any {
				x.rec.Release()
			}
		default:
		}
	}
	return err
}

// halves builds a block whose winners need too much memory in two parts, and makes the
// next blocks as small.
func (r *run) halves(ctx context.Context, b *block, read int64, visit func(arrow.Record) error) error {
	half := len(b.chunks) / 2
	r.mostRows = half * ChunkRows
	for _, chunks := range [][]*chunk{b.chunks[:half], b.chunks[half:]} {
		part := &block{chunks: chunks, latest: b.latest}
		for _, c := range chunks {
			part.rows += len(c.times)
		}
		if err := r.block(ctx, part, read, visit); err != nil {
			return err
		}
	}
	return nil
}

// giveOut visits batches in order until all were visited or the work failed.
func (r *run) giveOut(slots []chan *built, tokens chan struct{}, done chan error, read int64, visit func(arrow.Record) error) error {
	for _, slot := range slots {
		for {
			x, any, err := next(slot, done)
			if err != nil {
				return err
			}
			if !any {
				break
			}
			r.report.add(x)
			r.rows += x.rec.NumRows()
			err = visit(x.rec)
			x.rec.Release()
			if err != nil {
				return err
			}
		}
		if r.set.req.Progress != nil {
			r.set.req.Progress(Progress{Rows: r.rows, Of: read})
		}
		tokens <- struct{}{}
	}
	return nil
}

// next returns the next batch of a chunk. There is none at the chunk's end. It returns
// the error that ended the work once no batch is left.
func next(slot chan *built, done chan error) (x *built, any bool, err error) {
	select {
	case x, any = <-slot:
		return x, any, nil
	case err := <-done:
		done <- err // for the caller to see
		select {
		case x, any = <-slot:
			return x, any, nil
		default:
			return nil, false, err
		}
	}
}

// parallel calls work for 0 to n-1, begun in order, each on an idle worker. It waits
// only for the first worker: others take part as soon as they get a connection. It
// takes a token first, if there are tokens.
func (r *run) parallel(ctx context.Context, n int, work func(ctx context.Context, w *worker, i int) error, tokens chan struct{}) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	begun, allBegun := context.WithCancel(ctx)
	defer allBegun()
	for at := range min(n, len(r.workers)) {
		g.Go(func() error {
			return background.Try(func() error {
				if r.workers[at] == nil {
					w, err := r.newWorker(begun)
					if err != nil {
						return nil // the first worker meets any error itself
					}
					r.workers[at] = w
				}
				for {
					if tokens != nil {
						select {
						case <-tokens:
						case <-ctx.Done():
							return context.Cause(ctx)
						}
					}
					i := int(next.Add(1)) - 1
					if i >= n {
						allBegun()
						if tokens != nil {
							tokens <- struct{}{}
						}
						return nil
					}
					if err := work(ctx, r.workers[at], i); err != nil {
						return err
					}
				}
			})
		})
	}
	return g.Wait()
}
