package inference

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
)

// What NAME.features answers beside the features.
const (
	scoreOutput    = "score"
	versionOutput  = "model_version"
	statusesOutput = "statuses"
)

// inferFeatures answers NAME.features: the columns of a request for features and
// scores come and go as tensors.
func (s *Server) inferFeatures(ctx context.Context, plan *schema.Plan, version int64, req *request) (*answer, error) {
	wanted, err := wantedOutputs(plan, req)
	if err != nil {
		return nil, err
	}
	ask := &larderv1.GetFeaturesAndScoreRequest{
		Model: plan.Model.Name, ModelVersion: version, At: req.at, RequestId: req.id,
		ReturnFeatures: slices.ContainsFunc(wanted, func(name string) bool { return name != scoreOutput && name != versionOutput }),
	}
	for i := range req.inputs {
		if err := addColumn(ask, plan, &req.inputs[i]); err != nil {
			return nil, err
		}
	}
	resp, err := s.opts.Serving.GetFeaturesAndScore(ctx, ask)
	if err != nil {
		return nil, err
	}
	ans := &answer{model: req.model, version: strconv.FormatInt(resp.GetModelVersion(), 10), id: cmp.Or(req.id, resp.GetRequestId()), catalog: resp.GetCatalogVersion()}
	for _, name := range wanted {
		a, err := outputOf(resp, name)
		if err != nil {
			return nil, err
		}
		ans.outputs = append(ans.outputs, a)
	}
	return ans, nil
}

// wantedOutputs returns the outputs asked for, which there are.
func wantedOutputs(plan *schema.Plan, req *request) ([]string, error) {
	existing := names(featureOutputs(plan))
	if len(req.outputs) == 0 {
		return existing, nil
	}
	for i, name := range req.outputs {
		if !slices.Contains(existing, name) {
			return nil, schema.Errorf(schema.Invalid, "UNKNOWN_OUTPUT", "%q has no output %q; %s", req.model, clip(name), schema.Nearest(clip(name), existing))
		}
		if slices.Contains(req.outputs[:i], name) {
			return nil, schema.Errorf(schema.Invalid, "UNKNOWN_OUTPUT", "output %q of %q is asked for twice", name, req.model)
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
func addColumn(ask *larderv1.GetFeaturesAndScoreRequest, plan *schema.Plan, a *scoring.Array) error {
	if len(a.Dims) > 2 || len(a.Dims) == 2 && a.Dims[1] != 1 {
		return badInput("input %q has the shape %v; it takes [N] or [N, 1]", clip(a.Name), a.Dims)
	}
	if at := slices.IndexFunc(plan.Keys, func(k schema.JoinKey) bool { return k.Name == a.Name }); at >= 0 {
		c, err := columnOf(a, plan.Keys[at].Type)
		ask.Entities = append(ask.Entities, c)
		return err
	}
	t, known := requestType(plan, a.Name)
	if !known {
		return badInput("%s.features has no input %q; %s", plan.Model.Name, clip(a.Name), schema.Nearest(clip(a.Name), names(featureInputs(plan))))
	}
	c, err := columnOf(a, t)
	ask.Request = append(ask.Request, c)
	return err
}

// requestType returns the type of a value of the request, or of a stored feature
// that one stands for.
func requestType(plan *schema.Plan, name string) (schema.Type, bool) {
	for _, f := range plan.Request {
		if f.Name == name {
			return f.Type, true
		}
	}
	for _, f := range plan.Features {
		if f.Name == name && f.View >= 0 {
			return f.Type, true
		}
	}
	return 0, false
}

// columnOf returns an array as a column. What its type doesn't allow is left to
// serving to refuse.
func columnOf(a *scoring.Array, t schema.Type) (*larderv1.Column, error) {
	c := &larderv1.Column{Name: a.Name}
	le := binary.LittleEndian
	switch a.Elem {
	case scoring.Bool:
		v := each(a, func(b []byte) bool { return b[0] != 0 })
		c.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: v}}
	case scoring.Int32:
		v := each(a, func(b []byte) int32 { return int32(le.Uint32(b)) })
		c.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: v}}
	case scoring.Int64:
		v := &larderv1.Int64S{Values: each(a, func(b []byte) int64 { return int64(le.Uint64(b)) })}
		c.Values = &larderv1.Column_Int64S{Int64S: v}
		if t == schema.Timestamp {
			c.Values = &larderv1.Column_Timestamps{Timestamps: v}
		}
	case scoring.Float32:
		v := each(a, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })
		c.Values = &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: v}}
	case scoring.Float64:
		v := each(a, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })
		c.Values = &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: v}}
	case scoring.String:
		return c, setTexts(c, a, t)
	default:
		return nil, badInput("input %q is %s; a column of type %s comes as %s", clip(a.Name), a.Elem, t, carrier(t))
	}
	return c, nil
}

