package training

import (
	"context"

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
	maxHistoryBytes = 256 << 20 // of the winners of a block, of all views
)

// readsHistory tells whether reading a view's history is better than n look-ups.
func readsHistory(n int, c offline.Cost) bool {
	lookUps := float64(n) * (lookUpMicros + microsPerCost*max(0, c.Probe-indexCost))
	return lookUps > historyFixed+historyMicros*float64(c.Rows)
}

// readHistories reads the histories of the views of which a block asks for a good
// part. The others are nil.
func (r *run) readHistories(ctx context.Context, b *block) ([]*history, error) {
	histories := make([]*history, len(r.set.views))
	var views []int
	left := int64(maxHistoryBytes)
	for view, v := range r.set.views {
		fixed := int64(row.NewLayout(v.Layouts[v.Layout()]).FixedEnd) * int64(b.rows)
		if fixed <= left && r.set.readsHistory(b.rows, r.costs[view]) {
			views, left = append(views, view), left-fixed
		}
	}
	if len(views) == 0 {
		return histories, nil
	}
	keys, err := r.keysOf(b, views)
	if err != nil {
		return nil, err
	}
	err = r.parallel(ctx, len(views), func(ctx context.Context, w *worker, i int) error {
		h := newHistory(b, keys[i], left/int64(len(views))+int64(b.rows)*64)
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
