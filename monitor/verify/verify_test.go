package verify_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/materialize"
	"larder/monitor/verify"
	"larder/schema"
)

// want verifies all keys, and compares what was counted and what is shown.
func (w *world) want(counted string, shown ...string) {
	w.t.Helper()
	r := w.verify(0)
	if got := strings.TrimSpace(counts(r)); got != counted {
		w.t.Errorf("counted %s, want %s", got, counted)
	}
	var got []string
	for _, d := range r.Differences {
		got = append(got, fmt.Sprintf("%s %s %s: %s | %s", d.Kind, d.Key, d.Feature, d.Online, d.Source))
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		w.t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestVerify plants a fault of each kind, in the source and in the store, and
// finds it, and nothing else.
func TestVerify(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 100, 6)
	w.insert(50, 60, 8)
	w.exec("UPDATE spend SET gone = true WHERE id = 55 AND at = $1", hour(8))
	w.materialize(12)
	w.want("equal 100")

	// What is newer than the watermark is not due.
	w.insert(1, 2, 13)
	w.insert(101, 101, 13)
	w.exec("INSERT INTO spend VALUES (3, 'shop 0', $1, $2, false, 9)", hour(7), hour(13)) // late
	w.want("equal 100")
	w.materialize(14)
	w.want("equal 101")

	// In the source.
	w.exec("UPDATE spend SET n = 1000 WHERE id = 11")
	w.exec("UPDATE spend SET x = -x WHERE id = 13")
	w.exec("UPDATE spend SET s = NULL, l = l || 1::bigint WHERE id = 17")
	w.exec("DELETE FROM spend WHERE id = 19")
	w.insert(201, 201, 9)
	w.exec("UPDATE spend SET at = $1 WHERE id = 23", hour(5))
	w.exec("UPDATE spend SET gone = true WHERE id = 29")
	// In the store.
	w.plant(301, "shop 1", 6, 5)
	w.plant(31, "shop 1", 10, 31)
	w.plant(202, "a\x00b", 6, 5)
	w.want("equal 94 mismatched 5 missing 1 extra 4",
		`mismatched id=11 shop="shop 2" n: 11 | 1000`,
		`mismatched id=13 shop="shop 1" x: 4.333333333333333 | -4.333333333333333`,
		`mismatched id=17 shop="shop 2" s: "größe 17" | NULL_VALUE`,
		`extra id=19 shop="shop 1" : PRESENT, of 2026-01-05T06:00:00Z | NOT_FOUND`,
		`mismatched id=23 shop="shop 2" : PRESENT, of 2026-01-05T06:00:00Z | PRESENT, of 2026-01-05T05:00:00Z`,
		`extra id=29 shop="shop 2" : PRESENT, of 2026-01-05T06:00:00Z | NOT_FOUND`,
		`mismatched id=31 shop="shop 1" : PRESENT, of 2026-01-05T10:00:00Z | PRESENT, of 2026-01-05T06:00:00Z`,
		`extra id=202 shop="a\u0000b" : PRESENT, of 2026-01-05T06:00:00Z | NOT_FOUND`,
		`extra id=301 shop="shop 1" : PRESENT, of 2026-01-05T06:00:00Z | NOT_FOUND`,
		`missing id=201 shop="shop 0" : NOT_FOUND | PRESENT, of 2026-01-05T09:00:00Z`,
	)
	r := w.verify(0)
	var features []string
	for _, f := range r.Features {
		features = append(features, fmt.Sprint(f.Name, " ", f.Mismatched))
	}
	if diff := cmp.Diff([]string{"n 1", "x 1", "s 1", "l 1"}, features); diff != "" {
		t.Errorf("by feature (-want +got):\n%s", diff)
	}
	if r.Faults() != 10 || r.Time != hour(14).UnixMicro() || r.View != "spend" {
		t.Errorf("%d faults of %s at %d", r.Faults(), r.View, r.Time)
	}

	// A full run stores what was changed or added in place. Newer rows that are in
	// the source no more stay.
	w.run(materialize.Request{View: "spend", Mode: schema.Full, To: hour(14).UnixMicro()})
	r = w.verify(0)
	if got, want := counts(r), "equal 99 mismatched 2 extra 3 "; got != want {
		t.Errorf("after a full run: counted %s, want %s; %+v", got, want, r.Differences)
	}
}

// TestStale: what arrived within the lateness before the watermark may be in a
// transaction that the run did not see, so it is not due before the next.
func TestStale(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 10, 6)
	w.materialize(12)
	almost := hour(12).Add(-30 * time.Second) // the lateness is a minute
	w.exec("INSERT INTO spend VALUES (1, 'shop 1', $1, $2, false, 7), (11, 'shop 2', $1, $2, false, 7)", hour(11), almost)
	w.want("equal 9 stale 2",
		`stale id=1 shop="shop 1" : PRESENT, of 2026-01-05T06:00:00Z | PRESENT, of 2026-01-05T11:00:00Z`,
		`stale id=11 shop="shop 2" : NOT_FOUND | PRESENT, of 2026-01-05T11:00:00Z`)
	w.materialize(13)
	w.want("equal 11")
}

