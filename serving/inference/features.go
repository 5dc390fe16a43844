package inference

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"larder/column"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
)

// What NAME.features answers beside the features.
const (
	scoreOutput    = "score"
	versionOutput  = "model_version"
	statusesOutput = "statuses"
)

// inferFeatures answers NAME.features: the columns of a request for features and
// scores come and go as tensors.
func inferFeatures(ctx context.Context, g *serving.Generation, n name, req *request) (*answer, error) {
	ask := &serving.Ask{At: req.at, RequestID: req.id}
	if err := g.ForModel(ask, n.model, n.version); err != nil {
		return nil, err
	}
	model := g.Model(ask.Plan())
	wanted, err := wantedOutputs(ask.Plan(), model, req)
	if err != nil {
		return nil, err
	}
	for _, o := range model.Outputs() {
		if slices.Contains(wanted, modelOutputName(ask.Plan(), o.Name)) {
			ask.Outputs = append(ask.Outputs, o.Name)
		}
	}
	ask.Features = slices.ContainsFunc(wanted, func(name string) bool {
		return name == statusesOutput || slices.ContainsFunc(ask.Plan().Features, func(f schema.PlanFeature) bool { return f.Name == name })
	})
	for i := range req.inputs {
		if err := addColumn(ask, &req.inputs[i]); err != nil {
			return nil, err
		}
	}
	resp, err := g.Serve(ctx, ask)
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	plan := resp.Plan()
	ans := &answer{model: req.model, version: strconv.FormatInt(plan.ModelVersion.Version, 10), id: cmp.Or(req.id, resp.RequestID), catalog: plan.Catalog.Version}
	for _, name := range wanted {
		ans.outputs = append(ans.outputs, outputOf(resp, name))
	}
	ans.scored = scoredOf(resp)
	return ans, nil
}

// scoredOf returns how many rows each version scored.
func scoredOf(resp *serving.Answer) []scored {
	if resp.Versions == nil {
		return []scored{{resp.Plan().ModelVersion.Version, resp.Rows}}
	}
	var all []scored
	for _, version := range resp.Versions {
		at := slices.IndexFunc(all, func(s scored) bool { return s.version == version })
		if at < 0 {
			at, all = len(all), append(all, scored{version: version})
		}
		all[at].rows++
	}
	return all
}

// wantedOutputs returns the outputs asked for, which there are.
func wantedOutputs(plan *schema.Plan, m *scoring.Model, req *request) ([]string, error) {
	existing := names(featureOutputs(plan, m))
	if len(req.outputs) == 0 {
		return existing, nil
	}
	for i, name := range req.outputs {
		if !slices.Contains(existing, name) {
			return nil, schema.UnknownOutput.Errorf("%q has no output %q; %s", req.model, clip(name), schema.Nearest(clip(name), existing))
		}
		if slices.Contains(req.outputs[:i], name) {
			return nil, schema.UnknownOutput.Errorf("output %q of %q is asked for twice", name, req.model)
		}
	}
	return req.outputs, nil
}

func names(tensors []tensorType) []string {
	all := make([]string, len(tensors))
	for i := range tensors {
		all[i] = tensors[i].name
	}
	return all
}

// addColumn adds an input to the request as the column that it is.
func addColumn(ask *serving.Ask, a *scoring.Array) error {
	if len(a.Dims) > 2 || len(a.Dims) == 2 && a.Dims[1] != 1 {
		return badInput("input %q has the shape %v; it takes [N] or [N, 1]", clip(a.Name), a.Dims)
	}
	plan, to := ask.Plan(), &ask.Keys
	t := plan.KeyType(a.Name)
	if t == 0 {
		to, t = &ask.Request, plan.RequestType(a.Name)
	}
	if t == 0 {
		return badInput("%s.features has no input %q; %s", plan.Model.Name, clip(a.Name), schema.Nearest(clip(a.Name), names(featureInputs(plan))))
	}
	values, err := columnOf(a, t)
	if err != nil {
		return err
	}
	to.Add(a.Name, values)
	return nil
}

