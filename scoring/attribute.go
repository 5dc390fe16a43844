package scoring

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// An attribute is the value of an attribute of a node: one of these.
type attribute struct {
	integer int64
	text    string
	tensor  []byte // the last of tensors that it has
	tensors int
	floats  []float32
	ints    []int64
	texts   []string
	refers  bool // it takes the value of an attribute of the function that it is in
}

// attributes returns the attributes of a node, by name. The node must have passed
// Inspect.
func (n *node) attributes() (map[string]attribute, error) {
	all := make(map[string]attribute, len(n.attrs))
	for _, b := range n.attrs {
		name, err := attrName(b)
		if err != nil {
			return nil, err
		}
		if _, twice := all[name]; twice {
			return nil, bad("%s has two attributes %q", n, printable(name))
		}
		if all[name], err = readAttribute(b); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readAttribute reads an AttributeProto of onnx.proto.
func readAttribute(b []byte) (a attribute, err error) {
	for f, err := range fields(b) {
		if err != nil {
			return a, noProtobuf(err)
		}
		switch f.number {
		case 3:
			a.integer = int64(f.varint)
		case 4:
			a.text = string(f.bytes)
		case 5:
			a.tensor = f.bytes
			a.tensors++
		case 7:
			a.floats = f.appendFloats(a.floats)
		case 8:
			a.ints = slices.Grow(a.ints, f.varints())
			for v, err := range f.ints() {
				if err != nil {
					return a, noProtobuf(err)
				}
				a.ints = append(a.ints, v)
			}
		case 9:
			a.texts = append(a.texts, shared(f.bytes))
		case 21:
			a.refers = true
		}
	}
	return a, nil
}

// appendFloats appends the values of one field of repeated floats, packed or not.
func (f field) appendFloats(to []float32) []float32 {
	if f.kind == protowire.Fixed32Type {
		return append(to, math.Float32frombits(uint32(f.varint)))
	}
	b := f.bytes
	for len(b) > 0 {
		v, n := protowire.ConsumeFixed32(b)
		if n < 0 {
			break // the remaining bytes are not a whole value
		}
		to, b = append(to, math.Float32frombits(v)), b[n:]
	}
	return to
}

// shared returns a text. The nodes of a tree have the same few, so those take no memory of
// their own.
func shared(b []byte) string {
	switch string(b) {
	case "LEAF":
		return "LEAF"
	case "BRANCH_LEQ":
		return "BRANCH_LEQ"
	case "BRANCH_LT":
		return "BRANCH_LT"
	}
	return string(b)
}
