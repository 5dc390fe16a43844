package vector_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// stored and requested are what the expressions of these tests read: of a view
// "spend" of which one row is stored, and of the request.
const (
	stored    = "n:int64 small:int32 mean:float64 half:float32 yes:bool city:string raw:bytes since:timestamp tags:list<string> amounts:list<float64> gone:float64 filled:float64=7"
	requested = "amount:float64 count:int64 place:string at:timestamp maybe:float64"
)

var since = time.Date(2026, 1, 31, 22, 30, 0, 0, time.UTC) // a Saturday

func storedValues() []any {
	return []any{
		int64(12), int32(-3), 2.5, float32(0.5), true, "Köln", []byte("ab"), since, []any{"a", "b"}, []any{1.5, 2.0}, nil, nil,
	}
}

func requestedValues() column.Columns {
	var c column.Columns
	for i, f := range []any{10.0, int64(3), "Bonn", since.Add(90 * time.Minute), nil} {
		declared := strings.Fields(requested)[i]
		name, typ, _ := strings.Cut(declared, ":")
		t, _ := schema.ParseType(typ)
		c.Names, c.Values = append(c.Names, name), append(c.Values, columnOf(t, []any{f}))
	}
	return c
}

// onDemand are definitions with on-demand views, given as "VIEW.FEATURE:TYPE=
// EXPRESSION", and a service "all" of the last one's features.
func onDemand(t fatal, views ...string) *schema.Definitions {
	t.Helper()
	defs := oneView(t, stored, "")
	defs.FeatureServices[0].Features = nil
	for _, v := range views {
		head, expr, _ := strings.Cut(v, "=")
		full, typeName, _ := strings.Cut(strings.TrimSpace(head), ":")
		view, name, _ := strings.Cut(full, ".")
		typ, err := schema.ParseType(typeName)
		if err != nil {
			t.Fatal(err)
		}
		o := schema.OnDemandView{Name: view, Request: features(t, requested), Sources: []string{"spend"}}
		for i := range defs.OnDemandViews {
			o.Sources = append(o.Sources, defs.OnDemandViews[i].Name)
		}
		o.Features = []schema.OnDemandFeature{{Name: name, Type: typ, Expr: strings.TrimSpace(expr)}}
		defs.OnDemandViews = append(defs.OnDemandViews, o)
		defs.FeatureServices[0].Features = []string{view + ":*"}
	}
	return defs
}

// computed returns what the service of definitions answers for the stored row.
func computed(t fatal, plan *schema.Plan) (*vector.Batch, error) {
	t.Helper()
	b := program(t, plan).NewBatch()
	b.Reset(1, now)
	if len(plan.Keys) > 0 {
		if err := b.BindKeys(ids(7)); err != nil {
			t.Fatal(err)
		}
	}
	values := requestedValues()
	sent := column.Columns{}
	for i, name := range values.Names {
		for _, f := range plan.Request {
			if f.Name == name {
				sent.Names, sent.Values = append(sent.Names, name), append(sent.Values, values.Values[i])
			}
		}
	}
	if err := b.BindRequest(sent); err != nil {
		t.Fatal(err)
	}
	b.WantColumns()
	if len(plan.Views) > 0 {
		if err := b.Visit(0, now, build(plan.Views[0].View, 0, storedValues()...)); err != nil {
			t.Fatal(err)
		}
	}
	return b, b.Finish()
}

