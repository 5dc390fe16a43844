package scoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
	"larder/schema/modelfile"
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
		m.file, err = modelfile.Inline(m.file, func(name string) ([]byte, error) {
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

// catalog returns a catalog whose model reads the features of m. The definitions assign
// the features to inputs where there are several inputs.
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
		if f.Type.IsList() {
			features[i].Default = []any{}
		}
	}
	as := schema.Model{}
	if len(m.Inputs) > 1 {
		for _, in := range m.Inputs {
			as.Inputs = append(as.Inputs, schema.ModelInput{Name: in.Name, Features: in.Features})
		}
	}
	return compileModel(t, features, as, m.file)
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

// TestCorpusLoads: what exporters write is loaded, unless ONNX Runtime can't load it.
func TestCorpusLoads(t *testing.T) {
	for _, m := range readCorpus(t) {
		t.Run(m.Name, func(t *testing.T) {
			checkLoads(t, &m)
		})
	}
}

// withoutZipMap are models that ONNX Runtime refuses because of a ZipMap of float64.
// Larder serves the tensor that the maps would be made from.
var withoutZipMap = map[string]bool{"sklearn_logistic_float64": true}

// checkLoads loads a model; it returns nil for one that ONNX Runtime refuses.
func checkLoads(t *testing.T, m *exported) *scoring.InferModel {
	t.Helper()
	loaded, err := m.load(t)
	var said *schema.Error
	switch {
	case err == nil && m.Refused && !withoutZipMap[m.Name]:
		t.Error("it is loaded; its refusal is expected")
	case err != nil && !m.Refused:
		t.Errorf("refused: %v", err)
	case err != nil && (!errors.As(err, &said) || said.Kind != schema.Invalid):
		t.Errorf("got %v; want a refusal", err)
	}
	return loaded
}

// scoresOfCorpus says of some models of the corpus what the score is: which output and
// column; or "" where none is obvious.
var scoresOfCorpus = map[string]string{
	"catboost_binary":                      "probabilities[1]",
	"catboost_regressor":                   "predictions[0]",
	"lightgbm_three_as_tensor":             "",
	"sklearn_boosting_binary_missing":      "probabilities[1]",
	"sklearn_forest_multi_label":           "",
	"sklearn_forest_regressor_two_outputs": "",
	"sklearn_forest_three_named_classes":   "",
	"sklearn_kmeans_label_only":            "label[0]",
	"sklearn_linear_two_outputs_float64":   "",
	"sklearn_logistic_float64_as_tensor":   "probabilities[1]",
	"sklearn_pca":                          "",
	"torch_lstm":                           "probabilities[1]",
	"torch_two_tower":                      "", // the vectors of the towers are outputs too
	"xgboost_three":                        "",
}

func TestScoresOfCorpus(t *testing.T) {
	for _, m := range readCorpus(t) {
		want, known := scoresOfCorpus[m.Name]
		if !known {
			continue
		}
		loaded, err := m.load(t)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		got := ""
		score, why := loaded.Score()
		if score != nil {
			got = fmt.Sprintf("%s[%d]", score.Output, score.Column)
		}
		if got != want {
			t.Errorf("%s: the score is %q (%s); want %q; outputs %v", m.Name, got, why, want, loaded.Model.Outputs())
		}
	}
}

// TestOutputsOfAProcess: they have the bits of this process, also after the process has
// ended and was started again.
func TestOutputsOfAProcess(t *testing.T) {
	wanted := map[string]bool{"sklearn_logistic_three_named_classes_as_tensor": true, "catboost_binary": true, "sklearn_text": true}
	for _, m := range readCorpus(t) {
		if !wanted[m.Name] {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			here, apart := m.loadAs(t, ""), m.loadAs(t, schema.ProcessIsolation)
			want := outputsOf(t, here)
			if diff := cmp.Diff(want, outputsOf(t, apart)); diff != "" {
				t.Errorf("in a process (-here +there):\n%s", diff)
			}
			apart.EndProcess()
			if diff := cmp.Diff(want, outputsOf(t, apart)); diff != "" {
				t.Errorf("after its end (-here +there):\n%s", diff)
			}
		})
	}
}

func (m *exported) loadAs(t *testing.T, isolation schema.Isolation) *scoring.Model {
	t.Helper()
	cat := m.catalog(t)
	plan := plan(t, cat, 1)
	plan.Model.Isolation = isolation
	models, err := newSet(t).Prepare(t.Context(), cat, filesOf(m.file).fetch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(models.Release)
	return models.Model(plan)
}

// outputsOf returns all outputs of made-up rows. A model whose process has just ended is
// asked again until it has started.
func outputsOf(t *testing.T, m *scoring.Model) []column.Column {
	t.Helper()
	all, err := m.FindOutputs([]string{scoring.AllOutputs})
	if err != nil {
		t.Fatal(err)
	}
	for {
		columns, err := scoreMadeUp(t, m, all)
		if err == nil {
			return columns
		}
		var said *schema.Error
		if !errors.As(err, &said) || said.Reason != schema.ModelProcess {
			t.Fatal(err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the process does not start again")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func scoreMadeUp(t *testing.T, m *scoring.Model, outputs []int) ([]column.Column, error) {
	t.Helper()
	r, err := m.Acquire(5)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	in := r.Input(0)
	for i := range in.Float32s {
		in.Float32s[i] = float32(i%7) - 3
	}
	for i := range in.Strings {
		in.Strings[i] = []string{"late again", "on time", ""}[i%3]
	}
	return r.ScoreOutputs(t.Context(), outputs)
}
