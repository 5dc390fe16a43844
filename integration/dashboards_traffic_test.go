package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// order produces a hundred events, and a message that is none.
func order(t *testing.T, addr string) {
	t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	records := []*kgo.Record{{Value: []byte("no event")}}
	for user := range 100 {
		records = append(records, &kgo.Record{Value: fmt.Appendf(nil, `{"user_id": %d, "at": %d}`, user, time.Now().UnixMicro())})
	}
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// busy starts a server and makes it do what has metrics.
func busy(t *testing.T) *server {
	t.Helper()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(brokers.Close)
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	m.ramped()
	m.write("spend-3.onnx", m.file(1))
	m.write("definitions.yaml", fmt.Sprintf(`
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources:
  - {name: spend, table: spend, timestamp_field: event_time}
  - {name: outcomes, table: outcomes, timestamp_field: known_at}
feature_views: [{name: spend, entities: [user], source: spend, schedule: 1h, features: [{name: amount, type: float64}]}]
on_demand_views:
  - {name: context, request: [{name: times, type: int64}], features: [{name: share, type: int64, expr: "100 / request.times", default: -1}]}
streams:
  - name: clicks
    push: {}
    log: {table: clicks, create: true}
    timestamp_field: at
    fields: [{name: user_id, type: int64}, {name: one, type: float64}, {name: at, type: timestamp, format: epoch_us}]
  - name: orders
    kafka: {brokers: [%q], topic: orders}
    log: {table: orders, create: true}
    timestamp_field: at
    fields: [{name: user_id, type: int64}, {name: at, type: timestamp, format: epoch_us}]
aggregate_views: [{name: clicked, entities: [user], stream: clicks, windows: [lifetime], features: [{name: clicks, sum: one, default: 0}]}]
feature_services: [{name: spend, features: ["spend:*"]}, {name: context, features: ["context:*"]}]
models:
  - name: spend
    feature_service: spend
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}]
    traffic: [{version: 1, weight: 50}, {version: 2, weight: 50}]
    split_by: user_id
    ramp: {version: 2, from: 50, to: 60, over: 1h, guards: {score_distance: 0.3, min_requests: 100}}
  - name: judged
    feature_service: spend
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-3.onnx}]
    serve: 1
    shadow: [2]
    log: {rate: 1}
    labels: {source: outcomes, request_id: request_id, row: n, label: {name: fraud, type: bool}, schedule: 1m}
`, brokers.ListenAddrs()[0]))
	if _, err := db.Pool.Exec(t.Context(), "CREATE TABLE outcomes (request_id text, n int, known_at timestamptz, fraud bool)"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN, "--feature-log", t.TempDir(), "--feature-log-table")
	s.apply(m.dir)
	s.mustMaterialize()
	eventually(t, "guard that trips", func() bool {
		for user := range int64(100) {
			for _, model := range []string{"spend", "judged"} {
				req := &larderv1.GetFeaturesAndScoreRequest{Model: model, Entities: []*larderv1.Column{int64Column("user_id", user+1)}}
				if _, err := s.serving.GetFeaturesAndScore(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}
		}
		return strings.Contains(s.httpText("/metrics"), "larder_traffic_trips_total{")
	})
	s.postJSON("/v1/score", `{"model": "judged", "entities": {"user_id": [1]}}`)
	s.postJSON("/v1/features", `{"feature_service": "context", "request": {"times": [0]}}`)
	push := &larderv1.PushEventsRequest{Stream: "clicks", Events: &larderv1.PushEventsRequest_Json{Json: fmt.Appendf(nil, `{"user_id": 1, "one": 1, "at": %d}`, time.Now().UnixMicro())}}
	eventually(t, "server that takes a push", func() bool {
		_, err := larderv1.NewStreamServiceClient(s.conn).PushEvents(t.Context(), push)
		return err == nil
	})
	order(t, brokers.ListenAddrs()[0])
	if _, stderr, code := s.client("verify", "spend"); code != 0 {
		t.Errorf("verify: exit code %d, %s", code, stderr)
	}
	if _, err := db.Pool.Exec(t.Context(), "DROP TABLE spend"); err != nil {
		t.Fatal(err)
	}
	if _, _, code := s.client("materialize", "spend"); code != 1 {
		t.Errorf("materialize without a table: exit code %d", code)
	}
	eventually(t, "metrics of labels, of streams and of shadows", func() bool {
		page := s.httpText("/metrics")
		for _, name := range []string{
			`larder_stream_state{state="reading",stream="orders"} 1`, "larder_stream_lag_events{", "larder_stream_broker_lag_seconds{", "larder_stream_dead_letters_total{",
			"larder_experiment_figure{", "larder_stream_freshness_seconds{", "larder_stream_applied_events_total{", "larder_serving_shadow_rows_total{",
		} {
			if !strings.Contains(page, name) {
				return false
			}
		}
		return true
	})
	return s
}

// refusing starts a server with TLS, keys and quotas, and returns its metrics once it has
// answered and refused requests.
func refusing(t *testing.T) string {
	t.Helper()
	c := startClosed(t)
	dir := definitionsFolder(t, `
feature_services: [{name: asked, request: [{name: x, type: float64}], features: ["request:x"]}]
models: [{name: trees, feature_service: asked, versions: [{version: 1, onnx: trees.onnx}], serve: 1}]
roles: [{name: few, allow: [{actions: [read, score], resources: ["*"]}], requests_per_second: 1}]
bindings: [{name: few, role: few, keys: [few]}]
`)
	writeFile(t, dir, "trees.onnx", string(onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 2, Depth: 2, Features: 1, Seed: 1})))
	c.run("apply", "--yes", dir)
	key := c.key("few")
	_, web := c.dial(caller{})
	read := call{name: "POST /v1/score", body: []byte(`{"model": "trees", "request": {"x": [1]}}`)}
	if code, _ := c.fetch(web, read, ""); code != 401 {
		t.Errorf("without a key: %d", code)
	}
	eventually(t, "refusal", func() bool {
		code, body := c.fetch(web, read, key)
		if code != 200 && code != 429 {
			t.Fatalf("%d %s", code, body)
		}
		return code == 429
	})
	_, page := c.fetch(web, call{name: "GET /metrics"}, c.rootKey())
	return string(page)
}
