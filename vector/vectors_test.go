package vector_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// floats is a list of float32s in the Go form of schema.ParseValue.
func floats(values ...float32) []any {
	list := []any{}
	for _, v := range values {
		list = append(list, v)
	}
	return list
}

// TestStoredVectors: of rows with one, with null, without the feature, and of no row.
func TestStoredVectors(t *testing.T) {
	const spec = "n:int64 v:vector<float32,3>=[0,0.5,-1] w:vector<int64,2>"
	plan := servicePlan(t, oneView(t, "n:int64", ""), oneView(t, spec, ""))
	view := plan.Views[0].View
	b := begin(t, plan, now, 1, 2, 3, 4)
	nan := float32(math.NaN())
	rows := [][]byte{
		build(view, 1, int64(5), floats(1, nan, 3), []any{int64(-1), int64(math.MaxInt64)}),
		build(view, 1, nil, nil, nil),
		build(view, 0, int64(6)),
	}
	for i, stored := range rows {
		if err := b.Visit(i, now, stored); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	const present, null, missing = schema.StatusPresent, schema.StatusNullValue, schema.StatusNotFound
	f := func(feature int, want ...any) {
		t.Helper()
		c := &b.Columns()[feature]
		got := []any{cell(c, 0), cell(c, 1), cell(c, 2), cell(c, 3)}
		if diff := cmp.Diff(want, got, sameNaN) + cmp.Diff([]schema.Status{present, null, null, missing}, c.Statuses); diff != "" || !c.Even(4) || c.Type != plan.Features[feature].Type {
			t.Errorf("%s of type %s: %s", plan.Features[feature].Name, c.Type, diff)
		}
	}
	f(1, floats(1, nan, 3), floats(0, 0.5, -1), floats(0, 0.5, -1), floats(0, 0.5, -1))
	f(2, []any{int64(-1), int64(math.MaxInt64)}, nil, nil, nil)
	if err := b.Visit(0, now, rows[0][:len(rows[0])-1]); err == nil {
		t.Error("a row whose vector is cut off is read")
	}
}

// TestLongDefaultsAreBounded: rows that aren't there take memory too.
func TestLongDefaultsAreBounded(t *testing.T) {
	defs := oneView(t, "n:int64 v:vector<float64,65536>", "")
	zeros := make([]any, 65536)
	for i := range zeros {
		zeros[i] = 0.0
	}
	defs.FeatureViews[0].Features[1].Default = zeros
	plan := servicePlan(t, defs)
	if err := begin(t, plan, now, make([]int64, 128)...).Finish(); err != nil {
		t.Errorf("64 MiB of defaults: %v", err)
	}
	wantError(t, begin(t, plan, now, make([]int64, 129)...).Finish(), schema.Exhausted, "VALUES_TOO_LARGE", "take more than 64 MiB; ask for fewer rows or features")
}

// TestVectorsOfARequest: lists of the vector's length, of any number that fits.
func TestVectorsOfARequest(t *testing.T) {
	defs := oneView(t, "v:vector<float32,2>=[7,7]", "q:vector<float32,2>")
	plan := servicePlan(t, defs)
	bind := func(name string, c column.Column) (*vector.Batch, error) {
		b := begin(t, plan, now, 1, 2)
		request := named("q", columnOf(schema.Vector(schema.Float32, 2), []any{floats(1, 2), floats(3, 4)}))
		if name == "q" {
			request.Values[0] = c
		} else {
			request.Add(name, c)
		}
		if err := b.BindRequest(request); err != nil {
			return nil, err
		}
		return b, b.Finish()
	}
	taken := func(feature int, name string, c column.Column, want ...any) {
		t.Helper()
		b, err := bind(name, c)
		if err != nil {
			t.Fatal(err)
		}
		got := &b.Columns()[feature]
		if diff := cmp.Diff(want, []any{cell(got, 0), cell(got, 1)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	taken(1, "q", columnOf(schema.List(schema.Float32), []any{floats(5, 6), nil}), floats(5, 6), nil)
	taken(1, "q", columnOf(schema.List(schema.Float64), []any{[]any{0.5, 1.5}, []any{2.5, 3.5}}), floats(0.5, 1.5), floats(2.5, 3.5))
	taken(1, "q", columnOf(schema.List(schema.Int64), []any{nil, []any{int64(1), int64(-2)}}), nil, floats(1, -2))
	taken(0, "spend:v", columnOf(schema.List(schema.Float32), []any{floats(5, 6), nil}), floats(5, 6), floats(7, 7))

	refused := func(name string, c column.Column, reason, want string) {
		t.Helper()
		_, err := bind(name, c)
		wantError(t, err, schema.Invalid, reason, want)
	}
	refused("q", columnOf(schema.List(schema.Float32), []any{floats(5, 6), floats(1)}), "VECTOR_LENGTH", `request value "q" is vector<float32, 2>; row 1 has a list of length 1, not 2`)
	refused("q", columnOf(schema.List(schema.Float64), []any{[]any{1.0, 2.0, 3.0}, nil}), "VECTOR_LENGTH", `request value "q" is vector<float32, 2>; row 0 has a list of length 3, not 2`)
	refused("spend:v", columnOf(schema.List(schema.Float32), []any{floats(), nil}), "VECTOR_LENGTH", `request value "spend:v" is vector<float32, 2>; row 0 has a list of length 0, not 2`)
	refused("q", columnOf(schema.Vector(schema.Float32, 3), []any{floats(1, 2, 3), nil}), "VECTOR_LENGTH", `row 0 has a list of length 3, not 2`)
	refused("q", columnOf(schema.Float32, []any{float32(1), float32(2)}), "VALUE_TYPE", `request value "q" is vector<float32, 2>; the request sends float32`)
	refused("q", columnOf(schema.List(schema.String), []any{[]any{"a", "b"}, nil}), "VALUE_TYPE", `request value "q" is vector<float32, 2>; the request sends list<string>`)
	refused("q", columnOf(schema.List(schema.Float64), []any{nil, []any{0.0, 1e300}}), "VALUE_RANGE", `request value "q" is vector<float32, 2>; 1e+300 in row 1 does not fit`)
}

// TestVectorsInExpressions: an expression reads a vector as a list, and its result must
// have the length of the vector that it is.
func TestVectorsInExpressions(t *testing.T) {
	v := []schema.OnDemandView{{Name: "a", Request: features(t, "l:vector<float32,2> long:list<float64>"), Features: []schema.OnDemandFeature{
		{Name: "dot", Type: schema.Float64, Expr: "request.l[0] * request.l[0] + request.l[1] * request.l[1]"},
		{Name: "half", Type: schema.Vector(schema.Float64, 2), Expr: "request.l.map(x, x / 2.0)"},
		{Name: "cut", Type: schema.Vector(schema.Float32, 2), Expr: "request.long", Default: floats(0, 0)},
	}}}
	sent := named("l", columnOf(schema.List(schema.Float32), []any{floats(3, 4), nil, floats(1, 0)}))
	sent.Add("long", columnOf(schema.List(schema.Float64), []any{[]any{1.0, 2.0}, []any{1.0}, []any{1e300, 0.0}}))
	b, err := listed(t, v, sent, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{25.0, nil, 1.0},
		{[]any{1.5, 2.0}, nil, []any{0.5, 0.0}},
		{floats(1, 2), floats(0, 0), floats(0, 0)},
	}
	for i := range want {
		for r, w := range want[i] {
			if diff := cmp.Diff(w, cell(&b.Columns()[i], r)); diff != "" {
				t.Errorf("feature %d of row %d (-want +got):\n%s", i, r, diff)
			}
		}
	}
	counted := map[string]int{}
	b.Failures(func(_, feature string, why vector.Failure, rows int) { counted[feature+" "+why.String()] = rows })
	if diff := cmp.Diff(map[string]int{"cut wrong_length": 1, "cut overflow": 1}, counted); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	f := func(typ schema.Type, expr, want string) {
		t.Helper()
		defs := oneView(t, "short:vector<float32,1024> long:vector<float32,1025>", "")
		defs.OnDemandViews = []schema.OnDemandView{{Name: "od", Sources: []string{"spend"}, Features: []schema.OnDemandFeature{{Name: "f", Type: typ, Expr: expr}}}}
		err := vector.CheckExpressions(compile(t, defs))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: got %v, want %s", expr, err, want)
		}
	}
	f(schema.Float64, "spend.short[0]", "")
	f(schema.Float64, "spend.long[0]", "it reads spend:long, which is vector<float32, 1025>, and expressions read lists of at most 1024 elements")
	f(schema.Vector(schema.Float32, 1025), "[1.0]", "the feature is vector<float32, 1025>, and expressions make lists of at most 1024 elements; declare a shorter one")
	f(schema.Vector(schema.Int32, 2), "spend.short", "the expression is list(double), and the feature is vector<int32, 2>, which wants list(int); declare another type, or convert the elements with .map(x, ...)")
	f(schema.Float32, "spend.short", "the expression is list(double), and the feature is float32, which wants double; declare another type, or convert with double(...)")
}
