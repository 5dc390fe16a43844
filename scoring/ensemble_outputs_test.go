package scoring_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	ort "github.com/yalue/onnxruntime_go"

	"larder/column"
	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// An ensemble is a random ensemble of trees, as the operators of ai.onnx.ml 3 allow it.
type ensemble struct {
	wild
	model     onnxmodel.Model
	elem      onnxmodel.Elem // of the input
	transform string
	classes   int    // 0 of a regressor
	plain     bool   // each leaf has one weight of each target, as converters write it
	kind      string // what tells it from others, for messages
}

// newEnsemble returns the ensemble of a seed.
func newEnsemble(seed uint64) *ensemble {
	e := &ensemble{wild: wild{Rand: rand.New(rand.NewPCG(seed, 5)), modes: []string{"BRANCH_LEQ"}}}
	if e.one(2) {
		e.modes = []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"}
	}
	if e.one(4) {
		e.modes = e.modes[len(e.modes)-1:]
	}
	e.plain = e.one(3)
	e.elem = []onnxmodel.Elem{onnxmodel.Float, onnxmodel.Float, onnxmodel.Float, onnxmodel.Double}[e.IntN(4)]
	e.transform = []string{"NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"}[e.IntN(5)]
	node := onnxmodel.Node{Domain: "ai.onnx.ml", In: []string{"x"}}
	scores := onnxmodel.Value{Name: "scores", Elem: onnxmodel.Float}
	outputs := []onnxmodel.Value{scores}
	if e.one(3) {
		node.Op, node.Out = "TreeEnsembleRegressor", []string{"scores"}
		e.regressor()
	} else {
		label := e.classifier()
		if e.one(4) {
			e.elem = []onnxmodel.Elem{onnxmodel.Int64, onnxmodel.Int32}[e.IntN(2)]
		}
		node.Op, node.Out = "TreeEnsembleClassifier", []string{"label", "scores"}
		outputs = []onnxmodel.Value{{Name: "label", Elem: label, Dims: []any{"N"}}, scores}
	}
	outputs[len(outputs)-1].Dims = []any{"N", int64(e.targets)}
	sizes := []int{0, 0, e.targets}
	if e.classes == 2 {
		sizes = append(sizes, 1) // which ONNX Runtime takes too
	}
	if n := sizes[e.IntN(len(sizes))]; n > 0 {
		base := make([]float32, n)
		for i := range base {
			base[i] = e.weight(true)
		}
		e.attrs["base_values"] = base
	}
	e.attrs["post_transform"] = e.transform
	for _, name := range slices.Sorted(maps.Keys(e.attrs)) {
		node.Attrs = append(node.Attrs, onnxmodel.Attr{Name: name, Value: e.attrs[name]})
	}
	x := onnxmodel.Value{Name: "x", Elem: e.elem, Dims: []any{"N", int64(wildFeatures)}}
	e.model.Graph = onnxmodel.Graph{Nodes: []onnxmodel.Node{node}, Inputs: []onnxmodel.Value{x}, Outputs: outputs}
	return e
}

func (e *ensemble) regressor() {
	e.targets = 1 + e.IntN(3)
	e.grow("target", !e.plain && e.one(2), !e.plain && e.one(4), !e.plain && e.one(3), e.one(2), false)
	aggregate := []string{"SUM", "SUM", "AVERAGE", "MIN", "MAX"}[e.IntN(5)]
	e.attrs["n_targets"], e.attrs["aggregate_function"] = int64(e.targets), aggregate
	e.kind = fmt.Sprintf("regressor of %d, %s, %s", e.targets, aggregate, e.transform)
}

// classifier returns the type of the labels. A classifier of one class reads a label that
// it does not have, so there are two or more.
func (e *ensemble) classifier() onnxmodel.Elem {
	e.classes = 2 + e.IntN(3)
	e.targets = e.classes
	onlyClass := e.one(3)
	e.grow("class", !e.plain && e.one(2), !e.plain && e.one(4), !e.plain && e.one(3), e.one(2), onlyClass)
	ids := e.attrs["class_ids"].([]int64)
	if onlyClass && e.one(2) { // of class 0, as some converters write it
		for i := range ids {
			ids[i] = 0
		}
	}
	seen := map[int64]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	e.kind = fmt.Sprintf("classifier of %d, weights of the classes %v, %s", e.targets, slices.Sorted(maps.Keys(seen)), e.transform)
	if e.one(2) {
		e.attrs["classlabels_strings"] = []string{"yes", "", "b", "Ω"}[:e.targets]
		return onnxmodel.String
	}
	e.attrs["classlabels_int64s"] = []int64{7, -3, 0, math.MaxInt64}[:e.targets]
	return onnxmodel.Int64
}

