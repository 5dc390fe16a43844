package scoring_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/schema"
	"larder/scoring"
)

const corpusFolder = "testdata/exporters"

// An exported is a model of the corpus: as an exporter wrote it, and what feeds it.
// tools/exporters makes them.
type exported struct {
	Name     string `json:"-"`
	Exporter string
	Refused  bool // ONNX Runtime does not load it
	Inputs   []struct {
		Name, Elem string
		Dims       []int64  // of one row
		Features   []string // whose values fill a row, in order
	}
	Outputs []struct {
		Name, Elem string
		Maps       string // the type of the keys, where the output is maps
	}
	Features []struct {
		Name string
		Type schema.Type
	}

	file []byte
}

// readCorpus returns the models of the corpus, with their weights in their files.
func readCorpus(t testing.TB) (all []exported) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corpusFolder, "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no models in ", corpusFolder)
	}
	for _, path := range paths {
		m := exported{Name: strings.TrimSuffix(filepath.Base(path), ".onnx")}
		readJSON(t, strings.TrimSuffix(path, ".onnx")+".json", &m)
		if m.file, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		m.file, err = scoring.Inline(m.file, func(name string) ([]byte, error) {
			return os.ReadFile(filepath.Join(corpusFolder, filepath.Base(name)))
		})
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		all = append(all, m)
	}
	return all
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// catalog returns a catalog whose model reads the features of m. Its score is the last
// output.
func (m *exported) catalog(t testing.TB) *schema.Catalog {
	t.Helper()
	features := make([]schema.Feature, len(m.Features))
	for i, f := range m.Features {
		features[i] = schema.Feature{Name: f.Name, Type: f.Type}
		switch f.Type {
		case schema.Int32:
			features[i].Default = int32(0)
		case schema.Int64:
			features[i].Default = int64(0)
		case schema.String:
			features[i].Default = ""
		}
	}
	score := m.Outputs[len(m.Outputs)-1].Name
	return compile(t, features, []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: sum(m.file), Output: score, Column: new(int)}})
}

// load loads the model, or returns why Larder refuses it.
func (m *exported) load(t testing.TB) (*scoring.InferModel, error) {
	t.Helper()
	set, cat := newSet(t), m.catalog(t)
	models, err := set.Prepare(t.Context(), cat, filesOf(m.file).fetch)
	if err != nil {
		return nil, err
	}
	t.Cleanup(models.Release)
	raw := scoring.NewInferSet(set, filesOf(m.file).fetch)
	t.Cleanup(raw.Close)
	p := plan(t, cat, 1)
	return raw.Model(t.Context(), models.Model(p), p)
}

// refusedOfCorpus has the models of the corpus that Larder refuses, and a part of what
// it says.
var refusedOfCorpus = map[string]string{
	// Their outputs are not as declared.
	"catboost_regressor":                   "Invalid rank for output: predictions Got: 2 Expected: 1",
	"sklearn_forest_regressor_two_outputs": "index: 1 Got: 2 Expected: 1",
	"sklearn_forest_multi_label":           `output "probabilities" is float32[3, ?, 2]; a score is a tensor of numbers`,

	// One input of another type than float32.
	"sklearn_forest_regressor_float64":   `the only input "X" is float64[?, 4]`,
	"sklearn_forest_three_float64":       `the only input "X" is float64[?, 4]`,
	"sklearn_linear_two_outputs_float64": `the only input "X" is float64[?, 4]`,
	"sklearn_logistic_float64":           `the only input "X" is float64[?, 4]`,
	"sklearn_logistic_float64_as_tensor": `the only input "X" is float64[?, 4]`,
	"sklearn_strings":                    `the only input "X" is string[?, 2]`,
	"sklearn_text":                       `the only input "X" is string[?, 1]`,
	"sklearn_tree_int64":                 `the only input "X" is int64[?, 3]`,
	"torch_mlp_float64":                  `the only input "input" is float64[batch, 4]`,

	// Inputs of several features each.
	"sklearn_pipeline_grouped_inputs": `input "num" is not named after a feature`,
	"torch_embedding":                 `input "cat" is not named after a feature`,
	"torch_two_tower":                 `input "user" is not named after a feature`,

	// Lists.
	"torch_attention":     `input "tokens": the feature v:tokens is a list<int64>`,
	"torch_gru_both_ways": `input "sequence": the feature v:sequence is a list<float32>`,
	"torch_lstm":          `input "sequence": the feature v:sequence is a list<float32>`,
}

// TestCorpusLoads: what exporters write is loaded, or refused for a reason that is known.
func TestCorpusLoads(t *testing.T) {
	for _, m := range readCorpus(t) {
		t.Run(m.Name, func(t *testing.T) {
			checkLoads(t, &m)
		})
	}
}

// checkLoads returns nil for a model that is refused as it should be.
func checkLoads(t *testing.T, m *exported) *scoring.InferModel {
	t.Helper()
	loaded, err := m.load(t)
	why := refusedOfCorpus[m.Name]
	var said *schema.Error
	switch {
	case err == nil && (why != "" || m.Refused):
		t.Errorf("it is loaded; its refusal is expected: %q", why)
	case err != nil && why == "":
		t.Errorf("refused: %v", err)
	case err != nil && (!errors.As(err, &said) || said.Kind != schema.Invalid || !strings.Contains(err.Error(), why)):
		t.Errorf("got %v; want a refusal that says %q", err, why)
	}
	return loaded
}
