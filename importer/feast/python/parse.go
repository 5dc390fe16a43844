package python

import (
	"fmt"
	"slices"
	"strings"
)

// A node is a part of an expression.
type node struct {
	op   string // see below
	text string
	args []*node
	line int
}

// The ops of nodes. An operator, such as + or not, is its own op.
const (
	opName    = "name"
	opNumber  = "number"
	opText    = "text"
	opWord    = "word"    // True, False and None
	opAttr    = "."       // args[0].text
	opCall    = "call"    // args[0](args[1:]...)
	opKeyword = "keyword" // text=args[0], in a call
	opIndex   = "index"   // args[0][args[1]]
	opDict    = "dict"    // key, value, key, value, ...
	opList    = "list"
	opEach    = "each" // [args[0] for args[1] in args[2]]; args[1] is a tuple
	opTuple   = "tuple"
	opIf      = "if"  // args[0] if args[1] else args[2]
	opNeg     = "neg" // -args[0]
)

// A statement assigns value to target, or returns it if target is nil.
type statement struct {
	target, value *node
	line          int
}

// A function is a Python function of one parameter.
type function struct {
	param string
	body  []statement
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

// parse reads the source of one function, with its decorators.
func parse(source string) (*function, error) {
	if len(source) > MaxBytes {
		return nil, &unreadable{1, fmt.Sprintf("it has more than %d bytes", MaxBytes)}
	}
	all, err := tokens(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: all}
	return p.function()
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != endOfText {
		p.at++
	}
	return t
}

func (p *parser) isOp(text string) bool   { return p.peek().kind == operator && p.peek().text == text }
func (p *parser) isName(text string) bool { return p.peek().kind == name && p.peek().text == text }

func (p *parser) takeOp(text string) bool {
	if p.isOp(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) takeName(text string) bool {
	if p.isName(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) failf(format string, args ...any) error {
	return &unreadable{p.peek().line, fmt.Sprintf(format, args...)}
}

func (p *parser) want(text string) error {
	if !p.takeOp(text) {
		return p.failf("%s was expected", text)
	}
	return nil
}

// skipLine passes over a logical line.
func (p *parser) skipLine() {
	for k := p.peek().kind; k != newline && k != endOfText; k = p.peek().kind {
		p.at++
	}
	p.take()
}

// imports passes over an import, unless it gives another meaning to a name that
// expressions use.
func (p *parser) imports() error {
	line := p.peek().line
	var words []string
	for k := p.peek().kind; k != newline && k != endOfText; k = p.peek().kind {
		words = append(words, p.take().text)
	}
	p.take()
	switch strings.Join(words, " ") {
	case "import pandas as pd", "import numpy as np", "import pandas", "import numpy":
		return nil
	}
	for _, word := range []string{"pd", "np", "pandas", "numpy", "abs", "zip", "float", "int", "dict", "*"} {
		if slices.Contains(words, word) {
			return &unreadable{line, "an import that gives another meaning to " + word + " is not read"}
		}
	}
	return nil
}

func (p *parser) function() (*function, error) {
	for p.isOp("@") || p.isName("import") || p.isName("from") {
		if p.isOp("@") {
			p.skipLine()
		} else if err := p.imports(); err != nil {
			return nil, err
		}
	}
	if !p.takeName("def") {
		return nil, p.failf("only a function that begins with def is read")
	}
	f := &function{}
	if p.peek().kind != name {
		return nil, p.failf("the function has no name")
	}
	p.take()
	if err := p.parameter(f); err != nil {
		return nil, err
	}
	if p.take().kind != newline || p.take().kind != indent {
		return nil, p.failf("the function's body must be on lines of its own")
	}
	for p.peek().kind != dedent && p.peek().kind != endOfText {
		if err := p.statement(f); err != nil {
			return nil, err
		}
	}
	p.take()
	if p.peek().kind != endOfText {
		return nil, p.failf("there is something after the function")
	}
	return f, nil
}

// parameter reads (NAME: TYPE) -> TYPE:
func (p *parser) parameter(f *function) error {
	if err := p.want("("); err != nil {
		return err
	}
	if p.peek().kind != name {
		return p.failf("only a function of one parameter is read")
	}
	f.param = p.take().text
	if p.takeOp(":") {
		if _, err := p.expression(); err != nil {
			return err
		}
	}
	p.takeOp(",")
	if !p.takeOp(")") {
		return p.failf("only a function of one parameter is read")
	}
	if p.takeOp("->") {
		if _, err := p.expression(); err != nil {
			return err
		}
	}
	return p.want(":")
}

// compound are the words that begin a statement which is more than an assignment.
var compound = []string{"if", "for", "while", "with", "try", "def", "class", "async", "del", "global", "nonlocal", "raise", "assert", "yield", "await", "lambda", "match"}

func (p *parser) statement(f *function) error {
	t := p.peek()
	switch {
	case p.takeOp(";"):
		return nil
	case t.kind == newline:
		p.take()
		return nil
	case t.kind == name && slices.Contains(compound, t.text):
		return p.failf("a statement that begins with %s is not read", t.text)
	case p.isName("import") || p.isName("from"):
		return p.imports()
	case p.takeName("pass"):
		return nil
	case t.kind == text && p.tokens[p.at+1].kind == newline: // a docstring
		p.at += 2
		return nil
	case p.takeName("return"):
		value, err := p.expression()
		if err != nil {
			return err
		}
		f.body = append(f.body, statement{nil, value, t.line})
		return p.endStatement()
	}
	target, err := p.expression()
	if err != nil {
		return err
	}
	if p.takeOp(":") { // a type
		if _, err := p.expression(); err != nil {
			return err
		}
	}
	if !p.takeOp("=") {
		return p.failf("only assignments and return are read")
	}
	value, err := p.expression()
	if err != nil {
		return err
	}
	if p.isOp("=") {
		return p.failf("an assignment to several names is not read")
	}
	f.body = append(f.body, statement{target, value, t.line})
	return p.endStatement()
}

func (p *parser) endStatement() error {
	switch k := p.peek().kind; {
	case k == newline:
		p.take()
	case p.takeOp(";"), k == endOfText, k == dedent:
	default:
		return p.failf("%q is not read here", p.peek().text)
	}
	return nil
}

// expression reads a conditional expression.
func (p *parser) expression() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.failf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	value, err := p.binary(0)
	if err != nil || !p.isName("if") {
		return value, err
	}
	line := p.take().line
	cond, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if !p.takeName("else") {
		return nil, p.failf("else was expected")
	}
	other, err := p.expression()
	return &node{op: opIf, args: []*node{value, cond, other}, line: line}, err
}

// levels are the binary operators, the loosest first.
var levels = [][]string{
	{"or"},
	{"and"},
	{"not"},
	{"<", "<=", ">", ">=", "==", "!=", "is", "in", "not"},
	{"|"},
	{"^"},
	{"&"},
	{"<<", ">>"},
	{"+", "-"},
	{"*", "/", "//", "%", "@"},
}

const (
	notLevel     = 2
	compareLevel = 3
)

func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	if level == notLevel {
		return p.not()
	}
	left, err := p.binary(level + 1)
	for n := 0; err == nil; n++ {
		t := p.peek()
		if t.kind != operator && t.kind != name || !slices.Contains(levels[level], t.text) {
			return left, nil
		}
		if level == compareLevel && n > 0 {
			return nil, p.failf("a chain of comparisons is not read")
		}
		if n > maxDepth {
			return nil, p.failf("it is nested too deeply")
		}
		p.take()
		op := t.text
		switch {
		case op == "not": // not in
			return nil, p.failf("not in is not read")
		case op == "is" && p.takeName("not"):
			op = "is not"
		}
		var right *node
		if right, err = p.binary(level + 1); err == nil {
			left = &node{op: op, args: []*node{left, right}, line: t.line}
		}
	}
	return nil, err
}

func (p *parser) not() (*node, error) {
	line := p.peek().line
	if !p.takeName("not") {
		return p.binary(compareLevel)
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.failf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	value, err := p.not()
	return &node{op: "not", args: []*node{value}, line: line}, err
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.failf("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	t := p.peek()
	for _, op := range []string{"-", "+", "~"} {
		if p.takeOp(op) {
			value, err := p.unary()
			switch op {
			case "+":
				return value, err
			case "-":
				op = opNeg
			}
			return &node{op: op, args: []*node{value}, line: t.line}, err
		}
	}
	value, err := p.primary()
	if err != nil || !p.takeOp("**") {
		return value, err
	}
	if by := p.take(); by.kind != number || by.text != "2" || p.isOp("**") || p.isOp(".") {
		p.at--
		return nil, p.failf("** is read with 2 only")
	}
	return &node{op: "*", args: []*node{value, value}, line: t.line}, nil
}

// primary reads an atom with its attributes, calls and subscripts.
func (p *parser) primary() (*node, error) {
	value, err := p.atom()
	for n := 0; err == nil; n++ {
		line := p.peek().line
		if n > maxDepth {
			return nil, p.failf("it is nested too deeply")
		}
		switch {
		case p.takeOp("."):
			if p.peek().kind != name {
				return nil, p.failf("a name was expected")
			}
			value = &node{op: opAttr, text: p.take().text, args: []*node{value}, line: line}
		case p.takeOp("("):
			var args []*node
			args, err = p.arguments()
			value = &node{op: opCall, args: append([]*node{value}, args...), line: line}
		case p.takeOp("["):
			var index *node
			if index, err = p.expression(); err == nil {
				if p.isOp(",") { // of a type
					index, err = p.rest(index, "]")
				} else {
					err = p.want("]")
				}
			}
			value = &node{op: opIndex, args: []*node{value, index}, line: line}
		default:
			return value, nil
		}
	}
	return nil, err
}

func (p *parser) arguments() (args []*node, err error) {
	for !p.takeOp(")") {
		t := p.peek()
		var arg *node
		if t.kind == name && p.tokens[p.at+1].kind == operator && p.tokens[p.at+1].text == "=" {
			p.at += 2
			if arg, err = p.expression(); err == nil {
				arg = &node{op: opKeyword, text: t.text, args: []*node{arg}, line: t.line}
			}
		} else {
			arg, err = p.expression()
		}
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if !p.takeOp(",") && !p.isOp(")") {
			return nil, p.failf("the argument is not read")
		}
	}
	return args, nil
}

// rest reads what follows the first item of a tuple or a list.
func (p *parser) rest(first *node, end string) (*node, error) {
	tuple := &node{op: opTuple, args: []*node{first}, line: first.line}
	for !p.takeOp(end) {
		if !p.takeOp(",") {
			return nil, p.failf("%s was expected", end)
		}
		if p.takeOp(end) {
			break
		}
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		tuple.args = append(tuple.args, item)
	}
	return tuple, nil
}

// words are the names that are no variables; those that could begin an expression are
// not read.
var words = []string{"and", "as", "else", "for", "if", "import", "in", "is", "not", "or", "return", "lambda", "await", "yield", "def", "from", "class"}

func (p *parser) atom() (*node, error) {
	t := p.take()
	switch t.kind {
	case name:
		switch {
		case t.text == "True" || t.text == "False" || t.text == "None":
			return &node{op: opWord, text: t.text, line: t.line}, nil
		case slices.Contains(words, t.text):
			p.at--
			return nil, p.failf("%s is not read here", t.text)
		}
		return &node{op: opName, text: t.text, line: t.line}, nil
	case number:
		return &node{op: opNumber, text: t.text, line: t.line}, nil
	case text:
		return &node{op: opText, text: t.text, line: t.line}, nil
	case operator:
		switch t.text {
		case "(":
			value, err := p.expression()
			if err != nil {
				return nil, err
			}
			if p.isOp(",") {
				return p.rest(value, ")")
			}
			return value, p.want(")")
		case "[":
			return p.list(t.line)
		case "{":
			return p.dict(t.line)
		}
	case endOfText:
		return nil, p.failf("the text ends too early")
	}
	if t.kind != endOfText {
		p.at--
	}
	return nil, p.failf("%q is not read here", t.text)
}

func (p *parser) list(line int) (*node, error) {
	if p.takeOp("]") {
		return &node{op: opList, line: line}, nil
	}
	first, err := p.expression()
	if err != nil {
		return nil, err
	}
	if !p.takeName("for") {
		items, err := p.rest(first, "]")
		if err != nil {
			return nil, err
		}
		return &node{op: opList, args: items.args, line: line}, nil
	}
	targets := &node{op: opTuple, line: line}
	parens := p.takeOp("(")
	for {
		if p.peek().kind != name {
			return nil, p.failf("a name was expected")
		}
		t := p.take()
		targets.args = append(targets.args, &node{op: opName, text: t.text, line: t.line})
		if !p.takeOp(",") {
			break
		}
	}
	if parens {
		if err := p.want(")"); err != nil {
			return nil, err
		}
	}
	if !p.takeName("in") {
		return nil, p.failf("in was expected")
	}
	over, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if !p.takeOp("]") {
		return nil, p.failf("%q is not read here", p.peek().text)
	}
	return &node{op: opEach, args: []*node{first, targets, over}, line: line}, nil
}

func (p *parser) dict(line int) (*node, error) {
	dict := &node{op: opDict, line: line}
	for !p.takeOp("}") {
		key, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.want(":"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		dict.args = append(dict.args, key, value)
		if !p.takeOp(",") && !p.isOp("}") {
			return nil, p.failf("%q is not read here", p.peek().text)
		}
	}
	return dict, nil
}