// rows returns a tensor of so many rows. Most values equal a threshold or lie next to
// one.
func (e *ensemble) rows(n int) scoring.Array {
	a := scoring.Array{Name: "x", Elem: scoring.Elem(e.elem), Dims: []int64{int64(n), wildFeatures}}
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300}
	for range n * wildFeatures {
		v := float64(e.IntN(6) - 1)
		switch e.IntN(8) {
		case 0:
			v = odd[e.IntN(len(odd))]
		case 1:
			v = math.Nextafter(v, float64(e.IntN(2)*9-4)) // a float32 has no such neighbour
		case 2:
			v = float64(math.Nextafter32(float32(v), float32(e.IntN(2)*9-4)))
		}
		a.Data = appendAs(a.Data, e.elem, v, int64(e.IntN(6)-1))
	}
	return a
}

func appendAs(b []byte, elem onnxmodel.Elem, v float64, whole int64) []byte {
	switch elem {
	case onnxmodel.Double:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	case onnxmodel.Int64:
		return binary.LittleEndian.AppendUint64(b, uint64(whole))
	case onnxmodel.Int32:
		return binary.LittleEndian.AppendUint32(b, uint32(whole))
	}
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

// openDirectly loads a file into ONNX Runtime, without Larder.
func openDirectly(file []byte, outputs []onnxmodel.Value) (*ort.DynamicAdvancedSession, error) {
	opts, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = opts.Destroy() }() // it can't fail
	if err := opts.SetIntraOpNumThreads(1); err != nil {
		return nil, err
	}
	var names []string
	for _, v := range outputs {
		names = append(names, v.Name)
	}
	return ort.NewDynamicAdvancedSessionWithONNXData(file, []string{"x"}, names, opts)
}

// patterns fill outputs before a run, to see what a run leaves unwritten.
var patterns = []byte{0x5a, 0xa5}

// runFilled runs a session into outputs that are filled with a pattern.
func runFilled(t *testing.T, session *ort.DynamicAdvancedSession, x scoring.Array, outputs []onnxmodel.Value, pattern byte) ([]scoring.Array, error) {
	t.Helper()
	in, err := ort.NewCustomDataTensor(ort.NewShape(x.Dims...), bytes.Clone(x.Data), ort.TensorElementDataType(x.Elem))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Destroy() }() // it can't fail
	made, all := make([]ort.Value, len(outputs)), make([]scoring.Array, len(outputs))
	for i, v := range outputs {
		all[i] = scoring.Array{Name: v.Name, Elem: scoring.Elem(v.Elem), Dims: x.Dims[:1]}
		if len(v.Dims) == 2 {
			all[i].Dims = []int64{x.Dims[0], v.Dims[1].(int64)}
		}
		made[i] = filled(t, &all[i], pattern)
		defer func() { _ = made[i].Destroy() }() // it can't fail
	}
	if err := session.Run([]ort.Value{in}, made); err != nil {
		return nil, err
	}
	for i := range all {
		if s, ok := made[i].(*ort.StringTensor); ok {
			if all[i].Strings, err = s.GetContents(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all, nil
}

// filled returns the tensor of an output, whose elements are all of a pattern. Numbers
// lie in the array's data.
func filled(t *testing.T, a *scoring.Array, pattern byte) ort.Value {
	t.Helper()
	shape := ort.NewShape(a.Dims...)
	if a.Elem == scoring.String {
		s, err := ort.NewStringTensor(shape)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetContents(slices.Repeat([]string{string(rune(pattern))}, int(shape.FlattenedSize()))); err != nil {
			t.Fatal(err)
		}
		return s
	}
	a.Data = bytes.Repeat([]byte{pattern}, int(shape.FlattenedSize())*a.Elem.Size())
	v, err := ort.NewCustomDataTensor(shape, a.Data, ort.TensorElementDataType(a.Elem))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ensembleRows are the numbers of rows that ensembles are run over.
var ensembleRows = []int{1, 7, 400}

// A batch is rows, and all outputs that ONNX Runtime gives for them.
type batch struct {
	x     scoring.Array
	want  []scoring.Array
	fails error // why it gives none
}

// runDirectly runs an ensemble without Larder. It returns the name of an output that is
// not written whole, or "".
func (e *ensemble) runDirectly(t *testing.T, session *ort.DynamicAdvancedSession) (batches []batch, unwritten string) {
	t.Helper()
	for _, rows := range ensembleRows {
		b := batch{x: e.rows(rows)}
		b.want, b.fails = runFilled(t, session, b.x, e.model.Graph.Outputs, patterns[0])
		others, err := runFilled(t, session, b.x, e.model.Graph.Outputs, patterns[1])
		if (err == nil) != (b.fails == nil) {
			t.Fatalf("a %s fails once in two runs: %v, %v", e.kind, err, b.fails)
		}
		for i, other := range others {
			if !cmp.Equal(b.want[i], other) {
				return nil, other.Name
			}
		}
		batches = append(batches, b)
	}
	return batches, ""
}

// loadEnsemble loads an ensemble into Larder, to be run over tensors.
func (e *ensemble) load(t *testing.T, file []byte) (*scoring.InferModel, func(), error) {
	t.Helper()
	features := numbers(wildFeatures)
	for i := range features {
		features[i].Type = map[onnxmodel.Elem]schema.Type{onnxmodel.Float: schema.Float32, onnxmodel.Double: schema.Float64, onnxmodel.Int64: schema.Int64, onnxmodel.Int32: schema.Int32}[e.elem]
		switch features[i].Type {
		case schema.Int64:
			features[i].Default = int64(0)
		case schema.Int32:
			features[i].Default = int32(0)
		}
	}
	column := e.targets - 1
	cat := compile(t, features, []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: sum(file), Output: "scores", Column: &column}})
	set := scoring.NewSet(library, scoring.SetOptions{})
	raw := scoring.NewInferSet(set, filesOf(file).fetch)
	unload := func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
		raw.Close()
	}
	models, err := set.Prepare(t.Context(), cat, filesOf(file).fetch)
	if err != nil {
		return nil, unload, err
	}
	p := plan(t, cat, 1)
	m, err := raw.Model(t.Context(), models.Model(p), p)
	return m, func() { models.Release(); unload() }, err
}

