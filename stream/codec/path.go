package codec

import (
	"errors"
	"fmt"
	"strings"
)

// A node is one key on the paths of fields. It is an object, or the value of fields.
type node struct {
	key      string
	children []*node
	byKey    map[string]*node
	fields   []int // of the row; none: an object
	seen     uint64
}

const (
	maxPathKeys  = 32
	maxPathBytes = 1000
)

// splitPath returns the keys of a path: a.b\.c are the keys "a" and "b.c".
func splitPath(path string) ([]string, error) {
	if len(path) > maxPathBytes {
		return nil, fmt.Errorf("the path has %d bytes; write at most %d", len(path), maxPathBytes)
	}
	var keys []string
	var key strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '.':
			keys = append(keys, key.String())
			key.Reset()
		case c == '\\' && (i+1 == len(path) || path[i+1] != '.' && path[i+1] != '\\'):
			return nil, fmt.Errorf(`path %q: a backslash stands before a dot or a backslash only`, path)
		case c == '\\':
			i++
			key.WriteByte(path[i])
		default:
			key.WriteByte(c)
		}
	}
	keys = append(keys, key.String())
	if len(keys) > maxPathKeys {
		return nil, fmt.Errorf("the path has %d keys; write at most %d", len(keys), maxPathKeys)
	}
	for _, k := range keys {
		if k == "" {
			return nil, fmt.Errorf(`path %q has an empty key; write a.b, or a\.b for a key with a dot`, path)
		}
	}
	return keys, nil
}

// newTree returns the root of the paths of fields.
func newTree(fields []field) (*node, error) {
	root := &node{}
	var faults []error
	for i := range fields {
		if err := root.add(i, fields[i].path); err != nil {
			faults = append(faults, fmt.Errorf("field %q: %w", fields[i].name, err))
		}
	}
	return root, errors.Join(faults...)
}

func (n *node) add(field int, path []string) error {
	for at, key := range path {
		if len(n.fields) > 0 {
			return fmt.Errorf("%q is the value of another field, so it can't hold %q", n.key, key)
		}
		child := n.byKey[key]
		if child == nil {
			child = &node{key: key}
			n.children = append(n.children, child)
			if n.byKey == nil {
				n.byKey = map[string]*node{}
			}
			n.byKey[key] = child
		}
		if at == len(path)-1 && len(child.children) > 0 {
			return fmt.Errorf("%q is an object that holds other fields, so it can't be a value", key)
		}
		n = child
	}
	n.fields = append(n.fields, field)
	return nil
}

// child returns the child of a key; nil when no field is there. hint is where the key is
// likely: the index after that of the key before.
func (n *node) child(key []byte, hint int) (*node, int) {
	if hint < len(n.children) && n.children[hint].key == string(key) {
		return n.children[hint], hint + 1
	}
	c := n.byKey[string(key)]
	if c == nil {
		return nil, hint
	}
	for i := range n.children {
		if n.children[i] == c {
			return c, i + 1
		}
	}
	return c, hint
}
