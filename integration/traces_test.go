package integration_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/metadata"

	"larder/internal/pgtest"
)

// TestTraces: with the OTEL_ variables, the spans of requests and runs reach a collector,
// those of a request in its caller's trace. A collector that is gone neither delays the
// server nor changes its exit code.
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
	const overGRPC, overHTTP = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c"
	if _, _, err := s.amount(metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+overGRPC+"-b7ad6b7169203331-01"), 7); err != nil {
		t.Error(err)
	}
	resp, err := http.DefaultClient.Do(tracedPost(t, "http://"+s.http+"/v1/features", `{"feature_service": "spend", "entities": {"user_id": [7]}}`, overHTTP))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	for _, want := range []string{
		"traced-larder", "service.version", "larder.v1.ServingService/GetFeatures", "POST /v1/features", "read features", "materialize spend",
		"postgres source spend", "postgres read spend", "postgres INSERT", "larder.v1.ControlService/Apply", fromHex(t, overGRPC), fromHex(t, overHTTP),
	} {
		eventually(t, fmt.Sprintf("%q in the traces", want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return bytes.Contains(sent.Bytes(), []byte(want))
		})
	}
	collector.Close()
	s.wantAmount(8)
	eventually(t, "word of the collector in the log", func() bool { return strings.Contains(s.logText(), "traces can't be sent") })
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func tracedPost(t *testing.T, url, body, trace string) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	return req
}

func fromHex(t *testing.T, digits string) string {
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
