package vector_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// read are the values that random expressions read. Two of a kind, so that they may
// differ, and one with a default.
const read = "a:float64 b:float32 c:float64=1.5 i:int32 j:int64 k:int64=2 p:bool q:bool s:string z:string t:timestamp u:timestamp"

// pick draws one of some texts, in which $d, $i, $b, $s, $t and $n stand for
// expressions of double, int, bool, string, timestamp and duration.
func pick(t *rapid.T, depth int, leaves, branches string) string {
	choices := strings.Split(leaves, " ")
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "leaf") > 0 {
		choices = strings.Split(branches, "; ")
	}
	chosen := rapid.SampledFrom(choices).Draw(t, "chosen")
	var out strings.Builder
	for {
		before, after, found := strings.Cut(chosen, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(expressionOf(t, after[0], depth-1))
		chosen = after[1:]
	}
}

func expressionOf(t *rapid.T, kind byte, depth int) string {
	switch kind {
	case 'd':
		return pick(t, depth, "request.a request.b request.c 0.0 -1.5 1e308 (0.1)",
			"($d + $d); ($d - $d); ($d * $d); ($d / $d); (-($d)); double($i); double($d); ($b ? $d : $d); request.?a.orValue($d); "+
				"math.abs($d); math.ceil($d); math.floor($d); math.round($d); math.trunc($d); math.sign($d); math.sqrt($d); math.sqrt($i); "+
				"math.greatest($d, $d); math.least($d, $d, $d)")
	case 'i':
		return pick(t, depth, "request.i request.j request.k 0 -1 3 9223372036854775807",
			"($i + $i); ($i - $i); ($i * $i); ($i / $i); ($i % $i); (-($i)); int($d); int($i); int($t); ($b ? $i : $i); request.?j.orValue($i); "+
				"math.abs($i); math.sign($i); math.greatest($i, $i, $i, $i); math.least($i); math.least([$i, $i]); size($s); $s.size(); "+
				"$t.getHours(); $t.getDayOfWeek(); $t.getMonth(); $t.getDate(); $t.getDayOfMonth(); $t.getDayOfYear(); $t.getFullYear(); $t.getMinutes(); "+
				"$t.getSeconds(); $t.getMilliseconds(); $t.getHours(\"Europe/Berlin\"); $t.getDayOfWeek('America/New_York'); $t.getHours('02:00'); "+
				"($n).getSeconds(); ($n).getMinutes(); ($n).getHours(); ($n).getMilliseconds()")
	case 'b':
		return pick(t, depth, "request.p request.q true false has(request.a) has(request.i) has(request.s) has(request.t)",
			"($b && $b); ($b || $b); ($b && $b && $b); ($b || $b || $b); (!($b)); ($b ? $b : $b); request.?p.orValue($b); "+
				"($d < $d); ($d <= $i); ($i > $d); ($i >= $i); ($d > $d); ($s < $s); ($t <= $t); ($n < $n); ($n > $n); "+
				"($d == $d); ($d != $d); ($i == $i); ($i != $i); ($b == $b); ($b != $b); ($s == $s); ($s != $s); ($t == $t); ($t != $t); ($n == $n); "+
				"($i in [0, 6]); ($d in [0.0, 1.5]); ($s in ['a', 'ab']); ($i in []); math.isNaN($d); math.isInf($d); math.isFinite($d); "+
				"$s.startsWith($s); $s.endsWith($s); $s.contains($s)")
	case 's':
		return pick(t, depth, "request.s request.z '' 'a' 'ab'", "($b ? $s : $s); request.?s.orValue($s)")
	case 't':
		return pick(t, depth, "request.t request.u", "($b ? $t : $t); request.?t.orValue($t)")
	}
	return pick(t, depth, "duration('1h') duration('-90m') duration('0s')", "($t - $t)")
}

