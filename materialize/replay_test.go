package materialize_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/materialize"
	"larder/schema"
)

// A fact is one row of the source, as the oracle knows it; times are
// microseconds.
type fact struct {
	id            int64
	event, ingest int64 // ingest is NoIngestTime when null
	deleted       bool
	n             int64
}

// newest is the oracle: of the facts that are visible at t, the winner of each key.
func newest(facts []fact, t int64) map[any]stored {
	won := map[any]stored{}
	for _, f := range facts {
		if f.event > t || f.ingest > t {
			continue
		}
		last, found := won[f.id]
		if found && (f.event < last.Event || f.event == last.Event && f.ingest <= last.Ingest) {
			continue
		}
		s := stored{Event: f.event, Ingest: f.ingest, Deleted: f.deleted}
		if !f.deleted {
			s.Values = []any{f.n}
		}
		won[f.id] = s
	}
	return won
}

// TestReplaysAgainstOracle lets rows arrive between runs that break down before
// any batch, or after the last row and before the watermark moves, or don't: whatever happened before, a run that succeeds leaves the newest row of
// every key that was visible, and nothing else.
func TestReplaysAgainstOracle(t *testing.T) {
	w, source := newFaultyWorld(t, dailyTable, spend())
	base := micros("2025-01-01T00:00:00Z")
	const step = int64(time.Minute / time.Microsecond)
	version := 0
	rapid.Check(t, func(rt *rapid.T) {
		version++
		defs := spend()
		defs.FeatureViews[0].Name = fmt.Sprintf("spend_%d", version)
		lateness := schema.Duration(0)
		defs.Sources[0].Lateness = &lateness
		w.apply(defs)
		name := defs.FeatureViews[0].Name
		w.exec("TRUNCATE daily")

		var facts []fact
		clock := base
		used := map[[3]int64]bool{} // two rows that tie in all say two things: which wins is nobody's promise
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 8).Draw(rt, "rows") {
				// A row with an ingest time arrives after the last run; its event may be
				// old, or yet to come. One without is known from its event on.
				f := fact{id: rapid.Int64Range(0, 3).Draw(rt, "id"), n: int64(len(facts)), deleted: rapid.IntRange(0, 4).Draw(rt, "deleted") == 0}
				f.ingest = clock + 1 + rapid.Int64Range(0, 4).Draw(rt, "ingest")*step
				f.event = clock + rapid.Int64Range(-6, 6).Draw(rt, "event")*step
				if rapid.IntRange(0, 4).Draw(rt, "no ingest") == 0 {
					f.ingest, f.event = schema.NoIngestTime, max(f.event, clock+1)
				}
				if id := [3]int64{f.id, f.event, f.ingest}; !used[id] {
					used[id] = true
					facts = append(facts, f)
					w.insert(f)
				}
			}
			to := clock + rapid.Int64Range(0, 5).Draw(rt, "to")*step
			req := materialize.Request{View: name, To: to}
			if rapid.IntRange(0, 4).Draw(rt, "full") == 0 {
				req.Mode = schema.Full
			}
			for {
				fail, late := rapid.IntRange(0, 4).Draw(rt, "fails before batch"), rapid.IntRange(0, 2).Draw(rt, "fails late") == 0
				batch, catalog := rapid.Int64Range(1, 4).Draw(rt, "batch"), w.catalog.Load()
				source.set(func(f *faulty) {
					f.chunk, f.fail, f.with, f.after = batch, fail, errBroken, nil
					if late { // a view that is gone when its watermark is to move
						f.after = func() { w.apply(spend()) }
					}
				})
				run := w.run(req)
				w.catalog.Store(catalog)
				if run.State == materialize.Succeeded {
					break
				}
				if run.State != materialize.Failed || fail == 0 && !late {
					rt.Fatalf("%+v", run)
				}
			}
			clock = to
			if d := cmp.Diff(newest(facts, clock), w.rows(name)); d != "" {
				rt.Fatalf("at %d minutes: %s", (clock-base)/step, d)
			}
		}
	})
}

func (w *world) insert(f fact) {
	w.t.Helper()
	var ingest *time.Time
	if f.ingest != schema.NoIngestTime {
		at := time.UnixMicro(f.ingest)
		ingest = &at
	}
	w.exec("INSERT INTO daily VALUES ($1, $2, $3, $4, $5)", f.id, time.UnixMicro(f.event), ingest, f.deleted, f.n)
}
