package vector_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"larder/schema"
	"larder/vector"
)

// doubles draws an expression of float features, integer ones and numbers.
func doubles(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
			number := fmt.Sprintf("%.17e", rapid.Float64Range(-1e6, 1e6).Draw(t, "number"))
			return rapid.SampledFrom([]string{"request.a", "request.b", "request.c", "double(request.i)", "double(request.j)", "0.0", "(" + number + ")"}).Draw(t, "what")
		}
		if rapid.IntRange(0, 5).Draw(t, "negate") == 0 {
			return "-(" + doubles(depth-1).Draw(t, "x") + ")"
		}
		operator := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "operator")
		return "(" + doubles(depth-1).Draw(t, "x") + " " + operator + " " + doubles(depth-1).Draw(t, "y") + ")"
	})
}

// TestArithmeticAgainstCEL: arithmetic of doubles gives the bits, the nulls and the
// failures that CEL gives. CEL evaluates what stands in a list.
func TestArithmeticAgainstCEL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rows = 8
		expr := doubles(4).Draw(t, "expr")
		typ := rapid.SampledFrom([]schema.Type{schema.Float32, schema.Float64}).Draw(t, "type")
		declared := features(t, "a:float64 b:float32 c:float64=1.5 i:int32 j:int64")
		defs := oneView(t, "unread:bool", "")
		// All values are read, so that a request must bring them all.
		all := " + 0.0 * (request.a + request.b + request.c + double(request.i) + double(request.j))"
		defs.OnDemandViews = []schema.OnDemandView{{Name: "od", Request: declared, Features: []schema.OnDemandFeature{
			{Name: "fast", Type: typ, Expr: expr}, {Name: "slow", Type: typ, Expr: "[" + expr + "][0]"}, {Name: "all", Type: schema.Float64, Expr: "1.0" + all},
		}}}
		defs.FeatureServices[0].Features = []string{"od:*"}
		b := program(t, servicePlan(t, defs)).NewBatch()
		b.Reset(rows, now)
		b.WantColumns()
		var request vector.Columns
		for _, f := range declared {
			var drawn []any
			for range rows {
				if v := values(f.Type).Draw(t, f.Name); rapid.IntRange(0, 9).Draw(t, "null") > 0 {
					drawn = append(drawn, v)
				} else {
					drawn = append(drawn, nil)
				}
			}
			request.Names, request.Values = append(request.Names, f.Name), append(request.Values, column(f.Type, drawn))
		}
		if err := b.BindRequest(request); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		failures := map[string]int{}
		b.Failures(func(_, feature string, why vector.Failure, rows int) { failures[feature+" "+why.String()] += rows })
		if failures["fast overflow"] != failures["slow overflow"] {
			t.Errorf("%s: failures %v", expr, failures)
		}
		fast, slow := &b.Columns()[0], &b.Columns()[1]
		for r := range rows {
			if got, want := bitsOf(fast, r), bitsOf(slow, r); got != want {
				t.Errorf("%s: row %d is %s, and CEL says %s", expr, r, got, want)
			}
		}
	})
}

// bitsOf tells a value to the bit, and its status. One NaN is as good as another.
func bitsOf(c *vector.Column, r int) string {
	switch v := cell(c, r).(type) {
	case float64:
		if !math.IsNaN(v) {
			return fmt.Sprintf("%x %s", math.Float64bits(v), c.Statuses[r])
		}
	case float32:
		if v == v {
			return fmt.Sprintf("%x %s", math.Float32bits(v), c.Statuses[r])
		}
	}
	return fmt.Sprint(cell(c, r), c.Statuses[r])
}
