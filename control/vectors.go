package control

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/column/wire"
	"larder/schema"
	"larder/scoring"
)

// ScoreVectors scores the vectors in the request, without reading features.
func (s *Server) ScoreVectors(ctx context.Context, req *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error) {
	plan, model, release, err := s.modelOf(ctx, req)
	if err != nil {
		return nil, err
	}
	defer release()
	columns := map[string]*larderv1.Column{}
	for _, c := range req.GetVector() {
		columns[c.GetName()] = c
	}
	v := vectors{plan: plan, model: model, columns: make([]*larderv1.Column, len(plan.Features))}
	for i, f := range plan.Features {
		v.columns[i] = columns[f.Name]
	}
	out := &larderv1.ScoreVectorsResponse{Sha256: plan.ModelVersion.SHA256}
	for _, rows := range req.GetRuns() {
		scores, took, err := v.score(ctx, int(rows))
		if err != nil {
			return nil, err
		}
		out.Scores, out.TookNanos = append(out.Scores, scores...), append(out.TookNanos, took.Nanoseconds())
	}
	return out, nil
}

// modelOf returns the plan and the model of a request, and a function that releases the
// model.
func (s *Server) modelOf(ctx context.Context, req *larderv1.ScoreVectorsRequest) (*schema.Plan, *scoring.Model, func(), error) {
	catalog := s.Registry.Catalog()
	asked := req.GetCatalogVersion()
	if asked != 0 && asked != catalog.Version {
		return s.past.model(ctx, s.Registry, s.Models, req)
	}
	plan, err := catalog.ModelPlan(req.GetModel(), req.GetModelVersion())
	if err != nil {
		return nil, nil, nil, err
	}
	model, release := s.Model(plan)
	if model == nil {
		return nil, nil, nil, schema.ModelNotLoaded.Errorf("model %q is not loaded yet, because the definitions have just changed; retry", req.GetModel())
	}
	return plan, model, release, nil
}

// vectors are the vectors to score, run by run.
type vectors struct {
	plan    *schema.Plan
	model   *scoring.Model
	columns []*larderv1.Column // one per feature; nil for a feature that was not sent
	scored  int
}

// score scores the next rows and returns how long the model took.
func (v *vectors) score(ctx context.Context, rows int) ([]float64, time.Duration, error) {
	run, err := v.model.Acquire(rows)
	if err != nil {
		return nil, 0, err
	}
	defer run.Release()
	first := v.scored
	v.scored += rows
	if b := v.model.Binding(); b.Dense {
		err = v.fillDense(run.Dense(), first, rows)
	} else {
		for i, in := range b.Inputs {
			if err = v.fillInput(run, i, in, first); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	if err := run.Score(ctx); err != nil {
		return nil, 0, err
	}
	took := time.Since(began)
	return append([]float64(nil), run.Scores()...), took, nil
}

func (v *vectors) fillDense(tensor []float32, first, rows int) error {
	width := len(v.columns)
	for i, c := range v.columns {
		values := c.GetFloats().GetValues()
		if len(values) < first+rows {
			return v.short(i, "floats")
		}
		for r := range rows {
			tensor[r*width+i] = values[first+r]
		}
	}
	return nil
}

// fillInput fills input i of a run with rows of the request, starting at row first.
func (v *vectors) fillInput(run *scoring.Run, i int, in scoring.Input, first int) error {
	from, to := wire.Column(v.columns[in.Feature]), run.Input(i)
	if from.Type != to.Type || from.Len() < first+to.Len() {
		return v.short(in.Feature, in.Elem.String()+" values")
	}
	for r := range to.Len() {
		to.CopyRow(r, &from, first+r)
	}
	return nil
}

func (v *vectors) short(feature int, want string) error {
	return schema.BadVector.Errorf("model %q needs %s of %s; send one for each of %d rows",
		v.plan.Model.Name, want, v.plan.Features[feature].Name, v.scored)
}
