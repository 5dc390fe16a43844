package serving

import (
	"context"
	"fmt"
	"slices"
	"time"

	"larder/column"
	"larder/internal/grpcserver"
	"larder/schema"
)

// Serve answers a request. The generation must be held until the answer is released,
// which the caller does. Values of sensitive features are withheld from callers who may not
// read them.
func (g *Generation) Serve(ctx context.Context, ask *Ask) (*Answer, error) {
	a, err := g.serve(ctx, ask)
	if err == nil && a.Features != nil && len(a.shape.sensitive) > 0 {
		a.withhold(ctx)
	}
	return a, err
}

// withhold replaces the values of sensitive features that the caller may not read.
func (a *Answer) withhold(ctx context.Context) {
	shown := a.Features // which the next request uses again
	a.Features = slices.Clone(shown)
	for _, i := range a.shape.sensitive {
		f := &a.Plan().Features[i]
		if grpcserver.May(ctx, grpcserver.ReadSensitive, grpcserver.Resource{Kind: grpcserver.View, Name: f.Name}) {
			continue
		}
		none := column.New(f.Type, a.Rows)
		none.Valid, none.Statuses = make([]bool, a.Rows), make([]schema.Status, a.Rows)
		for r := range none.Statuses {
			none.Statuses[r] = schema.StatusWithheld
		}
		a.Features[i] = none
	}
}

func (g *Generation) serve(ctx context.Context, ask *Ask) (*Answer, error) {
	now := time.Now()
	at, err := ask.clock(now)
	if err != nil {
		return nil, err
	}
	if ask.shape.model == nil {
		return ask.shape.serve(ctx, ask, terms{began: now, at: at})
	}
	t, err := g.terms(ask, now, at)
	if err != nil {
		return nil, err
	}
	if r := g.routes[ask.Plan().Model.Name]; r != nil && !ask.pinned {
		return r.serve(ctx, ask, t)
	}
	return ask.shape.serve(ctx, ask, t)
}

// Terms are what is decided once for all rows of a request, and all versions that
// score them.
type terms struct {
	began    time.Time
	at       int64 // the one clock reading that decides TTLs
	observed bool
	id       string // by which it is observed; empty where it is not
}

// serve answers a request by one plan.
func (s *shape) serve(ctx context.Context, ask *Ask, t terms) (*Answer, error) {
	a := s.answers.Get().(*Answer)
	done := false
	defer func() {
		if !done { // there is an error or a panic
			a.Release()
		}
	}()
	if err := a.fill(ctx, ask, t); err != nil {
		return nil, err
	}
	if s.model != nil {
		if err := a.score(ctx, ask); err != nil {
			return nil, err
		}
	}
	if watch := s.generation.server.opts.Watch; t.observed || watch != nil && s.model != nil {
		s.observe(a, ask, t, watch)
	}
	done = true
	return a, nil
}

// fill makes the vectors of a request.
func (a *Answer) fill(ctx context.Context, ask *Ask, t terms) error {
	if err := a.bind(ask, t.at); err != nil {
		return err
	}
	if err := grpcserver.TakeRows(ctx, a.Rows); err != nil {
		return err
	}
	features := ask.Features || a.shape.model == nil
	if features || t.observed && !ask.pinned && a.shape.shadowsTakeFeatures {
		a.batch.WantColumns()
	}
	if t.observed {
		a.keepPositions()
	}
	if err := a.read(ctx); err != nil {
		return err
	}
	if features {
		a.Features = a.batch.Columns()
	}
	return nil
}

// bind checks what the request sent and makes the keys to read, and the places where
// what is read goes.
func (a *Answer) bind(ask *Ask, at int64) error {
	rows, err := ask.rows(a.shape.generation.server.opts.MaxRows)
	if err != nil {
		return err
	}
	a.Rows = rows
	a.batch.Reset(rows, at)
	if ask.At != nil {
		a.batch.Exact()
	}
	if ask.AnyAge {
		a.batch.IgnoreAge()
	}
	if err := a.batch.BindKeys(ask.Keys); err != nil {
		return err
	}
	if err := a.batch.BindRequest(ask.Request); err != nil || a.shape.model == nil {
		return err
	}
	if a.run, err = a.shape.model.Acquire(rows); err != nil {
		return err
	}
	a.feed()
	return nil
}

// feed makes the vectors go straight to the model's inputs.
func (a *Answer) feed() {
	binding := a.shape.model.Binding()
	if binding.Dense {
		a.batch.SetDense(a.run.Dense())
		return
	}
	if a.tensors == nil {
		a.tensors = make([]column.Tensor, len(a.shape.plan.Features))
	}
	for feature := range a.tensors {
		a.tensors[feature] = a.run.Tensor(feature)
	}
	a.batch.SetTensors(a.tensors)
}

// keepPositions makes the batch keep which batches of their streams aggregate views answer
// from.
func (a *Answer) keepPositions() {
	for i, v := range a.shape.plan.Views {
		if v.Aggregates != nil {
			a.batch.KeepPositions(i, a.shape.generation.server.opts.Online.Batch(v.ID))
		}
	}
}

// read fills the vectors from the online store.
func (a *Answer) read(ctx context.Context) error {
	began, server := time.Now(), a.shape.generation.server
	ctx, span := server.span(ctx, readSpan, a.shape.plan, a.Rows)
	err := server.opts.Online.Read(ctx, a.batch.Keys(), a.Rows, a.visit)
	EndSpan(span, err)
	if err != nil {
		return fmt.Errorf("read %s: %w", a.shape.plan.Name(), err)
	}
	err = a.batch.Finish()
	server.metrics.failures(a.batch) // also those that a model refuses
	if err != nil {
		return err
	}
	server.metrics.read.Observe(time.Since(began).Seconds())
	a.statuses, a.ages = a.batch.Found()
	for i := range a.shape.views {
		a.shape.views[i].add(a.Statuses(i))
	}
	return nil
}

// score runs the model over the vectors.
func (a *Answer) score(ctx context.Context, ask *Ask) error {
	wanted, err := a.shape.wanted(ask)
	if err != nil {
		return err
	}
	began, server := time.Now(), a.shape.generation.server
	ctx, span := server.span(ctx, scoreSpan, a.shape.plan, a.Rows)
	if wanted == nil {
		err = a.run.Score(ctx)
	} else {
		var values []column.Column
		if values, err = a.run.ScoreOutputs(ctx, wanted); err == nil {
			a.Outputs = a.shape.outputs(wanted, values)
		}
	}
	EndSpan(span, err)
	if err != nil {
		return err
	}
	a.Scores, a.scoring = a.run.Scores(), time.Since(began)
	server.metrics.score.Observe(a.scoring.Seconds())
	return nil
}

// missing returns the share of the rows read that were not present, 0 to 1.
func (a *Answer) missing() float64 {
	n := 0
	for _, s := range a.statuses {
		if s != schema.StatusPresent {
			n++
		}
	}
	return float64(n) / float64(max(len(a.statuses), 1))
}
