package training_test

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"larder/column"
	"larder/materialize"
	"larder/schema"
	"larder/store/online"
	"larder/training"
	"larder/vector"
)

// leastComparisons is how many cells the test must have compared in the end.
const leastComparisons = 100_000

// TestPathsAgree: for any history, the training path over Postgres, by look-ups and by
// reading histories, the serving path over a store that was materialized up to a row's
// time, and the oracle give the same value, bit for bit, and the same status.
func TestPathsAgree(t *testing.T) {
	w := newWorld(t, propertyTables, propertyDefinitions(make([]schema.Duration, 3)))
	compared := 0
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistories(rt, w)
		sets := h.train(rt, training.IngestTime)
		compared += h.compare(rt, "training", sets, true)
		compared += h.compare(rt, "training as of event time", h.train(rt, training.EventTime), false)
		compared += h.compare(rt, "serving", h.serve(rt), true)
	})
	t.Logf("%d values and statuses compared", compared)
	if compared < leastComparisons && !t.Failed() {
		t.Errorf("%d comparisons; want %d or more", compared, leastComparisons)
	}
}

// histories are sources, and a spine over them.
type histories struct {
	*world
	plan  *schema.Plan
	facts map[string][]*fact
	times []int64 // that serving is asked at, rising
	spine []spineRow
}

type spineRow struct {
	id     int64
	shop   string
	amount *float64
	t      int64
}

func drawHistories(rt *rapid.T, w *world) *histories {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	ttls := rapid.SliceOfN(rapid.SampledFrom([]schema.Duration{0, schema.Duration(gridStep), schema.Duration(6 * gridStep)}), 3, 3).Draw(rt, "ttl of each view")
	for i := range ttls {
		ttls[i] *= schema.Duration(time.Microsecond)
	}
	defs := propertyDefinitions(ttls)
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		rt.Fatal(err)
	}
	h := &histories{world: &world{t: w.t, db: w.db, store: w.store, catalog: catalog}, facts: map[string][]*fact{}}
	if h.plan, err = catalog.ServicePlan("all"); err != nil {
		rt.Fatal(err)
	}
	h.exec("TRUNCATE spend, pairs, days")
	for _, v := range []string{"spend", "pairs", "days"} {
		h.facts[v] = drawFacts(random, v, rapid.IntRange(0, 150).Draw(rt, "rows of "+v))
		h.load(rt, v)
	}
	for range rapid.IntRange(1, 4).Draw(rt, "times") {
		h.times = append(h.times, *drawTime(random, 48))
	}
	slices.Sort(h.times)
	h.times = slices.Compact(h.times)
	for _, t := range h.times {
		for range rapid.IntRange(1, 80).Draw(rt, "rows at a time") {
			r := spineRow{id: int64(random.IntN(keyCount + 1)), shop: shops[random.IntN(len(shops))], t: t}
			if random.IntN(3) > 0 {
				amount := random.NormFloat64()
				r.amount = &amount
			}
			h.spine = append(h.spine, r)
		}
	}
	random.Shuffle(len(h.spine), func(i, j int) { h.spine[i], h.spine[j] = h.spine[j], h.spine[i] })
	return h
}

// load writes the facts of a view to its table, shuffled by how they were drawn.
func (h *histories) load(rt *rapid.T, view string) {
	columns := map[string][]string{
		"spend": {"id", "at", "loaded", "gone", "n", "x", "s", "l", "v", "w"},
		"pairs": {"shop", "id", "at", "b", "seen"},
		"days":  {"id", "at", "loaded", "y", "raw"},
	}[view]
	var rows [][]any
	for _, f := range h.facts[view] {
		at := []any{stamp(f.event), stamp(f.ingest)}
		values := slices.Clone(f.values)
		switch view {
		case "spend":
			at = append(at, f.deleted)
		case "pairs":
			at = at[:1]
			if values[1] != nil {
				values[1] = time.UnixMicro(values[1].(int64))
			}
		case "days":
			at = []any{local(f.event), local(f.ingest)}
			if y, some := values[0].(float32); some {
				values[0] = float64(y)
			}
		}
		rows = append(rows, slices.Concat(f.keys, at, values))
	}
	if _, err := h.db.Pool.CopyFrom(context.Background(), pgx.Identifier{view}, columns, pgx.CopyFromRows(rows)); err != nil {
		rt.Fatal(err)
	}
}

func stamp(micros *int64) any {
	if micros == nil {
		return nil
	}
	return time.UnixMicro(*micros).UTC()
}

