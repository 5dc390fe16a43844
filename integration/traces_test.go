package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"larder/internal/pgtest"
)

// TestTraces: with the OTEL_ variables, the spans of requests reach a collector. A
// collector that is gone neither delays the server nor changes its exit code.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.Copy(&sent, r.Body); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_SERVICE_NAME", "traced-larder")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 10)
	s := startServer(t, db.DSN)
	s.apply(dir)
	s.mustMaterialize()
	s.wantAmount(7)
	eventually(t, "the span of a request", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Contains(sent.Bytes(), []byte("larder.v1.ServingService/GetFeatures")) && bytes.Contains(sent.Bytes(), []byte("traced-larder"))
	})
	collector.Close()
	s.wantAmount(8)
	eventually(t, "word of the collector in the log", func() bool { return strings.Contains(s.logText(), "traces can't be sent") })
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
