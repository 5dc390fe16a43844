package vector_test

import (
	"errors"
	"testing"

	"larder/column"
	"larder/schema"
	"larder/vector"
)

// FuzzExpression compiles any text as an expression. It is refused with an Invalid
// error, or it is computed: never a panic, and never without end.
func FuzzExpression(f *testing.F) {
	for _, expr := range []string{
		"1", "request.s.size()", "request.l.map(x, x.size()).size()", `has(request.s) ? 1 : 0`, "request.?s.orValue('').size()", "1/0",
		"request", "[1][request.s.size()]", `request.s.replace("", request.s).size()`, "cel.bind(a, request.s, a.size())", "((((((((((1))))))))))", "\"", "request.s.é",
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		defs := costly(t, expr)
		catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
		if err != nil {
			return // too long, or empty
		}
		var refused *schema.Error
		if err := vector.CheckExpressions(catalog); errors.As(err, &refused) && refused.Kind == schema.Invalid {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		plan, err := catalog.ServicePlan("all")
		if err != nil {
			t.Fatal(err)
		}
		b := program(t, plan).NewBatch()
		b.Reset(1, now)
		b.WantColumns()
		var request column.Columns
		for i := range plan.Inputs {
			in := &plan.Inputs[i]
			value := any("text")
			if in.Type.IsList() {
				value = []any{"a", "b"}
			}
			request.Names, request.Values = append(request.Names, in.Name), append(request.Values, columnOf(in.Type, []any{value}))
		}
		if err := b.BindRequest(request); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(); err != nil {
			t.Fatal(err)
		}
	})
}
