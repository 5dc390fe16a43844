package training

import (
	"context"
	"math"

	"larder/schema"
	"larder/store/offline"
	"larder/store/row"
)

// What the two ways cost, in microseconds, as BenchmarkWays has it with Postgres
// on the same two cores. A look-up through an index costs up to indexCost in the
// units of Postgres's planner; what is beyond that is reading without an index.
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

// readsHistory tells whether reading a view's history is better than n look-ups.
func readsHistory(n int, c offline.Cost) bool { return lookUps(n, c) > readHistory(c) }

// winnerBytes is what a winner of a view takes, as far as that is known before.
func winnerBytes(v *schema.View) int64 {
	return int64(row.NewLayout(v.Layouts[v.Layout()]).FixedEnd) + variableBytes
}

// A choice is the views whose histories are read for a block.
type choice struct {
	views  []int
	left   int64   // bytes that they leave of maxHistoryBytes
	micros float64 // for all views, the others looked up
}

// choose chooses for a block of n rows: what is worth reading, while it fits.
func (r *run) choose(n int) choice {
	out := choice{left: maxHistoryBytes}
	for view, v := range r.set.views {
		bytes := (winnerBytes(v) + placeBytes) * int64(n)
		if bytes <= out.left && r.set.readsHistory(n, r.costs[view]) {
			out.views, out.left = append(out.views, view), out.left-bytes
			out.micros += readHistory(r.costs[view])
		} else {
			out.micros += lookUps(n, r.costs[view])
		}
	}
	return out
}

// blockRows is how many rows of a spine make a block at most: where the histories
// of the largest don't fit in memory, those of a smaller one may.
func (r *run) blockRows() int {
	rows, least := maxBlockRows, math.Inf(1)
	for n := maxBlockRows; n > 0; n -= maxBlockRows / 8 {
		if each := r.choose(n).micros / float64(n); each < least {
			rows, least = n, each
		}
	}
	return rows
}

// readHistories reads the histories of the views of which a block asks for a good
// part. The others are nil.
func (r *run) readHistories(ctx context.Context, b *block) ([]*history, error) {
	histories := make([]*history, len(r.set.views))
	chosen := r.choose(b.rows)
	views, spare := chosen.views, chosen.left/int64(max(len(chosen.views), 1))
	if len(views) == 0 {
		return histories, nil
	}
	keys, err := r.keysOf(b, views)
	if err != nil {
		return nil, err
	}
	err = r.parallel(ctx, len(views), func(ctx context.Context, w *worker, i int) error {
		h := newHistory(b, keys[i], spare+int64(b.rows)*winnerBytes(r.set.views[views[i]]))
		keys[i] = nil
		ok, err := h.read(ctx, w, views[i], b.latest)
		if ok {
			histories[views[i]] = h
			r.report.views[views[i]].BadRows += h.bad
		}
		return err
	}, nil)
	return histories, err
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
