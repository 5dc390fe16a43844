package python_test

import (
	"encoding/json"
	"os"
	"testing"

	"larder/column"
	"larder/importer/feast/python"
	"larder/schema"
	"larder/vector"
)

// TestAnswersOfFeast: expressions give what Feast answered when testdata/make.py asked it.
func TestAnswersOfFeast(t *testing.T) {
	raw, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Columns map[string]string
		Rows    [][]json.RawMessage // in the order of names
		Cases   []struct {
			Source, Mode, Type string
			Answers            []json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "n", "m", "s", "t"}
	var sent column.Columns
	read := map[string]python.Column{}
	var request []schema.Feature
	for k, name := range names {
		typ := parseType(t, file.Columns[name])
		values := column.New(typ, len(file.Rows))
		values.Valid = make([]bool, len(file.Rows))
		for r, row := range file.Rows {
			values.Valid[r] = string(row[k]) != "null"
			set(t, &values, r, row[k])
		}
		sent.Names, sent.Values = append(sent.Names, name), append(sent.Values, values)
		read[name] = python.Column{Ref: "request." + name, Type: typ}
		request = append(request, schema.Feature{Name: name, Type: typ})
	}
	compared := 0
	for _, c := range file.Cases {
		typ := parseType(t, c.Type)
		drafts, err := python.Translate(python.Function{Source: c.Source, Mode: c.Mode, Columns: read, Outputs: map[string]schema.Type{"out": typ}})
		if err != nil {
			t.Errorf("%s: %v", c.Source, err)
			continue
		}
		got := evaluate(t, drafts["out"].Expr, typ, request, sent, len(file.Rows))
		want := column.New(typ, len(file.Rows))
		for r, answer := range c.Answers {
			if string(answer) == `"failed"` {
				if drafts["out"].Fails == "" {
					t.Errorf("%s\nrow %d: Feast fails, and nothing says so", c.Source, r)
				}
				continue
			}
			compared++
			if isNull := string(answer) == "null"; isNull != got.IsNull(r) {
				t.Errorf("%s\n%s\nrow %d: null %t, want %s", c.Source, drafts["out"].Expr, r, got.IsNull(r), answer)
			} else if !isNull {
				if set(t, &want, r, answer); value(&got, r) != value(&want, r) {
					t.Errorf("%s\n%s\nrow %d: %v, want %s", c.Source, drafts["out"].Expr, r, value(&got, r), answer)
				}
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d values were compared", compared)
	}
}

func parseType(t *testing.T, name string) schema.Type {
	t.Helper()
	typ, err := schema.ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// set sets a value of a column, if it is not null.
func set(t *testing.T, c *column.Column, row int, raw json.RawMessage) {
	t.Helper()
	if string(raw) == "null" {
		return
	}
	v, err := schema.ParseValue(c.Type, raw)
	if err != nil {
		t.Fatal(err)
	}
	switch v := v.(type) {
	case bool:
		c.Bools[row] = v
	case int64:
		c.Int64s[row] = v
	case float64:
		c.Float64s[row] = v
	case string:
		c.Strings[row] = v
	}
}

func value(c *column.Column, row int) any {
	switch c.Type {
	case schema.Bool:
		return c.Bools[row]
	case schema.Int64:
		return c.Int64s[row]
	case schema.Float64:
		return c.Float64s[row]
	}
	return c.Strings[row]
}

// evaluate returns the values of an expression of request values.
func evaluate(t *testing.T, expr string, typ schema.Type, request []schema.Feature, sent column.Columns, rows int) column.Column {
	t.Helper()
	defs := &schema.Definitions{
		OnDemandViews:   []schema.OnDemandView{{Name: "v", Request: request, Features: []schema.OnDemandFeature{{Name: "out", Type: typ, Expr: expr}}}},
		FeatureServices: []schema.FeatureService{{Name: "all", Features: []string{"v:out"}}},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := catalog.ServicePlan("all")
	if err != nil {
		t.Fatal(err)
	}
	program, err := vector.Compile(plan)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	b := program.NewBatch()
	b.Reset(rows, 0)
	var needed column.Columns
	for k, name := range sent.Names {
		for _, f := range plan.Request {
			if f.Name == name {
				needed.Names, needed.Values = append(needed.Names, name), append(needed.Values, sent.Values[k])
			}
		}
	}
	if err := b.BindRequest(needed); err != nil {
		t.Fatal(err)
	}
	b.WantColumns()
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	return b.Columns()[0]
}
