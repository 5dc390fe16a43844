package vector_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larder/column"
	"larder/schema"
	"larder/store/row"
	"larder/vector"
)

// TestBatchAgainstOracle: whatever the definitions, the history of layouts, the
// rows that are stored and the request, a batch answers as plain Go does that
// reads value by value.
func TestBatchAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		batch := program(t, w.plan).NewBatch()
		for range 2 { // the second request meets the first one's memory
			q := w.drawRequest(t)
			q.answer(t, batch)
			q.check(t, batch)
		}
	})
}

// A world is definitions and what is stored.
type world struct {
	plan   *schema.Plan
	stored map[string]storedRow // by view and key
}

type storedRow struct {
	eventTime, ingest int64
	bytes             []byte
}

var scalarTypes = []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.String, schema.Bytes, schema.Timestamp}

// drawWorld draws definitions with some history. Half of the worlds have only
// features that a float tensor can hold.
func drawWorld(t *rapid.T) *world {
	types := slices.Clone(scalarTypes[:5])
	if rapid.Bool().Draw(t, "all types") {
		types = slices.Clone(scalarTypes)
		for _, typ := range scalarTypes {
			types = append(types, schema.List(typ))
		}
		for _, typ := range scalarTypes[1:5] {
			types = append(types, schema.Vector(typ, rapid.IntRange(1, 4).Draw(t, "length")))
		}
	}
	keyTypes := []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.String, schema.Bytes, schema.Timestamp}
	base := schema.Definitions{Sources: []schema.Source{{Name: "source", Table: "source", TimestampField: "at"}}}
	for i := range rapid.IntRange(1, 3).Draw(t, "entities") {
		base.Entities = append(base.Entities, schema.Entity{Name: fmt.Sprintf("entity_%d", i), JoinKeys: []schema.JoinKey{
			{Name: fmt.Sprintf("key_%d", i), Type: rapid.SampledFrom(keyTypes).Draw(t, "key type")},
		}})
	}
	pools := make([][]schema.Feature, rapid.IntRange(1, 3).Draw(t, "views"))
	views := make([]schema.FeatureView, len(pools))
	for i := range pools {
		for k := range rapid.IntRange(1, 12).Draw(t, "features") {
			pools[i] = append(pools[i], drawFeature(t, fmt.Sprintf("f%d", k), types))
		}
		names := []string{}
		for _, at := range drawSome(t, len(base.Entities)) {
			names = append(names, base.Entities[at].Name)
		}
		ttl := rapid.SampledFrom([]schema.Duration{0, 1000, 1_000_000, math.MaxInt64 / 1000 * 1000}).Draw(t, "ttl")
		views[i] = schema.FeatureView{Name: fmt.Sprintf("view_%d", i), Entities: names, Source: "source", TTL: ttl}
	}
	var versions []*schema.Definitions
	for range rapid.IntRange(1, 3).Draw(t, "versions") {
		defs := base
		defs.FeatureViews = slices.Clone(views)
		for i := range views {
			for _, at := range drawSome(t, len(pools[i])) {
				defs.FeatureViews[i].Features = append(defs.FeatureViews[i].Features, pools[i][at])
			}
		}
		versions = append(versions, &defs)
	}
	last := versions[len(versions)-1]
	service := schema.FeatureService{Name: "all"}
	var refs []string
	for _, v := range last.FeatureViews {
		for _, f := range v.Features {
			refs = append(refs, v.Name+":"+f.Name)
		}
	}
	for k := range rapid.IntRange(0, 2).Draw(t, "request values") {
		service.Request = append(service.Request, drawFeature(t, fmt.Sprintf("r%d", k), types))
		refs = append(refs, fmt.Sprintf("request:r%d", k))
	}
	for _, at := range drawSome(t, len(refs)) {
		service.Features = append(service.Features, refs[at])
	}
	last.FeatureServices = []schema.FeatureService{service}
	return &world{plan: servicePlan(t, versions...), stored: map[string]storedRow{}}
}

func drawFeature(t *rapid.T, name string, types []schema.Type) schema.Feature {
	f := schema.Feature{Name: name, Type: rapid.SampledFrom(types).Draw(t, "type")}
	if rapid.Bool().Draw(t, "has default") {
		f.Default = values(f.Type).Draw(t, "default")
	}
	return f
}

