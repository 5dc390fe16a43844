package inference_test

import (
	"os"
	"os/exec"
	"testing"

	"larder/internal/grpcserver"
)

// TestTritonsOwnClient runs testdata/triton_client.py, which asks with tritonclient,
// over gRPC and over HTTP.
func TestTritonsOwnClient(t *testing.T) {
	const python = "../../.larder/venv/triton/bin/python"
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the environment of Triton's client is missing: %v; run tools/setup/python.sh triton, as make test does", err)
	}
	s := open(t, grpcserver.Options{})
	out, err := exec.CommandContext(t.Context(), python, "testdata/triton_client.py", s.grpcAddr, s.httpAddr).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}
