package scoring_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
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
func scoreOne(t testing.TB, m *scoring.Model) float64 {
	t.Helper()
	r := acquire(t, m, 1)
	defer r.Release()
	r.Dense()[0] = 1
	if err := r.Score(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Scores()[0]
}

func wantReason(t testing.TB, err error, reason string) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || string(said.Reason) != reason {
		t.Fatalf("got %v, want an error of reason %s", err, reason)
	}
}

func TestSetServesAllVersions(t *testing.T) {
	s, two, three := newSet(t), times(2), times(3)
	cat := catalog(t, numbers(1), two, three)
	models := prepared(t, s, cat, filesOf(two, three))
	if a, b := scoreOne(t, models.Model(plan(t, cat, 1))), scoreOne(t, models.Model(plan(t, cat, 2))); a != 2 || b != 3 {
		t.Errorf("got scores %v and %v, want 2 and 3", a, b)
	}
	if m := models.Model(plan(t, catalog(t, numbers(1), two), 1)); m != nil {
		t.Errorf("a plan of another catalog has the model %v", m)
	}
}

// countedLog counts the lines of a log.
type countedLog struct {
	slog.Handler
	lines map[string]int
	mu    *sync.Mutex
}

func (c countedLog) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines[r.Message]++
	return nil
}

func (c countedLog) Enabled(context.Context, slog.Level) bool { return true }

// TestSetUnloadsWhatWasReleased: a model goes with the last catalog that has it.
func TestSetUnloadsWhatWasReleased(t *testing.T) {
	log := countedLog{slog.DiscardHandler, map[string]int{}, new(sync.Mutex)}
	s := scoring.NewSet(library, scoring.SetOptions{Logger: slog.New(log)})
	shared, alone := times(2), times(3)
	prepare := func(f ...[]byte) *scoring.Models {
		t.Helper()
		models, err := s.Prepare(t.Context(), catalog(t, numbers(1), f...), filesOf(f...).fetch)
		if err != nil {
			t.Fatal(err)
		}
		return models
	}
	f := func(loaded, unloaded int) {
		t.Helper()
		if log.lines["model loaded"] != loaded || log.lines["model unloaded"] != unloaded {
			t.Errorf("%v; want %d loaded and %d unloaded", log.lines, loaded, unloaded)
		}
	}
	first := prepare(shared, alone)
	f(2, 0)
	second := prepare(shared)
	f(2, 0)
	first.Release()
	f(2, 1)
	second.Release()
	f(2, 2)
	third := prepare(shared)
	f(3, 2)
	third.Release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f(3, 3)
}

func TestSetLoadsSharedModelsOnce(t *testing.T) {
	s, file := newSet(t), times(2)
	first := catalog(t, numbers(1), file)
	a := prepared(t, s, first, filesOf(file)).Model(plan(t, first, 1))
	second := catalog(t, numbers(1), file)
	b := prepared(t, s, second, nil).Model(plan(t, second, 1)) // no file can be fetched, and none is needed
	if a != b {
		t.Error("two catalogs loaded one model twice")
	}
	// The same file over other features is another model.
	third := catalog(t, []schema.Feature{{Name: "g", Type: schema.Int64}}, file)
	if _, err := s.Prepare(t.Context(), third, files(nil).fetch); err == nil {
		t.Error("other features were taken for the same model")
	}
}

// TestSetPreparesAllOrNothing: Close, which newSet calls, would wait forever for the
// version that could be loaded.
func TestSetPreparesAllOrNothing(t *testing.T) {
	s, good, lost := newSet(t), times(2), times(3)
	cat := catalog(t, numbers(1), good)
	models := prepared(t, s, cat, filesOf(good))
	next := catalog(t, numbers(1), times(4), lost)
	_, err := s.Prepare(t.Context(), next, filesOf(times(4)).fetch)
	if err == nil || err.Error() != `model "m" version 2: fetch the model file: no file `+sum(lost) {
		t.Errorf("got error %v", err)
	}
	if got := scoreOne(t, models.Model(plan(t, cat, 1))); got != 2 {
		t.Errorf("the old catalog: got score %v, want 2", got)
	}
}

func TestSetRefuses(t *testing.T) {
	s := newSet(t)
	f := func(features []schema.Feature, file []byte, words ...string) {
		t.Helper()
		cat := catalog(t, features, file)
		words = append(words, `model "m" version 1`)
		_, err := s.Prepare(t.Context(), cat, filesOf(file).fetch)
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
	f(numbers(2), summed.Encode(), "no output that gives values for each row", "has the shape [1 2] for 2 rows")
}

// TestShapesAreTrials: what a file declares of the shape of its output is not believed.
func TestShapesAreTrials(t *testing.T) {
	narrow := identity()
	narrow.Graph.Outputs[0].Name = "probabilities"
	narrow.Graph.Outputs[0].Dims = []any{"N", nil}
	narrow.Graph.Nodes[0] = onnxmodel.Node{Op: "ReduceSum", In: []string{"x", "axis"}, Out: []string{"probabilities"}}
	narrow.Graph.Initializers = []onnxmodel.Tensor{onnxmodel.Ints("axis", []int64{1}, 1)}
	wrong := identity()
	wrong.Graph.Outputs[0].Dims = []any{"N"}
	for _, x := range []struct {
		model onnxmodel.Model
		shape []int64
	}{{narrow, []int64{1}}, {wrong, []int64{2}}} {
		file := x.model.Encode()
		checked, err := newSet(t).Check(t.Context(), plan(t, catalog(t, numbers(2), file), 1), file)
		if err != nil {
			t.Fatal(err)
		}
		if got := checked.Outputs[0].Shape; !slices.Equal(got, x.shape) {
			t.Errorf("got the shape %v for a row, want %v", got, x.shape)
		}
	}
}

func TestSetChecksTheFile(t *testing.T) {
	s, file := newSet(t), times(2)
	cat := catalog(t, numbers(1), file)
	_, err := s.Prepare(t.Context(), cat, files{sum(file): times(3)}.fetch)
	wantReason(t, err, "MODEL_SHA256")
}

func TestSetCheck(t *testing.T) {
	s, file := newSet(t), times(2)
	p := plan(t, catalog(t, numbers(1), file), 1)
	b, err := s.Check(t.Context(), p, file)
	if err != nil || b.Score == nil || b.Score.Output != "y" {
		t.Fatalf("got binding %v, error %v", b, err)
	}
}

// TestSetClosesWhenAllIsReleased: Close waits for models that are still held, whose
// runs go on.
func TestSetClosesWhenAllIsReleased(t *testing.T) {
	s, file := scoring.NewSet(library, scoring.SetOptions{}), times(2)
	cat := catalog(t, numbers(1), file)
	models, err := s.Prepare(t.Context(), cat, filesOf(file).fetch)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	if got := scoreOne(t, models.Model(plan(t, cat, 1))); got != 2 {
		t.Errorf("got score %v, want 2", got)
	}
	select {
	case err := <-closed:
		t.Fatalf("closed under a model that is held: %v", err)
	default:
	}
	models.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	_, err = s.Prepare(t.Context(), cat, filesOf(file).fetch)
	wantReason(t, err, "MODELS_CLOSED")
}
