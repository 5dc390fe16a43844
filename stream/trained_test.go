package stream_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
	"larder/training"
)

const cards = `
entities:
  - {name: card, join_keys: [{name: card_id, type: int64}]}
streams:
  - name: payments
    push: {}
    log: {table: fraud.payments, create: true}
    event_id: id
    timestamp_field: happened
    on_duplicate: replace
    deleted_field: void
    fields:
      - {name: id, type: string}
      - {name: card_id, type: int64, nullable: true}
      - {name: amount, type: float64, nullable: true}
      - {name: units, type: int32, nullable: true}
      - {name: merchant, type: string, nullable: true}
      - {name: happened, type: timestamp, format: epoch_us}
      - {name: void, type: bool, nullable: true}
aggregate_views:
  - name: card_activity
    entities: [card]
    stream: payments
    where: "amount < 1e300 || units > 3"
    windows: [10m, 1h, {length: 24h, hop: 15m}, 30d, {calendar: day, time_zone: Europe/Berlin}, lifetime]
    features:
      - {name: n, count: "*", default: 0}
      - {name: amounts, count: amount}
      - {name: amount_sum, sum: amount, default: 0}
      - {name: amount_mean, mean: amount}
      - {name: units_sum, sum: units, default: 0}
      - {name: amount_min, min: amount}
      - {name: units_max, max: units}
      - {name: newest, last: merchant}
      - {name: merchants, distinct: merchant}
      - {name: since, since_last: "*"}
feature_views:
  - name: card_newest
    entities: [card]
    stream: payments
    features: [{name: amount, type: float64}, {name: merchant, type: string}]
feature_services:
  - {name: windows, features: ["card_activity:*"]}
  - {name: both, features: ["card_activity:n_1h", "card_newest:*"]}
`

// An occurrence is an event of the oracle: what was pushed, and when it was taken back.
type occurrence struct {
	id       string
	card     int64
	amount   *float64
	units    *int32
	merchant *string
	at       int64
	known    int64 // from when on it counts
	gone     int64 // from when on it doesn't; math.MaxInt64 while it stands
}

func (o *occurrence) json() string {
	out := map[string]any{"id": o.id, "card_id": o.card, "happened": o.at, "units": o.units, "merchant": o.merchant}
	switch {
	case o.amount == nil:
	case math.IsNaN(*o.amount):
		out["amount"] = "NaN"
	case math.IsInf(*o.amount, 0):
		out["amount"] = map[bool]string{true: "Infinity", false: "-Infinity"}[*o.amount > 0]
	default:
		out["amount"] = *o.amount
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// counts is the where of the view.
func (o *occurrence) counts() bool {
	small := o.amount != nil && *o.amount < 1e300
	many := o.units != nil && *o.units > 3
	return small || many
}

// windows are those of the view: each says whether it holds an event at time t.
var windows = []func(e, t int64) bool{
	func(e, t int64) bool { return e > lastHop(t, 15e6)-600e6-1 && e <= t },
	func(e, t int64) bool { return e >= lastHop(t, 60e6)-3600e6 && e <= t },
	func(e, t int64) bool { return e >= lastHop(t, 900e6)-86400e6 && e <= t },
	func(e, t int64) bool { return e >= lastHop(t, 86400e6)-30*86400e6 && e <= t },
	func(e, t int64) bool {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			panic(err)
		}
		at := time.UnixMicro(t).In(berlin)
		return e >= time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, berlin).UnixMicro() && e <= t
	},
	func(e, t int64) bool { return e <= t },
}

func lastHop(t int64, hop float64) int64 {
	return int64(math.Floor(float64(t)/hop)) * int64(hop)
}

