package scoring_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// times returns a model whose score is its only feature times a factor.
func times(factor float32) []byte {
	m := identity()
	m.Graph.Inputs[0].Dims[1], m.Graph.Outputs[0].Dims[1] = int64(1), int64(1)
	m.Graph.Initializers = []onnxmodel.Tensor{onnxmodel.Floats("factor", []int64{1}, []float32{factor})}
	m.Graph.Nodes[0] = onnxmodel.Node{Op: "Mul", In: []string{"x", "factor"}, Out: []string{"y"}}
	return m.Encode()
}

// scoreOne scores one row of the value 1.
func scoreOne(t testing.TB, s *scoring.Set, p *schema.Plan) float64 {
	t.Helper()
	m, err := s.Model(p)
	if err != nil {
		t.Fatal(err)
	}
	r := acquire(t, m, 1)
	defer r.Release()
	r.Dense()[0] = 1
	if err := r.Score(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Scores()[0]
}

func publish(t testing.TB, s *scoring.Set, cat *schema.Catalog, f files) {
	t.Helper()
	if err := s.Prepare(t.Context(), cat, f.fetch); err != nil {
		t.Fatal(err)
	}
	s.Commit(cat)
}

func wantReason(t testing.TB, err error, reason string) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || said.Reason != reason {
		t.Fatalf("got %v, want an error of reason %s", err, reason)
	}
}

func TestSetServesAllVersions(t *testing.T) {
	s, two, three := newSet(t), times(2), times(3)
	cat := catalog(t, numbers(1), two, three)
	publish(t, s, cat, filesOf(two, three))
	if a, b := scoreOne(t, s, plan(t, cat, 1)), scoreOne(t, s, plan(t, cat, 2)); a != 2 || b != 3 {
		t.Errorf("got scores %v and %v, want 2 and 3", a, b)
	}
}

func TestSetKeepsTheCatalogBefore(t *testing.T) {
	s := newSet(t)
	var cats []*schema.Catalog
	for _, factor := range []float32{2, 3, 4} {
		file := times(factor)
		cat := catalog(t, numbers(1), file)
		publish(t, s, cat, filesOf(file))
		cats = append(cats, cat)
	}
	if a, b := scoreOne(t, s, plan(t, cats[2], 1)), scoreOne(t, s, plan(t, cats[1], 1)); a != 4 || b != 3 {
		t.Errorf("got scores %v and %v, want 4 and 3", a, b)
	}
	_, err := s.Model(plan(t, cats[0], 1))
	wantReason(t, err, "MODEL_NOT_LOADED")
	s.Commit(cats[1]) // back again
	file := times(5)
	publish(t, s, catalog(t, numbers(1), file), filesOf(file))
	if got := scoreOne(t, s, plan(t, cats[1], 1)); got != 3 {
		t.Errorf("the catalog before: got score %v, want 3", got)
	}
	_, err = s.Model(plan(t, cats[2], 1))
	wantReason(t, err, "MODEL_NOT_LOADED")
}

func TestSetLoadsSharedModelsOnce(t *testing.T) {
	s, file := newSet(t), times(2)
	first := catalog(t, numbers(1), file)
	publish(t, s, first, filesOf(file))
	second := catalog(t, numbers(1), file)
	publish(t, s, second, nil) // no file can be fetched, and none is needed
	a, err := s.Model(plan(t, first, 1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Model(plan(t, second, 1))
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Error("two catalogs loaded one model twice")
	}
	// The same file over other features is another model.
	third := catalog(t, []schema.Feature{{Name: "g", Type: schema.Int64}}, file)
	if err := s.Prepare(t.Context(), third, files(nil).fetch); err == nil {
		t.Error("other features were taken for the same model")
	}
}

func TestSetPreparesAllOrNothing(t *testing.T) {
	s, good, lost := newSet(t), times(2), times(3)
	cat := catalog(t, numbers(1), good)
	publish(t, s, cat, filesOf(good))
	next := catalog(t, numbers(1), times(4), lost)
	err := s.Prepare(t.Context(), next, filesOf(times(4)).fetch)
	if err == nil || err.Error() != `model "m" version 2: fetch the model file: no file `+sum(lost) {
		t.Errorf("got error %v", err)
	}
	_, err = s.Model(plan(t, next, 1))
	wantReason(t, err, "MODEL_NOT_LOADED")
	if got := scoreOne(t, s, plan(t, cat, 1)); got != 2 {
		t.Errorf("the old catalog: got score %v, want 2", got)
	}
}

func TestSetRefuses(t *testing.T) {
	s := newSet(t)
	f := func(features []schema.Feature, file []byte, words ...string) {
		t.Helper()
		cat := catalog(t, features, file)
		words = append(words, `model "m" version 1`)
		err := s.Prepare(t.Context(), cat, filesOf(file).fetch)
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid {
			t.Fatalf("got %v, want a refusal", err)
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("got %q, want it to say %q", err, w)
			}
		}
		if _, err := s.Check(t.Context(), plan(t, cat, 1), file); err == nil {
			t.Error("Check accepts what Prepare refuses")
		}
	}
	f(numbers(2), times(2), "1 features wide, but the feature service has 2")
	f(numbers(1), times(float32(math.NaN())), "the model scores NaN for each of 10 different rows")
	unknown := identity()
	unknown.Graph.Nodes[0].Op = "Teleport"
	f(numbers(2), unknown.Encode(), "ONNX Runtime refuses the model", "Teleport")
	mixed := identity()
	mixed.Graph.Nodes[0] = onnxmodel.Node{Op: "CumSum", In: []string{"x", "axis"}, Out: []string{"y"}, Attrs: []onnxmodel.Attr{{Name: "reverse", Value: int64(1)}}}
	mixed.Graph.Initializers = []onnxmodel.Tensor{onnxmodel.Ints("axis", []int64{1}, 0)}
	f(numbers(2), mixed.Encode(), "the score of a row depends on the rows beside it: 0 alone,")
	summed := identity()
	summed.Graph.Nodes[0] = onnxmodel.Node{Op: "ReduceMax", In: []string{"x"}, Out: []string{"y"}, Attrs: []onnxmodel.Attr{{Name: "axes", Value: []int64{0}}}}
	f(numbers(2), summed.Encode(), "has the shape [1 2] for 2 rows; a score is [N] or [N, C]")
	narrow := identity()
	narrow.Graph.Outputs[0].Name = "probabilities"
	narrow.Graph.Outputs[0].Dims = []any{"N", nil}
	narrow.Graph.Nodes[0] = onnxmodel.Node{Op: "ReduceSum", In: []string{"x", "axis"}, Out: []string{"probabilities"}}
	narrow.Graph.Initializers = []onnxmodel.Tensor{onnxmodel.Ints("axis", []int64{1}, 1)}
	f(numbers(2), narrow.Encode(), `output "probabilities" has 1 columns; it has no column 1`, "as in column: 0")
}

