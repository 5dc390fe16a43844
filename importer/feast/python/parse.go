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
