package integration_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// odd returns a request column x of values that are far from what a trial tries.
func odd(rows int) *larderv1.Column {
	values := make([]float32, rows)
	for i := range values {
		values[i] = [...]float32{2e6, float32(math.NaN()), float32(math.Inf(1)), -3.4e38, 1e-45, -1, 0}[i%7]
	}
	return floats("x", values...)
}

func floats(name string, values ...float32) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: values}}}
}

// crashes returns models that end a process in which ONNX Runtime loads or runs them, by
// name. integration/testdata/crashes has what fuzzing has found: each is one operator
// with odd attributes or shapes; those that begin with dd_ crash for large values only.
func crashes(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/crashes/*.onnx")
	if err != nil || len(names) == 0 {
		t.Fatalf("testdata/crashes: %d models, %v", len(names), err)
	}
	models := map[string][]byte{"texts.onnx": manyTexts(), "deep.onnx": deepTree(20_000)}
	for _, name := range names {
		if models[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return models
}

// sizeOf returns a model of x whose score is x, and which runs a node.
func sizeOf(node onnxmodel.Node, constants ...onnxmodel.Tensor) []byte {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:       []onnxmodel.Value{{Name: "X", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs:      []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Initializers: append(constants, onnxmodel.Floats("zero", nil, []float32{0})),
		Nodes: []onnxmodel.Node{
			node,
			{Op: "Size", In: []string{"made"}, Out: []string{"size"}},
			{Op: "Cast", In: []string{"size"}, Out: []string{"float"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(1)}}},
			{Op: "Mul", In: []string{"float", "zero"}, Out: []string{"nothing"}},
			{Op: "Add", In: []string{"X", "nothing"}, Out: []string{"score"}},
		},
	}}
	return m.Encode()
}

// manyTexts takes 10 GB that ONNX Runtime doesn't count, and finds nobody to stop it.
func manyTexts() []byte {
	text := onnxmodel.Tensor{Name: "text", Elem: onnxmodel.String, Dims: []int64{1}, Strings: []string{strings.Repeat("x", 1000)}}
	return sizeOf(onnxmodel.Node{Op: "Expand", In: []string{"text", "times"}, Out: []string{"made"}}, text, onnxmodel.Ints("times", []int64{1}, 10_000_000))
}

// deepTree ends ONNX Runtime, which reads trees by recursion.
func deepTree(depth int) []byte {
	ids, next, tree := make([]int64, depth), make([]int64, depth), make([]int64, depth)
	modes, values := make([]string, depth), make([]float32, depth)
	for i := range ids {
		ids[i], next[i], modes[i] = int64(i), int64(i+1), "BRANCH_LEQ"
	}
	next[depth-1], modes[depth-1] = 0, "LEAF"
	return sizeOf(onnxmodel.Node{
		Op: "TreeEnsembleRegressor", Domain: "ai.onnx.ml", In: []string{"X"}, Out: []string{"made"},
		Attrs: []onnxmodel.Attr{
			{Name: "nodes_treeids", Value: tree},
			{Name: "nodes_nodeids", Value: ids},
			{Name: "nodes_featureids", Value: tree},
			{Name: "nodes_values", Value: values},
			{Name: "nodes_modes", Value: modes},
			{Name: "nodes_truenodeids", Value: next},
			{Name: "nodes_falsenodeids", Value: next},
			{Name: "target_treeids", Value: []int64{0}},
			{Name: "target_nodeids", Value: []int64{int64(depth - 1)}},
			{Name: "target_ids", Value: []int64{0}},
			{Name: "target_weights", Value: []float32{1}},
			{Name: "n_targets", Value: int64(1)},
		},
	})
}

// TestNoModelEndsTheServer pushes models that crash, and scores those that are accepted
// with odd values. The server's process lives on, and another model answers all the time.
func TestNoModelEndsTheServer(t *testing.T) {
	t.Parallel() // it waits most of the time
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	dir := definitionsFolder(t, `
feature_services: [{name: one, request: [{name: x, type: float32}], features: ["request:*"]}]
`)
	s.apply(dir)
	push := func(model, name string, file []byte) (accepted bool, said string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, code := s.client("models", "push", model, path, "--service", "one", "--promote")
		return code == 0, stdout + stderr
	}
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "x", Elem: onnxmodel.Float}}, 1)
	good := linear.Model()
	for _, model := range []string{"good", "odd"} {
		if ok, said := push(model, "good.onnx", good.Encode()); !ok {
			t.Fatalf("the good model is refused: %s", said)
		}
	}
	stop := keepScoring(t, s, float64(linear.Score([]any{float32(0.5)})))
	refused := 0
	for name, file := range crashes(t) {
		accepted, said := push("odd", name, file)
		if !accepted {
			refused++
			if !strings.Contains(said, "BAD_MODEL") && !strings.Contains(said, "MODEL_") {
				t.Errorf("%s is refused without a reason that a caller can act on: %s", name, said)
			}
			continue
		}
		for _, rows := range []int{1, 2, 1, 1, 100} {
			_, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "odd", Request: []*larderv1.Column{odd(rows)}})
			if code := status.Code(err); code == codes.Internal || code == codes.Unknown {
				t.Errorf("%s, %d rows: %v", name, rows, err)
			}
		}
	}
	if refused == 0 {
		t.Error("no model was refused")
	}
	if answers := stop(); answers == 0 {
		t.Error("the good model never answered")
	}
	select {
	case <-s.exited:
		t.Fatal("the server's process ended")
	default:
	}
}

// keepScoring scores the model good until it is stopped. Each request must get this score,
// within a second. It returns how many did.
func keepScoring(t testing.TB, s *server, want float64) (stop func() int64) {
	t.Helper()
	group, ctx := errgroup.WithContext(context.Background())
	var done atomic.Bool
	var answers atomic.Int64
	group.Go(func() error {
		for !done.Load() {
			if err := scoreGood(ctx, s, want); err != nil {
				return err
			}
			answers.Add(1)
		}
		return nil
	})
	return func() int64 {
		t.Helper()
		done.Store(true)
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		return answers.Load()
	}
}

func scoreGood(ctx context.Context, s *server, want float64) error {
	const answerWithin = 10 * time.Second // the machine may be busy
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := s.serving.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: "good", Request: []*larderv1.Column{floats("x", 0.5)}})
	if err != nil {
		return fmt.Errorf("the good model: %w", err)
	}
	if got := answer.GetScores()[0]; got != want {
		return fmt.Errorf("the good model scores %v, want %v", got, want)
	}
	return nil
}