// extremes draws values of a type, often those at which operations change.
func extremes(t schema.Type) *rapid.Generator[any] {
	often := map[schema.Type][]any{
		schema.Bool:    {true, false},
		schema.Int32:   {int32(math.MinInt32), int32(math.MaxInt32), int32(-1), int32(0), int32(1), int32(6)},
		schema.Int64:   {int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64 + 1), int64(1 << 53), int64(-1), int64(0), int64(1), int64(6)},
		schema.Float32: {float32(math.NaN()), float32(math.Inf(1)), float32(0), float32(-1.5), float32(1.5)},
		schema.Float64: {
			math.NaN(), math.Inf(1), math.Inf(-1), 0.0, math.Copysign(0, -1), 1.5, -0.5, 0x1p63, -0x1p63, math.Nextafter(0x1p63, 0), math.MaxFloat64, math.MaxFloat32, 1e-310,
		},
		schema.String: {"", "a", "ab", "ü", strings.Repeat("x", 4096), strings.Repeat("x", 4097)},
		schema.Timestamp: {
			time.UnixMicro(schema.BeginningOfTime).UTC(), time.UnixMicro(schema.EndOfTime).UTC(), time.UnixMicro(0).UTC(), time.UnixMicro(-1).UTC(), since,
			since.Add(90 * time.Minute), time.UnixMicro(math.MinInt64/1000 - 1).UTC(), time.UnixMicro(math.MinInt64 / 1000).UTC(), time.UnixMicro(math.MaxInt64 / 1000).UTC(),
		},
	}
	return rapid.OneOf(rapid.SampledFrom(often[t]), rapid.SampledFrom(often[t]), values(t), rapid.Just[any](nil))
}

// TestKernelsAgainstCEL: kernels give the bits, the nulls and the failures that CEL
// gives. CEL evaluates what stands in a list.
func TestKernelsAgainstCEL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const rows, pairs = 64, 10
		defs := oneView(t, "unread:bool", "")
		view := schema.OnDemandView{Name: "od", Request: features(t, read)}
		for i := range pairs {
			typ := rapid.SampledFrom([]schema.Type{schema.Float32, schema.Float64, schema.Int32, schema.Int64, schema.Bool, schema.Bool, schema.String, schema.Timestamp}).Draw(t, "type")
			kind := map[schema.Type]byte{schema.Float32: 'd', schema.Float64: 'd', schema.Int32: 'i', schema.Int64: 'i', schema.Bool: 'b', schema.String: 's', schema.Timestamp: 't'}[typ]
			expr := expressionOf(t, kind, 4)
			view.Features = append(view.Features,
				schema.OnDemandFeature{Name: "fast_" + strconv.Itoa(i), Type: typ, Expr: expr},
				schema.OnDemandFeature{Name: "slow_" + strconv.Itoa(i), Type: typ, Expr: "[" + expr + "][0]"})
		}
		defs.OnDemandViews, defs.FeatureServices[0].Features = []schema.OnDemandView{view}, []string{"od:*"}
		catalog := compile(t, defs)
		if err := vector.CheckExpressions(catalog); err != nil {
			t.Skip(err) // too long, or it fails with constants alone
		}
		plan, err := catalog.ServicePlan("all")
		if err != nil {
			t.Fatal(err)
		}
		b := program(t, plan).NewBatch()
		b.Reset(rows, now)
		b.WantColumns()
		var request column.Columns
		for _, f := range plan.Request {
			drawn := rapid.SliceOfN(extremes(f.Type), rows, rows).Draw(t, f.Name)
			request.Names, request.Values = append(request.Names, f.Name), append(request.Values, columnOf(f.Type, drawn))
		}
		if err := b.BindRequest(request); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		failures := map[string]string{}
		b.Failures(func(_, feature string, why vector.Failure, rows int) { failures[feature] += fmt.Sprint(why, rows, " ") })
		for i := range pairs {
			expr, fast, slow := view.Features[2*i].Expr, &b.Columns()[2*i], &b.Columns()[2*i+1]
			if diff := cmp.Diff(failures["slow_"+strconv.Itoa(i)], failures["fast_"+strconv.Itoa(i)]); diff != "" {
				t.Fatalf("%s: failures (-CEL +kernel):\n%s", expr, diff)
			}
			for r := range rows {
				if got, want := bitsOf(fast, r), bitsOf(slow, r); got != want {
					t.Fatalf("%s: row %d is %s, and CEL says %s", expr, r, got, want)
				}
			}
		}
	})
}

// bitsOf tells a value to the bit, and its status. One NaN is as good as another.
func bitsOf(c *column.Column, r int) string {
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
