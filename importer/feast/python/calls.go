package python

import (
	"fmt"
	"maps"

	"larder/schema"
)

// call reads the calls that have a counterpart.
func (t *translator) call(n *node) (*value, error) {
	called, args := n.args[0], n.args[1:]
	switch {
	case isModule(called, "DataFrame") && !t.python:
		return t.dataFrame(n, args)
	case isModule(called, "where") && !t.python:
		return t.where(n, args)
	case isModule(called, "sqrt") && !t.python && len(args) == 1:
		return t.root(n, args[0])
	case (isModule(called, "maximum") || isModule(called, "minimum")) && !t.python && len(args) == 2:
		return t.extreme(n, called.text, args)
	case called.op == opName && called.text == "dict" && t.vars["dict"] == nil && len(args) == 0 && t.python:
		return &value{frame: &frame{columns: map[string]*value{}}}, nil
	case called.op == opName && called.text == "abs" && t.vars["abs"] == nil && len(args) == 1:
		return t.absolute(n, args[0])
	case called.op == opName && (called.text == "float" || called.text == "int") && t.vars[called.text] == nil && len(args) == 1 && t.python:
		return t.number(n, called.text, args[0])
	case called.op == opAttr:
		return t.method(n, called, args)
	}
	return nil, &unreadable{n.line, "the call is not read"}
}

// isModule reports whether a call is of a function of pandas or numpy.
func isModule(called *node, function string) bool {
	if called.op != opAttr || called.text != function || called.args[0].op != opName {
		return false
	}
	module := called.args[0].text
	if function == "DataFrame" {
		return module == "pd" || module == "pandas"
	}
	return module == "np" || module == "numpy"
}

// dataFrame reads pd.DataFrame() and pd.DataFrame({...}).
func (t *translator) dataFrame(n *node, args []*node) (*value, error) {
	if len(args) == 0 {
		return &value{frame: &frame{columns: map[string]*value{}}}, nil
	}
	v, err := t.eval(args[0])
	if err != nil {
		return nil, err
	}
	if len(args) > 1 || args[0].op != opDict {
		return nil, &unreadable{n.line, "DataFrame is read with a mapping only"}
	}
	for name, column := range v.frame.columns {
		if column.isConst || column.frame != nil {
			return nil, &unreadable{n.line, fmt.Sprintf("the column %s of one constant is not read", name)}
		}
	}
	return v, nil
}

// where reads np.where(condition, yes, no).
func (t *translator) where(n *node, args []*node) (*value, error) {
	if len(args) != 3 {
		return nil, &unreadable{n.line, "np.where is read with three arguments only"}
	}
	values, err := t.scalars(n, args...)
	if err != nil {
		return nil, err
	}
	if values[0].isConst {
		return nil, &unreadable{n.line, "np.where of a constant is not read"}
	}
	if values[1].typ == schema.String && len(values[1].nullable)+len(values[2].nullable) > 0 {
		return nil, &unreadable{n.line, "np.where makes a text of a null, which is not read"}
	}
	return t.choice(n, values[0], values[1], values[2])
}

// root reads np.sqrt(x), which is NaN, and so null, below 0.
func (t *translator) root(n, arg *node) (*value, error) {
	values, err := t.scalars(n, arg)
	if err != nil {
		return nil, err
	}
	v := values[0]
	if !isNumber(v) || v.isConst {
		return nil, &unreadable{n.line, "np.sqrt is read of a column of numbers only"}
	}
	return joined(value{expr: "math.sqrt(" + asFloat(v).expr + ")", typ: schema.Float64, whole: true, mayBeNaN: true, fails: failsOnNull(v)}, v), nil
}

// extreme reads np.maximum(a, b) and np.minimum(a, b).
func (t *translator) extreme(n *node, function string, args []*node) (*value, error) {
	values, err := t.scalars(n, args...)
	if err != nil {
		return nil, err
	}
	a, b := values[0], values[1]
	if !isNumber(a) || !isNumber(b) || a.mayBeNaN || b.mayBeNaN || a.isConst && b.isConst {
		return nil, &unreadable{n.line, fmt.Sprintf("np.%s is read of columns of numbers only, without a division", function)}
	}
	a, b = alike(a, b)
	name := "math.greatest"
	if function == "minimum" {
		name = "math.least"
	}
	return joined(value{expr: name + "(" + a.expr + ", " + b.expr + ")", typ: a.typ, whole: true, fails: failsOnNull(a, b)}, a, b), nil
}