// TestExpressions: what the language computes, of every type.
func TestExpressions(t *testing.T) {
	f := func(typ, expr string, want any) {
		t.Helper()
		plan := servicePlan(t, onDemand(t, "od.f:"+typ+"="+expr))
		b, err := computed(t, plan)
		if err != nil {
			t.Fatal(err)
		}
		c := &b.Columns()[0]
		status := schema.StatusPresent
		if want == nil {
			status = schema.StatusNullValue
		}
		if got := cell(c, 0); !cmp.Equal(got, want, cmpopts.EquateNaNs()) || c.Statuses[0] != status || len(b.Columns()) != 1 {
			t.Errorf("%s is %v (%T) %s, want %v (%T) %s", expr, got, got, c.Statuses[0], want, want, status)
		}
		b.Failures(func(view, feature string, why vector.Failure, rows int) { t.Errorf("%s failed: %s", expr, why) })
	}
	f("float64", "request.amount / (spend.mean + 1.0)", 10/3.5)
	f("float32", "request.amount / 3.0", float32(10.0/3))
	f("int64", "spend.n % 5 + request.count", int64(5))
	f("int32", "spend.small * 2", int32(-6))
	f("bool", "spend.yes && request.amount > 5", true)
	f("bool", "spend.n > 11.5", true)
	f("string", `spend.city + "/" + request.place.lowerAscii()`, "Köln/bonn")
	f("bytes", `spend.raw + b"c"`, []byte("abc"))
	f("timestamp", `spend.since + duration("36h")`, since.Add(36*time.Hour))
	f("int64", "spend.since.getDayOfWeek()", int64(6))
	f("bool", "request.at.getHours() < 6 || request.at.getHours() >= 22", true)
	f("float64", "double((request.at - spend.since).getMinutes())", 90.0)
	f("int64", "size(spend.tags) + spend.city.size()", int64(6))
	f("bool", `"b" in spend.tags`, true)
	f("float64", "spend.amounts.map(x, x * 2.0)[1]", 4.0)
	f("float64", "math.greatest(spend.mean, double(spend.half), 1.0)", 2.5)
	f("float64", "math.abs(double(spend.small)) + spend.half", 3.5)
	f("int64", "cel.bind(x, spend.n + 1, x * x)", int64(169))
	f("list<float32>", "spend.amounts.map(x, x * 2.0)", []any{float32(3), float32(4)})
	f("list<string>", `spend.tags + ["c"]`, []any{"a", "b", "c"})
	f("list<timestamp>", "[request.at, spend.since].filter(x, x < request.at)", []any{since})
	f("list<int64>", "spend.tags.map(x, x.size()).filter(x, x > 1)", []any{})
	f("list<bool>", "[spend.gone > 1.0]", nil)
	f("float64", "1.0 / 0.0", math.Inf(1))
	f("float64", "0.0 / 0.0", math.NaN())
	// Null in, null out, unless the expression asks.
	f("float64", "spend.gone + 1.0", nil)
	f("float64", "spend.filled + 1.0", 8.0) // its default
	f("float64", "has(spend.gone) ? spend.gone : -1.0", -1.0)
	f("float64", "spend.?gone.orValue(-2.0) + spend.mean", 0.5)
	f("float64", "request.?maybe.orValue(spend.mean)", 2.5)
	f("bool", "!has(request.maybe)", true)
	f("bool", "spend.gone > 1.0", nil)
	f("bool", "spend.gone > 1.0 || spend.yes", true) // true, whatever the other
	f("bool", "spend.gone > 1.0 && !spend.yes", false)
	f("float64", "spend.?gone", nil) // an optional is its value, or null
	f("float64", "spend.?mean", 2.5)
	f("int64", "spend.n > 100 ? optional.of(spend.n) : optional.none()", nil)
}

// TestFailures: what goes wrong at run time is null, and counted by its reason.
func TestFailures(t *testing.T) {
	f := func(typ, expr string, want vector.Failure) {
		t.Helper()
		b, err := computed(t, servicePlan(t, onDemand(t, "od.f:"+typ+"="+expr)))
		if err != nil {
			t.Fatal(err)
		}
		if c := &b.Columns()[0]; cell(c, 0) != nil || c.Statuses[0] != schema.StatusNullValue {
			t.Errorf("%s is %v %s", expr, cell(c, 0), c.Statuses[0])
		}
		var got []string
		b.Failures(func(view, feature string, why vector.Failure, rows int) {
			got = append(got, fmt.Sprint(view, ":", feature, " ", why, " ", rows))
		})
		if diff := cmp.Diff([]string{fmt.Sprint("od:f ", want, " 1")}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expr, diff)
		}
	}
	f("int64", "spend.n / (request.count - 3)", vector.DivisionByZero)
	f("int64", "spend.n % (request.count - 3)", vector.DivisionByZero)
	f("int64", "spend.n * 9223372036854775807", vector.Overflow)
	f("int64", "int(request.amount * 1e30)", vector.Overflow)
	f("int32", "spend.n * 1000000000", vector.Overflow)
	f("float32", "request.amount * 1e300", vector.Overflow)
	f("string", "spend.tags[7]", vector.OtherFailure)
	f("int64", "int(spend.city)", vector.OtherFailure)
	f("int64", "lists.range(50000).map(x, x + 1).size()", vector.CostExceeded)
}

