package serving

import (
	"slices"
	"time"

	"larder/column"
	"larder/monitor"
	"larder/schema"
	"larder/store"
)

// Scored is a request that was scored, for the observers of a Server. It is copied:
// it stays as it is when the request has ended.
type Scored struct {
	monitor.Scored
	shape    *shape
	pinned   bool            // the caller chose the version
	features []column.Column // the vectors as columns, where a shadow takes other inputs
}

// terms decides whether a request that is scored is observed.
func (g *Generation) terms(ask *Ask, now time.Time, at int64) (terms, error) {
	t := terms{began: now, at: at}
	if err := ask.checkRequestID(); err != nil {
		return t, err
	}
	if len(g.server.opts.Observe) > 0 {
		t.id, t.observed = monitor.Sampled(ask.Plan().Model, ask.RequestID)
	}
	return t, nil
}

// observe gives what was scored to the observers, and to the watcher if it wants it.
func (s *shape) observe(a *Answer, ask *Ask, t terms, watch Watcher) {
	watched := watch != nil && watch.Wants(s.plan.Model, a.Rows)
	if !t.observed && !watched {
		return
	}
	a.RequestID = t.id
	scored := a.scored(ask, t)
	if watched {
		watch.Offer(&scored.Scored)
	}
	if !t.observed {
		return
	}
	for _, observe := range s.generation.server.opts.Observe {
		observe(scored)
	}
}

// scored returns what observers get. What the request sent is not written to any
// more; all else is copied.
func (a *Answer) scored(ask *Ask, t terms) *Scored {
	s := &Scored{shape: a.shape, pinned: ask.pinned, Scored: monitor.Scored{
		Plan: a.shape.plan, RequestID: t.id, Numbers: ask.numbers, At: t.at, Rows: a.Rows, Latency: time.Since(t.began),
		Keys: own(ask.Keys), Request: own(ask.Request), Scores: slices.Clone(a.Scores),
		Statuses: slices.Clone(a.statuses), Ages: slices.Clone(a.ages), Positions: a.positions(),
	}}
	if a.shape.model.Binding().Dense {
		s.Dense = slices.Clone(a.run.Dense())
	} else {
		s.Tensors = ownTensors(a.tensors, a.batch.Lists(), a.Rows)
	}
	if !t.observed {
		return s // counting needs no more
	}
	s.Outputs = a.logged()
	if a.shape.shadowsTakeFeatures && !ask.pinned {
		s.features = ownVectors(a.batch.Columns())
	}
	return s
}

// positions returns the batches that aggregate views were answered from; nil without one.
func (a *Answer) positions() []int64 {
	var all []int64
	for _, position := range a.batch.Positions() {
		all = append(all, store.BatchOf(position))
	}
	return all
}

// own returns columns that stay when the request's memory is used again; their values
// are the caller's.
func own(c column.Columns) column.Columns {
	return column.Columns{Names: slices.Clone(c.Names), Values: slices.Clone(c.Values)}
}

// ownVectors returns columns that stay when the batch is used again; their values
// do anyway.
func ownVectors(columns []column.Column) []column.Column {
	own := slices.Clone(columns)
	for i := range own {
		own[i].Valid, own[i].Statuses = slices.Clone(own[i].Valid), nil
	}
	return own
}

// ownTensors returns the values of tensors of rows rows, feature by feature; of a list, the
// list that was laid into the tensor. The values of one type lie end to end, so that the
// number of allocations depends on no number of features.
func ownTensors(tensors []column.Tensor, lists []column.Column, rows int) []column.Column {
	own := make([]column.Column, len(tensors))
	var fed []int
	for i := range tensors {
		switch {
		case lists != nil && lists[i].Type.IsList():
			own[i] = lists[i].Clone()
		case tensors[i].Type != schema.Type(0):
			own[i].Type = tensors[i].Type
			fed = append(fed, i)
		}
	}
	column.Divide(own, fed, rows, new(column.Column))
	for _, i := range fed {
		for r := range rows {
			own[i].CopyRow(r, &tensors[i].Column, tensors[i].At(r, 0))
		}
	}
	return own
}