// oracle returns what the view answers for a card at time t: slow and obvious. nil is
// null; found says whether there is an answer.
func oracle(all []*occurrence, card, t int64, known func(*occurrence) bool) (values []any, found bool) {
	for feature := range 10 {
		for _, in := range windows {
			var events []*occurrence
			for _, o := range all {
				if o.card == card && o.counts() && known(o) && in(o.at, t) {
					events = append(events, o)
				}
			}
			slices.SortFunc(events, func(a, b *occurrence) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
			found = found || len(events) > 0
			values = append(values, aggregate(feature, events, t))
		}
	}
	return values, found
}

func aggregate(feature int, events []*occurrence, t int64) any {
	var amounts []float64
	var units []int32
	var merchants []string
	for _, o := range events {
		if o.amount != nil {
			amounts = append(amounts, *o.amount)
		}
		if o.units != nil {
			units = append(units, *o.units)
		}
		if o.merchant != nil {
			merchants = append(merchants, *o.merchant)
		}
	}
	switch feature {
	case 0:
		return int64(len(events))
	case 1:
		return int64(len(amounts))
	case 2:
		return exactSum(amounts, 1)
	case 3:
		if len(amounts) == 0 {
			return nil
		}
		return exactSum(amounts, len(amounts))
	case 4:
		sum := int64(0)
		for _, u := range units {
			sum += int64(u)
		}
		return sum
	case 5:
		least, any := 0.0, false
		for _, x := range amounts {
			if !math.IsNaN(x) && (!any || x < least || x == least && math.Signbit(x)) {
				least, any = x, true
			}
		}
		if !any {
			return nil
		}
		return least
	case 6:
		if len(units) == 0 {
			return nil
		}
		return slices.Max(units)
	case 7:
		if len(merchants) == 0 {
			return nil
		}
		return merchants[len(merchants)-1]
	case 8:
		slices.Sort(merchants)
		return int64(len(slices.Compact(merchants)))
	}
	if len(events) == 0 {
		return nil
	}
	return float64(t-events[len(events)-1].at) / 1e6
}

// exactSum returns the sum divided by n, rounded once.
func exactSum(xs []float64, n int) float64 {
	sum, special := new(big.Rat), 0.0
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			special += x
			continue
		}
		sum.Add(sum, new(big.Rat).SetFloat64(x))
	}
	if special != 0 || math.IsNaN(special) {
		return special
	}
	out, _ := sum.Quo(sum, big.NewRat(int64(n), 1)).Float64()
	return out
}

// same reports whether row i of a column is a value of the oracle, bit for bit.
func same(c *column.Column, i int, want any) bool {
	if want == nil || c.IsNull(i) {
		return want == nil && c.IsNull(i)
	}
	switch w := want.(type) {
	case float64:
		got := c.Float64s[i]
		return math.Float64bits(got) == math.Float64bits(w) || math.IsNaN(got) && math.IsNaN(w)
	case int64:
		return c.Int64s[i] == w
	case int32:
		return c.Int32s[i] == w
	}
	return c.Strings[i] == want.(string)
}

// A served is what a server answered at some time.
type served struct {
	at      int64
	columns []column.Column
	batches []int64 // of each card; nil where the time alone says which events count
}

// Trap 3: what was served is what a training set has later, and what a slow oracle says,
// bit for bit: with late and tied events, nulls, NaN, infinities, -0, retractions and
// corrections.
func TestTrap03ServedIsTrained(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	program := w.program("windows")
	r := rand.New(rand.NewPCG(3, 14))
	const nCards, steps = 12, 130
	ids := make([]int64, nCards)
	for i := range ids {
		ids[i] = int64(i) - 3
	}
	var all []*occurrence
	var told []served
	for range steps {
		added := push(t, s, r, ids, &all)
		now := max(time.Now().UnixMicro(), added)
		told = append(told, served{at: now, columns: s.get(program, "card_id", ids, now, false)})
	}
	compared := 0
	for _, x := range told {
		for i, card := range ids {
			want, found := oracle(all, card, x.at, func(o *occurrence) bool { return o.known <= x.at && x.at < o.gone })
			for f := range x.columns {
				compared++
				switch status := x.columns[f].Statuses[i]; {
				case found != (status != schema.StatusNotFound):
					t.Fatalf("card %d at %d: %s, and the oracle says found=%v", card, x.at, status, found)
				case found && !same(&x.columns[f], i, want[f]):
					t.Fatalf("card %d at %d, %s: served %v, the oracle says %v", card, x.at, w.catalog.Load().Views()[1].Features[f].Name, x.columns[f].Value(i), want[f])
				}
			}
		}
	}
	set, index := w.train("windows", ids, told, training.IngestTime)
	for k, x := range told {
		for i := range ids {
			for f := range x.columns {
				compared++
				if row := index[k][i]; !set[f].EqualRow(row, &x.columns[f], i) {
					t.Fatalf("card %d at %d, feature %d: served %v, trained %v", ids[i], x.at, f, x.columns[f].Value(i), set[f].Value(row))
				}
			}
		}
	}
	// As of event time everything nets out at once.
	set, index = w.train("windows", ids, told, training.EventTime)
	for k, x := range told {
		if k%10 > 0 {
			continue
		}
		for i, card := range ids {
			want, found := oracle(all, card, x.at, func(o *occurrence) bool { return o.gone == math.MaxInt64 })
			for f := range x.columns {
				compared++
				if row := index[k][i]; found && !same(&set[f], row, want[f]) {
					t.Fatalf("as of event time: card %d at %d, feature %d: trained %v, the oracle says %v", card, x.at, f, set[f].Value(row), want[f])
				}
			}
		}
	}
	t.Logf("%d comparisons", compared)
	if compared < 190_000 {
		t.Fatalf("only %d comparisons", compared)
	}
}

