package registry_test

import (
	"fmt"
	"testing"
	"time"

	"larder/store/registry"
)

// TestLastRows: of the last run that read all rows and succeeded, however many others came
// after it.
func TestLastRows(t *testing.T) {
	db := database(t)
	n, err := newNode(t, db.DSN, t.TempDir(), new(rows))
	if err != nil {
		t.Fatal(err)
	}
	start, count := time.Now(), 0
	record := func(server, state, run string) {
		t.Helper()
		count++
		id := fmt.Sprintf("r%d", count)
		err := n.RecordRun(ctx(), registry.Run{ID: id, FeatureView: "v", Server: server, State: state, StartedAt: start.Add(time.Duration(count) * time.Second), Detail: []byte(run)})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(rows int64, found bool) {
		t.Helper()
		got, has, err := n.LastRows(ctx(), "here", "v")
		if err != nil || got != rows || has != found {
			t.Errorf("after %d runs: %d %v %v; want %d %v", count, got, has, err, rows, found)
		}
	}
	const succeeded = "STATE_SUCCEEDED"
	want(0, false)
	record("here", "STATE_FAILED", `{"mode": "full", "rowsRead": "5"}`)
	record("there", succeeded, `{"mode": "full", "rowsRead": "5"}`)
	record("here", succeeded, `{"mode": "range", "rowsRead": "5"}`)
	want(0, false)
	record("here", succeeded, `{"mode": "incremental", "rowsRead": "9007199254740993", "rowsBad": "2"}`)
	want(9007199254740991, true)
	record("here", succeeded, `{"mode": "incremental", "from": "17", "rowsRead": "5"}`)
	record("here", "STATE_RUNNING", `{"mode": "full", "rowsRead": "5"}`)
	want(9007199254740991, true)

	// More runs than are kept.
	_, err = db.Pool.Exec(ctx(), `INSERT INTO larder.runs SELECT 'many' || i, 'v', 'here', 'STATE_SUCCEEDED', now() + i * interval '1 minute', '{"mode": "incremental", "from": "17"}' FROM generate_series(1, 1500) AS i`)
	if err != nil {
		t.Fatal(err)
	}
	start = start.Add(1600 * time.Minute)
	record("here", succeeded, `{"mode": "incremental", "from": "18", "rowsRead": "5"}`)
	want(9007199254740991, true)
	if all, err := n.RunsOf(ctx(), "v", 5000); err != nil || len(all) != 1003 { // with that of the other server, and the one that ends the count
		t.Errorf("%d runs are kept, %v", len(all), err)
	}
	record("here", succeeded, `{"mode": "full"}`)
	want(0, true)
}
