//go:build exporters

package scoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/scoring"
	"larder/vector"
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

// column returns the values of a feature or an output.
func (a *pythonArray) column(t *testing.T, folder string) column.Column {
	t.Helper()
	data := a.array(t, folder)
	return columnOf(t, &data)
}

// compareFeatures feeds the features of a run, as a request does, and compares the outputs
// with those of Python.
func compareFeatures(t *testing.T, m *scoring.Model, run *pythonRun, folder string) {
	t.Helper()
	r := acquire(t, m, int(run.Features[0].Dims[0]))
	defer r.Release()
	for i, f := range run.Features {
		values, to := f.column(t, folder), r.Tensor(i)
		if len(f.Dims) > 1 {
			values = values.Lists(int(f.Dims[1]))
		}
		if err := vector.FillTensor(&to, &values); err != nil {
			t.Fatal(err)
		}
	}
	all, err := m.FindOutputs([]string{scoring.AllOutputs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.ScoreOutputs(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range m.Outputs() {
		at := slices.IndexFunc(run.Optimized, func(a pythonArray) bool { return a.Name == o.Name })
		said := run.Optimized[at]
		if said.Elem == "float16" {
			continue // Infer compared its bits
		}
		want := said.column(t, folder)
		if got[i].Type != want.Type || got[i].Len() != want.Len() {
			t.Errorf("%s: output %s has %d values of type %s; want %d of %s", folder, o.Name, got[i].Len(), got[i].Type, want.Len(), want.Type)
			continue
		}
		for k := range got[i].Len() {
			if !got[i].EqualRow(k, &want, k) {
				t.Errorf("%s: value %d of output %s is %v; want %v", folder, k, o.Name, got[i].Value(k), want.Value(k))
				break
			}
		}
	}
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
			if loaded == nil || m.Refused {
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
	got, err := m.Infer(t.Context(), arrays(t, folder, run.Inputs), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(arrays(t, folder, run.Optimized), got); diff != "" {
		t.Errorf("%s: outputs (-Python +Larder):\n%s", folder, diff)
	}
	compareFeatures(t, m.Model, &run, folder)
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
