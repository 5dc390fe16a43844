package definitions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"larder/schema"
)

// written are the keys of definitions, each in a file of its own, in this order.
var written = []string{"entities", "sources", "feature_views", "on_demand_views", "feature_services", "models"}

// Write returns YAML files that define the same as defs, one for each kind of
// definition that there is. A model version has no path, because the registry has its
// file under its SHA-256.
func Write(defs *schema.Definitions) ([]File, error) {
	raw, err := json.Marshal(withoutPaths(defs))
	if err != nil {
		return nil, err
	}
	var lists map[string]json.RawMessage
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, err
	}
	var out []File
	for _, key := range written {
		if lists[key] == nil {
			continue
		}
		data, err := WriteOne(map[string]json.RawMessage{key: lists[key]})
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", key, err)
		}
		out = append(out, File{Name: key + ".yaml", Data: data})
	}
	return out, nil
}

// WriteOne returns one definition as YAML, with its keys in the order of its JSON.
func WriteOne(definition any) ([]byte, error) {
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	node, err := nextNode(decoder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func withoutPaths(defs *schema.Definitions) *schema.Definitions {
	out := *defs
	out.Models = make([]schema.Model, len(defs.Models))
	for i, m := range defs.Models {
		versions := make([]schema.ModelVersion, len(m.Versions))
		for j, v := range m.Versions {
			v.ONNX = ""
			versions[j] = v
		}
		m.Versions = versions
		out.Models[i] = m
	}
	return &out
}

// nextNode returns the next value of a JSON document as YAML.
func nextNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{Kind: yaml.ScalarNode}
	switch t := token.(type) {
	case json.Delim:
		node.Kind = yaml.MappingNode
		if t == '[' {
			node.Kind = yaml.SequenceNode
		}
		for d.More() {
			child, err := nextNode(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err = d.Token() // the closing bracket
	case string:
		node.SetString(t)
		node.Style = styleOf(t)
	case json.Number:
		node.Value = t.String()
	default:
		node.Value = fmt.Sprint(t) // a bool
		if t == nil {
			node.Value = "null"
		}
	}
	return node, err
}

// ordinary matches text that all readers of YAML read alike without quotes, unless it
// is a number, a time or a word with a meaning; then the encoder quotes it.
var ordinary = regexp.MustCompile(`^[\pL\pN_/(][\pL\pN_/()., :*+=<>%'"$-]*$`)

// oldWord matches the words that YAML 1.1 takes for a boolean.
var oldWord = regexp.MustCompile(`^(?i:y|yes|n|no|on|off)$`)

// lines matches text that all readers read alike as a literal block.
var lines = regexp.MustCompile(`^[^\s](?:[^\pC\s]| *[^\pC\s]|\n+ *[^\pC\s])*\n?$`)

// styleOf returns the style in which a text is read back as it is.
func styleOf(text string) yaml.Style {
	switch {
	case strings.Contains(text, "\n") && lines.MatchString(text):
		return yaml.LiteralStyle
	case oldWord.MatchString(text):
	case ordinary.MatchString(text) && !strings.HasSuffix(text, " ") && !strings.Contains(text, ": ") && !strings.HasSuffix(text, ":"):
		return 0
	}
	return yaml.DoubleQuotedStyle
}
