package scoring_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// inferring loads a model of these features to be run over tensors.
func inferring(t testing.TB, features []schema.Feature, file []byte) *scoring.InferModel {
	t.Helper()
	cat := catalog(t, features, file)
	return inferringOf(t, cat, file)
}

func inferringOf(t testing.TB, cat *schema.Catalog, file []byte) *scoring.InferModel {
	t.Helper()
	set := scoring.NewSet(library, scoring.SetOptions{})
	raw := scoring.NewInferSet(set, filesOf(file).fetch)
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
		raw.Close()
	})
	p := plan(t, cat, 1)
	m, err := raw.Model(t.Context(), prepared(t, set, cat, filesOf(file)).Model(p), p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// castTo returns a model that gives its input x [N, 1] as its score, and as the
// outputs t2, t3, ... of these element types.
func castTo(elems ...scoring.Elem) []byte {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Nodes:   []onnxmodel.Node{{Op: "Identity", In: []string{"x"}, Out: []string{"score"}}},
	}}
	for _, e := range elems {
		name := fmt.Sprint("t", int32(e))
		m.Graph.Nodes = append(m.Graph.Nodes, onnxmodel.Node{Op: "Cast", In: []string{"x"}, Out: []string{name}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(e)}}})
		m.Graph.Outputs = append(m.Graph.Outputs, onnxmodel.Value{Name: name, Elem: onnxmodel.Elem(e), Dims: []any{"N", int64(1)}})
	}
	return m.Encode()
}

func TestOutputsOfEveryType(t *testing.T) {
	elems := []scoring.Elem{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16}
	file := castTo(elems...)
	m := declared(t, file, "score")
	got, err := m.Infer(t.Context(), []scoring.Array{{Name: "x", Elem: scoring.Float32, Dims: []int64{2, 1}, Data: floats(1, 2)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	want := map[string]scoring.Array{
		"score": {Elem: scoring.Float32, Data: floats(1, 2)},
		"t2":    {Elem: 2, Data: []byte{1, 2}},
		"t3":    {Elem: 3, Data: []byte{1, 2}},
		"t4":    {Elem: 4, Data: []byte{1, 0, 2, 0}},
		"t5":    {Elem: 5, Data: []byte{1, 0, 2, 0}},
		"t6":    {Elem: 6, Data: []byte{1, 0, 0, 0, 2, 0, 0, 0}},
		"t7":    {Elem: 7, Data: le.AppendUint64(le.AppendUint64(nil, 1), 2)},
		"t8":    {Elem: 8, Strings: []string{"1", "2"}},
		"t9":    {Elem: 9, Data: []byte{1, 1}},
		"t10":   {Elem: 10, Data: []byte{0x00, 0x3c, 0x00, 0x40}},
		"t11":   {Elem: 11, Data: le.AppendUint64(le.AppendUint64(nil, math.Float64bits(1)), math.Float64bits(2))},
		"t12":   {Elem: 12, Data: []byte{1, 0, 0, 0, 2, 0, 0, 0}},
		"t13":   {Elem: 13, Data: le.AppendUint64(le.AppendUint64(nil, 1), 2)},
		"t16":   {Elem: 16, Data: []byte{0x80, 0x3f, 0x00, 0x40}},
	}
	if len(got) != len(want) {
		t.Errorf("%d outputs; want %d", len(got), len(want))
	}
	for _, a := range got {
		w := want[a.Name]
		w.Name, w.Dims = a.Name, []int64{2, 1}
		if diff := cmp.Diff(w, a); diff != "" {
			t.Errorf("output %q (-want +got):\n%s", a.Name, diff)
		}
	}
}

// declared loads a model of one feature whose definition says where its score is.
func declared(t testing.TB, file []byte, output string) *scoring.InferModel {
	t.Helper()
	cat := compile(t, numbers(1), []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: sum(file), Output: output}})
	return inferringOf(t, cat, file)
}

// decodeHalf is the textbook's reading of a float16.
func decodeHalf(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&0x1f), float64(bits&0x3ff)
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// Floats of two bytes go through a wider type and must come out bit for bit.
func TestEveryFloat16AndBfloat16(t *testing.T) {
	m := declared(t, castTo(10, 16), "score")
	f := func(output string, decode func(uint16) float64) {
		t.Helper()
		var in []float32
		var want []uint16
		for bits := range 1 << 16 {
			if v := decode(uint16(bits)); !math.IsNaN(v) {
				in, want = append(in, float32(v)), append(want, uint16(bits))
			}
		}
		got, err := m.Infer(t.Context(), []scoring.Array{{Name: "x", Elem: scoring.Float32, Dims: []int64{int64(len(in)), 1}, Data: floats(in...)}}, []string{output})
		if err != nil {
			t.Fatal(err)
		}
		for i, bits := range want {
			if b := binary.LittleEndian.Uint16(got[0].Data[2*i:]); b != bits {
				t.Fatalf("%s: %v gives %#04x; want %#04x", output, in[i], b, bits)
			}
		}
	}
	f("t10", decodeHalf)
	f("t16", func(bits uint16) float64 { return float64(math.Float32frombits(uint32(bits) << 16)) })
}

func TestInferAsScoreDoes(t *testing.T) {
	const features, rows = 4, 300
	forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 10, Depth: 4, Features: features, Seed: 1})
	file := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 10, Depth: 4, Features: features, Seed: 1})
	m := inferring(t, numbers(features), file)
	x := normal(rows * features)
	in := scoring.Array{Name: m.Inputs()[0].Name, Elem: scoring.Float32, Dims: []int64{rows, features}, Data: floats(x...)}
	got, err := m.Infer(t.Context(), []scoring.Array{in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(got[0].Data[4*i:])))
		if want := forest.Score(x[i*features : (i+1)*features]); !near(v, want) {
			t.Fatalf("row %d: %v; want %v", i, v, want)
		}
	}
	if diff := cmp.Diff([]int64{rows, 1}, got[0].Dims); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
}

