package scoring

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"larder/schema"
)

// MaxModelBytes bounds a model file.
const MaxModelBytes = 256 << 20

// These bounds keep the reading of a hostile file cheap. No model of tabular data
// comes near them.
const (
	maxNodes   = 100_000 // after the model's own functions are expanded
	maxDepth   = 16      // of graphs inside of nodes
	maxNested  = 1000    // graphs inside of nodes
	maxEdges   = 1 << 16 // inputs, outputs or attributes of one node or graph
	maxTensors = 1 << 17
	maxDims    = 16
	maxName    = 4096 // bytes
)

// allowedDomains are those whose operators the official builds of ONNX Runtime carry
// for inference. com.microsoft is included, because optimizers and quantizers write
// its operators. Training domains are not, because they change weights.
var allowedDomains = map[string]bool{"": true, "ai.onnx": true, "ai.onnx.ml": true, "com.microsoft": true}

// mixesRows lists operators whose rounding of a row depends on all rows: dynamic
// quantization takes its scale from the largest and the smallest value.
var mixesRows = map[string]bool{"DynamicQuantizeLinear": true, "DynamicQuantizeMatMul": true, "DynamicQuantizeLSTM": true}

// Inspect reads a model file without ONNX Runtime and refuses what must not reach ONNX
// Runtime: data outside of the file, operators that need their own library, sizes that
// no real model has, and files that are not ONNX models. It checks every node and
// tensor, also in nested graphs and in functions.
//
// Errors are *schema.Error of kind Invalid.
func Inspect(model []byte) (*Signature, error) {
	if err := checkFile(model); err != nil {
		return nil, err
	}
	in := newInspector()
	graph, err := in.model(model)
	if err != nil {
		return nil, err
	}
	facts := &graphFacts{initializers: map[string][]byte{}}
	top := &unit{calls: map[string]int{}}
	if err := in.graph(graph, top, 0, facts); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(in.units)) {
		if err := in.function(in.units[name]); err != nil {
			return nil, err
		}
	}
	if err := in.checkExpansion(top); err != nil {
		return nil, err
	}
	sig, err := facts.signature()
	if err != nil {
		return nil, err
	}
	sig.nested, sig.mixing, sig.outside = in.nested, in.mixing, in.outside(facts, sig)
	sig.operators = slices.Sorted(maps.Keys(in.ops))
	sig.locales = slices.Sorted(maps.Keys(in.locales))
	return sig, nil
}

func checkFile(model []byte) error {
	switch {
	case len(model) == 0:
		return bad("the file is empty")
	case len(model) > MaxModelBytes:
		return bad("the file has %d bytes (limit %d)", len(model), MaxModelBytes)
	case len(model) >= 8 && bytes.Equal(model[4:8], []byte("ORTM")):
		// ONNX Runtime would load such a file without any of the checks here.
		return bad("the file is in ONNX Runtime's own format; give the .onnx file that it was converted from")
	}
	return nil
}

func bad(format string, args ...any) *schema.Error {
	return schema.BadModelFile.Errorf(format, args...)
}

func noProtobuf(err error) error {
	return schema.BadModelFile.Wrap(err, "the file is not an ONNX model, or only a part of one")
}

// An inspector walks a model.
type inspector struct {
	units   map[string]*unit // the model's functions, by full name
	tensors int
	nested  bool // some nodes contain graphs
	mixing  bool // some nodes read all rows
	locales map[string]bool
	ops     map[string]bool // the operators, as in com.microsoft:Attention

	sparseTensors bool
	opsets        map[string]int64 // the versions of domains
}

func newInspector() *inspector {
	return &inspector{units: map[string]*unit{}, opsets: map[string]int64{}, locales: map[string]bool{}, ops: map[string]bool{}}
}

// A unit is what ONNX Runtime expands as a whole: the main graph or a function.
type unit struct {
	name  string
	body  []byte
	nodes int
	// nested counts the graphs inside of nodes: branches, and bodies of loops.
	nested int
	calls  map[string]int // how often it calls which function
	state  int8           // of checkExpansion
	// total and allNested are nodes and nested, with those of the functions called.
	total, allNested int
}

