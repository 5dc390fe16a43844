package featurelog_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"larder/column"
	"larder/monitor"
	"larder/monitor/featurelog"
	"larder/schema"
)

// everyType are the types that a request value may have and a model may take.
var everyType = []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.String}

// embedding is the type of a request value that no feature is.
var embedding = schema.Vector(schema.Float32, 3)

// typedPlan is the plan of a model with an input for each type, all of the request, which
// brings an embedding too.
func typedPlan(t testing.TB) *schema.Plan {
	t.Helper()
	service := schema.FeatureService{Name: "all"}
	for _, typ := range everyType {
		name := "a_" + typ.String()
		service.Request = append(service.Request, schema.Feature{Name: name, Type: typ})
		service.Features = append(service.Features, "request:"+name)
	}
	service.Request = append(service.Request, schema.Feature{Name: "embedding", Type: embedding})
	defs := &schema.Definitions{
		FeatureServices: []schema.FeatureService{service},
		Models:          []schema.Model{{Name: "typed", FeatureService: "all", Versions: []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: strings.Repeat("0a", 32)}}}},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := catalog.ModelPlan("typed", 0)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// drawColumn draws rows values of a type; floats of any bits.
func drawColumn(t *rapid.T, typ schema.Type, rows int, nullable bool) column.Column {
	c := column.Column{Type: typ}
	for range rows {
		switch typ {
		case schema.Bool:
			c.Bools = append(c.Bools, rapid.Bool().Draw(t, "bool"))
		case schema.Int32:
			c.Int32s = append(c.Int32s, rapid.Int32().Draw(t, "int32"))
		case schema.Int64:
			c.Int64s = append(c.Int64s, rapid.Int64().Draw(t, "int64"))
		case schema.Float32:
			c.Float32s = append(c.Float32s, math.Float32frombits(rapid.Uint32().Draw(t, "float32")))
		case schema.Float64:
			c.Float64s = append(c.Float64s, math.Float64frombits(rapid.Uint64().Draw(t, "float64")))
		case schema.String:
			c.Strings = append(c.Strings, rapid.String().Draw(t, "string"))
		}
		if nullable {
			c.Valid = append(c.Valid, rapid.Bool().Draw(t, "valid"))
		}
	}
	return c
}

// drawEmbeddings draws rows embeddings, of any bits, and nulls.
func drawEmbeddings(t *rapid.T, rows int) column.Column {
	c := column.Column{Type: embedding}
	for range rows {
		valid := rapid.Bool().Draw(t, "valid")
		if valid {
			c.Float32s = append(c.Float32s, drawColumn(t, schema.Float32, embedding.Len(), false).Float32s...)
		}
		c.Valid, c.Ends = append(c.Valid, valid), append(c.Ends, uint32(len(c.Float32s)))
	}
	return c
}

// cells are the values of a column as bits; nil is null.
func cells(c column.Column) (out []any) {
	for i := range c.Len() {
		switch {
		case c.IsNull(i):
			out = append(out, nil)
		case c.Type == embedding:
			start, end := c.List(i)
			out = append(out, cells(column.Column{Type: schema.Float32, Float32s: c.Float32s[start:end]}))
		case c.Type == schema.Bool:
			out = append(out, c.Bools[i])
		case c.Type == schema.Int32:
			out = append(out, c.Int32s[i])
		case c.Type == schema.Int64:
			out = append(out, c.Int64s[i])
		case c.Type == schema.Float32:
			out = append(out, math.Float32bits(c.Float32s[i]))
		case c.Type == schema.Float64:
			out = append(out, math.Float64bits(c.Float64s[i]))
		case c.Type == schema.String:
			out = append(out, c.Strings[i])
		}
	}
	return out
}

