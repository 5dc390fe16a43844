package python

import "slices"

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