// ensembleOutputs returns all outputs of an ensemble for a batch.
func ensembleOutputs(ctx context.Context, m *scoring.InferModel, x scoring.Array) ([]scoring.Array, error) {
	return m.Infer(ctx, []scoring.Array{x}, nil)
}

// mayBeUnwritten reports whether ONNX Runtime may leave the second of two scores unwritten,
// in rows whose leaves have no weight of the second class.
func (e *ensemble) mayBeUnwritten() bool {
	base, _ := e.attrs["base_values"].([]float32)
	return e.classes == 2 && (e.transform == "PROBIT" || len(base) == 1)
}

// mayFail reports whether ONNX Runtime fails in rows whose leaves have no weight at all.
func (e *ensemble) mayFail() bool { return e.classes > 2 && e.attrs["base_values"] == nil }

// A tally counts what became of the ensembles.
type tally struct {
	compared, walked, refused, failed int
	unwritten                         map[string]int
}

// TestOutputsOfEnsembles: all outputs of random ensembles have the bits that ONNX Runtime
// gives when it is run directly: labels and scores, of all modes, transforms and
// aggregates, for inputs of every type, with ties, NaN and infinities. Ensembles that
// leave outputs unwritten have no such bits.
func TestOutputsOfEnsembles(t *testing.T) {
	const models = 80
	n := tally{unwritten: map[string]int{}}
	for seed := range uint64(models) {
		e := newEnsemble(seed)
		e.check(t, &n)
		if t.Failed() {
			t.Fatalf("ensemble %d, a %s: %v", seed, e.kind, e.attrs)
		}
	}
	t.Logf("%d ensembles were compared, of which Larder walks %d; %d refused; %d runs failed in both", n.compared, n.walked, n.refused, n.failed)
	for _, kind := range slices.Sorted(maps.Keys(n.unwritten)) {
		t.Logf("unwritten in a %s: %d", kind, n.unwritten[kind])
	}
	if n.compared < models/3 || n.walked < models/50 || len(n.unwritten) == 0 {
		t.Errorf("these ensembles show too little: %+v", n)
	}
}

