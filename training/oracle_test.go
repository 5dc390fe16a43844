package training_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"larder/schema"
)

// A fact is a row of a source, as the test knows it. Times are microseconds.
type fact struct {
	keys    []any // nil: null
	event   *int64
	ingest  *int64
	deleted bool
	values  []any // as the source has them; nil: null
	bad     bool  // can't be stored
}

// beats reports whether f wins over g. Both are visible and have the same key.
func (f *fact) beats(g *fact) bool {
	if *f.event != *g.event {
		return *f.event > *g.event
	}
	switch {
	case g.ingest == nil:
		return true
	case f.ingest == nil:
		return false
	}
	return *f.ingest > *g.ingest
}

// An answer is what one feature has at one time.
type answer struct {
	value  any // in the Go form of schema.ParseValue, but for times: microseconds
	status schema.Status
}

// ask is the oracle: the slow and obvious point-in-time join of one row. It
// returns an answer per feature of a view, and whether the ingest rule hid the
// row that would have won by event time.
func ask(v *schema.FeatureView, facts []*fact, keys []any, t int64, byIngest bool) (answers []answer, hidden bool) {
	var winner, byEvent *fact
	for _, f := range facts {
		if f.bad || f.event == nil || *f.event > t || !slices.Equal(f.keys, keys) {
			continue
		}
		if byEvent == nil || f.beats(byEvent) {
			byEvent = f
		}
		if byIngest && f.ingest != nil && *f.ingest > t {
			continue
		}
		if winner == nil || f.beats(winner) {
			winner = f
		}
	}
	hidden = byIngest && byEvent != nil && byEvent.ingest != nil && *byEvent.ingest > t
	for i, feature := range v.Features {
		a := answer{status: schema.StatusPresent}
		switch {
		case winner == nil || winner.deleted:
			a.status = schema.StatusNotFound
		case v.TTL != 0 && t-*winner.event > v.TTL.Micros():
			a.status = schema.StatusOutsideMaxAge
		case winner.values[i] == nil:
			a.status = schema.StatusNullValue
		default:
			a.value = winner.values[i]
		}
		if a.status != schema.StatusPresent {
			a.value = feature.Default
		}
		answers = append(answers, a)
	}
	return answers, hidden
}

// The sources of the property test. Their times lie on a grid of ten minutes,
// around the hour that Berlin has twice.
var (
	gridStart = time.Date(2025, 10, 26, 0, 0, 0, 0, time.UTC).UnixMicro()
	gridStep  = 10 * time.Minute.Microseconds()
)

const propertyTables = `
CREATE TABLE spend (id int, at timestamptz, loaded timestamptz, gone boolean, n bigint, x double precision, s text, l bigint[], v real[], w double precision[]);
CREATE INDEX ON spend (id, at);
CREATE TABLE pairs (shop text, id bigint, at timestamptz, b boolean, seen timestamptz);
CREATE TABLE days (id bigint, at timestamp, loaded timestamp, y numeric, raw bytea);
CREATE INDEX ON days (id, at)`

func propertyDefinitions(ttls []schema.Duration) *schema.Definitions {
	all := 1.0
	return &schema.Definitions{
		Entities: []schema.Entity{
			{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}},
			{Name: "shop", JoinKeys: []schema.JoinKey{{Name: "shop", Type: schema.String}}},
		},
		Sources: []schema.Source{
			{Name: "spend", Table: "spend", TimestampField: "at", CreatedTimestampColumn: "loaded", DeletedColumn: "gone", MaxBadShare: &all},
			{Name: "pairs", Query: "SELECT * FROM pairs -- all of it", TimestampField: "at", MaxBadShare: &all},
			{Name: "days", Table: "days", TimestampField: "at", CreatedTimestampColumn: "loaded", TimeZone: "Europe/Berlin", MaxBadShare: &all},
		},
		FeatureViews: []schema.FeatureView{
			{Name: "spend", Entities: []string{"customer"}, Source: "spend", TTL: ttls[0], Features: []schema.Feature{
				{Name: "n", Type: schema.Int32, Default: int32(-1)},
				{Name: "x", Type: schema.Float64},
				{Name: "s", Type: schema.String, Default: "none"},
				{Name: "l", Type: schema.List(schema.Int64)},
				{Name: "v", Type: schema.Vector(schema.Float32, 3)},
				{Name: "w", Type: schema.Vector(schema.Float64, 2), Default: []any{0.5, -1.0}},
			}},
			{Name: "pairs", Entities: []string{"shop", "customer"}, Source: "pairs", TTL: ttls[1], Features: []schema.Feature{
				{Name: "b", Type: schema.Bool}, {Name: "seen", Type: schema.Timestamp},
			}},
			{Name: "days", Entities: []string{"customer"}, Source: "days", TTL: ttls[2], Features: []schema.Feature{
				{Name: "y", Type: schema.Float32, Default: float32(0.5)}, {Name: "raw", Type: schema.Bytes},
			}},
		},
		FeatureServices: []schema.FeatureService{{
			Name: "all", Request: []schema.Feature{{Name: "amount", Type: schema.Float64, Default: 7.0}},
			Features: []string{"days:raw", "spend:*", "ratios:ratio", "request:amount", "pairs:seen", "days:y", "mix:*"},
		}},
		OnDemandViews: []schema.OnDemandView{{
			Name: "mix", Request: []schema.Feature{{Name: "amount", Type: schema.Float64, Default: 7.0}}, Sources: []string{"spend", "pairs", "days"},
			Features: []schema.OnDemandFeature{
				{Name: "share", Type: schema.Int64, Default: int64(-9), Expr: "100 / spend.n"},
				{Name: "either", Type: schema.Bool, Expr: "has(pairs.b) && pairs.b || days.y > 50.0"},
				{Name: "word", Type: schema.String, Expr: `spend.s + "!"`},
				{Name: "longer", Type: schema.List(schema.Int64), Expr: "spend.l + [spend.n]"},
				{Name: "twice", Type: schema.Vector(schema.Float64, 3), Default: []any{1.0, 2.0, 3.0}, Expr: "spend.v.map(e, e * 2.0)"},
			},
		}, {
			Name: "ratios", Request: []schema.Feature{{Name: "amount", Type: schema.Float64, Default: 7.0}}, Sources: []string{"spend"},
			Features: []schema.OnDemandFeature{{Name: "ratio", Type: schema.Float64, Expr: "request.amount / (spend.x + 1.0)"}},
		}},
	}
}