// model finds the graph, and the functions.
func (in *inspector) model(b []byte) (graph []byte, err error) {
	graphs := 0
	for f, err := range fields(b) {
		if err != nil {
			return nil, noProtobuf(err)
		}
		switch f.number {
		case 7:
			graph = f.bytes
			graphs++
		case 8:
			if err := in.opset(f.bytes); err != nil {
				return nil, err
			}
		case 25:
			u := &unit{body: f.bytes, calls: map[string]int{}}
			if u.name, err = functionName(f.bytes); err != nil {
				return nil, err
			}
			if in.units[u.name] != nil {
				return nil, bad("function %q is defined twice", u.name)
			}
			if len(in.units) == maxEdges {
				return nil, bad("the model defines more than %d functions", maxEdges)
			}
			in.units[u.name] = u
		}
	}
	if graphs != 1 {
		return nil, bad("the file is not an ONNX model: it has %d graphs, not one", graphs)
	}
	return graph, nil
}

// opset reads an OperatorSetIdProto.
func (in *inspector) opset(b []byte) error {
	domain, version := "", int64(0)
	for f, err := range fields(b) {
		switch {
		case err != nil:
			return noProtobuf(err)
		case f.number == 1:
			domain = string(f.bytes)
		case f.number == 2:
			version = int64(f.varint)
		}
	}
	if len(in.opsets) < maxEdges {
		in.opsets[domain] = version
	}
	return nil
}

func functionName(b []byte) (string, error) {
	var n node
	for f, err := range fields(b) {
		if err != nil {
			return "", noProtobuf(err)
		}
		switch f.number {
		case 1:
			n.op = string(f.bytes)
		case 10:
			n.domain = string(f.bytes)
		case 13:
			n.overload = string(f.bytes)
		}
	}
	if len(n.op) > maxName || len(n.domain) > maxName || len(n.overload) > maxName {
		return "", bad("a function's name is longer than %d bytes", maxName)
	}
	return n.callee(), nil
}

func (in *inspector) function(u *unit) error {
	for f, err := range fields(u.body) {
		if err != nil {
			return noProtobuf(err)
		}
		if f.number == 7 {
			if err := in.node(f.bytes, u, 0, nil); err != nil {
				return fmt.Errorf("function %q: %w", u.name, err)
			}
		}
	}
	return nil
}

