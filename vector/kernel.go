package vector

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"larder/column"
	"larder/schema"
)

// A kernel computes one on-demand feature for all rows of a batch, as CEL would,
// but without its boxes: a look-up and an allocation for each value.
type kernel func(b *Batch, number int)

// An outcome is how the evaluation of one part of an expression ended.
type outcome uint8

// The outcomes. From failed on, an outcome is failed and the Failure added.
const (
	valued outcome = iota
	isNull
	failed
)

// A term computes a part of an expression from the row that is evaluated. The
// value counts only where the outcome is valued.
type term[T any] func(row *evaluation) (T, outcome)

// A kernels compiles checked expressions to kernels. Each of its methods returns
// nil for what it has no kernel for, and CEL then evaluates the whole expression.
type kernels struct {
	*owners
	types map[int64]*types.Type
}

// compileKernel returns the kernel of an expression for a feature of type t; nil
// where only CEL can evaluate it.
func compileKernel(checked *cel.Ast, p *owners, t schema.Type) kernel {
	k := kernels{p, checked.NativeRep().TypeMap()}
	e := checked.NativeRep().Expr()
	switch {
	case k.typeOf(e) == nil, !k.typeOf(e).IsExactType(celType(t)):
		return nil // an optional, which may be none
	case t.IsFloat():
		return kernelOf(k.double(e), setDouble)
	case t.IsInteger():
		return kernelOf(k.integer(e), setInteger)
	case t == schema.Bool:
		return kernelOf(k.boolean(e), setBool)
	case t == schema.String:
		return kernelOf(k.text(e), setText)
	case t == schema.Timestamp:
		return kernelOf(k.moment(e), setMoment)
	}
	return nil
}

// kernelOf returns the kernel that puts a term's values with set, which tells
// whether a value fits.
func kernelOf[T any](compute term[T], set func(c *column.Column, r int, v T) bool) kernel {
	if compute == nil {
		return nil
	}
	return func(b *Batch, number int) {
		x := b.program.expressions[number]
		for r := range b.rows {
			b.eval.row = r
			v, o := compute(&b.eval)
			if o == valued {
				b.putFitting(number, x, r, set(&b.columns[x.feature], r, v))
				continue
			}
			if o >= failed {
				b.failed[number][o-failed]++
			}
			b.putDefault(x.feature, r, schema.StatusNullValue)
		}
	}
}

func (k kernels) typeOf(e ast.Expr) *types.Type { return k.types[e.ID()] }

// field returns the field that OWNER.NAME reads.
func (k kernels) field(e ast.Expr) (field, bool) {
	if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
		return field{}, false
	}
	f, found := k.fields[e.AsSelect().Operand().AsIdent()][e.AsSelect().FieldName()]
	return f, found
}

// optional returns the field that OWNER.?NAME.orValue(OTHER) reads, and OTHER.
func (k kernels) optional(e ast.Expr) (f field, other ast.Expr, found bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "orValue" || !e.AsCall().IsMemberFunction() {
		return field{}, nil, false
	}
	target := e.AsCall().Target()
	if target.Kind() != ast.CallKind || target.AsCall().FunctionName() != operators.OptSelect {
		return field{}, nil, false
	}
	args := target.AsCall().Args()
	if args[0].Kind() != ast.IdentKind || args[1].Kind() != ast.LiteralKind {
		return field{}, nil, false
	}
	name, _ := args[1].AsLiteral().Value().(string)
	f, found = k.fields[args[0].AsIdent()][name]
	return f, e.AsCall().Args()[0], found
}

// common compiles what terms of all types share: numbers and texts written
// out, fields, fields with a stand-in, and conditions. literal makes a value of
// CEL's, and read reads a field; both say whether they can. compile is for
// the parts.
func common[T any](k kernels, e ast.Expr, literal func(v any) (T, bool), read func(f field) term[T], compile func(e ast.Expr) term[T]) term[T] {
	if e.Kind() == ast.LiteralKind {
		v, is := literal(e.AsLiteral())
		if !is {
			return nil
		}
		return func(*evaluation) (T, outcome) { return v, valued }
	}
	if e.Kind() == ast.SelectKind {
		f, found := k.field(e)
		if !found || e.AsSelect().IsTestOnly() {
			return nil
		}
		return read(f)
	}
	if f, other, found := k.optional(e); found {
		return either(read(f), compile(other))
	}
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Conditional {
		args := e.AsCall().Args()
		return conditional(k.boolean(args[0]), compile(args[1]), compile(args[2]))
	}
	return nil
}

// either returns a term that is x, or y where x is null.
func either[T any](x, y term[T]) term[T] {
	if x == nil || y == nil {
		return nil
	}
	return func(row *evaluation) (T, outcome) {
		v, o := x(row)
		if o == isNull {
			return y(row)
		}
		return v, o
	}
}

func conditional[T any](condition term[bool], x, y term[T]) term[T] {
	if condition == nil || x == nil || y == nil {
		return nil
	}
	return func(row *evaluation) (v T, o outcome) {
		is, o := condition(row)
		switch {
		case o != valued:
			return v, o
		case is:
			return x(row)
		}
		return y(row)
	}
}

// of1 and of2 return functions of terms that have no failures. As in CEL, the
// first argument without a value decides what becomes of the whole.
func of1[A, T any](x term[A], do func(a A) T) term[T] {
	if x == nil {
		return nil
	}
	return func(row *evaluation) (v T, o outcome) {
		a, o := x(row)
		if o != valued {
			return v, o
		}
		return do(a), valued
	}
}

func of2[A, B, T any](x term[A], y term[B], do func(a A, b B) T) term[T] {
	return try2(x, y, func(a A, b B) (T, outcome) { return do(a, b), valued })
}

// try1 and try2 return functions of terms that may fail.
func try1[A, T any](x term[A], do func(a A) (T, outcome)) term[T] {
	if x == nil {
		return nil
	}
	return func(row *evaluation) (v T, o outcome) {
		a, o := x(row)
		if o != valued {
			return v, o
		}
		return do(a)
	}
}

func try2[A, B, T any](x term[A], y term[B], do func(a A, b B) (T, outcome)) term[T] {
	if x == nil || y == nil {
		return nil
	}
	return func(row *evaluation) (v T, o outcome) {
		a, o := x(row)
		if o != valued {
			return v, o
		}
		b, o := y(row)
		if o != valued {
			return v, o
		}
		return do(a, b)
	}
}

// terms compiles all of some expressions; nil where one of them has no kernel.
func terms[T any](expressions []ast.Expr, compile func(e ast.Expr) term[T]) []term[T] {
	compiled := make([]term[T], len(expressions))
	for i, e := range expressions {
		if compiled[i] = compile(e); compiled[i] == nil {
			return nil
		}
	}
	return compiled
}

// why returns the outcome of a failure.
func why(f Failure) outcome { return failed + outcome(f) }