// TestExpired: both ways agree on what is too old, to the microsecond.
func TestExpired(t *testing.T) {
	w := newWorld(t, 6*time.Hour)
	w.insert(1, 10, 6)
	w.insert(5, 7, 9)
	w.materialize(12)
	w.want("equal 10")
	w.run(materialize.Request{View: "spend", To: hour(12).UnixMicro() + 1})
	w.want("equal 10")
	r := w.verify(0)
	if r.Faults() != 0 {
		t.Errorf("%+v", r)
	}
}

func TestNeverMaterialized(t *testing.T) {
	w := newWorld(t, 0)
	_, err := verify.View(t.Context(), verify.Options{Online: w.online, Offline: w.history}, verify.Request{View: w.view})
	if want := "feature view \"spend\" was never materialized on this server; run `larder materialize spend` first"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSample: some keys, of all.
func TestSample(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 2000, 6)
	w.materialize(12)
	if r := w.verify(100); r.Keys != 100 || r.Counts[verify.Equal] != 100 {
		t.Errorf("%+v", r)
	}
	if r := w.verify(5000); r.Keys != 2000 || r.Counts[verify.Equal] != 2000 {
		t.Errorf("%+v", r)
	}
	w.exec("UPDATE spend SET n = -7")
	if r := w.verify(50); r.Keys != 50 || r.Counts[verify.Mismatched] != 50 || len(r.Differences) != 5 {
		t.Errorf("%+v", r)
	}
}

// TestHealthyHistories: for any history, a store that was materialized is equal, at
// every watermark.
func TestHealthyHistories(t *testing.T) {
	w := newWorld(t, 5*time.Hour)
	rapid.Check(t, func(rt *rapid.T) {
		w.exec("TRUNCATE spend")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		rows := rapid.IntRange(1, 60).Draw(rt, "rows")
		for i := range rows {
			at := hour(random.IntN(12))
			arrived := at.Add(time.Duration(random.IntN(180))*time.Minute + time.Duration(i)*time.Microsecond) // no two alike
			w.exec("INSERT INTO spend VALUES ($1, $2, $3, $4, $5, $6, $7)", random.Int64N(12), fmt.Sprint("s", random.IntN(2)), at, arrived, random.IntN(6) == 0, i, random.NormFloat64())
		}
		defer w.start()()
		for h := 4; h <= 16; h += 1 + random.IntN(6) {
			w.materialize(h)
			if r := w.verify(0); r.Faults() != 0 || r.Counts[verify.Stale] != 0 {
				rt.Fatalf("at %d: %s %+v", h, counts(r), r.Differences)
			}
		}
	})
}

// TestNoFalseAlarm verifies again and again while rows come and are materialized.
func TestNoFalseAlarm(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 3000, 1)
	w.materialize(2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for h := 3; h < 23; h++ {
			w.insert(1, 3000, h)
			w.materialize(h + 1)
		}
	}()
	for {
		if r := w.verify(0); r.Faults() != 0 {
			t.Errorf("%s %+v", counts(r), r.Differences)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
