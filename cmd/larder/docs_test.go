package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"larder/internal/layers"
)

// docs returns a page of docs/.
func docs(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEverySettingIsInOperations(t *testing.T) {
	page, defaults := docs(t, "operations.md"), reflect.ValueOf(defaultSettings())
	known := map[string]bool{}
	for i := range defaults.NumField() {
		name := defaults.Type().Field(i).Tag.Get("flag")
		key := strings.ReplaceAll(name, "-", "_")
		row := fmt.Sprintf("| `--%s` | `LARDER_%s` | `%s` |", name, strings.ToUpper(key), key)
		if value := fmt.Sprint(defaults.Field(i).Interface()); value != "" {
			row += " `" + value + "`"
		}
		if row += " |"; !strings.Contains(page, row) {
			t.Errorf("docs/operations.md has no row %s of a setting", row)
		}
		known[key] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `--[a-z-]+` \\| `LARDER_[A-Z_]+` \\| `([a-z_]+)` \\|").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/operations.md has a setting %q that is none", row[1])
		}
	}
}

func TestEveryPackageIsInArchitecture(t *testing.T) {
	page := docs(t, "architecture.md")
	known := map[string]bool{}
	for folder, p := range layers.House.Packages {
		row := fmt.Sprintf("| %d | `%s/` |", p.Floor, folder)
		if !strings.Contains(page, row) {
			t.Errorf("docs/architecture.md has no row %s of a package", row)
		}
		known[folder] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| \\d+ \\| `([a-z0-9/]+)/` \\|").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/architecture.md has a package %q that is none", row[1])
		}
	}
}
