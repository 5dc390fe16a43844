package scoring_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

var batching = &schema.Batching{MaxBatch: 64, MaxDelay: schema.Duration(20 * time.Millisecond)}

// TestBatchedScoresAreThoseOfOneRequest: to the bit, from many at a time, of any
// number of rows. Some requests must have shared a run.
func TestBatchedScoresAreThoseOfOneRequest(t *testing.T) {
	const features, requests, inFlight = 50, 200, 64
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: features, Hidden: []int{64, 32}, Seed: 3})
	alone := load(t, numbers(features), file)
	set, counted := countedSet(t)
	cat := compileModel(t, numbers(features), schema.Model{Batching: batching}, file)
	m := prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1))
	if on, reason := m.Batching(); !on {
		t.Fatalf("the model is not batched: %s", reason)
	}
	x := normal(1024 * features)
	var all sync.WaitGroup
	for seed := range inFlight {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(seed)))
			for range requests {
				rows := 1 + rng.IntN(9)
				if rng.IntN(50) == 0 {
					rows = 64 + rng.IntN(100) // more than a batch has
				}
				from := x[rng.IntN(len(x)-rows*features):][:rows*features]
				want, got := scoresOf(t, alone, rows, from), scoresOf(t, m, rows, from)
				for i := range want {
					if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
						t.Errorf("row %d of %d: score %v; want %v", i, rows, got[i], want[i])
						return
					}
				}
			}
		})
	}
	all.Wait()
	if batches, shared := counted("larder_scoring_batches_total"), counted("larder_scoring_batched_requests_total"); batches == 0 || shared < 2*batches {
		t.Errorf("%v requests shared %v runs", shared, batches)
	}
}

func scoresOf(t *testing.T, m *scoring.Model, rows int, x []float32) []float64 {
	t.Helper()
	r, err := m.Acquire(rows)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Release()
	copy(r.Dense(), x)
	if err := r.Score(t.Context()); err != nil {
		t.Error(err)
	}
	return append([]float64(nil), r.Scores()...)
}

// TestWhoIsAloneDoesNotWait: with one request at a time none is held, or the test would
// take an hour.
func TestWhoIsAloneDoesNotWait(t *testing.T) {
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{4}, Seed: 3})
	m := load(t, numbers(3), file)
	m.ShareRuns(&schema.Batching{MaxBatch: 64, MaxDelay: schema.Duration(time.Hour)})
	for range 100 {
		scoresOf(t, m, 1, normal(3))
	}
}

// TestNobodyIsHeldForLong: while long runs go on, a request waits for max_delay at
// most, and one whose deadline would pass meanwhile not at all.
func TestNobodyIsHeldForLong(t *testing.T) {
	file := hostile(loops)
	as := schema.Model{Batching: &schema.Batching{MaxBatch: 4, MaxDelay: schema.Duration(50 * time.Millisecond)}, Limits: &schema.ModelLimits{Time: schema.Duration(10 * time.Second)}}
	m := loadCatalog(t, compileModel(t, numbers(1), as, file), file)
	busy, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	began := make(chan struct{}, 8)
	for range cap(began) {
		all.Go(func() {
			r := acquire(t, m, as.Batching.MaxBatch) // which share their runs with nobody
			defer r.Release()
			for i := range r.Dense() {
				r.Dense()[i] = 1e12
			}
			began <- struct{}{}
			if err := r.Score(busy); !errors.Is(err, context.Canceled) {
				t.Errorf("a long run: %v", err)
			}
		})
	}
	for range cap(began) {
		<-began
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, ctx := range []context.Context{t.Context(), soon} {
		if err := scoreTwo(ctx, t, m, 1); err != nil {
			t.Errorf("a short run: %v", err)
		}
	}
	if busy.Err() != nil {
		t.Error("the long runs ended first")
	}
	stop()
	all.Wait()
}

// TestABadRequestFailsAlone: what one request brings fails no other of its batch.
func TestABadRequestFailsAlone(t *testing.T) {
	features := []schema.Feature{{Name: "word", Type: schema.String, Default: "a"}}
	linear := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "word", Elem: onnxmodel.String}}, 5)
	file := linear.Model()
	encoded := file.Encode()
	m := loadCatalog(t, compileModel(t, features, schema.Model{Batching: batching}, encoded), encoded)
	if on, reason := m.Batching(); !on {
		t.Fatalf("the model is not batched: %s", reason)
	}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for turn := range 100 {
				word, bad := onnxmodel.Words[(i+turn)%len(onnxmodel.Words)], (i+turn)%10 == 0
				if bad {
					word = "a\x00b"
				}
				r, err := m.Acquire(1)
				if err != nil {
					t.Error(err)
					return
				}
				r.Input(0).Strings[0] = word
				err = r.Score(t.Context())
				var refusal *schema.Error
				switch {
				case bad && (!errors.As(err, &refusal) || refusal.Kind != schema.Invalid):
					t.Errorf("%q: %v; want it to be refused", word, err)
				case !bad && err != nil:
					t.Errorf("%q: %v", word, err)
				case !bad && !near(r.Scores()[0], linear.Score([]any{word})):
					t.Errorf("%q: score %v; want %v", word, r.Scores()[0], linear.Score([]any{word}))
				}
				r.Release()
			}
		})
	}
	all.Wait()
}

// TestALeaderThatPanicsAnswersItsFollowers: they are scored by themselves, and the
// next batch begins.
func TestALeaderThatPanicsAnswersItsFollowers(t *testing.T) {
	file := hostile(loops)
	as := schema.Model{Limits: &schema.ModelLimits{Time: schema.Duration(time.Minute)}}
	m := loadCatalog(t, compileModel(t, numbers(1), as, file), file)
	m.ShareOneRun(&schema.Batching{MaxBatch: 64, MaxDelay: schema.Duration(time.Minute)})
	busy, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	began := make(chan struct{})
	all.Go(func() {
		r := acquire(t, m, 64) // too large to share a run
		defer r.Release()
		for i := range r.Dense() {
			r.Dense()[i] = 1e12
		}
		close(began)
		if err := r.Score(busy); !errors.Is(err, context.Canceled) {
			t.Errorf("the long run: %v", err)
		}
	})
	<-began
	for m.Running() == 0 {
		runtime.Gosched()
	}
	held := func(n int) {
		for m.Held() < n {
			runtime.Gosched()
		}
	}
	all.Go(func() {
		r := acquire(t, m, 1)
		defer r.Release()
		defer r.Break()()
		defer func() {
			if recover() == nil {
				t.Error("the leader did not panic")
			}
		}()
		_ = r.Score(t.Context()) // panics
	})
	held(1)
	for i := range 3 {
		all.Go(func() {
			if err := scoreTwo(t.Context(), t, m, 1); err != nil {
				t.Errorf("a follower: %v", err)
			}
		})
		held(2 + i)
	}
	stop()
	all.Wait()
	if err := scoreTwo(t.Context(), t, m, 1); err != nil || m.Running() != 0 {
		t.Errorf("after it: %v, with %d runs going on", err, m.Running())
	}
}

// TestTreesAreNotBatched: they gain nothing by it.
func TestTreesAreNotBatched(t *testing.T) {
	file := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 10, Depth: 3, Features: 3, Seed: 1})
	m := loadCatalog(t, compileModel(t, numbers(3), schema.Model{Batching: batching}, file), file)
	if on, reason := m.Batching(); on || reason == "" {
		t.Errorf("batched: %v, because %q", on, reason)
	}
}