// push pushes some random events, and keeps them for the oracle. It returns their stamp.
func push(t *testing.T, s *server, r *rand.Rand, ids []int64, all *[]*occurrence) int64 {
	t.Helper()
	var lines []string
	used := map[string]bool{}
	now := time.Now().UnixMicro()
	var added, gone []*occurrence
	for range 1 + r.IntN(12) {
		if len(*all) > 0 && r.IntN(4) == 0 { // a retraction or a correction of an older event
			old := (*all)[r.IntN(len(*all))]
			if old.gone != math.MaxInt64 || used[old.id] {
				continue
			}
			used[old.id] = true
			gone = append(gone, old)
			if r.IntN(2) == 0 {
				lines = append(lines, fmt.Sprintf(`{"id": %q, "void": true}`, old.id))
				continue
			}
			fresh := random(r, ids, now)
			if fresh.id = old.id; r.IntN(2) == 0 {
				fresh.at = old.at
			}
			added = append(added, fresh)
			lines = append(lines, fresh.json())
			continue
		}
		o := random(r, ids, now)
		if r.IntN(5) == 0 && len(*all) > 0 {
			o.at = (*all)[r.IntN(len(*all))].at // a tie
		}
		added = append(added, o)
		lines = append(lines, o.json())
	}
	if len(lines) == 0 {
		return 0
	}
	done := s.push("payments", lines...)
	for _, o := range gone {
		o.gone = done.At
	}
	for _, o := range added {
		o.known = done.At
	}
	*all = append(*all, added...)
	return done.At
}

var nextID int

func random(r *rand.Rand, ids []int64, now int64) *occurrence {
	nextID++
	o := &occurrence{id: fmt.Sprintf("e%d", nextID), card: ids[r.IntN(len(ids))], gone: math.MaxInt64}
	back := []int64{1, 60e6, 700e6, 4000e6, 90000e6, 31 * 86400e6, 60 * 365 * 86400e6}[r.IntN(7)]
	o.at = now - r.Int64N(back)
	if r.IntN(8) > 0 {
		amounts := []float64{0.1, 12.5, 1e16, -1e16, 1e-308, math.Copysign(0, -1), math.NaN(), math.Inf(1), 1e308, float64(r.IntN(100000)) / 100}
		o.amount = &amounts[r.IntN(len(amounts))]
	}
	if r.IntN(5) > 0 {
		n := int32(r.IntN(10))
		o.units = &n
	}
	if r.IntN(4) > 0 {
		m := fmt.Sprintf("m%d", r.IntN(30))
		o.merchant = &m
	}
	return o
}

