package featurelog_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"larder/column"
	"larder/internal/arrowfile"
	"larder/monitor"
	"larder/monitor/featurelog"
	"larder/schema"
)

// modelPlan is the plan of a model of two stored features and one of the request.
func modelPlan(t testing.TB, log *schema.ModelLog) *schema.Plan {
	t.Helper()
	defs := &schema.Definitions{
		Entities:     []schema.Entity{{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}}}},
		Sources:      []schema.Source{{Name: "daily", Table: "daily", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "spend", Entities: []string{"customer"}, Source: "daily", Features: []schema.Feature{{Name: "n", Type: schema.Int64}, {Name: "mean", Type: schema.Float64}}}},
		FeatureServices: []schema.FeatureService{{
			Name: "fraud_v1", Request: []schema.Feature{{Name: "amount", Type: schema.Float64}}, Features: []string{"spend:*", "request:amount"},
		}},
		Models: []schema.Model{{Name: "fraud", FeatureService: "fraud_v1", Log: log, Versions: []schema.ModelVersion{{Version: 3, ONNX: "fraud.onnx", SHA256: strings.Repeat("0a", 32)}}}},
	}
	catalog, err := schema.Compile(5, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := catalog.ModelPlan("fraud", 0)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// entry is a request of rows rows.
func entry(plan *schema.Plan, id uint64, rows int) *monitor.Scored {
	e := &monitor.Scored{
		Plan: plan, RequestID: fmt.Sprint(id), At: 1_767_268_800_000_000 + int64(id), Rows: rows, Latency: 250 * time.Microsecond,
		Keys:     column.Columns{Names: []string{"customer_id"}, Values: []column.Column{{Type: schema.Int64}}},
		Request:  column.Columns{Names: []string{"amount"}, Values: []column.Column{{Type: schema.Float64}}},
		Statuses: make([]schema.Status, rows), Ages: make([]int64, rows), Dense: []float32{},
	}
	for i := range rows {
		e.Keys.Values[0].Int64s = append(e.Keys.Values[0].Int64s, int64(id)*1000+int64(i))
		e.Request.Values[0].Float64s = append(e.Request.Values[0].Float64s, float64(i)/4)
		e.Dense = append(e.Dense, float32(i), float32(i)/3, float32(i)/4)
		e.Scores = append(e.Scores, float64(i)/7)
		e.Statuses[i], e.Ages[i] = schema.StatusPresent, int64(i)
	}
	return e
}

// A running log, and how to end it.
type running struct {
	*featurelog.Log
	registry *prometheus.Registry
	end      func()
}

// opened is a log without a writer.
func opened(t testing.TB, dir string, opts featurelog.Options) *running {
	t.Helper()
	r := &running{registry: prometheus.NewRegistry()}
	opts.Logger, opts.Registerer = slog.New(slog.DiscardHandler), r.registry
	var err error
	if r.Log, err = featurelog.Open(dir, opts); err != nil {
		t.Fatal(err)
	}
	return r
}

func start(t testing.TB, dir string, opts featurelog.Options) *running {
	t.Helper()
	r := opened(t, dir, opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	ended := false
	r.end = func() {
		t.Helper()
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.end)
	return r
}

// files are those of a folder but its lock, below it, in order.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// read returns the batches of all files of a folder.
func read(t testing.TB, dir string) (all []arrow.Record, rows int64) {
	t.Helper()
	for _, name := range files(t, dir) {
		r, err := arrowfile.Open(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			rec := r.Record()
			rec.Retain()
			t.Cleanup(rec.Release)
			all, rows = append(all, rec), rows+rec.NumRows()
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all, rows
}

// dropped is how many rows were dropped for a reason.
func (r *running) dropped(t testing.TB, reason string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "larder_feature_log_dropped_total" && m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric of rows dropped for %s", reason)
	return 0
}
