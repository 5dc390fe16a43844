package vector

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"larder/schema"
)

// double compiles an expression of type double.
func (k kernels) double(e ast.Expr) term[float64] {
	if t := common(k, e, doubleLiteral, field.double, k.double); t != nil {
		return t
	}
	if e.Kind() != ast.CallKind || !k.typeOf(e).IsExactType(types.DoubleType) {
		return nil
	}
	name, args := e.AsCall().FunctionName(), e.AsCall().Args()
	switch {
	case e.AsCall().IsMemberFunction():
		return nil
	case name == "math.@min" || name == "math.@max":
		return greatest(terms(listed(args), k.double), name == "math.@max", compareDoubles)
	case len(args) == 1:
		return k.doubleOf(name, args[0])
	case len(args) != 2:
		return nil
	}
	x, y := k.double(args[0]), k.double(args[1])
	switch name {
	case operators.Add:
		return of2(x, y, func(a, b float64) float64 { return a + b })
	case operators.Subtract:
		return of2(x, y, func(a, b float64) float64 { return a - b })
	case operators.Multiply:
		// Made a float64 before it goes on: Go may otherwise fuse a product and a
		// sum, which rounds once.
		return of2(x, y, func(a, b float64) float64 { return float64(a * b) })
	case operators.Divide:
		return of2(x, y, func(a, b float64) float64 { return a / b })
	}
	return nil
}

func (k kernels) doubleOf(name string, arg ast.Expr) term[float64] {
	ofInteger := k.typeOf(arg).IsExactType(types.IntType)
	switch name {
	case overloads.TypeConvertDouble:
		if ofInteger {
			return of1(k.integer(arg), func(v int64) float64 { return float64(v) })
		}
		return k.double(arg)
	case operators.Negate:
		return of1(k.double(arg), func(v float64) float64 { return -v })
	case "math.sqrt":
		if ofInteger {
			return of1(k.integer(arg), func(v int64) float64 { return math.Sqrt(float64(v)) })
		}
		return of1(k.double(arg), math.Sqrt)
	case "math.abs":
		return of1(k.double(arg), math.Abs)
	case "math.ceil":
		return of1(k.double(arg), math.Ceil)
	case "math.floor":
		return of1(k.double(arg), math.Floor)
	case "math.round":
		return of1(k.double(arg), math.Round)
	case "math.trunc":
		return of1(k.double(arg), math.Trunc)
	case "math.sign":
		return of1(k.double(arg), signOf)
	}
	return nil
}

func signOf(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	case math.IsNaN(v):
		return v
	}
	return 0
}

// integer compiles an expression of type int.
func (k kernels) integer(e ast.Expr) term[int64] {
	if t := common(k, e, integerLiteral, field.integer, k.integer); t != nil {
		return t
	}
	if e.Kind() != ast.CallKind || !k.typeOf(e).IsExactType(types.IntType) {
		return nil
	}
	name, args := e.AsCall().FunctionName(), e.AsCall().Args()
	switch {
	case e.AsCall().IsMemberFunction():
		return k.integerOfMember(name, e.AsCall().Target(), args)
	case name == "math.@min" || name == "math.@max":
		return greatest(terms(listed(args), k.integer), name == "math.@max", compareIntegers)
	case len(args) == 1:
		return k.integerOf(name, args[0])
	case len(args) != 2:
		return nil
	}
	x, y := k.integer(args[0]), k.integer(args[1])
	switch name {
	case operators.Add:
		return try2(x, y, add)
	case operators.Subtract:
		return try2(x, y, subtract)
	case operators.Multiply:
		return try2(x, y, multiply)
	case operators.Divide:
		return try2(x, y, divide)
	case operators.Modulo:
		return try2(x, y, modulo)
	}
	return nil
}

func (k kernels) integerOf(name string, arg ast.Expr) term[int64] {
	switch name {
	case overloads.TypeConvertInt:
		switch t := k.typeOf(arg); {
		case t.IsExactType(types.DoubleType):
			return try1(k.double(arg), truncate)
		case t.IsExactType(types.TimestampType):
			return of1(k.moment(arg), func(micros int64) int64 { return floorDiv(micros, 1e6) })
		case t.IsExactType(types.IntType):
			return k.integer(arg)
		}
	case operators.Negate:
		return try1(k.integer(arg), negate)
	case "math.abs":
		return try1(k.integer(arg), func(v int64) (int64, outcome) {
			if v < 0 {
				return negate(v)
			}
			return v, valued
		})
	case "math.sign":
		return of1(k.integer(arg), func(v int64) int64 {
			c, _ := compareIntegers(v, 0)
			return int64(c)
		})
	case overloads.Size:
		return k.textSize(arg)
	}
	return nil
}

// listed returns what math.least and math.greatest choose from: one or two arguments,
// or those that a list has.
func listed(args []ast.Expr) []ast.Expr {
	if len(args) == 1 && args[0].Kind() == ast.ListKind && len(args[0].AsList().OptionalIndices()) == 0 {
		return args[0].AsList().Elements()
	}
	return args
}

func doubleLiteral(v any) (float64, bool) {
	d, is := v.(types.Double)
	return float64(d), is
}

func integerLiteral(v any) (int64, bool) {
	i, is := v.(types.Int)
	return int64(i), is
}

// double reads a field of floats.
func (f field) double() term[float64] {
	column := f.column
	switch f.kind {
	case schema.Float32:
		return func(row *evaluation) (float64, outcome) {
			c := &row.columns[column]
			if c.IsNull(row.row) {
				return 0, isNull
			}
			return float64(c.Float32s[row.row]), valued
		}
	case schema.Float64:
		return func(row *evaluation) (float64, outcome) {
			c := &row.columns[column]
			if c.IsNull(row.row) {
				return 0, isNull
			}
			return c.Float64s[row.row], valued
		}
	}
	return nil
}

// integer reads a field of integers.
func (f field) integer() term[int64] {
	column := f.column
	switch f.kind {
	case schema.Int32:
		return func(row *evaluation) (int64, outcome) {
			c := &row.columns[column]
			if c.IsNull(row.row) {
				return 0, isNull
			}
			return int64(c.Int32s[row.row]), valued
		}
	case schema.Int64:
		return func(row *evaluation) (int64, outcome) {
			c := &row.columns[column]
			if c.IsNull(row.row) {
				return 0, isNull
			}
			return c.Int64s[row.row], valued
		}
	}
	return nil
}
