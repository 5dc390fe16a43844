package runs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/control/runs"
	"larder/materialize"
	"larder/schema"
)

// TestARecordedRunIsReadBack: each field of the message is read back.
func TestARecordedRunIsReadBack(t *testing.T) {
	for _, state := range []materialize.State{materialize.Queued, materialize.Running, materialize.Succeeded, materialize.Failed, materialize.Cancelled} {
		want := runs.Run{Server: "here", Run: materialize.Run{
			ID: "r", View: "v", State: state, Mode: schema.Range, From: 1, To: 2, RowsRead: 3, RowsWritten: 4, RowsSuperseded: 5, RowsBad: 6, RowsTotal: 7,
			Bad: []materialize.BadRows{{Reason: "null_key", Count: 6, Samples: []string{"a"}}},
			Expectations: []materialize.Expectation{
				{Name: "rows.min", Count: 3, Limit: 4, Failed: true},
				{Name: "features.x.max_null_share", Count: 1, OfRows: 3, Limit: 0.5},
				{Name: "fresh_within", Age: 3 * time.Hour, MaxAge: 2 * time.Hour, Failed: true},
				{Name: "fresh_within", Age: -1, MaxAge: 2 * time.Hour, Failed: true},
			},
			Error: "e", StartedAt: 8, EndedAt: 9, CatalogVersion: 10, Attempt: 11, Warnings: []string{"w"}, Building: true,
		}}
		row, err := runs.RowOf(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := runs.Read(row)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if row.ID != "r" || row.FeatureView != "v" || row.Server != "here" || row.StartedAt.UnixMicro() != 8 {
			t.Errorf("the row is %+v", row)
		}
	}
}

// A server without Postgres has nothing to materialize from.
func TestWithoutPostgresThereAreNoRuns(t *testing.T) {
	r := runs.New(runs.Options{Server: "here"})
	if _, err := r.Start(runs.Request{}); err == nil || !strings.Contains(err.Error(), "--postgres") {
		t.Errorf("Start: %v", err)
	}
	if _, err := r.Cancel(t.Context(), "x"); err == nil {
		t.Error("a server without runs cancelled one")
	}
	if _, found, next := r.Last("v"); found || next != 0 {
		t.Error("a view has a run where there is none")
	}
}
