package definitions_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"larder/schema/definitions"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(definitions.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("larder.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("larder.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valueOf reads YAML as an editor does, without knowing the definitions.
func valueOf(t *testing.T, text string) (any, bool) {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return nil, false
	}
	raw, err := yaml.MarshalWithOptions(v, yaml.JSON())
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	return value, err == nil
}

// TestEditorsTakeWhatIsRead: the JSON Schema accepts what Parse accepts.
func TestEditorsTakeWhatIsRead(t *testing.T) {
	s := compiled(t)
	read := []string{strings.Replace(good, ".nan", "0.5", 1), loaded} // JSON has no NaN
	example, err := os.ReadFile("../../examples/fraud/definitions/fraud.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(read, string(example), expected) {
		value, ok := valueOf(t, text)
		if !ok {
			t.Fatalf("no value:\n%s", text)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestEditorsSeeWhatIsRefused: the JSON Schema refuses faults that don't depend on other
// values, such as unknown keys, types and forms. It can't check references.
func TestEditorsSeeWhatIsRefused(t *testing.T) {
	s := compiled(t)
	seen := []string{
		"has no key", "no type \"", "must be a string; got", "must be a list, as in", "must be a mapping", "is not a duration", "the duration is empty", "on_bad_row must", "on_missing must",
		"without a name", "name \"9lives\"", "max_bad_share must be a share", "on_failure must", "max_null_share must be", "max_change must be", "column must be", "sha256 must be 64 hex", "must be a whole number",
	}
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split(string(golden), caseEnd) {
			text, said, _ := strings.Cut(c, saidBegin)
			for _, fault := range seen {
				value, ok := valueOf(t, text)
				if !ok || !strings.Contains(said, fault) {
					continue
				}
				checked++
				if s.Validate(value) == nil {
					t.Errorf("an editor does not see %q in:\n%s", strings.TrimSpace(said), text)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d faults were checked; the list of messages is out of date", checked)
	}
}

// TestEveryKeyIsDescribed: the JSON Schema has a sentence for each key.
func TestEveryKeyIsDescribed(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(definitions.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	var visit func(path string, v any)
	visit = func(path string, v any) {
		object, _ := v.(map[string]any)
		if items, found := object["items"]; found {
			visit(path, items)
		}
		properties, _ := object["properties"].(map[string]any)
		for key, p := range properties {
			if text, _ := p.(map[string]any)["description"].(string); !strings.HasSuffix(text, ".") {
				t.Errorf("%s.%s has the description %q", path, key, text)
			}
			visit(path+"."+key, p)
		}
	}
	visit("", doc)
}