// graph walks one graph, and adds what it learns to facts unless that is nil.
func (in *inspector) graph(b []byte, u *unit, depth int, facts *graphFacts) error {
	if depth > maxDepth {
		return bad("graphs are nested more than %d deep", maxDepth)
	}
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 1:
			err = in.node(f.bytes, u, depth, facts)
		case 5:
			err = in.tensor(f.bytes, "an initializer", facts)
		case 15:
			err = in.sparse(f.bytes, "an initializer", facts)
		case 11, 12:
			if facts != nil {
				err = facts.addValue(f.bytes, f.number == 11)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *inspector) node(b []byte, u *unit, depth int, facts *graphFacts) error {
	if u.nodes++; u.nodes > maxNodes {
		return bad("the model has more than %d nodes", maxNodes)
	}
	n, err := readNode(b)
	if err != nil {
		return err
	}
	callee := n.callee()
	switch {
	case in.units[callee] != nil:
		u.calls[callee]++
	case !allowedDomains[n.domain]:
		return bad("%s: operator %q is of domain %q, which needs a custom-operator library, and Larder loads none. "+
			"Export the model with operators of ai.onnx, ai.onnx.ml or com.microsoft", n, n.op, n.domain)
	}
	if err := n.checkTrees(); err != nil {
		return err
	}
	in.mixing = in.mixing || mixesRows[n.op]
	in.ops[strings.TrimPrefix(n.domain+":"+printable(n.op), ":")] = true
	if n.op == "StringNormalizer" {
		in.locales[n.locale()] = true
	}
	for _, attr := range n.attrs {
		if err := in.attribute(attr, &n, u, depth); err != nil {
			return err
		}
	}
	if facts != nil {
		facts.nodes = append(facts.nodes, n)
	}
	return nil
}

func (in *inspector) attribute(b []byte, n *node, u *unit, depth int) error {
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 5, 10:
			err = in.tensor(f.bytes, n.String(), nil)
		case 6, 11:
			in.nested = true
			if u.nested++; u.nested > maxNested {
				return tooNested(n.String() + " and others")
			}
			err = in.graph(f.bytes, u, depth+1, nil)
		case 22, 23:
			err = in.sparse(f.bytes, n.String(), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkExpansion refuses functions that call themselves, and those that would expand
// to a great many nodes: ten functions that each call the next ten times make ten
// thousand million.
func (in *inspector) checkExpansion(u *unit) error {
	const visiting, done = 1, 2
	u.state, u.total, u.allNested = visiting, u.nodes, u.nested
	for _, name := range slices.Sorted(maps.Keys(u.calls)) {
		callee := in.units[name]
		if callee.state == visiting {
			return bad("function %q calls itself", name)
		}
		if callee.state != done {
			if err := in.checkExpansion(callee); err != nil {
				return err
			}
		}
		if u.total += u.calls[name] * callee.total; u.total > maxNodes {
			return bad("the model has more than %d nodes when its functions are expanded", maxNodes)
		}
		if u.allNested += u.calls[name] * callee.allNested; u.allNested > maxNested {
			return tooNested("functions that are called again and again")
		}
	}
	u.state = done
	return nil
}

// tooNested refuses graphs inside of nodes that are too many: each takes ONNX Runtime as
// much time and memory to load as a small model, and a file of a few KiB can have thousands.
func tooNested(where string) error {
	return bad("the model has more than %d branches and loop bodies, in %s; an If has two, each with its own Ifs, so 9 nested ones make %d. "+
		"Use Where, which chooses by row, instead of If", maxNested, where, 1<<10-2)
}

// A node is one operator of a graph. Its parts alias the file.
type node struct {
	op, domain, name, overload string
	in, out                    []string
	attrs                      [][]byte
}

func readNode(b []byte) (node, error) {
	var n node
	for f, err := range fields(b) {
		if err != nil {
			return n, noProtobuf(err)
		}
		if len(n.in) >= maxEdges || len(n.out) >= maxEdges || len(n.attrs) >= maxEdges {
			return n, bad("%s has more than %d inputs, outputs or attributes", n, maxEdges)
		}
		switch f.number {
		case 1, 2, 3, 4, 7, 8:
			if len(f.bytes) > maxName {
				return n, bad("%s has a name longer than %d bytes", n, maxName)
			}
		}
		switch f.number {
		case 1:
			n.in = append(n.in, string(f.bytes))
		case 2:
			n.out = append(n.out, string(f.bytes))
		case 3:
			n.name = string(f.bytes)
		case 4:
			n.op = string(f.bytes)
		case 5:
			n.attrs = append(n.attrs, f.bytes)
		case 7:
			n.domain = string(f.bytes)
		case 8:
			n.overload = string(f.bytes)
		}
	}
	return n, nil
}

// callee is the name of the function that the node calls, if there is one.
func (n *node) callee() string {
	name := n.domain + ":" + n.op
	if n.overload != "" {
		name += ":" + n.overload
	}
	return name
}

// String names the node in errors: by its name, or else by its first output.
func (n node) String() string {
	switch {
	case n.name != "":
		return fmt.Sprintf("node %q", printable(n.name))
	case len(n.out) > 0:
		return fmt.Sprintf("the node that makes %q", printable(n.out[0]))
	}
	return "a node"
}

// printable shortens a name from a file for a message.
func printable(name string) string {
	const most = 80
	if len(name) > most {
		name = name[:most] + "..."
	}
	return strings.ToValidUTF8(name, string(utf8.RuneError))
}
