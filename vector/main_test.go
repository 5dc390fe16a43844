package vector_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larder/column"
	"larder/schema"
	"larder/store/row"
	"larder/vector"
)

// fatal is what testing.TB and rapid.T have in common here.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// compile compiles the last of successive versions of definitions.
func compile(t fatal, versions ...*schema.Definitions) *schema.Catalog {
	t.Helper()
	var storage schema.Storage
	for _, defs := range versions {
		storage = storage.Evolve(defs, 0)
	}
	catalog, err := schema.Compile(int64(len(versions)), versions[len(versions)-1], storage)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// features are features of a view, as in "count:int64=0 name:string".
func features(t fatal, spec string) []schema.Feature {
	t.Helper()
	var out []schema.Feature
	for _, field := range strings.Fields(spec) {
		declared, value, hasDefault := strings.Cut(field, "=")
		name, typeName, _ := strings.Cut(declared, ":")
		typ, err := schema.ParseType(typeName)
		if err != nil {
			t.Fatal(err)
		}
		f := schema.Feature{Name: name, Type: typ}
		if hasDefault {
			if f.Default, err = schema.ParseValue(typ, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, f)
	}
	return out
}

// oneView are the definitions of a view "spend" of a customer (customer_id:
// int64), with a TTL of an hour, and a service "all" of its features and then
// the request's.
func oneView(t fatal, spec, request string) *schema.Definitions {
	t.Helper()
	defs := &schema.Definitions{
		Entities:        []schema.Entity{{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}}}},
		Sources:         []schema.Source{{Name: "daily", Table: "daily", TimestampField: "at"}},
		FeatureViews:    []schema.FeatureView{{Name: "spend", Entities: []string{"customer"}, Source: "daily", TTL: schema.Duration(time.Hour), Features: features(t, spec)}},
		FeatureServices: []schema.FeatureService{{Name: "all", Request: features(t, request), Features: []string{"spend:*"}}},
	}
	if request != "" {
		defs.FeatureServices[0].Features = append(defs.FeatureServices[0].Features, "request:*")
	}
	return defs
}

