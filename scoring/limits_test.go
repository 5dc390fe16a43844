package scoring_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// limited loads a model of one feature with these limits, and returns what counts
// its ended runs.
func limited(t *testing.T, limits schema.ModelLimits, file []byte) (*scoring.Model, func(limit string) float64) {
	t.Helper()
	set, counted := countedSet(t)
	cat := compileModel(t, numbers(1), schema.Model{Limits: &limits}, file)
	m := prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1))
	return m, func(limit string) float64 { return counted("larder_scoring_runs_ended_total", limit) }
}

// scoreTwo scores two rows, of which the first makes a hostile model work.
func scoreTwo(ctx context.Context, t *testing.T, m *scoring.Model, first float32) error {
	t.Helper()
	r := acquire(t, m, 2)
	defer r.Release()
	r.Dense()[0], r.Dense()[1] = first, 0.5
	if err := r.Score(ctx); err != nil {
		return err
	}
	if got := r.Scores(); got[0] != float64(first) || got[1] != 0.5 {
		t.Errorf("scores %v; want %v and 0.5", got, first)
	}
	return nil
}

func wantExhausted(t *testing.T, err error, reason string) {
	t.Helper()
	var refusal *schema.Error
	if !errors.As(err, &refusal) || refusal.Kind != schema.Exhausted || string(refusal.Reason) != reason {
		t.Errorf("%v; want an error of kind exhausted and reason %s", err, reason)
	}
}

// TestARunThatTakesTooLongIsEnded: the caller has no deadline, or a later one. The
// model goes on answering others.
func TestARunThatTakesTooLongIsEnded(t *testing.T) {
	const limit, muchMore = 100 * time.Millisecond, time.Minute
	m, ended := limited(t, schema.ModelLimits{Time: schema.Duration(limit)}, hostile(loops))
	late, cancel := context.WithTimeout(t.Context(), muchMore)
	defer cancel()
	for i, ctx := range []context.Context{context.Background(), late, t.Context()} {
		began := time.Now()
		wantExhausted(t, scoreTwo(ctx, t, m, 1e12), "MODEL_TIME")
		if took := time.Since(began); took > muchMore/2 {
			t.Errorf("a run that may take %s took %s", limit, took)
		}
		if got := ended("time"); got != float64(i+1) {
			t.Errorf("%v runs were counted; want %d", got, i+1)
		}
		if err := scoreTwo(ctx, t, m, 2); err != nil {
			t.Errorf("the next run: %v", err)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), limit/10)
	defer cancel()
	if err := scoreTwo(soon, t, m, 1e12); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline before the limit: %v; want the deadline's error", err)
	}
}

// TestARunThatTakesTooMuchMemoryIsEnded: of a tensor whose size is computed when
// the model runs, and while others score.
func TestARunThatTakesTooMuchMemoryIsEnded(t *testing.T) {
	m, ended := limited(t, schema.ModelLimits{Memory: 64 << 20}, hostile(expands))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if err := scoreTwo(t.Context(), t, m, 1000); err != nil {
					t.Errorf("a small run: %v", err)
				}
			}
		})
	}
	const runs = 20
	for range runs {
		wantExhausted(t, scoreTwo(t.Context(), t, m, 1<<30), "MODEL_MEMORY")
	}
	all.Wait()
	if got := ended("memory"); got != runs {
		t.Errorf("%v runs were counted; want %d", got, runs)
	}
	if err := scoreTwo(t.Context(), t, m, 4<<20); err != nil {
		t.Errorf("a run of 16 MiB: %v", err)
	}
}

// TestLimitsHoldWhenAModelIsLoaded: what depends on constants only would be
// computed by ONNX Runtime before the first run, where nothing ends it.
func TestLimitsHoldWhenAModelIsLoaded(t *testing.T) {
	f := func(what string, limits schema.ModelLimits, file []byte) {
		t.Helper()
		cat := compileModel(t, numbers(1), schema.Model{Limits: &limits}, file)
		began := time.Now()
		_, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
		var refusal *schema.Error
		if !errors.As(err, &refusal) || refusal.Kind != schema.Invalid {
			t.Errorf("%s: %v; want the file to be refused", what, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: it took %s to load", what, took)
		}
	}
	f("a large constant", schema.ModelLimits{Memory: 16 << 20}, constant(1<<20, 16, 0))
	f("products of large constants", schema.ModelLimits{Time: schema.Duration(200 * time.Millisecond)}, constant(1500, 1500, 300))
}

// TestABranchThatIsNotTakenCostsNothing: no trial shows what its constants are.
func TestABranchThatIsNotTakenCostsNothing(t *testing.T) {
	branch := func(nodes ...onnxmodel.Node) onnxmodel.Graph {
		return onnxmodel.Graph{Nodes: nodes, Outputs: []onnxmodel.Value{{Name: "sum", Elem: onnxmodel.Float, Dims: []any{}}}}
	}
	hard := branch(constantNodes(300)...)
	hard.Initializers = []onnxmodel.Tensor{onnxmodel.Floats("zero", []int64{}, []float32{0}), onnxmodel.Ints("shape", []int64{2}, 1500, 1500)}
	easy := branch(onnxmodel.Node{Op: "Identity", In: []string{"zero"}, Out: []string{"sum"}})
	file := scoresX([]onnxmodel.Node{
		{Op: "ReduceMax", In: []string{"x"}, Out: []string{"most"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}},
		{Op: "Less", In: []string{"most", "zero"}, Out: []string{"negative"}},
		{Op: "If", In: []string{"negative"}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "then_branch", Value: hard}, {Name: "else_branch", Value: easy}}},
		{Op: "Add", In: []string{"x", "sum"}, Out: []string{"score"}},
	})
	began := time.Now()
	m, _ := limited(t, schema.ModelLimits{Time: schema.Duration(200 * time.Millisecond)}, file)
	if err := scoreTwo(t.Context(), t, m, 1); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to load", took)
	}
}

// constant returns a model that adds a constant, which it computes from a matrix
// of these dimensions and its products.
func constant(rows, columns int64, products int) []byte {
	nodes := append(constantNodes(products), onnxmodel.Node{Op: "Add", In: []string{"x", "sum"}, Out: []string{"score"}})
	return scoresX(nodes, onnxmodel.Ints("shape", []int64{2}, rows, columns))
}

func constantNodes(products int) []onnxmodel.Node {
	nodes := []onnxmodel.Node{{Op: "Expand", In: []string{"zero", "shape"}, Out: []string{"p0"}}}
	last := "p0"
	for i := range products {
		next := fmt.Sprint("p", i+1)
		nodes = append(nodes, onnxmodel.Node{Op: "MatMul", In: []string{last, "p0"}, Out: []string{next}})
		last = next
	}
	return append(nodes, onnxmodel.Node{Op: "ReduceSum", In: []string{last}, Out: []string{"sum"}, Attrs: []onnxmodel.Attr{{Name: "keepdims", Value: int64(0)}}})
}

// TestALimitIsPartOfAModel: a definition with another limit is loaded again.
func TestALimitIsPartOfAModel(t *testing.T) {
	file := hostile(expands)
	set := newSet(t)
	var loaded []*scoring.Model
	for _, memory := range []schema.MemorySize{64 << 20, 128 << 20} {
		cat := compileModel(t, numbers(1), schema.Model{Limits: &schema.ModelLimits{Memory: memory}}, file)
		loaded = append(loaded, prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1)))
	}
	if loaded[0] == loaded[1] {
		t.Error("one model has two limits")
	}
}
