package definitions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"larder/schema"
)

// written are the keys of definitions, each in a file of its own, in this order.
var written = []string{"entities", "sources", "streams", "feature_views", "aggregate_views", "on_demand_views", "feature_services", "models", "roles", "bindings"}

// projectFile is the file that names the project of a folder.
const projectFile = "project.yaml"

// A Comment is text for a reader of written definitions.
type Comment struct {
	Key   string   // whose file it is in, such as feature_views
	Name  string   // of the definition that it stands before; empty: it stands at the end
	Part  string   // of the feature or join key in it that it stands before instead; empty: none
	Lines []string // any text
}

// Write returns YAML files that define the same as defs, one for each kind of
// definition or comment that there is; of a kind that is too large for one file, several,
// as in feature_views_2.yaml. A model version has no path, because the registry
// has its file under its SHA-256.
func Write(defs *schema.Definitions, comments ...Comment) ([]File, error) {
	raw, err := json.Marshal(withoutPaths(defs))
	if err != nil {
		return nil, err
	}
	var lists map[string]json.RawMessage // and the project
	if err := json.Unmarshal(raw, &lists); err != nil {
		return nil, err
	}
	var out []File
	if defs.Project != "" {
		out = append(out, File{Name: projectFile, Data: []byte("project: " + defs.Project + "\n")})
	}
	for _, key := range written {
		mine := slices.DeleteFunc(slices.Clone(comments), func(c Comment) bool { return c.Key != key })
		if lists[key] == nil && len(mine) == 0 {
			continue
		}
		parts, err := writeParts(key, lists[key], mine)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", key, err)
		}
		for i, data := range parts {
			name := key + ".yaml"
			if i > 0 {
				name = fmt.Sprintf("%s_%d.yaml", key, i+1)
			}
			out = append(out, File{Name: name, Data: data})
		}
	}
	return out, nil
}

// writeParts writes the definitions of one kind, half by half if they are too large for one
// file.
func writeParts(key string, list json.RawMessage, comments []Comment) ([][]byte, error) {
	data, err := writeKind(key, list, comments)
	if err != nil || len(data) <= MaxFileBytes {
		return [][]byte{data}, err
	}
	var items []json.RawMessage
	if list != nil {
		if err := json.Unmarshal(list, &items); err != nil {
			return nil, err
		}
	}
	var before, atEnd []Comment
	for _, c := range comments {
		if c.Name == "" {
			atEnd = append(atEnd, c)
		} else {
			before = append(before, c)
		}
	}
	if len(items) < 2 && len(atEnd) < 2 {
		return [][]byte{data}, nil
	}
	var out [][]byte
	for n := range 2 {
		list, err := json.Marshal(half(items, n))
		if err != nil {
			return nil, err
		}
		if len(half(items, n)) == 0 {
			list = nil
		}
		parts, err := writeParts(key, list, slices.Concat(before, half(atEnd, n)))
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

// half returns the first or the second half of a list.
func half[T any](all []T, n int) []T { return all[n*len(all)/2 : (n+1)*len(all)/2] }

// writeKind returns the file of one kind of definitions; list may be nil.
func writeKind(key string, list json.RawMessage, comments []Comment) ([]byte, error) {
	var data []byte
	if list != nil {
		node, err := toNode(map[string]json.RawMessage{key: list})
		if err != nil {
			return nil, err
		}
		before(node, comments)
		if data, err = encode(node); err != nil {
			return nil, err
		}
	}
	for _, c := range comments {
		if c.Name != "" {
			continue
		}
		if len(data) > 0 {
			data = append(data, '\n')
		}
		data = append(data, comment(c.Lines)+"\n"...)
	}
	return data, nil
}

// before puts comments before the definitions that they name, or before parts of them.
func before(node *yaml.Node, comments []Comment) {
	named := map[string][]Comment{}
	for _, c := range comments {
		if c.Name != "" {
			named[c.Name] = append(named[c.Name], c)
		}
	}
	for _, definition := range node.Content[1].Content {
		for _, c := range named[nameOf(definition)] {
			at := definition
			if c.Part != "" {
				at = partOf(definition, c.Part)
			}
			if at != nil {
				at.HeadComment = strings.TrimPrefix(at.HeadComment+"\n"+comment(c.Lines), "\n")
			}
		}
	}
}

// nameOf returns the name of a mapping that begins with one.
func nameOf(node *yaml.Node) string {
	if node.Kind != yaml.MappingNode || len(node.Content) < 2 || node.Content[0].Value != "name" {
		return ""
	}
	return node.Content[1].Value
}

// partOf returns the feature or join key of a name; nil when there is none.
func partOf(definition *yaml.Node, name string) *yaml.Node {
	for _, list := range definition.Content {
		if list.Kind != yaml.SequenceNode {
			continue
		}
		for _, part := range list.Content {
			if nameOf(part) == name {
				return part
			}
		}
	}
	return nil
}

// breaks are the characters that end a line for some reader of YAML.
var breaks = regexp.MustCompile("\r\n|[\n\r\v\f\u0085\u2028\u2029]")

// comment returns text as a comment, whatever is in it.
func comment(text []string) string {
	var b strings.Builder
	for _, line := range text {
		for _, part := range breaks.Split(line, -1) {
			part = strings.Map(func(r rune) rune {
				if r != '\t' && !unicode.IsPrint(r) {
					return unicode.ReplacementChar
				}
				return r
			}, part)
			b.WriteString(strings.TrimRight("\n# "+part, " \t"))
		}
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// WriteOne returns one definition as YAML, with its keys in the order of its JSON.
func WriteOne(definition any) ([]byte, error) {
	node, err := toNode(definition)
	if err != nil {
		return nil, err
	}
	return encode(node)
}

func toNode(definition any) (*yaml.Node, error) {
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return nextNode(decoder)
}

func encode(node *yaml.Node) ([]byte, error) {
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
