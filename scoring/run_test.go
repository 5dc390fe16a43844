package scoring_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// near reports whether two float32 scores differ only by the order of summation.
func near(got float64, want float32) bool {
	if math.IsNaN(float64(want)) {
		return math.IsNaN(got)
	}
	return math.Abs(got-float64(want)) <= 1e-4*(1+math.Abs(float64(want)))
}

// rowCounts has the sizes around those where runs are kept and cut.
var rowCounts = []int{1, 2, 3, 10, 100, 1023, 1024, 1025, 3000, 2, 2048, 1}

// checkDense scores random rows, with nulls among them, beside the oracle.
func checkDense(t *testing.T, m *scoring.Model, features int, oracle func(x []float32) float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	for _, rows := range rowCounts {
		r := acquire(t, m, rows)
		x := r.Dense()
		if len(x) != rows*features {
			t.Fatalf("a tensor of %d values for %d rows of %d features", len(x), rows, features)
		}
		for i := range x {
			x[i] = float32(rng.NormFloat64())
			if rng.IntN(20) == 0 {
				x[i] = float32(math.NaN())
			}
		}
		if err := r.Score(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, got := range r.Scores() {
			if want := oracle(x[i*features : (i+1)*features]); !near(got, want) {
				t.Fatalf("row %d of %d: got score %v, want %v", i, rows, got, want)
			}
		}
		r.Release()
	}
}

func TestScoreForests(t *testing.T) {
	const features = 7
	for _, opts := range []onnxmodel.TreesOptions{
		{Trees: 100, Depth: 5},
		{Trees: 300, Depth: 3},
		{Trees: 20, Depth: 4, Classifier: true},
		{Trees: 20, Depth: 4, Classifier: true, ZipMap: true},
	} {
		opts.Features, opts.Seed = features, 5
		t.Run(fmt.Sprintf("%+v", opts), func(t *testing.T) {
			forest := onnxmodel.NewForest(opts)
			m := forest.Model()
			checkDense(t, load(t, numbers(features), m.Encode()), features, forest.Score)
		})
	}
}

func TestScoreNetworks(t *testing.T) {
	const features = 9
	network := onnxmodel.NewNetwork(onnxmodel.MLPOptions{Features: features, Hidden: []int{16, 8}, Seed: 5})
	m := network.Model()
	checkDense(t, load(t, numbers(features), m.Encode()), features, network.Score)
}

func TestScoreNamedInputsOfEveryType(t *testing.T) {
	types := []struct {
		name string
		elem onnxmodel.Elem
		flat bool
	}{
		{"a_float", onnxmodel.Float, false},
		{"a_double", onnxmodel.Double, true},
		{"an_int32", onnxmodel.Int32, false},
		{"an_int64", onnxmodel.Int64, true},
		{"a_bool", onnxmodel.Bool, false},
		{"a_string", onnxmodel.String, false},
		{"another_string", onnxmodel.String, true},
	}
	var features []schema.Feature
	var inputs []onnxmodel.Input
	for _, x := range types {
		features = append(features, schema.Feature{Name: x.name, Type: elements[x.elem], Default: zero(t, elements[x.elem])})
		inputs = append([]onnxmodel.Input{{Name: "v__" + x.name, Elem: x.elem, Flat: x.flat}}, inputs...) // in another order
	}
	linear := onnxmodel.NewLinear(inputs, 5)
	file := linear.Model()
	m := load(t, features, file.Encode())
	rng := rand.New(rand.NewPCG(4, 4))
	for _, rows := range rowCounts {
		r := acquire(t, m, rows)
		want := make([]float32, rows)
		for i := range rows {
			values := make([]any, len(inputs))
			for j, in := range m.Binding().Inputs {
				values[j] = fillOne(r, rng, j, in.Elem, i)
			}
			want[i] = linear.Score(values)
		}
		if err := r.Score(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, got := range r.Scores() {
			if !near(got, want[i]) {
				t.Fatalf("row %d of %d: got score %v, want %v", i, rows, got, want[i])
			}
		}
		r.Release()
	}
}

// fillOne sets the value of input j in row i to a random one, and returns it.
func fillOne(r *scoring.Run, rng *rand.Rand, j int, of schema.Type, i int) any {
	n := rng.IntN(200) - 100
	switch of {
	case schema.Float32:
		r.Input(j).Float32s[i] = float32(n) / 8
		return r.Input(j).Float32s[i]
	case schema.Float64:
		r.Input(j).Float64s[i] = float64(n) / 8
		return r.Input(j).Float64s[i]
	case schema.Int32:
		r.Input(j).Int32s[i] = int32(n)
		return r.Input(j).Int32s[i]
	case schema.Int64:
		r.Input(j).Int64s[i] = int64(n)
		return r.Input(j).Int64s[i]
	case schema.Bool:
		r.Input(j).Bools[i] = n > 0
		return r.Input(j).Bools[i]
	}
	words := append([]string{"unknown", "na\u00efve"}, onnxmodel.Words...)
	r.Input(j).Strings[i] = words[rng.IntN(len(words))]
	return r.Input(j).Strings[i]
}

func TestScoreRefusesStringsThatCWouldCut(t *testing.T) {
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "word", Elem: onnxmodel.String}}, 1).Model()
	m := load(t, []schema.Feature{{Name: "word", Type: schema.String, Default: ""}}, linear.Encode())
	r := acquire(t, m, 1)
	defer r.Release()
	r.Input(0).Strings[0] = "fuel\x00bakery"
	wantInvalid(t, r.Score(t.Context()), `input "word" of model "m" version 1`, "zero byte")
}

