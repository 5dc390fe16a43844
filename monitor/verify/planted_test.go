package verify_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larder/materialize"
	"larder/monitor/verify"
	"larder/schema"
	"larder/store"
	"larder/store/row"
)

// key returns the key of an account as it is stored.
func (w *world) key(id int64, shop string) []byte {
	return row.AppendString(row.AppendInt64(row.AppendView(nil, w.view.ID), id), shop)
}

// put writes to the store past all rules.
func (w *world) put(key []byte, h int, stored []byte) {
	w.t.Helper()
	writer := w.online.NewWriter(w.view.ID, store.WriterOptions{})
	defer writer.Close()
	if err := writer.Add(context.Background(), key, hour(h).UnixMicro(), stored); err != nil {
		w.t.Fatal(err)
	}
	if err := writer.Flush(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// build returns the bytes of a row that set fills.
func (w *world) build(tombstone bool, set func(*row.Builder)) []byte {
	b := row.NewBuilder(row.NewLayout(w.view.Layouts[0]), 0)
	b.Reset(hour(6).UnixMicro(), tombstone)
	set(b)
	return append([]byte(nil), b.Row()...)
}

// TestBits: values in the store that look the same and differ in one bit.
func TestBits(t *testing.T) {
	w := newWorld(t, 0)
	w.exec(`INSERT INTO spend SELECT i, 's', $1::timestamptz, $1::timestamptz, false, 1, CASE i WHEN 1 THEN 'NaN'::float8 ELSE 0 END, repeat('x', 300), ARRAY[i] FROM generate_series(1, 4) AS i`, hour(6))
	w.materialize(12)
	w.want("equal 4")
	like := func(id int64, x float64, s string, list ...int64) {
		w.put(w.key(id, "s"), 6, w.build(false, func(b *row.Builder) {
			b.SetInt32(0, 1)
			b.SetFloat64(1, x)
			b.SetString(2, s)
			b.SetInt64s(3, list)
		}))
	}
	same := strings.Repeat("x", 300)
	like(1, math.Float64frombits(0x7ff8000000000abc), same, 1)
	like(2, math.Copysign(0, -1), same, 2)
	like(3, 0, same[1:]+"y", 3)
	like(4, 0, same, 4, 4)
	long := func(end string) string { return "..." + strings.Repeat("x", 200-len(end)) + end }
	w.want("mismatched 4",
		`mismatched id=1 shop="s" x: "NaN" 0x7ff8000000000abc | "NaN" 0x7ff8000000000000`,
		`mismatched id=2 shop="s" x: -0.0 | 0`,
		fmt.Sprintf(`mismatched id=3 shop="s" s: %s | %s`, long(`y"`), long(`x"`)),
		`mismatched id=4 shop="s" l: [4,4] | [4]`,
	)
}

// TestBroken: rows of the store that no request could be answered with.
func TestBroken(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 10, 6)
	w.materialize(12)
	whole := w.build(false, func(b *row.Builder) { b.SetInt32(0, 1) })
	short := row.AppendInt32(row.AppendView(nil, w.view.ID), 7) // a key of another width
	w.put(short, 6, whole)
	w.put(w.key(2, "shop 2"), 7, whole[:row.HeaderBytes+3])
	w.put(w.key(3, "shop 0"), 7, []byte{99})
	w.put(w.key(4, "shop 1"), 7, w.build(true, func(*row.Builder) {})) // a tombstone
	w.put(w.key(5, "\xff"), 7, whole)
	r := w.verify(0)
	if got, want := counts(r), "equal 7 mismatched 2 missing 1 extra 2 "; got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
	var got []string
	for _, d := range r.Differences {
		got = append(got, fmt.Sprintf("%s %s: %s | %s", d.Kind, d.Key, d.Online, d.Source))
	}
	for _, want := range []string{
		fmt.Sprintf(`extra key %x: join key "id": 4 bytes are not a value of type int64: a row whose key is not a key of the view | NOT_FOUND`, short),
		`mismatched id=2 shop="shop 2": a row that can't be read: `,
		`mismatched id=3 shop="shop 0": a row that can't be read: `,
		`missing id=4 shop="shop 1": NOT_FOUND | PRESENT, of 2026-01-05T06:00:00Z`,
		fmt.Sprintf(`extra key %x: join key "shop" is not UTF-8: a row whose key is not a key of the view | NOT_FOUND`, w.key(5, "\xff")),
	} {
		found := false
		for _, d := range got {
			found = found || strings.HasPrefix(d, want)
		}
		if !found {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestNewFeature: rows stored before a feature existed are served without it, and a
// training set has it, until they are materialized again.
func TestNewFeature(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 10, 6)
	w.materialize(12)
	w.exec("ALTER TABLE spend ADD COLUMN y int DEFAULT 5")
	storage := w.view.Catalog.Storage
	defs := w.view.Catalog.Definitions
	defs.FeatureViews[0].Features = append(defs.FeatureViews[0].Features[:4:4], schema.Feature{Name: "y", Type: schema.Int32, Default: int32(5)})
	catalog, err := schema.Compile(2, &defs, storage.Evolve(&defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	w.catalog.Store(catalog)
	if w.view, err = catalog.View("spend"); err != nil {
		t.Fatal(err)
	}
	r := w.verify(0)
	if got, want := counts(r), "mismatched 10 "; got != want || r.Features[4].Mismatched != 10 || r.Features[0].Mismatched != 0 || r.Differences[0].Online != "NULL_VALUE" || r.Differences[0].Source != "5" {
		t.Errorf("counted %s, want %s; %+v", got, want, r)
	}
	w.run(materialize.Request{View: "spend", Mode: schema.Full, To: hour(12).UnixMicro()})
	w.want("equal 10")
}

// TestOneFault: for any history, one change to what is stored or to the source is
// found, and nothing but it.
func TestOneFault(t *testing.T) {
	w := newWorld(t, 0)
	rapid.Check(t, func(rt *rapid.T) {
		w.exec("TRUNCATE spend")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		keys := rapid.IntRange(1, 30).Draw(rt, "keys")
		for id := range keys {
			for v := range 1 + random.IntN(3) {
				at := hour(random.IntN(10))
				w.exec("INSERT INTO spend VALUES ($1, 's', $2, $2, false, $3, 1)", id, at.Add(-1), v) // out of order
			}
			w.exec("INSERT INTO spend VALUES ($1, 's', $2, $2, false, 7, 2)", id, hour(10)) // the winner
		}
		defer w.start()()
		w.materialize(12)
		id := rapid.IntRange(0, keys-1).Draw(rt, "of")
		kind, want := rapid.SampledFrom([]verify.Kind{verify.Mismatched, verify.Missing, verify.Extra, verify.Stale}).Draw(rt, "kind"), id
		switch kind {
		case verify.Mismatched:
			w.exec("UPDATE spend SET n = 8 WHERE id = $1 AND at = $2", id, hour(10))
		case verify.Missing:
			want = keys
			w.exec("INSERT INTO spend VALUES ($1, 's', $2, $2, false, 7, 2)", want, hour(9))
		case verify.Extra:
			w.exec("DELETE FROM spend WHERE id = $1", id)
		case verify.Stale:
			w.exec("INSERT INTO spend VALUES ($1, 's', $2, $3, false, 7, 2)", id, hour(11), hour(12))
		}
		r := w.verify(0)
		if r.Counts[kind] != 1 || r.Counts[verify.Equal] != r.Keys-1 || len(r.Differences) != 1 || r.Differences[0].Key != fmt.Sprintf(`id=%d shop="s"`, want) {
			rt.Fatalf("%s of %d: %s %+v", kind, want, counts(r), r.Differences)
		}
	})
}

// TestNewerThanTheSource: after the table is emptied and loaded again with older times no
// run replaces the store's rows; the report counts them, so that the advice can say it.
func TestNewerThanTheSource(t *testing.T) {
	w := newWorld(t, 0)
	w.insert(1, 10, 6)
	w.materialize(12)
	if r := w.verify(0); r.Newer != 0 || r.Counts[verify.Equal] != 10 {
		t.Fatalf("%+v", r)
	}
	w.exec("DELETE FROM spend WHERE id > 5; UPDATE spend SET at = at - interval '1 day'")
	w.materialize(13)
	if r := w.verify(0); r.Newer != 10 || r.Counts[verify.Extra]+r.Counts[verify.Mismatched] != 10 {
		t.Errorf("%+v", r)
	}
}