// TestChain: on-demand views read one another, whatever of them is asked for.
func TestChain(t *testing.T) {
	defs := onDemand(t, "a.x:float64=request.amount * 2.0", "b.y:float64=a.x + spend.mean", "c.z:float64=b.y - a.x")
	f := func(want []any, refs ...string) {
		t.Helper()
		plan, err := compile(t, defs).FeaturesPlan(refs)
		if err != nil {
			t.Fatal(err)
		}
		b, err := computed(t, plan)
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		for i := range b.Columns() {
			got = append(got, cell(&b.Columns()[i], 0))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", refs, diff)
		}
	}
	f([]any{2.5}, "c:z")
	f([]any{2.5, 22.5, 2.5, 20.0}, "c:*", "b:y", "spend:mean", "a:x")
	f([]any{20.0}, "a:x")
	plan, err := compile(t, defs).FeaturesPlan([]string{"a:x"})
	if err != nil || len(plan.Keys) != 0 || len(plan.Views) != 0 || len(plan.Request) != 1 || plan.Request[0].Name != "amount" {
		t.Errorf("a plan that needs one value of the request needs %v %v %v %v", plan.Keys, plan.Views, plan.Request, err)
	}
}

// TestExpressionsThatAreRefused: each says where, and what there is to read.
func TestExpressionsThatAreRefused(t *testing.T) {
	f := func(typ, expr, want string) {
		t.Helper()
		err := vector.CheckExpressions(compile(t, onDemand(t, "od.f:"+typ+"="+expr)))
		if err == nil {
			t.Errorf("%s is taken", expr)
			return
		}
		wantError(t, err, schema.Invalid, "BAD_EXPRESSION", want)
		if !strings.HasPrefix(err.Error(), `on-demand view "od": feature "f": `) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	f("float64", "spend.maen + 1.0", "line 1, column 6: undefined field 'maen'; it may read request.amount, request.count, request.place, request.at, request.maybe, spend.n,")
	f("float64", "spned.mean", "line 1, column 1: undeclared reference to 'spned'")
	f("float64", "spend.mean +", "line 1, column 13: Syntax error")
	f("float64", "spend.mean + spend.n", "found no matching overload for '_+_' applied to '(double, int)' (convert the int with double(...); numbers are written 1.0 for double, 1 for int); it may read")
	f("float64", "spend.n", "the expression is int, and the feature is float64, which wants double; declare another type, or convert with double(...)")
	f("int64", "spend.since", "the expression is timestamp, and the feature is int64, which wants int")
	f("list<int64>", "spend.amounts", "the expression is list(double), and the feature is list<int64>, which wants list(int); declare another type, or convert the elements with .map(x, ...)")
	f("float64", "[spend][0].mean", "spend is not a value; read a feature of it, as in spend.NAME")
	f("float64", "spend. // here\n mean", "write spend.mean in one piece, without a comment inside")
	f("float64", strings.Repeat("(", 200)+"1.0"+strings.Repeat(")", 200), "")
	f("string", "od.f", "undeclared reference to 'od'")
}

// TestStrictExpressions: on_missing: fail is for what the model is fed: an
// expression may handle a null that it reads.
func TestStrictExpressions(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		_, err := computed(t, strictPlan(t, onDemand(t, "od.f:float64="+expr)))
		if want == "" && err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		if want != "" {
			wantError(t, err, schema.FailedPrecondition, "MISSING_FEATURE", want)
		}
	}
	f("spend.?gone.orValue(1.0)", "")
	f("spend.gone", `model "fraud" asks to fail when a value is missing: od:f is NULL_VALUE in row 0; its expression has no value there`)
	f("double(spend.n / (request.count - 3))", "od:f is NULL_VALUE in row 0")
}
