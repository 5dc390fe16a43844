package inference

import (
	"context"
	"slices"
	"strconv"

	inferencev2 "larder/api/inference"
	"larder/schema"
	"larder/scoring"
)

// A tensorType is the name, type and shape of an input or output.
type tensorType struct {
	name  string
	elem  scoring.Elem
	shape []int64 // -1 where any size fits
}

// A description is what there is to know of a model before it is asked.
type description struct {
	name            string
	versions        []string
	platform        string
	inputs, outputs []tensorType
}

// The platforms of the two ways that a model appears.
const (
	tensorsPlatform  = "onnxruntime_onnx"
	featuresPlatform = "larder_features"
)

func (s *Server) describe(ctx context.Context, model, version string) (*description, error) {
	g := s.opts.Serving.Hold()
	defer g.Release()
	plan, name, err := planOf(g, model, version)
	if err != nil {
		return nil, err
	}
	d := &description{name: model}
	for _, v := range plan.Model.Versions {
		d.versions = append(d.versions, strconv.FormatInt(v.Version, 10))
	}
	if name.features {
		d.platform, d.inputs, d.outputs = featuresPlatform, featureInputs(plan), featureOutputs(plan, g.Model(plan))
		return d, nil
	}
	m, err := s.opts.Models.Model(ctx, g.Model(plan), plan)
	if err != nil {
		return nil, err
	}
	d.platform, d.inputs, d.outputs = tensorsPlatform, valueTypes(m.Inputs()), valueTypes(m.Outputs())
	return d, nil
}

func valueTypes(values []scoring.Value) []tensorType {
	all := make([]tensorType, len(values))
	for i, v := range values {
		all[i] = tensorType{name: v.Name, elem: v.Elem, shape: []int64{}}
		for _, d := range v.Dims {
			all[i].shape = append(all[i].shape, d.Size)
		}
		if v.Dims == nil {
			all[i].shape = []int64{scoring.AnySize} // the file doesn't say
		}
	}
	return all
}

// featureInputs returns what NAME.features must or may be given: join keys, and
// values of the request. Lists have no tensor.
func featureInputs(plan *schema.Plan) []tensorType {
	var all []tensorType
	add := func(name string, t schema.Type) {
		if elem := elemOfType(t); elem != 0 {
			all = append(all, tensorType{name: name, elem: elem, shape: []int64{scoring.AnySize}})
		}
	}
	for _, k := range plan.Keys {
		add(k.Name, k.Type)
	}
	for _, f := range plan.Request {
		add(f.Name, f.Type)
	}
	return all
}

// featureOutputs returns what NAME.features answers: the score if the model has one, its
// outputs, and the features.
func featureOutputs(plan *schema.Plan, m *scoring.Model) []tensorType {
	each := []int64{scoring.AnySize}
	var all []tensorType
	if score, _ := m.Score(); score != nil {
		all = append(all, tensorType{scoreOutput, scoring.Float64, each})
	}
	all = append(all, tensorType{versionOutput, scoring.Int64, each})
	for i := range m.Outputs() {
		o := &m.Outputs()[i]
		all = append(all, tensorType{modelOutputName(plan, o.Name), elemOfType(o.Type), append([]int64{scoring.AnySize}, o.Shape...)})
	}
	for _, f := range plan.Features {
		if elem := elemOfType(f.Type); elem != 0 {
			all = append(all, tensorType{f.Name, elem, each})
		}
	}
	return append(all, tensorType{statusesOutput, scoring.String, []int64{scoring.AnySize, int64(len(plan.Features))}})
}

// modelOutputPrefix begins the name of an output of a model that has the name of something
// else.
const modelOutputPrefix = "output:"

// modelOutputName returns the name under which NAME.features answers an output of the model.
func modelOutputName(plan *schema.Plan, output string) string {
	taken := output == scoreOutput || output == versionOutput || output == statusesOutput ||
		slices.ContainsFunc(plan.Features, func(f schema.PlanFeature) bool { return f.Name == output })
	if taken {
		return modelOutputPrefix + output
	}
	return output
}

func (d *description) metadata() *inferencev2.ModelMetadataResponse {
	return &inferencev2.ModelMetadataResponse{
		Name: d.name, Versions: d.versions, Platform: d.platform, Inputs: metadataOf(d.inputs), Outputs: metadataOf(d.outputs),
	}
}

func metadataOf(tensors []tensorType) []*inferencev2.ModelMetadataResponse_TensorMetadata {
	var all []*inferencev2.ModelMetadataResponse_TensorMetadata
	for _, t := range tensors {
		d, _ := datatypeOf(t.elem)
		all = append(all, &inferencev2.ModelMetadataResponse_TensorMetadata{Name: t.name, Datatype: d.name, Shape: t.shape})
	}
	return all
}

func (d *description) config() *inferencev2.ModelConfig {
	c := &inferencev2.ModelConfig{Name: d.name, Platform: d.platform, Backend: serverName}
	for _, t := range d.inputs {
		kind, _ := datatypeOf(t.elem)
		c.Input = append(c.Input, &inferencev2.ModelInput{Name: t.name, DataType: kind.config, Dims: t.shape})
	}
	for _, t := range d.outputs {
		kind, _ := datatypeOf(t.elem)
		c.Output = append(c.Output, &inferencev2.ModelOutput{Name: t.name, DataType: kind.config, Dims: t.shape})
	}
	return c
}