// A classifier's maps are returned as the tensor that they are made from, beside the
// labels, and a tensor without dimensions stays one.
func TestInferMapsAndScalars(t *testing.T) {
	classes := []int64{0, 1}
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs: []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(2)}}},
		Outputs: []onnxmodel.Value{
			{Name: "maps", Elem: onnxmodel.Float, MapKey: onnxmodel.Int64},
			{Name: "sum", Elem: onnxmodel.Float, Dims: []any{}},
		},
		Nodes: []onnxmodel.Node{
			{Op: "Softmax", In: []string{"x"}, Out: []string{"p"}},
			{Op: "ZipMap", Domain: "ai.onnx.ml", In: []string{"p"}, Out: []string{"maps"}, Attrs: []onnxmodel.Attr{{Name: "classlabels_int64s", Value: classes}}},
			{Op: "ReduceSum", In: []string{"x"}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		},
	}}
	file := m.Encode()
	cat := compile(t, numbers(2), []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: sum(file), Output: "maps"}})
	model := inferringOf(t, cat, file)
	got, err := model.Infer(t.Context(), []scoring.Array{{Name: "x", Elem: scoring.Float32, Dims: []int64{2, 2}, Data: floats(1, 1, 3, 3)}}, []string{"sum", "maps"})
	if err != nil {
		t.Fatal(err)
	}
	want := []scoring.Array{
		{Name: "sum", Elem: scoring.Float32, Dims: []int64{}, Data: floats(8)},
		{Name: "maps", Elem: scoring.Float32, Dims: []int64{2, 2}, Data: floats(.5, .5, .5, .5)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestInferEveryInput(t *testing.T) {
	inputs := []onnxmodel.Input{
		{Name: "f0", Elem: onnxmodel.Float},
		{Name: "f1", Elem: onnxmodel.Double},
		{Name: "f2", Elem: onnxmodel.Int32},
		{Name: "f3", Elem: onnxmodel.Int64},
		{Name: "f4", Elem: onnxmodel.Bool},
		{Name: "f5", Elem: onnxmodel.String, Flat: true},
	}
	linear := onnxmodel.NewLinear(inputs, 3)
	file := linear.Model()
	features := []schema.Feature{
		{Name: "f0", Type: schema.Float32},
		{Name: "f1", Type: schema.Float64},
		{Name: "f2", Type: schema.Int32, Default: int32(0)},
		{Name: "f3", Type: schema.Int64, Default: int64(0)},
		{Name: "f4", Type: schema.Bool, Default: false},
		{Name: "f5", Type: schema.String, Default: ""},
	}
	m := inferring(t, features, file.Encode())
	le := binary.LittleEndian
	arrays := []scoring.Array{
		{Name: "f5", Elem: scoring.String, Dims: []int64{1}, Strings: []string{"fuel"}},
		{Name: "f0", Elem: scoring.Float32, Dims: []int64{1, 1}, Data: floats(1.5)},
		{Name: "f1", Elem: scoring.Float64, Dims: []int64{1, 1}, Data: le.AppendUint64(nil, math.Float64bits(-2))},
		{Name: "f2", Elem: scoring.Int32, Dims: []int64{1, 1}, Data: le.AppendUint32(nil, 7)},
		{Name: "f3", Elem: scoring.Int64, Dims: []int64{1, 1}, Data: le.AppendUint64(nil, 9)},
		{Name: "f4", Elem: scoring.Bool, Dims: []int64{1, 1}, Data: []byte{1}},
	}
	got, err := m.Infer(t.Context(), arrays, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := linear.Score([]any{float32(1.5), float64(-2), int32(7), int64(9), true, "fuel"})
	if v := math.Float32frombits(le.Uint32(got[0].Data)); !near(float64(v), want) {
		t.Errorf("%v; want %v", v, want)
	}
}

// A model of float16 takes them as they are, and never by the way of its score,
// which is fed with float32.
func TestInferFloat16(t *testing.T) {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float16, Dims: []any{"N", int64(2)}}},
		Outputs: []onnxmodel.Value{{Name: "y", Elem: onnxmodel.Float16, Dims: []any{"N", int64(1)}}},
		Nodes:   []onnxmodel.Node{{Op: "ReduceSum", In: []string{"x", "axes"}, Out: []string{"y"}}},
		Initializers: []onnxmodel.Tensor{
			onnxmodel.Ints("axes", []int64{1}, 1),
		},
	}}
	model := inferring(t, numbers(2), m.Encode())
	in := scoring.Array{Name: "x", Elem: 10, Dims: []int64{2, 2}, Data: []byte{0x00, 0x3c, 0x00, 0x3c, 0x00, 0x40, 0x00, 0x3c}} // 1 1, 2 1
	got, err := model.Infer(t.Context(), []scoring.Array{in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []scoring.Array{{Name: "y", Elem: 10, Dims: []int64{2, 1}, Data: []byte{0x00, 0x40, 0x00, 0x42}}} // 2, 3
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestInferFloat16Score(t *testing.T) {
	model := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "y", Elem: onnxmodel.Float16, Dims: []any{"N", int64(1)}}},
		Nodes:   []onnxmodel.Node{{Op: "Cast", In: []string{"x"}, Out: []string{"y"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float16)}}}},
	}}
	m := inferring(t, numbers(1), model.Encode())
	got, err := m.Infer(t.Context(), []scoring.Array{{Name: "x", Elem: scoring.Float32, Dims: []int64{1, 1}, Data: floats(1)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]scoring.Array{{Name: "y", Elem: 10, Dims: []int64{1, 1}, Data: []byte{0x00, 0x3c}}}, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestInferRefuses(t *testing.T) {
	m := inferring(t, numbers(2), onnxmodel.MLP(onnxmodel.MLPOptions{Features: 2, Hidden: []int{3}, Seed: 1}))
	name := m.Inputs()[0].Name
	good := scoring.Array{Name: name, Elem: scoring.Float32, Dims: []int64{1, 2}, Data: floats(1, 2)}
	f := func(part string, outputs []string, inputs ...scoring.Array) {
		t.Helper()
		_, err := m.Infer(t.Context(), inputs, outputs)
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v; want an error that says %q", err, part)
		}
	}
	with := func(change func(*scoring.Array)) scoring.Array {
		a := good
		a.Data = bytes.Clone(good.Data)
		change(&a)
		return a
	}
	f("is missing", nil)
	f("given twice", nil, good, good)
	f(`no input "y"`, nil, good, with(func(a *scoring.Array) { a.Name = "y" }))
	f(`no output "y"`, []string{"y"}, good)
	f("requested twice", []string{m.Outputs()[0].Name, m.Outputs()[0].Name}, good)
	f("the request has float64", nil, with(func(a *scoring.Array) { a.Elem = scoring.Float64 }))
	f("the request has the shape [2]", nil, with(func(a *scoring.Array) { a.Dims = []int64{2} }))
	f("the request has the shape [1 3]", nil, with(func(a *scoring.Array) { a.Dims = []int64{1, 3} }))
	f("no elements or too many", nil, with(func(a *scoring.Array) { a.Dims = []int64{0, 2} }))
	f("no elements or too many", nil, with(func(a *scoring.Array) { a.Dims = []int64{math.MaxInt64, 2} }))
	f("no elements or too many", nil, with(func(a *scoring.Array) { a.Dims = []int64{-1, 2} }))
	f("rows; a run has", nil, with(func(a *scoring.Array) { a.Dims = []int64{scoring.MaxRows + 1, 2} }))
	f("7 bytes for the shape [1 2]", nil, with(func(a *scoring.Array) { a.Data = a.Data[:7] }))
}

func TestInferEndsWithItsContext(t *testing.T) {
	m := declared(t, castTo(7), "score")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := scoring.Array{Name: "x", Elem: scoring.Float32, Dims: []int64{1, 1}, Data: floats(1)}
	if _, err := m.Infer(ctx, []scoring.Array{in}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want that it was cancelled", err)
	}
	if _, err := m.Infer(t.Context(), []scoring.Array{in}, nil); err != nil {
		t.Errorf("after a run that was cancelled: %v", err)
	}
}