// TestScoreReadsEveryTypeOfOutput casts the input to each type of output. Neither of two
// columns is obviously the score.
func TestScoreReadsEveryTypeOfOutput(t *testing.T) {
	for elem, want := range map[onnxmodel.Elem]string{
		onnxmodel.Float: "[9 0 9 1 9 1]", onnxmodel.Double: "[9 0 9 1 9 1]", onnxmodel.Int32: "[9 0 9 1 9 1]", onnxmodel.Int64: "[9 0 9 1 9 1]",
		onnxmodel.Bool: "[true false true true true true]", onnxmodel.String: "[9 0 9 1 9 1]",
	} {
		m := identity()
		m.Graph.Nodes[0] = onnxmodel.Node{Op: "Cast", In: []string{"x"}, Out: []string{"y"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(elem)}}}
		m.Graph.Outputs[0].Elem = elem
		loaded := load(t, numbers(2), m.Encode())
		r := acquire(t, loaded, 3)
		copy(r.Dense(), []float32{9, 0, 9, 1, 9, 1})
		columns, err := r.ScoreOutputs(t.Context(), []int{0})
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		for i := range columns[0].Len() {
			got = append(got, columns[0].Value(i))
		}
		if fmt.Sprint(got) != want || columns[0].Type != elements[elem] || r.Scores() != nil {
			t.Errorf("output %s: got %v of %s, scores %v; want %s", elements[elem], got, columns[0].Type, r.Scores(), want)
		}
		r.Release()
	}
}

func TestScoreManyRunsAtOnce(t *testing.T) {
	const features = 5
	forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 30, Depth: 4, Features: features, Seed: 2})
	file := forest.Model()
	m := load(t, numbers(features), file.Encode())
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(g, 1))
			for range 200 {
				r, err := m.Acquire(1 + rng.IntN(40))
				if err != nil {
					t.Error(err)
					return
				}
				x := r.Dense()
				for i := range x {
					x[i] = float32(rng.NormFloat64())
				}
				if err := r.Score(t.Context()); err != nil {
					t.Error(err)
				}
				for i, got := range r.Scores() {
					if want := forest.Score(x[i*features : (i+1)*features]); !near(got, want) {
						t.Errorf("got score %v, want %v", got, want)
					}
				}
				r.Release()
			}
		})
	}
	wg.Wait()
}

