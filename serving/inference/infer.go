package inference

import (
	"context"
	"strconv"
	"time"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
)

// A request is what is asked of a model, over gRPC or REST.
type request struct {
	model, version, id string
	inputs             []scoring.Array
	outputs            []string // none: all
	form               form
	at                 *int64        // of NAME.features: the time of reading
	timeout            time.Duration // 0: none of its own
}

// An answer is what a model gave.
type answer struct {
	model, version, id string
	catalog            int64
	outputs            []scoring.Array
	scored             []scored // for the statistics
}

// scored are rows that a version answered.
type scored struct {
	version int64
	rows    int
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
	if req.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.timeout)
		defer cancel()
	}
	if name.features {
		return inferFeatures(ctx, g, name, req)
	}
	for i := range req.inputs {
		if rows := req.inputs[i].Dims[0]; rows > int64(s.opts.MaxRows) {
			return nil, schema.TooManyRows.Errorf("the request has %d rows; at most %d fit, split it", rows, s.opts.MaxRows)
		}
	}
	if len(req.inputs) > 0 {
		if err := grpcserver.TakeRows(ctx, int(req.inputs[0].Dims[0])); err != nil {
			return nil, err
		}
	}
	model, err := s.opts.Models.Model(ctx, g.Model(plan), plan)
	if err != nil {
		return nil, err
	}
	rows := 0
	if len(req.inputs) > 0 {
		rows = int(req.inputs[0].Dims[0])
	}
	out, err := traced(ctx, g, plan, model, req, rows)
	if err != nil {
		return nil, err
	}
	return &answer{
		model: req.model, version: strconv.FormatInt(plan.ModelVersion.Version, 10), id: req.id,
		catalog: plan.Catalog.Version, outputs: out, scored: []scored{{plan.ModelVersion.Version, rows}},
	}, nil
}

// traced runs a model in a span of the request's trace.
func traced(ctx context.Context, g *serving.Generation, plan *schema.Plan, model *scoring.InferModel, req *request, rows int) ([]scoring.Array, error) {
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
	parameters, err := parametersOf(req.GetParameters())
	if err == nil {
		err = out.setParameters(parameters)
	}
	if err != nil {
		return nil, err
	}
	for i, in := range req.GetInputs() {
		a := &out.inputs[i]
		a.Name, a.Dims = in.GetName(), in.GetShape()
		if a.Elem, err = elemOf(in.GetName(), in.GetDatatype()); err != nil {
			return nil, err
		}
		if err := checkInput(in, raw, i); err != nil {
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
		if parameters, err = parametersOf(o.GetParameters()); err == nil {
			err = out.form.setOutput(o.GetName(), parameters)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkInput checks the parameters of input i. KServe's client says how many raw bytes
// there are, as over REST.
func checkInput(in *inferencev2.ModelInferRequest_InferInputTensor, raw [][]byte, i int) error {
	parameters, err := parametersOf(in.GetParameters())
	if err != nil {
		return err
	}
	size, err := binarySize(parameters)
	switch {
	case err != nil || size == nil:
		return err
	case len(raw) == 0:
		return badInput("input %q has binary_data_size, and the request has no raw contents", clip(in.GetName()))
	case int64(len(raw[i])) != *size:
		return badInput("input %q has the binary_data_size %d, and %d bytes of raw contents", clip(in.GetName()), *size, len(raw[i]))
	}
	return nil
}

// isRawAsWhole reports whether a gRPC answer has raw contents: as the request asks for
// it, or else as the request has.
func (f *form) isRawAsWhole(asked bool) bool {
	if f.raw != nil {
		asked = *f.raw
	}
	for _, raw := range f.byName {
		asked = asked || raw
	}
	return asked
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
