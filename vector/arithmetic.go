package vector

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"larder/schema"
)

// An arithmetic computes a double from doubles, as CEL would, without its boxes:
// one for each value is an allocation. Arithmetic of doubles has no errors, so
// all that can be missing is an input, and then ok is false.
type arithmetic func(row *evaluation) (v float64, ok bool)

// compileArithmetic returns the arithmetic of an expression that is nothing but
// + - * / of float features, double(...) of integer ones, and numbers; nil for any
// other, which CEL evaluates.
func compileArithmetic(checked *cel.Ast, p *owners) arithmetic {
	if !checked.OutputType().IsExactType(cel.DoubleType) {
		return nil
	}
	return p.arithmetic(checked.NativeRep().Expr())
}

func (p *owners) arithmetic(e ast.Expr) arithmetic {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, isDouble := e.AsLiteral().(types.Double); isDouble {
			return func(*evaluation) (float64, bool) { return float64(v), true }
		}
	case ast.SelectKind:
		if f, found := p.field(e); found && f.kind.IsFloat() {
			return f.float
		}
	case ast.CallKind:
		return p.operation(e.AsCall())
	}
	return nil
}

func (p *owners) operation(call ast.CallExpr) arithmetic {
	args := call.Args()
	if call.FunctionName() == overloads.TypeConvertDouble && len(args) == 1 {
		if f, found := p.field(args[0]); found && f.kind.IsInteger() {
			return f.float
		}
		return nil
	}
	operands := make([]arithmetic, len(args))
	for i, arg := range args {
		if operands[i] = p.arithmetic(arg); operands[i] == nil {
			return nil
		}
	}
	if call.FunctionName() == operators.Negate {
		x := operands[0]
		return func(row *evaluation) (float64, bool) {
			v, ok := x(row)
			return -v, ok
		}
	}
	if len(operands) != 2 {
		return nil
	}
	return ofTwo(call.FunctionName(), operands[0], operands[1])
}

// ofTwo returns an operation of two operands. Each result is made a float64 before
// it goes on: Go may otherwise fuse a product and a sum, which rounds once.
func ofTwo(operator string, x, y arithmetic) arithmetic {
	var do func(a, b float64) float64
	switch operator {
	case operators.Add:
		do = func(a, b float64) float64 { return a + b }
	case operators.Subtract:
		do = func(a, b float64) float64 { return a - b }
	case operators.Multiply:
		do = func(a, b float64) float64 { return float64(a * b) }
	case operators.Divide:
		do = func(a, b float64) float64 { return a / b }
	default:
		return nil
	}
	return func(row *evaluation) (float64, bool) {
		a, ok := x(row)
		if !ok {
			return 0, false
		}
		b, ok := y(row)
		return do(a, b), ok
	}
}

// field returns the field that OWNER.NAME reads.
func (p *owners) field(e ast.Expr) (field, bool) {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() || e.AsSelect().Operand().Kind() != ast.IdentKind {
		return field{}, false
	}
	f, found := p.fields[e.AsSelect().Operand().AsIdent()][e.AsSelect().FieldName()]
	return f, found
}

// float returns a number as a double.
func (f field) float(row *evaluation) (float64, bool) {
	c := &row.columns[f.column]
	if c.IsNull(row.row) {
		return 0, false
	}
	switch f.kind {
	case schema.Int32:
		return float64(c.Int32s[row.row]), true
	case schema.Int64:
		return float64(c.Int64s[row.row]), true
	case schema.Float32:
		return float64(c.Float32s[row.row]), true
	}
	return c.Float64s[row.row], true
}
