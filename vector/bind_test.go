package vector_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

func TestBindKeysRefuses(t *testing.T) {
	defs := oneView(t, "count:int64", "")
	defs.Entities[0].JoinKeys = []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}, {Name: "shard", Type: schema.Int32}, {Name: "region", Type: schema.String}}
	plan := servicePlan(t, defs)
	f := func(change func(c *column.Columns), reason, message string) {
		t.Helper()
		c := column.Columns{Names: []string{"customer_id", "shard", "region"}, Values: []column.Column{
			{Type: schema.Int64, Int64s: []int64{1, 2}}, {Type: schema.Int32, Int32s: []int32{3, 4}}, {Type: schema.String, Strings: []string{"eu", "us"}},
		}}
		change(&c)
		b := program(t, plan).NewBatch()
		b.Reset(2, now)
		wantError(t, b.BindKeys(c), schema.Invalid, reason, message)
	}
	put := func(i int, c column.Column) func(*column.Columns) {
		return func(all *column.Columns) { all.Values[i] = c }
	}
	f(func(c *column.Columns) { c.Names[0] = "custmer_id" }, "UNKNOWN_JOIN_KEY", `all takes no join key "custmer_id"; did you mean "customer_id"?`)
	f(func(c *column.Columns) { c.Names[1] = "customer_id" }, "DUPLICATE_COLUMN", `join key "customer_id" comes twice`)
	f(func(c *column.Columns) { *c = ids(1, 2) }, "MISSING_JOIN_KEY", `join key "shard" (int32) is missing; all needs it`)
	f(func(c *column.Columns) { *c = column.Columns{} }, "MISSING_JOIN_KEY", `join key "customer_id" (int64) is missing`)
	f(put(0, column.Column{}), "NO_VALUES", `join key "customer_id" comes without values; it is int64`)
	f(put(0, column.Column{Type: schema.Int64, Int64s: []int64{1}}), "ROW_COUNT", `join key "customer_id" has 1 values; the request has 2 rows`)
	f(put(0, column.Column{Type: schema.Int64, Int64s: []int64{1, 2}, Valid: []bool{true}}), "ROW_COUNT", `join key "customer_id" says of 1 values whether they are null`)
	f(put(0, column.Column{Type: schema.Int64, Int64s: []int64{1, 0}, Valid: []bool{true, false}}), "NULL_JOIN_KEY", `join key "customer_id" is null in row 1; every row needs its key`)
	f(put(0, column.Column{Type: schema.String, Strings: []string{"1", "2"}}), "VALUE_TYPE", `join key "customer_id" is int64; the request sends string`)
	f(put(0, column.Column{Type: schema.Timestamp, Int64s: []int64{1, 2}}), "VALUE_TYPE", `join key "customer_id" is int64; the request sends timestamp`)
	f(put(0, column.Column{Type: schema.Float64, Float64s: []float64{1, 2}}), "VALUE_TYPE", `join key "customer_id" is int64; the request sends float64`)
	f(put(0, column.Column{Type: schema.List(schema.Int64), Int64s: []int64{1, 2}, Ends: []uint32{1, 2}}), "VALUE_TYPE", `the request sends list<int64>`)
	f(put(1, column.Column{Type: schema.Int64, Int64s: []int64{1, 1 << 31}}), "VALUE_RANGE", `join key "shard" is int32; 2147483648 in row 1 does not fit`)
	f(put(2, column.Column{Type: schema.Int64, Int64s: []int64{5, 5}}), "VALUE_TYPE", `join key "region" is string; the request sends int64`)
	f(put(2, column.Column{Type: schema.String, Strings: []string{"ok", "\xff"}}), "BAD_UTF8", `join key "region" is not UTF-8 in row 1`)
	f(put(2, column.Column{Type: schema.String, Strings: []string{"ok", strings.Repeat("x", row.MaxKeyBytes)}}), "KEY_TOO_LARGE",
		`the key of row 1 in feature view "spend" takes 32787 bytes; at most 32768 fit`)
}

func TestKeysOfAnotherWidthAreTheSameKeys(t *testing.T) {
	defs := oneView(t, "count:int64", "")
	defs.Entities[0].JoinKeys = []schema.JoinKey{{Name: "wide", Type: schema.Int64}, {Name: "narrow", Type: schema.Int32}}
	plan := servicePlan(t, defs)
	bind := func(wide, narrow column.Column) []byte {
		b := program(t, plan).NewBatch()
		b.Reset(1, now)
		if err := b.BindKeys(column.Columns{Names: []string{"narrow", "wide"}, Values: []column.Column{narrow, wide}}); err != nil {
			t.Fatal(err)
		}
		return b.Keys().At(0)
	}
	five64, five32 := column.Column{Type: schema.Int64, Int64s: []int64{-5}}, column.Column{Type: schema.Int32, Int32s: []int32{-5}}
	if diff := cmp.Diff(bind(five64, five32), bind(five32, five64)); diff != "" {
		t.Fatal(diff)
	}
}

