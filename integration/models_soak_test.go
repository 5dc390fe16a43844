//go:build soak

package integration_test

import (
	"os"
	"path/filepath"
	"testing"

	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// TestSoakMemoryOfSwaps: the memory of models comes back when others replace them. With
// an arena of malloc for each thread, 60 applies of 12 MB took two gigabytes.
func TestSoakMemoryOfSwaps(t *testing.T) {
	const first, applies, most = 10, 60, 100 << 20
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 10)
	definitions := filepath.Join(dir, "definitions.yaml")
	text, err := os.ReadFile(definitions)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "models: [{name: risk, feature_service: spend, versions: [{version: 1, onnx: risk.onnx}]}]\n"...)
	if err := os.WriteFile(definitions, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	after := 0
	for n := range applies {
		file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 1, Hidden: []int{1750, 1750}, Seed: uint64(n)})
		if err := os.WriteFile(filepath.Join(dir, "risk.onnx"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		s.apply(dir)
		if n == first {
			after = s.memory()
		}
	}
	grown := s.memory() - after
	t.Logf("the server has %d MiB after %d applies, and %d MiB more after %d", after>>20, first, grown>>20, applies)
	if grown > most {
		t.Errorf("the server grew by %d MiB in %d applies", grown>>20, applies-first)
	}
}

// memory returns the memory of a server's process, in bytes.
func (s *server) memory() int { return s.processStatus("VmRSS") }