// compute is the oracle of the on-demand features, given the answers of all others.
func compute(by map[string]answer) {
	null := answer{nil, schema.StatusNullValue}
	by["ratios:ratio"], by["mix:share"], by["mix:either"] = null, answer{int64(-9), schema.StatusNullValue}, answer{false, schema.StatusPresent}
	if x := by["spend:x"].value; x != nil {
		by["ratios:ratio"] = answer{by["request:amount"].value.(float64) / (x.(float64) + 1), schema.StatusPresent}
	}
	if n := by["spend:n"].value.(int32); n != 0 {
		by["mix:share"] = answer{100 / int64(n), schema.StatusPresent}
	}
	if b := by["pairs:b"].value; b == true || by["days:y"].value.(float32) > 50 {
		by["mix:either"] = answer{true, schema.StatusPresent}
	}
	by["mix:word"] = answer{by["spend:s"].value.(string) + "!", schema.StatusPresent}
	by["mix:twice"] = answer{[]any{1.0, 2.0, 3.0}, schema.StatusNullValue}
	if v := by["spend:v"].value; v != nil {
		var twice []any
		for _, e := range v.([]any) {
			twice = append(twice, float64(e.(float32))*2)
		}
		by["mix:twice"] = answer{twice, schema.StatusPresent}
	}
	by["mix:longer"] = null
	if l := by["spend:l"].value; l != nil {
		by["mix:longer"] = answer{append(slices.Clone(l.([]any)), int64(by["spend:n"].value.(int32))), schema.StatusPresent}
	}
}

// drawFacts draws the history of a view: no two good rows of a key are equal in
// both times, all else may be.
func drawFacts(random *rand.Rand, view string, rows int) []*fact {
	var facts []*fact
	taken := map[string]bool{}
	for range rows {
		f := &fact{}
		f.event = drawTime(random, 40)
		if view != "pairs" && random.IntN(4) > 0 {
			late := *f.event + int64(random.IntN(8))*gridStep
			f.ingest = &late
		}
		if view == "days" {
			*f.event = asBerlin(*f.event)
			if f.ingest != nil {
				*f.ingest = asBerlin(*f.ingest)
			}
		}
		f.keys = []any{int64(random.IntN(keyCount))}
		if view == "pairs" {
			f.keys = []any{shops[random.IntN(len(shops))], f.keys[0]}
		}
		f.deleted = view == "spend" && random.IntN(8) == 0
		f.values = drawValues(random, view)
		id := fmt.Sprint(f.keys, *f.event)
		if f.ingest != nil {
			id += fmt.Sprint(" ", *f.ingest)
		}
		if taken[id] {
			continue
		}
		taken[id] = true
		spoil(random, view, f)
		facts = append(facts, f)
	}
	return facts
}

const keyCount = 12

var shops = []string{"a", "A", "a ", "", "ü\x7f", "zoë's \"shop\""}

func drawTime(random *rand.Rand, steps int) *int64 {
	t := gridStart + int64(random.IntN(steps))*gridStep + int64(random.IntN(3)-1)
	return &t
}

// asBerlin is what a time becomes that is stored as Berlin's clocks show it:
// Postgres takes a local time that came twice for its second.
func asBerlin(t int64) int64 {
	const hour = 3600_000_000
	if t >= gridStart && t < gridStart+hour {
		return t + hour
	}
	return t
}

func drawValues(random *rand.Rand, view string) []any {
	or := func(v any) any {
		if random.IntN(4) == 0 {
			return nil
		}
		return v
	}
	switch view {
	case "spend":
		texts := []string{"", "x", "zoë", "a longer text than others"}
		list := []any{}
		for range random.IntN(3) {
			list = append(list, random.Int64())
		}
		vector := []any{float32(random.NormFloat64()), float32(math.Inf(-1)), float32(math.SmallestNonzeroFloat32)}
		wide := []any{random.NormFloat64(), math.Copysign(0, -1)}
		floats := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), 0.1, random.NormFloat64()}
		return []any{or(int32(random.Uint32())), or(floats[random.IntN(len(floats))]), or(texts[random.IntN(len(texts))]), or(list), or(vector), or(wide)}
	case "pairs":
		return []any{or(random.IntN(2) == 0), or(*drawTime(random, 1000))}
	}
	return []any{or(float32(random.IntN(1000)) / 8), or([]byte{byte(random.Uint32()), 0})}
}

// spoil makes some rows bad.
func spoil(random *rand.Rand, view string, f *fact) {
	switch random.IntN(24) {
	case 0:
		f.keys[len(f.keys)-1], f.bad = nil, true
	case 1:
		f.event, f.bad = nil, true
	case 2:
		if view == "spend" {
			f.values[0], f.bad = int64(math.MaxInt32)+1, true
		}
	case 3:
		if view == "spend" {
			f.values[3], f.bad = []any{int64(1), nil}, true
		}
	case 4:
		if view == "spend" {
			f.values[4], f.bad = []any{float32(1), float32(2)}, true
		}
	}
}
