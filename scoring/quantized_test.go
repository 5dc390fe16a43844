package scoring_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/schema"
	"larder/scoring"
)

// quantized are the models of testdata/quantized, which make.py made with ONNX
// Runtime's own tools, and the scores that it gave each row in Python.
type quantized struct {
	Rows   [][]float32          `json:"rows"`
	Scores map[string][]float64 `json:"scores"`
}

func readQuantized(t *testing.T) (q quantized) {
	t.Helper()
	raw, err := os.ReadFile("testdata/quantized/scores.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		t.Fatal(err)
	}
	return q
}

func loadQuantized(t *testing.T, name string, as schema.Model) *scoring.Model {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata/quantized", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return loadCatalog(t, compileModel(t, numbers(6), as, file), file)
}

// TestQuantizedModelsScoreAsInPython: int8 and float16, whatever number of rows come
// at a time. Kernels of another release may round another way.
func TestQuantizedModelsScoreAsInPython(t *testing.T) {
	const tolerance = 2e-3 // a unit of float16 or two of int8
	q := readQuantized(t)
	for name, want := range q.Scores {
		m := loadQuantized(t, name, schema.Model{})
		for _, rows := range []int{1, 2, 7, len(q.Rows)} {
			for first := 0; first+rows <= len(q.Rows); first += rows {
				var x []float32
				for _, row := range q.Rows[first : first+rows] {
					x = append(x, row...)
				}
				for i, got := range scoresOf(t, m, rows, x) {
					if math.Abs(got-want[first+i]) > tolerance {
						t.Errorf("%s: row %d among %d scores %v; in Python %v", name, first+i, rows, got, want[first+i])
					}
				}
			}
		}
	}
}

// TestADynamicQuantizationDoesNotMixRows: ONNX Runtime takes its scale from all rows
// of a run, so that a score would depend on who else asks.
func TestADynamicQuantizationDoesNotMixRows(t *testing.T) {
	q := readQuantized(t)
	m := loadQuantized(t, "int8-dynamic", schema.Model{Batching: batching})
	if on, reason := m.Batching(); on || reason == "" {
		t.Errorf("batched: %v, because %q", on, reason)
	}
	if notes := strings.Join(m.Notes(), "\n"); !strings.Contains(notes, "it gets one row at a time") {
		t.Errorf("the notes are %q", notes)
	}
	for i, row := range q.Rows {
		large := []float32{1e6, -1e6, 1e6, -1e6, 1e6, -1e6}
		alone, among := scoresOf(t, m, 1, row), scoresOf(t, m, 2, append(append([]float32(nil), row...), large...))
		if math.Float64bits(alone[0]) != math.Float64bits(among[0]) {
			t.Errorf("row %d scores %v alone and %v beside another", i, alone[0], among[0])
		}
	}
}

// TestQuantizedModelsInBatches: of static quantization and of float16, whose scores
// don't depend on the rows beside them.
func TestQuantizedModelsInBatches(t *testing.T) {
	for _, name := range []string{"int8-static", "float16"} {
		if on, reason := loadQuantized(t, name, schema.Model{Batching: batching}).Batching(); !on {
			t.Errorf("%s is not batched: %s", name, reason)
		}
	}
}

// TestFloat16IsFedFromAnyNumber: values too large for it become infinite.
func TestFloat16IsFedFromAnyNumber(t *testing.T) {
	m := loadQuantized(t, "float16", schema.Model{})
	if in := m.Binding().Inputs[0]; in.Name != "features" || in.Elem != schema.Float32 {
		t.Errorf("the input %s is fed %s; want features, and float32", in.Name, in.Elem)
	}
	if got := scoresOf(t, m, 1, []float32{1e6, 0, 0, 0, 0, 0})[0]; !math.IsNaN(got) && got != 0 && got != 1 {
		t.Errorf("1e6 scores %v; want what infinity does", got)
	}
}