// servicePlan compiles versions and returns the plan of the service "all".
func servicePlan(t fatal, versions ...*schema.Definitions) *schema.Plan {
	t.Helper()
	plan, err := compile(t, versions...).ServicePlan("all")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// strictPlan returns the plan of a model "fraud" of the service "all" that asks
// to fail when a value is missing.
func strictPlan(t fatal, defs *schema.Definitions) *schema.Plan {
	t.Helper()
	defs.Models = []schema.Model{{
		Name: "fraud", FeatureService: "all", OnMissing: schema.FailOnMissing,
		Versions: []schema.ModelVersion{{Version: 1, ONNX: "fraud.onnx", SHA256: strings.Repeat("0", 64)}},
	}}
	plan, err := compile(t, defs).ModelPlan("fraud", 0)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// ids is the entity column of a customer.
func ids(values ...int64) column.Columns {
	return named("customer_id", column.Column{Type: schema.Int64, Int64s: values})
}

// named is one column.
func named(name string, c column.Column) column.Columns {
	return column.Columns{Names: []string{name}, Values: []column.Column{c}}
}

// build returns a row of layout number of a view; a nil leaves a column null.
func build(v *schema.View, number int, values ...any) []byte {
	columns := v.Layouts[number]
	b := row.NewBuilder(row.NewLayout(columns), number)
	for i, value := range values {
		set(b, i, columns[i].Type, value)
	}
	return b.Row()
}

// set sets column i to a value of type t in the Go form of schema.ParseValue.
func set(b *row.Builder, i int, t schema.Type, value any) {
	switch v := value.(type) {
	case bool:
		b.SetBool(i, v)
	case int32:
		b.SetInt32(i, v)
	case int64:
		b.SetInt64(i, v)
	case float32:
		b.SetFloat32(i, v)
	case float64:
		b.SetFloat64(i, v)
	case string:
		b.SetString(i, v)
	case []byte:
		b.SetBytes(i, v)
	case time.Time:
		b.SetTimestamp(i, v.UnixMicro())
	case []any:
		c := columnOf(t, []any{v})
		switch t.Elem() {
		case schema.Bool:
			b.SetBools(i, c.Bools)
		case schema.Int32:
			b.SetInt32s(i, c.Int32s)
		case schema.Int64, schema.Timestamp:
			b.SetInt64s(i, c.Int64s)
		case schema.Float32:
			b.SetFloat32s(i, c.Float32s)
		case schema.Float64:
			b.SetFloat64s(i, c.Float64s)
		case schema.String:
			b.SetTexts(i, len(v), func(k int) []byte { return []byte(c.Strings[k]) })
		case schema.Bytes:
			b.SetTexts(i, len(v), func(k int) []byte { return c.Bytes[k] })
		}
	}
}

// columnOf makes a column of values in the Go form of schema.ParseValue; nil is
// null.
func columnOf(t schema.Type, values []any) column.Column {
	c := column.Column{Type: t, Valid: make([]bool, len(values))}
	elements := 0
	for i, v := range values {
		c.Valid[i] = v != nil
		if !t.IsList() {
			push(&c, v)
			continue
		}
		list, _ := v.([]any)
		for _, x := range list {
			push(&c, x)
		}
		elements += len(list)
		c.Ends = append(c.Ends, uint32(elements))
	}
	return c
}

func push(c *column.Column, v any) {
	switch c.Type.Elem() {
	case schema.Bool:
		c.Bools = append(c.Bools, or[bool](v))
	case schema.Int32:
		c.Int32s = append(c.Int32s, or[int32](v))
	case schema.Int64:
		c.Int64s = append(c.Int64s, or[int64](v))
	case schema.Float32:
		c.Float32s = append(c.Float32s, or[float32](v))
	case schema.Float64:
		c.Float64s = append(c.Float64s, or[float64](v))
	case schema.String:
		c.Strings = append(c.Strings, or[string](v))
	case schema.Bytes:
		c.Bytes = append(c.Bytes, or[[]byte](v))
	case schema.Timestamp:
		moment, _ := v.(time.Time)
		if v == nil {
			moment = time.UnixMicro(0)
		}
		c.Int64s = append(c.Int64s, moment.UnixMicro())
	}
}

func or[T any](v any) T {
	x, _ := v.(T)
	return x
}

// cell returns the value of row i, in the Go form of schema.ParseValue.
func cell(c *column.Column, i int) any {
	if c.IsNull(i) {
		return nil
	}
	if !c.Type.IsList() {
		return element(c, uint32(i))
	}
	list := []any{}
	for start, end := c.List(i); start < end; start++ {
		list = append(list, element(c, start))
	}
	return list
}

func element(c *column.Column, i uint32) any {
	switch c.Type.Elem() {
	case schema.Bool:
		return c.Bools[i]
	case schema.Int32:
		return c.Int32s[i]
	case schema.Int64:
		return c.Int64s[i]
	case schema.Float32:
		return c.Float32s[i]
	case schema.Float64:
		return c.Float64s[i]
	case schema.String:
		return c.Strings[i]
	case schema.Bytes:
		return append([]byte{}, c.Bytes[i]...)
	}
	return time.UnixMicro(c.Int64s[i]).UTC()
}

// values draws values of a type, in the Go form of schema.ParseValue.
func values(t schema.Type) *rapid.Generator[any] {
	if t.IsVector() {
		return rapid.Map(rapid.SliceOfN(values(t.Elem()), t.Len(), t.Len()), func(list []any) any { return list })
	}
	if t.IsList() {
		return rapid.Map(rapid.SliceOfN(values(t.Elem()), 0, 4), func(list []any) any { return list })
	}
	switch t {
	case schema.Bool:
		return rapid.Bool().AsAny()
	case schema.Int32:
		return rapid.Int32().AsAny()
	case schema.Int64:
		return rapid.Int64().AsAny()
	case schema.Float32:
		return rapid.OneOf(rapid.Float32(), rapid.Just(float32(math.NaN()))).AsAny()
	case schema.Float64:
		return rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN())).AsAny()
	case schema.String:
		return rapid.StringN(0, 4, 16).AsAny()
	case schema.Bytes:
		return rapid.SliceOfN(rapid.Byte(), 0, 4).AsAny()
	}
	micros := rapid.Int64Range(schema.BeginningOfTime, schema.EndOfTime)
	return rapid.Map(micros, func(v int64) any { return time.UnixMicro(v).UTC() })
}

// sameNaN compares values, each NaN being the same as any other.
var sameNaN = cmp.Options{
	cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b }),
	cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b }),
}

// wantError checks the kind, the reason and the text of an error.
func wantError(t testing.TB, err error, kind schema.Kind, reason, message string) {
	t.Helper()
	var e *schema.Error
	if !errors.As(err, &e) || e.Kind != kind || string(e.Reason) != reason || !strings.Contains(e.Error(), message) {
		t.Fatalf("got error %v; want %s %s: %s", describe(err), kind, reason, message)
	}
}

func describe(err error) string {
	var e *schema.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s %s: %v", e.Kind, e.Reason, err)
	}
	return fmt.Sprint(err)
}

// program compiles a plan.
func program(t fatal, plan *schema.Plan) *vector.Program {
	t.Helper()
	p, err := vector.Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