func (t *translator) absolute(n, arg *node) (*value, error) {
	values, err := t.scalars(n, arg)
	if err != nil {
		return nil, err
	}
	v := values[0]
	if !isNumber(v) {
		return nil, &unreadable{n.line, "abs of something that is no number is not read"}
	}
	return joined(value{expr: "math.abs(" + v.expr + ")", typ: v.typ, whole: true, fails: failsOnNull(v)}, v), nil
}

// number reads float(x), and int(x) of a bool or an int.
func (t *translator) number(n *node, function string, arg *node) (*value, error) {
	values, err := t.scalars(n, arg)
	if err != nil {
		return nil, err
	}
	v := values[0]
	switch {
	case v.typ == schema.Bool && len(v.nullable) == 0:
		return t.oneOrZero(v, function == "float"), nil
	case isNumber(v) && function == "float":
		return joined(value{expr: asFloat(v).expr, typ: schema.Float64, whole: asFloat(v).whole, isZero: v.isZero, fails: failsOnNull(v)}, v), nil
	case v.typ == schema.Int64:
		return joined(value{expr: v.expr, typ: v.typ, whole: v.whole, isZero: v.isZero, fails: failsOnNull(v)}, v), nil
	}
	return nil, &unreadable{n.line, fmt.Sprintf("%s of %s is not read", function, v.typ)}
}

func (t *translator) oneOrZero(v *value, float bool) *value {
	if float {
		return said(value{expr: wrap(v) + " ? 1.0 : 0.0", typ: schema.Float64, isConst: v.isConst}, v)
	}
	return said(value{expr: wrap(v) + " ? 1 : 0", typ: schema.Int64, isConst: v.isConst}, v)
}

// method reads the methods of columns and frames.
func (t *translator) method(n, called *node, args []*node) (*value, error) {
	unread := &unreadable{n.line, "." + called.text + "() is not read"}
	owner, err := t.eval(called.args[0])
	if err != nil {
		return nil, err
	}
	if owner.frame != nil {
		if called.text == "copy" && len(args) == 0 {
			return &value{frame: &frame{inputs: owner.frame.inputs, columns: maps.Clone(owner.frame.columns)}}, nil
		}
		return nil, unread
	}
	if t.python || owner.isConst || len(args) > 1 {
		return nil, unread
	}
	switch {
	case called.text == "abs" && len(args) == 0 && isNumber(owner):
		return joined(value{expr: "math.abs(" + owner.expr + ")", typ: owner.typ, whole: true, fails: failsOnNull(owner)}, owner), nil
	case called.text == "fillna" && len(args) == 1:
		by, err := t.eval(args[0])
		if err != nil {
			return nil, err
		}
		return t.fill(n, owner, by)
	case called.text == "astype" && len(args) == 1:
		return t.astype(owner, args[0], unread)
	case (called.text == "isnull" || called.text == "isna" || called.text == "notnull" || called.text == "notna") && len(args) == 0:
		return t.nulls(owner, called.text, unread)
	}
	return nil, unread
}

// astype reads the conversions that fail or change nothing else.
func (t *translator) astype(v *value, to *node, unread error) (*value, error) {
	float := to.text == "float" || to.text == "float64"
	if to.op != opName && to.op != opText || !float && to.text != "int" && to.text != "int64" {
		return nil, unread
	}
	switch {
	case v.typ == schema.Bool && len(v.nullable) == 0:
		return t.oneOrZero(v, float), nil
	case float && isNumber(v):
		return asFloat(v), nil
	case !float && v.typ == schema.Int64:
		return joined(value{expr: v.expr, typ: v.typ, whole: v.whole, fails: failsOnNull(v)}, v), nil
	}
	return nil, unread
}

func (t *translator) nulls(v *value, method string, unread error) (*value, error) {
	if len(v.nullable) != 1 || v.expr != v.nullable[0] {
		return nil, unread
	}
	expr := "has(" + v.expr + ")"
	if method == "isnull" || method == "isna" {
		expr = "!" + expr
	}
	return &value{expr: expr, typ: schema.Bool, whole: true}, nil
}