func TestBindRequestRefuses(t *testing.T) {
	defs := oneView(t, "count:int32 name:string", "amount:float64 small:float32 path:list<int32> unused:bool")
	defs.FeatureServices[0].Features = []string{"spend:*", "request:amount", "request:small", "request:path"}
	plan := servicePlan(t, defs)
	f := func(name string, c column.Column, reason, message string) {
		t.Helper()
		request := column.Columns{Names: []string{"amount", "small", "path"}, Values: []column.Column{
			{Type: schema.Float64, Float64s: []float64{1, 2}},
			{Type: schema.Float32, Float32s: []float32{1, 2}},
			{Type: schema.List(schema.Int32), Int32s: []int32{1}, Ends: []uint32{0, 1}},
		}}
		at := 0
		for at < len(request.Names) && request.Names[at] != name {
			at++
		}
		if at == len(request.Names) {
			request.Names, request.Values = append(request.Names, name), append(request.Values, c)
		}
		request.Values[at] = c
		b := program(t, plan).NewBatch()
		b.Reset(2, now)
		wantError(t, b.BindRequest(request), schema.Invalid, reason, message)
	}
	floats := column.Column{Type: schema.Float64, Float64s: []float64{1, 2}}
	f("amont", floats, "UNKNOWN_REQUEST_VALUE", `all takes no request value "amont"; did you mean "amount"? It takes amount, path, small, spend:count, spend:name and unused`)
	f("spend:cuont", floats, "UNKNOWN_REQUEST_VALUE", `did you mean "spend:count"?`)
	f("count", floats, "UNKNOWN_REQUEST_VALUE", `all takes no request value "count"`)
	f("request:amount", floats, "DUPLICATE_COLUMN", `request value "request:amount" comes twice`)
	f("amount", column.Column{}, "NO_VALUES", `request value "amount" comes without values; it is float64`)
	f("amount", column.Column{Type: schema.Float64, Float64s: []float64{1}}, "ROW_COUNT", `request value "amount" has 1 values; the request has 2 rows`)
	f("amount", column.Column{Type: schema.String, Strings: []string{"1", "2"}}, "VALUE_TYPE", `request value "amount" is float64; the request sends string`)
	f("amount", column.Column{Type: schema.Bool, Bools: []bool{true, true}}, "VALUE_TYPE", `the request sends bool`)
	f("amount", column.Column{Type: schema.Int64, Int64s: []int64{1, 1<<53 + 1}}, "VALUE_RANGE", `request value "amount" is float64; 9007199254740993 in row 1 does not fit`)
	f("amount", column.Column{Type: schema.Int64, Int64s: []int64{math.MaxInt64, 0}}, "VALUE_RANGE", `9223372036854775807 in row 0 does not fit`)
	f("small", column.Column{Type: schema.Int32, Int32s: []int32{0, 1<<24 + 1}}, "VALUE_RANGE", `request value "small" is float32; 16777217 in row 1 does not fit`)
	f("small", column.Column{Type: schema.Float64, Float64s: []float64{0, 1e300}}, "VALUE_RANGE", `request value "small" is float32; 1e+300 in row 1 does not fit`)
	f("spend:count", floats, "VALUE_TYPE", `request value "spend:count" is int32; the request sends float64`)
	f("spend:count", column.Column{Type: schema.Int64, Int64s: []int64{1, -1 << 40}}, "VALUE_RANGE", `-1099511627776 in row 1 does not fit`)
	f("spend:name", column.Column{Type: schema.String, Strings: []string{"ok", "\xc3"}}, "BAD_UTF8", `request value "spend:name" is not UTF-8 in row 1`)
	f("spend:name", column.Column{Type: schema.String, Strings: []string{strings.Repeat("x", schema.MaxValueBytes+1), ""}}, "VALUE_TOO_LARGE",
		`request value "spend:name" has 1048577 bytes in row 0; at most 1048576 fit`)
	f("path", column.Column{Type: schema.List(schema.Int32), Int32s: []int32{1}, Ends: []uint32{1, 0}}, "BAD_LIST_ENDS", `the last must be the number of elements, 1`)
	f("path", column.Column{Type: schema.List(schema.Int32), Int32s: []int32{1, 2}, Ends: []uint32{0, 1}}, "BAD_LIST_ENDS", `the last must be the number of elements, 2`)
	f("path", column.Column{Type: schema.List(schema.Int64), Int64s: []int64{1, 1 << 40}, Ends: []uint32{1, 2}}, "VALUE_RANGE",
		`request value "path" is list<int32>; 1099511627776 in row 1 does not fit`)
	f("path", column.Column{Type: schema.Int32, Int32s: []int32{1, 2}}, "VALUE_TYPE", `request value "path" is list<int32>; the request sends int32`)
	f("unused", floats, "VALUE_TYPE", `request value "unused" is bool; the request sends float64`)
}