// local returns what the clocks of Berlin show, as a timestamp without a zone.
func local(micros *int64) any {
	if micros == nil {
		return nil
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	_, offset := time.UnixMicro(*micros).In(berlin).Zone()
	return time.UnixMicro(*micros).UTC().Add(time.Duration(offset) * time.Second)
}

// train returns the vectors of the spine by the training path.
func (h *histories) train(rt *rapid.T, asOf training.AsOf) [][]answer {
	spine := &spineOf{}
	ids, times, shops, amounts := []int64{}, []int64{}, []string{}, []*float64{}
	for _, r := range h.spine {
		ids, times, shops, amounts = append(ids, r.id), append(times, r.t), append(shops, r.shop), append(amounts, r.amount)
	}
	rec := spine.ints("id", ids...).strings("shop", shops...).floats("amount", amounts...).times("event_time", times...).record()
	var mu sync.Mutex
	answers := make([][]answer, len(h.spine))
	set, err := training.New(h.store, rec.Schema(), training.Request{Plan: h.plan, AsOf: asOf, Vectors: func(first int64, b *vector.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range b.Rows() {
			answers[first+int64(i)] = answersOf(b, i)
		}
		return nil
	}})
	if err != nil {
		rt.Fatal(err)
	}
	set.ReadHistories(rapid.Bool().Draw(rt, "read histories"))
	out, manifest := h.run(set, rec, int64(rapid.IntRange(1, 50).Draw(rt, "rows of a batch")))
	h.checkOutput(rt, out, answers)
	h.checkCounts(rt, manifest, asOf == training.IngestTime)
	return answers
}

func answersOf(b *vector.Batch, row int) []answer {
	var out []answer
	for i := range b.Columns() {
		c := &b.Columns()[i]
		out = append(out, answer{cell(c, row), c.Statuses[row]})
	}
	return out
}

// serve returns the vectors of the spine by the serving path: for each time, the
// views are materialized up to it, and the online store is read at it.
func (h *histories) serve(rt *rapid.T) [][]answer {
	store, err := online.Open(h.t.(*testing.T).TempDir(), online.Options{Logger: slog.New(slog.DiscardHandler), CacheBytes: 1 << 20, WriteBufferBytes: 8 << 20})
	if err != nil {
		rt.Fatal(err)
	}
	defer store.Close()
	runner, err := materialize.New(materialize.Options{
		Catalog: func() *schema.Catalog { return h.catalog }, Source: h.store, Store: store, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		rt.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	defer func() { stop(); <-done }()
	answers := make([][]answer, len(h.spine))
	for _, t := range h.times {
		for _, v := range h.catalog.Views() {
			started, err := runner.Start(materialize.Request{View: v.Name, To: t})
			if err != nil {
				rt.Fatal(err)
			}
			if run, err := runner.Wait(ctx, started.ID); err != nil || run.State != materialize.Succeeded {
				rt.Fatalf("%s: %+v", v.Name, run)
			}
		}
		h.read(rt, store, t, answers)
	}
	return answers
}

// read reads the rows of the spine that have a time.
func (h *histories) read(rt *rapid.T, store *online.Store, t int64, answers [][]answer) {
	var rows []int
	keys := column.Columns{Names: []string{"shop", "id"}, Values: []column.Column{{Type: schema.String}, {Type: schema.Int64}}}
	amount := column.Column{Type: schema.Float64}
	for i, r := range h.spine {
		if r.t != t {
			continue
		}
		rows = append(rows, i)
		keys.Values[0].Strings = append(keys.Values[0].Strings, r.shop)
		keys.Values[1].Int64s = append(keys.Values[1].Int64s, r.id)
		amount.Valid = append(amount.Valid, r.amount != nil)
		value := 0.0
		if r.amount != nil {
			value = *r.amount
		}
		amount.Float64s = append(amount.Float64s, value)
	}
	program, err := vector.Compile(h.plan)
	if err != nil {
		rt.Fatal(err)
	}
	b := program.NewBatch()
	b.Reset(len(rows), t)
	if err := b.BindKeys(keys); err != nil {
		rt.Fatal(err)
	}
	if err := b.BindRequest(column.Columns{Names: []string{"amount"}, Values: []column.Column{amount}}); err != nil {
		rt.Fatal(err)
	}
	b.WantColumns()
	if err := store.Read(context.Background(), b.Keys(), b.Rows(), b.Visit); err != nil {
		rt.Fatal(err)
	}
	if err := b.Finish(); err != nil {
		rt.Fatal(err)
	}
	for at, i := range rows {
		answers[i] = answersOf(b, at)
	}
}

// compare compares the answers of a path with the oracle's.
func (h *histories) compare(rt *rapid.T, path string, answers [][]answer, byIngest bool) (compared int) {
	for i, r := range h.spine {
		for k, want := range h.oracle(r, byIngest) {
			if got := answers[i][k]; got.status != want.status || !sameBits(got.value, want.value) {
				rt.Fatalf("%s: row %d %+v: %s is %v %s; want %v %s", path, i, r, h.plan.Features[k].Name, got.value, got.status, want.value, want.status)
			}
			compared++
		}
	}
	return compared
}

// oracle answers one row of the spine, in the order of the service.
func (h *histories) oracle(r spineRow, byIngest bool) []answer {
	by := map[string]answer{"request:amount": {7.0, schema.StatusNullValue}}
	if r.amount != nil {
		by["request:amount"] = answer{*r.amount, schema.StatusPresent}
	}
	for _, v := range h.catalog.Views() {
		answers, _ := ask(v.FeatureView, h.facts[v.Name], h.keysOf(v, r), r.t, byIngest)
		for i, f := range v.Features {
			by[v.Name+":"+f.Name] = answers[i]
		}
	}
	compute(by)
	var out []answer
	for _, f := range h.plan.Features {
		out = append(out, by[f.Name])
	}
	return out
}

func (h *histories) keysOf(v *schema.View, r spineRow) []any {
	if len(v.Keys) == 1 {
		return []any{r.id}
	}
	return []any{r.shop, r.id}
}

// sameBits compares values: floats by their bits, except NaN.
func sameBits(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, same := b.(float64)
		return same && (math.Float64bits(x) == math.Float64bits(y) || x != x && y != y)
	case float32:
		y, same := b.(float32)
		return same && math.Float32bits(x) == math.Float32bits(y)
	}
	return reflect.DeepEqual(a, b)
}

// checkCounts compares what a manifest counts with the oracle.
func (h *histories) checkCounts(rt *rapid.T, m *training.Manifest, byIngest bool) {
	for i := range h.plan.Views {
		v, want := h.plan.Views[i].View, training.ViewCounts{}
		for _, r := range h.spine {
			answers, hidden := ask(v.FeatureView, h.facts[v.Name], h.keysOf(v, r), r.t, byIngest)
			switch answers[0].status {
			case schema.StatusNotFound:
				want.Missing++
			case schema.StatusOutsideMaxAge:
				want.Expired++
			default:
				want.Found++
			}
			if hidden {
				want.Hidden++
			}
		}
		want.View, want.BadRows = v.Name, m.Views[i].BadRows
		if m.Views[i] != want {
			rt.Fatalf("counts of %s are %+v; want %+v", v.Name, m.Views[i], want)
		}
	}
	if m.Rows != int64(len(h.spine)) {
		rt.Fatalf("%d rows of %d", m.Rows, len(h.spine))
	}
	for i, f := range h.plan.Features {
		s := m.Features[i]
		if s.Count != m.Rows || s.Present+s.NullValue+s.NotFound+s.OutsideMaxAge != m.Rows {
			rt.Fatalf("statistics of %s: %+v of %d rows", f.Name, s, m.Rows)
		}
	}
}

// checkOutput compares the batches of a set with the vectors that they were made
// of, cell by cell, and holds that the spine comes first.
func (h *histories) checkOutput(rt *rapid.T, out []arrow.Record, answers [][]answer) {
	row := 0
	for _, rec := range out {
		spineColumns := int(rec.NumCols()) - len(h.plan.Features)
		for i := range int(rec.NumRows()) {
			r := h.spine[row]
			if id, shop := arrowCell(rec.Column(0), i), arrowCell(rec.Column(1), i); id != r.id || shop != r.shop || arrowCell(rec.Column(3), i) != r.t {
				rt.Fatalf("row %d of the set is %v %v; want %+v", row, id, shop, r)
			}
			for k, a := range answers[row] {
				if got := arrowCell(rec.Column(spineColumns+k), i); !sameBits(got, a.value) {
					rt.Fatalf("row %d: %s is %v in the set and %v in the vector", row, rec.ColumnName(spineColumns+k), got, a.value)
				}
			}
			row++
		}
	}
	if row != len(h.spine) {
		rt.Fatalf("%d rows of %d", row, len(h.spine))
	}
}