// check compares one ensemble with ONNX Runtime.
func (e *ensemble) check(t *testing.T, n *tally) {
	file := e.model.Encode()
	session, err := openDirectly(file, e.model.Graph.Outputs)
	if err != nil {
		t.Errorf("ONNX Runtime: %v", err)
		return
	}
	batches, output := e.runDirectly(t, session)
	_ = session.Destroy() // it can't fail
	if output != "" {
		n.unwritten[e.kind]++
		if output != "scores" || !e.mayBeUnwritten() {
			t.Errorf("output %q is not written whole", output)
		}
		return
	}
	m, unload, err := e.load(t, file)
	defer unload()
	var said *schema.Error
	if errors.As(err, &said) && said.Kind == schema.Invalid {
		n.refused++ // such as one whose scores are all NaN
		return
	}
	if err != nil {
		t.Errorf("Larder: %v", err)
		return
	}
	n.compared++
	n.walked += count(m.Engine() == "trees")
	for i := range batches {
		e.compare(t, m, &batches[i], n)
	}
}

// compare compares all outputs of one batch, and its scores.
func (e *ensemble) compare(t *testing.T, m *scoring.InferModel, b *batch, n *tally) {
	got, err := ensembleOutputs(t.Context(), m, b.x)
	if b.fails != nil {
		var said *schema.Error
		if !e.mayFail() || !errors.As(err, &said) || said.Reason != schema.ModelFailed {
			t.Errorf("ONNX Runtime fails: %v; Larder: %v", b.fails, err)
		}
		n.failed++
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(b.want, got); diff != "" {
		t.Errorf("%d rows (-ONNX Runtime +Larder):\n%s", b.x.Dims[0], diff)
	}
	if t.Failed() {
		return
	}
	e.compareRun(t, m.Model, b)
}

// compareRun feeds features, as a request does, and compares all outputs and the scores.
func (e *ensemble) compareRun(t *testing.T, m *scoring.Model, b *batch) {
	t.Helper()
	rows := int(b.x.Dims[0])
	r := acquire(t, m, rows)
	defer r.Release()
	x := columnOf(t, &b.x)
	for i := range wildFeatures {
		values := column.Column{Type: x.Type}
		for row := range rows {
			values.AppendRow(&x, row*wildFeatures+i)
		}
		to := r.Tensor(i)
		if err := vector.FillTensor(&to, &values); err != nil {
			t.Fatal(err)
		}
	}
	all, err := m.FindOutputs([]string{scoring.AllOutputs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.ScoreOutputs(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(b.want) {
		t.Fatalf("%d outputs; want %d", len(got), len(b.want))
	}
	for i := range b.want {
		want := columnOf(t, &b.want[i])
		if got[i].Type != want.Type || got[i].Len() != want.Len() {
			t.Fatalf("output %s has %d values of type %s; want %d of %s", b.want[i].Name, got[i].Len(), got[i].Type, want.Len(), want.Type)
		}
		for k := range want.Len() {
			if !got[i].EqualRow(k, &want, k) {
				t.Fatalf("%d rows: value %d of output %s is %v; want %v", rows, k, b.want[i].Name, got[i].Value(k), want.Value(k))
			}
		}
	}
	scores := floatsOf(b.want[len(b.want)-1].Data)
	for i, score := range r.Scores() {
		if want := scores[i*e.targets+e.targets-1]; math.Float64bits(score) != math.Float64bits(float64(want)) {
			t.Fatalf("row %d of %d scores %v; ONNX Runtime gives %v", i, rows, score, want)
		}
	}
}

// columnOf returns the elements of a tensor.
func columnOf(t *testing.T, a *scoring.Array) column.Column {
	t.Helper()
	of, err := schema.ParseType(a.Elem.String())
	if err != nil {
		t.Fatal(err)
	}
	c := column.Column{Type: of, Strings: a.Strings}
	for at := 0; at < len(a.Data); at += a.Elem.Size() {
		b := a.Data[at:]
		switch of {
		case schema.Bool:
			c.Bools = append(c.Bools, b[0] != 0)
		case schema.Int32:
			c.Int32s = append(c.Int32s, int32(binary.LittleEndian.Uint32(b)))
		case schema.Int64:
			c.Int64s = append(c.Int64s, int64(binary.LittleEndian.Uint64(b)))
		case schema.Float32:
			c.Float32s = append(c.Float32s, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case schema.Float64:
			c.Float64s = append(c.Float64s, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	}
	return c
}

func floatsOf(data []byte) []float32 {
	all := make([]float32, len(data)/4)
	for i := range all {
		all[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return all
}