// readCells returns the values of a column that was read, in the same form.
func readCells(t *testing.T, a arrow.Array) (out []any) {
	for i := range a.Len() {
		if a.IsNull(i) {
			out = append(out, nil)
			continue
		}
		switch a := a.(type) {
		case *array.Boolean:
			out = append(out, a.Value(i))
		case *array.Int32:
			out = append(out, a.Value(i))
		case *array.Int64:
			out = append(out, a.Value(i))
		case *array.Float32:
			out = append(out, math.Float32bits(a.Value(i)))
		case *array.Float64:
			out = append(out, math.Float64bits(a.Value(i)))
		case *array.String:
			out = append(out, a.Value(i))
		case *array.List:
			start, end := a.ValueOffsets(i)
			out = append(out, readCells(t, array.NewSlice(a.ListValues(), start, end)))
		default:
			t.Fatalf("a column of %s", a.DataType())
		}
	}
	return out
}

// drawEntries are 300 requests of typedPlan, always the same.
func drawEntries(plan *schema.Plan) []*monitor.Scored {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) *monitor.Scored {
		e := &monitor.Scored{Plan: plan, RequestID: rapid.String().Draw(rt, "id"), Rows: rapid.IntRange(1, 20).Draw(rt, "rows")}
		for i, typ := range everyType {
			e.Tensors = append(e.Tensors, drawColumn(rt, typ, e.Rows, false))
			e.Request.Names = append(e.Request.Names, plan.Request[i].Name)
			e.Request.Values = append(e.Request.Values, drawColumn(rt, typ, e.Rows, true))
		}
		e.Request.Add("embedding", drawEmbeddings(rt, e.Rows))
		e.Scores = drawColumn(rt, schema.Float64, e.Rows, false).Float64s
		return e
	}), 300, 300).Example(1)
}

// TestEveryBit: whatever the requests sent and the model was fed is read from the
// file as it was, nulls and NaNs of any bits too. One file takes them all.
func TestEveryBit(t *testing.T) {
	plan, dir := typedPlan(t), t.TempDir()
	log := start(t, dir, featurelog.Options{})
	entries := drawEntries(plan)
	for _, e := range entries {
		log.Offer(e)
	}
	log.end()
	all, rows := read(t, dir)
	if len(all) != 1 {
		t.Fatalf("%d batches", len(all))
	}
	first := 0
	for _, e := range entries {
		same := func(name string, want column.Column) {
			t.Helper()
			at := all[0].Schema().FieldIndices(name)
			got := array.NewSlice(all[0].Column(at[0]), int64(first), int64(first+e.Rows))
			defer got.Release()
			if diff := cmp.Diff(cells(want), readCells(t, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		same("log:score", column.Column{Type: schema.Float64, Float64s: e.Scores})
		for i, f := range plan.Features {
			same("vector:"+f.Name, e.Tensors[i])
			same(plan.Request[i].Name, e.Request.Values[i])
		}
		same("embedding", e.Request.Values[len(everyType)])
		first += e.Rows
	}
	if int64(first) != rows {
		t.Errorf("%d rows; want %d", rows, first)
	}
}

// TestWhatCannotBeWritten: every row that did not get into a file is counted once,
// the log says so once, and writes again when it can.
func TestWhatCannotBeWritten(t *testing.T) {
	dir, said, metrics := t.TempDir(), new(bytes.Buffer), prometheus.NewRegistry()
	log, err := featurelog.Open(dir, featurelog.Options{Logger: slog.New(slog.NewTextHandler(said, nil)), Registerer: metrics})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Log: log, registry: metrics}
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	inTheWay := filepath.Join(dir, "fraud") // where the model's folder would be
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	offer := func() {
		for i := range 3 {
			log.Offer(entry(plan, uint64(i), 5))
		}
	}
	offer()
	for deadline := time.Now().Add(20 * time.Second); r.dropped(t, "write") != 15; {
		if time.Now().After(deadline) {
			t.Fatalf("%v rows were dropped; want 15", r.dropped(t, "write"))
		}
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	offer()
	cancel() // what waits is written all the same
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, rows := read(t, dir); rows != 15 || r.dropped(t, "write") != 15 {
		t.Errorf("%d rows were written and %v dropped", rows, r.dropped(t, "write"))
	}
	if n := strings.Count(said.String(), "the feature log can't be written"); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, said)
	}
}
