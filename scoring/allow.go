package scoring

import (
	"fmt"
	"slices"
)

// A model is on the list when all of its nodes are: their operators, types and shapes are
// those that the usual exporters emit and that survived fuzzing. Memory, time and shapes
// of a run then follow from the file and the number of rows alone, so that what a trial
// survives, every request survives. allow_table.go has the operators, and how each came
// onto the list.

// maxCopies bounds how many copies of each of its strings a row may have in a run. ONNX
// Runtime's limit of memory doesn't count the text of strings.
const maxCopies = 32

// A source is what the values of a tensor depend on.
type source uint8

// The sources. Each includes those before it.
const (
	fromFile     source = iota
	fromRows            // on the number of rows too, and be products of sizes
	fromFeatures        // on features too
)

// A fact is what the list knows about a tensor.
type fact struct {
	elem   Elem
	from   source
	dims   []int64 // -1 for one that isn't known; nil when not even their number is
	ints   []int64 // the values of a small tensor of integers, or of sizes; -1 for one that isn't known
	copies int64   // of texts of features in a row
	matrix bool    // it has the columns of the only input, which are compared with the features
}

// A listing walks the nodes of a model's main graph.
type listing struct {
	opsets  map[string]int64
	tensors map[string]fact
	texts   int64 // of features in a row
	copies  int64 // of them that nodes make
}

// outside says why the model is not on the list, and returns "" when it is.
func (in *inspector) outside(g *graphFacts, sig *Signature) string {
	switch {
	case in.nested:
		return "it has graphs inside of nodes"
	case len(in.units) > 0:
		return "it defines functions of its own"
	case in.sparseTensors:
		return "it has sparse tensors"
	case g.repeated != "":
		return fmt.Sprintf("two of its tensors are named %q", printable(g.repeated))
	}
	l := &listing{opsets: in.opsets, tensors: make(map[string]fact, len(g.initializers)+len(g.nodes))}
	for name, b := range g.initializers {
		l.tensors[name] = readFact(b)
	}
	if why := l.addInputs(sig); why != "" {
		return why
	}
	for i := range g.nodes {
		if why := l.node(&g.nodes[i]); why != "" {
			return why
		}
	}
	return ""
}

func (l *listing) addInputs(sig *Signature) string {
	for _, v := range sig.Inputs {
		if v.Kind != Tensor {
			return fmt.Sprintf("input %q is %s", printable(v.Name), v.typeString())
		}
		f := fact{elem: v.Elem, from: fromFeatures}
		for _, d := range v.Dims {
			f.dims = append(f.dims, max(d.Size, -1))
		}
		if v.Elem == String {
			f.copies = 1 // Bind lets a feature of text have one column
			l.texts++
		}
		f.matrix = len(sig.Inputs) == 1 && v.Elem == Float32
		l.tensors[v.Name] = f
	}
	return ""
}

// A call is a node with what is known about its inputs.
type call struct {
	*node
	attrs map[string]attribute
	in    []fact // elem 0 where an input is left out
	list  *listing
}

// node adds the outputs of a node, or says why it is not on the list.
func (l *listing) node(n *node) string {
	row, known := listed[n.listName()]
	if !known || len(n.out) == 0 {
		return n.say("it is not on the list of operators")
	}
	if v := l.opsets[n.domain]; v < fuzzed[n.domain].first || v > fuzzed[n.domain].last {
		return n.say("version %d of its domain is not on the list", v)
	}
	attrs, err := n.attributes()
	if err != nil {
		return err.Error()
	}
	c := &call{node: n, attrs: attrs, list: l, in: make([]fact, max(1, len(n.in)))}
	if why := c.read(&row); why != "" {
		return why
	}
	out, why := row.makes(c)
	if why != "" {
		return n.say("%s", why)
	}
	if len(n.out) > len(out) {
		return n.say("it has %d outputs", len(n.out))
	}
	return c.write(&row, out[:len(n.out)])
}

// read looks up the inputs of a node.
func (c *call) read(row *operator) string {
	for i, name := range c.node.in {
		if name == "" {
			continue
		}
		f, made := c.list.tensors[name]
		switch {
		case !made:
			return c.say("no node before it makes its input %q", printable(name))
		case f.elem == 0:
			return c.say("its input %q is no tensor of numbers or of texts up to %d bytes", printable(name), maxText)
		case !row.elems(i).has(f.elem):
			return c.say("its input %q is %s", printable(name), f.elem)
		case slices.Contains(f.dims, 0) && !slices.Contains(row.sizes, i):
			// Kernels that want one value read it without a look at the size.
			return c.say("its input %q is empty", printable(name))
		case f.from > row.most(i):
			return c.say("a shape follows from its input %q, which depends on %s", printable(name), f.from)
		}
		c.in[i] = f
	}
	return ""
}

// write keeps what a node makes.
func (c *call) write(row *operator, out []fact) string {
	from := fromFile
	for _, f := range c.in {
		from = max(from, f.from)
	}
	for i, name := range c.out {
		if name == "" {
			continue
		}
		if _, made := c.list.tensors[name]; made {
			return c.say("%q is made twice", printable(name))
		}
		f := out[i]
		f.matrix = i == 0 && keepsColumns[c.op] && c.in[0].matrix
		f.from = row.source(from)
		if f.from == fromFeatures {
			f.ints = nil
		}
		if c.list.copies += f.copies; c.list.copies > maxCopies*c.list.texts {
			return c.say("a row would have more than %d copies of its texts (limit %d for each)", maxCopies*c.list.texts, maxCopies)
		}
		c.list.tensors[name] = f
	}
	return ""
}

// source returns what the outputs depend on when the inputs depend on from. Sums and
// comparisons of sizes can make a shape that is odd for one number of rows only, which no
// trial would find, so no shape may follow from them.
func (o *operator) source(from source) source {
	switch {
	case from == fromFile:
		return fromFile
	case o.measures:
		return fromRows
	case o.selects:
		return from
	}
	return fromFeatures
}

// listName is the name of the operator in the table.
func (n *node) listName() string {
	if n.domain == "" || n.domain == "ai.onnx" {
		return n.op
	}
	return n.domain + ":" + n.op
}

// say explains why a node is not on the list.
func (n *node) say(format string, args ...any) string {
	return fmt.Sprintf("%s, operator %s: ", n, printable(n.listName())) + fmt.Sprintf(format, args...)
}

func (s source) String() string {
	return [...]string{"nothing", "the number of rows", "features"}[s]
}

// An operator is a row of the table.
type operator struct {
	run      string  // the fuzzing run by which it came onto the list
	takes    []elems // what the inputs may be; the last is for all that follow
	constant []int   // inputs that must be in the file
	sizes    []int   // inputs that may also depend on the number of rows
	measures bool    // the values of its outputs follow from shapes alone
	selects  bool    // its outputs are products or a choice of the values of its inputs
	makes    func(*call) (out []fact, why string)
}

func (o *operator) elems(input int) elems { return o.takes[min(input, len(o.takes)-1)] }

// most returns the most that the values of an input may depend on.
func (o *operator) most(input int) source {
	switch {
	case slices.Contains(o.constant, input):
		return fromFile
	case slices.Contains(o.sizes, input):
		return fromRows
	}
	return fromFeatures
}

// elems is a set of element types.
type elems uint32

func setOf(all ...Elem) (set elems) {
	for _, e := range all {
		set |= 1 << e
	}
	return set
}

func (set elems) has(e Elem) bool { return e > 0 && e < 32 && set&(1<<e) != 0 }
