package vector_test

import (
	"html"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/schema"
)

// An example is one of docs/expressions.md: an expression, and a table of what it
// reads and gives.
type example struct {
	name, expr string
	reads      []schema.Feature // named OWNER.NAME; the last is the result
	rows       [][]any
}

func TestExamplesOfExpressions(t *testing.T) {
	raw, err := os.ReadFile("../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "\n## Examples\n")
	sections := strings.Split(text, "\n### ")[1:]
	if len(sections) != 10 {
		t.Fatalf("%d examples; the page promises ten", len(sections))
	}
	for _, section := range sections {
		e := parseExample(t, section)
		t.Run(e.name, func(t *testing.T) { e.run(t) })
	}
}

func parseExample(t *testing.T, section string) example {
	t.Helper()
	title, rest, _ := strings.Cut(section, "\n")
	_, rest, _ = strings.Cut(rest, "```cel\n")
	expr, table, found := strings.Cut(rest, "\n```\n")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if !found || len(lines) < 3 {
		t.Fatalf("example %q has no expression or no table", title)
	}
	e := example{name: title, expr: expr}
	for _, head := range cells(lines[0]) {
		name, typeName, isRead := strings.Cut(head, " ")
		if !isRead {
			name, typeName = "result", head
		}
		typ, err := schema.ParseType(html.UnescapeString(typeName))
		if err != nil {
			t.Fatal(err)
		}
		e.reads = append(e.reads, schema.Feature{Name: name, Type: typ})
	}
	for _, line := range lines[2:] {
		var row []any
		for i, cell := range cells(line) {
			value, err := schema.ParseValue(e.reads[i].Type, []byte(cell))
			if err != nil {
				t.Fatalf("example %q: %v", title, err)
			}
			row = append(row, value)
		}
		e.rows = append(e.rows, row)
	}
	return e
}

// cells returns the cells of a line of a table.
func cells(line string) []string {
	all := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// run computes every row of the table in one batch.
func (e *example) run(t *testing.T) {
	last := len(e.reads) - 1
	definitions := oneView(t, "unread:bool", "")
	onDemand := schema.OnDemandView{Name: "computed", Features: []schema.OnDemandFeature{{Name: "result", Type: e.reads[last].Type, Expr: e.expr}}}
	views, stored := map[string]*schema.FeatureView{}, map[string][]int{}
	for i, read := range e.reads[:last] {
		owner, name, _ := strings.Cut(read.Name, ".")
		f := schema.Feature{Name: name, Type: read.Type}
		if owner == "request" {
			onDemand.Request = append(onDemand.Request, f)
			continue
		}
		if views[owner] == nil {
			views[owner] = &schema.FeatureView{Name: owner, Entities: []string{"customer"}, Source: "daily", TTL: schema.Duration(time.Hour)}
			onDemand.Sources = append(onDemand.Sources, owner)
		}
		views[owner].Features = append(views[owner].Features, f)
		stored[owner] = append(stored[owner], i)
	}
	definitions.FeatureViews = nil
	for _, owner := range onDemand.Sources {
		definitions.FeatureViews = append(definitions.FeatureViews, *views[owner])
	}
	definitions.OnDemandViews = []schema.OnDemandView{onDemand}
	definitions.FeatureServices[0].Features = []string{"computed:*"}
	plan := servicePlan(t, definitions)
	b := program(t, plan).NewBatch()
	b.Reset(len(e.rows), now)
	b.WantColumns()
	if err := b.BindKeys(e.keys(plan)); err != nil {
		t.Fatal(err)
	}
	if err := b.BindRequest(e.request()); err != nil {
		t.Fatal(err)
	}
	for v := range plan.Views {
		for r, row := range e.rows {
			var values []any
			for _, at := range stored[plan.Views[v].Name] {
				values = append(values, row[at])
			}
			if err := b.Visit(v*len(e.rows)+r, now, build(plan.Views[v].View, 0, values...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	for r, row := range e.rows {
		c := &b.Columns()[0]
		if diff := cmp.Diff(row[last], cell(c, r)); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", r, diff)
		}
		want := schema.StatusPresent
		if row[last] == nil {
			want = schema.StatusNullValue
		}
		if c.Statuses[r] != want {
			t.Errorf("row %d is %s, want %s", r, c.Statuses[r], want)
		}
	}
}

// keys are those of the rows, where the plan has any.
func (e *example) keys(plan *schema.Plan) column.Columns {
	if len(plan.Keys) == 0 {
		return column.Columns{}
	}
	customers := make([]int64, len(e.rows))
	for i := range customers {
		customers[i] = int64(i)
	}
	return ids(customers...)
}

func (e *example) request() column.Columns {
	var request column.Columns
	for i, read := range e.reads[:len(e.reads)-1] {
		name, isRequest := strings.CutPrefix(read.Name, "request.")
		if !isRequest {
			continue
		}
		var values []any
		for _, row := range e.rows {
			values = append(values, row[i])
		}
		request.Names, request.Values = append(request.Names, name), append(request.Values, columnOf(read.Type, values))
	}
	return request
}