// drawSome draws at least one of n things, each once, in any order or in the
// order they have.
func drawSome(t *rapid.T, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	count := rapid.IntRange(1, n).Draw(t, "some")
	if rapid.Bool().Draw(t, "in order") {
		return all[:count]
	}
	return rapid.Permutation(all).Draw(t, "permutation")[:count]
}

// A question is a request to a world.
type question struct {
	*world
	rows     int
	now      int64
	times    []int64 // of each row, or nil
	late     bool    // rows that arrived later than asked for count
	keys     [][]any // of each of Plan.Keys: a value per row
	given    [][]any // of each of Plan.Features: a value per row, or nil
	entities column.Columns
	request  column.Columns

	dense   []float32
	tensors []column.Tensor
}

var nows = []int64{0, 1_700_000_000_000_000, schema.EndOfTime, schema.BeginningOfTime, math.MaxInt64, math.MinInt64}

func (w *world) drawRequest(t *rapid.T) *question {
	q := &question{world: w, rows: rapid.IntRange(1, 6).Draw(t, "rows"), now: rapid.SampledFrom(nows).Draw(t, "now")}
	if rapid.Bool().Draw(t, "times of their own") {
		near := rapid.SampledFrom([]int64{q.now, q.now - 1, q.now + 1, q.now - 1000, q.now + 1_000_000})
		q.times = rapid.SliceOfN(near, q.rows, q.rows).Draw(t, "times")
		q.late = rapid.Bool().Draw(t, "ignore ingest time")
	}
	draw := func(t *rapid.T, typ schema.Type, most int) []any {
		distinct := rapid.SliceOfN(values(typ), 1, most).Draw(t, "distinct")
		return rapid.SliceOfN(rapid.SampledFrom(distinct), q.rows, q.rows).Draw(t, "values")
	}
	for _, k := range w.plan.Keys {
		q.keys = append(q.keys, draw(t, k.Type, 3)) // few, so that some come again
		q.entities.Names = append(q.entities.Names, k.Name)
		c := columnOf(k.Type, q.keys[len(q.keys)-1])
		c.Valid = nil
		q.entities.Values = append(q.entities.Values, c)
	}
	q.given = make([][]any, len(w.plan.Features))
	for i, f := range w.plan.Features {
		if f.Request < 0 && rapid.IntRange(0, 5).Draw(t, "override") > 0 {
			continue
		}
		q.given[i] = draw(t, f.Type, q.rows)
		if rapid.Bool().Draw(t, "null in request") {
			q.given[i][0] = nil
		}
		name := f.Name
		if f.Request >= 0 {
			name = w.plan.Request[f.Request].Name
		}
		q.request.Names = append(q.request.Names, name)
		sent := f.Type
		if rapid.Bool().Draw(t, "sent as a list") {
			sent = sent.AsList()
		}
		q.request.Values = append(q.request.Values, columnOf(sent, q.given[i]))
	}
	for v := range w.plan.Views {
		for r := range q.rows {
			if id := q.id(v, r); rapid.IntRange(0, 3).Draw(t, "stored") > 0 {
				w.stored[id] = drawRow(t, w.plan.Views[v].View, q.now)
			}
		}
	}
	return q
}

// drawRow draws a row of any layout of a view, with a time near the clock or at
// the ends of time.
func drawRow(t *rapid.T, v *schema.View, now int64) storedRow {
	near := rapid.SampledFrom([]int64{0, 1, -1, 2, 1000, 1001, 1_000_000, 1_000_001}).Draw(t, "before now")
	eventTime := rapid.SampledFrom([]int64{now - near, schema.BeginningOfTime, schema.EndOfTime, math.MinInt64, math.MaxInt64}).Draw(t, "event time")
	number := rapid.IntRange(0, len(v.Layouts)-1).Draw(t, "layout")
	b := row.NewBuilder(row.NewLayout(v.Layouts[number]), number)
	tombstone := rapid.IntRange(0, 9).Draw(t, "tombstone") == 0
	ingest := rapid.SampledFrom([]int64{schema.NoIngestTime, now - near, now, now + 1}).Draw(t, "ingest")
	b.Reset(ingest, tombstone)
	if !tombstone {
		for i, c := range v.Layouts[number] {
			if rapid.IntRange(0, 3).Draw(t, "null") > 0 {
				set(b, i, c.Type, values(c.Type).Draw(t, "value"))
			}
		}
	}
	return storedRow{eventTime, ingest, b.Row()}
}