// columnOf returns an array as a column. Serving converts numbers that fit the column's
// type, and refuses what doesn't fit.
func columnOf(a *scoring.Array, t schema.Type) (column.Column, error) {
	le := binary.LittleEndian
	switch a.Elem {
	case scoring.Bool:
		return column.Column{Type: schema.Bool, Bools: each(a, func(b []byte) bool { return b[0] != 0 })}, nil
	case scoring.Int32:
		return column.Column{Type: schema.Int32, Int32s: each(a, func(b []byte) int32 { return int32(le.Uint32(b)) })}, nil
	case scoring.Int64:
		c := column.Column{Type: schema.Int64, Int64s: each(a, func(b []byte) int64 { return int64(le.Uint64(b)) })}
		if t == schema.Timestamp {
			c.Type = t
		}
		return c, nil
	case scoring.Float32:
		return column.Column{Type: schema.Float32, Float32s: each(a, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })}, nil
	case scoring.Float64:
		return column.Column{Type: schema.Float64, Float64s: each(a, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })}, nil
	case scoring.String:
		return textsOf(a, t)
	case 2, 4, 12: // UINT8, UINT16, UINT32
		return column.Column{Type: schema.Int64, Int64s: each(a, func(b []byte) int64 { return int64(low(b, a.Elem.Size())) })}, nil
	case 3, 5: // INT8, INT16
		return column.Column{Type: schema.Int64, Int64s: each(a, func(b []byte) int64 { return signed(b, a.Elem.Size()) })}, nil
	}
	return column.Column{}, badInput("input %q is %s; a column of type %s comes as %s", clip(a.Name), a.Elem, t, carrier(t))
}

func textsOf(a *scoring.Array, t schema.Type) (column.Column, error) {
	if t == schema.Bytes {
		c := column.Column{Type: t, Bytes: make([][]byte, len(a.Strings))}
		for i, s := range a.Strings {
			c.Bytes[i] = []byte(s)
		}
		return c, nil
	}
	for i, s := range a.Strings {
		if !utf8.ValidString(s) {
			return column.Column{}, badInput("input %q: element %d is not UTF-8, as a string is", clip(a.Name), i)
		}
	}
	return column.Column{Type: schema.String, Strings: a.Strings}, nil
}

func carrier(t schema.Type) string {
	d, ok := datatypeOf(elemOfType(t))
	if !ok {
		return "no tensor"
	}
	return d.name
}

func each[T any](a *scoring.Array, read func([]byte) T) []T {
	size := a.Elem.Size()
	all := make([]T, 0, len(a.Data)/size)
	for b := a.Data; len(b) > 0; b = b[size:] {
		all = append(all, read(b))
	}
	return all
}

// outputOf returns one output of an answer.
func outputOf(ans *serving.Answer, name string) scoring.Array {
	a := scoring.Array{Name: name, Dims: []int64{int64(ans.Rows)}}
	switch name {
	case scoreOutput:
		setColumn(&a, &column.Column{Type: schema.Float64, Float64s: ans.Scores})
	case versionOutput:
		versions := ans.Versions
		if versions == nil {
			versions = slices.Repeat([]int64{ans.Plan().ModelVersion.Version}, ans.Rows)
		}
		setColumn(&a, &column.Column{Type: schema.Int64, Int64s: versions})
	case statusesOutput:
		a.Elem, a.Dims = scoring.String, append(a.Dims, int64(len(ans.Features)))
		for row := range ans.Rows {
			for i := range ans.Features {
				a.Strings = append(a.Strings, ans.Features[i].Statuses[row].String())
			}
		}
	default:
		of := slices.IndexFunc(ans.Outputs, func(o serving.Output) bool { return modelOutputName(ans.Plan(), o.Name) == name })
		if of >= 0 {
			o := &ans.Outputs[of]
			setColumn(&a, &o.Values)
			a.Dims = append(a.Dims, o.Shape...)
			return a
		}
		at := slices.IndexFunc(ans.Plan().Features, func(f schema.PlanFeature) bool { return f.Name == name })
		setColumn(&a, &ans.Features[at]) // wantedOutputs found it
	}
	return a
}

// setColumn takes the values of a column. Where one is null, a float is NaN and
// anything else is a zero value; the statuses say which.
func setColumn(a *scoring.Array, c *column.Column) {
	le := binary.LittleEndian
	a.Elem = elemOfType(c.Type)
	switch c.Type {
	case schema.Bool:
		for _, v := range c.Bools {
			a.Data = append(a.Data, boolByte(v))
		}
	case schema.Int32:
		for _, v := range c.Int32s {
			a.Data = le.AppendUint32(a.Data, uint32(v))
		}
	case schema.Int64, schema.Timestamp:
		for _, v := range c.Int64s {
			a.Data = le.AppendUint64(a.Data, uint64(v))
		}
	case schema.Float32:
		for i, v := range c.Float32s {
			if c.IsNull(i) {
				v = float32(math.NaN())
			}
			a.Data = le.AppendUint32(a.Data, math.Float32bits(v))
		}
	case schema.Float64:
		for i, v := range c.Float64s {
			if c.IsNull(i) {
				v = math.NaN()
			}
			a.Data = le.AppendUint64(a.Data, math.Float64bits(v))
		}
	case schema.String:
		a.Strings = c.Strings
	case schema.Bytes:
		for _, v := range c.Bytes {
			a.Strings = append(a.Strings, string(v))
		}
	}
}
