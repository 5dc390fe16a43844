package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// TestSkewOfLiveTraffic: windows that a model saw while events came are rebuilt bit for bit
// from the feature log, its folder and its table. A key without events, too.
func TestSkewOfLiveTraffic(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	dir := definitionsFolder(t, `
entities: [{name: card, join_keys: [{name: card_id, type: int64}]}]
streams:
  - name: payments
    push: {}
    log: {table: payments, create: true}
    event_id: id
    timestamp_field: happened
    fields: [{name: id, type: string}, {name: card_id, type: int64}, {name: amount, type: float64}, {name: happened, type: timestamp, format: epoch_us}]
aggregate_views:
  - name: activity
    entities: [card]
    stream: payments
    windows: [1m, 1h]
    features: [{name: n, count: "*", default: 0}, {name: spent, sum: amount, default: 0}]
feature_services: [{name: spending, features: ["activity:spent_1h"]}]
models: [{name: spending, feature_service: spending, log: {rate: 1}, versions: [{version: 1, onnx: spending.onnx}], serve: 1}]
`)
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "spent_1h", Elem: onnxmodel.Double}}, 1).Model()
	if err := os.WriteFile(filepath.Join(dir, "spending.onnx"), model.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", folder, "--feature-log-table")
	s.apply(dir)
	var g errgroup.Group
	done := make(chan struct{})
	g.Go(func() error {
		defer close(done)
		for i := range 100 {
			var body strings.Builder
			for k := range 20 {
				fmt.Fprintf(&body, "{\"id\": \"%d-%d\", \"card_id\": %d, \"amount\": %d.1, \"happened\": %d}\n", i, k, k%7, i, time.Now().UnixMicro())
			}
			if status, _, answer := s.ask(http.MethodPost, "/v1/streams/payments/events", body.String(), "Content-Type", "application/x-ndjson"); status != http.StatusOK {
				return fmt.Errorf("status %d: %s", status, answer)
			}
		}
		return nil
	})
	rows := 0
	for coming := true; coming; {
		select {
		case <-done:
			coming = false
		default:
		}
		_, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spending", Entities: []*larderv1.Column{int64Column("card_id", 0, 1, 2, 3, 4, 5, 6, 99)}})
		if err != nil {
			t.Fatal(err)
		}
		rows += 8
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("spending activity:spent_1h %d 0 %% 0 0 0", rows)
	for _, flags := range [][]string{nil, {"--log", folder}, {"--table"}} {
		stdout, stderr, code := s.client(append([]string{"skew"}, flags...)...)
		if code != 0 || !strings.Contains(strings.ReplaceAll(singleSpaced(stdout), ",", ""), want) {
			t.Errorf("skew %q: exit code %d\n%s%s\nwant %s", flags, code, stdout, stderr, want)
		}
	}
	// What was served and is not in the log is told.
	if _, err := db.Pool.Exec(t.Context(), "DELETE FROM payments WHERE larder_id = '50-3'"); err != nil {
		t.Fatal(err)
	}
	if stdout, _, code := s.client("skew"); code != 1 || !strings.Contains(stdout, "REBUILT") {
		t.Errorf("skew after an event was deleted from the log: exit code %d\n%s", code, stdout)
	}
}
