package vector_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// listed answers a service of on-demand features that read a list l of a request,
// for rows of it.
func listed(t *testing.T, views []schema.OnDemandView, sent column.Columns, rows int) (*vector.Batch, error) {
	t.Helper()
	defs := oneView(t, "unread:bool", "")
	defs.OnDemandViews, defs.FeatureServices[0].Features = views, nil
	for _, v := range views {
		defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, v.Name+":*")
	}
	b := program(t, servicePlan(t, defs)).NewBatch()
	for range 2 { // of which the second finds what the first left
		b.Reset(rows, now)
		b.WantColumns()
		if err := b.BindRequest(sent); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// TestComputedLists: lists lie end to end whatever becomes of the rows between,
// and another expression reads them.
func TestComputedLists(t *testing.T) {
	many := slices.Repeat([]any{int64(5)}, 600)
	views := []schema.OnDemandView{
		{Name: "a", Request: features(t, "l:list<int64>"), Features: []schema.OnDemandFeature{
			{Name: "tenths", Type: schema.List(schema.Int64), Expr: "request.l.map(x, 10 / x)", Default: []any{int64(-1), int64(-2)}},
			{Name: "twice", Type: schema.List(schema.Int32), Expr: "request.l + request.l"},
		}},
		{Name: "b", Sources: []string{"a"}, Features: []schema.OnDemandFeature{{Name: "size", Type: schema.Int64, Expr: "a.tenths.size()"}}},
	}
	sent := named("l", columnOf(schema.List(schema.Int64), []any{[]any{int64(1), int64(2)}, nil, []any{int64(0)}, []any{}, many, []any{int64(1 << 40)}}))
	b, err := listed(t, views, sent, 6)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{[]any{int64(10), int64(5)}, []any{int64(-1), int64(-2)}, []any{int64(-1), int64(-2)}, []any{}, slices.Repeat([]any{int64(2)}, 600), []any{int64(0)}},
		{[]any{int32(1), int32(2), int32(1), int32(2)}, nil, []any{int32(0), int32(0)}, []any{}, nil, nil},
		{int64(2), int64(2), int64(2), int64(0), int64(600), int64(1)},
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
	if diff := cmp.Diff(map[string]int{"tenths division_by_zero": 1, "twice overflow": 2}, counted); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

// TestComputedListsThatARequestBrings: nothing is computed then.
func TestComputedListsThatARequestBrings(t *testing.T) {
	views := []schema.OnDemandView{{Name: "a", Features: []schema.OnDemandFeature{{Name: "l", Type: schema.List(schema.Float64), Expr: "[1.0]"}}}}
	b, err := listed(t, views, named("a:l", columnOf(schema.List(schema.Float64), []any{[]any{2.0, 3.0}, nil, []any{4.0}})), 3)
	if err != nil {
		t.Fatal(err)
	}
	c := &b.Columns()[0]
	if diff := cmp.Diff([]any{[]any{2.0, 3.0}, nil, []any{4.0}}, []any{cell(c, 0), cell(c, 1), cell(c, 2)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestComputedListsAreBounded: all that one request computes is.
func TestComputedListsAreBounded(t *testing.T) {
	views := []schema.OnDemandView{{Name: "a", Request: features(t, "s:string"), Features: []schema.OnDemandFeature{
		{Name: "l", Type: schema.List(schema.String), Expr: "lists.range(1000).map(x, request.s)"},
	}}}
	const rows = 17 // of 4 MB each
	_, err := listed(t, views, named("s", columnOf(schema.String, slices.Repeat([]any{strings.Repeat("x", 4096)}, rows))), rows)
	wantError(t, err, schema.Exhausted, "VALUES_TOO_LARGE", "take more than 64 MiB")
}
