package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/control"
	"larder/control/definitions"
	"larder/control/models"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/scoring"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
)

// library is the one ONNX Runtime of the tests: a process has one.
var library *scoring.Runtime

func TestMain(m *testing.M) {
	scoring.WorkerMain()
	var err error
	if library, err = scoring.Open(scoring.Options{Library: os.Getenv("LARDER_ONNXRUNTIME")}); err != nil {
		panic(err)
	}
	pgtest.Main(m)
}

func ctx() context.Context { return context.Background() }

// A node is a control plane and what it needs.
type node struct {
	*control.Server
	t        testing.TB
	db       *pgtest.DB
	registry *registry.Registry
	serving  atomic.Pointer[scoring.Models]
}

// publish makes the models of a catalog serve. No request uses the old ones.
func (n *node) publish(models *scoring.Models) {
	if before := n.serving.Swap(models); before != nil {
		before.Release()
	}
}

func (n *node) model(plan *schema.Plan) (*scoring.Model, func()) {
	return n.serving.Load().Model(plan), func() {}
}

// start returns the control plane of a server with the given sources of model versions,
// on an empty database that has a table facts.
func start(t testing.TB, sources ...models.VersionSources) *node {
	t.Helper()
	db := pgtest.New(t)
	must(t, second(migrations.Up(ctx(), db.DSN)))
	must(t, second(db.Pool.Exec(ctx(), "CREATE TABLE facts (user_id bigint, at timestamptz, a double precision, b double precision)")))
	quiet := slog.New(slog.DiscardHandler)
	rows, err := online.Open(filepath.Join(t.TempDir(), "rows"), online.Options{Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, rows.Close()) })
	history, err := offline.Open(ctx(), db.Sources, offline.Options{})
	must(t, err)
	t.Cleanup(history.Close)
	models := scoring.NewSet(library, scoring.SetOptions{})
	n := &node{t: t, db: db}
	t.Cleanup(func() {
		n.serving.Load().Release()
		must(t, models.Close())
	})
	n.registry, err = registry.Open(db.DSN, t.TempDir(), registry.Options{
		Prepare: func(ctx context.Context, c *schema.Catalog) (func(), error) {
			next, err := models.Prepare(ctx, c, n.registry.ModelFile)
			return func() { n.publish(next) }, err
		},
		Rows: rows, Logger: quiet,
	})
	must(t, err)
	must(t, n.registry.Load(ctx()))
	running, stop := context.WithCancel(ctx())
	ended := make(chan error, 1)
	go func() { ended <- n.registry.Run(running) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
		n.registry.Close()
	})
	options := control.Options{
		Registry: n.registry, Offline: history, Bulk: history, Online: rows, Models: models, Model: n.model, Name: "test", Version: "test", Logger: quiet,
	}
	if len(sources) > 0 {
		options.VersionSources = sources[0]
	}
	n.Server = control.New(options)
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// refused checks the kind and reason of an error, and that it has all of these words.
func refused(t testing.TB, err error, kind schema.Kind, reason string, words ...string) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || said.Kind != kind || string(said.Reason) != reason {
		t.Fatalf("got %v, want an error of kind %s, reason %s", err, kind, reason)
	}
	for _, w := range words {
		if !strings.Contains(said.Message, w) {
			t.Errorf("got %q, want it to say %q", said.Message, w)
		}
	}
}

// base is a file of definitions with a service both of two features.
const base = `entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: facts, table: facts, timestamp_field: at}]
feature_views:
  - {name: v, entities: [user], source: facts, ttl: 7d, features: [{name: a, type: float64, default: 0}, {name: b, type: float64, default: 0}]}
feature_services:
  - {name: both, features: ["v:a", "v:b"]}
  - {name: turned, features: ["v:b", "v:a"]}
`

// definitionsOf returns a folder of one file, and the model files that it names.
func definitionsOf(text string, models map[string][]byte) *larderv1.DefinitionFiles {
	out := &larderv1.DefinitionFiles{Files: []*larderv1.DefinitionFile{{Name: "defs/all.yaml", Content: []byte(text)}}, Models: map[string]string{}}
	for path, file := range models {
		out.Models[path] = sum(file)
	}
	return out
}

func sum(file []byte) string {
	s := sha256.Sum256(file)
	return hex.EncodeToString(s[:])
}

// network is a model of two features; each seed makes another file.
func network(seed uint64, metadata ...string) []byte {
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 2, Hidden: []int{2}, Seed: seed})
	for i := 0; i < len(metadata); i += 2 {
		file = onnxmodel.AppendMetadata(file, metadata[i], metadata[i+1])
	}
	return file
}

// store puts a model file into the registry.
func (n *node) store(file []byte) string {
	n.t.Helper()
	rest := file
	must(n.t, n.registry.PutModel(ctx(), sum(file), int64(len(file)), func() ([]byte, error) {
		chunk := rest
		rest = nil
		return chunk, nil
	}))
	return sum(file)
}

// apply applies a folder on top of the version that it was planned against.
func (n *node) apply(files *larderv1.DefinitionFiles) (*larderv1.ApplyResponse, error) {
	n.t.Helper()
	plan, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
	if err != nil {
		return nil, err
	}
	return n.Apply(ctx(), &larderv1.ApplyRequest{
		What: &larderv1.ApplyRequest_Files{Files: files}, BaseVersion: plan.GetBaseVersion(), AppliedBy: "a test", AllowDelete: []string{definitions.AllowAll},
	})
}

func (n *node) mustApply(files *larderv1.DefinitionFiles) *larderv1.ApplyResponse {
	n.t.Helper()
	answer, err := n.apply(files)
	must(n.t, err)
	return answer
}

func (n *node) fingerprint(service string) string {
	n.t.Helper()
	plan, err := n.GetPlan(ctx(), &larderv1.GetPlanRequest{What: &larderv1.GetPlanRequest_FeatureService{FeatureService: service}})
	must(n.t, err)
	return plan.GetFingerprint()
}

func model(version int, path string) string {
	return fmt.Sprintf("models: [{name: m, feature_service: both, versions: [{version: %d, onnx: %s}]}]\n", version, path)
}
