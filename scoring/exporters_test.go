//go:build exporters

package scoring_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/scoring"
)

// A pythonRun is a run of ONNX Runtime in Python, as tools/exporters/reference.py keeps it.
type pythonRun struct {
	Features, Inputs []pythonArray
	AsWritten        []pythonArray `json:"as_written"` // outputs of the graph as it is in the file
	Optimized        []pythonArray // outputs of the graph as ONNX Runtime optimizes it
}

// A pythonArray is a tensor, or the values of a feature.
type pythonArray struct {
	Name, Elem string
	Dims       []int64
	File       string // of the elements, little-endian, in the folder of the run
	Strings    []string
}

func (a *pythonArray) array(t *testing.T, folder string) scoring.Array {
	t.Helper()
	elem, err := elemOf(a.Elem)
	if err != nil {
		t.Fatal(err)
	}
	made := scoring.Array{Name: a.Name, Elem: elem, Dims: a.Dims, Strings: a.Strings}
	if a.File != "" {
		if made.Data, err = os.ReadFile(filepath.Join(folder, a.File)); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

func arrays(t *testing.T, folder string, all []pythonArray) []scoring.Array {
	t.Helper()
	made := make([]scoring.Array, len(all))
	for i := range all {
		made[i] = all[i].array(t, folder)
	}
	return made
}

// outputsOf runs a model of the corpus over the rows of a run. It returns all outputs,
// and those of Python that they must equal.
func outputsOf(ctx context.Context, m *scoring.InferModel, run *pythonRun, inputs []scoring.Array) (got []scoring.Array, want []pythonArray, err error) {
	got, err = m.Infer(ctx, inputs, nil)
	return got, run.AsWritten, err
}

// TestExportersAgainstPython: all outputs of every model of the corpus have the bits that
// ONNX Runtime gives in Python, for 1, 7 and 400 rows. make exporters runs it.
func TestExportersAgainstPython(t *testing.T) {
	root := os.Getenv("LARDER_EXPORTERS")
	if root == "" {
		t.Fatal("LARDER_EXPORTERS names no folder; run make exporters")
	}
	compared, refused := 0, 0
	for _, m := range readCorpus(t) {
		t.Run(m.Name, func(t *testing.T) {
			loaded := checkLoads(t, &m)
			if loaded == nil {
				refused++
				return
			}
			compared++
			for _, rows := range []int{1, 7, 400} {
				comparePython(t, loaded, filepath.Join(root, m.Name, fmt.Sprint(rows)))
			}
		})
	}
	t.Logf("%d models were compared, %d are refused", compared, refused)
}

func comparePython(t *testing.T, m *scoring.InferModel, folder string) {
	t.Helper()
	var run pythonRun
	readJSON(t, filepath.Join(folder, "run.json"), &run)
	got, said, err := outputsOf(t.Context(), m, &run, arrays(t, folder, run.Inputs))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(arrays(t, folder, said), got); diff != "" {
		t.Errorf("%s: outputs (-Python +Larder):\n%s", folder, diff)
	}
}

// elemOf returns the element type of that name.
func elemOf(name string) (scoring.Elem, error) {
	for e := range scoring.Elem(20) {
		if e.String() == name {
			return e, nil
		}
	}
	return 0, fmt.Errorf("no elements are called %s", name)
}
