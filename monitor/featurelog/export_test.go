package featurelog_test

import (
	"context"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/monitor/featurelog"
	"larder/schema"
)

// keptTable is a table in memory.
type keptTable struct{ rows []featurelog.Row }

func (k *keptTable) AppendLogged(_ context.Context, rows []featurelog.Row) error {
	k.rows = append(k.rows, rows...)
	return nil
}

func (k *keptTable) ReadLogged(context.Context, string, int64, int64, func(*featurelog.Row) error) error {
	return nil
}

func (k *keptTable) DropLogged(context.Context, time.Time) (bool, error) { return false, nil }

// TestExport: rows of a table come back as a file of the log has them, every bit.
func TestExport(t *testing.T) {
	plan, table := typedPlan(t), new(keptTable)
	log := start(t, t.TempDir(), featurelog.Options{Table: table})
	entries := drawEntries(plan)
	for _, e := range entries {
		log.Offer(e)
	}
	log.end()
	x := featurelog.NewExport(plan, everyType, nil)
	defer x.Close()
	for i := range table.rows {
		if _, err := x.Add(&table.rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	rec := x.Take()
	defer rec.Release()
	first := 0
	for _, e := range entries {
		same := func(name string, want column.Column) {
			t.Helper()
			got := array.NewSlice(rec.Column(rec.Schema().FieldIndices(name)[0]), int64(first), int64(first+e.Rows))
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
	if int64(first) != rec.NumRows() {
		t.Errorf("%d rows; want %d", rec.NumRows(), first)
	}
}

// TestExportRefuses: rows that don't fit the plan name the request.
func TestExportRefuses(t *testing.T) {
	x := featurelog.NewExport(typedPlan(t), nil, nil)
	defer x.Close()
	row := featurelog.Row{RequestID: "r", Keys: []byte("{}"), Request: []byte("{}"), Statuses: []byte("{}"), Ages: []byte("{}"), Vector: []float32{1}}
	if _, err := x.Add(&row); err == nil || err.Error() != `row 0 of request "r" of the feature log's table: it has 1 values, and the feature service 6 features` {
		t.Errorf("%v", err)
	}
	row.Keys = []byte("[")
	if _, err := x.Add(&row); err == nil {
		t.Error("JSON that is cut short was read")
	}
}
