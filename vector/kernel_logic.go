package vector

import (
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"larder/schema"
)

// boolean compiles an expression of type bool.
func (k kernels) boolean(e ast.Expr) term[bool] {
	if t := common(k, e, boolLiteral, field.boolean, k.boolean); t != nil {
		return t
	}
	if f, found := k.field(e); found && e.AsSelect().IsTestOnly() {
		return func(row *evaluation) (bool, outcome) { return !row.columns[f.column].IsNull(row.row), valued }
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	name, args := e.AsCall().FunctionName(), e.AsCall().Args()
	if e.AsCall().IsMemberFunction() {
		return k.search(name, e.AsCall().Target(), args)
	}
	switch name {
	case operators.LogicalNot:
		return of1(k.boolean(args[0]), func(v bool) bool { return !v })
	case operators.LogicalAnd:
		return decided(terms(args, k.boolean), false)
	case operators.LogicalOr:
		return decided(terms(args, k.boolean), true)
	case operators.In:
		return k.in(args[0], args[1])
	case "math.isNaN":
		return of1(k.double(args[0]), func(v float64) bool { return math.IsNaN(v) })
	case "math.isInf":
		return of1(k.double(args[0]), func(v float64) bool { return math.IsInf(v, 0) })
	case "math.isFinite":
		return of1(k.double(args[0]), func(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) })
	case operators.Equals, operators.NotEquals:
		return k.equal(args[0], args[1], name == operators.Equals)
	}
	if holds := orders[name]; holds != nil {
		return k.compare(args[0], args[1], holds)
	}
	return nil
}

// decided returns && or ||, which one operand of the value decisive decides,
// whatever becomes of the others. Where none does, the first without a value
// decides.
func decided(operands []term[bool], decisive bool) term[bool] {
	if len(operands) == 0 {
		return nil
	}
	return func(row *evaluation) (bool, outcome) {
		first := valued
		for _, operand := range operands {
			v, o := operand(row)
			if o == valued && v == decisive {
				return decisive, valued
			}
			if first == valued {
				first = o
			}
		}
		return !decisive, first
	}
}

// orders are what the operators of order hold for.
var orders = map[string]func(c int) bool{
	operators.Less:          func(c int) bool { return c < 0 },
	operators.LessEquals:    func(c int) bool { return c <= 0 },
	operators.Greater:       func(c int) bool { return c > 0 },
	operators.GreaterEquals: func(c int) bool { return c >= 0 },
}

// compare compiles a comparison. Numbers of both types may be compared.
func (k kernels) compare(a, b ast.Expr, holds func(c int) bool) term[bool] {
	switch kind, other := k.typeOf(a).Kind(), k.typeOf(b).Kind(); {
	case kind == types.IntKind && other == types.DoubleKind:
		return ordered(k.integer(a), k.double(b), compareIntegerDouble, holds)
	case kind == types.DoubleKind && other == types.IntKind:
		return ordered(k.double(a), k.integer(b), compareDoubleInteger, holds)
	case kind != other:
		return nil
	case kind == types.IntKind:
		return ordered(k.integer(a), k.integer(b), compareIntegers, holds)
	case kind == types.DoubleKind:
		return ordered(k.double(a), k.double(b), compareDoubles, holds)
	case kind == types.StringKind:
		return ordered(k.text(a), k.text(b), compareOrdered[string], holds)
	case kind == types.TimestampKind:
		return ordered(k.moment(a), k.moment(b), compareIntegers, holds)
	case kind == types.DurationKind:
		return ordered(k.span(a), k.span(b), compareIntegers, holds)
	}
	return nil
}

// ordered returns a comparison, which NaN makes false.
func ordered[A, B any](x term[A], y term[B], compare comparison[A, B], holds func(c int) bool) term[bool] {
	return of2(x, y, func(a A, b B) bool {
		c, o := compare(a, b)
		return o == valued && holds(c)
	})
}

// equal compiles an equation of two of one type.
func (k kernels) equal(a, b ast.Expr, want bool) term[bool] {
	if k.typeOf(a).Kind() != k.typeOf(b).Kind() {
		return nil
	}
	switch k.typeOf(a).Kind() {
	case types.BoolKind:
		return same(k.boolean(a), k.boolean(b), want)
	case types.IntKind:
		return same(k.integer(a), k.integer(b), want)
	case types.DoubleKind:
		return same(k.double(a), k.double(b), want)
	case types.StringKind:
		return same(k.text(a), k.text(b), want)
	case types.TimestampKind:
		return same(k.moment(a), k.moment(b), want)
	case types.DurationKind:
		return same(k.span(a), k.span(b), want)
	}
	return nil
}

func same[T comparable](x, y term[T], want bool) term[bool] {
	return of2(x, y, func(a, b T) bool { return (a == b) == want })
}

// in compiles the search of a value in a list that is written out.
func (k kernels) in(value, list ast.Expr) term[bool] {
	if list.Kind() != ast.ListKind {
		return nil
	}
	switch elements := list.AsList().Elements(); k.typeOf(value).Kind() {
	case types.IntKind:
		return oneOf(k.integer(value), elements, integerLiteral)
	case types.DoubleKind:
		return oneOf(k.double(value), elements, doubleLiteral)
	case types.StringKind:
		return oneOf(k.text(value), elements, textLiteral)
	}
	return nil
}

func oneOf[T comparable](x term[T], elements []ast.Expr, literal func(v any) (T, bool)) term[bool] {
	var known []T
	for _, e := range elements {
		if e.Kind() != ast.LiteralKind {
			return nil
		}
		v, is := literal(e.AsLiteral())
		if !is {
			return nil
		}
		known = append(known, v)
	}
	if len(known) == 0 {
		return nil // CEL makes it false without looking at the value
	}
	return of1(x, func(v T) bool { return slices.Contains(known, v) })
}

// search compiles a search in a text.
func (k kernels) search(name string, in ast.Expr, args []ast.Expr) term[bool] {
	if len(args) != 1 || k.typeOf(in).Kind() != types.StringKind {
		return nil
	}
	switch name {
	case overloads.StartsWith:
		return of2(k.text(in), k.text(args[0]), strings.HasPrefix)
	case overloads.EndsWith:
		return of2(k.text(in), k.text(args[0]), strings.HasSuffix)
	case overloads.Contains:
		return of2(k.text(in), k.text(args[0]), strings.Contains)
	}
	return nil
}

func boolLiteral(v any) (bool, bool) {
	b, is := v.(types.Bool)
	return bool(b), is
}

// boolean reads a field of bools.
func (f field) boolean() term[bool] {
	if f.kind != schema.Bool {
		return nil
	}
	column := f.column
	return func(row *evaluation) (bool, outcome) {
		c := &row.columns[column]
		if c.IsNull(row.row) {
			return false, isNull
		}
		return c.Bools[row.row], valued
	}
}
