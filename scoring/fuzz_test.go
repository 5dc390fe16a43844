package scoring_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// wholeModels returns models that are mutated: real ones, and hostile ones.
func wholeModels(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/quantized/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/quantized: %d models, %v", len(files), err)
	}
	models := [][]byte{
		hostile(loops), hostile(expands), constant(8, 8, 2),
		onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 6, Classifier: true, ZipMap: true}),
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, file)
	}
	return models
}

// survive loads a file that Inspect lets through and scores with it, under tight
// limits, and tells whether it was loaded. That it returns is what is held.
func survive(t *testing.T, set *scoring.Set, file []byte, value float32) (loaded bool) {
	t.Helper()
	if _, err := scoring.Inspect(file); err != nil {
		return false
	}
	limits := &schema.ModelLimits{Time: schema.Duration(100 * time.Millisecond), Memory: 16 << 20}
	for _, width := range []int{1, 6} {
		cat := compileModel(t, numbers(width), schema.Model{Limits: limits}, file)
		models, err := set.Prepare(t.Context(), cat, filesOf(file).fetch)
		if err != nil {
			continue
		}
		loaded = true
		m := models.Model(plan(t, cat, 1))
		r := acquire(t, m, 2)
		if m.Binding().Dense {
			r.Dense()[0] = value
		}
		began := time.Now()
		_ = r.Score(t.Context())
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("a run that may take %s took %s", limits.Time, took)
		}
		r.Release()
		models.Release()
	}
	return loaded
}

// TestMutatedModelsDoNotEndTheProcess: real models with some bytes changed, of which
// many are loaded.
func TestMutatedModelsDoNotEndTheProcess(t *testing.T) {
	const mutations, atLeast = 500, 20
	models, set, loaded := wholeModels(t), newSet(t), 0
	rng := rand.New(rand.NewPCG(11, 11))
	for range mutations {
		file := append([]byte(nil), models[rng.IntN(len(models))]...)
		for range 1 + rng.IntN(3) {
			file[rng.IntN(len(file))] = byte(rng.IntN(256))
		}
		if survive(t, set, file, 1e9) {
			loaded++
		}
	}
	if loaded < atLeast {
		t.Errorf("%d of %d mutated models were loaded; want more than %d, or this shows nothing", loaded, mutations, atLeast)
	}
}

// FuzzLoad holds that no file, and no row, ends the process.
func FuzzLoad(f *testing.F) {
	for _, file := range wholeModels(f) {
		f.Add(file, float32(1e9))
	}
	set := scoring.NewSet(library, scoring.SetOptions{})
	f.Fuzz(func(t *testing.T, file []byte, value float32) { survive(t, set, file, value) })
}
