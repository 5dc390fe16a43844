package definitions_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"larder/schema"
	"larder/schema/definitions"
)

func reference(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestReferenceCanBeApplied: the examples of docs/definitions.md together are a folder
// without a fault.
func TestReferenceCanBeApplied(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(reference(t), -1)
	for i, b := range blocks {
		write(fmt.Sprintf("%d.yaml", i), b[1])
		for _, file := range regexp.MustCompile(`models/[a-z0-9-]+\.onnx`).FindAllString(b[1], -1) {
			write(file, file)
		}
	}
	defs, err := definitions.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	shown := reflect.ValueOf(*defs)
	for i := range shown.NumField() {
		if name := shown.Type().Field(i).Name; shown.Field(i).Len() == 0 && name != "Project" { // the examples are one folder, without a project
			t.Errorf("docs/definitions.md has no example of %s", name)
		}
	}
}

// TestReferenceIsComplete: docs/definitions.md has every key and every type.
func TestReferenceIsComplete(t *testing.T) {
	page := reference(t)
	seen := map[reflect.Type]bool{}
	var visit func(t reflect.Type) []string
	visit = func(t reflect.Type) (keys []string) {
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return nil
		}
		seen[t] = true
		for i := range t.NumField() {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if key == "-" {
				continue
			}
			keys = append(keys, key)
			keys = append(keys, visit(t.Field(i).Type)...)
		}
		return keys
	}
	for _, key := range visit(reflect.TypeFor[schema.Definitions]()) {
		if !strings.Contains(page, "`"+key+"`") && !strings.Contains(page, "\n## "+key+"\n") {
			t.Errorf("docs/definitions.md has nothing on the key %q", key)
		}
	}
	for _, name := range schema.TypeNames() {
		if !strings.Contains(page, "`"+name+"`") && !strings.HasPrefix(name, "list<") {
			t.Errorf("docs/definitions.md has nothing on the type %q", name)
		}
	}
}
