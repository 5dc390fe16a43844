package vector_test

import (
	"strings"
	"testing"

	"larder/schema"
	"larder/vector"
)

// costly are definitions of an expression over a text s and a list l of a request.
func costly(t fatal, expr string) *schema.Definitions {
	t.Helper()
	defs := oneView(t, "unread:bool", "")
	defs.OnDemandViews = []schema.OnDemandView{{
		Name: "od", Request: features(t, "s:string l:list<string>"), Features: []schema.OnDemandFeature{{Name: "f", Type: schema.Int64, Expr: expr}},
	}}
	defs.FeatureServices[0].Features = []string{"od:f"}
	return defs
}

// The first of these took 16 GiB for one value of 128 KiB: CEL counts what a
// function costs when it has run, so they must not come to run.
func TestExpressionsWithoutBoundAreRefused(t *testing.T) {
	for _, expr := range []string{
		`request.s.replace("", request.s).replace("", request.s).size()`,
		`request.l.map(x, request.s).join(request.s).size()`,
		`request.s.indexOf(request.s.reverse())`,
		`request.l.map(a, request.l.map(b, a + b).size()).size()`,
		`lists.range(1000000).size()`,
	} {
		err := vector.CheckExpressions(compile(t, costly(t, expr)))
		if err == nil || !strings.Contains(err.Error(), `on-demand view "od": feature "f": it could cost`) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	err := vector.CheckExpressions(compile(t, costly(t, `1 + "%s%s".format([request.s, request.s]).size()`)))
	wantError(t, err, schema.Invalid, "BAD_EXPRESSION", "line 1, column 18: format is not supported")
}

// TestValuesThatAreTooLargeForExpressions: a value of the longest that is read is
// read, and a longer one is a failure.
func TestValuesThatAreTooLargeForExpressions(t *testing.T) {
	f := func(expr string, s string, l []any, want any) {
		t.Helper()
		b := program(t, servicePlan(t, costly(t, expr))).NewBatch()
		b.Reset(1, now)
		b.WantColumns()
		request := named("s", columnOf(schema.String, []any{s}))
		if l != nil {
			request = named("l", columnOf(schema.List(schema.String), []any{l}))
		}
		if err := b.BindRequest(request); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
		if got := cell(&b.Columns()[0], 0); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
		failed := 0
		b.Failures(func(_, _ string, why vector.Failure, rows int) {
			if why == vector.TooLarge {
				failed += rows
			}
		})
		if (want == nil) != (failed == 1) {
			t.Errorf("%s: %d values counted as too large", expr, failed)
		}
	}
	list := func(n int, s string) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = s
		}
		return out
	}
	f("request.s.size()", strings.Repeat("x", 4096), nil, int64(4096))
	f("request.s.size()", strings.Repeat("x", 4097), nil, nil)
	f("request.l.size()", "", list(1024, "x"), int64(1024))
	f("request.l.size()", "", list(1025, "x"), nil)
	f("request.l.size()", "", list(1, strings.Repeat("x", 4097)), nil)
}
