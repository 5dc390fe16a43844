package python

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"larder/schema"
)

// scalars evaluates operands, which must be values: in mode python not lists.
func (t *translator) scalars(n *node, args ...*node) ([]*value, error) {
	values := make([]*value, len(args))
	for k, arg := range args {
		v, err := t.eval(arg)
		switch {
		case err != nil:
			return nil, err
		case v.frame != nil || v.isNone:
			return nil, &unreadable{n.line, fmt.Sprintf("%s of something that is no column or value is not read", n.op)}
		case v.isList:
			return nil, &unreadable{n.line, "in mode python a column is a list, which has no arithmetic of its elements"}
		}
		values[k] = v
	}
	return values, nil
}

// joined returns a value that is null where one of the others is, and fails where one
// does.
func joined(v value, from ...*value) *value {
	v.isConst = true
	for _, f := range from {
		v.isConst = v.isConst && f.isConst
		v.mayBeNaN = v.mayBeNaN || f.mayBeNaN
		for _, ref := range f.nullable {
			if !slices.Contains(v.nullable, ref) {
				v.nullable = append(v.nullable, ref)
			}
		}
	}
	return said(v, from...)
}

// said returns a value that fails where one of the others does.
func said(v value, from ...*value) *value {
	for _, f := range from {
		v.fails = cmp.Or(v.fails, f.fails)
	}
	return &v
}

func wrap(v *value) string {
	if v.whole {
		return v.expr
	}
	return "(" + v.expr + ")"
}

func isNumber(v *value) bool { return v.typ == schema.Int64 || v.typ == schema.Float64 }

// asFloat returns a number as a float64.
func asFloat(v *value) *value {
	if v.typ == schema.Float64 {
		return v
	}
	f := *v
	f.typ = schema.Float64
	if _, err := strconv.ParseInt(v.expr, 10, 64); err == nil {
		f.expr = v.expr + ".0"
	} else {
		f.expr, f.whole = "double("+v.expr+")", true
	}
	return &f
}

// alike makes two numbers of one type.
func alike(a, b *value) (*value, *value) {
	if a.typ != b.typ {
		return asFloat(a), asFloat(b)
	}
	return a, b
}

const nullFails = "a value is null"

// failsOnNull returns when Python fails for a value.
func failsOnNull(values ...*value) string {
	if slices.ContainsFunc(values, func(v *value) bool { return len(v.nullable) > 0 }) {
		return nullFails
	}
	return ""
}

func (t *translator) arithmetic(n *node) (*value, error) {
	values, err := t.scalars(n, n.args...)
	if err != nil {
		return nil, err
	}
	a, b := values[0], values[1]
	texts := n.op == "+" && a.typ == schema.String && b.typ == schema.String
	switch {
	case texts:
	case !isNumber(a) || !isNumber(b):
		return nil, &unreadable{n.line, fmt.Sprintf("%s %s %s is not read", a.typ, n.op, b.typ)}
	case n.op == "/":
		return t.division(n, a, b)
	}
	if !texts {
		a, b = alike(a, b)
	}
	v := value{expr: wrap(a) + " " + n.op + " " + wrap(b), typ: a.typ}
	if t.python {
		v.fails = failsOnNull(a, b)
	}
	return joined(v, a, b), nil
}

func (t *translator) division(n *node, a, b *value) (*value, error) {
	if b.isZero {
		return nil, &unreadable{n.line, "a division by 0 is not read"}
	}
	a, b = asFloat(a), asFloat(b)
	v := value{expr: wrap(a) + " / " + wrap(b), typ: schema.Float64}
	switch {
	case t.python && b.isConst:
		v.fails = failsOnNull(a)
	case t.python:
		v.fails = "a value is null or a divisor is 0"
	case !b.isConst:
		v.mayBeNaN = true // 0 / 0, which Feast answers as null
	}
	return joined(v, a, b), nil
}

func (t *translator) negative(n *node, v *value) (*value, error) {
	if v.frame != nil || v.isList || !isNumber(v) {
		return nil, &unreadable{n.line, "- of something that is no number is not read"}
	}
	expr := "-" + wrap(v)
	if strings.HasPrefix(v.expr, "-") {
		expr = "-(" + v.expr + ")"
	}
	return joined(value{expr: expr, typ: v.typ, isZero: v.isZero, fails: failsOnNull(v)}, v), nil
}

// guarded returns a bool that is never null: other where a value that is read is null.
func guarded(expr string, whenNull string, reads ...*value) value {
	var refs []string
	for _, v := range reads {
		for _, ref := range v.nullable {
			if has := "has(" + ref + ")"; !slices.Contains(refs, has) {
				refs = append(refs, has)
			}
		}
	}
	if len(refs) == 0 {
		return value{expr: expr, typ: schema.Bool}
	}
	if whenNull == "false" {
		return value{expr: strings.Join(refs, " && ") + " && " + expr, typ: schema.Bool}
	}
	return value{expr: strings.Join(refs, " && ") + " ? " + expr + " : " + whenNull, typ: schema.Bool}
}