// id names the row that row r of the request reads in a view.
func (q *question) id(view, r int) string {
	v := &q.plan.Views[view]
	id := v.Name
	for _, at := range v.KeyColumns {
		id += fmt.Sprintf(" %T %q", q.keys[at][r], fmt.Sprint(q.keys[at][r]))
	}
	return id
}

// answer runs the request through a batch.
func (q *question) answer(t *rapid.T, batch *vector.Batch) {
	batch.Reset(q.rows, q.now)
	if q.times != nil {
		batch.SetTimes(q.times)
	}
	if q.late {
		batch.IgnoreIngestTime()
	}
	if err := batch.BindKeys(q.entities); err != nil {
		t.Fatal(err)
	}
	if err := batch.BindRequest(q.request); err != nil {
		t.Fatal(err)
	}
	q.want(t, batch)
	order := make([]int, batch.Keys().Len())
	for i := range order {
		order[i] = i
	}
	for _, i := range rapid.Permutation(order).Draw(t, "order of rows") {
		view, r := i/q.rows, i%q.rows
		v := &q.plan.Views[view]
		id, key, err := row.DecodeKey(batch.Keys().At(i), v.Keys)
		if err != nil || id != v.ID {
			t.Fatalf("key %d is of view %d, not %d: %v", i, id, v.ID, err)
		}
		for k, at := range v.KeyColumns {
			if diff := cmp.Diff(q.keys[at][r], key[k]); diff != "" {
				t.Fatalf("key %d: %s", i, diff)
			}
		}
		if found, ok := q.stored[q.id(view, r)]; ok {
			if err := batch.Visit(i, found.eventTime, found.bytes); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := batch.Finish(); err != nil {
		t.Fatal(err)
	}
	q.refill(t, batch)
}

// refill makes the tensors once more, from the columns: they must not differ.
func (q *question) refill(t *rapid.T, batch *vector.Batch) {
	columns := batch.Columns()
	if columns == nil {
		return
	}
	if q.dense != nil {
		again := slices.Repeat([]float32{12345}, len(q.dense))
		vector.FillDense(again, columns)
		if diff := cmp.Diff(q.dense, again, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("the dense tensor, filled again (-want +got):\n%s", diff)
		}
	}
	for i := range q.tensors {
		if q.tensors[i].Type == 0 {
			continue
		}
		again := q.garbageFor(&q.tensors[i])
		if err := vector.FillTensor(&again, &columns[i]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(q.tensors[i], again, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("the tensor of %s, filled again (-want +got):\n%s", q.plan.Features[i].Name, diff)
		}
	}
}

// want asks for columns, a float tensor and typed tensors, or some of them. The
// tensors hold garbage, as pooled memory does.
func (q *question) want(t *rapid.T, batch *vector.Batch) {
	if rapid.IntRange(0, 3).Draw(t, "columns") > 0 {
		batch.WantColumns()
	}
	dense := !slices.ContainsFunc(q.plan.Features, func(f schema.PlanFeature) bool { return len(tensorTypes[f.Type]) == 0 || f.Type > schema.Float64 })
	if dense {
		q.dense = slices.Repeat([]float32{12345}, q.rows*len(q.plan.Features))
		batch.SetDense(q.dense)
	}
	q.tensors = make([]column.Tensor, len(q.plan.Features))
	for i, f := range q.plan.Features {
		if to := tensorTypes[f.Type.Elem()]; len(to) > 0 && rapid.IntRange(0, 3).Draw(t, "tensor") > 0 {
			q.tensors[i] = q.drawTensor(t, f.Type, rapid.SampledFrom(to).Draw(t, "tensor type"))
		}
	}
	batch.SetTensors(q.tensors)
}

// tensorTypes are the elements that a model's input may have for a feature of a
// type.
var tensorTypes = map[schema.Type][]schema.Type{
	schema.Bool:      {schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64},
	schema.Int32:     {schema.Int32, schema.Int64, schema.Float32, schema.Float64},
	schema.Int64:     {schema.Int64, schema.Float32, schema.Float64},
	schema.Float32:   {schema.Float32, schema.Float64},
	schema.Float64:   {schema.Float64, schema.Float32},
	schema.String:    {schema.String},
	schema.Timestamp: {schema.Int64},
}

func garbage(t schema.Type, rows int) column.Column {
	return column.Column{
		Type: t, Bools: slices.Repeat([]bool{true}, rows), Int32s: slices.Repeat([]int32{99}, rows), Int64s: slices.Repeat([]int64{99}, rows),
		Float32s: slices.Repeat([]float32{99}, rows), Float64s: slices.Repeat([]float64{99}, rows), Strings: slices.Repeat([]string{"garbage"}, rows),
	}
}

// lookUp is the oracle: what one row of the request finds in a view.
func (q *question) lookUp(view, r int) (status schema.Status, age int64, found storedRow) {
	v := &q.plan.Views[view]
	found, ok := q.stored[q.id(view, r)]
	now := q.now
	if q.times != nil {
		now = q.times[r]
	}
	if !ok || found.eventTime > now || found.ingest > now && !q.late || found.bytes[1] == 1 {
		return schema.StatusNotFound, 0, found
	}
	exact := new(big.Int).Sub(big.NewInt(now), big.NewInt(found.eventTime))
	age = math.MaxInt64
	if exact.IsInt64() {
		age = exact.Int64()
	}
	if v.TTL != 0 && exact.Cmp(big.NewInt(v.TTL.Micros())) > 0 {
		return schema.StatusOutsideMaxAge, age, found
	}
	return schema.StatusPresent, age, found
}

// value is the oracle: the value of a feature for one row, and its status.
func (q *question) value(t *rapid.T, feature, r int) (any, schema.Status) {
	f := &q.plan.Features[feature]
	value, status := any(nil), schema.StatusNullValue
	if q.given[feature] != nil {
		value = q.given[feature][r]
	} else if found, _, stored := q.lookUp(f.View, r); found != schema.StatusPresent {
		status = found
	} else {
		v := &q.plan.Views[f.View]
		layout := row.NewLayout(v.Layouts[stored.bytes[2]])
		for i, c := range layout.Columns {
			if v.Name+":"+c.Name == f.Name {
				var err error
				if value, err = layout.Value(stored.bytes, i); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if value != nil {
		return value, schema.StatusPresent
	}
	return f.Default, status
}

// check compares what a batch holds with the oracle.
func (q *question) check(t *rapid.T, batch *vector.Batch) {
	for view := range q.plan.Views {
		for r := range q.rows {
			status, age, _ := q.lookUp(view, r)
			if got := batch.Statuses(view)[r]; got != status {
				t.Fatalf("view %d, row %d is %s; want %s", view, r, got, status)
			}
			if got := batch.Ages(view)[r]; got != age {
				t.Fatalf("view %d, row %d has age %d; want %d", view, r, got, age)
			}
		}
	}
	for feature := range q.plan.Features {
		for r := range q.rows {
			q.checkValue(t, batch, feature, r)
		}
	}
}

func (q *question) checkValue(t *rapid.T, batch *vector.Batch, feature, r int) {
	f := &q.plan.Features[feature]
	want, status := q.value(t, feature, r)
	if columns := batch.Columns(); columns != nil {
		if diff := cmp.Diff(want, cell(&columns[feature], r), sameNaN); diff != "" {
			t.Fatalf("%s (%s), row %d: %s", f.Name, f.Type, r, diff)
		}
		if got := columns[feature].Statuses[r]; got != status {
			t.Fatalf("%s, row %d is %s; want %s", f.Name, r, got, status)
		}
	}
	if q.dense != nil {
		got := any(q.dense[r*len(q.plan.Features)+feature])
		if diff := cmp.Diff(asElement(schema.Float32, want), got, sameNaN); diff != "" {
			t.Fatalf("%s (%s), row %d of the float tensor: %s", f.Name, f.Type, r, diff)
		}
	}
	if tensor := &q.tensors[feature]; tensor.Type != 0 {
		elements, own := asElements(tensor, f.Type, want)
		for k, element := range elements {
			if own == nil || own[k] {
				element = asElement(tensor.Type, element)
			}
			if diff := cmp.Diff(element, cell(&tensor.Column, tensor.At(r, k)), sameNaN); diff != "" {
				t.Fatalf("%s (%s), row %d, element %d of a tensor of %s: %s", f.Name, f.Type, r, k, tensor.Type, diff)
			}
			if m := tensor.Mask; m != nil && m.Int32s[m.At(r, k)] != map[bool]int32{false: 0, true: 1}[own[k]] {
				t.Fatalf("%s, row %d, element %d: the mask is %d", f.Name, r, k, m.Int32s[m.At(r, k)])
			}
		}
	}
}
