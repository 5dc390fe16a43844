package scoring_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// TestUnwrittenScores: ONNX Runtime leaves scores of these models as they were in memory,
// of all rows or of some, or fails. Rows alternate between the two leaves of a tree.
func TestUnwrittenScores(t *testing.T) {
	paths, err := filepath.Glob("testdata/unwritten/*.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no models in testdata/unwritten; make.py there makes them")
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			checkUnwritten(t, name, file)
		})
	}
}

func checkUnwritten(t *testing.T, name string, file []byte) {
	t.Helper()
	const rows = 6
	x := scoring.Array{Name: "x", Elem: scoring.Float32, Dims: []int64{rows, 2}}
	for row := range rows {
		first := float32(row % 2)
		if strings.HasSuffix(name, "_rare_rows") {
			first = 2000 * (1 - first)
		}
		x.Data = append(x.Data, floats(first, 0.25)...)
	}
	classes := int64(2 + count(strings.Contains(name, "three_classes")))
	outputs := []onnxmodel.Value{
		{Name: "label", Elem: onnxmodel.Int64, Dims: []any{"N"}},
		{Name: "scores", Elem: onnxmodel.Float, Dims: []any{"N", classes}},
	}
	session, err := openDirectly(file, outputs)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Destroy() }() // it can't fail
	one, err := runFilled(t, session, x, outputs, patterns[0])
	if fails := strings.Contains(name, "_fail_"); (err != nil) != fails {
		t.Fatalf("got the error %v", err)
	} else if fails {
		return
	}
	other, err := runFilled(t, session, x, outputs, patterns[1])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one[0].Data, other[0].Data) {
		t.Error("labels are unwritten")
	}
	some := strings.HasSuffix(name, "_some_rows") || strings.HasSuffix(name, "_rare_rows")
	bytes := len(one[1].Data) / rows
	for row := range rows {
		whole := slices.Equal(one[1].Data[row*bytes:][:bytes], other[1].Data[row*bytes:][:bytes])
		// The scores of a linear model come in the first half of the memory.
		if want := some && row%2 == 1 || name == "linear_probit" && row < rows/2; whole != want {
			t.Errorf("row %d is written whole: %v; want %v", row, whole, want)
		}
	}
}

// TestUnwrittenScoresAreRefused: by what their files say, or in the trial.
func TestUnwrittenScoresAreRefused(t *testing.T) {
	paths, err := filepath.Glob("testdata/unwritten/*.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no models in testdata/unwritten")
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(path, "fail_rare_rows") {
			continue // it fails on such rows, and then says so
		}
		cat := catalog(t, numbers(2), file)
		_, err = newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
		wantInvalid(t, err)
	}
}