func (t *translator) comparison(n *node) (*value, error) {
	values, err := t.scalars(n, n.args...)
	if err != nil {
		return nil, err
	}
	a, b := values[0], values[1]
	if !(isNumber(a) && isNumber(b)) && !(a.typ == schema.String && b.typ == schema.String) {
		return nil, &unreadable{n.line, fmt.Sprintf("%s %s %s is not read", a.typ, n.op, b.typ)}
	}
	if isNumber(a) {
		a, b = alike(a, b)
	}
	whenNull := "false"
	if n.op == "!=" {
		whenNull = "true"
	}
	if n.op == "==" || n.op == "!=" {
		if len(a.nullable) > 0 && len(b.nullable) > 0 && t.python {
			return nil, &unreadable{n.line, "whether two values are equal that may both be null is not read"}
		}
	}
	v := guarded(wrap(a)+" "+n.op+" "+wrap(b), whenNull, a, b)
	if t.python && n.op != "==" && n.op != "!=" {
		v.fails = failsOnNull(a, b)
	}
	v.isConst = a.isConst && b.isConst
	return said(v, a, b), nil
}

// logic reads and, or, & and | of bools that are never null.
func (t *translator) logic(n *node) (*value, error) {
	values, err := t.scalars(n, n.args...)
	if err != nil {
		return nil, err
	}
	a, b := values[0], values[1]
	if n.op == "or" && t.python && isNumber(a) && b.isZero { // None or 0
		return t.fill(n, a, b)
	}
	if a.typ != schema.Bool || b.typ != schema.Bool || len(a.nullable)+len(b.nullable) > 0 {
		return nil, &unreadable{n.line, n.op + " is read between comparisons only"}
	}
	if words := n.op == "and" || n.op == "or"; words != t.python {
		return nil, &unreadable{n.line, n.op + " is not read in this mode"}
	}
	op := "&&"
	if n.op == "or" || n.op == "|" {
		op = "||"
	}
	return said(value{expr: wrap(a) + " " + op + " " + wrap(b), typ: schema.Bool, isConst: a.isConst && b.isConst}, a, b), nil
}

func (t *translator) opposite(n *node) (*value, error) {
	values, err := t.scalars(n, n.args...)
	if err != nil {
		return nil, err
	}
	v := values[0]
	if v.typ != schema.Bool || len(v.nullable) > 0 || (n.op == "not") != t.python {
		return nil, &unreadable{n.line, n.op + " is read before comparisons only"}
	}
	return said(value{expr: "!" + wrap(v), typ: schema.Bool, whole: true, isConst: v.isConst}, v), nil
}

// isNone reads x is None and x is not None.
func (t *translator) isNone(n *node) (*value, error) {
	v, err := t.eval(n.args[0])
	if err != nil {
		return nil, err
	}
	none, err := t.eval(n.args[1])
	if err != nil {
		return nil, err
	}
	if !t.python || !none.isNone || v.frame != nil || v.isList || len(v.nullable) != 1 || v.expr != v.nullable[0] {
		return nil, &unreadable{n.line, n.op + " is read between a value and None only"}
	}
	has := "has(" + v.expr + ")"
	if n.op == "is" {
		has = "!" + has
	}
	return &value{expr: has, typ: schema.Bool, whole: true}, nil
}

// conditional reads a if cond else b, in mode python.
func (t *translator) conditional(n *node) (*value, error) {
	values, err := t.scalars(n, n.args...)
	if err != nil {
		return nil, err
	}
	if !t.python {
		return nil, &unreadable{n.line, "if is not read in mode pandas"}
	}
	return t.choice(n, values[1], values[0], values[2])
}

// choice returns yes where a condition holds, else no.
func (t *translator) choice(n *node, cond, yes, no *value) (*value, error) {
	switch {
	case cond.typ != schema.Bool || len(cond.nullable) > 0:
		return nil, &unreadable{n.line, "a condition is read if it is a comparison"}
	case isNumber(yes) && isNumber(no):
		yes, no = alike(yes, no)
	case yes.typ != no.typ:
		return nil, &unreadable{n.line, fmt.Sprintf("a choice between %s and %s is not read", yes.typ, no.typ)}
	}
	v := value{expr: wrap(cond) + " ? " + wrap(yes) + " : " + wrap(no), typ: yes.typ}
	return joined(v, cond, yes, no), nil
}

// fill returns a constant where a value is null.
func (t *translator) fill(n *node, v, by *value) (*value, error) {
	switch {
	case !by.isConst || by.isNone || by.frame != nil:
		return nil, &unreadable{n.line, "a null is filled with a constant only"}
	case isNumber(v) && isNumber(by):
		v, by = alike(v, by)
	case v.typ != schema.String || by.typ != schema.String:
		return nil, &unreadable{n.line, fmt.Sprintf("filling %s with %s is not read", v.typ, by.typ)}
	}
	expr := wrap(v)
	if v.mayBeNaN {
		expr = "cel.bind(x, " + v.expr + ", math.isNaN(x) ? " + wrap(by) + " : x)"
	}
	filled := guarded(expr, wrap(by), v)
	filled.typ = v.typ
	return said(filled, v), nil
}