func TestRequestValueIsMissing(t *testing.T) {
	plan := servicePlan(t, oneView(t, "count:int32", "amount:float64"))
	b := program(t, plan).NewBatch()
	b.Reset(1, now)
	wantError(t, b.BindRequest(column.Columns{}), schema.Invalid, "MISSING_REQUEST_VALUE", `request value "amount" (float64) is missing; all needs it`)
}

// TestRequestValuesAreConverted: numbers of other types that fit.
func TestRequestValuesAreConverted(t *testing.T) {
	f := func(want string, given column.Column, value any) {
		t.Helper()
		plan := servicePlan(t, oneView(t, "count:int32", "x:"+want))
		b := begin(t, plan, now, 7)
		if err := b.BindRequest(named("x", given)); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		c := &b.Columns()[1]
		if diff := cmp.Diff(value, cell(c, 0), sameNaN); diff != "" || c.Statuses[0] != schema.StatusPresent {
			t.Fatalf("%s %s", c.Statuses[0], diff)
		}
	}
	int64s := func(v int64) column.Column { return column.Column{Type: schema.Int64, Int64s: []int64{v}} }
	int32s := func(v int32) column.Column { return column.Column{Type: schema.Int32, Int32s: []int32{v}} }
	float64s := func(v float64) column.Column { return column.Column{Type: schema.Float64, Float64s: []float64{v}} }
	f("int32", int64s(math.MinInt32), int32(math.MinInt32))
	f("int64", int32s(-1), int64(-1))
	f("float32", int32s(-1<<24), float32(-1<<24))
	f("float32", int64s(1<<40), float32(1<<40))
	f("float64", int64s(math.MinInt64), float64(math.MinInt64))
	f("float64", column.Column{Type: schema.Float32, Float32s: []float32{0.1}}, float64(float32(0.1)))
	f("float32", float64s(0.1), float32(0.1))
	f("float32", float64s(math.Inf(-1)), float32(math.Inf(-1)))
	f("float32", float64s(math.NaN()), float32(math.NaN()))
	f("list<float64>", column.Column{Type: schema.List(schema.Int32), Int32s: []int32{1, 2}, Ends: []uint32{2}}, []any{1.0, 2.0})
}

func TestOnMissingFail(t *testing.T) {
	plan := strictPlan(t, oneView(t, "count:int64=0 mean:float64", "amount:float64"))
	v := plan.Views[0].View
	amount := column.Column{Type: schema.Float64, Float64s: []float64{1, 2, 3}}
	finish := func(request column.Columns, rows ...[]byte) error {
		b := begin(t, plan, now, 7, 8, 9)
		if err := b.BindRequest(request); err != nil {
			t.Fatal(err)
		}
		for i := len(rows) - 1; i >= 0; i-- {
			if rows[i] != nil {
				if err := b.Visit(i, now, rows[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		return b.Finish()
	}
	whole, half := build(v, 0, int64(1), 2.0), build(v, 0, int64(1), nil)
	if err := finish(named("amount", amount), whole, whole, whole); err != nil {
		t.Fatal(err)
	}
	wantError(t, finish(named("amount", amount), whole, nil, half), schema.FailedPrecondition, "MISSING_FEATURE",
		`model "fraud" asks to fail when a value is missing: spend:count is NOT_FOUND in row 1 (customer_id=8)`)
	wantError(t, finish(named("amount", amount), half, nil, whole), schema.FailedPrecondition, "MISSING_FEATURE",
		`spend:mean is NULL_VALUE in row 0 (customer_id=7)`)
	amount.Valid = []bool{true, false, true}
	wantError(t, finish(named("amount", amount), whole, whole, whole), schema.Invalid, "MISSING_FEATURE",
		`request:amount is NULL_VALUE in row 1 of the request; send a value`)

	both := column.Columns{Names: []string{"amount", "spend:count", "spend:mean"}, Values: []column.Column{
		{Type: schema.Float64, Float64s: []float64{1, 2, 3}}, {Type: schema.Int64, Int64s: []int64{1, 2, 3}}, {Type: schema.Float64, Float64s: []float64{1, 2, 3}},
	}}
	if err := finish(both, half, nil, half); err != nil {
		t.Fatalf("with both features overridden: %v", err)
	}
	first := column.Columns{Names: both.Names[:2], Values: both.Values[:2]}
	first.Values[1].Valid = []bool{false, true, true}
	wantError(t, finish(first, half, half, half), schema.Invalid, "MISSING_FEATURE", `spend:count is NULL_VALUE in row 0 of the request`)
}
