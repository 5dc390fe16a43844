package training

import (
	"context"
	"math"
	"sync/atomic"

	"larder/schema"
	"larder/store/offline"
	"larder/store/row"
)

// The cost of the two ways in microseconds, measured by BenchmarkWays with Postgres on
// the same two cores. A look-up through an index costs up to indexCost in the units of
// Postgres's planner; a higher cost means reading without an index.
const (
	lookUpMicros    = 5.5
	indexCost       = 100.0
	microsPerCost   = 2.0
	historyMicros   = 0.7 // per row of the history
	historyFixed    = 10_000.0
	maxHistoryBytes = 320 << 20 // that the winners of a block take, of all views
	placeBytes      = 100       // of a row of a block in a view, beside its winner
	variableBytes   = 64        // of a winner's strings and lists, expected; others may find more room left
)

// lookUps and readHistory are what the ways cost for n rows, in microseconds.
func lookUps(n int, c offline.Cost) float64 {
	return float64(n) * (lookUpMicros + microsPerCost*max(0, c.Probe-indexCost))
}

func readHistory(c offline.Cost) float64 { return historyFixed + historyMicros*float64(c.Rows) }

// readsHistory reports whether reading a view's history is cheaper than n look-ups.
func readsHistory(n int, c offline.Cost) bool { return lookUps(n, c) > readHistory(c) }

// winnerBytes is the expected size of a winner of a view.
func winnerBytes(v *schema.View) int64 {
	return int64(row.NewLayout(v.Layouts[v.Layout()]).FixedEnd) + variableBytes
}

// A choice lists the views whose histories are read for a block.
type choice struct {
	views  []int
	left   int64   // bytes that remain for more
	micros float64 // for all views, including those that are looked up
}

// choose selects the histories that are worth reading for a block of n rows and that
// fit in memory.
func (r *run) choose(n int) choice {
	out := choice{left: r.set.historyBytes}
	for view, v := range r.set.views {
		bytes := (winnerBytes(v) + placeBytes) * int64(n)
		if v.Aggregates != nil { // its events are read, not looked up
			out.views, out.left = append(out.views, view), max(out.left-bytes, 0)
			out.micros += readHistory(r.costs[view])
			continue
		}
		if bytes <= out.left && !r.tooWide[view] && r.set.readsHistory(n, r.costs[view]) {
			out.views, out.left = append(out.views, view), out.left-bytes
			out.micros += readHistory(r.costs[view])
		} else {
			out.micros += lookUps(n, r.costs[view])
		}
	}
	return out
}

// blockRows is the most rows of a spine in a block. If the histories for the largest
// block don't fit in memory, those for a smaller one may.
func (r *run) blockRows() int {
	rows, least := maxBlockRows, math.Inf(1)
	for n := maxBlockRows; n > 0; n -= maxBlockRows / 8 {
		if each := r.choose(n).micros / float64(n); each < least {
			rows, least = n, each
		}
	}
	return rows
}

// readHistories reads the histories of the views that a block needs a large part of.
// The others are nil. If the winners of a view don't fit in memory, its rows are looked
// up from then on. Without an index that takes too long: then the block doesn't fit.
func (r *run) readHistories(ctx context.Context, b *block) (histories []*history, fit bool, err error) {
	histories = make([]*history, len(r.set.views))
	chosen := r.choose(b.rows)
	views, spare := chosen.views, chosen.left/int64(max(len(chosen.views), 1))
	if len(views) == 0 {
		return histories, true, nil
	}
	keys, err := r.keysOf(b, views)
	if err != nil {
		return nil, false, err
	}
	var tooLarge atomic.Bool
	err = r.parallel(ctx, len(views), func(ctx context.Context, w *worker, i int) error {
		h := newHistory(b, views[i], keys[i], spare+int64(b.rows)*winnerBytes(r.set.views[views[i]]))
		keys[i] = nil
		read := h.read
		if r.set.aggregations[views[i]] != nil {
			read = h.readEvents
		}
		ok, err := read(ctx, w, views[i], b.latest)
		if err != nil {
			return err
		}
		if ok {
			histories[views[i]] = h
			r.report.views[views[i]].BadRows += h.bad
			return nil
		}
		if r.set.aggregations[views[i]] == nil && r.costs[views[i]].Probe <= indexCost {
			r.tooWide[views[i]] = true
		} else {
			tooLarge.Store(true)
		}
		return nil
	}, nil)
	return histories, !tooLarge.Load(), err
}

// keysOf returns the keys of all rows of a block in some views.
func (r *run) keysOf(b *block, views []int) ([]*row.Keys, error) {
	keys := make([]*row.Keys, len(views))
	for i := range keys {
		keys[i] = &row.Keys{}
	}
	w := r.workers[0]
	for _, c := range b.chunks {
		if err := w.bind(c); err != nil {
			return nil, err
		}
		for i, view := range views {
			for at := range c.times {
				key := w.batch.Keys().At(view*len(c.times) + at)
				keys[i].Append(func(dst []byte) []byte { return append(dst, key...) })
			}
		}
	}
	return keys, nil
}
