package python

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"larder/schema"
)

// A Function is one of Feast's functions, and what surrounds it.
type Function struct {
	Source    string
	Mode      string // pandas or python; empty: pandas
	Singleton bool   // of mode python: the inputs are values, not lists
	Columns   map[string]Column
	Outputs   map[string]schema.Type // the features that are wanted of it
}

// A Column is an input of a function.
type Column struct {
	Ref  string // in an expression, such as request.amount
	Type schema.Type
}

// A Draft is the expression of one feature.
type Draft struct {
	Expr string
	// Fails says for which values Feast fails a request and the expression doesn't;
	// empty: for none.
	Fails string
}

// Translate returns the draft of each output. The error says which line can't be read, or
// which output is missing.
func Translate(f Function) (map[string]Draft, error) {
	parsed, err := parse(f.Source)
	if err != nil {
		return nil, err
	}
	t := &translator{f: f, python: f.Mode == "python", vars: map[string]*value{}}
	if f.Mode != "" && f.Mode != "pandas" && f.Mode != "python" {
		return nil, fmt.Errorf("functions of mode %s are not read", f.Mode)
	}
	t.vars[parsed.param] = &value{frame: &frame{inputs: true, columns: map[string]*value{}}}
	result, err := t.run(parsed)
	if err != nil {
		return nil, err
	}
	drafts := map[string]Draft{}
	for _, name := range slices.Sorted(maps.Keys(f.Outputs)) {
		v := result.columns[name]
		if v == nil && result.inputs {
			v = t.column(name, 0)
		}
		if v == nil {
			return nil, fmt.Errorf("the function doesn't return %s", name)
		}
		draft, err := t.output(v, f.Outputs[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		drafts[name] = draft
	}
	return drafts, nil
}

// A value is what a part of the function stands for: a frame, or an expression.
type value struct {
	frame *frame

	expr     string
	typ      schema.Type // int64, float64, bool, string, or another that can only be passed on
	isList   bool        // of mode python: one value for each row
	isConst  bool        // a number, text or bool that is written out
	isZero   bool        // a constant 0
	isNone   bool
	whole    bool     // needs no brackets
	nullable []string // the references that it reads, any of which may be null and make it null
	mayBeNaN bool     // of values that are neither null nor NaN
	fails    string
}

// A frame is a table, or a mapping, of columns by their names.
type frame struct {
	inputs  bool // the columns of the function's inputs are in it
	columns map[string]*value
}

type translator struct {
	f      Function
	python bool
	vars   map[string]*value
}

// maxExpr bounds expressions while they grow.
const maxExpr = schema.MaxExprBytes

func (t *translator) run(f *function) (*frame, error) {
	for _, s := range f.body {
		v, err := t.eval(s.value)
		if err != nil {
			return nil, err
		}
		if s.target == nil {
			if v.frame == nil {
				return nil, &unreadable{s.line, "it doesn't return a table or a mapping"}
			}
			return v.frame, nil
		}
		if err := t.assign(s, v); err != nil {
			return nil, err
		}
	}
	return nil, &unreadable{1, "the function returns nothing"}
}

// assign assigns to a variable or to a column of a frame.
func (t *translator) assign(s statement, v *value) error {
	switch target := s.target; target.op {
	case opName:
		if target.text == "pd" || target.text == "np" || target.text == "pandas" || target.text == "numpy" {
			return &unreadable{s.line, "a variable named like a module is not read"}
		}
		t.vars[target.text] = v
		return nil
	case opIndex:
		if target.args[0].op == opName && target.args[1].op == opText {
			owner := t.vars[target.args[0].text]
			if owner != nil && owner.frame != nil {
				if v.frame != nil || !t.python && v.isConst {
					return &unreadable{s.line, "a column of one constant is not read"}
				}
				owner.frame.columns[target.args[1].text] = v
				return nil
			}
		}
	}
	return &unreadable{s.line, "only variables and columns are assigned to"}
}

// column returns an input, or nil.
func (t *translator) column(name string, line int) *value {
	c, found := t.f.Columns[name]
	if !found {
		return nil
	}
	typ := c.Type
	switch {
	case typ == schema.Int32:
		typ = schema.Int64
	case typ == schema.Float32:
		typ = schema.Float64
	}
	return &value{expr: c.Ref, typ: typ, whole: true, nullable: []string{c.Ref}, isList: t.python && !t.f.Singleton}
}

// output makes an expression fit the type of its feature.
func (t *translator) output(v *value, want schema.Type) (Draft, error) {
	switch {
	case v.frame != nil || v.isNone:
		return Draft{}, fmt.Errorf("it is not a column")
	case t.python && v.isList == t.f.Singleton:
		return Draft{}, fmt.Errorf("it is not one value for each row")
	}
	expr := v.expr
	switch {
	case want.IsFloat() && v.typ == schema.Int64:
		expr = asFloat(v).expr
	case want.IsFloat() && v.typ == schema.Float64 && v.mayBeNaN && !t.python:
		expr = "cel.bind(x, " + v.expr + ", math.isNaN(x) ? optional.none() : optional.of(x))"
	case want.IsFloat() && v.typ == schema.Float64, want.IsInteger() && v.typ == schema.Int64, want == v.typ:
	default:
		return Draft{}, fmt.Errorf("it is %s where the feature is %s", v.typ, want)
	}
	return Draft{Expr: expr, Fails: v.fails}, nil
}

func (t *translator) eval(n *node) (*value, error) {
	v, err := t.evalNode(n)
	if err == nil && len(v.expr) > maxExpr {
		return nil, &unreadable{n.line, "the expression becomes too long"}
	}
	return v, err
}

func (t *translator) evalNode(n *node) (*value, error) {
	failf := func(format string, args ...any) (*value, error) {
		return nil, &unreadable{n.line, fmt.Sprintf(format, args...)}
	}
	switch n.op {
	case opName:
		if v := t.vars[n.text]; v != nil {
			return v, nil
		}
		return failf("%s is not defined in the function", n.text)
	case opNumber:
		return constNumber(n)
	case opText:
		return &value{expr: strconv.Quote(n.text), typ: schema.String, isConst: true, whole: true}, nil
	case opWord:
		if n.text == "None" {
			return &value{isNone: true, isConst: true}, nil
		}
		return &value{expr: strings.ToLower(n.text), typ: schema.Bool, isConst: true, whole: true}, nil
	case opAttr:
		return t.attribute(n)
	case opIndex:
		return t.index(n)
	case opCall:
		return t.call(n)
	case opDict:
		return t.dict(n)
	case opEach:
		return t.each(n)
	case opIf:
		return t.conditional(n)
	case opNeg:
		v, err := t.eval(n.args[0])
		if err != nil {
			return nil, err
		}
		return t.negative(n, v)
	case "not", "~":
		return t.opposite(n)
	case "+", "-", "*", "/":
		return t.arithmetic(n)
	case "<", "<=", ">", ">=", "==", "!=":
		return t.comparison(n)
	case "and", "or", "&", "|":
		return t.logic(n)
	case "is", "is not":
		return t.isNone(n)
	}
	return failf("%s is not read", n.op)
}

func constNumber(n *node) (*value, error) {
	digits := strings.ReplaceAll(n.text, "_", "")
	if i, err := strconv.ParseInt(digits, 10, 64); err == nil && (digits == "0" || digits[0] != '0') {
		return &value{expr: strconv.FormatInt(i, 10), typ: schema.Int64, isConst: true, isZero: i == 0, whole: true}, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || !strings.ContainsAny(digits, ".eE") || strings.ContainsAny(digits, "xXpPnN") {
		return nil, &unreadable{n.line, "the number " + n.text + " is not read"}
	}
	return &value{expr: floatText(f), typ: schema.Float64, isConst: true, isZero: f == 0, whole: true}, nil
}

// floatText writes a number that CEL takes for a double.
func floatText(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// attribute reads df.column.
func (t *translator) attribute(n *node) (*value, error) {
	owner, err := t.eval(n.args[0])
	if err != nil {
		return nil, err
	}
	if owner.frame != nil && !t.python {
		if v := t.columnOf(owner.frame, n.text); v != nil {
			return v, nil
		}
	}
	return nil, &unreadable{n.line, "." + n.text + " is not read"}
}

func (t *translator) columnOf(f *frame, name string) *value {
	if v := f.columns[name]; v != nil {
		return v
	}
	if f.inputs {
		return t.column(name, 0)
	}
	return nil
}

func (t *translator) index(n *node) (*value, error) {
	owner, err := t.eval(n.args[0])
	if err != nil {
		return nil, err
	}
	if owner.frame == nil || n.args[1].op != opText {
		return nil, &unreadable{n.line, "only columns by their names are read"}
	}
	if v := t.columnOf(owner.frame, n.args[1].text); v != nil {
		return v, nil
	}
	return nil, &unreadable{n.line, fmt.Sprintf("%q is not one feature of the sources", n.args[1].text)}
}

func (t *translator) dict(n *node) (*value, error) {
	f := &frame{columns: map[string]*value{}}
	for k := 0; k < len(n.args); k += 2 {
		if n.args[k].op != opText {
			return nil, &unreadable{n.line, "only texts are read as keys of a mapping"}
		}
		v, err := t.eval(n.args[k+1])
		if err != nil {
			return nil, err
		}
		f.columns[n.args[k].text] = v
	}
	return &value{frame: f}, nil
}

// each reads [x + y for x, y in zip(a, b)] in mode python.
func (t *translator) each(n *node) (*value, error) {
	failf := func(why string) (*value, error) { return nil, &unreadable{n.line, why} }
	if !t.python || t.f.Singleton {
		return failf("a loop over values is not read here")
	}
	targets, over := n.args[1].args, []*node{n.args[2]}
	if over[0].op == opCall && over[0].args[0].op == opName && over[0].args[0].text == "zip" && t.vars["zip"] == nil {
		over = slices.DeleteFunc(slices.Clone(over[0].args[1:]), func(arg *node) bool { // the columns have one length
			return arg.op == opKeyword && arg.text == "strict" && arg.args[0].op == opWord
		})
	}
	if len(targets) != len(over) {
		return failf("a loop over values must have a variable for each column")
	}
	outer := maps.Clone(t.vars)
	defer func() { t.vars = outer }()
	bound := map[string]*value{}
	for k, target := range targets {
		v, err := t.eval(over[k])
		if err != nil {
			return nil, err
		}
		if !v.isList {
			return failf("a loop goes over columns only")
		}
		element := *v
		element.isList = false
		bound[target.text] = &element
	}
	maps.Copy(t.vars, bound)
	v, err := t.eval(n.args[0])
	if err != nil {
		return nil, err
	}
	if v.frame != nil || v.isList || v.isNone {
		return failf("a loop over values must give values")
	}
	list := *v
	list.isList = true
	return &list, nil
}