// train builds the training set of everything that was served. index says which of its
// rows belongs to what was served k-th, for card i.
func (w *world) train(service string, ids []int64, told []served, asOf training.AsOf) (features []column.Column, index [][]int) {
	w.t.Helper()
	plan, err := w.catalog.Load().ServicePlan(service)
	if err != nil {
		w.t.Fatal(err)
	}
	fields := []arrow.Field{{Name: "card_id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrows.Type(schema.Timestamp)}}
	if told[0].batches != nil {
		fields = append(fields, arrow.Field{Name: "position:card_activity", Type: arrow.PrimitiveTypes.Int64})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for _, x := range told {
		var rows []int
		for i, id := range ids {
			rows = append(rows, b.Field(0).Len())
			b.Field(0).(*array.Int64Builder).Append(id)
			b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(x.at))
			if x.batches != nil {
				b.Field(2).(*array.Int64Builder).Append(x.batches[i])
			}
		}
		index = append(index, rows)
	}
	rec := b.NewRecord()
	spine, err := array.NewRecordReader(rec.Schema(), []arrow.Record{rec})
	if err != nil {
		w.t.Fatal(err)
	}
	set, err := training.New(w.offline, rec.Schema(), training.Request{Plan: plan, AsOf: asOf})
	if err != nil {
		w.t.Fatal(err)
	}
	features = make([]column.Column, len(plan.Features))
	_, err = set.Run(w.t.Context(), spine, func(part arrow.Record) error {
		for f := range features {
			c, err := arrows.Read(part.Column(f+len(fields)), plan.Features[f].Type)
			if err != nil {
				return err
			}
			if features[f].Type == 0 {
				features[f] = column.Column{Type: c.Type, Valid: []bool{}}
			}
			for i := range c.Len() {
				features[f].AppendElements(&c, uint32(i), uint32(i+1))
				features[f].Valid = append(features[f].Valid, !c.IsNull(i))
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return features, index
}

// A row of a spine that is about an event of the stream leaves it out, whatever the
// aggregates are.
func TestOwnEventIsLeftOut(t *testing.T) {
	w := newWorld(t, cards)
	s := w.start(t.TempDir(), nil)
	r := rand.New(rand.NewPCG(2, 71))
	ids := []int64{1, 2, 3}
	var all []*occurrence
	for range 40 {
		push(t, s, r, ids, &all)
	}
	plan, err := w.catalog.Load().ServicePlan("windows")
	if err != nil {
		t.Fatal(err)
	}
	fields := []arrow.Field{{Name: "card_id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrows.Type(schema.Timestamp)}, {Name: "event", Type: arrow.BinaryTypes.String, Nullable: true}}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i, o := range all {
		b.Field(0).(*array.Int64Builder).Append(o.card)
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(o.at))
		if i%5 == 0 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.StringBuilder).Append(o.id)
		}
	}
	rec := b.NewRecord()
	spine, err := array.NewRecordReader(rec.Schema(), []arrow.Record{rec})
	if err != nil {
		t.Fatal(err)
	}
	set, err := training.New(w.offline, rec.Schema(), training.Request{Plan: plan, AsOf: training.EventTime, OwnEventColumn: "event"})
	if err != nil {
		t.Fatal(err)
	}
	rows, compared := 0, 0
	_, err = set.Run(t.Context(), spine, func(part arrow.Record) error {
		columns := make([]column.Column, len(plan.Features))
		for f := range columns {
			var err error
			if columns[f], err = arrows.Read(part.Column(f+3), plan.Features[f].Type); err != nil {
				return err
			}
		}
		for i := range int(part.NumRows()) {
			row := all[rows+i]
			want, found := oracle(all, row.card, row.at, func(o *occurrence) bool {
				return o.gone == math.MaxInt64 && ((rows+i)%5 == 0 || o.id != row.id)
			})
			for f := range columns {
				if compared++; found && !same(&columns[f], i, want[f]) {
					t.Fatalf("row %d, %s: trained %v, the oracle says %v", rows+i, plan.Features[f].Name, columns[f].Value(i), want[f])
				}
			}
		}
		rows += int(part.NumRows())
		return nil
	})
	if err != nil || compared < 5000 {
		t.Fatalf("%d comparisons: %v", compared, err)
	}
	_, err = training.New(w.offline, rec.Schema(), training.Request{Plan: plan, OwnEventColumn: "evnt"})
	if err == nil || !strings.Contains(err.Error(), `the spine has no column "evnt" with the ids of its rows' events; it has card_id, event_time, event`) {
		t.Error(err)
	}
}
