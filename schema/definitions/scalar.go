package definitions

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"larder/schema"
)

// exampleName is the name in the examples of messages.
const exampleName = "customer"

// text reads a value that is written as a string, such as a type or a duration.
func (w *walker) text(node ast.Node, path string, into encoding.TextUnmarshaler) {
	s, ok := textOf(node)
	if n, isInt := node.(*ast.IntegerNode); isInt {
		s, ok = n.Token.Value, true // ttl: 0
	}
	if !ok {
		w.fault(node, path, "%s must be a string; got %s", last(path), describe(node))
		return
	}
	if err := into.UnmarshalText([]byte(s)); err != nil {
		w.fault(node, path, "%s: %v", last(path), err)
	}
}

func (w *walker) integer(node ast.Node, path string, v reflect.Value) {
	if n, ok := node.(*ast.IntegerNode); ok {
		if i, ok := integerOf(n); ok {
			v.SetInt(i)
			return
		}
	}
	w.fault(node, path, "%s must be a whole number, as in 3; got %s", last(path), describe(node))
}

func (w *walker) float(node ast.Node, path string, v reflect.Value) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		if i, ok := integerOf(n); ok {
			v.SetFloat(float64(i))
			return
		}
	case *ast.FloatNode:
		v.SetFloat(n.Value)
		return
	}
	w.fault(node, path, "%s must be a number, as in 0.5; got %s", last(path), describe(node))
}

// fallback reads a feature's default, which must have the feature's type.
func (w *walker) fallback(node ast.Node, path, name string, t schema.Type) any {
	if !t.Valid() {
		return nil // reported elsewhere
	}
	raw, err := jsonOf(node, t)
	if err == nil {
		var v any
		if v, err = schema.ParseValue(t, raw); err == nil {
			return v
		}
	}
	w.fault(node, path, "default of %[2]s feature %[1]q: %[3]v", name, t, err)
	return nil
}

// literal reads a value whose type another part of the definitions decides.
func (w *walker) literal(node ast.Node, path string, into *schema.Literal) {
	raw, err := jsonOf(node, schema.String)
	if err != nil {
		w.fault(node, path, "%s: %v", last(path), err)
		return
	}
	*into = schema.Literal(raw)
}

// jsonOf returns a default as JSON, in the form that schema.ParseValue reads.
func jsonOf(node ast.Node, t schema.Type) (json.RawMessage, error) {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return json.RawMessage("null"), nil
	case *ast.BoolNode:
		return strconv.AppendBool(nil, n.Value), nil
	case *ast.IntegerNode:
		if i, ok := n.Value.(uint64); ok {
			return strconv.AppendUint(nil, i, 10), nil
		}
		if i, ok := n.Value.(int64); ok {
			return strconv.AppendInt(nil, i, 10), nil
		}
		return nil, fmt.Errorf("%s is too large for any integer type; use a smaller number", n.Token.Value)
	case *ast.FloatNode:
		if t.Elem().IsInteger() {
			return nil, fmt.Errorf("%s is not a valid %s value; write a whole number", n.Token.Value, t.Elem())
		}
		return schema.AppendValue(nil, n.Value), nil
	case *ast.InfinityNode:
		return schema.AppendValue(nil, n.Value), nil
	case *ast.NanNode:
		return schema.AppendValue(nil, math.NaN()), nil
	case *ast.SequenceNode:
		return jsonOfList(n, t)
	}
	s, ok := textOf(node)
	if !ok {
		return nil, fmt.Errorf("a default must be a single value or a list; got %s", describe(node))
	}
	// JSON may need quotes around an int64; YAML doesn't. The special floats
	// may have their JSON names here too, because exported definitions use them.
	if e := t.Elem(); e.IsInteger() || e.IsFloat() && !slices.Contains([]string{"NaN", "Infinity", "-Infinity"}, s) {
		if plain, _ := node.(*ast.StringNode); plain != nil && plain.Token.Type == token.StringType {
			return nil, fmt.Errorf("%s is not a valid %s value; write a number", clip(s, maxQuoted), e)
		}
		return nil, fmt.Errorf("%s is not a valid %s value; write a number without quotes", describe(node), e)
	}
	return json.Marshal(s)
}

func jsonOfList(n *ast.SequenceNode, t schema.Type) (json.RawMessage, error) {
	items := make([]json.RawMessage, len(n.Values))
	for i, v := range n.Values {
		raw, err := jsonOf(v, t.Elem())
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
		items[i] = raw
	}
	return json.Marshal(items)
}

func integerOf(n *ast.IntegerNode) (int64, bool) {
	switch v := n.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	}
	return 0, false
}

func textOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null || node == nil
}

// describe names the kind of a node, for messages.
func describe(node ast.Node) string {
	if s, ok := textOf(node); ok {
		return fmt.Sprintf("the string %q", clip(s, maxQuoted))
	}
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + clip(n.GetToken().Value, maxQuoted)
	}
	return clip(node.GetToken().Value, maxQuoted)
}

// quoteRemedy completes a message about a number or boolean in place of a string, or about
// a text with a colon, as in [view:feature], which is a mapping without quotes.
func quoteRemedy(node ast.Node) string {
	switch node.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return fmt.Sprintf("; quote it: %q", clip(node.GetToken().Value, maxQuoted))
	}
	if entries, ok := entriesOf(node); ok && len(entries) == 1 {
		if value, ok := textOf(entries[0].Value); ok {
			return fmt.Sprintf("; quote it: %q", clip(keyOf(entries[0])+":"+value, maxQuoted))
		}
	}
	return ""
}

// maxQuoted is the most characters of a value that a message quotes.
const maxQuoted = 60

func clip(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}