func setTexts(c *larderv1.Column, a *scoring.Array, t schema.Type) error {
	if t == schema.Bytes {
		blobs := make([][]byte, len(a.Strings))
		for i, s := range a.Strings {
			blobs[i] = []byte(s)
		}
		c.Values = &larderv1.Column_Blobs{Blobs: &larderv1.Blobs{Values: blobs}}
		return nil
	}
	for i, s := range a.Strings {
		if !utf8.ValidString(s) {
			return badInput("input %q: element %d is not UTF-8, as a string is", clip(a.Name), i)
		}
	}
	c.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: a.Strings}}
	return nil
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
func outputOf(resp *larderv1.GetFeaturesAndScoreResponse, name string) (scoring.Array, error) {
	le := binary.LittleEndian
	rows := len(resp.GetScores())
	a := scoring.Array{Name: name, Dims: []int64{int64(rows)}}
	switch name {
	case scoreOutput:
		a.Elem = scoring.Float64
		for _, v := range resp.GetScores() {
			a.Data = le.AppendUint64(a.Data, math.Float64bits(v))
		}
		return a, nil
	case versionOutput:
		a.Elem = scoring.Int64
		for row := range rows {
			version := resp.GetModelVersion()
			if each := resp.GetModelVersions(); len(each) > 0 {
				version = each[row]
			}
			a.Data = le.AppendUint64(a.Data, uint64(version))
		}
		return a, nil
	case statusesOutput:
		a.Elem = scoring.String
		a.Dims = append(a.Dims, int64(len(resp.GetFeatures())))
		for row := range rows {
			for _, c := range resp.GetFeatures() {
				a.Strings = append(a.Strings, strings.TrimPrefix(c.GetStatuses()[row].String(), "STATUS_"))
			}
		}
		return a, nil
	}
	at := slices.IndexFunc(resp.GetFeatures(), func(c *larderv1.Column) bool { return c.GetName() == name })
	if at < 0 { // the definitions changed after the plan was looked up
		return a, schema.Errorf(schema.Unavailable, "DEFINITIONS_CHANGED", "the definitions changed while the request ran, and %q went; ask again", name)
	}
	setColumn(&a, resp.GetFeatures()[at])
	return a, nil
}

// setColumn takes the values of a feature. Where there is none, a float is NaN and
// anything else a zero value: statuses tell.
func setColumn(a *scoring.Array, c *larderv1.Column) {
	le := binary.LittleEndian
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		a.Elem = scoring.Bool
		for _, v := range v.Bools.GetValues() {
			a.Data = append(a.Data, boolByte(v))
		}
	case *larderv1.Column_Int32S:
		a.Elem = scoring.Int32
		for _, v := range v.Int32S.GetValues() {
			a.Data = le.AppendUint32(a.Data, uint32(v))
		}
	case *larderv1.Column_Int64S:
		setInt64s(a, v.Int64S.GetValues())
	case *larderv1.Column_Timestamps:
		setInt64s(a, v.Timestamps.GetValues())
	case *larderv1.Column_Floats:
		a.Elem = scoring.Float32
		for _, v := range v.Floats.GetValues() {
			a.Data = le.AppendUint32(a.Data, math.Float32bits(v))
		}
		for _, row := range c.GetNulls() {
			le.PutUint32(a.Data[4*row:], math.Float32bits(float32(math.NaN())))
		}
	case *larderv1.Column_Doubles:
		a.Elem = scoring.Float64
		for _, v := range v.Doubles.GetValues() {
			a.Data = le.AppendUint64(a.Data, math.Float64bits(v))
		}
		for _, row := range c.GetNulls() {
			le.PutUint64(a.Data[8*row:], math.Float64bits(math.NaN()))
		}
	case *larderv1.Column_Strings:
		a.Elem, a.Strings = scoring.String, v.Strings.GetValues()
	case *larderv1.Column_Blobs:
		a.Elem = scoring.String
		for _, v := range v.Blobs.GetValues() {
			a.Strings = append(a.Strings, string(v))
		}
	}
}

func setInt64s(a *scoring.Array, values []int64) {
	a.Elem = scoring.Int64
	for _, v := range values {
		a.Data = binary.LittleEndian.AppendUint64(a.Data, uint64(v))
	}
}