// endless returns a model that multiplies its input by one as many times as its
// first value says.
func endless() onnxmodel.Model {
	node := func(op string, in []string, out string, attrs ...onnxmodel.Attr) onnxmodel.Node {
		return onnxmodel.Node{Op: op, In: in, Out: []string{out}, Attrs: attrs}
	}
	scalar := []any{}
	body := onnxmodel.Graph{
		Nodes: []onnxmodel.Node{node("Identity", []string{"go_on"}, "still"), node("Mul", []string{"v", "one"}, "next")},
		Inputs: []onnxmodel.Value{
			value("i", onnxmodel.Int64, scalar...), value("go_on", onnxmodel.Bool, scalar...), value("v", onnxmodel.Float, "N", int64(1)),
		},
		Outputs: []onnxmodel.Value{value("still", onnxmodel.Bool, scalar...), value("next", onnxmodel.Float, "N", int64(1))},
	}
	return onnxmodel.Model{Graph: onnxmodel.Graph{
		Initializers: []onnxmodel.Tensor{
			onnxmodel.Floats("one", []int64{1}, []float32{1}),
			{Name: "true", Elem: onnxmodel.Bool, Raw: []byte{1}},
			onnxmodel.Ints("first", []int64{1}, 0),
		},
		Nodes: []onnxmodel.Node{
			node("ReduceMax", []string{"x"}, "most", onnxmodel.Attr{Name: "keepdims", Value: int64(0)}),
			node("Cast", []string{"most"}, "times", onnxmodel.Attr{Name: "to", Value: int64(onnxmodel.Int64)}),
			node("Loop", []string{"times", "true", "x"}, "y", onnxmodel.Attr{Name: "body", Value: body}),
		},
		Inputs:  []onnxmodel.Value{value("x", onnxmodel.Float, "N", int64(1))},
		Outputs: []onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(1))},
	}}
}

func TestDeadlineEndsARun(t *testing.T) {
	file := endless()
	m := load(t, numbers(1), file.Encode())
	r := acquire(t, m, 1)
	defer r.Release()
	r.Dense()[0] = 1e15
	const deadline = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	began := time.Now()
	if err := r.Score(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the deadline's error", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the run went on for %v after a deadline of %v", took, deadline)
	}
	r.Dense()[0] = 3
	if err := r.Score(t.Context()); err != nil || r.Scores()[0] != 3 {
		t.Errorf("the same run, later: score %v, error %v; want 3", r.Scores()[0], err)
	}
}

func TestDeadlineEndsAWarmUp(t *testing.T) {
	m := endless()
	m.Graph.Initializers = append(m.Graph.Initializers, onnxmodel.Ints("times", []int64{}, 1e15))
	m.Graph.Nodes = m.Graph.Nodes[2:] // the loop alone
	file := m.Encode()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newSet(t).Prepare(ctx, catalog(t, numbers(1), file), filesOf(file).fetch)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the trial of the model did not end in time") {
		t.Errorf("got %v, want the deadline's error", err)
	}
}

func TestScoreAfterTheDeadline(t *testing.T) {
	file := identity()
	m := load(t, numbers(2), file.Encode())
	r := acquire(t, m, 1)
	defer r.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Score(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestAcquireBoundsRows(t *testing.T) {
	file := identity()
	m := load(t, numbers(2), file.Encode())
	for _, rows := range []int{-1, 0, scoring.MaxRows + 1} {
		_, err := m.Acquire(rows)
		wantInvalid(t, err, `model "m" version 1`, "a run has 1 to 131072")
	}
}

// TestAllocationsAreConstant holds that a score makes as many Go objects for many
// rows and features as for one.
func TestAllocationsAreConstant(t *testing.T) {
	count := func(rows, features int) float64 {
		m := load(t, numbers(features), onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 3, Depth: 2, Features: features}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return testing.AllocsPerRun(50, func() {
			r := acquire(t, m, rows)
			clear(r.Dense())
			if err := r.Score(ctx); err != nil {
				t.Error(err)
			}
			r.Release()
		})
	}
	if one, many := count(1, 1), count(1000, 200); one != many {
		t.Errorf("%v allocations for 1 row of 1 feature, %v for 1000 of 200", one, many)
	}
}
