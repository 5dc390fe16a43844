package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFilesBecomeFeatures: a file is loaded into the Postgres of larder serve --dev, which
// is found by its data folder, and its values are served.
func TestFilesBecomeFeatures(t *testing.T) {
	s := startServerIn(t, devFolder(t), "--dev")
	t.Setenv("LARDER_POSTGRES", "")
	file := writeFile(t, t.TempDir(), "couriers.csv", "courier_id,event_time,trips_7d,rating,code\n7,2026-01-31T10:00:00Z,12,3.7,007\n8,2026-01-31 11:00:00+01,,NaN,\"\"\n")
	for _, want := range []string{"loaded 2 rows into the new table shop.couriers in ", "loaded 2 rows into shop.couriers in "} {
		said, stderr, code := runLarder(t, "load", file, "--table", "shop.couriers", "--data", s.data, "--replace")
		if code != 0 || !strings.HasPrefix(said, want) {
			t.Fatalf("exit code %d, %s%s", code, said, stderr)
		}
	}
	s.apply(definitionsFolder(t, `
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: couriers, table: shop.couriers, timestamp_field: event_time}]
feature_views:
  - {name: stats, entities: [courier], source: couriers, features: [{name: trips_7d, type: int64}, {name: rating, type: float64}, {name: code, type: string}]}
feature_services: [{name: all, features: ["stats:*"]}]
`))
	if _, stderr, code := s.client("materialize", "--full"); code != 0 {
		t.Fatal(stderr)
	}
	got, err := json.Marshal(s.postJSON("/v1/features", `{"feature_service": "all", "entities": {"courier_id": [7, 8]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`[12,null]`, `[3.7,"NaN"]`, `["007",""]`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("served %s, want %s", got, want)
		}
	}
	if _, stderr, code := runLarder(t, "load", file, "--table", "shop.couriers", "--data", t.TempDir()); code != 1 || !strings.Contains(stderr, "--postgres is missing") || !strings.Contains(stderr, "no larder serve --dev runs") {
		t.Errorf("without a server: exit code %d, %s", code, stderr)
	}
}