func TestSetChecksTheFile(t *testing.T) {
	s, file := newSet(t), times(2)
	cat := catalog(t, numbers(1), file)
	err := s.Prepare(t.Context(), cat, files{sum(file): times(3)}.fetch)
	wantReason(t, err, "MODEL_SHA256")
}

func TestSetCheck(t *testing.T) {
	s, file := newSet(t), times(2)
	p := plan(t, catalog(t, numbers(1), file), 1)
	b, err := s.Check(t.Context(), p, file)
	if err != nil || b.Output != "y" {
		t.Fatalf("got binding %v, error %v", b, err)
	}
	_, err = s.Model(p)
	wantReason(t, err, "MODEL_NOT_LOADED")
}

// TestSetSwapsUnderLoad holds that requests that follow the catalog never fail and
// never get another version's score, and that old models outlive their last run.
func TestSetSwapsUnderLoad(t *testing.T) {
	s := newSet(t)
	var serving atomic.Pointer[schema.Catalog]
	var factors sync.Map
	swap := func(factor float32) {
		file := times(factor)
		cat := catalog(t, numbers(1), file)
		if err := s.Prepare(t.Context(), cat, filesOf(file).fetch); err != nil {
			t.Error(err)
		}
		factors.Store(cat, float64(factor))
		serving.Store(cat)
		s.Commit(cat)
	}
	swap(1)
	first, err := s.Model(plan(t, serving.Load(), 1))
	if err != nil {
		t.Fatal(err)
	}
	held := acquire(t, first, 1)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				cat := serving.Load()
				p, err := cat.ModelPlan("m", 0)
				if err != nil {
					t.Error(err)
					return
				}
				want, _ := factors.Load(cat)
				got, err := tryOne(s, p)
				var said *schema.Error
				if errors.As(err, &said) && said.Kind == schema.Unavailable && serving.Load() != cat {
					continue // two swaps happened between two lines
				}
				if err != nil || got != want {
					t.Errorf("got score %v, error %v; want %v", got, err, want)
					return
				}
			}
		})
	}
	for factor := range 20 {
		swap(float32(factor + 2))
	}
	stop()
	wg.Wait()
	held.Dense()[0] = 7
	if err := held.Score(t.Context()); err != nil || held.Scores()[0] != 7 {
		t.Errorf("a run of a model long replaced: score %v, error %v; want 7", held.Scores()[0], err)
	}
	held.Release()
	_, err = first.Acquire(1)
	wantReason(t, err, "MODEL_UNLOADED")
}

func tryOne(s *scoring.Set, p *schema.Plan) (float64, error) {
	m, err := s.Model(p)
	if err != nil {
		return 0, err
	}
	r, err := m.Acquire(1)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	r.Dense()[0] = 1
	if err := r.Score(context.Background()); err != nil {
		return 0, err
	}
	return r.Scores()[0], nil
}

func TestSetCloseWaitsForRuns(t *testing.T) {
	s, file := scoring.NewSet(library, scoring.SetOptions{}), times(2)
	cat := catalog(t, numbers(1), file)
	publish(t, s, cat, filesOf(file))
	m, err := s.Model(plan(t, cat, 1))
	if err != nil {
		t.Fatal(err)
	}
	r := acquire(t, m, 1)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	r.Dense()[0] = 1
	if err := r.Score(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case err := <-closed:
		t.Fatalf("closed under a run: %v", err)
	default:
	}
	r.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wantReason(t, s.Prepare(t.Context(), cat, filesOf(file).fetch), "MODELS_CLOSED")
}
