package featurelog_test

import (
	"context"
	"testing"

	"larder/monitor"
	"larder/monitor/featurelog"
	"larder/schema"
)

// malformed is an entry that can't be written: a column of its keys has no rows.
func malformed(plan *schema.Plan, id uint64, rows int) *monitor.Scored {
	e := entry(plan, id, rows)
	e.Keys.Values[0].Int64s = nil
	return e
}

// TestAPanicCostsItsFileOnly: rows of the file that was being written are counted as
// dropped, and the log goes on.
func TestAPanicCostsItsFileOnly(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, featurelog.Options{})
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r.Offer(entry(plan, 1, 3))
	r.Offer(malformed(plan, 2, 4))
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Offer(entry(plan, 3, 5))
	r.end()
	if _, rows := read(t, dir); rows != 5 || r.dropped(t, "write") != 7 {
		t.Errorf("%d rows were written and %v dropped; want 5 and 7", rows, r.dropped(t, "write"))
	}
}

// A fragile table panics at its first append.
type fragile struct {
	*postgres
	appended bool
}

func (f *fragile) AppendLogged(ctx context.Context, rows []featurelog.Row) error {
	if !f.appended {
		f.appended = true
		panic("the driver broke down")
	}
	return f.postgres.AppendLogged(ctx, rows)
}

func TestAPanicOfTheTableDropsItsRowsOnly(t *testing.T) {
	p := openPostgres(t)
	r := start(t, "", featurelog.Options{Table: &fragile{postgres: p}})
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	f := func(e *monitor.Scored, written int, dropped float64) {
		t.Helper()
		r.Offer(e)
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := p.rows(t); n != written || r.dropped(t, "table") != dropped {
			t.Errorf("%d rows were written and %v dropped; want %d and %v", n, r.dropped(t, "table"), written, dropped)
		}
	}
	f(entry(plan, 1, 3), 0, 3)
	f(entry(plan, 2, 4), 4, 3)
	f(malformed(plan, 3, 5), 4, 8)
	f(entry(plan, 4, 6), 10, 8)
}
