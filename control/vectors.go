package control

import (
	"context"
	"fmt"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
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
	if v.wanted, err = model.FindOutputs(req.GetOutputs()); err != nil {
		return nil, err
	}
	for _, at := range v.wanted {
		v.outputs = append(v.outputs, column.Column{Type: model.Outputs()[at].Type})
	}
	for _, rows := range req.GetRuns() {
		if err := v.score(ctx, int(rows), out); err != nil {
			return nil, err
		}
	}
	for i, c := range wire.Write(v.outputs, func(i int) string { return model.Outputs()[v.wanted[i]].Name }) {
		o := &model.Outputs()[v.wanted[i]]
		out.Outputs = append(out.Outputs, &larderv1.Output{Values: c, Shape: wire.Shape(o.Shape), Classes: o.Classes})
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
	wanted  []int              // the outputs to answer
	outputs []column.Column    // of these, what was scored so far
	scored  int
}

// score scores the next rows, and adds the scores and how long the model took.
func (v *vectors) score(ctx context.Context, rows int, out *larderv1.ScoreVectorsResponse) error {
	run, err := v.model.Acquire(rows)
	if err != nil {
		return err
	}
	defer run.Release()
	first := v.scored
	v.scored += rows
	if v.model.Binding().Dense {
		err = v.fillDense(run.Dense(), first, rows)
	} else {
		err = v.fillTensors(run, first, rows)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	if len(v.wanted) == 0 {
		err = run.Score(ctx)
	} else {
		var values []column.Column
		values, err = run.ScoreOutputs(ctx, v.wanted)
		for i := range values {
			v.outputs[i].AppendElements(&values[i], 0, uint32(values[i].Elements()))
		}
	}
	if err != nil {
		return err
	}
	out.Scores, out.TookNanos = append(out.Scores, run.Scores()...), append(out.TookNanos, time.Since(began).Nanoseconds())
	return nil
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

// fillTensors fills the inputs of a run with rows of the request, starting at row first.
func (v *vectors) fillTensors(run *scoring.Run, first, rows int) error {
	numbers := make([]int, rows)
	for i := range numbers {
		numbers[i] = first + i
	}
	types := v.model.Binding().Types(v.plan)
	for i := range v.columns {
		from, err := wire.Nullable("feature", v.columns[i])
		if err != nil {
			return err
		}
		if from.Type != types[i] || from.Len() < first+rows || !from.EndsFit() {
			return v.short(i, types[i].String()+" values")
		}
		part, t := from.Pick(numbers), run.Tensor(i)
		if err := vector.FillTensor(&t, &part); err != nil {
			return fmt.Errorf("%s: %w", v.plan.Features[i].Name, err)
		}
	}
	return nil
}

func (v *vectors) short(feature int, want string) error {
	return schema.BadVector.Errorf("model %q needs %s of %s; send one for each of %d rows",
		v.plan.Model.Name, want, v.plan.Features[feature].Name, v.scored)
}
