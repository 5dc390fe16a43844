package inference

import (
	"context"
	"strconv"

	inferencev2 "larder/api/inference"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
)

// A request is what is asked of a model, over gRPC or REST.
type request struct {
	model, version, id string
	inputs             []scoring.Array
	outputs            []string // none: all
	at                 *int64   // of NAME.features: the time of reading
}

// An answer is what a model gave.
type answer struct {
	model, version, id string
	catalog            int64
	outputs            []scoring.Array
}

func parseVersion(version string) (int64, error) {
	if version == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 {
		return 0, schema.BadVersion.Errorf("%q is not a model version; write a whole number from 1, or leave it empty for the version that serves", clip(version))
	}
	return n, nil
}

// infer runs a model.
func (s *Server) infer(ctx context.Context, req *request) (*answer, error) {
	g := s.opts.Serving.Hold()
	defer g.Release()
	plan, name, err := planOf(g, req.model, req.version)
	if err != nil {
		return nil, err
	}
	if name.features {
		return inferFeatures(ctx, g, name, req)
	}
	for i := range req.inputs {
		if rows := req.inputs[i].Dims[0]; rows > int64(s.opts.MaxRows) {
			return nil, schema.TooManyRows.Errorf("the request has %d rows; at most %d fit, split it", rows, s.opts.MaxRows)
		}
	}
	model, err := s.opts.Models.Model(ctx, g.Model(plan), plan)
	if err != nil {
		return nil, err
	}
	out, err := traced(ctx, g, plan, model, req)
	if err != nil {
		return nil, err
	}
	return &answer{
		model: req.model, version: strconv.FormatInt(plan.ModelVersion.Version, 10), id: req.id,
		catalog: plan.Catalog.Version, outputs: out,
	}, nil
}

// traced runs a model in a span of the request's trace.
func traced(ctx context.Context, g *serving.Generation, plan *schema.Plan, model *scoring.InferModel, req *request) ([]scoring.Array, error) {
	rows := 0
	if len(req.inputs) > 0 {
		rows = int(req.inputs[0].Dims[0])
	}
	ctx, span := g.StartScore(ctx, plan, rows)
	out, err := model.Infer(ctx, req.inputs, req.outputs)
	serving.EndSpan(span, err)
	return out, err
}

// readRequest reads a gRPC request. The result aliases its raw contents.
func readRequest(req *inferencev2.ModelInferRequest) (*request, error) {
	raw := req.GetRawInputContents()
	if len(req.GetInputs()) > maxTensors || len(req.GetOutputs()) > maxTensors {
		return nil, badInput("the request has %d inputs and %d outputs; at most %d fit", len(req.GetInputs()), len(req.GetOutputs()), maxTensors)
	}
	if len(raw) > 0 && len(raw) != len(req.GetInputs()) {
		return nil, badInput("the request has %d inputs and %d raw contents; each input has its own, or none has", len(req.GetInputs()), len(raw))
	}
	out := &request{model: req.GetModelName(), version: req.GetModelVersion(), id: req.GetId(), inputs: make([]scoring.Array, len(req.GetInputs()))}
	if at, found := req.GetParameters()["at"]; found {
		micros, is := at.GetParameterChoice().(*inferencev2.InferParameter_Int64Param)
		if !is {
			return nil, badInput(`the parameter "at" is microseconds since 1970 UTC, an int64_param`)
		}
		out.at = &micros.Int64Param
	}
	for i, in := range req.GetInputs() {
		a := &out.inputs[i]
		a.Name, a.Dims = in.GetName(), in.GetShape()
		var err error
		if a.Elem, err = elemOf(in.GetName(), in.GetDatatype()); err != nil {
			return nil, err
		}
		switch {
		case len(raw) == 0:
			err = setTyped(a, in.GetContents())
		case in.GetContents() != nil:
			err = badInput("input %q has contents beside the raw contents of the request", clip(in.GetName()))
		default:
			err = setRaw(a, raw[i])
		}
		if err != nil {
			return nil, err
		}
	}
	for _, o := range req.GetOutputs() {
		out.outputs = append(out.outputs, o.GetName())
	}
	return out, nil
}

// writeResponse returns an answer with raw contents where they are wanted, or where
// an output has no others.
func writeResponse(ans *answer, raw bool) *inferencev2.ModelInferResponse {
	resp := &inferencev2.ModelInferResponse{
		ModelName: ans.model, ModelVersion: ans.version, Id: ans.id,
		Parameters: map[string]*inferencev2.InferParameter{
			catalogVersion: {ParameterChoice: &inferencev2.InferParameter_Int64Param{Int64Param: ans.catalog}},
		},
	}
	for i := range ans.outputs {
		raw = raw || !hasTyped(&ans.outputs[i])
	}
	for i := range ans.outputs {
		a := &ans.outputs[i]
		d, _ := datatypeOf(a.Elem)
		out := &inferencev2.ModelInferResponse_InferOutputTensor{Name: a.Name, Datatype: d.name, Shape: a.Dims}
		if raw {
			resp.RawOutputContents = append(resp.RawOutputContents, rawOf(a))
		} else {
			out.Contents = typedOf(a)
		}
		resp.Outputs = append(resp.Outputs, out)
	}
	return resp
}

// catalogVersion is the parameter of an answer that says by which definitions.
const catalogVersion = "catalog_version"
