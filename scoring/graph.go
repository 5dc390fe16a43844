package scoring

import (
	"fmt"

	"larder/schema"
)

// graphFacts is what the walk learns about the main graph.
type graphFacts struct {
	inputs, outputs []Value
	initializers    map[string][]byte // TensorProtos by name
	repeated        string            // a name that two initializers have
	nodes           []node
}

// addValue adds a ValueInfoProto.
func (g *graphFacts) addValue(b []byte, isInput bool) error {
	v, err := readValue(b)
	if err != nil {
		return err
	}
	list, what := &g.outputs, "outputs"
	if isInput {
		list, what = &g.inputs, "inputs"
	}
	if *list = append(*list, v); len(*list) > maxEdges {
		return bad("the model has more than %d %s", maxEdges, what)
	}
	return nil
}

// signature returns the signature that follows from the facts.
func (g *graphFacts) signature() (*Signature, error) {
	s := &Signature{Outputs: g.outputs, classes: map[string]classes{}, widths: map[string]int{}}
	seen := map[string]bool{}
	for _, v := range g.inputs {
		if _, constant := g.initializers[v.Name]; constant {
			continue // an input with a default value need not be fed
		}
		if seen[v.Name] {
			return nil, bad("two inputs are named %q", printable(v.Name))
		}
		seen[v.Name] = true
		s.Inputs = append(s.Inputs, v)
	}
	if len(s.Inputs) == 0 {
		return nil, bad("the model has no input")
	}
	if len(s.Outputs) == 0 {
		return nil, bad("the model has no output")
	}
	makers := map[string]*node{}
	for i := range g.nodes {
		for _, out := range g.nodes[i].out {
			makers[out] = &g.nodes[i]
		}
	}
	for _, v := range s.Outputs {
		c, err := findClasses(makers, v.Name)
		if err != nil {
			return nil, err
		}
		if c != nil {
			s.classes[v.Name] = *c
		}
	}
	return s, g.findWidths(makers, s.widths)
}

// keepsColumns lists operators of one main input whose output has the same
// columns, with the same meaning.
var keepsColumns = map[string]bool{"Identity": true, "Cast": true, "Scaler": true, "Imputer": true, "Normalizer": true}

// trace follows a tensor backwards through operators that keep its columns.
func trace(makers map[string]*node, name string) (origin string, maker *node) {
	for range maxDepth { // bounded, because nodes may form a loop
		maker = makers[name]
		if maker == nil || !keepsColumns[maker.op] || len(maker.in) == 0 {
			return name, maker
		}
		name = maker.in[0]
	}
	return name, makers[name]
}

// findClasses finds the classes that the columns of an output stand for.
func findClasses(makers map[string]*node, output string) (*classes, error) {
	name, maker := trace(makers, output)
	if maker == nil || maker.domain != "ai.onnx.ml" {
		return nil, nil
	}
	switch maker.op {
	case "ZipMap":
		if len(maker.in) == 0 || name != output {
			return nil, nil
		}
		labels, err := maker.labels()
		return &classes{labels: labels, source: maker.in[0]}, err
	case "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier":
		if len(maker.out) != 2 || maker.out[1] != name {
			return nil, nil
		}
		labels, err := maker.labels()
		return &classes{labels: labels}, err
	}
	return nil, nil
}

// labels returns the class labels that a classifier or a ZipMap declares.
func (n *node) labels() ([]string, error) {
	var labels []string
	for _, attr := range n.attrs {
		name, err := attrName(attr)
		if err != nil {
			return nil, err
		}
		switch name {
		case "classlabels_int64s", "classlabels_ints", "classlabels_strings":
		default:
			continue
		}
		for f, err := range fields(attr) {
			if err != nil {
				return nil, noProtobuf(err)
			}
			switch f.number {
			case 8:
				for v, err := range f.ints() {
					if err != nil {
						return nil, noProtobuf(err)
					}
					labels = append(labels, fmt.Sprint(v))
				}
			case 9:
				labels = append(labels, printable(string(f.bytes)))
			}
			if len(labels) > schema.MaxFeatures {
				return nil, bad("%s has more than %d classes", n, schema.MaxFeatures)
			}
		}
	}
	return labels, nil
}

// findWidths finds how many columns trees read. ONNX Runtime doesn't check that a tree
// stays within its input: it would read the memory behind it.
func (g *graphFacts) findWidths(makers map[string]*node, widths map[string]int) error {
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.domain != "ai.onnx.ml" || len(n.in) == 0 {
			continue
		}
		if !treeOperators[n.op] {
			continue
		}
		last, err := n.lastFeature()
		if err != nil {
			return err
		}
		origin, _ := trace(makers, n.in[0])
		widths[origin] = max(widths[origin], int(last)+1)
	}
	return nil
}

// lastFeature returns the largest column that an ensemble of trees reads.
func (n *node) lastFeature() (last int64, err error) {
	for _, attr := range n.attrs {
		name, err := attrName(attr)
		if err != nil {
			return 0, err
		}
		if name != "nodes_featureids" {
			continue
		}
		for f, err := range fields(attr) {
			if err != nil {
				return 0, noProtobuf(err)
			}
			if f.number != 8 {
				continue
			}
			for v, err := range f.ints() {
				if err != nil {
					return 0, noProtobuf(err)
				}
				if v < 0 || v > maxColumn {
					return 0, bad("%s reads column %d of its input", n, v)
				}
				last = max(last, v)
			}
		}
	}
	return last, nil
}

// maxColumn is beyond every tensor that a file of this size could train on.
const maxColumn = 1 << 30

func attrName(attr []byte) (string, error) {
	name := ""
	for f, err := range fields(attr) {
		if err != nil {
			return "", noProtobuf(err)
		}
		if f.number == 1 {
			name = string(f.bytes)
		}
	}
	return name, nil
}
