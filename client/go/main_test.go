package larder_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	larder "larder/client/go"
	"larder/internal/launch"
	"larder/internal/onnxmodel"
	"larder/internal/pgdev"
)

const definitions = `
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: couriers, table: couriers, timestamp_field: event_time}]
feature_views:
  - name: stats
    entities: [courier]
    source: couriers
    features: [{name: trips, type: int64, default: 0}, {name: rating, type: float64, default: 0}]
streams:
  - name: deliveries
    push: {}
    log: {table: delivery_log, create: true}
    event_id: id
    timestamp_field: happened
    fields: [{name: id, type: string}, {name: courier_id, type: int64}, {name: km, type: float64}, {name: happened, type: timestamp}]
aggregate_views:
  - {name: today, entities: [courier], stream: deliveries, windows: [24h], features: [{name: km, sum: km, default: 0}]}
feature_services:
  - {name: live, features: ["today:km_1d"]}
  - {name: late_v1, request: [{name: km, type: float64}], features: ["stats:trips", "stats:rating", "request:km"]}
models:
  - {name: late, feature_service: late_v1, versions: [{version: 1, onnx: late.onnx}], serve: 1}
`

const rows = `
CREATE TABLE couriers (courier_id bigint, event_time timestamptz, trips bigint, rating float8);
INSERT INTO couriers VALUES (7, '2025-03-01', 20, 4.5), (7, '2025-03-02', 24, 4.25), (8, '2025-03-01', 3, NULL)`

// TestMain starts a server with two couriers and a model, and makes it the one that
// the examples find.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "larder-client-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := withServer(context.Background(), dir, func() { m.Run() }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		defer os.Exit(1)
	}
}

func withServer(ctx context.Context, dir string, do func()) error {
	binary := filepath.Join(dir, "larder")
	if out, err := exec.Command("go", "build", "-o", binary, "larder/cmd/larder").CombinedOutput(); err != nil {
		return fmt.Errorf("build larder: %w\n%s", err, out)
	}
	cluster, err := pgdev.Start(ctx, pgdev.Options{Dir: filepath.Join(dir, "postgres"), Fast: true})
	if err != nil {
		return err
	}
	defer os.RemoveAll(cluster.Dir())
	defer cluster.Stop()
	if err := fill(ctx, cluster.DSN()); err != nil {
		return err
	}
	sources, err := cluster.SourcesDSN(ctx)
	if err != nil {
		return err
	}
	server, err := launch.Start(ctx, binary, []string{
		"serve", "--postgres", cluster.DSN(), "--source-postgres", sources, "--data", filepath.Join(dir, "data"), "--log-format", "json",
		"--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0",
	}, filepath.Join(dir, "serve.log"))
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := os.Setenv(larder.AddrVariable, server.GRPC); err != nil {
		return err
	}
	for _, args := range [][]string{{"apply", writeDefinitions(dir)}, {"materialize"}} {
		if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("larder %s: %w\n%s", args[0], err, out)
		}
	}
	do()
	return nil
}

func fill(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, rows)
	return err
}

// writeDefinitions writes a folder with a model that answers trips/32 + km/4.
func writeDefinitions(dir string) string {
	model := onnxmodel.Model{Graph: onnxmodel.Graph{
		Nodes:        []onnxmodel.Node{{Op: "MatMul", In: []string{"x", "weights"}, Out: []string{"score"}}},
		Initializers: []onnxmodel.Tensor{onnxmodel.Floats("weights", []int64{3, 1}, []float32{1. / 32, 0, 1. / 4})},
		Inputs:       []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(3)}}},
		Outputs:      []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
	}}
	dir = filepath.Join(dir, "definitions")
	for name, content := range map[string][]byte{"late.onnx": model.Encode(), "late.yaml": []byte(definitions)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			panic(err)
		}
	}
	return dir
}
